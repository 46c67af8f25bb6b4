"""Filters let through what they say, and nothing else."""

import numpy as np
import pytest

from research_domain import Alias, Config, ConfigAlias, Domain, Option
from research_results import ResearchResults
from research_results.errors import (
    ArgumentError,
    UnknownAliasError,
    UnknownExperimentError,
    UnknownParameterError,
    UnknownVariableError,
)


def layers():
    return 3


@pytest.fixture
def results(storage):
    """Experiments with configs of all sorts, named by their place."""
    configs = [
        {"lr": 0.1, "n": 1, "flag": True, "net": [64, 10], "w": np.array([1.0, 2.0])},
        {"lr": 0.2, "n": 2, "flag": False, "net": [64, 20], "w": np.array([1.0, 3.0])},
        {"lr": 0.3, "n": 1, "flag": True, "net": {"a": 1}, "w": np.array([[1.0, 2.0]])},
        {"lr": float("nan"), "n": 4, "flag": None, "net": (64, 10), "other": "x"},
        {"lr": 10**30, "n": 5, "flag": 1, "net": Alias(layers, "three"), "model/depth": 2},
        {
            "lr": 0.1,
            "n": 1,
            "flag": "True",
            "net": Alias({"d": {"e": [np.arange(2)]}}, "deep"),
            "repetition": 1,
        },
    ]
    for place, config in enumerate(configs):
        storage.add(str(place), ConfigAlias(config), index=place)
        storage.put(str(place), {"x": {0: float(place), 1: 0.0}, "y": {1: place}})
    return storage.results


@pytest.mark.parametrize(
    ("config", "ids"),
    [
        ({"lr": 0.1}, "05"),
        ({"lr": np.float64(0.1)}, "05"),
        ({"lr": float("nan")}, "3"),
        ({"lr": 10**30}, "4"),
        ({"n": 1.0}, "025"),
        ({"n": 1, "lr": 0.3}, "2"),
        ({"flag": True}, "02"),
        ({"flag": 1}, "4"),
        ({"flag": None}, "3"),
        ({"flag": "True"}, "5"),
        ({"net": [64, 10]}, "0"),
        ({"net": (64, 10)}, "3"),
        ({"net": {"a": 1}}, "2"),
        ({"net/a": 1}, "2"),
        ({"net": layers}, "4"),
        ({"net": {"d": {"e": [np.arange(2)]}}}, "5"),
        ({"net/d/e": [np.arange(2)]}, "5"),
        ({"w": np.array([1.0, 2.0])}, "0"),
        ({"w": [1.0, 2.0]}, "0"),
        ({"w": np.array([[1.0, 2.0]])}, "2"),
        ({"w": 1.0}, ""),
        ({"model": {"depth": 2}}, "4"),
        ({"model/depth": 2}, "4"),
        ({"other": Alias("x", "any name")}, "3"),
        ({"repetition": 1}, "5"),
        ({}, "012345"),
    ],
    ids=repr,
)
def test_config_compares_values(results, config, ids):
    assert results.filter_ids_by_configs(config=config) == list(ids)
    assert results.filter_ids_by_configs(config=Config(config)) == list(ids)
    assert results.filter_ids_by_configs(ConfigAlias(config)) == list(ids)
    assert sorted(set(results.to_df(config=config)["id"])) == list(ids)
    assert list(results.load_results(config=config)) == list(ids)


@pytest.mark.parametrize(
    ("alias", "ids"),
    [
        ({"lr": "0.1"}, "05"),
        ({"lr": 0.1}, "05"),
        ({"net": "three"}, "4"),
        ({"net": "deep"}, "5"),
        ({"net": "[64, 10]"}, "0"),
        ({"flag": "True"}, "025"),
        ({"flag": "True", "n": "1", "lr": "0.3"}, "2"),
    ],
    ids=repr,
)
def test_alias_compares_names(results, alias, ids):
    assert results.filter_ids_by_configs(alias=alias) == list(ids)


def test_the_alias_of_a_key_is_as_good_as_the_key(storage):
    storage.add("a", ConfigAlias([(Alias("learning_rate", "lr"), 0.1)]))
    assert storage.results.filter_ids_by_configs(alias={"lr": "0.1"}) == ["a"]
    assert storage.results.filter_ids_by_configs(alias={"learning_rate": "0.1"}) == ["a"]


def test_keywords_are_values_or_with_alias_aliases(results):
    assert results.filter_ids_by_configs(n=1, flag=True) == ["0", "2"]
    assert results.filter_ids_by_configs(config={"n": 1}, lr=0.3) == ["2"]
    assert results.filter_ids_by_configs(alias={"net": "deep"}, n="1") == ["5"]
    assert results.filter_ids_by_configs(domain=Domain(n=[1, 2]), lr=0.1) == ["0", "5"]


