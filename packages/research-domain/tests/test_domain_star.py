"""Ablations: the base once, and one parameter at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research_domain import Alias, Config, ConfigAlias, Domain, ParameterError


def configs(domain):
    return [
        {name: value for name, value in config.config().flatten().items() if name not in AUXILIARY}
        for config in domain
    ]


AUXILIARY = ("repetition", "updates")
values = st.lists(st.integers(0, 5), max_size=4, unique=True)


@given(st.dictionaries(st.sampled_from("abc"), st.integers(0, 5), min_size=1), st.data())
def test_a_star_is_the_base_and_what_differs_from_it_in_one_parameter(base, data):
    options = {name: data.draw(values) for name in base}
    expected = [base]
    for name, tried in options.items():
        expected += [{**base, name: value} for value in tried if value != base[name]]
    domain = Domain.star(base, options)
    assert configs(domain) == expected
    assert len(domain) == len(expected)


def test_the_base_may_be_a_config_with_paths():
    base = Config({"model/layers": [64, 10], "lr": 0.1})
    domain = Domain.star(base, {"model/layers": [[64, 10], [32]]}, lr=[0.2])
    assert configs(domain) == [
        {"model/layers": [64, 10], "lr": 0.1},
        {"model/layers": [32], "lr": 0.1},
        {"model/layers": [64, 10], "lr": 0.2},
    ]


def test_aliases_of_the_base_stay():
    base = ConfigAlias([("layers", Alias([64, 10], "small")), ("repetition", 3)])
    domain = Domain.star(base, layers=[Alias([512, 10], "large"), [64, 10]])
    assert [config.alias()["layers"] for config in domain] == ["small", "large"]


def test_values_of_another_type_are_other_values():
    assert configs(Domain.star({"x": 1}, x=[1, 1.0, True, np.array([1])]))[1:3] == [{"x": 1.0}, {"x": True}]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Domain.star({"depth": 1}, depht=[1]), "did you mean 'depth'"),
        (lambda: Domain.star({"depth": 1}, depth=3), r"write \[3\]"),
        (lambda: Domain.star({"act": "relu"}, act="elu"), r"write \['elu'\]"),
        (lambda: Domain.star(7), "expected a mapping"),
    ],
)
def test_what_makes_no_star_is_refused(call, text):
    with pytest.raises(ParameterError, match=text):
        call()
