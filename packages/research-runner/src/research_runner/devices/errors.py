"""Errors about devices; each keeps its data as attributes and survives pickling."""

from __future__ import annotations

from research_runner.errors import RunnerError

__all__ = [
    "DeviceError",
    "DeviceLostError",
    "DeviceRoomError",
    "DriverMissingError",
    "UnknownDeviceError",
]


class DeviceError(RunnerError):
    """Base class of everything that goes wrong with devices."""


class DeviceRoomError(DeviceError, ValueError):
    """More workers than the shares of the devices have room for.

    Parameters
    ----------
    workers : int
        Workers that were asked for.
    room : tuple of (str, int)
        Device ids and the workers that fit on each.
    """

    workers: int
    room: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        total = sum(number for _, number in self.room)
        each = ", ".join(f"{number} on device {device!r}" for device, number in self.room)
        return (
            f"{self.workers} workers do not fit on the devices: there is room for {total} ({each}); "
            "use fewer workers, smaller shares or more devices"
        )


class UnknownDeviceError(DeviceError, ValueError):
    """A device id does not exist on this machine, or means several devices.

    Parameters
    ----------
    device : str
        The id that was given.
    known : tuple of str
        The ids that exist, as text for people.
    reason : str
        Why the id was not taken.
    """

    device: str
    known: tuple[str, ...]
    reason: str = "does not exist"

    def __str__(self) -> str:
        listed = "; ".join(self.known) if self.known else "none"
        return f"device {self.device!r} {self.reason}; devices of this machine: {listed}"


class DriverMissingError(DeviceError):
    """GPUs cannot be asked: no driver, no NVML or no Python module for it.

    Parameters
    ----------
    reason : str
        What the attempt ended with.
    """

    reason: str

    def __str__(self) -> str:
        return (
            f"the GPUs of this machine cannot be asked: {self.reason}; "
            "check that `nvidia-smi` works here and that nvidia-ml-py is installed"
        )


class DeviceLostError(DeviceError):
    """A device that was there before does not answer any more.

    Parameters
    ----------
    device : str
        UUID of the device.
    reason : str
        What the driver said.
    """

    device: str
    reason: str

    def __str__(self) -> str:
        return (
            f"device {self.device!r} does not answer: {self.reason}; "
            "no experiment can run on it until the machine sees it again"
        )
