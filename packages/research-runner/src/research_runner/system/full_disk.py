"""A disk that is full: known when it is met, and said once."""

from __future__ import annotations

import errno
import logging
import sys

__all__ = ["is_full", "warn_full"]

_LOG = logging.getLogger("research.run")


def is_full(error: BaseException | None) -> bool:
    """Whether an error of a storage, or a cause of it, is that there is no room left."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if hasattr(error, "free_bytes"):  # what storages raise; the runner knows none of them by name
            return True
        error = error.__cause__
    return False


def warn_full(error: BaseException) -> None:
    """Say that the run waits, and for what."""
    text = f"the run waits until there is room on the disk, or Ctrl-C ends it: {error}"
    _LOG.error(text)
    sys.stderr.write(f"\n{text}\n")
