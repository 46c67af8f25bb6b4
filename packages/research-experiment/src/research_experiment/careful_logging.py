"""Logging that cannot end what it tells about: a handler of the user's that raises is shown and ignored."""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
from typing import Any

__all__ = ["CarefulLogger", "careful_logger"]


class CarefulLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that shows exceptions of its handlers on stderr, like errors that they report."""

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        """Log a record; the other methods come through here."""
        try:
            super().log(level, msg, *args, **kwargs)
        except Exception:  # noqa: BLE001 - the handlers are the user's own
            with contextlib.suppress(Exception):
                print("--- Logging error ---", file=sys.stderr)  # noqa: T201 - what logging itself does
                traceback.print_exc()


def careful_logger(name: str, **extra: Any) -> CarefulLogger:
    """Return a logger by its name; its records carry `extra`.

    Examples
    --------
    >>> careful_logger("research.experiment", experiment_id="e3b0c442-0").warning("no batches are left")
    """
    return CarefulLogger(logging.getLogger(name), extra)
