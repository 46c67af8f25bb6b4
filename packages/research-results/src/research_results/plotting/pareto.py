"""The picture ``pareto``: two variables, and the configs that no other one beats in both."""

from __future__ import annotations

from typing import Any

import numpy as np

from research_results.answers.ranking import pareto_set
from research_results.errors import ArgumentError
from research_results.plotting.canvas import colors, make_canvas
from research_results.plotting.data import PlotData, find_factor
from research_results.plotting.factors import split
from research_results.plotting.legend import add_legend
from research_results.plotting.request import Request
from research_results.plotting.texts import name_axes


def draw_pareto(data: PlotData, request: Request) -> Any:
    """Draw each config as a point, and a line through the Pareto set."""
    if len(data.measures) != 2:
        names = [measure.name for measure in data.measures]
        raise ArgumentError("variables", f"a Pareto set is drawn of two variables, got {names}")
    first, second = (measure.final_means(request.at, request.band) for measure in data.measures)
    drawn, at_first, at_second = np.intersect1d(first.configs, second.configs, return_indices=True)
    if not len(drawn):
        raise ArgumentError("variables", "no config has a value of both; there is nothing to draw")
    x, y = first.mean[at_first], second.mean[at_second]
    costs = [
        -mean if measure.objective.maximize else mean
        for mean, measure in zip((x, y), data.measures, strict=True)
    ]
    best = np.flatnonzero(pareto_set(np.array(costs)))
    best = best[np.argsort(x[best], kind="stable")]
    groups = split([find_factor("by", name, data.factors) for name in request.by or ()], drawn)
    canvas = make_canvas(request.target, 1, 1)
    (axes,) = canvas.panels
    handles, labels = [], groups.labels[: len(colors())]
    for number, label in enumerate(labels):
        own = groups.numbers[drawn] == number
        color = f"C{number}"
        handles += axes.plot(x[own], y[own], "o", color=color, label=label, markersize=5)
        for low, high, across in (
            (first.low[at_first], first.high[at_first], True),
            (second.low[at_second], second.high[at_second], False),
        ):
            some = own & (high > low)
            if across:
                axes.hlines(y[some], low[some], high[some], color=color, alpha=0.4)
            else:
                axes.vlines(x[some], low[some], high[some], color=color, alpha=0.4)
    line = axes.plot(
        x[best], y[best], "o-", color="black", markerfacecolor="none", markersize=9, label="Pareto set"
    )
    name_axes(axes, *(f"{measure.name}{request.suffix}" for measure in data.measures))
    shown = [label or "other configs" for label in labels]
    left_out = groups.labels[len(labels) :]
    add_legend(axes, left_out, [*handles, *line], [*shown, "Pareto set"], groups.title, data.note)
    return canvas.result
