"""What is more than a value inside the work: files, processes, threads, proxies of managers.

A copy of these acts in the world: a file that was opened for writing would be emptied by opening it again.
What a worker can get by itself travels as the way to get it; the rest is refused.
"""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, Final

_FILES: Final = (io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.FileIO)


def reduce_resource(value: Any) -> Any:
    """Return how a file or proxy is rebuilt in a worker, or NotImplemented for others.

    Raises `pickle.PicklingError` if a copy would act in the world, or be of no use.
    """
    if isinstance(value, _FILES):
        return _reduce_file(value)
    if isinstance(value, subprocess.Popen | threading.Thread):
        raise pickle.PicklingError("a copy of it in a worker would be nobody's")
    if any(isinstance(value, each) for each in _proxy_classes()):
        return _reduce_proxy(value)
    return NotImplemented


def _reduce_file(file: Any) -> Any:
    for stream in ("stdin", "stdout", "stderr"):
        if file is getattr(sys, stream) or file is getattr(sys, f"__{stream}__"):
            return getattr, (sys, stream)
    mode, name = getattr(file, "mode", None), getattr(file, "name", None)
    if not isinstance(mode, str) or not isinstance(name, str | bytes):
        raise pickle.PicklingError("it is a stream that no worker can open by a name")
    if mode.strip("bt") not in ("r", "rU"):
        raise pickle.PicklingError(f"it was opened for writing (mode {mode!r}), which a worker would do anew")
    text = (file.encoding, file.errors) if isinstance(file, io.TextIOWrapper) else None
    position = None if file.closed else file.tell()
    return _reopen, (os.path.abspath(name), type(file) is io.FileIO, text, position)  # noqa: PTH100 - may be bytes


def _reopen(path: str | bytes, raw: bool, text: tuple[str, str] | None, position: int | None) -> Any:
    """Open a file for reading where it was; one that was closed is closed here as well."""
    where = os.devnull if position is None else path
    file: Any = (
        open(where, "rb", buffering=0 if raw else -1)  # noqa: PTH123, SIM115 - the one who asked closes it
        if text is None
        else open(where, encoding=text[0], errors=text[1])  # noqa: PTH123, SIM115
    )
    if position is None:
        file.close()
    else:
        file.seek(position)
    return file


def _proxy_classes() -> Iterator[type]:
    """Yield the base classes of proxies of a manager, of those packages that are in use."""
    for package in ("multiprocessing", "multiprocess"):
        managers = sys.modules.get(f"{package}.managers")
        if managers is not None:
            yield managers.BaseProxy


def _reduce_proxy(proxy: Any) -> Any:
    """Give the key along, without which no other process may speak to the manager."""
    rebuild, (function, token, serializer, options) = proxy.__reduce__()
    return rebuild, (function, token, serializer, {**options, "authkey": bytes(proxy._authkey)})
