"""The picture ``box``: distributions over repetitions."""

from __future__ import annotations

from typing import Any

import numpy as np

from research_results.plotting.canvas import make_canvas
from research_results.plotting.data import PlotData, find_factor
from research_results.plotting.factors import split
from research_results.plotting.legend import add_legend
from research_results.plotting.request import Request
from research_results.plotting.texts import name_axes, name_ticks

_MOST_BOXES = 25


def draw_boxes(data: PlotData, request: Request) -> Any:
    """Draw a box for each config, or for each value of the parameters that are named."""
    finals = [measure.finals(request.at) for measure in data.measures]
    drawn = np.unique(np.concatenate([configs for configs, _ in finals]))
    chosen = data.varying(drawn)
    if request.by is not None:
        chosen = [find_factor("by", name, data.factors) for name in request.by]
    groups = split(chosen, drawn)
    labels, left_out = groups.labels[:_MOST_BOXES], groups.labels[_MOST_BOXES:]
    canvas = make_canvas(
        request.target, len(data.measures), 2, share="y", height=max(3.2, 1 + 0.25 * len(labels))
    )
    for axes, measure, (configs, values) in zip(canvas.panels, data.measures, finals, strict=True):
        own = [values[groups.numbers[configs] == number] for number in range(len(labels))]
        finite = [box[np.isfinite(box)] for box in own]
        names = [
            label if len(box) == len(every) else f"{label} ({len(every) - len(box)} not finite)"
            for label, box, every in zip(labels, finite, own, strict=True)
        ]
        axes.boxplot(finite, positions=range(len(labels)), orientation="horizontal", widths=0.6)
        name_ticks(axes, "y", names)
        name_axes(axes, f"{measure.name}{request.suffix}", groups.title)
    canvas.panels[0].invert_yaxis()
    add_legend(canvas.corner, left_out)
    return canvas.result
