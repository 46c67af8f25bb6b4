"""Domains and samplers as values: equality, and what their texts and specs give back."""

import copy
import json
import math
import pickle
import tomllib

import numpy as np
import pytest
from domain_strategies import KEYS, even, expressions, has_a, nothing
from hypothesis import given
from hypothesis import settings as run_settings
from hypothesis import strategies as st
from scipy import stats

import research_domain
from research_domain import (
    Alias,
    ConfigAlias,
    ConstantSampler,
    Domain,
    DomainWarning,
    HistoSampler,
    Identifier,
    NumpySampler,
    ParameterError,
    SamplerError,
    ScipySampler,
    SpecError,
    ZipError,
    choice,
    integers,
    loguniform,
    uniform,
)

few = run_settings(max_examples=40)
NAMES = {name: getattr(research_domain, name) for name in research_domain.__all__}
NAMES |= {"np": np, "has_a": has_a, "even": even, "nothing": nothing}


def ours(sampler):
    return isinstance(sampler, research_domain.Sampler)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=4),
    st.sampled_from(
        [np.float32(0.1), np.int8(3), np.bool_(True), np.float64(0.5), np.str_("x"), np.float32("nan")]
    ),
    st.sampled_from([np.datetime64("2020-01-02"), np.timedelta64(3, "M"), np.uint64(2**64 - 1)]),
)
arrays = st.sampled_from(
    [
        np.arange(3),
        np.eye(2, dtype=np.float32),
        np.array(["a", "bc"]),
        np.array([]),
        np.array([1.5, np.nan], ">f8"),
    ]
)
values = st.recursive(
    scalars | arrays,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2).map(tuple),
        st.dictionaries(st.text(max_size=3) | st.integers(0, 3), inner, max_size=2),
    ),
    max_leaves=4,
)
samplers = st.recursive(
    st.sampled_from(
        [
            NumpySampler("n", loc=1, dim=2, seed=3),
            NumpySampler("mvn", mean=[0, 0], cov=np.eye(2)),
            ScipySampler("gamma", a=2),
            stats.norm(3, 0.5),
            HistoSampler([1, 2], edges=[0, 1, 3]),
            ConstantSampler(3),
            choice([(64,), (64, 64), None, np.float32(0.1)], p=[0.25, 0.25, 0.25, 0.25]),
            choice(["relu", None]),
            loguniform(1e-3, 1),
            uniform(),
            integers(5),
            0.3 & NumpySampler("u"),
        ]
    ),
    lambda inner: st.one_of(
        st.builds(lambda a, b: a | b, *[inner.filter(ours)] * 2),
        st.builds(lambda a, b: a & b, *[inner.filter(lambda one: ours(one) and one.weight is None)] * 2),
        st.builds(lambda a, w: w & a, inner.filter(ours), st.sampled_from([0.5, 2, 1 / 3])),
        st.builds(lambda a, n: n * a - np.float64(0.5), inner.filter(ours), st.sampled_from([2, -0.1])),
        st.builds(lambda a: a.truncate(high=[1, 2], prob=0.1), inner.filter(ours)),
    ),
    max_leaves=3,
)


@st.composite
def joined(draw, inner):
    left, right = draw(inner), draw(inner)
    sign = draw(st.sampled_from("+*@w"))
    try:
        if sign == "+":
            return left + right
        if sign == "*":
            return left * right
        return left @ right if sign == "@" else draw(st.sampled_from([0.5, 2, 0.1 + 0.2])) * left
    except ZipError:
        return left


