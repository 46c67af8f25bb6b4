"""Domains as plain data, there and back."""

import json
import tomllib

import numpy as np
import pytest
from domain_oracle import plain
from domain_strategies import expressions
from hypothesis import given
from scipy import stats

from research_domain import (
    Alias,
    ConstantSampler,
    Domain,
    HistoSampler,
    NumpySampler,
    ScipySampler,
    SpecError,
    choice,
    loguniform,
    samplers,
)


def there_and_back(domain):
    return Domain.from_spec(json.loads(json.dumps(domain.to_spec())))


@given(expressions)
def test_spec_is_the_inverse_of_reading_it(expression):
    domain = expression.domain()
    try:
        twin = there_and_back(domain)
    except SpecError as error:
        assert "where" in str(error) or "$" in str(error)
        return
    assert plain(twin) == plain(domain)
    assert twin.to_spec() == domain.to_spec()


def test_simple_domain_is_a_mapping_of_lists():
    assert Domain({"a": [1, 2], "b/c": ["x", 2.5, True]}).to_spec() == {"a": [1, 2], "b/c": ["x", 2.5, True]}


SAMPLERS = [
    NumpySampler("n", loc=1, dim=2),
    ScipySampler("gamma", a=2),
    stats.norm(3, 0.5),
    HistoSampler([1, 2], edges=[0, 1, 3]),
    ConstantSampler([1, 2]),
    choice(["a", "b"], p=[0.2, 0.8]),
    loguniform(1e-3, 1),
    2 * NumpySampler("n") ** 2 - np.float64(1),
    (0.3 & NumpySampler("n")) | NumpySampler("u"),
    NumpySampler("n") & NumpySampler("u"),
    NumpySampler("n").truncate(high=1, low=[-1]),
]


def test_each_distribution_is_among_those_that_are_written_below():
    classes = {each for each in vars(samplers).values() if isinstance(each, type)}
    public = {each for each in classes if each.__module__ == samplers.distributions.__name__}
    assert public == set(samplers.distributions.SPEC_KINDS.values()) <= {type(each) for each in SAMPLERS}


@pytest.mark.parametrize("number", range(len(SAMPLERS)))
def test_samplers_are_written_and_draw_the_same(number):
    domain = (Domain(x=SAMPLERS[number]) * Domain(a=[1, 2])).set_iter_params(seed=1)
    assert list(there_and_back(domain)) == list(domain)


def test_weights_zips_ranges_aliases_and_iteration():
    domain = 0.3 * Domain(a=range(10**6)) + 0.7 * (
        Domain(b=[(1, 2), None]) @ Domain(c=[Alias([1], "one"), 2])
    )
    domain.set_iter_params(n_items=50, n_reps=2, seed=1)
    description = domain.to_spec()
    assert description["$iter"] == {"n_items": 50, "n_reps": 2, "seed": 1}
    twin = there_and_back(domain)
    assert list(twin) == list(domain)
    assert [c.alias() for c in twin] == [c.alias() for c in domain]


def test_spec_is_written_in_a_toml_file():
    text = """
    ["$domain"]
    "$sum" = [{ lr = [0.1, 0.01], reg = [{ "$none" = true }, "l2"] }, { depth = { "$range" = [1, 4, 1] } }]
    ["$iter"]
    n_reps = 2
    """
    domain = Domain.from_spec(tomllib.loads(text))
    assert domain.size == (4 + 3) * 2
    assert domain[0].config()["reg"] is None


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        (Domain(a=[max]), "'a'"),
        (Domain(a=[{1, 2}]), "'a'"),
        (Domain({Alias("a", "b"): [max]}), "'a'"),
        (Domain(a=[1]).where(lambda config: True), "where"),
        (Domain(x=NumpySampler("n")).where(lambda config: True), "where"),
        (Domain(x=NumpySampler("n").apply(np.exp)), "plain data"),
        (Domain(x=NumpySampler("n").truncate(expr=np.exp, high=1)), "expr"),
        (Domain(a=[1]).set_iter_params(seed=np.random.SeedSequence(1)), "seed"),
    ],
)
def test_what_is_not_plain_data_is_named(domain, name):
    with pytest.raises(SpecError, match=name):
        domain.to_spec()


@pytest.mark.parametrize(
    "description",
    [
        5,
        [],
        {"$sum": []},
        {"$sum": 5},
        {"$some": [{"a": [1]}]},
        {"$sum": [{"a": [1]}], "b": [1]},
        {"$weight": 1},
        {"$iter": {"n_rep": 1}, "$domain": {"a": [1]}},
        {"a": 5},
        {"a": {"b": 5}},
        {"a": {}},
        {"a": {"b": [1]}, "a/b": [1]},
        {"a": {"$sum": [{"b": [1]}]}},
        {"a": {"$range": "x"}},
        {"$iter": 5, "$domain": {"a": [1]}},
        {"$weight": "0.5", "$domain": {"a": [1]}},
        {"a": [{"$dtype": "float31", "$value": 1}]},
        {"a": [{"$dtype": "int8", "$value": 1000}]},
        {"a": [{"$tuple": 1}]},
        {"a": {"$sampler": "truncate", "of": [1], "high": 1}},
        {"a": {"$sampler": "nump"}},
        {"a": {"$sampler": "numpy"}},
        {"a": {"$sampler": "+", "of": []}},
        {"a": [{"$unknown": 1}]},
    ],
)
def test_bad_specs_are_errors(description):
    with pytest.raises(SpecError):
        Domain.from_spec(description)
