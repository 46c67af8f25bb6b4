"""Choices: from answers to configs of the domain, and back."""

import numpy as np
import pytest
from domain_oracle import plain
from domain_strategies import expressions
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from research_domain import (
    Alias,
    Category,
    Choice,
    ChoiceError,
    ConstantSampler,
    Domain,
    HistoSampler,
    InfeasibleError,
    Integer,
    NumpySampler,
    Real,
    ScipySampler,
    choice,
    integers,
    loguniform,
    make_rng,
    same,
    uniform,
)


class Dice:
    def sample(self, size):
        return [4] * size


class Unanswered(Exception):
    pass


def chosen(choices, rng):
    """Return a config of random answers; None if a filter rejects it."""
    try:
        return choices.config(lambda name, question: question.draw(rng), seed=rng)
    except InfeasibleError:
        return None


def replayed(choices, answers):
    return choices.config(lambda name, question: answers[name])


def all_configs(choices):
    """Return what all answers lead to, where no question is a real number."""
    found, todo = [], [{}]
    while todo:
        answers = todo.pop()
        asked = []

        def choose(name, question):
            if name not in answers:
                asked.append((name, question))
                raise Unanswered
            return answers[name]

        try:
            found.append(choices.config(choose))
        except Unanswered:
            ((name, question),) = asked
            size = question.high - question.low + 1 if isinstance(question, Integer) else len(question.names)
            todo += [{**answers, name: number} for number in range(size)]
        except InfeasibleError:
            pass
    return found


def as_set(configs):
    return {tuple(sorted(config.items())) for config in configs}


@settings(deadline=None, max_examples=60)
@given(expressions)
def test_all_answers_lead_to_all_configs_of_a_domain_and_no_others(expression):
    choices = expression.domain().choices()
    if len(list(choices)) <= 5:
        assert as_set(plain(all_configs(choices))) == as_set(expression.configs())


@settings(deadline=None, max_examples=60)
@given(expressions, st.integers(0, 2**32))
def test_answers_of_any_config_lead_to_it(expression, seed):
    domain = expression.domain()
    choices = domain.choices()
    config = chosen(choices, make_rng(seed))
    if config is not None:
        assert config in domain
        assert plain([replayed(choices, choices.answers(config))]) == plain([config])
    for config in domain[:3]:
        assert plain([replayed(choices, choices.answers(config))]) == plain([config])


SAMPLED = {
    "uniform": lambda: uniform(-1, 3),
    "loguniform": lambda: loguniform(1e-5, 1),
    "integers": lambda: integers(2, 7),
    "one value": lambda: ConstantSampler(3),
    "vector": lambda: ConstantSampler([3.0, 4.0]),
    "choice": lambda: choice(["a", None, max], p=[0.2, 0.5, 0.3]),
    "lists": lambda: choice([[1], [1, 2]]),
    "normal": lambda: NumpySampler("n", loc=2),
    "lognormal": lambda: NumpySampler("ln", sigma=0.5),
    "row": lambda: NumpySampler("n", dim=3),
    "chosen by numpy": lambda: NumpySampler("c", a=[3, 1, 7]),
    "frozen": lambda: stats.beta(2, 3),
    "frozen ints": lambda: stats.binom(10, 0.3),
    "scipy": lambda: ScipySampler("gamma", a=2, dim=2),
    "histogram": lambda: HistoSampler(np.histogram([0, 1, 1, 7], bins=4)),
    "scaled": lambda: 2 * NumpySampler("n") - 1,
    "whole part": lambda: uniform(0, 50) // 5,
    "powers of two": lambda: 2 ** integers(1, 8),
    "doubled": lambda: choice([1, 2]) * 2,
    "function": lambda: NumpySampler("n").apply(np.exp),
    "valley": lambda: uniform(-3, 2).apply(np.square),
    "rounded": lambda: uniform(0, 1).apply(lambda x: x.round(1)),
    "stacked": lambda: uniform(0, 1) & integers(5),
    "mixed": lambda: (0.3 & uniform(0, 1)) | (0.7 & integers(5, 9)),
    "limits": lambda: NumpySampler("n").truncate(high=1.5, low=-0.5),
    "whole limits": lambda: integers(100).truncate(high=9.5, low=3),
    "kept by a function": lambda: uniform(0, 1).truncate(expr=lambda x: x > 0.4),
}


