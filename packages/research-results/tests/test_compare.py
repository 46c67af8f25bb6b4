"""Researches and experiments compared: parameters, variables with their spread, code and surroundings."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from research_results import FolderStorage, MemoryStorage, ResearchResults, compare
from research_results.errors import (
    ArgumentError,
    NotAResearchError,
    UnknownExperimentError,
    UnknownVariableError,
)

FAILURE = SimpleNamespace(cause="exception", type="ValueError", message="no", traceback="")


def make(path, configs, n_reps=2, meta=None, **values):
    """Write a research; `values` are functions of config and repetition; a division by 0 is a failure."""
    with FolderStorage.create(path) as storage:
        storage.update_meta(**(meta or {}))
        for index, config in enumerate(configs):
            for repetition in range(n_reps):
                name = f"{index}-{repetition}"
                storage.add(name, {**config, "repetition": repetition}, index=index)
                try:
                    for variable, value in values.items():
                        storage.put(name, {variable: {0: 9.0, 1: value(config, repetition)}})
                    storage.mark(name, "done")
                except ZeroDivisionError:
                    storage.mark(name, "failed", failure=FAILURE)
    return path


@pytest.fixture
def pair(tmp_path):
    """Two researches; two configs are in both."""

    def loss(config, repetition):
        return config["lr"] * config.get("factor", 1) + repetition

    a = make(tmp_path / "a", [{"lr": lr, "model": "net"} for lr in (0.5, 1.0, 2.0)], loss=loss)
    b = make(
        tmp_path / "b",
        [{"lr": lr, "model": "net", "factor": 3} for lr in (1.0, 2.0, 4.0)],
        n_reps=3,
        loss=loss,
    )
    return a, b


def test_parameters_that_differ_are_named_with_their_values_and_equal_ones_are_not(pair):
    table = compare(*pair).parameters
    assert list(table) == ["parameter", "a", "b"]
    assert table.to_numpy().tolist() == [
        ["lr", "0.5, 1.0, 2.0", "1.0, 2.0, 4.0"],
        ["repetition", "0, 1", "0, 1, 2"],
        ["factor", None, "3"],
    ]


def test_variables_differ_over_the_configs_that_both_have(pair):
    comparison = compare(*pair)
    first, second = comparison.differences
    assert comparison.shared == first.configs == second.configs == 2
    assert first.mean == pytest.approx(np.mean([1, 2]) + 0.5)
    assert second.mean == pytest.approx(np.mean([3, 6]) + 1)
    assert second.difference == pytest.approx(second.mean - first.mean)
    assert second.std == pytest.approx(np.std([2.5, 4.5], ddof=1))
    of_a, of_b = np.std([0, 1], ddof=1) / math.sqrt(2), np.std([0, 1, 2], ddof=1) / math.sqrt(3)
    assert second.sem == pytest.approx(math.sqrt(2 * (of_a**2 + of_b**2)) / 2)
    assert math.isnan(first.difference) and math.isnan(first.sem)


def test_a_config_in_two_folders_is_one_row(pair):
    frame = compare(*pair).df
    assert frame["lr"].tolist() == [0.5, 1.0, 2.0, 4.0]
    assert frame["loss_a_count"].tolist() == [2, 2, 2, 0] and frame["loss_b_count"].tolist() == [0, 3, 3, 3]
    assert frame["loss_a"].tolist()[:3] == [1.0, 1.5, 2.5] and math.isnan(frame["loss_a"][3])
    assert frame["loss_b_difference"].tolist()[1:3] == [2.5, 4.5]
    assert frame["loss_a_std"][0] == pytest.approx(math.sqrt(0.5))


def test_configs_without_a_common_one_are_compared_by_their_means(tmp_path):
    a = make(tmp_path / "a", [{"lr": 1}, {"lr": 2}], loss=lambda config, _: config["lr"])
    b = make(tmp_path / "b", [{"lr": 3}, {"lr": 5}, {"lr": 7}], loss=lambda config, _: config["lr"])
    comparison = compare(a, b)
    assert comparison.shared == 0
    assert [(row.configs, row.mean) for row in comparison.differences] == [(2, 1.5), (3, 5.0)]
    assert comparison.differences[1].difference == 3.5 and math.isnan(comparison.differences[1].std)


def test_parameters_with_one_value_on_each_side_tell_the_sides_apart_and_not_the_configs(tmp_path):
    a = make(tmp_path / "a", [{"model": "net", "lr": 1}], loss=lambda *_: 1.0)
    b = make(tmp_path / "b", [{"model": "tree", "lr": 1, "depth": 4}], loss=lambda *_: 0.25)
    comparison = compare(a, b)
    assert comparison.parameters["parameter"].tolist() == ["model", "depth"]
    assert comparison.shared == 1 and comparison.differences[1].difference == -0.75


def test_failed_experiments_are_counted_beside_the_mean(tmp_path):
    a = make(
        tmp_path / "a",
        [{"lr": 1}, {"lr": 0}],
        loss=lambda config, repetition: 1 / (config["lr"] + repetition),
    )
    b = make(tmp_path / "b", [{"lr": 1}, {"lr": 0}], loss=lambda *_: 2.0)
    comparison = compare(a, b)
    assert comparison.sides[0].counts == {"done": 3, "failed": 1}
    assert comparison.df[["loss_a_count", "failed_a", "failed_b"]].values.tolist() == [[2, 0, 0], [1, 1, 0]]
    assert "(1, 1 failed)" in str(comparison)


def test_variables_and_which_of_their_values_can_be_chosen(pair):
    assert compare(*pair, at="best").differences[0].mean == pytest.approx(2.0)
    assert compare(*pair, at="best", mode="max").differences[0].mean == 9.0
    assert compare(*pair, at=0).differences[1].difference == 0.0
    assert compare(*pair, variables="loss", lr=1.0).shared == 1
    with pytest.raises(UnknownVariableError, match="did you mean 'loss'"):
        compare(*pair, variables="los")


def test_what_is_no_number_is_left_out_unless_it_is_asked_for(tmp_path):
    paths = [
        make(tmp_path / name, [{"lr": 1}], loss=lambda *_: 1.0, word=lambda *_: "text") for name in ("a", "b")
    ]
    assert {row.variable for row in compare(*paths).differences} == {"loss"}
    with pytest.raises(ArgumentError, match="'word'"):
        compare(*paths, variables="word")


def test_experiments_are_compared_by_their_ids_and_by_their_paths(pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inside = ResearchResults("a").compare("0-0", "2-1")
    assert inside.parameters.to_numpy().tolist() == [["lr", "0.5", "2.0"], ["repetition", "0", "1"]]
    assert inside.differences[1].difference == 2.5 and [side.configs for side in inside.sides] == [1, 1]
    across = compare("a/1-0", "b/0-0")
    assert [side.name for side in across.sides] == ["1-0", "0-0"]
    assert across.differences[1].difference == 2.0
    both = ResearchResults(["a", "b"])
    assert both.compare("a/1-0", "b/0-0").differences[1].difference == 2.0
    assert both.compare().shared == 2
    with pytest.raises(ArgumentError, match="say 'a/0-0'"):
        both.compare("0-0", "b/1-0")
    with pytest.raises(UnknownExperimentError, match="9-9"):
        compare("a/9-9", "b")


def test_memory_results_and_what_has_results_are_compared(pair):
    with MemoryStorage.create() as storage:
        storage.add("0", {"lr": 1.0, "model": "net"})
        storage.put("0", {"loss": {0: 0.5}})
        comparison = compare(SimpleNamespace(results=storage.results), pair[0], ResearchResults(pair[1]))
    assert [side.name for side in comparison.sides] == ["memory", "a", "b"]
    assert comparison.sides[0].path is None
    assert [row.mean for row in comparison.differences] == [0.5, 1.5, 4.0]


def test_two_parts_of_one_research_are_compared(pair):
    comparison = compare(ResearchResults(pair[0], lr=0.5), ResearchResults(pair[0], lr=2.0))
    assert comparison.parameters.to_numpy().tolist() == [["lr", "0.5", "2.0"]]
    assert comparison.differences[1].difference == 1.5
    assert [side.name for side in comparison.sides] == ["lr=0.5", "lr=2.0"]


def test_what_cannot_be_compared_is_refused(pair, tmp_path):
    with pytest.raises(ArgumentError, match="at least two"):
        compare(pair[0])
    with pytest.raises(ArgumentError, match="is given twice; give each one once"):
        compare(pair[0], pair[0])
    with pytest.raises(ArgumentError, match=r"ids of at least two experiments.*compare\('a', 'b'\)"):
        ResearchResults(pair[0]).compare("b")
    with pytest.raises(ArgumentError, match="got a int"):
        compare(pair[0], 7)
    with pytest.raises(NotAResearchError, match="nowhere"):
        compare(pair[0], tmp_path / "nowhere")
    with pytest.raises(ArgumentError, match="at least two experiments"):
        ResearchResults(pair[0]).compare("0-0")
    with pytest.raises(ArgumentError, match="less than two sides"):
        compare(*pair, research="a")


def write_code(path, version, **modules):
    folder = path / "code"
    folder.mkdir()
    listed = [{"name": name, "path": f"{name}.py", "content": content} for name, content in modules.items()]
    (folder / f"{version}.json").write_text(json.dumps({"version": version, "modules": listed}))


def test_code_and_surroundings_that_differ_are_named(tmp_path):
    record = {"since": "now", "python": "3.11.7", "platform": "Linux", "commit": "abc"}
    metas = [
        {
            "options": {"n_iters": 5 * number, "workers": 1},
            "entropy": number,
            "seed_given": True,
            "units": {"train": f"{number}{number}", "test": "same"},
            "versions": [{**record, "packages": {"numpy": f"2.{number}", "scipy": "1.0", f"p{number}": "1"}}],
        }
        for number in (1, 2)
    ]
    paths = []
    for name, meta in zip("ab", metas, strict=True):
        paths.append(make(tmp_path / name, [{"lr": 1}], meta=meta, loss=lambda *_: 1.0))
        with FolderStorage.open(paths[-1]) as storage:
            storage.mark("0-0", "running", attempt=1, host=f"host-{name}", code=f"v{name}")
            storage.mark("0-0", "done")
        write_code(paths[-1], f"v{name}", helpers="same.py", models=f"{name}.py", __main__=f"{name}{name}.py")
    comparison = compare(*paths)
    assert comparison.code.to_numpy().tolist() == [
        ["version", "va", "vb"],
        ["unit train", "11", "22"],
        ["module models", "a.py", "b.py"],
        ["script __main__.py", "aa.py", "bb.py"],
    ]
    assert comparison.environment.to_numpy().tolist() == [
        ["n_iters", "5", "10"],
        ["host", "host-a", "host-b"],
        ["seed", "1", "2"],
        ["numpy", "2.1", "2.2"],
    ]
    text = str(comparison)
    assert "module models" in text and "no difference in parameters" in text


@pytest.mark.parametrize(
    "content", ["", "[]", '{"modules": 7}', '{"modules": [7]}', '{"modules": [{"name": []}]}']
)
def test_a_damaged_record_of_code_leaves_the_versions(tmp_path, content):
    paths = []
    for name in "ab":
        paths.append(make(tmp_path / name, [{"lr": 1}], loss=lambda *_: 1.0))
        with FolderStorage.open(paths[-1]) as storage:
            storage.mark("0-0", "running", attempt=1, code=f"v{name}")
        (paths[-1] / "code").mkdir()
        (paths[-1] / "code" / f"v{name}.json").write_text(content)
    assert compare(*paths).code.to_numpy().tolist() == [["version", "va", "vb"]]


@pytest.mark.parametrize("count", [2, 3, 6])
def test_the_text_is_no_wider_than_a_terminal(tmp_path, count):
    configs = [{"lr": lr, "a_long_name_of_a_parameter": "x" * 40} for lr in range(11)]
    paths = [
        make(
            tmp_path / f"a-long-name-of-a-study-{number}",
            configs,
            1,
            loss=lambda *_: 1 / 3,
            accuracy=lambda *_: 2 / 3,
        )
        for number in range(count)
    ]
    lines = str(compare(*paths)).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split()[-1] == f"a-long-name-of-a-study-{count - 1}" for line in lines)


def test_it_is_plain_data_for_json(pair):
    found = json.loads(json.dumps(compare(*pair).to_dict()))
    assert list(found) == ["sides", "shared", "parameters", "code", "environment", "variables", "configs"]
    assert found["parameters"][2] == {"name": "factor", "values": {"a": [], "b": ["3"]}}
    assert found["configs"][0]["config"] == {"lr": 0.5}
    assert found["configs"][0]["variables"]["loss"]["a"]["mean"] == 1.0
    assert found["configs"][0]["variables"]["loss"]["b"] == {
        "mean": None,
        "std": None,
        "sem": None,
        "count": 0,
    }
    assert found["variables"][0]["difference"] is None


def test_empty_researches_are_compared_without_a_variable(tmp_path, pair):
    with FolderStorage.create(tmp_path / "new"):
        pass
    with FolderStorage.create(tmp_path / "newer"):
        pass
    assert str(compare(tmp_path / "new", tmp_path / "newer")).splitlines()[1].split() == [
        "experiments",
        "none",
        "none",
    ]
    assert compare(pair[0], tmp_path / "new").differences[0].configs == 3


def test_of_many_sides_each_has_lines_for_what_it_has():
    sides = [ResearchResults("memory", dump_results=False) for _ in range(5)]
    for number, side in enumerate(sides):
        for value in range(2):
            side.put(str(value), {f"v{number}": {0: 1.0}}, {f"p{number}": value})
    lines = [line.split() for line in str(compare(*sides)).split("\n")]
    assert [line for line in lines if line and line[0][0] == "p" and line[0] != "parameter"] == [
        [f"p{number}", "ABCDE"[number], "0,", "1"] for number in range(5)
    ]
    assert [(line[0], line[-1]) for line in lines if line and line[0] in ("v0", "v4") and len(line) == 7] == [
        *(("v0", "A"), ("v4", "E"))
    ]
