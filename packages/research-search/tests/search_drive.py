"""A loop that asks, reports and tells, as a run does."""

from __future__ import annotations

from dataclasses import replace

from research_domain import ConfigAlias, When
from research_runner.searching import Question, Report, SearchContext, Told, Verdict


def context(domain, n_iters=27, root=(), history=lambda name, variables: (), seed=1):
    return SearchContext(domain, None, n_iters, seed, frozenset(root), history)


def seed_of(number):
    return (number * 7919 + 13) % 2**32


class Drive:
    """Runs experiments one after another, with some under way at once in virtual time."""

    def __init__(self, factory, domain, curve, *, slots=1, branches=1, known=(), **settings):
        self.domain, self.curve, self.slots, self.branches = domain, curve, slots, branches
        self.search = factory.make(context(domain, **settings))
        self.search.begin(domain, known)
        self.told: list[Told] = []
        self.asked: list[ConfigAlias] = []
        self.running: list[Told] = []
        self.by_config: dict[str, Told] = {}
        self.ended = False

    def run(self, n):
        """Run n experiments, of which those with an equal config are answered from the record."""
        while not self.ended and len(self.told) + len(self.running) < n:
            if len(self.running) >= self.slots:
                self.tell(self.running.pop(0))
            first = None
            for _ in range(self.branches):
                number = len(self.asked)
                config = self.search.ask(Question(number, 0, seed_of(number), first))
                if config is None:
                    self.ended = True
                    break
                first = number if first is None else first
                assert config in self.domain
                self.asked.append(config)
                self.running.append(self.experiment(number, config))
        while self.running:
            self.tell(self.running.pop(0))
        return self

    def tell(self, told):
        self.told.append(told)
        self.search.tell(told)

    def experiment(self, number, config):
        name, seen = config.alias(as_string=True), len(self.told)
        if name in self.by_config:
            before = self.by_config[name]
            return replace(before, number=number, config=config, same_as=before.number)
        told = self.by_config[name] = self.executed(number, config, seen)
        return told

    def executed(self, number, config, seen):
        try:
            values = self.curve(config.config())
        except ArithmeticError:
            return Told(number, config, None, (), 1, "failed")
        values = [value if isinstance(value, tuple) else (value,) for value in values]
        when = None if self.search.steps is None else When.parse(self.search.steps)
        reports = []
        for step, value in enumerate(values, 1):
            if when is not None and step < len(values) and when.due(step - 1):
                reports.append(Report(step, value))
                if self.search.report(number, step, value, seen) is Verdict.STOP:
                    return Told(number, config, value, tuple(reports), step, "stopped")
        return Told(number, config, values[-1], tuple(reports), len(values), "done")

    @property
    def best(self):
        done = [told.values[0] for told in self.told if told.status == "done"]
        return min(done)

    def trace(self):
        return [(told.config.alias(as_string=True), told.steps, told.status) for told in self.told]
