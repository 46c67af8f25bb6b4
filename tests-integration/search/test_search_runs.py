"""Searches with engines of Optuna, from end to end: one table, whoever runs it and whatever dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from research_search import ASHA, NSGA2, TPE, Random
from research_stack import EC, Domain, E, OptionError, Research, ResearchResults, loguniform

TREE = Domain(model=["tree"], depth=[1, 2, 4, 8])
NET = Domain(model=["net"], width=[1, 2, 3], act=["relu", "tanh"])
DOMAIN = (TREE + NET) * Domain(rate=loguniform(0.01, 1))
SEARCH = TPE("loss", stop=ASHA(), n_startup_trials=5)


def train(rate, model, width=1, depth=1, act="relu"):
    for step in range(1, 28):
        time.sleep(float(os.environ.get("SECONDS_PER_STEP", 0)))
        yield abs(rate - 0.3) * width * depth + 1 / step + (model == "tree") * 0.1 + (act == "tanh") * 0.05


def run(name, search=SEARCH, domain=DOMAIN, n_configs=30, **options):
    research = Research(name, domain, n_configs=n_configs)
    research.add_generator("train", train, kwargs=EC(), save_to="loss")
    options = {"n_iters": 27, "slots": 8, "seed": 1, "bar": False, "quiet": True, **options}
    return research.run(search=search, **options).results


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_table_is_the_same_with_any_number_of_workers():
    one = run("one", parallel=False)
    assert len(one.experiments) == 30
    assert 0 < one.experiments["stopped"].notna().sum() < 30
    for workers in (1, 2, 5):
        other = run(f"by {workers}", workers=workers)
        assert other.df.equals(one.df)
        assert other.experiments["stopped"].equals(one.experiments["stopped"])


SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import test_search_runs
if __name__ == "__main__":
    test_search_runs.run("killed", workers=2, dump_results=1)
"""


def test_a_search_that_was_killed_goes_on_to_the_same_table():
    undisturbed = run("undisturbed", parallel=False)
    Path("script.py").write_text(SCRIPT.format(folder=str(Path(__file__).parent)))
    process = subprocess.Popen([sys.executable, "script.py"], env={**os.environ, "SECONDS_PER_STEP": "0.002"})
    while process.poll() is None and ended("killed") < 8:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    resumed = run("killed", seed=None, resume=True, workers=3)
    assert resumed.df.equals(undisturbed.df)
    assert resumed.experiments["stopped"].equals(undisturbed.experiments["stopped"])


def ended(name):
    try:
        return int((ResearchResults(name).experiments["status"] == "done").sum())
    except Exception:
        return 0


def test_branches_share_a_root_and_its_parameters():
    loads = []

    def load(depth):
        loads.append(depth)
        return depth * 10

    domain = Domain(depth=[1, 2, 3]) * Domain(rate=loguniform(0.01, 1))
    research = Research("roots", domain, n_configs=24)
    research.add_callable("load", load, depth=EC("depth"), root=True)
    research.add_callable(
        "loss", lambda rate, depth: abs(rate - 0.3) + depth, [EC("rate"), EC("depth")], save_to="loss"
    )
    research.run(search=TPE("loss"), branches=4, slots=8, parallel=False, bar=False, quiet=True, seed=1)
    assert len(research.results.experiments) == 24
    assert len(loads) == 6


def test_a_search_begins_with_what_another_research_has_found():
    old = run("old", Random("loss"), parallel=False)
    best = old.df.groupby("id")["loss"].last().min()
    new = run("new", TPE("loss", known="old"), parallel=False, n_configs=10, seed=2)
    assert new.df.groupby("id")["loss"].last().median() < old.df.groupby("id")["loss"].last().median()
    assert new.df["loss"].min() < best * 1.5
    with pytest.raises(OptionError, match="known"):
        run("other", TPE("loss", known="old"), NET * Domain(rate=loguniform(0.01, 1)), parallel=False)


def test_a_race_spends_repetitions_on_configs_that_are_good():
    def noisy(x, random):
        return abs(x - 0.3) + random.normal() / 10

    def race(name, **options):
        research = Research(name, Domain(x=[step / 40 for step in range(40)]), n_configs=20, n_reps=4)
        research.add_callable("noisy", noisy, [EC("x"), E().random], save_to="loss")
        options = {"slots": 4, "seed": 1, "bar": False, "quiet": True, **options}
        return research.run(search=TPE("loss", race=True), **options)

    research = race("race", parallel=False)
    counts = research.results.df.groupby("x").size()
    assert set(counts) == {1, 2, 4} and len(counts) == 20
    assert len(research.results.df) < 60
    many = counts[counts == 4].index
    assert abs(many - 0.3).to_numpy().mean() < abs(counts.index - 0.3).to_numpy().mean()
    assert {len(trial.intermediate_values) for trial in research.search.study.trials if trial.values} == {
        1,
        2,
    }
    assert race("again", workers=3).results.df.equals(research.results.df)


def test_configs_of_ones_own_come_first():
    first = [
        {"model": "tree", "depth": 8, "rate": 0.5},
        {"model": "net", "width": 3, "act": "tanh", "rate": 0.3},
    ]
    results = run("first", TPE("loss", first=first), parallel=False, n_configs=4)
    configs = [dict(config) for config in results.configs.values()][:2]
    assert configs == first


def test_several_objectives_and_minus():
    research = Research("both", Domain(x=list(range(40))), n_configs=20)
    research.add_callable("both", lambda x: (x, x**0.5), x=EC("x"), save_to=["cost", "gain"])
    research.run(search=NSGA2(["cost", "-gain"]), parallel=False, bar=False, quiet=True, seed=1)
    assert len(research.results.experiments) == 20


def test_a_search_ends_when_all_configs_were_tried():
    research = Research("small", Domain(x=[1, 2, 3], y=["a", "b"]), n_configs=50)
    research.add_callable("loss", lambda x, y: x, kwargs=EC(), save_to="loss")
    research.run(search=TPE("loss"), parallel=False, bar=False, quiet=True, seed=1)
    assert len(research.results.experiments) == 6


def test_a_search_by_name_looks_at_the_only_variable():
    results = run("named", "random", parallel=False, n_configs=5)
    assert len(results.experiments) == 5
    research = Research("two", Domain(x=[1, 2, 3])).add_callable(
        "f", lambda x: (x, x), x=EC("x"), save_to=["a", "b"]
    )
    with pytest.raises(OptionError, match=r"Random\('a'\)"):
        research.run(search="random", parallel=False, bar=False)
