"""What a research leaves, read by research-results: on disk and in memory, live and afterwards."""

from importlib.metadata import entry_points

import numpy as np
import pandas as pd
import pytest

from research_domain import Alias, Domain
from research_experiment import EC, EP
from research_results import FolderStorage, MemoryStorage, Opaque, ResearchResults
from research_runner import Research


class Net:
    """A class of the user's."""

    def __init__(self, size):
        self.size = size

    def __eq__(self, other):
        return type(other).__name__ == "Net" and self.size == other.size

    def __hash__(self):
        return self.size


def make(n):
    if n == 3:
        raise ValueError("n must not be 3")
    return {
        "int": 2**70 + n,
        "small": np.float32(n) / 3,
        "array": np.arange(n),
        "large": np.full(20_000, n),
        "nested": {"a": [(n, None)], "b": {n}},
        "frame": pd.DataFrame({"x": [n, n]}),
        "text": f"é{n}",
        "object": Net(n),
        "truth": n > 1,
    }


def leave(path, n):
    (path / "model.txt").write_text(str(n))


def run(name, **options):
    research = Research(name=name, domain=Domain(n=[1, 2, 3], net=[Alias(Net, "net")]), n_reps=2)
    names = list(make(1))
    research.add_callable("make", lambda n: tuple(make(n).values()), n=EC("n"), save_to=names)
    research.add_callable("leave", leave, path=EP(), n=EC("n"))
    research.run(bar=False, seed=1, finalize=False, **options)
    return research


PLAIN = ["int", "small", "text", "truth"]


def test_storages_are_found_by_name():
    found = {entry.name: entry.load() for entry in entry_points(group="research.storages")}
    assert found == {"folder": FolderStorage, "memory": MemoryStorage}


@pytest.mark.parametrize(
    "options",
    [{"parallel": False, "executor_target": "for"}, {"workers": 2}],
    ids=["inline", "processes"],
)
def test_values_of_every_kind_come_back_from_where_they_were_made(options):
    disk = run("disk", dump_results=True, **options)
    memory = run("memory", dump_results=False, **options)
    found = ResearchResults("disk", allow_pickle=True).load_results()
    held = memory.results.load_results()
    assert found.keys() == held.keys() and len(found) == 6
    made = [values for values in found.values() if values]
    assert len(made) == 4
    for values in made:
        n = values["int"][0] - 2**70
        expected = make(n)
        assert values.keys() == expected.keys()
        for name, value in expected.items():
            assert type(values[name][0]).__qualname__ == type(value).__qualname__
            assert np.all(np.asarray(values[name][0] == value))
    pd.testing.assert_frame_equal(
        disk.results.to_df(name=PLAIN, use_alias=True), memory.results.to_df(name=PLAIN, use_alias=True)
    )


def test_a_folder_is_read_without_the_code_that_made_it():
    run("study", parallel=False, executor_target="for")
    results = ResearchResults("study")
    frame = results.to_df(domain=Domain(n=[1, 2]))
    assert frame["n"].tolist() == [1, 2, 1, 2]
    assert frame["int"].tolist() == [2**70 + 1, 2**70 + 2] * 2
    assert all(isinstance(value, Opaque) for value in [*frame["object"], *frame["net"]])
    assert results.to_df(alias={"net": "net"}, n="2")["truth"].tolist() == [True, True]
    files = results.artifacts_to_df()
    assert files["artifact_name"].tolist() == ["model.txt"] * 4


def test_failures_are_kept_with_their_traceback():
    run("study", workers=2)
    results = ResearchResults("study")
    assert sorted(results.experiments["status"]) == ["done"] * 4 + ["failed"] * 2
    failures = results.failures
    assert failures["type"].tolist() == ["ValueError"] * 2
    assert failures["unit"].tolist() == ["make"] * 2
    assert all("n must not be 3" in text for text in failures["traceback"])
    assert results.summary().counts == {"done": 4, "failed": 2}
