"""Samplers: names, statistics, operators, limits."""

import builtins
import pickle

import numpy as np
import pytest
from scipy import stats

from research_domain import (
    ChoiceSampler,
    ConstantSampler,
    Domain,
    HistoSampler,
    NumpySampler,
    SamplerError,
    ScipySampler,
    choice,
    integers,
    loguniform,
    make_rng,
    uniform,
)

SHORT = {
    "n": {},
    "u": {},
    "e": {},
    "g": {"shape": 2},
    "be": {"a": 1, "b": 2},
    "p": {"lam": 3},
    "b": {"n": 5, "p": 0.5},
    "ln": {},
    "chi2": {"df": 2},
    "c": {"a": 5},
    "t": {"df": 5},
    "f": {"dfnum": 2, "dfden": 20},
    "w": {"a": 2},
    "l": {},
    "i": {"low": 3},
    "d": {"alpha": [1, 2]},
    "geom": {"p": 0.5},
    "nb": {"n": 3, "p": 0.5},
    "mvn": {"mean": [0, 0], "cov": [[1, 0], [0, 1]]},
    "mnm": {"n": 5, "pvals": [0.5, 0.5]},
}


@pytest.mark.parametrize("name", SHORT)
def test_short_names_of_numpy(name):
    sampler = NumpySampler(name, seed=1, **SHORT[name])
    drawn = sampler.sample(7)
    assert drawn.shape == (7, 2 if name in ("d", "mvn", "mnm") else 1)
    assert (NumpySampler(sampler.name, seed=1, **SHORT[name]).sample(7) == drawn).all()


@pytest.mark.parametrize("name", ["n", "u", "e", "l", "norm"])
def test_short_names_of_scipy(name):
    assert ScipySampler(name, seed=1).sample(5).shape == (5, 1)
    assert ScipySampler(name, seed=1, dim=3).sample(5).shape == (5, 3)


def test_multivariate_scipy():
    assert ScipySampler("mvn", mean=[0, 0], cov=np.eye(2)).sample(1).shape == (1, 2)
    assert ScipySampler("mvn", mean=[0, 0], cov=np.eye(2)).sample(4).shape == (4, 2)


def test_seeded_samplers_repeat_and_go_on():
    one, two = NumpySampler("n", seed=1), NumpySampler("n", seed=1)
    first = one.sample(5)
    assert (two.sample(5) == first).all()
    assert (one.sample(5) != first).any()
    assert (one.sample(5, make_rng(3)) == two.sample(5, make_rng(3))).all()
    assert one.sample(0).shape == (0, 1)


