"""Dask: its package, what its workers call a GPU, and how its connections end."""

from __future__ import annotations

import contextlib
import importlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

GPU: Final = "GPU"
CLOSE_S: Final = 5.0
PUT_S: Final = 1.0
TURN_S: Final = 0.2

END: Final = b""
"""What is put into a queue after the last chunk."""

DISCONNECTED: Final = (OSError, RuntimeError, KeyError, AttributeError)
"""What Dask raises where a connection, a client or a queue is gone."""


def distributed_package() -> Any:
    """Return the package; its functions are not typed."""
    return importlib.import_module("distributed")


def how_it_ended(error: Exception) -> str:
    """Return how a connection ended; the text of Dask's OSError names only its own internals."""
    return "it was closed" if isinstance(error, OSError) else f"{type(error).__name__}: {error}"


def wait_while(condition: Callable[[], bool], patience_s: float) -> None:
    """Wait as long as something is the case, but not for ever."""
    deadline = time.monotonic() + patience_s
    while condition() and time.monotonic() < deadline:
        time.sleep(TURN_S / 10)


def tells_more_than_an_end(record: logging.LogRecord) -> bool:
    """Drop the tracebacks that Dask logs where a connection has ended, which may come after our close."""
    return not (record.levelno <= logging.INFO and record.exc_info)


@contextlib.contextmanager
def silent_client() -> Iterator[None]:
    """Silence the client of Dask, which reports errors while it is closed."""
    logger = logging.getLogger("distributed.client")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
