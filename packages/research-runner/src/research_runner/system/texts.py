"""The one rule for text: written with what is no Unicode spelled out, read with what is no UTF-8 replaced."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import BinaryIO, TextIO

from research_domain.texts import ENCODING, WRITE, decode_text, encode_text
from research_runner.system.own_files import open_own

__all__ = [
    "append_text",
    "encodable",
    "log_file",
    "read_text",
    "text_stream",
    "write_text",
]


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
    """A log file of ours; a class of its own tells it from those of users."""


def log_file(path: Path) -> logging.Handler:
    """Return a handler that appends to a file, made when the first record comes."""
    return _LogFile(path, encoding=ENCODING, errors=WRITE, delay=True)
