"""Errors of experiments; each keeps its data as attributes and survives pickling."""

from __future__ import annotations

from research_domain.data_error import DataError
from research_domain.errors import hint

__all__ = [
    "DependencyError",
    "ExecutorError",
    "ExperimentError",
    "ExpressionError",
    "NamespaceError",
    "PlanError",
    "ReadOnlyError",
    "RootDependencyError",
    "SaveError",
    "UnitOutputError",
    "UnknownUnitError",
    "hint",
    "shorten",
]


def shorten(text: str, limit: int = 500) -> str:
    """Return a text of bounded length: messages are read by people."""
    return text if len(text) <= limit else f"{text[: limit - 20]} ... {text[-15:]}"


class ExperimentError(DataError):
    """Base class of everything that this package raises on purpose."""


class PlanError(ExperimentError, ValueError):
    """The description of an experiment contradicts itself."""

    message: str
    """What is wrong, where, and what to do."""
    unit: str | None = None
    """Name of the unit that it is about."""

    def __str__(self) -> str:
        return self.message


class UnknownUnitError(ExperimentError, AttributeError):
    """No unit, instance or function has this name."""

    message: str
    """What was looked for, where, and the close matches."""
    name: str = ""
    """The name that was looked for."""

    def __str__(self) -> str:
        return self.message


class NamespaceError(ExperimentError, ImportError):
    """A namespace cannot be imported or is not one."""


class RootDependencyError(PlanError):
    """A root unit depends on something that differs between the branches of its task."""


class DependencyError(PlanError):
    """A unit refers to another one that cannot have run yet."""


class ExecutorError(ExperimentError, ValueError):
    """An executor was given contradicting parameters."""


class ExpressionError(ExperimentError):
    """A named expression could not be evaluated."""

    expression: str
    """The expression as it was written."""
    reason: str
    """Type and message of the error."""

    def __str__(self) -> str:
        return f"cannot evaluate {self.expression}: {self.reason}"


class UnitOutputError(ExperimentError, LookupError):
    """``O('unit')`` was asked for before the unit gave its first output."""

    unit: str
    """Name of the unit that has no output yet."""

    def __str__(self) -> str:
        return (
            f"O({self.unit!r}) has no output yet: the unit has not run before this one; "
            "add it earlier, or give this unit a `when` that starts later"
        )


class ReadOnlyError(ExperimentError, ValueError):
    """A unit wrote into a large array that it shares with other experiments."""

    unit: str
    """Name of the unit."""
    arguments: tuple[str, ...]
    """Those of its arguments, or of its instance's, that arrived read-only."""
    reason: str
    """Message of the error."""

    def __str__(self) -> str:
        names = ", ".join(map(repr, self.arguments))
        plural = "arguments" if len(self.arguments) > 1 else "argument"
        return (
            f"{self.reason}: {plural} {names} of unit {self.unit!r} arrived read-only, because experiments "
            f"share arrays of over 1 MB; change a copy, {self.arguments[0]}.copy()"
        )


class SaveError(ExperimentError, ValueError):
    """The output of a unit does not fit its ``save_to``."""

    unit: str
    """Name of the unit."""
    message: str
    """What was expected and what came."""

    def __str__(self) -> str:
        return f"unit {self.unit!r}: {self.message}"
