"""What an iteration of an experiment costs, as ratios of CPU times measured in one run.

Run with ``python benchmarks/experiment.py``; it exits with 1 when a ratio is over its limit.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from research_domain import ConfigAlias, Identifier
from research_experiment import (
    EC,
    Executor,
    Experiment,
    ExperimentPlan,
    Hook,
    MemorySink,
    O,
    Surroundings,
    TextCapture,
)
from research_experiment.execution.settings import ExecutorSettings

N_ITERS = 10_000
ROUNDS = 7


def first(x):
    return x + 1


def second(y):
    return y * 2


def third(z):
    return z - 1


def build(root: bool) -> ExperimentPlan:
    return (
        Experiment()
        .add_callable("first", first, args=[EC("same")], root=root)
        .add_callable("second", second, args=[O("first")])
        .add_callable("third", third, args=[O("second")], save_to="third")
        .build()
    )


PLAN, PLAN_WITH_ROOT = build(root=False), build(root=True)


class OnIteration(Hook):
    def iterated(self, experiment):
        pass


class OnCall(Hook):
    def called(self, experiment, unit, started_s, elapsed_s):
        pass


def chain(count: int) -> ExperimentPlan:
    """Return a plan of that many units, each of which gets the output of the one before."""
    growing = Experiment().add_callable("unit_0", first, args=[EC("x")])
    for number in range(1, count):
        growing = growing.add_callable(f"unit_{number}", first, args=[O(f"unit_{number - 1}")])
    return growing.build()


CHAINS = {count: chain(count) for count in (2, 12)}


def ten_unit_calls() -> float:
    """Return the time of ten more units in each iteration."""
    few, many = (experiment(plan=plan, n_iters=N_ITERS // 4) for plan in CHAINS.values())
    return many - few


def ten_plain_calls() -> float:
    """Return the time of ten more functions in each iteration of the plain loop."""
    few, many = (plain_loop(N_ITERS // 4, count) for count in CHAINS)
    return many - few


def plain_loop(n_iters: int = N_ITERS, count: int = 0) -> float:
    """Call the same functions, or a chain of so many, from a list of (name, function, argument getters)."""
    outputs, results, config = {}, {}, {"x": 3}
    units = [
        ("first", first, [lambda: config["x"]]),
        ("second", second, [lambda: outputs["first"]]),
        ("third", third, [lambda: outputs["second"]]),
    ]
    if count:
        units = [("third", first, [lambda: config["x"]])]
        for number in range(1, count):
            units.append((f"unit_{number}", first, [lambda: outputs["third"]]))
    started_s = time.process_time()
    for iteration in range(n_iters):
        for name, function, getters in units:
            outputs[name] = function(*[get() for get in getters])
        results[iteration] = outputs["third"]
    return time.process_time() - started_s


def experiment(n_branches: int = 1, n_iters: int = N_ITERS, plan: ExperimentPlan = PLAN, **options) -> float:
    configs = [{"same": 3, "x": index} for index in range(n_branches)]
    executor = Executor(plan, configs=configs, n_iters=n_iters, target="for", **options)
    started_s = time.process_time()
    executor.run()
    return time.process_time() - started_s


def many(count: int) -> float:
    """Return the time of making and running an executor per experiment of one iteration."""
    started_s = time.process_time()
    for index in range(count):
        Executor(PLAN, configs=[{"same": 3, "x": index}]).run()
    return time.process_time() - started_s


def many_short_us(count: int) -> float:
    """Return the CPU time of an experiment of one short unit, made and run as a worker does."""
    plan = Experiment().add_callable("first", first, x=EC("x"), save_to="y").build()
    settings = ExecutorSettings.parse(plan, surroundings=Surroundings(), sink=MemorySink())
    identifier, configs = Identifier(), [ConfigAlias({"x": index}) for index in range(count)]
    tasks = [[(identifier.identify(config), config)] for config in configs]
    started_s = time.process_time()
    for task in tasks:
        Executor.of(settings, task).run().forget()
    return (time.process_time() - started_s) / count * 1e6


def four_single() -> float:
    return sum(experiment(n_iters=N_ITERS // 4) for _ in range(4))


def ratio(measure: Callable[[], float], base: Callable[[], float]) -> float:
    """Return the median over rounds of two measurements made one after the other."""
    return statistics.median(measure() / base() for _ in range(ROUNDS))


CASES: list[tuple[str, Callable[[], float], Callable[[], float], float | None]] = [
    ("three units / plain loop", experiment, plain_loop, 1.5),
    ("ten units more / ten functions more in the plain loop", ten_unit_calls, ten_plain_calls, 1.2),
    ("the same with two hooks", lambda: experiment(hooks=[OnIteration(), OnCall()]), plain_loop, 8.0),
    ("the same with capture", lambda: experiment(capture=TextCapture()), plain_loop, None),
    ("the same with profile=1", lambda: experiment(profile=1), plain_loop, None),
    (
        "four branches in turn / four single ones",
        lambda: experiment(n_branches=4, n_iters=N_ITERS // 4),
        four_single,
        1.2,
    ),
    (
        "four branches in turn with a root / four single ones without",
        lambda: experiment(n_branches=4, n_iters=N_ITERS // 4, plan=PLAN_WITH_ROOT),
        four_single,
        1.4,
    ),
]


def main() -> int:
    plain_loop(), experiment()  # warm up
    failed = False
    loop_us = statistics.median(plain_loop() for _ in range(ROUNDS)) / N_ITERS * 1e6
    print(f"plain loop over three functions: {loop_us:.2f} us an iteration")
    for name, measure, base, limit in CASES:
        found = ratio(measure, base)
        over = limit is not None and found > limit
        failed |= over
        bound = "" if limit is None else f" (limit {limit}){' OVER' if over else ''}"
        print(f"{name}: {found:.2f}{bound}")
    count = 500
    whole_us = statistics.median(many(count) for _ in range(ROUNDS)) / count * 1e6
    print(f"making and running an experiment of one iteration: {whole_us:.0f} us")
    short_us = min(many_short_us(count) for _ in range(ROUNDS))
    print(f"the same of one short unit, as workers do it: {short_us:.1f} us of CPU")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
