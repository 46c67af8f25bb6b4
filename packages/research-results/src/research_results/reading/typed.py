"""Values of parameters as people type them in a shell."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from research_domain import same


@dataclass(frozen=True, slots=True, repr=False)
class Typed:
    """A value of a parameter as typed on the command line: one of these texts.

    A value is meant by its alias, which tables show, and by JSON or a literal of Python that is the same.

    Examples
    --------
    >>> typed = Typed(('.1', 'None', 'relu'))
    >>> [typed.means(value, alias) for value, alias in [(0.1, '0.1'), (None, 'None'), (max, 'relu')]]
    [True, True, True]
    """

    texts: tuple[str, ...]

    def means(self, value: Any, alias: str | None) -> bool:
        """Tell whether a value, which has an alias if it is no part of another one, is meant."""
        return alias in self.texts or any(same(value, each) for text in self.texts for each in _read(text))

    def __repr__(self) -> str:
        return " or ".join(self.texts)


def _read(text: str) -> list[Any]:
    """Return the values that a text may stand for."""
    readers: tuple[Callable[[str], Any], ...] = (json.loads, ast.literal_eval)
    values: list[Any] = [text]
    for read in readers:
        try:
            values.append(read(text))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return values
