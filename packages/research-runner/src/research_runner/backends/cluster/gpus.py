"""GPUs of an engine: how many of them each worker asks for, and which of them it was given."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from research_runner.devices import (
    DeviceGrid,
    DeviceSpec,
    GpuProbe,
    WorkerRow,
    resolve,
    split_devices,
    worker_environment,
)
from research_runner.devices.grid import ROUNDING, row_ids
from research_runner.scheduling.setup import WorkerSetup

_VISIBLE: Final = "CUDA_VISIBLE_DEVICES"


def engine_grid(devices: DeviceSpec, gpus: float, workers: int, branches: int) -> DeviceGrid:
    """Share devices of an engine between branches; which devices they are is up to the engine.

    Without `devices`, each worker has as many as the backend says.

    Examples
    --------
    >>> engine_grid(None, 2, workers=1, branches=2).as_lists()
    [[['0'], ['1']]]
    """
    if devices is None and gpus:
        return DeviceGrid(tuple(split_devices(range(math.ceil(gpus)), 1, branches)) * workers)
    return split_devices(devices, workers, branches)


def ask_for_gpus(
    setups: Sequence[WorkerSetup], devices: DeviceSpec, gpus: float = 0
) -> tuple[WorkerSetup, ...]:
    """Return setups, with the devices of `engine_grid`, that ask an engine for devices numbered from 0.

    Examples
    --------
    >>> rows = split_devices([0], workers=2, branches=1)
    >>> [setup.gpus for setup in ask_for_gpus([WorkerSetup((), row) for row in rows], [0])]
    [0.5, 0.5]
    """
    users = Counter(device for setup in setups for device in row_ids(setup.devices))
    shares = {device: 1 / count for device, count in users.items()}
    if isinstance(devices, Mapping):
        shares = {str(device): share for device, share in devices.items()}
    asking = list(setups)
    for slot, setup in enumerate(setups):
        if ids := row_ids(setup.devices):
            numbers = {device: str(number) for number, device in enumerate(ids)}
            asking[slot] = replace(
                setup,
                devices=DeviceGrid((setup.devices,)).rename(numbers)[0],
                environment={"CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
                gpus=gpus
                or (shares[ids[0]] if len(ids) == 1 else len(ids)),  # nobody gives halves of several
            )
    return tuple(asking)


class Shelf:
    """The devices that the processes of one engine's worker can take; safe in any thread.

    Examples
    --------
    >>> shelf = Shelf(["4", "7"])
    >>> shelf.take(0.5), shelf.take(0.5), shelf.take(1)
    (('4',), ('4',), ('7',))
    """

    def __init__(self, devices: Iterable[str] | None = None) -> None:
        self._known = None if devices is None else tuple(devices)
        self._used: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    def take(self, gpus: float) -> tuple[str, ...]:
        """Return devices with free capacity, or else the least used ones."""
        share = min(gpus, 1.0)
        with self._lock:
            free = (each for each in self._all() if self._used[each] + share <= 1 + ROUNDING)
            taken = tuple(itertools.islice(free, math.ceil(gpus)))
            if len(taken) < math.ceil(gpus):
                taken = tuple(sorted(self._all(), key=self._used.__getitem__)[: math.ceil(gpus)])
            for device in taken:
                self._used[device] += share
        return taken

    def _all(self) -> Iterable[str]:
        return map(str, itertools.count()) if self._known is None else self._known

    def give_back(self, devices: Iterable[str], gpus: float) -> None:
        """Let others have them."""
        with self._lock:
            for device in devices:
                self._used[device] -= min(gpus, 1.0)


def visible_devices(environment: Mapping[str, str] = os.environ) -> tuple[str, ...] | None:
    """Return the devices that an environment shows to a process; None if it does not say.

    Examples
    --------
    >>> visible_devices({"CUDA_VISIBLE_DEVICES": "4, 7"}), visible_devices({})
    (('4', '7'), None)
    """
    text = environment.get(_VISIBLE)
    return None if text is None else tuple(filter(None, (part.strip() for part in text.split(","))))


_SHELF: Final = Shelf(visible_devices())


@contextlib.contextmanager
def borrowed(gpus: float) -> Iterator[Mapping[str, str]]:
    """Take devices of this process for the time of the block; yield the variables that show them.

    Examples
    --------
    >>> with borrowed(0) as environment:
    ...     environment
    {}
    """
    devices = _SHELF.take(gpus)
    try:
        yield worker_environment((devices,))
    finally:
        _SHELF.give_back(devices, gpus)


def found_devices(row: WorkerRow, probe: GpuProbe) -> WorkerRow:
    """Return the devices of this process by their lasting names; `row` has them numbered from 0.

    Examples
    --------
    >>> from research_runner.devices import FakeProbe
    >>> os.environ["CUDA_VISIBLE_DEVICES"] = "1"
    >>> found_devices((("0",),), FakeProbe(2))
    (('GPU-00000001-0000-4000-8000-000000000000',),)
    >>> del os.environ["CUDA_VISIBLE_DEVICES"]
    """
    names = {str(number): device for number, device in enumerate(visible_devices() or ())}
    return resolve(DeviceGrid((row,)).rename(names), probe)[0]
