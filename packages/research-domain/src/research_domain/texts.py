"""The one rule for text: written with what is no Unicode spelled out, read with what is no UTF-8 replaced."""

from __future__ import annotations

from typing import Final

__all__ = ["ENCODING", "READ", "WRITE", "clean_text", "decode_text", "encode_text"]

ENCODING: Final = "utf-8"
WRITE: Final = "backslashreplace"
READ: Final = "replace"


def encode_text(text: str) -> bytes:
    r"""Return the bytes of a text, with halves of surrogate pairs spelled out.

    Examples
    --------
    >>> encode_text('caf\udce9')
    b'caf\\udce9'
    """
    return text.encode(ENCODING, WRITE)


def decode_text(data: bytes) -> str:
    r"""Return the text of bytes, with a mark in the place of what is no UTF-8.

    Examples
    --------
    >>> decode_text(b'caf\xe9')
    'caf�'
    """
    return data.decode(ENCODING, READ)


def clean_text(text: str) -> str:
    """Return text that a database can hold, with halves of surrogate pairs spelled out."""
    return text if text.isascii() else encode_text(text).decode(ENCODING)