names = st.sampled_from(KEYS) | st.just(Alias("z", "other")) | st.sampled_from(["$x", "$$", "if", "domain"])
options = st.one_of(
    st.lists(values, min_size=1, max_size=3),
    st.lists(st.builds(Alias, scalars, st.text(max_size=3)), min_size=1, max_size=1),
    st.sampled_from([range(3, 20, 4), range(10**30), range(9, -50, -7), np.array([0.1, 0.2], np.float32)]),
    samplers,
)
domains = st.recursive(st.dictionaries(names, options, max_size=2).map(Domain), joined, max_leaves=5).filter(
    lambda domain: domain._body is not None
)
settings = st.fixed_dictionaries(
    {},
    optional={
        "n_items": st.integers(0, 9),
        "n_reps": st.integers(1, 3),
        "repeat_each": st.integers(1, 5),
        "produced": st.integers(0, 9),
        "additional": st.booleans(),
        "create_id_prefix": st.booleans() | st.integers(0, 3),
        "seed": st.integers(0, 2**100) | st.lists(st.integers(0, 9), min_size=1),
    },
)


def first(domain):
    """The first ids and configs, as text, of what would be produced."""
    identifier = Identifier()
    configs = domain.copy().set_default_seed(1).set_iter_params(n_items=5)[0:5]
    return [(identifier.identify(config).id, repr(config.config())) for config in configs]


def produced(domain):
    try:
        return first(domain)
    except (ParameterError, ValueError) as error:  # samplers whose shapes do not fit
        return type(error)


@given(domains, settings)
def test_text_and_spec_give_a_domain_again(domain, given_settings):
    domain.set_iter_params(**given_settings)
    text, spec = str(domain), json.dumps(domain.to_spec())
    for twin in (eval(text, dict(NAMES)), Domain.from_spec(json.loads(spec))):
        assert twin == domain
        assert (str(twin), json.dumps(twin.to_spec())) == (text, spec)
        assert produced(twin) == produced(domain)


@few
@given(domains, settings)
def test_copies_are_equal(domain, given_settings):
    domain.set_iter_params(**given_settings)
    for twin in (domain.copy(), Domain(domain), copy.deepcopy(domain), pickle.loads(pickle.dumps(domain))):
        assert twin == domain
        assert str(twin) == str(domain)


@given(expressions, expressions)
def test_text_of_filtered_domains(left, right):
    for domain in (left.domain(), left.domain() * right.domain(), left.domain() + right.domain()):
        assert eval(str(domain), dict(NAMES)) == domain


def filtered_products():
    """Products of grids, draws, sums and joined domains of which parts were filtered before."""
    grid, other, more = Domain(a=[1, 2, 3]), Domain(b=[1, 2]), Domain(c=[1])
    drawn = (grid * Domain(x=NumpySampler("n"))).where(has_a)
    yield from (drawn * other, other * drawn, other * drawn * more, (other * drawn) * more)
    yield from ((drawn * other).where(nothing) * more, ((drawn * other).where(even) * more).where(has_a))
    yield from (drawn.where(even) * other, Domain(d=NumpySampler("n")).where(nothing) * drawn * other)
    yield from ((other + more) * drawn, drawn * (other + more), drawn * (other @ Domain(c=[1, 2])))
    yield from (2 * (drawn * other) + 3 * (more * drawn), 2 * drawn * other, (drawn + more) * other)
    yield grid.where(has_a) * other * Domain(y=NumpySampler("n")).where(nothing)


@pytest.mark.parametrize("domain", [*filtered_products()], ids=str)
def test_text_of_products_of_which_parts_were_filtered(domain):
    for settings in ({}, {"n_items": 3, "seed": 1}):
        twin = domain.copy().set_iter_params(**settings)
        again = eval(str(twin), dict(NAMES))
        assert again == twin and str(again) == str(twin)


@few
@given(domains, domains)
def test_equal_domains_have_equal_texts(left, right):
    assert (left == right) == (str(left) == str(right))


