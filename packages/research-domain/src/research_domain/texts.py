"""The one rule for text: lone surrogates are written as escapes, bytes that are no UTF-8 are replaced."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ENCODING",
    "READ",
    "WRITE",
    "clean_text",
    "cut_text",
    "decode_text",
    "encode_text",
    "flaw_of_name",
]

ENCODING: Final = "utf-8"
WRITE: Final = "backslashreplace"
READ: Final = "replace"
_LONGEST_NAME = 1000


def encode_text(text: str) -> bytes:
    r"""Return the bytes of a text, with halves of surrogate pairs spelled out.

    Examples
    --------
    >>> encode_text('caf\udce9')
    b'caf\\udce9'
    """
    return text.encode(ENCODING, WRITE)


def decode_text(data: bytes) -> str:
    r"""Return the text of bytes; invalid UTF-8 is replaced.

    Examples
    --------
    >>> decode_text(b'caf\xe9')
    'caf�'
    """
    return data.decode(ENCODING, READ)


def clean_text(text: str) -> str:
    """Return text that a database can hold, with halves of surrogate pairs spelled out."""
    return text if text.isascii() else encode_text(text).decode(ENCODING)


def cut_text(text: str, length: int) -> str:
    """Return a text, of a longer one the beginning with three dots behind it.

    Examples
    --------
    >>> cut_text('a long text', 8)
    'a lon...'
    """
    return text if len(text) <= length else f"{text[: max(length - 3, 1)]}..."


def flaw_of_name(name: object) -> str | None:
    r"""Return why something cannot be a name that a database holds, None if it can.

    Examples
    --------
    >>> flaw_of_name('loss')
    >>> flaw_of_name('caf\udce9')
    'it holds half of a surrogate pair'
    """
    if not isinstance(name, str) or not name:
        return "it must be a string of at least one character"
    if len(name) > _LONGEST_NAME:
        return f"it has {len(name)} characters, more than {_LONGEST_NAME}"
    return None if name.isascii() or clean_text(name) == name else "it holds half of a surrogate pair"
