"""What the package shows: names, documentation, texts, imports."""

import html
import inspect
import subprocess
import sys

import numpy as np
import pytest
from domain_oracle import plain
from domain_strategies import expressions
from hypothesis import given

import research_domain
from research_domain import (
    Alias,
    ConfigAlias,
    Domain,
    InfiniteDomainError,
    NumpySampler,
    Option,
    ParameterError,
)


def test_every_public_name_is_exported_and_documented():
    assert list(research_domain.__all__) == sorted(research_domain.__all__)
    for name in research_domain.__all__:
        value = getattr(research_domain, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name
    visible = {
        name
        for name, value in vars(research_domain).items()
        if name[0] != "_" and not inspect.ismodule(value)
    }
    assert visible - {"TYPE_CHECKING", "lazy_exports"} == set(research_domain.__all__) - {"__version__"}


def test_importing_costs_numpy_alone():
    code = (
        "import sys, numpy; before = set(sys.modules); import research_domain;"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    names = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    standard = set(sys.stdlib_module_names)
    assert [name for name in names if name not in standard] == ["research_domain"]
    assert "hashlib" not in names
    assert "scipy" not in names


REPRESENTATIONS = {
    "Domain(a=[1, 2], b=['x', None])": lambda: Domain(a=[1, 2], b=["x", None]),
    "Domain({'a/b': [1], 'c': [2]})": lambda: Domain({"a/b": [1], "c": [2]}),
    "Domain()": Domain,
    "Domain(a=range(0, 100))": lambda: Domain(a=range(100)),
    "Domain(a=range(0, 1000000))": lambda: Domain(a=range(10**6)),
    "Domain(f=[max, Alias([1, 2], 'small')])": lambda: Domain(f=[max, Alias([1, 2], "small")]),
    "Domain(a=[1], x=NumpySampler('normal'), b=[2])": lambda: Domain(a=[1], x=NumpySampler("n"), b=[2]),
    "Domain(a=[1]) + Domain(b=[2]) + Domain(c=[3])": lambda: Domain(a=[1]) + Domain(b=[2]) + Domain(c=[3]),
    "Domain(a=[1]) * (Domain(b=[2]) + Domain(c=[3]))": lambda: (
        Domain(a=[1]) * (Domain(b=[2]) + Domain(c=[3]))
    ),
    "Domain(a=[1]) @ Domain(b=[2]) @ Domain(c=[3])": lambda: Domain(a=[1]) @ Domain(b=[2]) @ Domain(c=[3]),
    "(Domain(a=[1]) @ Domain(b=[2])) * Domain(c=[3])": lambda: Domain(a=[1]) @ Domain(b=[2]) * Domain(c=[3]),
    "0.5 * Domain(a=[1]) + Domain(b=[2])": lambda: 0.5 * Domain(a=[1]) + Domain(b=[2]),
    "Domain(a=[1]).where(callable)": lambda: Domain(a=[1]).where(callable),
    "(Domain(a=[1]) + Domain(b=[1])).where(callable)": lambda: (Domain(a=[1]) + Domain(b=[1])).where(
        callable
    ),
    "Domain(a=[1]).set_iter_params(n_reps=2)": lambda: Domain(a=[1]).set_iter_params(n_reps=2),
    "Domain(a=[1]) * Domain(a=[2])": lambda: Domain(a=[1]) * Domain(a=[2]),
}


@pytest.mark.parametrize("expected", REPRESENTATIONS)
def test_representation_is_an_expression(expected):
    assert repr(REPRESENTATIONS[expected]()) == expected


@given(expressions)
def test_representation_of_plain_domains_can_be_evaluated(expression):
    text = repr(expression.domain())
    if "where" not in text:
        assert plain(eval(text, {"Domain": Domain})) == expression.configs()


def test_html_is_a_table_of_the_options():
    text = (Domain(a=[1, 2], b=["<x>"]) * Domain(x=NumpySampler("n")))._repr_html_()
    for part in ("<table>", "a</td><td>[1, 2]</td><td>2", html.escape("['<x>']"), "sampled", "2 configs"):
        assert part in text
    assert "infinite" in Domain(x=NumpySampler("n"))._repr_html_()
    assert "filtered" in Domain(a=range(10**12)).where(callable)._repr_html_()


def test_options_by_method():
    assert Domain.create_aliases({"a": [1, Alias(2, "two")]}) == {Alias("a"): [Alias(1), Alias(2, "two")]}
    assert Domain().option_items("a", [1, 2]) == [ConfigAlias({"a": 1}), ConfigAlias({"a": 2})]
    sampler = NumpySampler("n")
    assert isinstance(Domain().option_sample("x", sampler), ConfigAlias)
    assert len(Domain().option_sample("x", sampler, size=4)) == 4
    assert Domain().option_sample("x", sampler, 2, seed=1) == Domain().option_sample("x", sampler, 2, seed=1)
    endless = Domain().option_iterator("x", sampler)
    assert next(endless) != next(endless)
    with pytest.raises(InfiniteDomainError, match="'x'"):
        Domain().option_items("x", sampler)
    with pytest.raises(ParameterError, match="'x'"):
        Domain().option_sample("x", [1])


def test_values_of_arrays_and_aliases():
    domain = Domain(a=np.array([1, 2]), b=np.array(["x"]), c=np.eye(2), d=np.array([0.1], dtype=np.float32))
    config = domain[0].config()
    assert type(config["a"]) is int
    assert config["b"] == "x"
    assert config["c"].tolist() == [1, 0]
    assert domain[0].alias()["d"] == "0.1"
    named = Option(Alias("learning_rate", "lr"), [Alias(0.1, "high")])
    assert named[0].alias(as_string=True) == "lr_high-repetition_0-updates_0"


def test_an_empty_domain_has_one_empty_config():
    assert plain(Domain()) == plain(Domain({})) == [{}]
    assert Domain().size == 1
    assert bool(Domain()) is True


def test_domain_from_a_domain_and_more():
    assert plain(Domain(Domain(a=[1]), b=[2])) == [{"a": 1, "b": 2}]
    assert Domain(a=[1], **{"b/c": [2]}).parameters == ("a", "b/c")
