"""What a research answers before and after its run."""

from pathlib import Path

import pytest

from research_runner import NotRunError
from research_stack import EC, Domain, Research


@pytest.fixture(params=[True, False], ids=["folder", "memory"])
def where(request):
    return {"parallel": False, "bar": False, "dump_results": request.param}


def small():
    return Research("small", Domain(x=[1, 2])).add_callable("one", lambda x: x, x=EC("x"), save_to="y")


@pytest.mark.parametrize("name", ["results", "monitor", "storage", "profiler"])
def test_what_comes_with_the_run_is_not_there_before(name, where):
    research = small()
    assert not hasattr(research, name)
    with pytest.raises(NotRunError, match="has not been run yet"):
        getattr(research, name)
    research.run(**where)
    assert hasattr(research, name)


def test_devices_are_shared_between_the_workers_and_branches_of_the_last_run(where):
    research = small()
    assert research.get_devices([1, 2]) == [[["1", "2"]]]
    research.plan(workers=5)
    research.run(workers=3, branches=[{"b": 1}, {"b": 2}], **where)
    assert research.get_devices([1, 2]) == [[["1"], ["1"]], [["1"], ["2"]], [["2"], ["2"]]]
    assert research.get_devices([1, 2], workers=1, branches=2) == [[["1"], ["2"]]]


def test_the_environment_can_be_kept_after_the_run():
    research = small().run(parallel=False, bar=False)
    assert not Path("small/env").exists()
    research.attach_env_meta().attach_git_meta("no/such/folder")
    assert {path.name for path in Path("small/env").iterdir()} == {"python", "packages", "git"}
    assert "numpy==" in Path("small/env/packages").read_text()
    assert research.results.df["y"].tolist() == [1, 2]


def test_the_environment_can_be_kept_in_memory_after_the_run():
    research = small().run(parallel=False, bar=False, dump_results=False).attach_env_meta()
    assert "numpy==" in research.storage.environment["packages"]


@pytest.mark.parametrize("seed", [None, True, False])
def test_without_a_number_each_run_draws_anew_and_is_resumed_with_what_it_drew(seed):
    names = ("one", "two")
    entropies = [small().run(name, seed=seed, bar=False).storage.meta["entropy"] for name in names]
    assert entropies[0] != entropies[1]
    again = small().run("one", seed=seed, bar=False, resume=True)
    assert again.storage.meta["entropy"] == entropies[0]