def test_equality_is_that_of_the_definition():
    def mixture(weight=0.5, seed=1, **more):
        return (weight * Domain(a=[1, 2]) + 0.5 * Domain(x=NumpySampler("n"), **more)).set_iter_params(
            seed=seed
        )

    assert mixture() == mixture()
    assert mixture() == mixture(seed=np.random.SeedSequence(1))
    for other in (mixture(0.25), mixture(seed=2), mixture(b=[1]), mixture().set_iter_params(n_items=3)):
        assert mixture() != other
    assert Domain(a=range(5000)) == Domain(a=list(range(5000)))
    assert Domain(a=[1], b=[2]) == Domain(a=[1]) * Domain(b=[2])
    assert Domain(a=[1]) not in (Domain(a=[True]), Domain(a=["1"]), Domain(a=[Alias(1, "1")]), Domain(b=[1]))
    assert Domain(a=[1]) != {"a": [1]}
    assert Domain(x=stats.norm(3, scale=2)) == Domain(x=ScipySampler("norm", loc=3, scale=2))
    assert Domain(a=[1]).where(has_a) == Domain(a=[1]).where(has_a) != Domain(a=[1]).where(even)


def test_updates_belong_to_the_value():
    def updated(when="last", **kwargs):
        return Domain(a=[1]).set_update(has_a, when, **kwargs)

    assert updated() == updated() != updated(2)
    assert updated(grid=np.arange(3)) == updated(grid=np.arange(3)) != updated(grid=np.arange(4))
    assert updated() != Domain(a=[1])
    assert eval(str(updated(["%2", 3], n_reps=2)), NAMES) == updated(["%2", 3], n_reps=2)


def test_domains_change_in_place_and_so_have_no_hash():
    with pytest.raises(TypeError, match="unhashable"):
        hash(Domain(a=[1]))


def test_samplers_are_equal_if_they_were_made_alike():
    one, two = NumpySampler("n", loc=[1, 2], dim=2), NumpySampler("normal", loc=[1, 2], dim=2)
    one.sample(3)
    assert one == two
    assert hash(one) == hash(two)
    assert {one: 1}[two] == 1
    assert one not in (NumpySampler("n"), NumpySampler("n", loc=[1, 3], dim=2), 0.5 & one, -one)
    assert (
        NumpySampler("n", seed=1)
        == NumpySampler("n", seed=np.random.SeedSequence(1))
        != NumpySampler("n", seed=2)
    )
    assert one.apply(np.exp) == two.apply(np.exp) != two.apply(np.log)
    assert HistoSampler([1, 2], edges=[0, 1, 3]) == HistoSampler((np.array([1, 2]), np.array([0, 1, 3])))


@few
@given(samplers.filter(ours), samplers.filter(ours))
def test_equal_samplers_have_equal_texts(left, right):
    assert (left == right) == (repr(left) == repr(right))
    assert eval(repr(left), dict(NAMES)) == left


def test_weight_inside_of_a_stack_is_refused():
    with pytest.raises(SamplerError, match=r"write 0\.3 & \(one & other\)"):
        0.3 & NumpySampler("n") & NumpySampler("u")


@pytest.mark.parametrize(
    "options", [{1, 2}, frozenset("ab"), {"a": 1}, {"a": 1}.keys(), iter([1]), "ab", b"ab", 3]
)
def test_what_has_no_order_is_refused_where_order_matters(options):
    with pytest.raises(SamplerError, match="options"):
        choice(options)
    with pytest.raises(SamplerError, match="'p'"):
        choice([1, 2], p=options)
    with pytest.raises(ParameterError, match="'a'"):
        Domain.create_aliases({"a": options})
    with pytest.raises(ParameterError, match="'a'"):
        Domain.option_items("a", options)


def test_sets_are_no_items_and_no_prefix_of_a_config():
    with pytest.raises(ParameterError, match="order matters"):
        ConfigAlias({("a", 1), ("b", 2)})
    config = ConfigAlias({"a": 1, "b": 2})
    with pytest.raises(ParameterError, match="order matters"):
        config.set_prefix({"a", "b"}, 1)
    assert config.set_prefix({"b": 0, "a": 0}.keys(), 1).prefix == "2_1"


