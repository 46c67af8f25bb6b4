"""What is kept of an exception that ended a round of a loop."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

__all__ = ["as_failure"]


@dataclass(frozen=True, slots=True)
class _Failure:
    """What ended a round."""

    cause: str
    type: str
    message: str
    traceback: str
    iteration: int | None


def as_failure(failure: Any, iteration: int | None = None) -> Any:
    """Return what is kept of an exception; anything else has the attributes of a failure itself."""
    if not isinstance(failure, BaseException):
        return failure
    text = "".join(traceback.format_exception(failure))
    return _Failure("exception", type(failure).__name__, str(failure), text, iteration)
