"""What libraries find in the environment of a worker: how many threads they may have, the seed of hashes."""

import os

import pytest

from research_runner.errors import OptionError
from research_runner.system.libraries import available_cores
from research_stack import EC, Domain, Research

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch):
    for name in (*THREADS, "PYTHONHASHSEED"):
        monkeypatch.delenv(name, raising=False)


def look(x, name):
    return os.environ.get(name)


def environment(name, **options):
    research = Research("look", Domain(x=[1, 2])).add_callable(
        "look", look, x=EC("x"), name=name, save_to="y"
    )
    (value,) = set(research.run(bar=False, dump_results=False, **options).results.df["y"])
    return value


@pytest.mark.parametrize("name", THREADS)
@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_libraries_share_the_cores(name, start_method):
    fair = max(available_cores() // 2, 1)
    assert environment(name, workers=2, start_method=start_method) == str(fair)


@pytest.mark.parametrize("name", THREADS)
def test_what_the_user_has_set_holds_unless_run_says_otherwise(name, monkeypatch):
    monkeypatch.setenv(name, "7")
    assert environment(name, workers=2) == "7"
    assert environment(name, workers=2, threads=3) == "3"


@pytest.mark.parametrize("options", [{"parallel": False}, {"start_method": "fork"}], ids=str)
def test_processes_that_have_imported_everything_are_left_alone(options):
    assert environment("OMP_NUM_THREADS", **options) is None
    assert environment("PYTHONHASHSEED", **options) is None


@pytest.mark.parametrize("options", [{"parallel": False}, {"start_method": "fork"}], ids=str)
def test_threads_that_come_too_late_are_refused(options):
    with pytest.raises(OptionError, match="threads: this process has imported its libraries"):
        environment("OMP_NUM_THREADS", threads=1, **options)


@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_sets_have_one_order_in_all_workers(start_method):
    names = [f"name {number}" for number in range(50)]

    def order(x, names):
        return " ".join(set(names))

    research = Research("order", Domain(x=[1, 2, 3])).add_callable(
        "order", order, x=EC("x"), names=names, save_to="y"
    )
    research.run(workers=3, tasks_per_worker=1, start_method=start_method, bar=False, dump_results=False)
    assert research.results.df["y"].nunique() == 1


def test_a_hash_seed_of_the_user_holds(monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "5")
    assert environment("PYTHONHASHSEED") == "5"