def test_apply_names_itself_and_says_what_it_is_given():
    with pytest.raises(
        SamplerError, match=r"apply\(int\) failed .* shape \(5, 1\); .* numpy.vectorize\(int\)"
    ):
        loguniform(1, 9).apply(int).sample(5)
    with pytest.raises(SamplerError, match=r"expr=float\) failed"):
        loguniform(1, 9).truncate(expr=float, high=1).sample(5)
    with pytest.raises(SamplerError, match=r"expected .* rows"):
        loguniform(1, 9).truncate(expr=np.sum, high=1).sample(5)
    assert loguniform(1, 9).apply(np.vectorize(int)).sample(5).dtype.kind == "i"


@pytest.mark.parametrize("text", ["1e-5", "1E5", "-2.5e10", ".5e3", "-.5", "1_0e3", "0o17"])
def test_numbers_that_yaml_takes_for_strings_are_said(text):
    for spec in (
        {"rate": [text, 0.1]},
        {"model": {"rate": [{"x": [text]}]}},
        {"rate": {"$sampler": "choice", "options": [text, 1]}},
        {"$sum": [{"rate": [{"$alias": "small", "$value": text}]}]},
    ):
        with pytest.warns(DomainWarning, match=r"rate.*reads like a number.*1\.0e-5"):
            Domain.from_spec(spec)


def test_strings_that_read_like_no_number_give_no_warning():
    Domain.from_spec(
        {"rate": ["1", "0.1", "007", "1.0e-5", "relu", "e5", "nan", "0x1F", "1e", "1e5m", "", "-"]}
    )


def test_nested_tables_of_toml_are_paths():
    spec = tomllib.loads(
        """
        [model]
        layers = [1, 2]
        [model.optimizer]
        lr = { "$alias" = "rate", "$values" = [0.1] }
        momentum = { "$sampler" = "choice", options = [{ "$none" = true }, 0.9] }
        [[data]]
        name = "a"
        """
    )
    domain = Domain.from_spec(spec)
    rate = Alias("model/optimizer/lr", "rate")
    assert domain == Domain(
        {
            "model/layers": [1, 2],
            rate: [0.1],
            "model/optimizer/momentum": choice([None, 0.9]),
            "data": [{"name": "a"}],
        }
    )
    assert Domain.from_spec(json.loads(json.dumps(domain.to_spec()))) == domain


def test_text_of_settings_stands_behind_parentheses():
    product = (Domain(a=[1]) * (Domain(b=[2]) + Domain(c=[3]))).set_iter_params(n_reps=2)
    assert str(product) == "(Domain(a=[1]) * (Domain(b=[2]) + Domain(c=[3]))).set_iter_params(n_reps=2)"
    weighted = (0.5 * Domain(a=[1])).set_iter_params(seed=True)
    assert str(weighted) == f"(0.5 * Domain(a=[1])).set_iter_params(seed={weighted.seed_sequence.entropy})"
    assert Domain.from_spec(weighted.to_spec()) == weighted
    child = np.random.SeedSequence(5, spawn_key=(3,))
    assert "seed=np.random.SeedSequence(5, spawn_key=(3,))" in str(Domain(a=[1]).set_iter_params(seed=child))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.inf, "float('inf')"),
        ([max, (1,)], "[max, (1,)]"),
        (np.zeros((100, 100)), "<array of float64 and shape (100, 100)>"),
        (np.array([1, 2], "m8[s]"), "np.array([1, 2]).astype('<m8[s]')"),
        ({"a": [np.float32(0.1)]}, "{'a': [np.float32(0.1)]}"),
    ],
)
def test_text_of_values(value, text):
    assert str(Domain(a=[value])) == f"Domain(a=[{text}])"


@pytest.mark.parametrize(
    "value", [1j, b"x", {1}, np.longdouble(1), np.array([max]), np.zeros((0, 2)), np.complex64(1)]
)
def test_values_that_are_not_plain_data_are_named(value):
    for domain in (Domain(width=[[value]]), Domain(width=choice([value, 1]))):
        with pytest.raises(SpecError, match="not plain data"):
            domain.to_spec()
