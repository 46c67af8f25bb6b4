"""A probe of GPUs that do not exist, for tests."""

from __future__ import annotations

from research_runner.devices.errors import DeviceLostError, DriverMissingError
from research_runner.devices.probe import Gpu, GpuMemory

__all__ = ["FakeProbe"]

FAKE_MEMORY_BYTES = 80 * 2**30


class FakeProbe:
    """Answer like a machine with some GPUs, and let the test change what happens to them.

    Parameters
    ----------
    count : int
        Number of GPUs, named ``GPU-00000000-...``, ``GPU-00000001-...``; all of their memory is free.
    mig : int
        MIG devices on each of the GPUs; 0 means that they are not in MIG mode.
    driver : bool
        Whether there is a driver to ask.

    Examples
    --------
    >>> probe = FakeProbe(2)
    >>> [gpu.uuid for gpu in probe.gpus()]
    ['GPU-00000000-0000-4000-8000-000000000000', 'GPU-00000001-0000-4000-8000-000000000000']
    >>> probe.set_free(probe.uuid(0), 0.5, 0.9)
    >>> [probe.memory(probe.uuid(0)).free_share for _ in range(3)]
    [0.5, 0.9, 0.9]
    """

    def __init__(self, count: int = 1, *, mig: int = 0, driver: bool = True) -> None:
        self._gpus = tuple(_fake_gpu(index, mig) for index in range(count))
        self._driver = driver
        self._free: dict[str, list[float]] = {}
        self._lost: set[str] = set()
        self.memory_calls = 0

    def uuid(self, index: int, mig: int | None = None) -> str:
        """Return the UUID of a GPU, or of one of its MIG devices."""
        gpu = self._gpus[index]
        return gpu.uuid if mig is None else gpu.mig[mig]

    def set_free(self, uuid: str, *shares: float) -> None:
        """Let the next questions about a device find these free shares, the last one from then on."""
        self._free[uuid] = list(shares)

    def fall_off(self, uuid: str) -> None:
        """Remove a device permanently."""
        self._lost.add(uuid)

    def gpus(self) -> tuple[Gpu, ...]:
        """Return the GPUs that are left."""
        self._check_driver()
        return tuple(gpu for gpu in self._gpus if gpu.uuid not in self._lost)

    def memory(self, uuid: str) -> GpuMemory:
        """Return the memory of a GPU or MIG device."""
        self._check_driver()
        self.memory_calls += 1
        known = {name for gpu in self._gpus for name in (gpu.uuid, *gpu.mig)}
        if uuid in self._lost:
            raise DeviceLostError(uuid, "GPU is lost")
        if uuid not in known:
            raise DeviceLostError(uuid, "Not Found")
        shares = self._free.get(uuid, [1.0])
        share = shares.pop(0) if len(shares) > 1 else shares[0]
        return GpuMemory(int(FAKE_MEMORY_BYTES * share), FAKE_MEMORY_BYTES)

    def _check_driver(self) -> None:
        if not self._driver:
            raise DriverMissingError("NVML Shared Library Not Found")


def _fake_gpu(index: int, mig: int) -> Gpu:
    tail = f"{index:08x}-0000-4000-8000-000000000000"
    parts = tuple(f"MIG-{index:08x}-{part:04x}-4000-8000-000000000000" for part in range(mig))
    return Gpu(index, f"GPU-{tail}", "Fake GPU", parts, mig_enabled=mig > 0)
