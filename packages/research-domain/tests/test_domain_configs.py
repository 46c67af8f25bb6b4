"""Config, Alias, ConfigAlias."""

import collections
import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research_domain import (
    AUXILIARY_KEYS,
    Alias,
    AuxiliaryKey,
    Config,
    ConfigAlias,
    ConfigKeyError,
    Domain,
    NumpySampler,
    ParameterError,
)

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
    config = ConfigAlias([("a", 1), ("repetition", 0), (AuxiliaryKey("device"), "0"), ("updates", 0)])
    assert config.auxiliary == AUXILIARY_KEYS
    assert ConfigAlias({"device": "cpu"}).auxiliary == ()


def test_an_auxiliary_key_stays_one():
    key = AuxiliaryKey("device")
    for config in (
        ConfigAlias({"a": 1}) + {key: "0"},
        ConfigAlias({key: "0"}) + {"a": 1},
        pickle.loads(pickle.dumps(ConfigAlias({"a": 1, key: "0"}))),
        copy.deepcopy(ConfigAlias({"a": 1, key: "0"})),
    ):
        assert config.auxiliary == ("device",)
        assert config in Domain(a=[1])
    assert ConfigAlias({"a": 1, "device": "0"}) not in Domain(a=[1])
    assert ConfigAlias({"a": 1, "device": "0"}) in Domain(a=[1], device=["0"])
    assert key != Alias("device") and Alias("device") != key
    assert repr(key) == "AuxiliaryKey('device')"


VALUES_AS_GIVEN = [
    {"lr": 0.1},
    {},
    {"data/train.csv": 0.5, "data/test.csv": 0.5},
    {"a": 1, "a/b": 2},
    {"nested": {"x/y": {"z": 1}}},
    collections.OrderedDict(b=1, a=2),
    collections.Counter("aab"),
    collections.defaultdict(list, a=[1]),
    Config({"x": 1}),
]


def test_a_value_that_no_config_could_be_is_looked_up_as_a_whole():
    value = {"": None, "/": 2}  # as a config the second key would lead into the first
    assert {"a": value} in Domain(a=[1, value])
    assert {"a": {"": None, "/": 3}} not in Domain(a=[1, value])
    with pytest.raises(ParameterError, match="a key of a config is a string"):
        assert {1: 2} not in Domain(a=[1])


@pytest.mark.parametrize("value", VALUES_AS_GIVEN, ids=repr)
@pytest.mark.parametrize("name", ["options", "model/options"])
def test_a_mapping_as_a_value_is_the_object_that_was_given(name, value):
    (config,) = Domain({name: [value]}).set_iter_params(additional=False)
    assert config.config()[name] is value
    assert config.config().copy()[name] is value
    assert ConfigAlias(config.config()).config()[name] is value
    assert config.config().flatten() == {name: value}
    assert config.config() in Domain({name: [value]})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("o/data/x.csv", 1),
        ("o/deep/k", 2),
        ("o/deep/e/f", 3),
        ("o/count/a", 2),
        ("o/count/b", None),
        ("o/list/0", None),
        ("o/data", None),
    ],
)
def test_paths_look_into_values_whatever_their_keys(path, expected):
    value = {
        "data/x.csv": 1,
        "deep": {"k": 2, "e/f": 3},
        "count": collections.Counter("aa"),
        "list": [1],
    }
    assert ConfigAlias({"o": value}).config().get(path) == expected
    assert value["count"] == {"a": 2}


def test_what_paths_built_is_a_config_and_what_was_given_is_a_dict():
    config = ConfigAlias({"model/layers": 3, "options": {"lr": 0.1}}).config()
    assert type(config["model"]) is Config
    assert type(config["options"]) is dict
    assert config.to_dict() == {"model": {"layers": 3}, "options": {"lr": 0.1}}
    assert config == {"model": {"layers": 3}, "options/lr": 0.1}


def test_a_path_into_a_value_is_set_in_a_copy():
    value = collections.OrderedDict(lr=0.1, inner={"x": 1})
    config = ConfigAlias({"o/inner/y": 2, "o": value, "o/n": 5}).config()
    assert config["o"] == collections.OrderedDict(lr=0.1, inner={"x": 1, "y": 2}, n=5)
    assert type(config["o"]) is collections.OrderedDict
    assert value == collections.OrderedDict(lr=0.1, inner={"x": 1})
    config["o/lr"] = 7
    assert value["lr"] == 0.1


CONTRADICTIONS = {
    "one domain": lambda: Domain({"a": [1], "a/b": [2]}),
    "the path first": lambda: Domain({"a/b": [2], "a": [{}, 1]}),
    "a product": lambda: Domain(a=[1]) * Domain({"a/b": [2]}),
    "a zip": lambda: Domain({"a/b": [2]}) @ Domain(a=[[1]]),
    "a product with a sum": lambda: (Domain(a=[1]) + Domain(c=[1])) * Domain({"a/b/c": [2]}),
    "a product with weights": lambda: (0.5 * Domain(a=[1]) + 0.5 * Domain(c=[1])) * Domain({"a/b": [2]}),
    "a product with a filter": lambda: Domain(a=[1]).where(bool) * Domain({"a/b": [2]}),
    "an alias": lambda: Domain({"a": [Alias(1, "one")], Alias("a/b", "b"): [2]}),
    "a long range": lambda: Domain({"a": range(10**9), "a/b": [2]}),
    "draws": lambda: Domain({"a": NumpySampler("normal"), "a/b": [2]}),
    "a value inside": lambda: Domain({"a": [{"b": 1}], "a/b/c": [2]}),
    "a name with a path": lambda: Domain({"m/a": [1], "m/a/b": [2]}),
}


@pytest.mark.parametrize("write", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_paths_into_values_that_are_no_mappings_are_refused_where_they_are_written(write):
    with pytest.raises(ParameterError, match=r"'(m/)?a/b(/c)?'.*'(m/)?a'"):
        write()


def test_paths_into_mappings_and_neighbours_are_fine():
    domain = Domain({"a": [{"b": 1}, {"c": 3}], "a/b": [2], "ab": [1]})
    assert [config.config()["a"] for config in domain] == [{"b": 2}, {"c": 3, "b": 2}]
    assert len(Domain(a=[1]) + Domain({"a/b": [2]})) == 2
    assert len(Domain({"a/b": [1], "a/c": [2], "a-b": [3]})) == 1
