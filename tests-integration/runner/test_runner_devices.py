"""Devices from run() to the experiment, on a machine that pretends to have them."""

import logging
import operator
import os
import statistics
import threading
import time
from pathlib import Path

import pytest

from research_runner import OptionError
from research_runner.devices import DeviceLostError, DeviceRoomError, FakeProbe, UnknownDeviceError
from research_runner.settings import reading as settings
from research_stack import EC, Domain, Research


@pytest.fixture
def machine(monkeypatch):
    """Return a function that gives this machine GPUs."""

    def give(count, **options):
        probe = FakeProbe(count, **options)
        monkeypatch.setattr(settings, "NvmlProbe", lambda: probe)
        return probe

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return give


def looking(size=4):
    def look(device):
        import os

        seen = os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("CUDA_DEVICE_ORDER")
        return os.getpid(), *seen, device

    research = Research("look", Domain(x=list(range(size))))
    return research.add_callable(
        "look", look, device=EC("device"), save_to=["pid", "visible", "order", "own"]
    )


def run(research, **options):
    return research.run(**{"bar": False, **options}).results.df


def test_each_worker_sees_its_devices_renumbered_and_is_fresh_for_each_task(machine, start_method):
    probe = machine(4)
    frame = run(looking(), workers=2, devices=[3, 1], start_method=start_method)
    assert set(frame["visible"]) <= {probe.uuid(3), probe.uuid(1)}
    assert set(frame["order"]) == {"PCI_BUS_ID"}
    assert set(frame["own"]) == {"0"}
    assert frame["pid"].nunique() == 4


def test_the_environment_is_there_before_code_of_the_user_is_imported(machine, start_method):
    machine(2)
    Path("early.py").write_text("import os\nSEEN = os.environ.get('CUDA_VISIBLE_DEVICES')\n")

    def seen():
        import importlib
        import sys

        sys.path.insert(0, "")
        return importlib.import_module("early").SEEN

    research = Research("early", Domain(x=[1, 2, 3, 4])).add_callable("seen", seen, save_to="seen")
    frame = run(research, workers=2, devices=[0, 1], start_method=start_method)
    assert all(value.startswith("GPU-0000000") for value in frame["seen"])


def test_branches_get_devices_of_their_own(machine):
    probe = machine(4)
    frame = run(looking(), workers=1, branches=2, devices=[0, 1, 2, 3])
    assert set(frame["visible"]) == {",".join(probe.uuid(number) for number in range(4))}
    assert frame["own"].tolist() == [["0", "1"], ["2", "3"]] * 2


def test_without_devices_nothing_is_set_and_workers_are_kept(machine):
    frame = run(looking(), workers=1)
    assert frame["visible"].isna().all()
    assert frame["own"].isna().all()
    assert frame["pid"].nunique() == 1


def test_workers_can_be_kept_on_devices(machine):
    machine(1)
    assert run(looking(), devices=0, tasks_per_worker=4)["pid"].nunique() == 1


def test_shares_pack_workers_on_one_device(machine):
    probe = machine(1)
    frame = run(looking(), workers=4, devices={0: 0.25})
    assert set(frame["visible"]) == {probe.uuid(0)}
    with pytest.raises(DeviceRoomError, match="5 workers do not fit"):
        looking().run("more", workers=5, devices={0: 0.25}, bar=False)
    assert not Path("more").exists()


def test_mig_devices_are_passed_on_by_their_ids(machine):
    probe = machine(1, mig=2)
    devices = [probe.uuid(0, 0), probe.uuid(0, 1)]
    assert set(run(looking(), workers=2, devices=devices)["visible"]) <= set(devices)
    with pytest.raises(UnknownDeviceError, match="cannot be used as a whole"):
        looking().run("whole", devices=[0], bar=False)


def test_a_device_that_does_not_exist_is_refused_before_anything_is_created(machine, own_folder):
    machine(0)
    with pytest.raises(UnknownDeviceError, match="devices of this machine: none"):
        looking().run(devices=[0], bar=False)
    assert not list(own_folder.iterdir())


def test_without_a_driver_ids_are_passed_on_with_a_warning(machine, caplog):
    machine(0, driver=False)
    with caplog.at_level(logging.WARNING, "research.devices"):
        frame = run(looking(), devices=[1], workers=1)
    assert set(frame["visible"]) == {"1"}
    assert "passed on unchecked" in caplog.text


