"""The devices of a worker: its environment variables, and the config value of each branch."""

from __future__ import annotations

from collections.abc import Mapping

from research_runner.devices.grid import WorkerRow, row_ids

__all__ = ["branch_devices", "worker_environment"]


def worker_environment(row: WorkerRow) -> Mapping[str, str]:
    """Return the environment variables that show a worker its devices and no others.

    They have to be set before any code of the user is imported in the worker.

    Parameters
    ----------
    row : nested tuples of (str or None), shape (branches, k)
        Devices of the worker: one row of a `DeviceGrid`.

    Returns
    -------
    mapping of str to str
        ``CUDA_VISIBLE_DEVICES`` and ``CUDA_DEVICE_ORDER``; empty if the worker has no device, so that its
        environment stays as it is.

    Examples
    --------
    >>> worker_environment((("2",), ("0",), ("2",)))
    {'CUDA_DEVICE_ORDER': 'PCI_BUS_ID', 'CUDA_VISIBLE_DEVICES': '2,0'}
    >>> worker_environment(((None,),))
    {}
    """
    devices = row_ids(row)
    if not devices:
        return {}
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(devices)}


def branch_devices(row: WorkerRow) -> tuple[str | list[str] | None, ...]:
    """Return the config value ``device`` of each branch: its devices as they are numbered in the worker.

    Parameters
    ----------
    row : nested tuples of (str or None), shape (branches, k)
        Devices of the worker: one row of a `DeviceGrid`.

    Returns
    -------
    tuple of (str, list of str, or None), length branches
        The number of the device, a list of numbers if the branch has several, None if it has none.

    Examples
    --------
    >>> branch_devices((("2",), ("0",), ("2",)))
    ('0', '1', '0')
    >>> branch_devices((("2", "3"), (None,)))
    (['0', '1'], None)
    """
    numbers = {device: str(number) for number, device in enumerate(row_ids(row))}
    found = [[numbers[device] for device in branch if device is not None] for branch in row]
    return tuple(each if len(each) > 1 else each[0] if each else None for each in found)
