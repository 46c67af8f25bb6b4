"""Learning curves show what the numbers say."""

import math
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from matplotlib.figure import Figure

from research_domain import Alias, ConfigAlias
from research_results.errors import ArgumentError, MissingExtraError, UnknownVariableError


@pytest.fixture
def results(storage):
    def wide():
        return 64

    for place in range(6):
        rate, repetition = (0.1, 0.2)[place // 3], place % 3
        pairs = [
            (Alias("learning_rate", "lr"), rate),
            ("net", Alias(wide, "wide")),
            ("repetition", repetition),
        ]
        storage.add(str(place), ConfigAlias(pairs))
        loss = {i: rate * i + repetition for i in range(4)}
        storage.put(str(place), {"loss": loss, "accuracy": {3: 0.5}, "label": {0: "cat"}})
    return storage.results


def curves(axes):
    return {
        line.get_label(): (line.get_xdata().tolist(), line.get_ydata().tolist()) for line in axes.get_lines()
    }


def test_curves_are_means_over_repetitions_with_a_band(results):
    figure = results.plot("loss")
    (axes,) = figure.axes
    drawn = curves(axes)
    assert list(drawn) == ["0.1", "0.2"]
    x, y = drawn["0.2"]
    assert x == [0, 1, 2, 3]
    assert y == pytest.approx([1.0, 1.2, 1.4, 1.6])
    assert len(axes.collections) == 2
    top = axes.collections[0].get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx(1.3 + np.std([0, 1, 2], ddof=1))
    assert axes.get_legend().get_title().get_text() == "lr"
    assert axes.get_ylabel() == "loss"
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_parameter_of_one_value_asks_for_the_mean_of_all(results):
    (drawn,) = curves(results.plot("loss", by="net").axes[0]).values()
    assert drawn == ([0, 1, 2, 3], pytest.approx([1.0, 1.15, 1.3, 1.45]))
    assert len(curves(results.plot("loss", by=["net", "lr"]).axes[0])) == 2


def test_each_number_has_a_panel(results):
    figure = results.plot()
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert [axes.get_ylabel() for axes in results.plot(["accuracy"]).axes] == ["accuracy"]


def test_curves_are_told_apart_as_asked(results):
    assert list(curves(results.plot("loss", over=None).axes[0])) == [
        *("0.1, 0", "0.1, 1", "0.1, 2", "0.2, 0", "0.2, 1", "0.2, 2"),
    ]
    assert list(curves(results.plot("loss", by="net").axes[0])) == ["wide"]
    for name in ("lr", "learning_rate"):
        assert list(curves(results.plot("loss", by=name).axes[0])) == ["0.1", "0.2"]
    assert list(curves(results.plot("loss", by=["net", "repetition"], learning_rate=0.1).axes[0])) == [
        *("wide, 0", "wide, 1", "wide, 2"),
    ]


def test_parameters_and_variables_may_be_called_like_columns(storage):
    for limit, start in [(100, 3.0), (200, 5.0)]:
        config = {"iteration": limit, "id": f"{limit}", "name": "n", "value": 0}
        storage.add(str(limit), config)
        storage.put(str(limit), {"loss": {0: start, 1: start - 2}, "iteration": {0: 7, 1: 8}})
    plot = storage.results.plot
    assert curves(plot("loss").axes[0]) == {"100, 100": ([0, 1], [3, 1]), "200, 200": ([0, 1], [5, 3])}
    assert curves(plot("loss", by="value").axes[0]) == {"0": ([0, 1], [4, 2])}
    over = ["iteration", "id"]
    assert curves(plot("loss", by="value", over=over).axes[0]) == {"0": ([0, 1], [4, 2])}
    assert list(curves(plot("loss", by=["id", "iteration"]).axes[0])) == ["100, 100", "200, 200"]
    assert curves(plot("iteration", by="name").axes[0]) == {"n": ([0, 1], [7, 8])}
    assert list(curves(plot("loss", config={"iteration": 100}).axes[0]).values()) == [([0, 1], [3, 1])]


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([1, None, 3], [1, 3]),
        ([True, None, False], [1, 0]),
        ([None, 0.5], [0.5]),
        ([2**70, 1], [2.0**70, 1]),
        ([10**400, 1], [math.inf, 1]),
        ([True, 2, 0.5], [1, 2, 0.5]),
        ([np.float32(1), None, np.longdouble(2)], [1, 2]),
        ([Decimal("0.5"), Fraction(1, 4), Decimal("sNaN")], [0.5, 0.25]),
        ([math.nan, 1.0], [1]),
    ],
    ids=repr,
)
def test_numbers_are_drawn_whatever_is_missing(storage, values, drawn):
    storage.put("a", {"x": dict(enumerate(values)), "y": {9: 0}})
    (y,) = [y for _, y in curves(storage.results.plot("x").axes[0]).values()]
    assert y == drawn