@pytest.mark.parametrize("kind", SAMPLED)
def test_sampled_values_are_of_the_domain_and_come_back(kind):
    domain = Domain(x=SAMPLED[kind]())
    choices, rng = domain.choices(), make_rng(3)
    example = domain.copy().set_iter_params(seed=1)[0].config()["x"]
    configs = [config for _ in range(30) if (config := chosen(choices, rng)) is not None]
    assert len(configs) >= 10
    for config in configs:
        assert config in domain
        value = config["x"]
        assert isinstance(value, type(example)) or kind in ("choice", "mixed")
        twin = replayed(choices, choices.answers(config))["x"]
        assert same(value, twin) or np.allclose(value, twin, rtol=1e-6, atol=1e-12)


QUANTILES = {
    "beta": {"a": 2, "b": 3},
    "binomial": {"n": 9, "p": 0.3},
    "chisquare": {"df": 3},
    "exponential": {"scale": 2},
    "f": {"dfnum": 5, "dfden": 9},
    "gamma": {"shape": 2, "scale": 3},
    "geometric": {"p": 0.3},
    "gumbel": {"loc": 1, "scale": 2},
    "hypergeometric": {"ngood": 9, "nbad": 6, "nsample": 7},
    "integers": {"low": 3, "high": 9, "endpoint": True},
    "laplace": {"loc": 1, "scale": 2},
    "logistic": {"loc": 1, "scale": 2},
    "lognormal": {"mean": 0.2, "sigma": 0.5},
    "logseries": {"p": 0.6},
    "negative_binomial": {"n": 5, "p": 0.4},
    "noncentral_chisquare": {"df": 3, "nonc": 2},
    "normal": {"loc": 1, "scale": 2},
    "pareto": {"a": 3},
    "poisson": {"lam": 4},
    "power": {"a": 3},
    "random": {},
    "rayleigh": {"scale": 2},
    "standard_cauchy": {},
    "standard_exponential": {},
    "standard_gamma": {"shape": 2},
    "standard_normal": {},
    "standard_t": {"df": 4},
    "triangular": {"left": 1, "mode": 2, "right": 5},
    "uniform": {"low": -1, "high": 4},
    "wald": {"mean": 2, "scale": 3},
    "weibull": {"a": 2},
    "zipf": {"a": 3},
}


@pytest.mark.parametrize("name", QUANTILES)
def test_answers_in_the_middle_are_quantiles_of_what_is_drawn(name):
    sampler = NumpySampler(name, **QUANTILES[name])
    sample = np.sort(sampler.sample(20_000, make_rng(1))[:, 0])
    choices = Domain(x=sampler).choices()
    for share in (0.1, 0.35, 0.6, 0.85):
        value = choices.config(lambda _, question, share=share: question.at(share))["x"]
        below, above = np.searchsorted(sample, [value, np.nextafter(value, np.inf)]) / len(sample)
        assert below - 0.02 <= share <= above + 0.02


def test_what_is_asked_follows_the_algebra():
    tree = Domain(model=["tree"]) * Domain(depth=[1, 2, 4])
    net = Domain(model=["net"]) * Domain(act=["relu", "tanh"], rate=loguniform(0.01, 1))
    choices = ((tree + net) * Domain(seed=[7])).choices()
    assert dict(choices) == {
        "model": Category(("tree", "net")),
        "depth": Integer(0, 2, ("1", "2", "4")),
        "act": Category(("relu", "tanh")),
        "rate": Real(0.01, 1.0, log=True),
    }
    asked = []
    choices.config(lambda name, question: asked.append(name) or 0)
    assert asked == ["model", "depth"]


