"""Configs and expressions of other libraries."""

from __future__ import annotations

import pytest

from research_domain import Config, ConfigAlias, Domain, digest


class ForeignConfig:
    """A config of another library: no mapping, nested, with paths."""

    def __init__(self, config):
        self.config = config

    def keys(self):
        return self.config.keys()

    def __getitem__(self, key):
        return self.config[key]

    def flatten(self):
        return {"a": self.config["a"], "m/x": self.config["m"]["x"]}


def foreign(a=1, x=2):
    return ForeignConfig({"a": a, "m": {"x": x}})


def test_configs_of_other_libraries_are_configs():
    assert Config(foreign()) == {"a": 1, "m": {"x": 2}}
    assert ConfigAlias(foreign()).config() == {"a": 1, "m": {"x": 2}}
    assert (ConfigAlias({"b": 0}) + foreign()).keys() == ["b", "a", "m/x"]
    domain = Domain(foreign(a=[1, 3], x=[2]))
    assert [config.config()["a"] for config in domain] == [1, 3]
    assert foreign() in domain
    assert foreign(a=5) not in domain


def test_nested_config_describes_a_domain():
    assert len(Domain(Config({"a": [1, 2], "m/x": [3]}))) == 2


class Answering(type):
    def __getattr__(cls, name):
        return Expression()


class Expression(metaclass=Answering):
    """Answers for any attribute and any item, as expressions of other libraries do."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key):
        return self


@pytest.mark.timeout(60)
def test_value_that_answers_for_everything_has_an_identity():
    expression = Expression()
    assert digest(expression) == digest(expression)
    assert len(list(Domain(x=[expression, 1]))) == 2
