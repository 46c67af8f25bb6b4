"""Config, Alias, ConfigAlias."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research_domain import AUXILIARY_KEYS, Alias, Config, ConfigAlias, ConfigKeyError, ParameterError

names = st.sampled_from(["a", "b", "c", "d"])
trees = st.recursive(
    st.integers() | st.none() | st.text(max_size=3),
    lambda inner: st.dictionaries(names, inner, min_size=1, max_size=3),
    max_leaves=8,
)
mappings = st.dictionaries(names, trees, max_size=4)


def paths(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from paths(value, f"{prefix}{key}/")
        else:
            yield prefix + key, value


@given(mappings)
def test_flatten_gives_the_path_of_each_leaf(tree):
    config = Config(tree)
    assert config.flatten() == dict(paths(tree))
    assert config.to_dict() == tree
    assert Config(config.flatten()) == Config(config) == config == config.copy()
    assert pickle.loads(pickle.dumps(config)) == config


@given(mappings)
def test_every_path_is_an_item(tree):
    config = Config(tree)
    for path, value in paths(tree):
        assert path in config
        assert config[path] == config.get(path) == value
        branch, _, name = path.rpartition("/")
        if branch:
            assert config[branch][name] == value


@given(mappings, names, names, st.integers())
def test_setting_and_deleting_a_path(tree, one, two, value):
    config = Config(tree)
    path = f"{one}/{two}"
    if one in tree and not isinstance(tree[one], dict):
        with pytest.raises(ParameterError, match=path):
            config[path] = value
        return
    config[path] = value
    assert config[path] == value
    del config[path]
    assert path not in config
    assert Config(tree).get("nobody", 5) == 5


def test_a_copy_shares_no_branches_and_a_view_does():
    config = Config({"a/b": 1})
    config.copy()["a/b"] = 2
    Config(config)["a/b"] = 3
    assert config["a/b"] == 1
    config["a"]["b"] = 4
    assert config["a/b"] == 4


def test_user_mappings_are_never_changed():
    inner = {"b": 1}
    config = Config({"a": inner})
    config["a/c"] = 2
    assert inner == {"b": 1}


def test_missing_key_names_close_matches():
    with pytest.raises(ConfigKeyError, match=r"'model/layer'.*did you mean 'model/layers'") as caught:
        Config({"model/layers": 3})["model/layer"]
    assert isinstance(caught.value, KeyError)
    with pytest.raises(ConfigKeyError, match="'x'"):
        del Config({"a": 1})["x"]


def test_mappings_with_other_keys_and_empty_ones_are_leaves():
    config = Config({"a": {1: 2}, "b": {}})
    assert config.flatten() == {"a": {1: 2}, "b": {}}
    assert config["a"] == {1: 2}


def test_equality_knows_arrays_and_nan():
    assert Config({"a": np.array([1.0, np.nan]), "b": float("nan")}) == Config(
        {"a": np.array([1.0, np.nan]), "b": float("nan")}
    )
    assert Config({"a": np.array([1, 2])}) != Config({"a": np.array([1, 3])})
    assert Config({"a": 1}) == {"a": 1}
    assert Config({"a": 1}) != 5


def test_config_unpacks_into_arguments():
    assert dict(**Config({"a": 1, "b/c": 2})) == {"a": 1, "b": Config({"c": 2})}


@pytest.mark.parametrize("key", [1, None, ("a",), ["a"]])
def test_keys_are_strings(key):
    with pytest.raises(ParameterError, match="string"):
        Config({})[key] = 1


def test_alias_of_functions_values_and_own_names():
    assert Alias(max).alias == "max"
    assert Alias(ConfigAlias).alias == "ConfigAlias"
    assert Alias(0.1).alias == "0.1"
    assert Alias([1, 2], "small").alias == "small"
    assert Alias(1, 2).alias == "2"
    assert Alias(1) == Alias(1, "1")
    assert Alias(1) != Alias(1, "one")
    assert {Alias([1], "x"): 1}[Alias([1], "x")] == 1


def test_config_alias_keeps_values_and_names():
    config = ConfigAlias([(Alias("learning_rate", "lr"), Alias(0.1, "high")), ("a", {"b": 2})])
    assert config.config() == {"learning_rate": 0.1, "a": {"b": 2}}
    assert config.alias() == {"lr": "high", "a": "{'b': 2}"}
    assert config.alias(as_string=True) == "a_{'b': 2}-lr_high"
    assert config.keys() == ["learning_rate", "a"]
    assert pickle.loads(pickle.dumps(config)) == config
    assert config.config()["a/b"] == 2


def test_string_is_sorted_by_key_and_not_by_text():
    assert ConfigAlias({"a_b": 1, "a": "z"}).alias(as_string=True) == "a_z-a_b_1"


def test_order_of_paths_does_not_matter():
    items = [("m", {"x": 1}), ("m/x", 2), ("m/y", 3)]
    for order in itertools.permutations(items):
        assert ConfigAlias(order).config() == {"m": {"x": 2, "y": 3}}


def test_addition_lets_the_right_win_and_changes_nothing():
    left, right = ConfigAlias({"a": 1, "b": 2}), ConfigAlias({"b": 3})
    assert (left + right).config() == {"a": 1, "b": 3}
    assert (left + {"device": "0"}).config() == {"a": 1, "b": 2, "device": "0"}
    assert (left + Config({"b/c": 1})).keys() == ["a", "b", "b/c"]
    assert left.config() == {"a": 1, "b": 2}


def test_pop_by_value_and_by_alias():
    config = ConfigAlias([(Alias("learning_rate", "lr"), 0.1), ("a", 1), ("b", 2)])
    assert config.pop_alias("learning_rate") is None
    assert config.pop_config("lr") is None
    assert config.pop_alias("lr").config() == {"learning_rate": 0.1}
    assert config.pop_config("a").config() == {"a": 1}
    assert config.keys() == ["b"]
    assert "b" in config
    assert "a" not in config


def test_prefix_is_made_of_indices():
    config = ConfigAlias({"#a": 1, "#b": 12, "repetition": 0})
    assert config.set_prefix(["#a", "#b", "repetition"], 2).prefix == "01_12_00"
    assert ConfigAlias(config).prefix == (config + {"x": 1}).prefix == "01_12_00"
    with pytest.raises(ConfigKeyError, match="#c"):
        config.set_prefix(["#c"], 2)


def test_auxiliary_keys():
    assert AUXILIARY_KEYS == ("repetition", "device", "updates")
