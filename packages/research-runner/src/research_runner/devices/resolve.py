"""Device ids as users write them to the UUIDs of devices."""

from __future__ import annotations

from collections.abc import Mapping

from research_experiment.careful_logging import careful_logger
from research_runner.devices.errors import DriverMissingError, UnknownDeviceError
from research_runner.devices.grid import DeviceGrid, row_ids
from research_runner.devices.probe import Gpu, GpuProbe

__all__ = ["resolve"]

logger = careful_logger("research.devices")


def resolve(grid: DeviceGrid, probe: GpuProbe, mask: str | None = None) -> DeviceGrid:
    """Replace every id by the UUID of its device, once, before any worker starts.

    Parameters
    ----------
    grid : DeviceGrid
        Ids as indices (in the order of ``nvidia-smi``), UUIDs, or unambiguous beginnings of UUIDs.
    probe : GpuProbe
        The probe to ask; it is not asked for a grid without devices.
    mask : str, optional
        ``CUDA_VISIBLE_DEVICES`` of this process: devices outside of it are warned about.

    Returns
    -------
    DeviceGrid
        The grid with UUIDs, or unchanged (with a warning in the log) where no driver can be asked.

    Raises
    ------
    UnknownDeviceError
        If an id does not exist, fits several devices, or is a GPU that is divided into several MIG devices.

    Examples
    --------
    >>> from research_runner.devices import FakeProbe, split_devices
    >>> resolve(split_devices(1, workers=1, branches=1), FakeProbe(2)).as_lists()
    [[['GPU-00000001-0000-4000-8000-000000000000']]]
    """
    if not grid.ids:
        return grid
    try:
        gpus = probe.gpus()
    except DriverMissingError as error:
        logger.warning("device ids %s are passed on unchecked: %s", list(grid.ids), error)
        return grid
    names = {device: _find(device, gpus) for device in grid.ids}
    resolved = grid.rename(names)
    _warn_about_mig(resolved)
    _warn_about_mask(names, gpus, mask)
    return resolved


def _find(device: str, gpus: tuple[Gpu, ...]) -> str:
    """Return the UUID of the device that an id means."""
    for gpu in gpus:
        if device in (str(gpu.index), gpu.uuid):
            return _whole(device, gpu, gpus)
        if device in gpu.mig:
            return device
    uuids = [uuid for gpu in gpus for uuid in (gpu.uuid, *gpu.mig)]
    matches = [uuid for uuid in uuids if len(device) > len("GPU-") and uuid.startswith(device)]
    if len(matches) == 1:
        return _find(matches[0], gpus)
    reason = f"is the beginning of {len(matches)} ids" if matches else "does not exist"
    raise UnknownDeviceError(device, _listed(gpus), reason)


def _whole(device: str, gpu: Gpu, gpus: tuple[Gpu, ...]) -> str:
    """Return the UUID of a GPU, or of its only MIG device if it is in MIG mode."""
    if not gpu.mig_enabled:
        return gpu.uuid
    if len(gpu.mig) == 1:
        return gpu.mig[0]
    reason = f"is in MIG mode with {len(gpu.mig)} MIG devices and cannot be used as a whole"
    raise UnknownDeviceError(device, _listed(gpus), reason)


def _listed(gpus: tuple[Gpu, ...]) -> tuple[str, ...]:
    """Describe every device that may be named."""
    lines = []
    for gpu in gpus:
        parts = f", MIG devices {', '.join(gpu.mig) or 'none'}" if gpu.mig_enabled else ""
        lines.append(f"{gpu.index} = {gpu.uuid} ({gpu.name}{parts})")
    return tuple(lines)


def _warn_about_mig(grid: DeviceGrid) -> None:
    for worker, row in enumerate(grid):
        devices = row_ids(row)
        if len(devices) > 1 and any(device.startswith("MIG-") for device in devices):
            logger.warning(
                "worker %d has %d devices, but CUDA shows a process one MIG device at most: %s",
                worker,
                len(devices),
                list(devices),
            )


def _warn_about_mask(names: Mapping[str, str], gpus: tuple[Gpu, ...], mask: str | None) -> None:
    """Warn about devices that are hidden from this process, usually by a batch system."""
    if mask is None:
        return
    visible = set()
    for entry in filter(None, (part.strip() for part in mask.split(","))):
        try:
            visible.add(_find(entry, gpus))
        except UnknownDeviceError:
            break  # CUDA hides everything behind the first invalid entry
    hidden = [device for device, uuid in names.items() if uuid not in visible]
    if hidden:
        logger.warning(
            "devices %s are outside of CUDA_VISIBLE_DEVICES=%s of this process; ids count all GPUs here",
            hidden,
            mask,
        )
