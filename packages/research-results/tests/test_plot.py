"""Learning curves show what the numbers say."""

import builtins
import sys

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
    assert top == pytest.approx(1.3 + np.std([0, 1, 2]))
    assert axes.get_legend().get_title().get_text() == "lr"
    assert axes.get_ylabel() == "loss"
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_each_number_has_a_panel(results):
    figure = results.plot()
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert [axes.get_ylabel() for axes in results.plot(["accuracy"]).axes] == ["accuracy"]


def test_curves_are_told_apart_as_asked(results):
    assert list(curves(results.plot("loss", aggregate=None).axes[0])) == [
        *("0.1, 0", "0.1, 1", "0.1, 2", "0.2, 0", "0.2, 1", "0.2, 2"),
    ]
    assert list(curves(results.plot("loss", by="net").axes[0])) == ["wide"]
    for name in ("lr", "learning_rate"):
        assert list(curves(results.plot("loss", by=name).axes[0])) == ["0.1", "0.2"]
    assert list(curves(results.plot("loss", by=["net", "repetition"], learning_rate=0.1).axes[0])) == [
        *("wide, 0", "wide, 1", "wide, 2"),
    ]


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
        ({"aggregate": "momentum"}, ArgumentError, "momentum"),
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


def test_without_matplotlib_the_extra_is_named(results, monkeypatch):
    whole = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return whole(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "research_results.plotting.figure", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"research-results\[plot\]"):
        results.plot("loss")
