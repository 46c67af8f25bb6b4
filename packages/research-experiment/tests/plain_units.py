"""What several files of tests run: functions and classes for units, and how an experiment is run."""

from __future__ import annotations

from typing import NamedTuple

from research_experiment import Executor


def power(a, b=2):
    return a**b


def numbers(n):
    yield from range(n)


class Point(NamedTuple):
    x: object
    y: object


class Counter:
    made = 0

    def __init__(self, start=0, **more):
        type(self).made += 1
        self.value = start
        self.more = more

    def add(self, by=1):
        self.value += by
        return self.value

    def upto(self, n):
        yield from range(self.value, n)

    def __call__(self, x):
        return x + self.value


def run_to_end(experiment, config=None, **options):
    """Return the one experiment that was run, however it ended."""
    options.setdefault("target", "for")
    (running,) = Executor(experiment, configs=[config or {}], **options).run().experiments
    return running


def run_all(experiment, *configs, target="for", **options):
    """Return the experiments that were run, none of which may have failed."""
    executor = Executor(experiment, configs=configs or None, target=target, **options).run()
    for running in executor.experiments:
        assert running.failure is None, running.failure.traceback
    return executor.experiments


def run(experiment, config=None, **options):
    """Return the one experiment that was run, which may not have failed."""
    (running,) = run_all(experiment, config or {}, **options)
    return running