def test_arithmetic_between_samplers_and_numbers():
    rng = np.random.default_rng
    n, c = NumpySampler("n", dim=2), ConstantSampler([2.0, 4.0])
    plain = n.sample(9, rng(1))
    cases = {
        "+": (n + 1, plain + 1),
        "r-": (1 - n, 1 - plain),
        "*": (n * c, plain * [2, 4]),
        "/": (n / np.array([2, 4]), plain / [2, 4]),
        "r/": (1 / (n + 100), 1 / (plain + 100)),
        "//": (n // 0.5, plain // 0.5),
        "%": (n % 1, plain % 1),
        "**": (n**2, plain**2),
        "r**": (2**n, 2**plain),
        "neg": (-n, -plain),
        "np": (np.float64(2) * n, 2 * plain),
    }
    for name, (sampler, expected) in cases.items():
        assert np.allclose(sampler.sample(9, rng(1)), expected), name
    with pytest.raises(SamplerError, match="'x'"):
        n + "x"


def test_mixture_has_the_given_weights():
    sampler = (0.3 & ConstantSampler(1)) | (0.5 & ConstantSampler(2)) | (0.2 & ConstantSampler(3))
    drawn = sampler.sample(20_000, make_rng(1))[:, 0]
    for value, share in ((1, 0.3), (2, 0.5), (3, 0.2)):
        assert abs((drawn == value).mean() - share) < 0.02


def test_mixture_is_associative_and_random_in_order():
    a, b, c = (ConstantSampler(k) for k in range(3))
    left, right = ((a | b) | c).sample(300, make_rng(1)), (a | (b | c)).sample(300, make_rng(1))
    assert (left == right).all()
    assert 100 < (np.diff(left[:, 0]) != 0).sum() < 290
    nested = (0.5 & (a | b)) | (0.5 & c)
    assert abs((nested.sample(5000, make_rng(1)) == 2).mean() - 0.5) < 0.05


def test_mixture_of_different_shapes_is_an_error():
    with pytest.raises(SamplerError, match="shapes"):
        (NumpySampler("n") | NumpySampler("n", dim=2)).sample(10)


def test_stacking_adds_dimensions():
    drawn = (ConstantSampler(1) & NumpySampler("n", dim=2) & ConstantSampler(3)).sample(5)
    assert drawn.shape == (5, 4)
    assert (drawn[:, 0] == 1).all()
    assert (drawn[:, 3] == 3).all()


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_weight_of_a_sampler_is_positive(weight):
    with pytest.raises(SamplerError, match="weight"):
        weight & NumpySampler("n")


def test_apply_transforms():
    assert (NumpySampler("n").apply(np.abs).sample(50) >= 0).all()
    assert NumpySampler("n").apply(lambda x: x[:, 0]).sample(5).shape == (5, 1)
    with pytest.raises(SamplerError, match=r"transform.*5 rows"):
        NumpySampler("n").apply(lambda x: x[:2]).sample(5)
    with pytest.raises(SamplerError, match="transform"):
        NumpySampler("n").apply(5)


def test_truncate_keeps_its_limits():
    n = NumpySampler("n", seed=1)
    assert np.abs(n.truncate(high=0.5, low=-0.5).sample(500)).max() <= 0.5
    assert n.truncate(low=1).sample(500).min() >= 1
    assert n.truncate(high=-1, prob=0.2).sample(500).max() <= -1
    plane = NumpySampler("n", dim=2, seed=1)
    ring = plane.truncate(high=1, expr=lambda x: (x**2).sum(axis=1)).sample(200)
    assert ((ring**2).sum(axis=1) <= 1).all()
    assert (plane.truncate(expr=lambda x: x[:, 0] > x[:, 1]).sample(50) @ [1, -1] > 0).all()
    box = plane.truncate(high=[1, 0], low=[0, -1]).sample(100)
    assert (box >= [0, -1]).all()
    assert (box <= [1, 0]).all()


def test_truncate_gives_up_after_max_iter():
    never = NumpySampler("u", seed=1).truncate(low=2, max_iter=3)
    with pytest.raises(SamplerError, match=r"max_iter.*3 times"):
        never.sample(5)
    anyways = NumpySampler("u", seed=1).truncate(low=2, max_iter=3, sample_anyways=True)
    assert anyways.sample(5).shape == (5, 1)
    with pytest.raises(SamplerError, match="high"):
        NumpySampler("u").truncate()
    with pytest.raises(SamplerError, match="prob"):
        NumpySampler("u").truncate(low=0, prob=0)


def test_histogram_sampler_follows_the_histogram():
    data = np.random.default_rng(1).normal(size=5000)
    drawn = HistoSampler(np.histogram(data, bins=50), seed=1).sample(5000)
    assert stats.ks_2samp(drawn[:, 0], data).statistic < 0.05
    plane = np.random.default_rng(1).normal(size=(2000, 2)) @ [[1, 0.9], [0, 0.4]]
    drawn = HistoSampler(np.histogramdd(plane, bins=20), seed=1).sample(4000)
    assert drawn.shape == (4000, 2)
    assert np.corrcoef(drawn.T)[0, 1] > 0.8
    assert HistoSampler([1, 3], edges=[0, 1, 2]).sample(3).shape == (3, 1)


@pytest.mark.parametrize(
    "arguments", [([1, 2],), ([1, 2], [0, 1]), ([-1, 2], [0, 1, 2]), ([0, 0], [0, 1, 2])]
)
def test_bad_histograms_are_errors(arguments):
    with pytest.raises(SamplerError, match=r"edges|histo"):
        HistoSampler(*arguments)


def test_plain_functions_have_the_expected_limits():
    assert 2 <= uniform(2, 3, seed=1).sample(200).min() < uniform(2, 3, seed=1).sample(200).max() < 3
    drawn = loguniform(1e-4, 1, seed=1).sample(4000)[:, 0]
    assert 1e-4 <= drawn.min() < drawn.max() <= 1
    assert abs(np.median(drawn) - 1e-2) < 2e-3
    assert set(integers(2, 5, seed=1).sample(200)[:, 0]) == {2, 3, 4}
    objects = [None, [1, 2], "x", max]
    assert all(value in objects for value in choice(objects, seed=1).sample(50)[:, 0])
    assert set(ChoiceSampler([1, 2], p=[0, 1]).sample(20)[:, 0]) == {2}


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: NumpySampler("nrmal"), "normal"),
        (lambda: NumpySampler("shuffle"), "name"),
        (lambda: NumpySampler("n", sigma=3), "sigma"),
        (lambda: NumpySampler("n", dim=0), "dim"),
        (lambda: NumpySampler("n", scale=-1), "scale"),
        (lambda: ScipySampler("nrm"), "norm"),
        (lambda: ScipySampler("norm", sigma=2), "name"),
        (lambda: HistoSampler({1, 2}, [0, 1, 2]), "histo"),
        (lambda: HistoSampler([1, 2], {0, 1, 2}), "histo"),
        (lambda: NumpySampler("n").truncate(high={1, 2}), "high"),
        (lambda: uniform(3, 2), "low"),
        (lambda: loguniform(0, 2), "low"),
        (lambda: integers(0), "low"),
        (lambda: choice([]), "options"),
        (lambda: choice("abc"), "options"),
        (lambda: choice([1, 2], p=[0.5, 0.6]), "'p'"),
        (lambda: NumpySampler("n").sample(-1), "size"),
        (lambda: NumpySampler("n").sample(2.5), "size"),
        (lambda: NumpySampler("n").sample(2**70), "size"),
    ],
)
def test_bad_samplers_name_the_parameter(make, name):
    with pytest.raises(SamplerError, match=name):
        make()


