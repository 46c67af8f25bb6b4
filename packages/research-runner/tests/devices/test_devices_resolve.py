"""Ids become UUIDs once, and wrong ids are told from right ones."""

from __future__ import annotations

import logging

import pytest

from research_runner.devices import FakeProbe, GpuProbe, UnknownDeviceError, resolve, split_devices


def resolved(devices, probe, **kwargs):
    return resolve(split_devices(devices, 1, 1), probe, **kwargs)[0][0]


def test_fake_probe_is_a_probe():
    assert isinstance(FakeProbe(), GpuProbe)


@pytest.mark.parametrize("n_gpus", [1, 8])
def test_index_text_and_uuid_mean_the_same_device(n_gpus):
    probe = FakeProbe(n_gpus)
    uuid = probe.uuid(n_gpus - 1)
    for device in (n_gpus - 1, str(n_gpus - 1), uuid, uuid[:12]):
        assert resolved(device, probe) == (uuid,)


def test_resolve_shares_eight_gpus_between_four_workers():
    probe = FakeProbe(8)
    grid = resolve(split_devices(range(8), 4, 2), probe)
    assert grid.ids == tuple(probe.uuid(index) for index in range(8))


def test_unknown_id_names_the_ids_that_exist():
    probe = FakeProbe(2)
    with pytest.raises(
        UnknownDeviceError, match=r"device '2' does not exist; .*0 = GPU-00000000.*1 = GPU-00000001"
    ):
        resolved(2, probe)


def test_any_id_is_unknown_without_gpus():
    with pytest.raises(UnknownDeviceError, match="devices of this machine: none"):
        resolved(0, FakeProbe(0))


def test_beginning_of_several_uuids_is_refused():
    with pytest.raises(UnknownDeviceError, match="beginning of 2 ids"):
        resolved("GPU-000", FakeProbe(2))


def test_bare_prefix_is_no_id():
    with pytest.raises(UnknownDeviceError, match="does not exist"):
        resolved("GPU-", FakeProbe(1))


def test_mig_device_is_found_by_its_uuid():
    probe = FakeProbe(2, mig=3)
    assert resolved(probe.uuid(1, mig=2), probe) == (probe.uuid(1, mig=2),)


def test_gpu_in_mig_mode_means_its_only_mig_device():
    probe = FakeProbe(1, mig=1)
    assert resolved(0, probe) == (probe.uuid(0, mig=0),)


def test_gpu_in_mig_mode_with_several_mig_devices_is_refused():
    probe = FakeProbe(1, mig=2)
    with pytest.raises(UnknownDeviceError, match="in MIG mode") as caught:
        resolved(0, probe)
    assert probe.uuid(0, mig=1) in str(caught.value)


def test_two_mig_devices_in_one_worker_are_warned_about(caplog):
    probe = FakeProbe(1, mig=2)
    resolve(split_devices([probe.uuid(0, 0), probe.uuid(0, 1)], 1, 2), probe)
    assert "one MIG device at most" in caplog.text


def test_missing_driver_passes_ids_on_with_a_warning(caplog):
    grid = split_devices([0, "GPU-x"], 2, 1)
    assert resolve(grid, FakeProbe(driver=False)) == grid
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "unchecked" in caplog.text


def test_missing_driver_is_no_matter_without_devices(caplog):
    grid = split_devices(None, 2, 1)
    assert resolve(grid, FakeProbe(driver=False)) is grid
    assert not caplog.records


def test_device_that_fell_off_is_unknown():
    probe = FakeProbe(2)
    probe.fall_off(probe.uuid(0))
    with pytest.raises(UnknownDeviceError):
        resolved(0, probe)
    assert resolved(1, probe) == (probe.uuid(1),)


@pytest.mark.parametrize(
    ("mask", "warned"), [(None, False), ("0,1", False), ("1", True), ("", True), ("9,0", True)]
)
def test_device_hidden_from_this_process_is_warned_about(caplog, mask, warned):
    resolved(0, FakeProbe(2), mask=mask)
    assert ("outside of CUDA_VISIBLE_DEVICES" in caplog.text) is warned