@pytest.mark.parametrize(
    "values", [["a", 1], [None, None], [1j], [np.timedelta64(1, "M")], [[1], [2]]], ids=repr
)
def test_what_is_not_all_numbers_is_left_out_and_refused_by_name(storage, values):
    storage.put("a", {"x": dict(enumerate(values)), "y": {0: 1, 1: 2}})
    assert [axes.get_ylabel() for axes in storage.results.plot().axes] == ["y"]
    with pytest.raises(ArgumentError, match="'x' has values that are not a number"):
        storage.results.plot("x")


def test_values_that_read_alike_have_a_curve_each(storage):
    for place, value in enumerate([1, "1", 1.0, None, "None", [1], (1,)]):
        storage.add(str(place), {"p": value})
        storage.put(str(place), {"x": {0: float(place), 1: 0.0}})
    drawn = curves(storage.results.plot("x").axes[0])
    assert list(drawn) == ["1", "1 (2)", "1.0", "None", "None (2)", "[1]", "(1,)"]
    assert [y[0] for _, y in drawn.values()] == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("text", ["$\\frac$", "_hidden", "a\nb\t\0", "x" * 100_000, "%s {x} \\", ""])
def test_names_on_pictures_are_texts_of_bearable_length(storage, text):
    for place, value in enumerate([text, "other"]):
        storage.add(str(place), {"p": value, f"n {text[:50]}": place})
        storage.put(str(place), {f"v {text[:50]}": {0: 1.0, 1: 2.0}})
    figure = storage.results.plot(by="p")
    (axes,) = figure.axes
    assert len(axes.get_legend().get_texts()) == 2
    assert all(len(label) <= 70 for label in (axes.get_ylabel(), *curves(axes)))
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert len(storage.results.plot(f"v {text[:50]}").axes) == 1


def test_experiments_without_values_have_no_curve(results):
    results.put("none", {}, {"net": "narrow"})
    assert list(curves(results.plot("loss").axes[0])) == ["0.1", "0.2"]


def test_a_figure_may_be_given(results):
    figure = Figure()
    assert results.plot("loss", figure=figure) is figure
    assert len(figure.axes) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"variables": "los"}, UnknownVariableError, "'loss'"),
        ({"variables": "label"}, ArgumentError, "not a number"),
        ({"by": "momentum"}, ArgumentError, "momentum"),
        ({"over": "momentum"}, ArgumentError, "momentum"),
    ],
)
def test_what_cannot_be_drawn_is_named(results, arguments, error, text):
    with pytest.raises(error, match=text):
        results.plot(**arguments)


def test_nothing_to_draw_is_said(storage):
    storage.put("a", {"label": {0: "cat"}})
    with pytest.raises(ArgumentError, match="nothing to draw"):
        storage.results.plot()


def test_many_panels_leave_no_empty_ones(storage):
    storage.put("a", {f"v{place}": {0: float(place), 1: 2.0} for place in range(5)})
    assert len(storage.results.plot().axes) == 5


def test_without_matplotlib_the_extra_is_named(results, monkeypatch, without):
    monkeypatch.delitem(sys.modules, "research_results.plotting.canvas", raising=False)
    without("matplotlib")
    with pytest.raises(MissingExtraError, match=r"research-results\[plot\]"):
        results.plot("loss")


def test_a_mean_of_all_that_nobody_asked_for_by_name_is_told_in_the_legend(results):
    def legend(**arguments):
        (axes,) = results.plot("loss", **arguments).axes
        return [text.get_text() for text in axes.get_legend().get_texts()]

    assert legend(by="net") == ["wide", "mean over lr"]
    assert legend(by="net", over=["lr", "repetition"]) == ["wide"]
    assert legend(by="net", over=None) == ["wide", "mean over lr, repetition"]
    assert legend(by="net", facets="net") == ["wide", "not told apart: lr"]


def test_what_has_no_point_at_all_is_refused(storage):
    storage.results.put("a", {"x": {0: math.nan, 1: math.nan}, "y": {0: 1.0, 3: 2.0}}, {"lr": 1})
    for kind in ("curve", "final", "heatmap"):
        with pytest.raises(ArgumentError, match="every mean has a NaN among its values"):
            storage.results.plot("x", kind)
    with pytest.raises(ArgumentError, match="no value of 'x' is of iteration 3; the last one is of 1"):
        storage.results.plot("x", "final", at=3)
    assert [axes.get_ylabel() for axes in storage.results.plot(kind="final", at=3).axes] == [
        "y (iteration 3)"
    ]
