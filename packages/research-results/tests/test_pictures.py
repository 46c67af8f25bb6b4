"""Kinds of pictures, told by what is drawn; and where they are drawn."""

import itertools
import warnings
from typing import get_args

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from research_results import MemoryStorage
from research_results.errors import ArgumentError
from research_results.plotting import drawing
from research_results.plotting.request import KINDS, Kind
from research_results.plotting.scales import is_logarithmic


def filled(configs, values, reps=3):
    """Return results of configs; `values` gives the variables of a config and a repetition."""
    storage = MemoryStorage()
    for place, (config, repetition) in enumerate(itertools.product(configs, range(reps))):
        storage.add(str(place), {**config, "repetition": repetition})
        storage.put(str(place), values(config, repetition))
    return storage.results


def once(config, repetition):
    loss = config["lr"] + (config["act"] == "tanh") + repetition / 10
    return {"loss": {0: loss}, "speed": {0: 1 / loss}}


def curve(config, repetition):
    return {
        "loss": {step: sum(map(len, map(repr, config.values()))) + step + repetition for step in range(4)}
    }


GRID = [{"lr": lr, "act": act} for lr in (0.001, 0.01, 0.1) for act in ("relu", "tanh")]
UNION = [{"model": "sgd", "lr": 0.1}, {"model": "sgd", "lr": 0.2}, {"model": "forest", "depth": 4}]


@pytest.fixture
def grid():
    return filled(GRID, once)


def legend_of(figure):
    """Return the texts of the only legend, and assert that it stands beside all axes."""
    figure.canvas.draw()
    (legend,) = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    box = legend.get_window_extent()
    assert not any(box.overlaps(axes.get_window_extent()) for axes in figure.axes)
    assert box.x1 <= figure.bbox.x1 and box.y0 >= figure.bbox.y0
    return [text.get_text() for text in legend.get_texts()]


def lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}


def test_a_study_of_one_iteration_is_drawn_over_a_parameter(grid):
    figure = grid.plot("loss")
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_xscale()) == ("lr", "loss", "log")
    drawn = lines(axes)
    assert list(drawn) == ["relu", "tanh"]
    assert np.allclose(drawn["relu"], [[0.001, 0.101], [0.01, 0.11], [0.1, 0.2]])
    assert legend_of(figure) == ["relu", "tanh"]


def test_the_band_is_what_aggregate_says(grid):
    table = grid.aggregate("loss", stats=["mean", "std", "sem", "min", "max"], at="last", act="relu")
    for band, low in [
        ("std", table["mean"] - table["std"]),
        ("sem", table["mean"] - table["sem"]),
        ("min-max", table["min"]),
    ]:
        (axes,) = grid.plot("loss", band=band, act="relu").axes
        (drawn,) = axes.collections
        vertices = drawn.get_paths()[0].vertices
        assert np.allclose([vertices[vertices[:, 0] == lr, 1].min() for lr in table["lr"]], low)
    assert not grid.plot("loss", band=None, act="relu").axes[0].collections


def test_only_repetitions_are_averaged_and_other_parameters_are_panels():
    results = filled(GRID, curve)
    figure = results.plot("loss", by="act")
    assert [axes.get_title() for axes in figure.axes] == ["lr=0.001", "lr=0.01", "lr=0.1"]
    assert all(list(lines(axes)) == ["relu", "tanh"] for axes in figure.axes)
    whole = results.plot("loss", by="act", over=["lr", "repetition"])
    assert len(whole.axes) == 1
    mean = results.aggregate("loss", by="act", stats="mean")["mean"]
    assert np.allclose(np.concatenate([np.array(xy)[:, 1] for xy in lines(whole.axes[0]).values()]), mean)
    both = results.plot("loss", facets="act")
    assert [list(lines(axes)) for axes in both.axes] == [["0.001", "0.01", "0.1"]] * 2