@pytest.mark.parametrize(
    ("values", "question"),
    [
        ([1, 2, 3], Integer(0, 2, ("1", "2", "3"))),
        ([3.0, 2, 1], Integer(0, 2, ("3.0", "2", "1"))),
        ([1, 1, 2, 3], Integer(0, 2, ("1", "2", "3"))),
        ([1, 2], Category(("1", "2"))),
        ([1, 3, 2], Category(("1", "3", "2"))),
        ([1, 2, True], Category(("1", "2", "True"))),
        ([1, "1"], Category(("1", "1 #2"))),
        ([Alias(3, "three"), Alias(4, "four"), Alias(5, "five")], Integer(0, 2, ("three", "four", "five"))),
        (range(10**9), Integer(0, 10**9 - 1)),
    ],
)
def test_listed_values_are_asked_for_by_index(values, question):
    choices = Domain(x=values).choices()
    assert choices["x"] == question
    last = choices.config(lambda name, question: question.at(1))
    assert choices.answers(last) == {"x": question.at(1)}


def test_one_question_for_equal_values_and_others_for_different_ones():
    rate = loguniform(0.01, 1)
    domain = Domain(m=["a"], k=[1, 2]) * Domain(r=rate) + Domain(m=["b"], k=[3, 4]) * Domain(r=rate)
    questions = domain.choices()
    assert [name.split()[0] for name in questions] == ["m", "k", "r", "k"]
    weighted = (0.2 * Domain(a=[1, 2]) + 0.8 * Domain(b=[3, 4])) * domain
    assert weighted.choices()["+"].weights == (0.2, 0.8)


def test_values_of_equal_numbers_keep_their_types():
    choices = Domain(x=[1.0, 1, True]).choices()
    for number in range(3):
        config = choices.config(lambda name, question, number=number: number)
        assert choices.answers(config) == {"x": number}


def test_the_rows_of_a_zip_are_one_question():
    domain = Domain(a=[1, 2], b=[3, 4]) @ (Domain(c=[5, 6, 7]) * Domain(x=uniform(0, 1)) + Domain(d=[8]))
    choices = domain.choices()
    assert dict(choices) == {"@a&b&c&d&x": Integer(0, 3), "x": Real(0.0, 1.0)}
    config = choices.config(lambda name, question: question.at(0.5))
    assert config.config() == {"a": 2, "b": 3, "c": 7, "x": 0.5}
    assert choices.answers(config) == {"@a&b&c&d&x": 2, "x": 0.5}


def test_what_a_filter_rejects_says_so():
    def small(config):
        return config["a"] < 2

    choices = (Domain(a=[1, 2, 3]).where(small) * Domain(b=[1, 2])).choices()
    with pytest.raises(InfeasibleError, match=r"where\(small\) rejects a_3"):
        choices.config(lambda name, question: question.at(1))
    with pytest.raises(ChoiceError, match="a filter rejects"):
        choices.answers({"a": 3, "b": 1})
    limited = Domain(x=uniform(0, 1).truncate(expr=lambda x: x > 0.5)).choices()
    with pytest.raises(InfeasibleError, match="truncate rejects"):
        limited.config(lambda name, question: question.at(0))


@pytest.mark.parametrize(
    ("sampler", "why"),
    [
        (Dice(), "quantiles"),
        (NumpySampler("d", alpha=[1, 2]), "dirichlet"),
        (NumpySampler("n", loc=[1.0]), "arguments"),
        (HistoSampler(np.ones((2, 2)), [[0, 1, 2], [0, 1, 2]]), "2 dimensions"),
        (stats.multivariate_normal([0, 0]), "quantiles"),
    ],
)
def test_what_cannot_be_asked_for_is_named_and_can_be_noise(sampler, why):
    domain = Domain(a=[1, 2]) * Domain(x=sampler)
    with pytest.raises(ChoiceError, match=rf"(?s)parameter 'x'.*{why}.*noise=True"):
        domain.choices()
    choices = domain.choices(noise=True)
    assert choices.noise == ("x",)
    one, twin = (choices.config(lambda name, question: 1, seed=5) for _ in range(2))
    assert one in domain
    assert one == twin
    assert choices.answers(one) == {"a": 1}


