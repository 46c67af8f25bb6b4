"""The probe speaks NVML: against a library of its shape, and against the real one where there is a driver."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pynvml
import pytest

from research_runner.devices import (
    DeviceLostError,
    DriverMissingError,
    Gpu,
    NvmlProbe,
    resolve,
    split_devices,
)


class LibraryOfNvml:
    """Two GPUs, the second one in MIG mode with one free place between its MIG devices."""

    NVMLError = pynvml.NVMLError
    NVMLError_NotSupported = pynvml.NVMLError_NotSupported
    NVMLError_NotFound = pynvml.NVMLError_NotFound
    NVMLError_FunctionNotFound = pynvml.NVMLError_FunctionNotFound
    NVMLError_InvalidArgument = pynvml.NVMLError_InvalidArgument
    NVML_DEVICE_MIG_ENABLE = pynvml.NVML_DEVICE_MIG_ENABLE
    nvmlMemory_v2 = pynvml.nvmlMemory_v2

    def __init__(self):
        self.sessions = 0
        self.calls = 0
        self.lost = set()
        self.old_driver = False
        self.mig = {"GPU-1": ["MIG-a", None, "MIG-b"]}

    def nvmlInit(self):
        self.sessions += 1
        self.calls += 1

    def nvmlShutdown(self):
        self.sessions -= 1

    def nvmlDeviceGetCount(self):
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):
        return self.nvmlDeviceGetHandleByUUID(f"GPU-{index}")

    def nvmlDeviceGetHandleByUUID(self, uuid):
        if uuid in self.lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        if uuid not in ("GPU-0", "GPU-1", "MIG-a", "MIG-b"):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return uuid

    def nvmlDeviceGetUUID(self, handle):
        return handle

    def nvmlDeviceGetName(self, handle):
        return "NVIDIA Test"

    def nvmlDeviceGetMigMode(self, handle):
        if handle not in self.mig:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return [pynvml.NVML_DEVICE_MIG_ENABLE, pynvml.NVML_DEVICE_MIG_ENABLE]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle):
        return len(self.mig[handle])

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle, index):
        if self.mig[handle][index] is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return self.mig[handle][index]

    def nvmlDeviceGetMemoryInfo(self, handle, version=None):
        if version is None:
            return SimpleNamespace(free=60, total=100)
        if self.old_driver:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
        return SimpleNamespace(free=60, total=100, reserved=20)


@pytest.fixture
def library():
    library = LibraryOfNvml()
    yield library
    assert library.sessions == 0, "a session with the driver was left open"


def test_probe_describes_gpus_and_their_mig_devices(library):
    assert NvmlProbe(library).gpus() == (
        Gpu(0, "GPU-0", "NVIDIA Test"),
        Gpu(1, "GPU-1", "NVIDIA Test", ("MIG-a", "MIG-b"), mig_enabled=True),
    )


def test_probe_leaves_a_lost_gpu_out(library, caplog):
    library.lost.add("GPU-0")
    assert [gpu.index for gpu in NvmlProbe(library).gpus()] == [1]
    assert "GPU 0 is left out" in caplog.text


@pytest.mark.parametrize("uuid", ["GPU-0", "MIG-b"])
def test_probe_does_not_count_the_memory_of_the_driver(library, uuid):
    assert NvmlProbe(library).memory(uuid).free_share == 0.75


def test_probe_asks_an_old_driver_in_the_old_way(library):
    library.old_driver = True
    assert NvmlProbe(library).memory("GPU-0").free_share == 0.6


@pytest.mark.parametrize(("uuid", "reason"), [("GPU-1", "lost"), ("GPU-7", "Not Found")])
def test_probe_tells_which_device_does_not_answer(library, uuid, reason):
    library.lost.add("GPU-1")
    with pytest.raises(DeviceLostError, match=reason) as caught:
        NvmlProbe(library).memory(uuid)
    assert caught.value.device == uuid


def test_probe_without_driver_says_what_to_check(library):
    def fail():
        raise pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)

    library.nvmlInit = fail
    for ask in (NvmlProbe(library).gpus, lambda: NvmlProbe(library).memory("GPU-0")):
        with pytest.raises(DriverMissingError, match="nvidia-smi"):
            ask()


def test_probe_without_module_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(DriverMissingError, match="nvidia-ml-py"):
        NvmlProbe().gpus()


def test_resolve_asks_the_driver_once(library):
    grid = resolve(split_devices([0, "MIG-b"], 4, 2), NvmlProbe(library))
    assert grid.ids == ("GPU-0", "MIG-b")
    assert library.calls == 1


def test_real_driver_answers_about_every_device_it_lists():
    probe = NvmlProbe()
    try:
        gpus = probe.gpus()
    except DriverMissingError as error:
        pytest.skip(f"NO GPU TESTED: {error}")
    if not gpus:
        pytest.skip("NO GPU TESTED: there is a driver, but no GPU")
    for gpu in gpus:
        for uuid in gpu.mig or (gpu.uuid,):
            assert 0 <= probe.memory(uuid).free_share <= 1
            assert resolve(split_devices(uuid, 1, 1), probe).ids == (uuid,)
    with pytest.raises(DeviceLostError):
        probe.memory("GPU-00000000-0000-0000-0000-000000000000")