def test_no_more_curves_than_colours_and_the_legend_says_which_are_left_out():
    results = filled([{"seed": seed} for seed in range(14)], curve, reps=1)
    figure = results.plot("loss")
    assert list(lines(figure.axes[0])) == [str(seed) for seed in range(10)]
    assert len({to_hex(line.get_color()) for line in figure.axes[0].get_lines()}) == 10
    assert legend_of(figure)[-1] == "4 left out: 10; 11; 12; 13"
    with plt.rc_context({"axes.prop_cycle": plt.cycler(color=["red", "blue"])}):
        assert len(results.plot("loss").axes[0].get_lines()) == 2


def test_ticks_of_iterations_are_whole_numbers_unless_the_axes_have_their_own():
    results = filled(GRID[:1], curve)
    (axes,) = results.plot("loss").axes
    assert all(float(tick).is_integer() for tick in axes.get_xticks())
    own = plt.subplots(subplot_kw={"xticks": [0.5, 2.5]})[1]
    results.plot("loss", ax=own)
    assert own.get_xticks().tolist() == [0.5, 2.5]


def test_parameters_without_colours_have_panels():
    configs = [{"lr": lr, "width": w, "act": a} for lr in range(4) for w in range(3) for a in ("x", "y")]
    figure = filled(configs, curve, reps=1).plot("loss")
    assert len(figure.axes) == 6
    assert sum(len(axes.get_lines()) for axes in figure.axes) == 24
    assert legend_of(figure) == ["0", "1", "2", "3"]


def test_absent_parameters_are_not_named():
    results = filled(UNION, curve)
    figure = results.plot("loss")
    assert legend_of(figure) == ["model=sgd, lr=0.1", "model=sgd, lr=0.2", "model=forest, depth=4"]
    final = results.plot("loss", "final", x="lr")
    assert legend_of(final)[-1] == "1 without lr left out"
    assert [line.get_xdata().tolist() for line in final.axes[0].get_lines()] == [[0.1, 0.2]]


def test_failed_experiments_are_not_drawn():
    storage = MemoryStorage()
    for lr in (1, 2):
        try:
            with storage.experiment({"lr": lr}) as experiment:
                experiment.put(loss=0.5)
                if lr == 2:
                    raise ValueError
        except ValueError:
            pass
    (axes,) = storage.results.plot("loss").axes
    assert len(axes.get_lines()) == 1
    with pytest.raises(ArgumentError, match="no value in the experiments"):
        storage.results.plot("loss", lr=2)


def test_random_search_is_drawn_as_points():
    random = np.random.default_rng(1)
    configs = [
        {"lr": float(10 ** random.uniform(-5, 0)), "decay": float(random.random()), "act": act}
        for act in ("relu", "tanh")
        for _ in range(15)
    ]
    (axes,) = filled(configs, once, reps=1).plot("loss").axes
    assert axes.get_xscale() == "log"
    assert [len(line.get_xdata()) for line in axes.get_lines()] == [15, 15]
    assert {line.get_linestyle() for line in axes.get_lines()} == {"None"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.geomspace(1e-5, 1, 30), True),
        (10 ** np.random.default_rng(1).uniform(-4, -1, 20), True),
        ([8.0, 16.0, 32.0, 64.0], True),
        (np.linspace(0.01, 100, 30), False),
        (np.random.default_rng(1).uniform(0, 1, 20), False),
        ([0.0, 0.01, 1.0], False),
        ([1.0, 2.0, 3.0], False),
        ([0.001, 1.0], False),
    ],
)
def test_axes_are_logarithmic_where_this_spreads_values(values, expected):
    assert is_logarithmic(np.asarray(values)) is expected


