"""Objectives: the variables that a search is about, and which way is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from research_runner import OptionError

__all__ = ["Objective", "OfObjectives", "only_objective", "parse_objectives"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A saved variable that is to become small or large."""

    variable: str
    maximize: bool = False  # whether more is better

    @property
    def direction(self) -> str:
        """The word of Optuna for it."""
        return "maximize" if self.maximize else "minimize"


def only_objective(option: str, name: str, saved: frozenset[str] | None) -> tuple[Objective, ...]:
    """Return the one variable that is saved, for a search or rule that names none.

    Raises `OptionError` if there is more than one, or unknown.
    """
    if saved is not None and len(saved) == 1:
        return parse_objectives(*saved)
    example = min(saved) if saved else "error"
    known = f"those that are saved are: {', '.join(sorted(saved))}" if saved else "nobody knows what is saved"
    raise OptionError(option, f"say which variable counts, {name}({example!r}); {known}")


def parse_objectives(value: Any) -> tuple[Objective, ...]:
    """Read names of variables; a leading ``-`` is for those of which more is better.

    Raises `OptionError` if there is none, or one comes twice.
    """
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not names or not all(isinstance(n, str) and n for n in names):
        hint = "the name of a saved variable, or a list of them, such as 'error' or ['error', '-speed']"
        raise OptionError("objective", f"expected {hint}, got {value!r}")
    found = tuple(Objective(name.removeprefix("-"), name.startswith("-")) for name in names)
    if len({one.variable for one in found}) < len(found):
        raise OptionError("objective", f"each variable counts once, got {list(names)!r}")
    return found


class OfObjectives:
    """A value made of objectives and options, whose text is an expression that creates it."""

    objectives: tuple[Objective, ...] | None
    options: dict[str, Any]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def _is_shown(self, value: Any) -> bool:
        """Whether a parameter with this value is part of the text."""
        return True

    def __repr__(self) -> str:
        names = ["-" * one.maximize + one.variable for one in self.objectives or ()]
        given = [repr(names[0] if len(names) == 1 else names)] if names else []
        own = {
            k: v for k, v in vars(self).items() if k not in ("objectives", "options") and self._is_shown(v)
        }
        given += [f"{name}={value!r}" for name, value in (own | self.options).items()]
        return f"{type(self).__name__}({', '.join(given)})"
