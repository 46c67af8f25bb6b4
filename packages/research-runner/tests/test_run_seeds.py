"""Global generators of random numbers: the same table, however a research is run."""

import random

import numpy as np
import pytest

from research_domain import Domain
from research_experiment import EC
from research_runner import Research

pytestmark = pytest.mark.usefixtures("plain")


def study(**options):
    """Return the numbers that experiments drew from the global generators, in the order of the domain."""

    def draw(x):
        return random.random(), float(np.random.random())

    research = Research(domain=Domain(x=[1, 2, 3, 4, 5])).add_callable(draw, x=EC("x"), save_to="y")
    research.run(dump_results=False, bar=False, **options)
    saved = {
        research.results.configs[key].config()["x"]: each["y"][0]
        for key, each in research.results.values.items()
    }
    assert sorted(saved) == [1, 2, 3, 4, 5]
    return [saved[x] for x in sorted(saved)]


@pytest.mark.parametrize(
    "options",
    [
        {"workers": 2},
        {"workers": 2, "tasks_per_worker": 1, "start_method": "spawn"},
        {"start_method": "fork"},
        {"parallel": False},
        {"branches": 3, "executor_target": "for"},
        {"parallel": False, "branches": 2, "executor_target": "for"},
    ],
    ids=str,
)
def test_the_same_seed_gives_the_same_numbers(options):
    table = study(seed=11, **options)
    assert table == study(seed=11)
    assert len(set(table)) == 5


def test_another_seed_gives_other_numbers():
    assert not set(study(seed=11)) & set(study(seed=12))


@pytest.mark.parametrize("parallel", [True, False])
def test_nothing_is_seeded_if_that_is_not_wanted(parallel):
    assert study(seed=11, seed_globals=False, parallel=parallel) != study(
        seed=11, seed_globals=False, parallel=parallel
    )


def test_the_script_goes_on_with_its_own_numbers():
    random.seed(1)
    np.random.seed(2)
    expected = random.random(), np.random.standard_normal()
    random.seed(1)
    np.random.seed(2)
    study(seed=11, parallel=False)
    assert (random.random(), np.random.standard_normal()) == expected


def test_the_function_of_an_update_draws_the_numbers_of_the_script():
    drawn = []

    def update():
        drawn.append(random.random())

    def draw(x):
        return random.random()

    random.seed(1)
    expected = [random.random()]
    random.seed(1)
    research = Research(domain=Domain(x=range(50))).add_callable(draw, x=EC("x"), save_to="y")
    research.update_domain(update, when="%20", wait=False)
    research.run(dump_results=False, bar=False, parallel=False, seed=3)
    assert drawn == expected
