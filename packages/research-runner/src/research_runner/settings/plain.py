"""Values as plain JSON, to be read by people and other programs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["as_plain"]

_LONGEST: Final = 1000
_DEEPEST: Final = 10


def as_plain(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON has it; objects as the beginning of their text.

    Examples
    --------
    >>> as_plain({"workers": (1, 2), "tasks_per_worker": float("inf")})
    {'workers': [1, 2], 'tasks_per_worker': 'inf'}
    """
    if value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value)):
        return value
    if depth < _DEEPEST:
        if isinstance(value, list | tuple):
            return [as_plain(item, depth + 1) for item in value]
        if isinstance(value, Mapping):
            return {str(key): as_plain(item, depth + 1) for key, item in value.items()}
    try:
        return repr(value)[:_LONGEST]
    except Exception as error:  # noqa: BLE001 - whatever the repr of a user's object raises
        return f"<{type(value).__qualname__}, whose repr raised {type(error).__name__}>"