@pytest.mark.parametrize(
    ("keywords", "ids"),
    [
        ({"lr": [0.1, 0.3]}, "025"),
        ({"lr": [0.3, 7.0]}, "2"),
        ({"lr": [0.1, float("nan")], "n": [1.0, 4]}, "035"),
        ({"net": [64, 10]}, "0"),
        ({"net": [[64, 10], [64, 20]]}, "01"),
        ({"net": [(64, 10), layers]}, "34"),
        ({"w": [np.array([1.0, 2.0]), np.array([1, 3])]}, "01"),
        ({"flag": [None, 1]}, "34"),
        ({"lr": []}, ""),
        ({"model": {"depth": [1, 2]}}, "4"),
    ],
    ids=repr,
)
def test_a_list_as_keyword_matches_as_a_whole_and_by_its_items(results, keywords, ids):
    assert results.filter_ids_by_configs(**keywords) == list(ids)


def test_a_mapping_matches_as_a_whole_and_a_path_what_is_under_it(storage):
    for place, net in enumerate([{"a": 1}, {"a": 1, "b": 2}, {"a": {"b": 1}}]):
        storage.add(str(place), {"net": net, "model/net": net})
    results = storage.results
    for ask in ({"net": {"a": 1.0}}, {"model/net": {"a": 1}}, {"model": {"net": {"a": 1}}}):
        assert results.filter_ids_by_configs(config=ask) == ["0"]
    assert results.filter_ids_by_configs(net={"a": 1}) == ["0"]
    assert results.filter_ids_by_configs(config={"net/a": 1}) == ["0", "1"]
    assert results.filter_ids_by_configs(config={"model/net/a/b": 1}) == ["2"]


def test_a_list_in_config_matches_as_a_whole_only(results):
    assert results.filter_ids_by_configs(config={"lr": [0.1, 0.3]}) == []


def test_a_list_of_aliases_matches_any_of_them(results):
    assert results.filter_ids_by_configs(alias={"net": ["three", "deep"]}) == ["4", "5"]
    assert results.filter_ids_by_configs(alias={"net": "three"}, lr=["0.1", "1" + "0" * 30]) == ["4"]


def test_parameters_are_found_by_their_alias(storage):
    for place, rate in enumerate([0.1, 0.2]):
        storage.add(str(place), ConfigAlias([(Alias("learning_rate", "lr"), rate), ("rate", {"lr": place})]))
    results = storage.results
    assert results.filter_ids_by_configs(lr=0.1) == results.filter_ids_by_configs(learning_rate=0.1) == ["0"]
    assert results.filter_ids_by_configs(config={"lr": 0.2}) == ["1"]


def test_a_name_comes_before_an_alias(storage):
    storage.add("a", ConfigAlias([(Alias("x", "y"), 1), (Alias("y", "z"), 2)]))
    assert storage.results.filter_ids_by_configs(y=2) == ["a"]
    assert storage.results.filter_ids_by_configs(y=1) == []


def test_functions_are_found_by_their_code(folder):
    folder.add("a", {"f": layers, "g": [layers, len]})
    folder.add("b", {"f": len, "g": [len]})
    folder.add("c", {"f": lambda: 3, "g": [3]})
    for results in (folder.results, ResearchResults(folder.path, allow_pickle=True)):
        for f, ids in ((layers, ["a"]), (len, ["b"]), ([layers, len], ["a", "b"]), (lambda: 4, [])):
            assert results.filter_ids_by_configs(f=f) == ids
        assert results.filter_ids_by_configs(config={"g": [layers, len]}) == ["a"]
        assert results.filter_ids_by_configs(domain=Domain(f=[layers, print], g=[[layers, len]])) == ["a"]


@pytest.mark.parametrize(
    ("domain", "ids"),
    [
        (Domain(n=[1, 2]), "0125"),
        (Domain(lr=[0.1, 0.3], n=[1]), "025"),
        (Domain(lr=[0.1]) + Domain(n=[5]), "045"),
        (Domain(net=[[64, 10], [64, 20]]), "01"),
        (Domain(net=[Alias(layers, "three")]), "4"),
        (Domain(net=[layers, len]), "4"),
        (Domain(net=[len, print]), ""),
        (Option("n", range(0, 10**9, 2)), "13"),
        (Domain(n=list(range(1, 4)), lr=np.arange(10**3) / 10), "0125"),
        (Domain(other=["x", "y"]), "3"),
        (Domain(repetition=[1]), "5"),
    ],
    ids=repr,
)
def test_domain_holds_configs_that_have_what_it_says(results, domain, ids):
    assert results.filter_ids_by_configs(domain=domain) == list(ids)


def test_a_lazy_domain_with_samplers_holds_any_value_of_them(results):
    class Uniform:
        def sample(self, size):
            return np.zeros(size)

    domain = Domain(n=[1, 4]) * Option("lr", Uniform())
    assert not domain.is_finite or domain.len is not None
    assert results.filter_ids_by_configs(domain=domain) == ["0", "2", "3", "5"]


