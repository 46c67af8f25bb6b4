"""Tables as text, no wider than a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

_NUMBER = re.compile(r"[-+]?([\d,]*\.?\d+([eE][-+]?\d+)?|inf|nan)")
_NARROWEST = 24
"""Letters that the last column has in any case."""


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int = 80) -> str:
    """Return rows of texts as aligned columns; numbers stand to the right, and the last column is wrapped.

    Examples
    --------
    >>> print(text_table(['n', 'name'], [['1', 'a'], ['20', 'b']]))
     n  name
     1  a
    20  b
    """
    lines = [list(map(_one_line, row)) for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)][:-1]
    numeric = [all(_is_number(cell) for cell in column) for column in zip(*lines[1:], strict=True)]
    taken = sum(widths) + 2 * len(widths)
    room = max(width - taken, _NARROWEST)
    texts = []
    for line in lines:
        cells = [
            cell.rjust(size) if right else cell.ljust(size)
            for cell, size, right in zip(line, widths, numeric or [False] * len(line), strict=False)
        ]
        start = "  ".join([*cells, ""])
        wrapped = textwrap.wrap(line[-1], room, break_on_hyphens=False) or [""]
        texts += [start + wrapped[0], *(" " * taken + rest for rest in wrapped[1:])]
    return "\n".join(text.rstrip() for text in texts)


def short_number(number: float) -> str:
    """Return a number with four digits, or a dash for NaN."""
    return "-" if number != number else f"{number:.4g}"


def _one_line(text: str) -> str:
    return " ".join(text.split()) if "\n" in text or "\t" in text else text


def _is_number(text: str) -> bool:
    return not text or text == "-" or _NUMBER.fullmatch(text) is not None
