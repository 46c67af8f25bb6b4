"""The one rule for text: written with what is no Unicode spelled out, read with what is no UTF-8 replaced."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from research_runner.system.own_files import open_own

__all__ = [
    "append_text",
    "decode_text",
    "encodable",
    "encode_text",
    "log_file",
    "read_text",
    "text_stream",
    "write_text",
]

_ENCODING: Final = "utf-8"
_WRITE: Final = "backslashreplace"
_READ: Final = "replace"


def encode_text(text: str) -> bytes:
    r"""Return the bytes of a text, with halves of surrogate pairs spelled out.

    Examples
    --------
    >>> encode_text('caf\udce9')
    b'caf\\udce9'
    """
    return text.encode(_ENCODING, _WRITE)


def decode_text(data: bytes) -> str:
    r"""Return the text of bytes, with a mark in the place of what is no UTF-8.

    Examples
    --------
    >>> decode_text(b'caf\xe9')
    'caf�'
    """
    return data.decode(_ENCODING, _READ)


def encodable(text: str, encoding: str) -> str:
    r"""Return a text that an encoding has, with the rest spelled out.

    Examples
    --------
    >>> print(encodable('caf\u00e9', 'ascii'))
    caf\xe9
    """
    return text.encode(encoding, _WRITE).decode(encoding)


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
    return io.TextIOWrapper(binary, encoding=_ENCODING, errors=_WRITE, line_buffering=True)


class _LogFile(logging.FileHandler):
    """A log file of ours; a class of its own tells it from those of users."""


def log_file(path: Path) -> logging.Handler:
    """Return a handler that appends to a file, made when the first record comes."""
    return _LogFile(path, encoding=_ENCODING, errors=_WRITE, delay=True)
