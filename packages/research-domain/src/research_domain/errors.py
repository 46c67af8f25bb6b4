"""Errors of the domain: each carries its data as attributes and survives pickling."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from research_domain.data_error import DataError

__all__ = [
    "AliasError",
    "ChoiceError",
    "ConfigKeyError",
    "DomainError",
    "DomainIndexError",
    "DomainWarning",
    "InfeasibleError",
    "InfiniteDomainError",
    "ParameterError",
    "PredicateError",
    "SamplerError",
    "SeedError",
    "SpecError",
    "UpdateError",
    "WeightError",
    "WhenError",
    "ZipError",
]


def close_matches(name: str, known: tuple[str, ...]) -> str:
    """Return a hint with the names that `name` may have meant."""
    import difflib

    matches = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if matches:
        return "did you mean " + " or ".join(repr(match) for match in matches) + "?"
    return "known keys: " + (", ".join(repr(key) for key in known[:20]) or "none")


def hint(name: str, known: Iterable[str], most: int = 2) -> str:
    """Return `` (did you mean ...?)`` with the closest of the known names, or nothing."""
    import difflib

    matches = difflib.get_close_matches(name, list(known), n=most)
    return f" (did you mean {' or '.join(map(repr, matches))}?)" if matches else ""


class DomainError(DataError):
    """Base of all errors of this package."""


class DomainWarning(UserWarning):
    """A setting of a domain has less effect than it seems to have."""


class ConfigKeyError(DomainError, KeyError):
    """A config has no such key."""

    key: str
    """The missing key or path."""
    known: tuple[str, ...] = ()
    """The paths that exist."""

    def __str__(self) -> str:
        return f"config has no key {self.key!r} ({close_matches(str(self.key), self.known)})"


class ParameterError(DomainError, ValueError):
    """A parameter of a domain or of one of its methods has a bad value."""

    parameter: str
    """Name of the parameter."""
    problem: str
    """What was wrong, what we got and what to do about it."""

    def __str__(self) -> str:
        return f"parameter {self.parameter!r}: {self.problem}"


class AliasError(DomainError, ValueError):
    """An explicit alias is used for two different values of a parameter."""

    parameter: str
    """Name of the parameter."""
    alias: str
    """The alias."""

    def __str__(self) -> str:
        return (
            f"parameter {self.parameter!r}: two different values have the alias {self.alias!r}, which stands "
            "for its value in the id of an experiment; give each value an alias of its own"
        )


class WeightError(ParameterError):
    """A weight is not a positive finite number."""


class SeedError(ParameterError):
    """A seed cannot be turned into a seed sequence."""


class SamplerError(ParameterError):
    """A sampler was described wrongly, or cannot give what it was asked for."""


class ChoiceError(ParameterError):
    """Values of a parameter cannot be asked for, or a config or an answer is none of a domain's choices."""


class SpecError(ParameterError):
    """A domain cannot be written as, or read from, plain data."""


class UpdateError(ParameterError):
    """An update of a domain was described wrongly, raised, or returned something else than a domain."""

    def __str__(self) -> str:
        return f"update of the domain: {self.problem}"


class WhenError(DomainError, ValueError):
    """A `when` cannot be understood."""

    value: Any
    """What was given."""
    problem: str
    """What is wrong with it."""

    def __str__(self) -> str:
        return (
            f"when={self.value!r}: {self.problem}; use a positive int (every n-th iteration), "
            "'%k' or '#k' (exactly iteration k), 'last', or a list of them"
        )


class ZipError(DomainError, ValueError):
    """Two domains cannot be joined element by element with ``@``."""

    left: int | None
    """Length of the left operand, None if infinite."""
    right: int | None
    """Length of the right operand, None if infinite."""
    problem: str = "make them equally long"
    """What to do about it."""

    def __str__(self) -> str:
        left, right = ("infinite" if n is None else n for n in (self.left, self.right))
        return f"domains of lengths {left} and {right} cannot be joined by @: {self.problem}"


class InfiniteDomainError(DomainError, ValueError):
    """Something finite was asked of an infinite domain."""

    asked: str
    """What was asked for."""

    def __str__(self) -> str:
        return f"{self.asked}: the domain is infinite; cap it with set_iter_params(n_items=...)"


class DomainIndexError(DomainError, IndexError):
    """An index lies outside of a domain."""

    index: int
    """The index asked for."""
    size: int
    """The number of configs."""

    def __str__(self) -> str:
        return f"index {self.index} is out of range for a domain that produces {self.size} configs"


class PredicateError(DomainError, RuntimeError):
    """A predicate of ``where`` raised, or kept nothing for too long."""

    predicate: str
    """Name of the predicate."""
    config: str
    """The config it was asked about."""
    problem: str
    """What happened."""

    def __str__(self) -> str:
        return f"where({self.predicate}): {self.problem} for config {self.config}"


class InfeasibleError(DomainError, ValueError):
    """Answers to the questions of a domain lead to a config that a filter rejects.

    Parameters
    ----------
    predicate : str
        Name of what rejected it.
    config : str
        What was rejected.
    """

    predicate: str
    config: str

    def __str__(self) -> str:
        return f"{self.predicate} rejects {self.config}; tell the search so, and let it answer again"
