"""GPUs that an engine gives to workers."""

import os

import pytest

from research_domain import Domain
from research_experiment import EC
from research_runner import OptionError, Research
from research_runner.backends.cluster import gpus
from research_runner.backends.cluster.gpus import Shelf, borrowed, found_devices
from research_runner.backends.protocol import Capabilities
from research_runner.devices import FakeProbe


class Engine:
    """An engine that was asked for devices when its backend was made."""

    def __init__(self, count=0):
        self.capabilities = Capabilities(gpus=count)

    def make(self, plan, environment):
        raise NotImplementedError


def settings(engine_gpus=0, **options):
    research = Research(domain=Domain(x=[1])).add_callable("f", lambda: 1)
    return research._read({"backend": Engine(engine_gpus), **options})[-1]


def devices_of(setup):
    return [addition.config().get("device") for addition in setup.additions]


@pytest.mark.parametrize(
    ("options", "wanted", "seen"),
    [
        ({"workers": 2, "devices": [0, 1]}, [1, 1], [["0"], ["0"]]),
        ({"workers": 2, "devices": range(4)}, [2, 2], [[["0", "1"]], [["0", "1"]]]),
        ({"workers": 1, "branches": 2, "devices": [4, 7]}, [2], [["0", "1"]]),
        ({"workers": 4, "devices": [0, 1]}, [0.5] * 4, [["0"]] * 4),
        (
            {"workers": 3, "branches": 2, "devices": [0, 1]},
            [0.5, 2, 0.5],
            [["0", "0"], ["0", "1"], ["0", "0"]],
        ),
        ({"workers": 2, "devices": {0: 0.25}}, [0.25, 0.25], [["0"], ["0"]]),
        ({"workers": 2, "engine_gpus": 1}, [1, 1], [["0"], ["0"]]),
        ({"branches": 2, "engine_gpus": 2}, [2], [["0", "1"]]),
        ({"branches": 2, "engine_gpus": 0.5}, [0.5], [["0", "0"]]),
        ({"workers": 2}, [0, 0], [[None], [None]]),
    ],
)
def test_workers_ask_for_devices_and_number_them_from_0(options, wanted, seen):
    setups = settings(**options).setups
    assert [setup.gpus for setup in setups] == wanted
    assert [devices_of(setup) for setup in setups] == seen
    assert [setup.device_names for setup in setups] == [None] * len(setups)


@pytest.mark.parametrize("options", [{"engine_gpus": 1}, {"devices": [0]}])
def test_workers_with_devices_of_an_engine_are_replaced_after_each_task(options):
    assert settings(**options).limits.tasks_per_worker == 1
    assert settings().limits.tasks_per_worker is None


def test_devices_are_asked_for_once():
    with pytest.raises(OptionError, match="each worker has 2 already"):
        settings(2, devices=[0])


def test_a_certain_device_cannot_be_asked_for():
    with pytest.raises(OptionError, match="'GPU-00' cannot be asked for: give numbers or shares"):
        settings(devices=["GPU-00"])


def test_free_memory_is_asked_for_where_there_are_devices():
    assert settings(1, memory_ratio=0.5).gate is not None
    with pytest.raises(OptionError, match="no device whose memory"):
        settings(memory_ratio=0.5)


def test_devices_are_taken_once_and_given_back():
    shelf = Shelf(["4", "7"])
    first, second = shelf.take(1), shelf.take(1)
    assert (first, second) == (("4",), ("7",))
    shelf.give_back(first, 1)
    assert shelf.take(1) == ("4",)


def test_devices_that_were_promised_twice_are_shared():
    shelf = Shelf(["4"])
    assert [shelf.take(1), shelf.take(1)] == [("4",), ("4",)]


def test_devices_are_counted_where_nobody_says_which_there_are():
    shelf = Shelf()
    assert [shelf.take(2), shelf.take(0.5), shelf.take(0.5), shelf.take(1)] == [
        ("0", "1"),
        ("2",),
        ("2",),
        ("3",),
    ]


def test_nothing_is_shown_where_there_is_nothing(monkeypatch):
    monkeypatch.setattr(gpus, "_SHELF", Shelf([]))
    with borrowed(1) as environment:
        assert environment == {}


def test_devices_are_found_by_what_the_process_sees(monkeypatch):
    probe = FakeProbe(3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"2,{probe.uuid(0)}")
    assert found_devices((("1", "0"), (None,)), probe) == ((probe.uuid(0), probe.uuid(2)), (None,))


def test_worker_sees_the_devices_of_its_place(engine, thread_backend, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,3")
    research = Research(domain=Domain(x=[1, 2, 3])).add_callable(
        "see",
        lambda config: f"{config['device']} of {os.environ['CUDA_VISIBLE_DEVICES']}",
        config=EC(full=True),
        save_to="y",
    )
    options = {"dump_results": False, "bar": False, "workers": 2, "devices": [0, 1]}
    research.run(backend=thread_backend(engine), **options)
    assert [values["y"] for values in research.results.values.values()] == [{0: "0 of 5,3"}] * 3
