"""Probes: the GPUs of this machine and their free memory."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from research_experiment.careful_logging import careful_logger
from research_runner.devices.errors import DeviceLostError, DriverMissingError

__all__ = ["Gpu", "GpuMemory", "GpuProbe", "NvmlProbe"]

logger = careful_logger("research.devices")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU of this machine."""

    index: int  # its number in the order of ``nvidia-smi``
    uuid: str  # its lasting name
    name: str = "GPU"  # its model
    mig: tuple[str, ...] = ()  # UUIDs of the MIG devices it is divided into; only these can be used then
    mig_enabled: bool = False  # whether it is in MIG mode, in which it cannot be used as a whole


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """Memory of one device.

    Examples
    --------
    >>> GpuMemory(free_bytes=3, total_bytes=4).free_share
    0.75
    """

    free_bytes: int
    total_bytes: int  # what programs can use at all: without the part that the driver keeps

    @property
    def free_share(self) -> float:
        """The free part, between 0 and 1."""
        return self.free_bytes / self.total_bytes if self.total_bytes > 0 else 0.0


@runtime_checkable
class GpuProbe(Protocol):
    """What the runner asks about GPUs.

    A probe keeps no connection between calls, so that it may be used before and after a fork.
    """

    def gpus(self) -> tuple[Gpu, ...]:
        """Return the GPUs of this machine; raises `DriverMissingError` without a driver."""
        ...

    def memory(self, uuid: str) -> GpuMemory:
        """Return the memory of a GPU or MIG device; raises `DeviceLostError` when it does not answer."""
        ...


class NvmlProbe:
    """Ask the NVIDIA driver through NVML, the library behind ``nvidia-smi``.

    NVML does not initialise CUDA, so workers may still be forked afterwards.

    Parameters
    ----------
    nvml : module, optional
        Something with the functions of ``pynvml``; by default that module, imported on the first call.

    Notes
    -----
    Source: NVML API reference. An index counts in the order of PCI bus ids, as it does in CUDA with
    ``CUDA_DEVICE_ORDER=PCI_BUS_ID``.
    """

    def __init__(self, nvml: Any = None) -> None:
        self._nvml = nvml

    def gpus(self) -> tuple[Gpu, ...]:
        """Return the GPUs; raises `DriverMissingError` without a driver, NVML or the module ``pynvml``."""
        with self._session() as nvml:
            found = [self._describe(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
        return tuple(gpu for gpu in found if gpu is not None)

    def memory(self, uuid: str) -> GpuMemory:
        """Return the memory of a GPU or MIG device; errors as of `gpus`, and those of `GpuProbe`."""
        with self._session() as nvml:
            try:
                return _memory(nvml, nvml.nvmlDeviceGetHandleByUUID(uuid))
            except nvml.NVMLError as error:
                raise DeviceLostError(uuid, str(error)) from error

    @contextmanager
    def _session(self) -> Iterator[Any]:
        try:
            nvml = self._nvml or importlib.import_module("pynvml")
        except ImportError as error:
            raise DriverMissingError(str(error)) from error
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            raise DriverMissingError(str(error)) from error
        try:
            yield nvml
        finally:
            nvml.nvmlShutdown()

    @staticmethod
    def _describe(nvml: Any, index: int) -> Gpu | None:
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            mig_enabled = _mig_enabled(nvml, handle)
            mig = tuple(_mig_uuids(nvml, handle)) if mig_enabled else ()
            return Gpu(
                index, nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle), mig, mig_enabled
            )
        except nvml.NVMLError as error:
            logger.warning("GPU %d is left out, it does not answer: %s", index, error)
            return None


def _mig_enabled(nvml: Any, handle: Any) -> bool:
    try:
        current, _pending = nvml.nvmlDeviceGetMigMode(handle)
    except nvml.NVMLError_NotSupported:
        return False
    return bool(current == nvml.NVML_DEVICE_MIG_ENABLE)


def _mig_uuids(nvml: Any, handle: Any) -> Iterator[str]:
    for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            device = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
        except nvml.NVMLError_NotFound:
            continue
        yield nvml.nvmlDeviceGetUUID(device)


def _memory(nvml: Any, handle: Any) -> GpuMemory:
    """Read the memory without the part that is reserved, where the driver tells it."""
    try:
        info = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
        return GpuMemory(info.free, info.total - info.reserved)
    except (nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound, nvml.NVMLError_InvalidArgument):
        info = nvml.nvmlDeviceGetMemoryInfo(handle)
        return GpuMemory(info.free, info.total)
