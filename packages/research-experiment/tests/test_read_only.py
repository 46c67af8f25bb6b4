"""Large arrays are shared, and nobody writes into them."""

import numpy as np
import pytest

from research_experiment import EC, Executor, Experiment, O

TARGETS = ["for", "threads"]


LARGE = 200_000


@pytest.mark.parametrize("target", TARGETS)
def test_large_arrays_are_shared_and_writing_names_unit_and_argument(target):
    data = np.arange(LARGE)
    experiment = (
        Experiment()
        .add_callable("see", lambda a, b: (a.base is data, b["w"].sum()), args=[data, EC("w")], save_to="see")
        .add_callable("train", lambda x, weights: weights.sort(), args=[1], weights=data)
    )
    executor = Executor(experiment, [{"w": {"w": data}, "x": 1}, {"w": {"w": data}, "x": 2}], target=target)
    for running in executor.run().experiments:
        assert running.results["see"] == {0: (True, data.sum())}
        assert running.failure.unit == "train"
        assert "argument 'weights' of unit 'train' arrived read-only" in running.failure.message
        assert "ValueError" in running.failure.traceback
    assert data.flags.writeable
    assert data[0] == 0


READ_ONLY = {
    "parameter": (lambda e: e.add_callable("f", np.ndarray.sort, args=[EC("p")]), "argument"),
    "in a container": (lambda e: e.add_callable("f", lambda o: o["p"].sort(), o={"p": BIG}), "'o'"),
    "in a list with expressions": (
        lambda e: e.add_callable("f", lambda o: o[0].sort(), o=[BIG, EC("p")]),
        "'o'",
    ),
    "whole config": (
        lambda e: e.add_callable("f", lambda config: config["p"].sort(), args=[EC()]),
        "'config'",
    ),
    "method of an instance": (
        lambda e: e.add_instance("f", Sorter, data=BIG).add_callable("f.sort"),
        "'data' of unit 'f.sort'",
    ),
    "output of a root": (
        lambda e: e.add_callable("load", lambda: BIG.copy(), root=True).add_callable(
            "f", lambda batch: batch.sort(), batch=O("load")
        ),
        "'batch'",
    ),
    "expression": (lambda e: e.add_callable("f", lambda x: x, args=[EC("p").sort()]), "'x'"),
}


BIG = np.arange(LARGE)


class Sorter:
    def __init__(self, data):
        self.data = data

    def sort(self):
        self.data.sort()


@pytest.mark.parametrize(("add", "argument"), READ_ONLY.values(), ids=READ_ONLY)
def test_the_argument_is_found_wherever_the_array_came_from(add, argument):
    (running,) = Executor(add(Experiment()), [{"p": BIG}]).run().experiments
    assert running.failure.type.endswith("ReadOnlyError")
    assert argument in running.failure.message


def test_errors_about_the_unit_s_own_read_only_arrays_stay_as_they_are():
    def write():
        array = np.zeros(3)
        array.flags.writeable = False
        array[0] = 1

    (running,) = Executor(Experiment().add_callable(write)).run().experiments
    assert running.failure.type == "ValueError"
