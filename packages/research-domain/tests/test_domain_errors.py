"""Bad input gives errors that name the parameter; errors cross processes."""

import copy
import inspect
import pickle

import numpy as np
import pytest

from research_domain import (
    Alias,
    Domain,
    DomainError,
    DomainIndexError,
    InfiniteDomainError,
    NumpySampler,
    Option,
    ParameterError,
    WeightError,
    ZipError,
    errors,
)
from research_domain.data_error import DataError

EXAMPLES = {
    "ConfigKeyError": ("a", ("b", "aa")),
    "DomainIndexError": (5, 3),
    "InfiniteDomainError": ("len(domain)",),
    "PredicateError": ("f", "a_1", "it raised"),
    "WhenError": ("sometimes", "cannot be understood"),
    "ZipError": (3, None, "make them equally long"),
    "DomainError": ("text",),
}
CLASSES = [
    value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, DomainError)
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_errors_survive_pickling_with_their_data(cls):
    error = cls(*EXAMPLES.get(cls.__name__, ("parameter", "what is wrong with it")))
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is cls
        assert (str(twin), vars(twin)) == (str(error), vars(error))
    assert isinstance(error, DomainError)
    assert cls.__name__ in errors.__all__


class LostError(DataError, AttributeError):
    name: str
    seconds: float = 1.0


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), ((), {"seconds": 2}), (("a", 1, 2), {}), (("a",), {"name": "b"}), (("a",), {"other": 1})],
)
def test_errors_are_made_of_what_they_declare(values, named):
    with pytest.raises(TypeError, match="LostError takes name, seconds; got"):
        LostError(*values, **named)
    error = LostError(name="a")
    error.add_note("seen")
    twin = pickle.loads(pickle.dumps(error))
    assert (twin.name, twin.seconds, twin.args, twin.__notes__) == ("a", 1.0, ("a", 1.0), ["seen"])


@pytest.mark.parametrize(
    "values",
    ["abc", b"abc", [], (), np.array([]), range(0), 5, None, {1, 2}, {"b": [1]}, iter([1]), max, np.array(3)],
)
def test_values_that_are_no_list_name_the_parameter(values):
    for make in (lambda: Domain(width=values), lambda: Option("width", values)):
        with pytest.raises(ParameterError, match="parameter 'width'") as caught:
            make()
        assert caught.value.parameter == "width"


@pytest.mark.parametrize("key", [1, None, ("a", "b"), Alias(["a"]), Alias(3, "three")])
def test_names_that_are_no_strings_are_named(key):
    with pytest.raises(ParameterError, match="string"):
        Domain({key: [1]})


def test_unhashable_name_is_named():
    with pytest.raises(ParameterError, match="is a string, got list"):
        Option(["a"], [1])


def test_one_name_given_twice():
    with pytest.raises(ParameterError, match=r"'a'.*twice"):
        Domain({"a": [1], Alias("a", "x"): [2]})


@pytest.mark.parametrize("domain", [5, [1, 2], "a"])
def test_domain_of_something_else(domain):
    with pytest.raises(ParameterError, match="parameter 'domain'"):
        Domain(domain)


@pytest.mark.parametrize("weight", [0, -1, -0.5, float("nan"), float("inf"), True, np.float64("nan")])
def test_bad_weights(weight):
    for make in (lambda: weight * Domain(a=[1]), lambda: Domain(a=[1]) * weight):
        with pytest.raises(WeightError, match="parameter 'weight'"):
            make()


@pytest.mark.parametrize("other", ["a", None, [1], {"a": [1]}])
def test_operators_with_something_else(other):
    for operate in (
        lambda: Domain(a=[1]) + other,
        lambda: Domain(a=[1]) * other,
        lambda: Domain(a=[1]) @ other,
        lambda: other * Domain(a=[1]),
    ):
        with pytest.raises(TypeError):
            operate()


def test_zips_of_unequal_or_infinite_domains():
    with pytest.raises(ZipError, match="lengths 2 and 3") as caught:
        Domain(a=[1, 2]) @ Domain(b=[1, 2, 3])
    assert (caught.value.left, caught.value.right) == (2, 3)
    with pytest.raises(ZipError, match="infinite"):
        Domain(a=[1, 2]) @ Domain(x=NumpySampler("n"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_items", -1),
        ("n_items", 1.5),
        ("n_items", "3"),
        ("n_reps", 0),
        ("n_reps", True),
        ("n_reps", None),
        ("repeat_each", 0),
        ("produced", -1),
        ("create_id_prefix", -1),
        ("create_id_prefix", 2**70),
        ("seed", "x"),
    ],
)
def test_parameters_of_iteration_are_named(name, value):
    domain = Domain(a=[1]).set_iter_params(n_reps=2)
    with pytest.raises(ParameterError, match=f"parameter '{name}'"):
        domain.set_iter_params(**{name: value})
    assert domain.iter_params.n_reps == 2


def test_indices_out_of_range_and_infinite_slices():
    domain = Domain(a=[1, 2])
    for index in (2, -3, 10**30):
        with pytest.raises(DomainIndexError, match=f"index {index} .* 2 configs"):
            domain[index]
    with pytest.raises(ParameterError, match="index"):
        domain["a"]
    endless = Domain(x=NumpySampler("n"))
    for index in (slice(3, None), slice(None, -1), slice(-5, None), slice(None, None, -1), -1):
        with pytest.raises(InfiniteDomainError, match=r"domain\["):
            endless[index]
    with pytest.raises(ValueError, match="step"):
        domain[::0]


def test_parameters_with_names_of_auxiliary_keys():
    domain = Domain(repetition=[1, 2])
    with pytest.raises(ParameterError, match="'repetition'"):
        next(iter(domain))
    assert len(list(domain.set_iter_params(additional=False))) == 2
    assert {"repetition": 1} in domain


@pytest.mark.parametrize("n", [5, -1, 1.5])
def test_sample_of_more_than_there_is(n):
    with pytest.raises(ParameterError, match="parameter 'n'"):
        Domain(a=[1, 2]).sample(n)


def test_start_before_the_beginning():
    with pytest.raises(ParameterError, match="parameter 'start'"):
        Domain(a=[1, 2]).iterate(-1)


def test_predicate_that_cannot_be_called():
    with pytest.raises(ParameterError, match="parameter 'predicate'"):
        Domain(a=[1]).where("a > 1")


def test_sampler_that_gives_too_little():
    class Short:
        def sample(self, size):
            return [1]

    with pytest.raises(ParameterError, match=r"parameter 'width'.*gave 1"):
        Domain(width=Short())[0]
