"""Share devices between workers and their branches."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex, TypeAlias

from research_experiment.careful_logging import careful_logger
from research_runner.devices.errors import DeviceRoomError
from research_runner.errors import OptionError
from research_runner.system.limits import MOST

__all__ = ["DeviceGrid", "DeviceSpec", "WorkerRow", "split_devices"]

logger = careful_logger("research.devices")

BranchDevices: TypeAlias = tuple[str | None, ...]
WorkerRow: TypeAlias = tuple[BranchDevices, ...]
DeviceSpec: TypeAlias = int | str | Mapping[Any, float] | Iterable[Any] | None

ROUNDING = 1e-9  # three shares of 1/3 fit on one device


@dataclass(frozen=True, slots=True)
class DeviceGrid:
    """Devices of every branch of every worker.

    Examples
    --------
    >>> grid = DeviceGrid(((("0",), ("1",)), (("2",), (None,))))
    >>> grid.ids
    ('0', '1', '2')
    >>> grid.as_lists()
    [[['0'], ['1']], [['2'], [None]]]
    """

    # rows[w][b] are the devices of branch b of worker w; None stands for no device
    rows: tuple[WorkerRow, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, worker: int) -> WorkerRow:
        return self.rows[worker]

    def __iter__(self) -> Iterator[WorkerRow]:
        return iter(self.rows)

    @property
    def ids(self) -> tuple[str, ...]:
        """Every device of the grid once, in order of first appearance."""
        return tuple(dict.fromkeys(device for row in self.rows for device in row_ids(row)))

    def as_lists(self) -> list[list[list[str | None]]]:
        """Return the grid as nested lists."""
        return [[list(branch) for branch in row] for row in self.rows]

    def rename(self, names: Mapping[str, str]) -> DeviceGrid:
        """Return the same grid with other ids; ids that are not in `names` stay."""
        return DeviceGrid(
            tuple(
                tuple(tuple(d if d is None else names.get(d, d) for d in branch) for branch in row)
                for row in self.rows
            )
        )


def row_ids(row: WorkerRow) -> tuple[str, ...]:
    """Return the devices of one worker once each, in order of first appearance."""
    return tuple(dict.fromkeys(device for branch in row for device in branch if device is not None))


def split_devices(devices: DeviceSpec, workers: int, branches: int) -> DeviceGrid:
    """Share devices between workers and their branches.

    Parameters
    ----------
    devices : None, int, str, mapping, or (nested) sequence of them
        What there is to share:

        - ``None``: no devices;
        - one id (an index as int or text, a GPU UUID or a MIG UUID), for everybody;
        - a sequence of D ids in priority order: with ``D >= workers * branches`` every branch gets
          ``D // (workers * branches)`` of them and the rest stay unused; with fewer, each device is given
          to ``workers * branches // D`` consecutive branches, and from the first one again when all are
          taken;
        - nested sequences of shape ``(workers, branches)`` or ``(workers, branches, k)``: taken as they are;
        - a mapping from an id to the share of it that one worker takes, ``0 < share <= 1``: a worker with all
          of its branches sits on one device, and each next worker on the one that is used least.
    workers, branches : int
        Counts, at least 1.

    Returns
    -------
    DeviceGrid
        Nested tuples of shape ``(workers, branches, k)``, ``k >= 1``.

    Raises
    ------
    OptionError
        If `devices` is empty, has another shape than the workers and branches, or an id cannot be one.
    DeviceRoomError
        If the shares leave no room for that many workers.

    Examples
    --------
    >>> split_devices([1, 2], workers=3, branches=2).as_lists()
    [[['1'], ['1']], [['1'], ['2']], [['2'], ['2']]]
    >>> split_devices(range(5), workers=1, branches=2).as_lists()
    [[['0', '1'], ['2', '3']]]
    >>> split_devices({0: 0.5, 1: 0.5}, workers=3, branches=1).as_lists()
    [[['0']], [['1']], [['0']]]
    """
    _check_counts(workers, branches)
    if devices is None:
        return DeviceGrid((((None,),) * branches,) * workers)
    if isinstance(devices, Mapping):
        return _split_shares(devices, workers, branches)
    items = [devices] if isinstance(devices, (int, str)) else _items(devices)
    if any(_is_nested(item) for item in items):
        return _explicit(items, workers, branches)
    return _split_flat([_device_id(item) for item in items], workers, branches)


def _wrong(problem: str, got: object) -> OptionError:
    return OptionError("devices", f"{problem}; got {got!r}")


def _check_counts(workers: int, branches: int) -> None:
    for name, count in (("workers", workers), ("branches", branches)):
        if count < 1:
            raise _wrong(f"{name} must be at least 1 to share devices", count)
        if count > MOST:
            raise _wrong(f"{name} must be at most {MOST:,}", count)


def _items(devices: Any) -> list[Any]:
    """Return the members of a sequence that has an order."""
    if isinstance(devices, Sequence) and not isinstance(devices, (bytes, bytearray)):
        items = list(devices)
    elif hasattr(devices, "tolist"):
        items = list(devices.tolist())
    else:
        raise _wrong(
            "devices must be None, an id, a list of ids, nested lists of shape (workers, branches, k) "
            "or a mapping of ids to shares",
            devices,
        )
    if not items:
        raise _wrong("devices is empty; use None for a research without devices", devices)
    return items


def _is_nested(item: Any) -> bool:
    return isinstance(item, Sequence) and not isinstance(item, (str, bytes))


def _device_id(item: Any) -> str | None:
    """Return one id as text."""
    if item is None:
        return None
    if isinstance(item, str):
        device = item.strip()
        if "," in device:
            raise _wrong(f"one text is one device id; use a list: {device.split(',')}", item)
        if device and not device.startswith("-"):
            return device
    elif isinstance(item, SupportsIndex) and not isinstance(item, bool):
        index = operator.index(item)
        if index >= 0:
            return str(index)
    raise _wrong("a device id is an index from 0, a GPU UUID or a MIG UUID", item)


def _split_flat(devices: list[str | None], workers: int, branches: int) -> DeviceGrid:
    slots = workers * branches
    each, unused = divmod(len(devices), slots)
    if each == 0:
        run = slots // len(devices)
        parts: list[BranchDevices] = [(devices[slot // run % len(devices)],) for slot in range(slots)]
    else:
        parts = [tuple(devices[slot * each : (slot + 1) * each]) for slot in range(slots)]
        if unused:
            logger.info("%d of %d devices stay unused: %s", unused, len(devices), devices[-unused:])
    return DeviceGrid(tuple(tuple(parts[w * branches : (w + 1) * branches]) for w in range(workers)))


def _explicit(items: list[Any], workers: int, branches: int) -> DeviceGrid:
    """Read nested lists, which have to fit the workers and branches."""
    if len(items) != workers or not all(_is_nested(item) for item in items):
        raise _wrong(f"nested devices need one list for each of the {workers} workers", items)
    return DeviceGrid(tuple(_explicit_row(row, number, branches) for number, row in enumerate(items)))


def _explicit_row(row: Any, worker: int, branches: int) -> WorkerRow:
    if len(row) != branches:
        raise _wrong(
            f"devices of worker {worker} need one id or list of ids for each of its {branches} branches", row
        )
    parts = [list(part) if _is_nested(part) else [part] for part in row]
    if not all(parts):
        raise _wrong(f"a branch of worker {worker} has an empty list of devices; use [None] for none", row)
    return tuple(tuple(_device_id(item) for item in part) for part in parts)


def _split_shares(shares: Mapping[Any, float], workers: int, branches: int) -> DeviceGrid:
    """Pack several workers on each device, the least used one first."""
    parsed = _parse_shares(shares)
    room = {device: int(1 / share + ROUNDING) for device, share in parsed.items()}
    if workers > sum(room.values()):
        raise DeviceRoomError(workers, tuple(room.items()))
    free_shares = [
        (taken * share, position, device)
        for position, (device, share) in enumerate(parsed.items())
        for taken in range(1, room[device] + 1)
    ]
    chosen = [device for _, _, device in sorted(free_shares)[:workers]]
    return DeviceGrid(tuple(((device,),) * branches for device in chosen))


def _parse_shares(shares: Mapping[Any, float]) -> dict[str, float]:
    parsed: dict[str, float] = {}
    for key, share in shares.items():
        device = _device_id(key)
        if device is None or device in parsed:
            raise _wrong("a mapping of devices to shares needs every device once", shares)
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
            problem = f"the share of device {device!r} that one worker takes is more than 0 and at most 1"
            raise _wrong(problem, share)
        parsed[device] = float(share)
    if not parsed:
        raise _wrong("devices is empty; use None for a research without devices", shares)
    return parsed