def test_rows_that_depend_on_draws_are_refused_whatever_noise():
    domain = Domain(a=[1, 2]) @ (0.5 * Domain(b=[1]) + 0.5 * Domain(c=[2]))
    with pytest.raises(ChoiceError, match="a and b and c"):
        domain.choices(noise=True)


def test_numbers_of_other_libraries_with_quantiles_are_asked_for():
    class Triangle:
        def sample(self, size, rng):
            return rng.random(size) ** 0.5

        def ppf(self, share):
            return share**0.5

    choices = Domain(x=Triangle()).choices()
    config = choices.config(lambda name, question: question.at(0.25))
    assert abs(config["x"] - 0.5) < 1e-3
    assert choices.answers({"x": 0.5})["x"] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"model": "cat", "rate": 0.1}, "'model'.*'cat'"),
        ({"model": "net", "rate": 7}, "'rate'.*7"),
        ({"model": "net", "rate": "fast"}, "'rate'.*'fast'"),
        ({"modle": "net"}, "did you mean 'model'"),
        ({"model": "net"}, "'model': 'net'.*together"),
        ({"model": "tree", "rate": 0.1}, "together"),
        (7, "expected a mapping"),
    ],
)
def test_a_config_of_another_domain_is_refused_by_name(config, text):
    domain = Domain(model=["tree"]) + Domain(model=["net"]) * Domain(rate=loguniform(0.01, 1))
    with pytest.raises(ChoiceError, match=text):
        domain.choices().answers(config)


@pytest.mark.parametrize("answer", [-1, 3, 1.5, True, "1", None])
def test_an_answer_that_is_none_is_refused(answer):
    with pytest.raises(ChoiceError, match=r"'x'.* is no answer to Integer"):
        Domain(x=[1, 2, 3]).choices().config(lambda name, question: answer)


def test_numbers_that_were_made_of_two_do_not_come_back():
    choices = Domain(x=uniform(0, 1) + uniform(0, 1)).choices()
    config = choices.config(lambda name, question: question.at(0.5))
    assert list(choices) == ["x[0]", "x[1]"]
    assert config["x"] == 1.0
    with pytest.raises(ChoiceError, match="'x'"):
        choices.answers(config)


@given(
    st.one_of(
        st.builds(lambda low, size: Integer(low, low + size), st.integers(-9, 9), st.integers(0, 10**30)),
        st.builds(lambda low, width: Real(low, low + width), st.floats(-9, 9), st.floats(0, 9)),
        st.builds(lambda low, factor: Real(low, low * factor, True), st.floats(1e-9, 9), st.floats(1, 99)),
        st.builds(lambda n: Category(tuple(map(str, range(n)))), st.integers(1, 9)),
    ),
    st.floats(0, 1),
)
def test_any_share_leads_to_an_answer(question, share):
    assert isinstance(question, Choice)
    assert question.holds(question.at(share))


def test_categories_are_drawn_by_weight():
    question = Category(("a", "b", "c"), (0.7, 0.0, 0.3))
    rng = make_rng(1)
    drawn = [question.draw(rng) for _ in range(1000)]
    assert set(drawn) == {0, 2}
    assert 0.6 < drawn.count(0) / 1000 < 0.8


def test_a_name_that_a_part_of_another_parameter_has_is_refused():
    with pytest.raises(ChoiceError, match=r"x\[0\]"):
        (Domain(x=uniform(0, 1) & uniform(2, 3)) * Domain({"x[0]": [1, 2]})).choices()


def test_questions_that_decide_on_parameters():
    zipped = Domain(a=[1, 2]) @ (Domain(b=[3, 4]) * Domain(x=uniform(0, 1)))
    branches = Domain(c=[1, 2], y=uniform(0, 1) & uniform(0, 1)) + Domain(d=[1, 2])
    choices = (zipped * branches).choices()
    assert choices.deciding(["a"]) == {"@a&b&x"}
    assert choices.deciding(["x"]) == {"@a&b&x", "x"}
    assert choices.deciding(["y", "d"]) == {"+", "y[0]", "y[1]", "d"}
    assert choices.deciding(["d"]) == {"+", "d"}
    assert choices.deciding([]) == frozenset()
