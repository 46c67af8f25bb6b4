"""The public API as a user's type checker sees it; checked by mypy --strict, never run."""

from __future__ import annotations

from typing import assert_type

import pandas as pd

from research_experiment import StartedExperiment, Storage
from research_results import FolderStorage, MemoryStorage
from research_stack import (
    EC,
    Comparison,
    Config,
    ConfigAlias,
    Domain,
    E,
    Executor,
    Experiment,
    O,
    Option,
    Research,
    ResearchResults,
    compare,
)


def add(x: int, y: int) -> int:
    return x + y


domain = Domain(x=[1, 2]) * Option("y", [3]) + 0.5 * Domain({"x": [4]})
assert_type(domain.copy(), Domain)
for alias in domain:
    assert_type(alias, ConfigAlias)
    assert_type(alias.config(), Config)

experiment = (
    Experiment().add_callable("add", add, x=EC("x"), y=EC("y"), save_to="sum").save(O("add") * 2, "twice")
)
assert_type(experiment, Experiment)
assert_type(Executor(experiment, configs=[{"x": 1, "y": 2}]).run(), Executor)
with experiment.init(0, {"x": 1, "y": 2}) as started, Executor(experiment) as executor:
    assert_type(started, StartedExperiment)
    assert_type(executor, Executor)
experiment.save(O("add", all=True), "all").save(EC("x", all=True), "every_x")

research = Research("sums", domain, experiment, n_reps=2).add_generator("steps", range, args=[3])
assert_type(research, Research)
assert_type(research.run(workers=2, branches=[{"b": 1}], seed=1, bar=False), Research)
research.update_domain(lambda: Domain(x=[5]), when=["%5", "last"])
random = E().random
frame: pd.DataFrame = research.results.df
both = ResearchResults(["sums", ResearchResults("products", x=1)])
assert_type(compare("sums", research, both, variables="sum", at=0), Comparison)
assert_type(both.compare("sums/a", "sums/b").differences[0].mean, float)
storages: list[Storage] = [MemoryStorage(), FolderStorage.create("sums")]  # what a runner takes
