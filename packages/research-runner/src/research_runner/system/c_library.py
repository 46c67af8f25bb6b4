"""Functions of the C library, for what Python has no way to, or a much slower one."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def c_function(name: str, *, gives_bytes: bool = False) -> Any:
    """Return a function of the C library, None where there is none; it returns an int, or else bytes."""
    try:
        import ctypes

        function = getattr(ctypes.CDLL(None), name)
    except (ImportError, OSError, TypeError, AttributeError):  # pragma: no cover  # depends on the system
        return None
    if gives_bytes:
        function.restype = ctypes.c_char_p
    return function
