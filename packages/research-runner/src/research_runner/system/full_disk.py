"""Full disks: recognise their errors, and tell the user that the run waits."""

from __future__ import annotations

import errno

from research_experiment.careful_logging import careful_logger
from research_runner.system.console import say

__all__ = ["is_full", "warn_full"]

_LOG = careful_logger("research.run")


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or one of its causes, says that the disk is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if hasattr(error, "free_bytes"):  # what storages raise; the runner knows none of them by name
            return True
        error = error.__cause__
    return False


def warn_full(error: BaseException) -> None:
    """Tell the user that the run waits for room on the disk."""
    text = f"the run waits until there is room on the disk, or Ctrl-C ends it: {error}"
    _LOG.error(text)
    say(text)
