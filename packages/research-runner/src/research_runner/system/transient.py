"""Transient errors, such as a full disk, and what the user is told meanwhile."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from research_experiment.careful_logging import careful_logger
from research_runner.system.console import say

_Result = TypeVar("_Result")

_LOG: Final = careful_logger("research.run")
_WAIT_S: Final = 1.0


def keep_trying(write: Callable[[], _Result], is_ending: Callable[[], bool]) -> _Result:
    """Write all or nothing; wait as long as the disk is full or the storage locked, and tell the user once.

    Nobody waits for a run that is ending: then the error is raised.
    """
    warned = False
    while True:
        try:
            return write()
        except Exception as error:
            if passes_when(error) is None or is_ending():
                raise
            if not warned:
                text = f"the run waits until {passes_when(error)}, or Ctrl-C ends it: {error}"
                _LOG.error("%s", text)
                say(text)
            warned = True
        time.sleep(_WAIT_S)


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or one of its causes, says that the disk is full."""
    return any(
        isinstance(each, OSError) and each.errno in (errno.ENOSPC, errno.EDQUOT) for each in _causes(error)
    )


def passes_when(error: BaseException | None) -> str | None:
    """Return when what failed will succeed, in words; None if it never will.

    Storages say so by ``passes_when``, as the runner knows none of their errors by name.
    """
    if is_full(error):
        return "there is room on the disk"
    return next((when for each in _causes(error) if (when := getattr(each, "passes_when", None))), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__
