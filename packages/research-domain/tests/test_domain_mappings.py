"""Configs where others expect dictionaries and mappings."""

import copy
import json
import pickle
from collections.abc import Mapping

import pytest

from research_domain import Alias, AuxiliaryKey, Config, ConfigAlias, ConfigKeyError, Domain


def nested():
    return Config({"model/layers": 3, "lr": 0.1, "options": [1, {"a/b": 2}]})


def test_a_config_is_a_dict_for_whoever_expects_one():
    config = nested()
    assert isinstance(config, dict)
    assert json.loads(json.dumps(config)) == {
        "model": {"layers": 3},
        "lr": 0.1,
        "options": [1, {"a/b": 2}],
    }
    assert (lambda **kwargs: kwargs)(**config) == dict(config) == config.to_dict()
    assert config == config.to_dict()
    assert config != {"lr": 0.1}


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_config_is_itself_after_pickling(protocol):
    given = Config({"x": 1})
    config = ConfigAlias({"model/layers": 3, "dict": {"a/b": 2}, "config": given}).config()
    back = pickle.loads(pickle.dumps(config, protocol))
    assert type(back) is Config and back == config
    assert back.flatten() == config.flatten() == {"model/layers": 3, "dict": {"a/b": 2}, "config": given}


@pytest.mark.parametrize("twin", [Config.copy, copy.copy, copy.deepcopy])
def test_copies_have_branches_of_their_own(twin):
    config = nested()
    other = twin(config)
    other["model/layers"] = 5
    assert type(other["model"]) is Config
    assert (config["model/layers"], other["model/layers"]) == (3, 5)


def test_a_branch_is_a_view_and_a_value_elsewhere():
    config = nested()
    config["model"]["layers"] = 4
    assert config["model/layers"] == 4
    other = Domain(m=[config["model"]]).set_iter_params(additional=False)[0].config()
    other["m/layers"] = 9
    assert config["model/layers"] == 4


def test_methods_of_dicts_know_paths():
    config = nested()
    assert config.get("model/layers") == 3 and config.get("model/width") is None
    assert config.setdefault("model/width", 7) == 7 == config["model/width"]
    assert config.pop("model/layers") == 3 and config.pop("model/layers", None) is None
    with pytest.raises(ConfigKeyError, match="model/layers"):
        config.pop("model/layers")
    config.update({"model/width": 8}, lr=1)
    config |= {"model/depth": 2}
    assert config.flatten() == {"model/width": 8, "model/depth": 2, "lr": 1, "options": [1, {"a/b": 2}]}


def test_configs_add_up_branch_by_branch():
    left, right = Config({"a/b": 1, "c": 2}), Config({"a/d": 3, "c": 4})
    assert (left + right).to_dict() == {"a": {"b": 1, "d": 3}, "c": 4}
    assert (left + {"a": 5}).to_dict() == {"a": 5, "c": 2}
    assert ({"a/b": 0, "z": 1} + left).to_dict() == {"a": {"b": 1}, "z": 1, "c": 2}
    assert (left | right).to_dict() == {"a": {"d": 3}, "c": 4}
    assert ({"a/b": 0} | left).to_dict() == {"a": {"b": 1}, "c": 2}
    assert left.to_dict() == {"a": {"b": 1}, "c": 2}
    with pytest.raises(TypeError):
        left + 1


def test_a_config_of_a_domain_reads_like_a_mapping_of_its_parameters():
    config = Domain({"lr": [0.1], "model/layers": [Alias([1, 2], "two")]})[0]
    assert isinstance(config, Mapping)
    assert dict(config) == {"lr": 0.1, "model/layers": [1, 2]}
    assert (config["lr"], config["model/layers"], config["model"]) == (0.1, [1, 2], {"layers": [1, 2]})
    assert (lambda lr, **others: lr)(**config) == 0.1
    assert list(config) == list(config.keys()) == ["lr", "model/layers"]
    assert list(config.values()) == [0.1, [1, 2]] and len(config.items()) == len(config) == 2
    assert config == {"lr": 0.1, "model/layers": [1, 2]} == config
    assert config.get("width", 5) == 5 and "width" not in config
    with pytest.raises(ConfigKeyError, match="width"):
        config["width"]


def test_auxiliary_keys_are_found_but_are_no_parameters():
    config = ConfigAlias([("x", 1), ("repetition", 0), (AuxiliaryKey("device"), "0")])
    assert dict(config) == {"x": 1}
    assert (config["repetition"], config.get("device"), "device" in config) == (0, "0", True)
    assert config.full_keys == ["x", "repetition", "device"]


def test_several_items_are_popped_together():
    config = ConfigAlias({"a": 1, "b": 2, "c": 3})
    assert config.pop_config(["a", "c", "z"]) == ConfigAlias({"a": 1, "c": 3})
    assert config.pop_config(["a"]) is None
    assert config.pop_alias(("b",)) == ConfigAlias({"b": 2})
    assert config == ConfigAlias() and config