def test_the_device_of_each_experiment_is_recorded(machine):
    probe = machine(1)
    research = looking()
    run(research, devices=0)
    assert set(research.results.experiments["device"]) == {probe.uuid(0)}
    frame = research.results.to_df(remove_auxilary=False)
    assert set(frame["device"]) == {"0"}


def test_in_this_process_devices_are_shown_as_well_and_forgotten_afterwards(machine):
    probe = machine(2)
    frame = run(looking(), parallel=False, devices=[1])
    assert set(frame["visible"]) == {probe.uuid(1)}
    assert set(frame["own"]) == {"0"}
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert "CUDA_DEVICE_ORDER" not in os.environ


class FreeLater:
    """A probe whose device is free when a file says so, whichever process asks."""

    def __init__(self, folder):
        self.folder = folder

    def gpus(self):
        return FakeProbe(1).gpus()

    def memory(self, uuid):
        from research_runner.devices import GpuMemory

        with (self.folder / "asked").open("a") as file:
            file.write(f"{time.monotonic()}\n")
        return GpuMemory(100 if (self.folder / "free").exists() else 10, 100)


def test_tasks_wait_for_memory_and_none_is_lost(monkeypatch, own_folder, start_method):
    probe = FreeLater(own_folder)
    monkeypatch.setattr(settings, "NvmlProbe", lambda: probe)
    asked = own_folder / "asked"

    def free():
        while not asked.exists() or asked.read_text().count("\n") < 40:
            threading.Event().wait(0.01)
        assert not research.monitor.finished_experiments
        (own_folder / "free").touch()

    research = looking()
    thread = threading.Thread(target=free)
    thread.start()
    frame = run(
        research, devices=0, memory_ratio=0.9, n_gpu_checks=8, gpu_check_delay=0.01, start_method=start_method
    )
    thread.join()
    assert sorted(frame["x"]) == [0, 1, 2, 3]
    assert set(research.results.experiments["attempts"]) == {1}
    given_back = Path("look/research.log").read_text().count("less than 90% of the memory is free")
    times = [float(line) for line in asked.read_text().splitlines()]
    assert len(times) // 8 - len(frame) <= given_back <= len(times) // 8  # eight questions each time
    assert statistics.median(map(operator.sub, times[1:], times)) < 2.5  # the default would be five seconds


def test_memory_that_no_driver_tells_is_refused_before_anything_starts(monkeypatch, own_folder):
    monkeypatch.setattr(settings, "NvmlProbe", lambda: FakeProbe(driver=False))
    with pytest.raises(OptionError, match=r"memory_ratio: the GPUs .* cannot be asked.*nvidia-smi"):
        looking().run(devices=0, memory_ratio=0.5, bar=False)
    assert not list(own_folder.iterdir())


@pytest.mark.parametrize("checks", [1, 4])
def test_n_gpu_checks_is_how_often_is_asked_before_a_task_goes_back(checks):
    from research_runner.devices import MemoryGate

    probe, slept = FakeProbe(1), []
    probe.set_free(probe.uuid(0), 0.1)
    gate = MemoryGate(probe, 0.5, checks, 7, sleep=slept.append)
    assert not gate.wait((((probe.uuid(0)),),)).passed
    assert (probe.memory_calls, slept) == (checks, [7] * (checks - 1))


class Lost(FreeLater):
    """A probe whose device has fallen off the bus."""

    def memory(self, uuid):
        raise DeviceLostError(uuid, "GPU is lost")


def test_a_device_that_falls_off_ends_the_run_with_a_reason(monkeypatch, own_folder):
    monkeypatch.setattr(settings, "NvmlProbe", lambda: Lost(own_folder))
    with pytest.raises(Exception, match="does not answer: GPU is lost"):
        looking().run(devices=0, memory_ratio=0.5, bar=False)


TABLE = {
    None: [[[None], [None]], [[None], [None]], [[None], [None]]],
    1: [[["1"], ["1"]], [["1"], ["1"]], [["1"], ["1"]]],
    (1, 2): [[["1"], ["1"]], [["1"], ["2"]], [["2"], ["2"]]],
    (1, 2, 3, 4, 5): [[["1"], ["2"]], [["3"], ["4"]], [["5"], ["1"]]],
    tuple(range(13)): [
        [["0", "1"], ["2", "3"]],
        [["4", "5"], ["6", "7"]],
        [["8", "9"], ["10", "11"]],
    ],
}


@pytest.mark.parametrize("devices", TABLE, ids=str)
def test_get_devices_has_the_table(devices):
    given = list(devices) if isinstance(devices, tuple) else devices
    assert Research().get_devices(given, workers=3, branches=2) == TABLE[devices]