def test_experiments_variables_and_iterations_are_chosen(results):
    frame = results.to_df(experiment_id=["4", "1"], name="y", iterations=[1, 7], include_config=False)
    assert frame.columns.tolist() == ["id", "iteration", "y"]
    assert frame.values.tolist() == [["1", 1, 1], ["4", 1, 4]]
    assert results.load_results("2", ["x"], 0) == {"2": {"x": {0: 2.0}}}


def test_filter_returns_ids_and_lists(results):
    chosen = results.filter(name="x", iterations=3, n=2)
    assert (chosen.experiment_id, chosen.name, chosen.iterations) == (["1"], ["x"], [3])
    everything = results.filter()
    assert everything.experiment_id == list("012345")
    assert everything.name is None and everything.iterations is None


def test_filters_of_the_reader_hold_for_everything(folder):
    for place in range(3):
        folder.put_encoded
        folder.add(str(place), {"n": place})
        folder.put(str(place), {"x": {0: 1.0}})
    results = ResearchResults(folder.path, config={"n": 1})
    assert results.df["id"].tolist() == ["1"]
    assert results.experiments["id"].tolist() == ["1"]
    assert results.configs_to_df()["id"].tolist() == ["1"]
    assert list(results.load_configs()) == ["1"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"config": {"n": 1}, "alias": {"n": "1"}}, "config and alias"),
        ({"config": {"n": 1}, "domain": Domain(n=[1])}, "config and domain"),
        ({"domain": {"n": 1}}, "is a Domain"),
        ({"config": 3}, "maps parameters"),
        ({"experiment_id": 3}, "experiment_id"),
        ({"iterations": "3"}, "iterations"),
        ({"iterations": True}, "iterations"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(results, arguments, text):
    with pytest.raises(ArgumentError, match=text):
        results.to_df(**arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"flags": True}, UnknownParameterError, "did you mean 'flag'"),
        ({"config": {"flags": True}}, UnknownParameterError, "did you mean 'flag'"),
        ({"alias": {"flags": "True"}}, UnknownParameterError, "did you mean 'flag'"),
        ({"domain": Domain(flags=[True])}, UnknownParameterError, "did you mean 'flag'"),
        ({"domain": Domain(n=[1]) + Domain(flags=[True])}, UnknownParameterError, "did you mean 'flag'"),
        ({"config": {"net/b": 1}}, UnknownParameterError, "did you mean 'net/a'"),
        ({"alias": {"net": "tree"}}, UnknownAliasError, "'net' has the alias 'tree' .did you mean 'three'"),
        ({"alias": {"net": ["three", "dep"]}}, UnknownAliasError, "did you mean 'deep'"),
        ({"name": "los"}, UnknownVariableError, "no variable 'los' in these results; there are: 'x', 'y'"),
        ({"name": ["x", "z"]}, UnknownVariableError, "'z'"),
        ({"experiment_id": "00"}, UnknownExperimentError, "no experiment '00' .*did you mean '0'"),
        ({"experiment_id": ["0", "no"], "n": 2}, UnknownExperimentError, "'no'"),
        ({"net": "three"}, ArgumentError, "that is the alias of one: use alias={'net': 'three'}"),
        ({"config": {"net": "deep"}}, ArgumentError, "use alias={'net': 'deep'}"),
        ({"net": ["x", "deep"]}, ArgumentError, "use alias={'net': 'deep'}"),
    ],
    ids=repr,
)
def test_an_unknown_name_is_an_error_with_the_closest_one(results, arguments, error, text):
    for ask in (results.to_df, results.load_results, results.filter):
        with pytest.raises(error, match=text):
            ask(**arguments)


def test_known_experiments_that_other_filters_leave_out_are_no_error(results):
    assert results.filter(experiment_id=["0", "1"], n=2).experiment_id == ["1"]
    assert results.filter(experiment_id="0", lr="0.1").experiment_id == []


def test_a_parameter_is_not_missed_while_there_are_no_experiments(storage):
    assert len(storage.results.to_df(lr=0.1)) == 0
    assert len(storage.results.to_df(name="loss", alias={"lr": "x"}, experiment_id="a")) == 0


def test_filtering_never_changes_what_is_stored(results):
    before = results.load_results()
    frame = results.df
    frame["x"] = 0
    results.to_df(n=1)
    results.load_results(iterations=0)
    assert results.load_results() == before
    assert results.df["x"].sum() == 15


def test_many_ids_are_chosen_as_well_as_few(storage):
    with storage.transaction():
        for place in range(1200):
            storage.add(f"{place:05}", {"n": place, "m": place % 3})
            storage.put(f"{place:05}", {"x": {0: place}})
    ids = [f"{place:05}" for place in range(0, 1200, 2)]
    assert storage.results.to_df(experiment_id=ids)["id"].tolist() == ids
    assert storage.results.to_df(m=1)["x"].tolist() == list(range(1, 1200, 3))
    assert storage.results.to_df(n=700)["x"].tolist() == [700]