def test_scipy_is_optional(monkeypatch):
    real = builtins.__import__

    def without_scipy(name, *args, **kwargs):
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_scipy)
    with pytest.raises(SamplerError, match="pip install scipy"):
        ScipySampler("norm")
    assert Domain(x=NumpySampler("n"))[0]


def test_samplers_survive_pickling():
    sampler = (0.5 & (NumpySampler("n", seed=1) * 2)) | ConstantSampler(3).apply(np.sqrt).truncate(low=0)
    twin = pickle.loads(pickle.dumps(sampler))
    assert (twin.sample(20, make_rng(1)) == sampler.sample(20, make_rng(1))).all()


def test_representations_are_readable():
    n = NumpySampler("n", loc=-10)
    assert repr(n) == "NumpySampler('normal', loc=-10)"
    assert repr(2 * n + 1) == "((2 * NumpySampler('normal', loc=-10)) + 1)"
    assert repr((0.5 & n) | ConstantSampler(3)) == f"(0.5 & {n!r} | ConstantSampler(3))"
    assert repr(n.apply(np.exp).truncate(high=1)) == f"{n!r}.apply(exp).truncate(high=1)"


def test_truncated_sampler_from_a_pickle_of_an_earlier_version_is_the_same():
    sampler = NumpySampler("n").truncate(high=1, low=0, prob=0.3, max_iter=5, sample_anyways=True)
    names = ("high", "low", "prob", "max_iter", "sample_anyways")
    state = {name: value for name, value in vars(sampler).items() if name not in names}
    earlier = object.__new__(type(sampler))
    earlier.__setstate__({**state, "limits": (1, 0), "effort": (0.3, 5, True)})
    assert earlier == sampler
    assert repr(earlier) == repr(sampler)