def test_a_heat_map_has_a_cell_for_each_config(grid):
    figure = grid.plot("loss", "heatmap")
    axes, bar = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("lr", "act", "loss")
    cells = axes.collections[0].get_array()
    assert np.allclose(cells, [[0.101, 0.11, 0.2], [1.101, 1.11, 1.2]])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.001", "0.01", "0.1"]
    assert sorted(text.get_text() for text in axes.texts) == ["0.101", "0.11", "0.2", "1.1", "1.11", "1.2"]
    part = filled(GRID[:-1], once).plot("loss", "heatmap", x="act", y="lr")
    assert part.axes[0].collections[0].get_array().mask.sum() == 1
    with pytest.raises(ArgumentError, match="two parameters that vary"):
        grid.plot("loss", "heatmap", act="relu")


def test_parallel_axes_have_a_line_for_each_config(grid):
    figure = grid.plot("-speed", "parallel")
    axes = figure.axes[0]
    lines = axes.collections[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["lr", "act", "speed"]
    assert len(lines.get_segments()) == 6
    best = lines.get_segments()[-1]
    assert np.allclose(best[:, 1], [0, 0, 1])
    union = filled(UNION, curve).plot("loss", "parallel").axes[0]
    assert "none" in [text.get_text() for text in union.texts]


def test_boxes_are_distributions_over_repetitions(grid):
    axes = grid.plot("loss", "box").axes[0]
    assert len([text.get_text() for text in axes.get_yticklabels()]) == 6
    medians = [line.get_xdata()[0] for line in axes.get_lines() if line.get_color() == "C1"]
    assert np.allclose(medians, [0.101, 1.101, 0.11, 1.11, 0.2, 1.2])
    assert [text.get_text() for text in grid.plot("loss", "box", by="act").axes[0].get_yticklabels()] == [
        "relu",
        "tanh",
    ]


def test_importances_are_bars(grid):
    axes = grid.plot("loss", "importances").axes[0]
    table = grid.importances("loss")
    assert [text.get_text() for text in axes.get_yticklabels()] == table["effect"].tolist()
    assert np.allclose([bar.get_width() for bar in axes.patches], table["share"])


def test_the_pareto_set_is_that_of_best(grid):
    figure = grid.plot(["loss", "-speed"], "pareto", by="act")
    assert legend_of(figure) == ["relu", "tanh", "Pareto set"]
    (front,) = [line for line in figure.axes[0].get_lines() if line.get_label() == "Pareto set"]
    best = grid.best(["loss", "-speed"])
    assert sorted(front.get_xdata().tolist()) == sorted(row.statistics["loss"]["mean"] for row in best.rows)
    opposed = grid.plot(["loss", "speed"], "pareto").axes[0].get_lines()[-1]
    assert len(opposed.get_xdata()) == 6
    with pytest.raises(ArgumentError, match="two variables"):
        grid.plot("loss", "pareto")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"kind": "pie"}, "curve, final"),
        ({"kind": "curve", "x": "lr"}, "x: is nothing for kind='curve'"),
        ({"kind": "heatmap", "by": "lr"}, "by: is nothing"),
        ({"kind": "curve", "at": "best"}, "at: is nothing"),
        ({"kind": "heatmap", "band": "sem"}, "band: is nothing"),
        ({"y": "lr"}, "y: is nothing for kind='final'"),
        ({"band": "iqr"}, "std, sem, min-max"),
        ({"x": "momentum"}, "x: no parameter 'momentum'"),
        ({"facets": ["lr", "mom"]}, "facets: no parameter 'mom'"),
        ({"x": ["lr"]}, "x: is the name"),
        ({"at": -1}, "iteration"),
        ({"kind": "heatmap", "x": "lr", "y": "lr"}, "two parameters"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_and_open_no_figure(grid, arguments, text):
    with pytest.raises(ArgumentError, match=text):
        grid.plot("loss", **arguments)
    assert plt.get_fignums() == []


def test_pictures_are_figures_of_pyplot(grid):
    first, second = grid.plot("loss"), grid.plot("speed")
    assert [plt.figure(number) for number in plt.get_fignums()] == [first, second]
    assert plt.gcf() is second


def test_an_empty_current_figure_is_drawn_on(grid):
    figure = plt.figure(figsize=(3, 3))
    assert grid.plot() is figure
    assert len(figure.axes) == 2 and figure.get_size_inches().tolist() == [3, 3]
    _, (left, right) = plt.subplots(1, 2)
    plt.sca(left)
    grid.plot("loss")
    plt.sca(right)
    grid.plot("speed")
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss", "speed")
    assert len(plt.get_fignums()) == 2


def test_axes_may_be_given_one_for_each_panel(grid):
    figure, panels = plt.subplots(1, 2)
    assert grid.plot("loss", ax=panels[0]) is panels[0]
    assert grid.plot(ax=panels) is panels
    assert panels[1].get_ylabel() == "speed"
    assert plt.get_fignums() == [figure.number]
    for given, text in [(panels[0], "2 panel"), ("here", "is an Axes"), ([], "is an Axes")]:
        with pytest.raises(ArgumentError, match=text):
            grid.plot(ax=given)
    with pytest.raises(ArgumentError, match="not both"):
        grid.plot("loss", ax=panels[0], figure=figure)


def test_every_kind_is_drawn_without_a_warning_on_axes_of_others(grid):
    variables = {"pareto": ["loss", "speed"]}
    assert list(drawing.DRAW) == list(KINDS) == list(get_args(Kind))
    for kind in KINDS:
        figure, axes = plt.subplots()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert grid.plot(variables.get(kind, "loss"), kind, ax=axes) is axes
            figure.canvas.draw()
        assert axes.has_data()
        plt.close(figure)


def test_two_configs_in_a_cell_of_a_heat_map_are_refused_instead_of_hiding_each_other():
    configs = [{"lr": lr, "units": n, "act": act, "k": 1} for lr in (1, 2) for n in (1, 2) for act in "ab"]
    results = filled(configs, once)
    for facets in ([], "k"):
        with pytest.raises(ArgumentError, match=r"several configs have one cell, which differ in \['act'\]"):
            results.plot("loss", "heatmap", x="lr", y="units", facets=facets)
    assert plt.get_fignums() == []
    assert [axes.get_title() for axes in results.plot("loss", "heatmap", x="lr", y="units").axes[:2]] == [
        *("act=a", "act=b")
    ]


def test_numbers_that_were_drawn_at_random_are_in_their_order_and_their_ticks_can_be_read():
    depths = [5, 2, 9, 1]
    results = filled(
        [{"lr": 0.37**n, "depth": depths[n % 4]} for n in range(40)], lambda c, r: {"loss": {0: r}}
    )
    assert legend_of(results.plot("loss", x="lr", by="depth")) == ["1", "2", "5", "9"]
    boxes = results.plot("loss", "box", by="depth").axes[0]
    assert [text.get_text() for text in boxes.get_yticklabels()] == ["1", "2", "5", "9"]
    heat = results.plot("loss", "heatmap", x="lr", y="depth").axes[0]
    assert len(heat.get_xticks()) == 20 and heat.get_xlim() == (0, 40)
    assert [text.get_text() for text in heat.get_yticklabels()] == ["1", "2", "5", "9"]


def test_boxes_say_which_config_they_are_of():
    configs = [{"the model": "network", "rate": rate} for rate in (0.001, 0.002)]
    labels = filled(configs, lambda c, r: {"loss": {0: r}}).plot("loss", "box", by=["the model", "rate"])
    assert [text.get_text() for text in labels.axes[0].get_yticklabels()] == [
        "network, 0.001",
        "network, 0.002",
    ]
    union = filled([*configs, {"the model": "forest"}], lambda c, r: {"loss": {0: r}}).plot("loss", "box")
    assert [text.get_text() for text in union.axes[0].get_yticklabels()] == [
        *("the model=network, rate=0.001", "the model=network, rate=0.002", "the model=forest")
    ]
