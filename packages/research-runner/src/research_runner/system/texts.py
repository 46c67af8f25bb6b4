"""The one rule for text: written with what is no Unicode spelled out, read with what is no UTF-8 replaced."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TextIO

from research_domain.texts import ENCODING, WRITE, decode_text, encode_text
from research_runner.system.own_files import open_own


def short_text(value: object, limit: int = 80, say: Callable[[object], str] = repr) -> str:
    """Return a value as a short text, whatever its class or its size make of that.

    Examples
    --------
    >>> short_text([0.5]), short_text('a' * 100, 10), short_text(10 ** 5000)
    ('[0.5]', "'aaaaaaaa…", '<int without a text>')
    """
    try:
        text = say(value)
    except Exception:  # noqa: BLE001 - code of the user's, or a number with too many digits
        return f"<{type(value).__name__} without a text>"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def encodable(text: str, encoding: str) -> str:
    r"""Return a text that an encoding has, with the rest spelled out.

    Examples
    --------
    >>> print(encodable('caf\u00e9', 'ascii'))
    caf\xe9
    """
    return text.encode(encoding, WRITE).decode(encoding)


def read_text(path: Path) -> str:
    """Return the text of a file."""
    return decode_text(path.read_bytes())


def write_text(path: Path, text: str) -> None:
    """Write a text as the content of a file."""
    path.write_bytes(encode_text(text))


def append_text(path: Path, text: str) -> None:
    """Write a text to the end of a file, made if it is not there."""
    with open(path, "ab", opener=open_own) as file:
        file.write(encode_text(text))


def text_stream(binary: BinaryIO) -> TextIO:
    """Return a stream of text that passes every line on to a binary stream at once."""
    return io.TextIOWrapper(binary, encoding=ENCODING, errors=WRITE, line_buffering=True)


class _LogFile(logging.FileHandler):
    """A log file of the runner; its class distinguishes it from handlers of users."""


def log_file(path: Path) -> logging.Handler:
    """Return a handler that appends to a file, made when the first record comes."""
    return _LogFile(path, encoding=ENCODING, errors=WRITE, delay=True)
