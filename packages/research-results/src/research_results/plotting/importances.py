"""The picture ``importances``: shares of the variance as bars."""

from __future__ import annotations

from typing import Any

from research_results.plotting.canvas import make_canvas
from research_results.plotting.data import PlotData, importances_of
from research_results.plotting.legend import add_legend
from research_results.plotting.request import Request
from research_results.plotting.texts import name_axes, name_ticks, plain, shortened

_MOST_BARS = 12


def draw_importances(data: PlotData, request: Request) -> Any:
    """Draw a bar for the share of the variance of each parameter, each pair and the rest."""
    canvas = make_canvas(request.target, len(data.measures), 2)
    left_out: list[str] = []
    for axes, measure in zip(canvas.panels, data.measures, strict=True):
        effects = importances_of(data, measure, request.at)
        left_out += [effect.name for effect in effects[_MOST_BARS:]]
        shown = effects[:_MOST_BARS]
        colors = [
            "C0" if effect.kind == "parameter" else "C1" if effect.kind == "pair" else "C7"
            for effect in shown
        ]
        axes.barh(range(len(shown)), [effect.share for effect in shown], color=colors)
        name_ticks(axes, "y", [effect.name for effect in shown])
        name_axes(axes, "share of the variance", "")
        plain(axes.set_title(shortened(f"{measure.name}{request.suffix}"), fontsize="medium"))
        axes.invert_yaxis()
    add_legend(canvas.corner, left_out)
    return canvas.result
