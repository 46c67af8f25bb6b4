"""Wait until the devices of a worker have enough free memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from research_runner.devices.grid import WorkerRow, row_ids
from research_runner.devices.probe import GpuProbe
from research_runner.errors import OptionError

__all__ = ["MemoryGate", "MemoryVerdict"]


@dataclass(frozen=True, slots=True)
class MemoryVerdict:
    """Whether the devices of a worker have enough free memory, and why not.

    Examples
    --------
    >>> verdict = MemoryVerdict(0.9, (("GPU-1", 0.95), ("GPU-2", 0.4)))
    >>> verdict.passed
    False
    >>> str(verdict)
    'less than 90% of the memory is free on GPU-2 (40%)'
    """

    ratio: float  # the share that must be free on each device
    shares: tuple[tuple[str, float], ...]  # devices, and the share that was free on them

    @property
    def passed(self) -> bool:
        """Whether every device has the share free."""
        return all(share >= self.ratio for _, share in self.shares)

    def __str__(self) -> str:
        if self.passed:
            return f"at least {self.ratio:.0%} of the memory is free on every device"
        busy = ", ".join(f"{device} ({share:.0%})" for device, share in self.shares if share < self.ratio)
        return f"less than {self.ratio:.0%} of the memory is free on {busy}"


class MemoryGate:
    """Tell whether every device of a worker has enough free memory for the next experiment.

    Parameters
    ----------
    probe : GpuProbe
        The probe to ask.
    ratio : float
        The share of memory that must be free, ``0 < ratio <= 1``.
    n_checks : int
        How often `wait` asks before it gives up, at least 1.
    delay_s : float
        Time between these questions in seconds.
    sleep : callable
        Waits for a number of seconds.

    Raises
    ------
    OptionError
        If one of the numbers is out of its range.

    Examples
    --------
    >>> from research_runner.devices import FakeProbe, resolve, split_devices
    >>> probe = FakeProbe(1)
    >>> probe.set_free(probe.uuid(0), 0.3, 0.95)
    >>> row = resolve(split_devices(0, workers=1, branches=1), probe)[0]
    >>> MemoryGate(probe, 0.9, n_checks=3, delay_s=0).wait(row).passed
    True
    """

    def __init__(
        self,
        probe: GpuProbe,
        ratio: float,
        n_checks: int = 3,
        delay_s: float = 5,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if not 0 < ratio <= 1:
            raise OptionError("memory_ratio", f"must be more than 0 and at most 1, got {ratio!r}")
        if n_checks < 1:
            raise OptionError("n_gpu_checks", f"must be at least 1, got {n_checks!r}")
        if not delay_s >= 0:
            raise OptionError("gpu_check_delay", f"must be a time in seconds, got {delay_s!r}")
        self._probe = probe
        self._ratio = ratio
        self._n_checks = n_checks
        self._delay_s = delay_s
        self._sleep = sleep

    def check(self, row: WorkerRow) -> MemoryVerdict:
        """Ask once about all resolved devices of a worker; without any, the verdict is good.

        Raises `DriverMissingError` without a driver, and `DeviceLostError` if a device does not
        answer any more.
        """
        shares = tuple((device, self._probe.memory(device).free_share) for device in row_ids(row))
        return MemoryVerdict(self._ratio, shares)

    def wait(self, row: WorkerRow) -> MemoryVerdict:
        """Ask until the devices have enough free memory, at most `n_checks` times; errors as of `check`.

        Returns the first good verdict, or the last bad one.
        """
        verdict = self.check(row)
        for _ in range(self._n_checks - 1):
            if verdict.passed:
                break
            self._sleep(self._delay_s)
            verdict = self.check(row)
        return verdict
