"""Devices (GPUs): find them, share them between workers, and wait for their free memory.

Layout: ``grid`` shares ids, ``probe`` asks the machine (``fake`` pretends to), ``resolve`` finds the devices
that ids mean, ``worker`` says what a worker sets and shows, ``memory`` waits for free memory.
"""

from research_runner.devices.errors import (
    DeviceError,
    DeviceLostError,
    DeviceRoomError,
    DriverMissingError,
    UnknownDeviceError,
)
from research_runner.devices.fake import FakeProbe
from research_runner.devices.grid import DeviceGrid, DeviceSpec, WorkerRow, split_devices
from research_runner.devices.memory import MemoryGate, MemoryVerdict
from research_runner.devices.probe import Gpu, GpuMemory, GpuProbe, NvmlProbe
from research_runner.devices.resolve import resolve
from research_runner.devices.worker import branch_devices, worker_environment

__all__ = [
    "DeviceError",
    "DeviceGrid",
    "DeviceLostError",
    "DeviceRoomError",
    "DeviceSpec",
    "DriverMissingError",
    "FakeProbe",
    "Gpu",
    "GpuMemory",
    "GpuProbe",
    "MemoryGate",
    "MemoryVerdict",
    "NvmlProbe",
    "UnknownDeviceError",
    "WorkerRow",
    "branch_devices",
    "resolve",
    "split_devices",
    "worker_environment",
]
