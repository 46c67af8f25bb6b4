"""Stops and failures in every place, against an oracle that knows no roots, threads or siblings."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest

from research_experiment import EC, E, Executor, Experiment, O

N_ITERS = 3
NAMES = ("a", "b", "c", "d", "z")
NEEDS = {"a": None, "b": "a", "c": None, "d": "b", "z": "c"}  # z is due in the last iteration only
LAYOUTS = {"no root": "", "root first": "a", "root apart": "c", "roots around": "ac", "chain of roots": "ab"}


class Broken(Exception):
    pass


@dataclass(frozen=True)
class Event:
    """`unit` stops or fails in `iteration`, in the branches whose config says so, or for all in a root."""

    kind: str
    unit: str
    iteration: int
    branches: tuple[int, ...]


def play(event: Event, name: str, config: dict, iteration: int, given: object) -> tuple:
    hit = event.unit == name and event.iteration == iteration
    if hit and (config is None or config["branch"] in event.branches):
        raise StopIteration if event.kind == "stop" else Broken(name)
    return (name, iteration, given)


def build(event: Event, roots: str) -> Experiment:
    experiment = Experiment()
    for name in NAMES:
        root = name in roots
        needed = NEEDS[name]
        experiment.add_callable(
            name,
            play,
            args=[event, name, None if root else EC(), E().iteration, None if needed is None else O(needed)],
            root=root,
            save_to=name,
            when="last" if name == "z" else 1,
        )
    return experiment


def oracle(event: Event, roots: str, branch: int, finalize: bool) -> tuple[dict, tuple | None]:
    """Play one branch alone, as if everything were its own."""
    outputs: dict[str, tuple] = {}
    saved: dict[str, dict[int, tuple]] = {}
    missing: set[str] = set()
    failure = None
    ending = False
    for iteration in range(N_ITERS):
        last = iteration == N_ITERS - 1
        for name in NAMES:
            if name == "z" and not last:
                continue
            if ending and NEEDS[name] in missing:
                missing.add(name)
                continue
            if ending and not finalize:
                continue
            hit = (event.unit, event.iteration) == (name, iteration)
            if hit and (name in roots or branch in event.branches):
                ending = last = True
                if event.kind == "fail" or name not in outputs:
                    missing.add(name)
                if event.kind == "fail":
                    failure = (name, iteration)
                continue
            outputs[name] = (name, iteration, outputs.get(NEEDS[name]))
            saved.setdefault(name, {})[iteration] = outputs[name]
        if last:
            break
    return saved, failure


@pytest.mark.parametrize("finalize", [True, False], ids=["finalize", "break off"])
@pytest.mark.parametrize("target", ["for", "threads"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["stop", "fail"])
def test_every_ending_leaves_what_the_oracle_says(kind, layout, target, finalize, caplog):
    caplog.set_level("CRITICAL", logger="research.experiment")
    roots = LAYOUTS[layout]
    for unit, iteration, hit in itertools.product(NAMES, range(N_ITERS), [(0,), (1,), (0, 1), ()]):
        event = Event(kind, unit, iteration, hit)
        executor = Executor(
            build(event, roots),
            configs=[{"branch": 0}, {"branch": 1}],
            target=target,
            n_iters=N_ITERS,
            finalize=finalize,
        ).run()
        for branch, running in enumerate(executor.experiments):
            saved, failure = oracle(event, roots, branch, finalize)
            assert running.results == saved, (event, branch)
            found = running.failure and (running.failure.unit, running.failure.iteration)
            assert found == failure, (event, branch)
            assert running.is_failed is (failure is not None)
            assert not running.is_alive


@pytest.mark.parametrize("finalize", [True, False])
def test_first_failure_is_the_cause_when_several_units_fail(finalize):
    experiment = Experiment()
    for name in "xyz":
        experiment.add_callable(name, fail_with, args=[name])
    (running,) = Executor(experiment, finalize=finalize).run().experiments
    assert (running.failure.unit, running.failure.message) == ("x", "x")


def fail_with(text):
    raise ValueError(text)


@pytest.mark.parametrize("target", ["for", "threads"])
def test_last_unit_of_a_root_runs_when_the_last_branch_ends(target):
    experiment = (
        Experiment()
        .add_generator("steps", range, args=[EC("n")])
        .add_callable("end", lambda: "end", root=True, when="last", save_to="end")
    )
    executor = Executor(experiment, configs=[{"n": 1}, {"n": 3}], target=target).run()
    first, second = executor.experiments
    assert first.results == {}
    assert second.results == {"end": {3: "end"}}


@pytest.mark.parametrize("finalize", [True, False])
def test_root_goes_on_for_the_others_and_leaves_ended_branches_alone(finalize):
    experiment = (
        Experiment()
        .add_callable("before", lambda: "r", root=True, save_to="before")
        .add_generator("steps", range, args=[EC("n")], save_to="step")
        .add_callable("after", lambda: "r", root=True, save_to="after")
    )
    executor = Executor(experiment, configs=[{"n": 1}, {"n": 4}], finalize=finalize, target="for").run()
    first, second = executor.experiments
    assert list(first.results["before"]) == [0, 1]
    assert list(first.results["after"]) == ([0, 1] if finalize else [0])
    assert list(second.results["before"]) == [0, 1, 2, 3, 4]
    assert list(second.results["after"]) == ([0, 1, 2, 3, 4] if finalize else [0, 1, 2, 3])
