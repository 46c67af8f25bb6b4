"""One experiment by hand: started, stepped through unit by unit, looked at and closed."""

from __future__ import annotations

import logging
import threading

import pytest

from research_domain import Config, ConfigAlias
from research_experiment import (
    EC,
    E,
    Executor,
    ExecutorError,
    Experiment,
    Hook,
    O,
    PlanError,
    StartedExperiment,
    Surroundings,
    UnknownUnitError,
)


class Model:
    def __init__(self, rate):
        self.rate, self.weight, self.closed = rate, 0.0, 0

    def fit(self, batch):
        self.weight += self.rate * batch
        return self.weight

    def close(self):
        self.closed += 1


def training():
    return (
        Experiment()
        .add_instance("model", Model, rate=EC("rate"))
        .add_generator("batch", range, args=[1, 4])
        .add_callable("model.fit", batch=O("batch"), save_to="weight")
        .save(E("model").weight, "final", when="last")
    )


@pytest.mark.parametrize("config", [{"rate": 2}, Config({"rate": 2}), ConfigAlias({"rate": 2})], ids=repr)
def test_units_are_run_one_by_one(config):
    running = training().init(0, config)
    assert isinstance(running, StartedExperiment)
    assert running.units == ("batch", "model.fit", "save final")
    assert running["model"].weight == 0
    assert running.call("batch", 0) == 1
    assert running.results == {}
    assert running.call("model.fit", 0) == 2
    assert running.results == {"weight": {0: 2}}
    assert (running.outputs["batch"], running["model.fit"].iteration) == (1, 0)
    assert running.config == {"rate": 2}
    assert O("batch").get(experiment=running) == 1
    running.close()
    assert running.results == {"weight": {0: 2}}


def test_loop_by_hand_gives_what_the_executor_gives():
    with training().init(0, {"rate": 2}) as running:
        iteration = 0
        while running.is_alive:
            for name in running.units:
                running.call(name, iteration)
            iteration += 1
    assert not running.is_failed
    executed = Executor(training(), configs=[{"rate": 2}], finalize=False).run().experiments[0]
    assert running.results["weight"] == {0: 2, 1: 6, 2: 12, 3: 18}
    assert running.results["final"] == {3: 18}
    assert executed.results["weight"] == {0: 2, 1: 6, 2: 12}
    assert running.id == executed.id


def test_when_and_the_number_of_iterations_hold():
    experiment = Experiment().add_callable("rare", lambda: "ran", when=["%1", "last"])
    running = experiment.init(0, {})
    assert [running.call("rare", iteration, 4) for iteration in range(4)] == [None, "ran", None, "ran"]
    assert running.call("rare", 0) is None
    assert running.is_alive


def test_failure_is_raised_and_noted_and_the_unit_can_be_tried_again(caplog):
    caplog.set_level(logging.CRITICAL)
    state = {"divisor": 0}
    experiment = Experiment().add_callable("ratio", lambda: 6 / state["divisor"], save_to="ratio")
    experiment = experiment.add_callable("next", lambda x: x + 1, x=O("ratio"))
    running = experiment.init(0, {})
    with pytest.raises(ZeroDivisionError):
        running.call("ratio", 0)
    assert running.is_failed
    assert not running.is_alive
    assert running.failure.unit == "ratio"
    state["divisor"] = 2
    assert running.call("ratio", 0) == 3
    assert running.call("next", 0) == 4
    assert running.results == {"ratio": {0: 3}}


def test_root_units_and_the_index():
    experiment = (
        Experiment()
        .add_callable("load", lambda n: list(range(n)), n=EC("n"), root=True)
        .add_callable("size", lambda data, index: (len(data), index), data=O("load"), index=E().index)
    )
    running = experiment.init(3, {"n": 4})
    assert running.call("load", 0) == [0, 1, 2, 3]
    assert running.call("size", 0) == (4, 3)


def test_times_are_measured():
    running = training().init(0, {"rate": 2})
    for iteration in range(2):
        running.call("batch", iteration)
        running.call("model.fit", iteration)
    assert [(row.iteration, row.unit) for row in running.profile_info] == [
        (0, "batch"), (0, "model.fit"), (1, "batch"), (1, "model.fit"),
    ]  # fmt: skip
    assert set(running.show_profile_info()) == {"batch", "model.fit"}
    assert set(running.show_profile_info(per_iter=True)) == {
        (0, "batch"), (0, "model.fit"), (1, "batch"), (1, "model.fit"),
    }  # fmt: skip


def test_close_closes_what_was_made_once():
    running = training().init(0, {"rate": 2})
    model = running["model"]
    running.call("batch", 0)
    running.close()
    running.close()
    assert model.closed == 1
    assert not running.is_alive
    with pytest.raises(ExecutorError, match="has been closed"):
        running.call("batch", 1)


def test_seed_and_folder_are_those_of_the_surroundings(tmp_path):
    experiment = Experiment().add_callable("draw", lambda rng: float(rng.random()), rng=E().random)
    places = Surroundings(entropy=7, path_of=lambda name: tmp_path / name)
    running = experiment.init(0, {"x": 1}, surroundings=places)
    (executed,) = Executor(experiment, configs=[{"x": 1}], surroundings=places).run().experiments
    assert running.call("draw", 0) == executed.outputs["draw"]
    assert running.running.path == tmp_path / executed.id


@pytest.mark.parametrize(
    ("start", "kind", "words"),
    [
        (lambda e: e.init(0, {"rat": 1}), PlanError, "did you mean 'rat'"),
        (lambda e: e.init(-1, {"rate": 1}), ExecutorError, "index must be a whole number"),
        (lambda e: e.init(0, {"rate": 1}, Executor(Experiment())), ExecutorError, "takes no executor"),
        (lambda e: e.init(0, {"rate": 1}).call("batches", 0), UnknownUnitError, "did you mean 'batch'"),
        (lambda e: e.init(0, {"rate": 1}).call("batch", 1.5), ExecutorError, "iteration must be a whole"),
        (lambda e: e.init(0, {"rate": 1}).call("model.fit", 0), Exception, "has no output yet"),
    ],
)
def test_mistakes_are_named(start, kind, words, caplog):
    caplog.set_level(logging.CRITICAL)
    with pytest.raises(kind, match=words):
        start(training())


def test_instance_that_cannot_be_made_raises(caplog):
    caplog.set_level(logging.CRITICAL)
    with pytest.raises(TypeError):
        Experiment().add_instance("number", int, args=[[]]).init(0, {})


def test_description_stays_what_it_was():
    experiment = training()
    experiment.init(0, {"rate": 2}).call("batch", 0)
    assert [unit.name for unit in experiment.actions] == ["batch", "model.fit", "save final"]


def test_executor_is_closed_at_the_end_of_a_block():
    with Executor(training(), configs=[{"rate": 2}]) as executor:
        (running,) = executor.run().experiments
        assert running.instances
    assert running.results["final"] == {3: 18}
    assert (running.instances, running.outputs) == ({}, {})
    with Executor(training(), configs=[{"rate": 2}]) as executor:
        pass
    with pytest.raises(ExecutorError, match="has run already"):
        executor.run()


def test_executor_closed_while_it_runs_ends_after_its_iteration():
    class Closing(Hook):
        def iterated(self, running):
            if running.iteration == 2:
                thread = threading.Thread(target=executor.close)
                thread.start()
                thread.join()

    executor = Executor(Experiment().save(E().iteration, "i"), n_iters=100, hooks=[Closing()])
    (running,) = executor.run().experiments
    assert running.results == {"i": {0: 0, 1: 1, 2: 2}}
    assert not running.is_alive
