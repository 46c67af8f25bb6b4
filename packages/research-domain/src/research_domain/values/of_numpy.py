"""Whether values are of NumPy, asked without importing it: a value of it implies that it is imported."""

from __future__ import annotations

import sys
from typing import Any


def is_numpy(value: Any, *names: str) -> bool:
    """Whether a value is an instance of one of these types of NumPy, such as ``generic`` or ``ndarray``.

    Examples
    --------
    >>> is_numpy(1.5, "generic"), is_numpy([1], "generic", "ndarray")
    (False, False)
    """
    numpy = sys.modules.get("numpy")
    return any(isinstance(value, getattr(numpy, name, ())) for name in names)
