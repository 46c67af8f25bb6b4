"""The suite for searches passes what a search may do, and finds what it must not."""

import random
from dataclasses import dataclass

import numpy as np
import pytest

from research_domain import ConfigAlias
from research_runner.search_contract import SearchContract
from research_runner.searching import Verdict


@dataclass(frozen=True)
class Drawn:
    """Draws configs, and ends what is worse than most; `fault` is what it does wrong."""

    fault: str = ""

    def make(self, context):
        return DrawnSearch(self.fault, context.root_parameters)


class DrawnSearch:
    steps, compares = ["%0", "%2"], True

    def __init__(self, fault, root):
        self.fault, self.root = fault, root
        self.variables = ["loss"] if fault == "variables" else ("loss",)

    def begin(self, domain, history):
        self.choices, self.roots, self.told = domain.choices(), {}, list(history)

    def ask(self, question):
        if self.fault == "few" and question.number == 9:
            return None
        rng = random if self.fault == "luck" else np.random.default_rng(question.seed)
        given = self.roots.get(question.like, {})

        def choose(name, choice):
            return given[name] if name in given else choice.at(rng.random())

        while True:
            try:
                config = self.choices.config(choose)
            except ValueError:
                continue
            break
        if self.fault != "roots":
            answers = self.choices.answers(config)
            deciding = self.choices.deciding(self.root)
            self.roots[question.number] = {name: answers[name] for name in answers if name in deciding}
        if self.fault == "config" and question.config is not None:
            self.choices = None
        return ConfigAlias({"a": "z"}) if self.fault == "domain" and question.config is None else config

    def report(self, number, step, values, seen):
        told = self.told if self.fault == "verdicts" else self.told[:seen]
        others = [each.values[0] for each in told if each.values]
        return Verdict.STOP if len(others) > 3 and values[0] > np.median(others) else Verdict.CONTINUE

    def tell(self, told):
        self.told.append(told)


TESTS = sorted(name for name in vars(SearchContract) if name.startswith("test_"))
FAULTS = {
    "variables": "test_it_names_what_it_watches",
    "luck": "test_it_is_a_function_of_what_it_was_told_and_not_of_who_is_faster",
    "verdicts": "test_it_is_a_function_of_what_it_was_told_and_not_of_who_is_faster",
    "few": "test_configs_are_those_of_the_domain",
    "domain": "test_configs_are_those_of_the_domain",
    "roots": "test_branches_share_what_their_root_depends_on",
    "config": "test_a_config_that_is_put_in_is_told_as_an_answer",
}


def contract(fault=""):
    made = SearchContract()
    made.search = lambda: Drawn(fault)
    return made


@pytest.mark.parametrize("name", TESTS)
def test_a_search_that_does_what_it_has_to_passes(name):
    getattr(contract(), name)()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_search_that_does_not_is_found(fault):
    with pytest.raises((AssertionError, AttributeError)):
        getattr(contract(fault), FAULTS[fault])()
