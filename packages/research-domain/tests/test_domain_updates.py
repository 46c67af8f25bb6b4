"""Domains that are replaced while they are being explored."""

import itertools
import queue

import pytest
from domain_oracle import plain
from hypothesis import given
from hypothesis import strategies as st

from research_domain import Domain, NumpySampler, UpdateError, UpdateRule, When, WhenError
from research_domain.updates import evaluate_named


def coordinate(domain, research=None, limit=1000):
    """Go through a domain as a research does: one config at a time, asking for an update after each."""
    produced = []
    configs = iter(domain)
    while len(produced) < limit:
        config = next(configs, None)
        if config is None:
            break
        produced.append(config.config())
        new = domain.update(len(produced), research)
        if new is not None:
            domain, configs = new, iter(new)
    return produced


def test_update_replaces_what_is_left_of_the_old_domain():
    domain = Domain(x=[1, 2, 3]).set_iter_params(n_reps=2)
    domain.set_update(lambda: Domain(x=[4, 5, 6]), when=["%5", "%8"])
    configs = coordinate(domain)
    assert [config["updates"] for config in configs] == [0] * 6 + [1] * 3 + [2] * 6
    assert [config["x"] for config in configs] == [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6, 4, 5, 6]
    assert [config["repetition"] for config in configs] == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1]


def test_last_is_when_the_current_domain_is_exhausted():
    calls = []

    def grow(step):
        calls.append(step)
        return Domain(x=[len(calls) * step]) if len(calls) < 4 else None

    configs = coordinate(Domain(x=[1, 2]).set_update(grow, when="last", step=10))
    assert [config["x"] for config in configs] == [1, 2, 10, 20, 30]
    assert [config["updates"] for config in configs] == [0, 0, 1, 2, 3]


def test_a_period_counts_configs_of_all_domains():
    domain = Domain(x=range(100)).set_update(lambda: Domain(y=range(100)), when=3)
    configs = coordinate(domain, limit=9)
    assert [config["updates"] for config in configs] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


@given(
    st.lists(st.sampled_from(["%0", "%1", "%2", "%4", "last", 2, 3]), min_size=1, max_size=2, unique=True),
    st.integers(1, 3),
)
def test_update_counting_equals_the_oracle(when, n_reps):
    when_ = When.parse(when)
    sizes, expected, generated = [3 * n_reps, 2 * n_reps], [], 0
    number = done = 0
    while done < sizes[number > 0] and generated < 20:
        expected.append(number)
        generated, done = generated + 1, done + 1
        if when_.due(generated - 1, done == sizes[number > 0]):
            number, done = number + 1, 0
    domain = Domain(x=[1, 2, 3]).set_iter_params(n_reps=n_reps)
    domain.set_update(lambda: Domain(x=[4, 5]), when=when)
    assert [config["updates"] for config in coordinate(domain, limit=20)] == expected


def test_named_expressions_among_the_arguments_are_evaluated():
    class Results:
        def get(self, research):
            return research["best"]

    domain = Domain(x=[1]).set_update(
        lambda best, plain_dict: Domain(x=[best, plain_dict["k"]]), "%0", best=Results(), plain_dict={"k": 5}
    )
    assert [config["x"] for config in coordinate(domain, {"best": 7})] == [1, 7, 5]
    assert domain.update_rule.arguments(research={"best": 7})["best"] == 7


def test_rule_is_readable():
    rule = Domain(x=[1]).set_update(max, ["%5", "last"], key=1).update_rule
    assert rule.function is max
    assert rule.when == When.parse(["last", "%5"])
    assert rule.kwargs == {"key": 1}
    assert Domain(x=[1]).update_rule is None


def test_new_domain_keeps_its_own_parameters_and_rule():
    new = Domain(x=[4]).set_iter_params(n_reps=3)
    domain = Domain(x=[1]).set_iter_params(n_reps=2).set_update(lambda: new, "last")
    replaced = domain.update(2)
    assert (replaced.size, replaced.iter_params.produced, replaced.updates) == (3, 2, 1)
    assert replaced.update_rule == domain.update_rule
    assert (new.updates, new.iter_params.produced) == (0, 0)


