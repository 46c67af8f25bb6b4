"""The same small research in every way it can be run: the same results, and nothing is left behind."""

import subprocess
import sys
from itertools import product

import pandas as pd
import pytest

from research_runner.pool import kept

ENGINES = [("inline", None), *product(["processes"], ["fork", "forkserver", "spawn"])]
VOLATILE = {"started", "elapsed_s", "worker", "traceback"}

TABLE = {"id", "x", "iteration", "noise", "scaled", "inverse"}


def facts(results):
    """Return what does not depend on how it was run: the table, the experiments, and the failures."""
    return [
        results.df,
        results.experiments.drop(columns=VOLATILE, errors="ignore"),
        results.failures.drop(columns=VOLATILE, errors="ignore"),
    ]


@pytest.fixture(scope="module")
def expected(make_study, tmp_path_factory):
    """The facts of one run of the same study, in this process, in memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("expected"))
        options = {"parallel": False, "dump_results": False, "bar": False}
        return facts(make_study().run(n_iters=3, seed=17, **options).results)


@pytest.mark.parametrize(("engine", "start_method"), ENGINES)
@pytest.mark.parametrize("dump_results", [True, False], ids=["disk", "memory"])
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("branches", [1, 3])
@pytest.mark.parametrize("target", ["for", "threads"])
def test_results_are_the_same_and_nothing_is_left(
    engine, start_method, dump_results, workers, branches, target, expected, traces, make_study
):
    options = {"start_method": start_method} if start_method else {"parallel": False}
    research = make_study().run(
        workers=workers,
        branches=branches,
        dump_results=dump_results,
        executor_target=target,
        n_iters=3,
        seed=17,
        bar=False,
        **options,
    )
    found = facts(research.results)
    assert research.monitor.finished_experiments == 6
    assert research.monitor.failed_experiments == 1
    assert (found[0].shape, set(found[0].columns)) == ((18, 6), TABLE)
    del research
    traces.check()
    ends = found[0].dropna(subset="inverse").set_index("x")
    assert ends["scaled"].to_dict() == {x: 7 * x + 10 for x in range(5)}
    assert ends["inverse"].to_dict() == {x: 1 / (x + 1) for x in range(5)}
    for table, wanted in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(table, wanted, check_exact=True)
        assert table.to_csv() == wanted.to_csv()


@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_runs_of_one_script_start_their_workers_from_one_process(
    start_method, make_study, monkeypatch, traces
):
    made = []
    link_class = kept.SupervisorLink
    monkeypatch.setattr(kept, "SupervisorLink", lambda *given: made.append(given) or link_class(*given))
    for number in range(3):
        make_study(f"study-{number}").run(workers=2, n_iters=3, start_method=start_method, bar=False)
    assert len(made) == 1
    traces.check()


@pytest.mark.parametrize("workers", [2, 5])
def test_more_workers_change_nothing(workers, make_study):
    alone, together = (
        make_study(str(number)).run(workers=number, n_iters=3, seed=3, bar=False) for number in (1, workers)
    )
    for table, wanted in zip(facts(together.results), facts(alone.results), strict=True):
        pd.testing.assert_frame_equal(table, wanted, check_exact=True)


def test_leftovers_are_noticed(own_folder, traces):
    file = (own_folder / "temporary" / "left").open("w")
    with pytest.raises(AssertionError, match="left"):
        traces.check()
    file.close()
    (own_folder / "temporary" / "left").unlink()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with child, pytest.raises(AssertionError, match=str(child.pid)):
        traces.check()
    traces.check()
