"""Failures made from exceptions that end a round of a loop."""

from __future__ import annotations

import traceback
from types import SimpleNamespace
from typing import Any


def as_failure(failure: Any, iteration: int | None = None) -> Any:
    """Return an exception as a failure; other objects already have the attributes of one."""
    if not isinstance(failure, BaseException):
        return failure
    return SimpleNamespace(
        cause="exception",
        type=type(failure).__name__,
        message=str(failure),
        traceback="".join(traceback.format_exception(failure)),
        iteration=iteration,
    )
