"""Output of the command: JSON, and text without control characters."""

from __future__ import annotations

import json
import math
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, Final

_LABEL: Final = 11
_WIDTH: Final = 80 - _LABEL - 2
"""Letters of a text beside its label."""


def printable(text: str) -> str:
    r"""Return text without characters that could move a terminal's cursor; lines and tabs stay.

    Examples
    --------
    >>> printable('a\x1b[2J')
    'a\\x1b[2J'
    """
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else repr(letter)[1:-1] for letter in text
    )


def say(text: str, *, end: str = "\n", to_error: bool = False, fold: bool = False) -> None:
    """Write a text; on a terminal, what goes to standard error, or is to be folded, has lines that fit."""
    stream = sys.stderr if to_error else sys.stdout
    text = printable(text)
    if (fold or to_error) and stream.isatty():
        text = _folded(text, shutil.get_terminal_size().columns)
    stream.write(text + end)
    stream.flush()


def _folded(text: str, width: int) -> str:
    """Return text wrapped at words; continued lines are indented by two more."""
    lines = []
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        lines += textwrap.wrap(
            *(line, width), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [line]
    return "\n".join(lines)


def refuse(problem: str) -> int:
    """Say what is wrong with the arguments, and return the exit code for it."""
    say(f"research: {problem}", to_error=True)
    return 2


def is_confirmed(question: str) -> bool:
    """Ask a question, and tell whether the answer is yes."""
    say(f"{question} Type yes: ", end="")
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    say("kept")
    return False


def say_json(value: Any, *, indent: int | None = 2) -> None:
    """Write a value as JSON; other types become texts, and numbers that are not finite null."""
    sys.stdout.write(json.dumps(as_plain(value), indent=indent, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def as_plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    item = getattr(value, "item", None)  # numbers of numpy
    if callable(item) and getattr(value, "ndim", None) == 0:
        plain = item()
        if plain is not value and isinstance(plain, bool | int | float | str):
            return as_plain(plain)
    return str(value)


def as_rows(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield lines of labels and texts, of 80 columns as far as words allow; a long label is a line itself.

    Examples
    --------
    >>> list(as_rows([('seed', '1')]))
    ['seed         1']
    """
    for label, text in rows:
        lines = textwrap.wrap(" ".join(text.split()), _WIDTH, break_long_words=False, break_on_hyphens=False)
        if len(label) > _LABEL:
            yield label
            label = ""
        for line in lines or [""]:
            yield f"{label:<{_LABEL}}  {line}".rstrip()
            label = ""


def duration(seconds: float) -> str:
    """Return seconds as hours, minutes and seconds.

    Examples
    --------
    >>> duration(3725.4)
    '1:02:05'
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def moment(text: str) -> str:
    """Return a time in ISO 8601 as date and time of this place."""
    import datetime

    return datetime.datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")


def size(count: int) -> str:
    """Return bytes in the unit that suits them.

    Examples
    --------
    >>> size(123), size(45_600_000)
    ('0.1 kB', '45.6 MB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count / 1e3:.1f} kB"
