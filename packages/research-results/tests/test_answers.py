"""Best configs, mean and spread: compared with what is computed by hand and by pandas."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research_domain import Config, Domain
from research_results import MemoryStorage
from research_results.answers.ranking import pareto_set
from research_results.answers.statistics import STATISTICS, statistics
from research_results.errors import ArgumentError, UnknownParameterError, UnknownVariableError


class Model:
    """A value that only its own code can make."""


FAILURE = SimpleNamespace(
    cause="exception", type="ValueError", message="no", traceback="", unit="f", iteration=1
)

STUDY = [  # config, repetition, values of error
    ({"model": "mlp", "units": 8}, 0, [0.9, 0.5]),
    ({"model": "mlp", "units": 8}, 1, [0.9, 0.7]),
    ({"model": "mlp", "units": 32}, 0, [0.8, 0.1]),
    ({"model": "mlp", "units": 32}, 1, [0.8, 0.3]),
    ({"model": "sgd"}, 0, [0.2, 0.4]),
    ({"model": "sgd"}, 1, None),
]


@pytest.fixture
def results(storage):
    """Three configs of a union with two repetitions; one of the last repetition failed after a good value."""
    for index, (config, repetition, values) in enumerate(STUDY):
        storage.add(str(index), {**config, "repetition": repetition}, index=index)
        if values is None:
            storage.put(str(index), {"error": {0: 0.0}})
            storage.mark(str(index), "failed", failure=FAILURE)
        else:
            storage.put(str(index), {"error": dict(enumerate(values)), "cost": {0: index * 1.0}})
            storage.mark(str(index), "done")
    return storage.results


def test_configs_are_ranked_by_their_mean_with_spread_and_failures(results):
    best = results.best("error")
    assert [row.config.to_dict() for row in best] == [
        {"model": "mlp", "units": 32},
        {"model": "sgd"},
        {"model": "mlp", "units": 8},
    ]
    first, second, _ = (row.statistics["error"] for row in best)
    assert first["mean"] == pytest.approx(0.2) and first["count"] == 2
    assert first["std"] == pytest.approx(np.std([0.1, 0.3], ddof=1))
    assert first["sem"] == pytest.approx(first["std"] / math.sqrt(2))
    assert second["mean"] == 0.4 and second["count"] == 1 and math.isnan(second["std"])
    assert [row.failed for row in best] == [0, 1, 0]
    assert best[1].ids == ("4", "5")


def test_configs_are_as_they_were_given(results):
    config = results.best("error").configs[0]
    assert isinstance(config, Config) and type(config["units"]) is int
    assert (lambda model, units: (model, units))(**config) == ("mlp", 32)
    assert Domain({name: [value] for name, value in config.items()}).len == 1
    assert list(results.best("error").configs[1]) == ["model"]


def test_the_domain_of_a_ranking_is_its_configs(results):
    domain = results.best("error", n=2).domain
    assert [config.config().get("units") for config in domain] == [32, None]
    assert [config.config()["model"] for config in domain] == ["mlp", "sgd"]


def test_values_that_are_objects_are_objects_in_the_process_that_made_them():
    storage, model = MemoryStorage(), Model()
    storage.add("a", {"model": model, "layers": [64, 10]})
    storage.put("a", {"error": {0: 1.0}})
    config = storage.results.best("error").configs[0]
    assert isinstance(config["model"], Model) and config["layers"] == [64, 10]


def test_the_frame_of_a_ranking_has_parameters_and_statistics(results):
    frame = results.best("error").df
    assert list(frame.columns) == ["model", "units", "mean", "std", "sem", "count", "failed"]
    assert frame["units"].tolist()[0] == 32 and math.isnan(frame["units"][1])
    assert frame["count"].tolist() == [2, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "units"),
    [
        ({"at": "last"}, [32, None, 8]),
        ({"at": 0}, [None, 32, 8]),
        ({"at": "best"}, [32, None, 8]),
        ({"at": "best", "mode": "max"}, [8, 32, None]),
        ({"mode": "max", "n": 1}, [8]),
        ({"model": "mlp"}, [32, 8]),
        ({"iterations": 0, "n": 1}, [None]),
    ],
)
def test_which_value_counts_and_which_way(results, arguments, units):
    assert [config.get("units") for config in results.best("error", **arguments).configs] == units


def test_a_leading_minus_maximises(results):
    assert results.best("-error").configs == results.best("error", mode="max").configs
    assert results.aggregate("-error", at="best", stats="mean")["mean"].tolist() == [0.9, 0.8, 0.4]


def test_a_variable_whose_name_begins_with_a_minus_is_found(storage):
    storage.put("a", {"-x": {0: 1.0}})
    storage.put("b", {"-x": {0: 0.0}})
    assert storage.results.best("-x", over=None)[0].statistics["-x"]["mean"] == 0.5


def test_several_objectives_give_the_pareto_set(results):
    best = results.best(["error", "cost"])
    assert [config.to_dict() for config in best.configs] == [
        {"model": "mlp", "units": 32},
        {"model": "mlp", "units": 8},
    ]
    assert list(best.df.columns[2:6]) == ["error_mean", "error_std", "error_sem", "error_count"]
    assert len(results.best(["error", "-cost"])) == 2
    assert len(results.best(["error", "cost"], n=1)) == 1


@given(st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, 2.0, math.nan])] * 3), min_size=1, max_size=8))
def test_the_pareto_set_is_what_nothing_beats(points):
    def beats(one, other):
        return all(a <= b for a, b in zip(one, other, strict=True)) and one != other

    whole = [not any(map(math.isnan, point)) for point in points]
    expected = [
        fine and not any(beats(other, point) for other, good in zip(points, whole, strict=True) if good)
        for point, fine in zip(points, whole, strict=True)
    ]
    assert pareto_set(np.array(points).T).tolist() == expected


def test_nan_comes_last_and_missing_values_count_for_nothing(storage):
    for name, values in {"a": {0: math.nan}, "b": {0: 5.0}, "c": {}}.items():
        storage.results.put(name, {"error": values, "other": {0: 1}}, {"name": name})
    best = storage.results.best("error")
    assert best.configs[0]["name"] == "b"
    assert [row.statistics["error"]["count"] for row in best] == [1, 1, 0]


def test_over_chooses_what_is_averaged(storage):
    for index in range(8):
        config = {"x": index // 4, "fold": index // 2 % 2, "repetition": index % 2}
        storage.results.put(str(index), {"y": {0: float(index)}}, config)
    results = storage.results
    assert [row.statistics["y"]["count"] for row in results.best("y", over=["fold", "repetition"])] == [4, 4]
    assert len(results.best("y")) == 4
    assert results.aggregate("y", by="fold", at="last", stats="count")["count"].tolist() == [4, 4]
    assert results.aggregate("y", by=[], at="last", stats="mean")["mean"].tolist() == [3.5]
    by_repetition = results.aggregate("y", by=["x", "repetition"], at="last")
    assert list(by_repetition.columns[:2]) == ["x", "repetition"] and len(by_repetition) == 4


def test_curves_have_a_row_for_each_iteration_and_final_values_one_for_each_config(results):
    curves = results.aggregate("error", stats=["mean", "min", "max", "median", "count"])
    assert list(curves.columns) == [
        *("model", "units", "iteration"),
        *("mean", "min", "max", "median", "count", "failed"),
    ]
    assert curves["iteration"].tolist() == [0, 1] * 3
    assert curves["mean"].tolist() == pytest.approx([0.9, 0.6, 0.8, 0.2, 0.2, 0.4])
    assert curves["failed"].tolist() == [0, 0, 0, 0, 1, 1]
    finals = results.aggregate(["error", "cost"], at="last", stats=["mean", "count"])
    assert list(finals.columns[2:]) == ["error_mean", "error_count", "cost_mean", "cost_count", "failed"]
    assert finals["cost_mean"].tolist() == [0.5, 2.5, 4.0]


def test_a_config_all_of_whose_experiments_failed_is_not_hidden(storage):
    storage.add("a", {"x": 1})
    storage.put("a", {"y": {0: 1.0}})
    storage.mark("a", "failed", failure=FAILURE)
    storage.results.put("b", {"y": {0: 2.0}}, {"x": 2})
    best = storage.results.best("y")
    assert [(row.config["x"], row.failed) for row in best] == [(2, 0), (1, 1)]
    assert storage.results.aggregate("y", at="last")["failed"].tolist() == [1, 0]


def test_equal_texts_and_equal_numbers_of_other_types_are_configs_of_their_own(storage):
    for index, value in enumerate([1, "1", 1.0, True]):
        storage.results.put(str(index), {"y": {0: 1.0}}, {"x": value})
    assert [repr(config["x"]) for config in storage.results.best("y").configs] == ["1", "'1'", "1.0", "True"]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda r: r.best("eror"), UnknownVariableError, "did you mean 'error'"),
        (lambda r: r.best("-eror"), UnknownVariableError, "did you mean 'error'"),
        (lambda r: r.best([]), ArgumentError, "objective"),
        (lambda r: r.best(["error", "-error"]), ArgumentError, "twice"),
        (lambda r: r.best("error", mode="least"), ArgumentError, "mode"),
        (lambda r: r.best("error", at="first"), ArgumentError, "'last', 'best' or an iteration"),
        (lambda r: r.best("error", at=-1), ArgumentError, "at"),
        (lambda r: r.best("error", n=0), ArgumentError, "positive"),
        (lambda r: r.best("error", over="unit"), UnknownParameterError, "units"),
        (lambda r: r.best("error", name="cost"), ArgumentError, "first argument"),
        (lambda r: r.aggregate("error", by=["unit"]), UnknownParameterError, "units"),
        (lambda r: r.aggregate("error", stats=["mode"]), ArgumentError, "median"),
        (lambda r: r.aggregate("error", over=3), ArgumentError, "over"),
    ],
)
def test_what_makes_no_sense_is_refused(results, call, error, text):
    with pytest.raises(error, match=text):
        call(results)


def test_values_that_are_no_numbers_are_refused(storage):
    storage.put("a", {"y": {0: "text"}})
    with pytest.raises(ArgumentError, match="not a number"):
        storage.results.best("y")


def test_a_ranking_prints_within_eighty_columns(storage):
    config = {f"a_rather_long_name_{number}": "x" * 20 for number in range(8)}
    storage.results.put("a", {"y": {0: 1.0}}, config)
    text = str(storage.results.best("y"))
    assert all(len(line) <= 80 for line in text.split("\n"))
    assert all(name in text for name in config)


numbers = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(numbers, st.integers(0, 4)), max_size=30))
def test_statistics_are_those_of_pandas(pairs):
    values, groups = np.array([v for v, _ in pairs], float), np.array([g for _, g in pairs], np.int64)
    found = statistics(values, groups, 5, list(STATISTICS))
    grouped = pd.Series(values).groupby(groups)
    for name, column in found.items():
        expected = getattr(grouped, name)().reindex(range(5))
        np.testing.assert_allclose(
            column, expected.fillna(0) if name == "count" else expected, rtol=1e-6, atol=1e-6
        )


def test_repetitions_are_averaged_only_where_they_are_named(results):
    alone = results.best("error", over=None, n=9)
    assert [row.ids for row in alone] == [("2",), ("3",), ("4",), ("0",), ("1",), ("5",)]
    assert [row.config.get("repetition") for row in alone] == [None] * 6
    assert len(alone.domain) == 3 and "units=32 repetition=0" in str(alone)
    units = results.aggregate("error", over="units", at="last", stats="mean")
    assert units["repetition"].tolist() == [0, 1, 0, 1] and units["failed"].tolist() == [0, 0, 0, 1]
    assert units["mean"].tolist()[:2] == [pytest.approx(0.3), pytest.approx(0.5)]
    assert len(results.aggregate("error", over=["units", "repetition"], at="last")) == 2


def test_an_iteration_that_no_value_is_of_is_refused(results):
    for ask in (results.best, results.aggregate, results.importances):
        with pytest.raises(
            ArgumentError, match="no value of 'error' is of iteration 2; the last one is of 1"
        ):
            ask("error", at=2)
    with pytest.raises(ArgumentError, match="no variable has a value at iteration 2"):
        results.compare("0", "1", at=2)
    assert [each.variable for each in results.compare("0", "1", at=1).differences] == ["error"] * 2
    assert results.best("cost", at=0).rows[0].ids == ("0", "1")


def test_all_numbers_are_aggregated_if_no_variable_is_named(storage):
    storage.results.put("a", {"text": {0: "x"}, "loss": {0: 1.0, 1: 3.0}, "once": {0: 2}}, {"lr": 1})
    assert storage.results.aggregate(stats="mean", at="last").to_dict("records") == [
        {"lr": 1, "loss_mean": 3.0, "once_mean": 2.0, "failed": 0}
    ]
    assert "once_mean" not in storage.results.aggregate(at=1)
    storage.results.put("b", {"text": {0: "y"}}, {"lr": 2})
    with pytest.raises(ArgumentError, match="none is a number with a value"):
        storage.results.aggregate(lr=2)


def test_an_objective_that_is_no_name_is_refused_and_no_config_is_said(results):
    for objective in (None, 3, [], [None]):
        with pytest.raises(ArgumentError, match="is the name of a variable or a list of names"):
            results.best(objective)
    assert str(results.best("error", units=99)) == "no configs"


def test_a_ranking_shows_what_there_is_room_for(storage):
    names = [f"a variable with a long name, number {number}" for number in range(4)]
    for config in ({"width of the layer": 8, "rate": 0.1}, {"width of the layer": 16, "rate": 0.1}):
        storage.results.put(str(config), {name: {0: 1.0} for name in (*names, "loss", "size")}, config)
    for objectives, shown in (
        (names[:1], ["std", "sem", "n"]),
        (["loss", "size"], ["std", "n"] * 2),
        (names[:3], []),
    ):
        text = str(storage.results.best(objectives))
        assert [word for word in text.split("\n")[0].split() if word in ("std", "sem", "n")] == shown
        assert all(len(line) <= 80 for line in text.split("\n")), text
        assert text.count("rate=0.1") == 2


def test_what_contradicts_the_parameters_that_have_rows_of_their_own_is_refused(results):
    for over in (None, "units", ["repetition", "units"]):
        with pytest.raises(ArgumentError, match="over: with by= all other parameters are averaged over"):
            results.aggregate("error", by="units", over=over)
    named = results.aggregate("error", by="units", over=["model", "repetition"], at="last")
    assert named.equals(results.aggregate("error", by="units", at="last"))
