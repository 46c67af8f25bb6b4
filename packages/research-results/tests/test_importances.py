"""Shares of the variance equal those of textbooks, and of functions that are known."""

import itertools

import numpy as np
import pytest

from research_results import MemoryStorage
from research_results.errors import ArgumentError, MissingExtraError

# D. C. Montgomery, Design and Analysis of Experiments: life of a battery by material and temperature, where
# the analysis of variance has the sums of squares 10683.72, 39118.72, 9613.78 and 18230.75 of 77646.97
BATTERY = {
    (1, 15): [130, 155, 74, 180],
    (1, 70): [34, 40, 80, 75],
    (1, 125): [20, 70, 82, 58],
    (2, 15): [150, 188, 159, 126],
    (2, 70): [136, 122, 106, 115],
    (2, 125): [25, 70, 58, 45],
    (3, 15): [138, 110, 168, 160],
    (3, 70): [174, 120, 150, 139],
    (3, 125): [96, 104, 82, 60],
}


def study(rows):
    storage = MemoryStorage()
    for place, (config, value) in enumerate(rows):
        storage.add(str(place), config)
        storage.put(str(place), {"y": {0: value}})
    return storage.results


def shares(results, **kwargs):
    table = results.importances("y", **kwargs)
    assert table["share"].sum() == pytest.approx(1)
    return dict(zip(table["effect"], table["share"], strict=True))


def test_a_full_grid_has_the_sums_of_squares_of_the_textbook():
    results = study(
        ({"material": material, "temperature": temperature, "repetition": number}, life)
        for (material, temperature), lives in BATTERY.items()
        for number, life in enumerate(lives)
    )
    squares = {
        "temperature": 39118.72,
        "material": 10683.72,
        "material x temperature": 9613.78,
        "repetitions": 18230.75,
    }
    found = shares(results)
    assert list(found) == ["temperature", "material", "material x temperature", "repetitions"]
    for effect, expected in squares.items():
        assert found[effect] * 77646.97 == pytest.approx(expected, abs=0.01)


def test_an_interaction_of_three_is_told_from_pairs():
    results = study(({"a": a, "b": b, "c": c}, a * b * c) for a, b, c in itertools.product([-1, 1], repeat=3))
    found = shares(results)
    assert found["interactions of more"] == pytest.approx(1)
    pair = shares(
        study(({"a": a, "b": b, "c": c}, a * b) for a, b, c in itertools.product([-1, 1], repeat=3))
    )
    assert pair["a x b"] == pytest.approx(1)


def test_cells_with_different_numbers_of_repetitions_weigh_the_same():
    cells = {(0, 0): 0.0, (0, 1): 1.0, (1, 0): 4.0, (1, 1): 5.0}
    results = study(
        ({"a": a, "b": b, "repetition": number}, value)
        for (a, b), value in cells.items()
        for number in range(1 + 3 * a + b)
    )
    found = shares(results)
    assert found["a"] / found["b"] == pytest.approx(16)
    assert found["a x b"] == pytest.approx(0, abs=1e-12)


def test_what_is_no_full_grid_is_explained_by_a_forest():
    random = np.random.default_rng(1)
    points = random.random((300, 3))
    results = study(({"a": a, "b": b, "c": c}, 3 * a + b) for a, b, c in points.tolist())
    found = shares(results)
    assert found["a"] == pytest.approx(0.9, abs=0.05)
    assert found["b"] == pytest.approx(0.1, abs=0.05)
    assert found["c"] < 0.02
    assert found == shares(results)


def test_parameters_of_one_branch_of_a_union_are_explained():
    rows = [({"model": "a", "lr": lr}, lr) for lr in range(20)]
    rows += [({"model": "b", "depth": depth}, 30.0) for depth in range(20)]
    found = shares(study(rows))
    assert found["model"] > 0.2 and found["depth"] < 0.1


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([({"a": 1}, 2.0), ({"a": 2}, 2.0)], "all the same"),
        ([({"a": 1}, 2.0)], "no parameter varies"),
        ([({"a": 1}, float("nan")), ({"a": 2}, 1.0)], "no parameter varies"),
        ([({"a": 1}, "text"), ({"a": 2}, 1.0)], "not a number"),
    ],
)
def test_what_cannot_be_explained_is_refused(rows, text):
    with pytest.raises(ArgumentError, match=text):
        study(rows).importances("y")


def test_one_variable_is_explained_at_a_time():
    with pytest.raises(ArgumentError, match="one variable"):
        study([({"a": 1}, 2.0)]).importances(["y", "z"])


def test_without_scikit_learn_the_extra_is_named(without):
    without("sklearn")
    rows = [({"a": 1, "b": 1}, 1.0), ({"a": 2, "b": 2}, 2.0), ({"a": 1, "b": 2}, 4.0)]
    with pytest.raises(MissingExtraError, match=r"research-results\[importances\]"):
        study(rows).importances("y")
