"""Experiments start when their devices have enough free memory."""

from __future__ import annotations

import pytest

from research_runner.devices import (
    DeviceLostError,
    DriverMissingError,
    FakeProbe,
    MemoryGate,
    resolve,
    split_devices,
)
from research_runner.errors import OptionError


@pytest.fixture
def probe():
    return FakeProbe(2)


@pytest.fixture
def row(probe):
    return resolve(split_devices([0, 1], 1, 2), probe)[0]


def test_gate_passes_when_every_device_is_free(probe, row):
    assert MemoryGate(probe, 1.0).check(row).passed


def test_gate_stays_shut_when_one_device_is_busy(probe, row):
    probe.set_free(probe.uuid(1), 0.4)
    verdict = MemoryGate(probe, 0.5).check(row)
    assert not verdict.passed
    assert str(verdict) == f"less than 50% of the memory is free on {probe.uuid(1)} (40%)"


def test_wait_asks_until_the_memory_is_free(probe, row):
    probe.set_free(probe.uuid(0), 0.1, 0.2, 0.9)
    naps = []
    assert MemoryGate(probe, 0.5, n_checks=5, delay_s=7, sleep=naps.append).wait(row).passed
    assert naps == [7, 7]


def test_wait_gives_up_after_the_last_check(probe, row):
    probe.set_free(probe.uuid(0), 0.1)
    naps = []
    assert not MemoryGate(probe, 0.5, n_checks=3, delay_s=7, sleep=naps.append).wait(row).passed
    assert naps == [7, 7]
    assert probe.memory_calls == 3 * 2


def test_gate_asks_about_a_device_of_several_branches_once(probe):
    row = resolve(split_devices(0, 1, 3), probe)[0]
    MemoryGate(probe, 0.5).check(row)
    assert probe.memory_calls == 1


def test_gate_asks_about_mig_devices():
    probe = FakeProbe(1, mig=2)
    row = resolve(split_devices(probe.uuid(0, 1), 1, 1), probe)[0]
    probe.set_free(probe.uuid(0, 1), 0.1)
    assert not MemoryGate(probe, 0.5).check(row).passed


def test_gate_tells_that_a_device_fell_off_in_the_middle(probe, row):
    probe.set_free(probe.uuid(0), 0.1)
    gate = MemoryGate(probe, 0.5, n_checks=3, sleep=lambda _: probe.fall_off(probe.uuid(1)))
    with pytest.raises(DeviceLostError, match="GPU is lost") as caught:
        gate.wait(row)
    assert caught.value.device == probe.uuid(1)


def test_gate_without_driver_is_an_error():
    probe = FakeProbe(driver=False)
    row = resolve(split_devices(0, 1, 1), probe)[0]
    with pytest.raises(DriverMissingError):
        MemoryGate(probe, 0.5).check(row)


def test_gate_is_open_for_workers_without_device():
    probe = FakeProbe(driver=False)
    assert MemoryGate(probe, 1.0).wait(split_devices(None, 1, 1)[0]).passed


@pytest.mark.parametrize("kwargs", [{"ratio": 0}, {"ratio": 1.1}, {"n_checks": 0}, {"delay_s": -1}])
def test_gate_refuses_numbers_out_of_range(probe, kwargs):
    with pytest.raises(OptionError):
        MemoryGate(probe, **{"ratio": 0.5, **kwargs})
