"""Errors about devices; each keeps its data as attributes and survives pickling."""

from __future__ import annotations

from research_runner.errors import RunnerError

__all__ = ["DeviceError", "DeviceLostError", "DeviceRoomError", "DriverMissingError", "UnknownDeviceError"]


class DeviceError(RunnerError):
    """Base class of everything that goes wrong with devices."""


class DeviceRoomError(DeviceError, ValueError):
    """More workers than the shares of the devices have room for."""

    workers: int
    """Workers that were asked for."""
    room: tuple[tuple[str, int], ...]
    """Device ids and the workers that fit on each."""

    def __str__(self) -> str:
        total = sum(number for _, number in self.room)
        each = ", ".join(f"{number} on device {device!r}" for device, number in self.room)
        return (
            f"{self.workers} workers do not fit on the devices: there is room for {total} ({each}); "
            "use fewer workers, smaller shares or more devices"
        )


class UnknownDeviceError(DeviceError, ValueError):
    """A device id does not exist on this machine, or means several devices."""

    device: str
    """The id that was given."""
    known: tuple[str, ...]
    """The ids that exist, as text for people."""
    reason: str = "does not exist"
    """Why the id was not taken."""

    def __str__(self) -> str:
        listed = "; ".join(self.known) if self.known else "none"
        return f"device {self.device!r} {self.reason}; devices of this machine: {listed}"


class DriverMissingError(DeviceError):
    """GPUs cannot be asked: no driver, no NVML or no Python module for it."""

    reason: str
    """What the attempt ended with."""

    def __str__(self) -> str:
        return (
            f"the GPUs of this machine cannot be asked: {self.reason}; "
            "check that `nvidia-smi` works here and that nvidia-ml-py is installed"
        )


class DeviceLostError(DeviceError):
    """A device that was there before does not answer any more."""

    device: str
    """UUID of the device."""
    reason: str
    """What the driver said."""

    def __str__(self) -> str:
        return (
            f"device {self.device!r} does not answer: {self.reason}; "
            "no experiment can run on it until the machine sees it again"
        )
