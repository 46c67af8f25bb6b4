"""Functions and a class that are units in several files of tests, and how an experiment of them is run."""

from __future__ import annotations

from research_experiment import Executor


def power(a, b=2):
    return a**b


def numbers(n):
    yield from range(n)


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


def run(experiment, config=None, **options):
    (running,) = Executor(experiment, configs=[config or {}], target="for", **options).run().experiments
    assert running.failure is None, running.failure.traceback
    return running