def test_draws_of_a_new_domain_are_new_and_reproducible():
    def explore():
        domain = Domain(x=NumpySampler("n")).set_iter_params(n_items=3, seed=5)
        return coordinate(domain.set_update(lambda: Domain(x=NumpySampler("n")), ["%2", "%5"]))

    values = [config["x"] for config in explore()]
    assert len(set(values)) == 9
    assert values == [config["x"] for config in explore()]


def test_function_that_returns_something_else_is_an_error():
    with pytest.raises(UpdateError, match=r"function.*\[1, 2\]"):
        Domain(x=[1]).set_update(lambda: [1, 2], "last").update(1)


def test_bad_rules_are_errors():
    with pytest.raises(UpdateError, match="function"):
        Domain(x=[1]).set_update("grow", "last")
    with pytest.raises(WhenError, match="when='sometimes'"):
        Domain(x=[1]).set_update(max, "sometimes")


def test_an_endless_domain_is_never_exhausted():
    domain = Domain(x=NumpySampler("n")).set_update(lambda: Domain(x=[1]), "last")
    assert domain.update(10**6) is None
    assert len(plain(itertools.islice(domain, 3))) == 3


def test_parameters_of_iteration_among_the_arguments_are_for_the_new_domain():
    domain = Domain(x=[1, 2]).set_update(lambda: Domain(x=[3, 4]), "last", n_reps=2)
    assert [config.config()["x"] for config in domain.update(generated=2)] == [3, 4, 3, 4]


def test_a_function_that_takes_such_a_parameter_gets_it():
    domain = Domain(x=[1, 2]).set_update(lambda n_reps: Domain(x=[n_reps]), "last", n_reps=2)
    assert [config.config()["x"] for config in domain.update(generated=2)] == [2]


class Named:
    """A named expression by its method."""

    def get(self, research):
        return research + 1


def test_named_expressions_stand_in_containers_and_other_objects_with_get_are_left_alone():
    other = queue.Queue()
    domain = Domain(x=[1]).set_update(
        lambda **given: None, "last", deep={"k": [Named(), (2, {Named()})]}, other=other
    )
    assert domain.update_rule.arguments(research=4) == {"deep": {"k": [5, (2, {5})]}, "other": other}
    plain_list = [1, 2]
    rule = Domain(x=[1]).set_update(lambda values: None, "last", values=plain_list).update_rule
    assert rule.arguments()["values"] is plain_list


def test_who_has_named_expressions_registers_their_class():
    class Token:
        pass

    evaluate_named.register(Token, lambda value, research: research["token"])
    domain = Domain(x=[1]).set_update(lambda token: Domain(x=[token]), "last", token=Token())
    assert domain.update(1, {"token": 9})[0].config()["x"] == 9


@pytest.mark.parametrize(
    ("given", "waits"),
    [({}, False), ({"a": [Named()]}, True), ({"a": Named(), "wait": False}, False), ({"wait": True}, True)],
)
def test_a_rule_waits_for_what_it_refers_to_unless_told_otherwise(given, waits):
    rule = UpdateRule.parse(lambda a=None: None, [2, "last"], given)
    assert rule.waits() is waits
    assert rule.waits(exhausted=True)


def test_what_a_function_raises_is_an_error_that_names_it():
    def broken():
        raise OSError("no such table")

    domain = Domain(x=[1, 2]).set_update(broken, 2)
    with pytest.raises(
        UpdateError, match=r"broken' was called after 2 configs and raised OSError: no such table"
    ) as caught:
        domain.update(2)
    assert isinstance(caught.value.__cause__, OSError)


def test_arguments_that_a_function_does_not_take_are_an_error_at_once():
    with pytest.raises(UpdateError, match=r"takes \(a, b=1\).*c"):
        Domain(x=[1]).set_update(lambda a, b=1: None, "last", a=1, c=2).update_rule.check_call()
    with pytest.raises(UpdateError, match="wait must be True, False or None, got 'no'"):
        Domain(x=[1]).set_update(lambda: None, "last", wait="no")
    assert Domain(x=[1]).set_update(lambda wait: Domain(x=[wait]), "last", wait="no").update(1)[0]


def test_the_text_of_a_rule_says_whether_it_waits():
    assert repr(Domain(x=[1]).set_update(print, 2, wait=False)).endswith(
        "set_update(print, when=2, wait=False)"
    )
