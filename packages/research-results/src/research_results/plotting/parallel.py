"""The picture ``parallel``: configs as lines through their parameters, coloured by a variable."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from research_results.errors import ArgumentError
from research_results.plotting.canvas import make_canvas
from research_results.plotting.data import Measure, PlotData
from research_results.plotting.factors import Factor
from research_results.plotting.request import Request
from research_results.plotting.scales import is_logarithmic
from research_results.plotting.texts import add_color_bar, plain, shortened
from research_results.reading.gather import Floats

_MOST_TICKS = 6
_ABSENT = -0.12


def draw_parallel(data: PlotData, request: Request) -> Any:
    """Draw a line for each config; the last axis is the variable."""
    canvas = make_canvas(request.target, len(data.measures), 1)
    for axes, measure in zip(canvas.panels, data.measures, strict=True):
        _draw(axes, data, measure, request)
    return canvas.result


def _draw(axes: Axes, data: PlotData, measure: Measure, request: Request) -> None:
    from matplotlib.collections import LineCollection

    points = measure.final_means(request.at, None)
    kept = np.isfinite(points.mean)
    configs, means = points.configs[kept], points.mean[kept]
    factors = data.varying(configs)
    if not factors:
        raise ArgumentError(
            "kind", f"parallel axes need parameters that vary where {measure.name!r} has values"
        )
    columns = [_heights(axes, position, factor, configs) for position, factor in enumerate(factors)]
    columns.append(_scaled(means))
    _write(axes, len(factors), [(float(end), f"{value:.4g}") for end, value in _ends(means)])
    heights = np.stack(columns, axis=1)
    order = np.argsort(means if measure.objective.maximize else -means, kind="stable")  # the best ones on top
    positions = np.arange(heights.shape[1], dtype=np.float64)
    lines = LineCollection(
        [np.column_stack([positions, heights[row]]) for row in order],
        array=means[order],
        linewidths=1.5,
        alpha=0.8,
    )
    axes.add_collection(lines)
    axes.vlines(positions, _ABSENT, 1.0, color="black", lw=0.8, zorder=3)
    axes.set(xlim=(-0.3, positions[-1] + 0.5), ylim=(_ABSENT - 0.05, 1.05))
    name = shortened(f"{measure.name}{request.suffix}")
    axes.xaxis.set_ticks(
        positions, [*(shortened(factor.alias) for factor in factors), name], parse_math=False
    )
    axes.yaxis.set_ticks([])
    axes.spines[:].set_visible(False)
    add_color_bar(axes, lines, name)


def _heights(axes: Axes, position: int, factor: Factor, configs: Any) -> Floats:
    """Write the ticks of a parameter; return where each config crosses its axis."""
    codes = factor.codes[configs]
    present = np.unique(codes[codes >= 0])
    if factor.numbers is not None:
        numbers = factor.numbers[present]
        logarithmic = is_logarithmic(numbers)
        height = _scaled(np.log(numbers) if logarithmic else numbers)
        every = [(float(at), f"{value:.4g}") for at, value in zip(height, numbers, strict=True)]
        ticks = (
            every
            if len(every) <= _MOST_TICKS
            else [(float(at), f"{value:.4g}") for at, value in _ends(numbers)]
        )
    else:
        height = _scaled(np.arange(len(present), dtype=np.float64))
        every = [
            (float(at), factor.labels[code][:20]) for at, code in zip(height, present.tolist(), strict=True)
        ]
        ticks = every[:: -(-len(every) // 12)]
    found = np.full(len(codes), _ABSENT)
    found[codes >= 0] = height[np.searchsorted(present, codes[codes >= 0])]
    _write(axes, position, [*ticks, *([(_ABSENT, "none")] if (codes < 0).any() else [])])
    return found


def _scaled(values: Floats) -> Floats:
    """Return numbers scaled to the range from 0 to 1."""
    span = np.ptp(values) if len(values) else 0.0
    return np.full(len(values), 0.5) if not span else np.asarray((values - values.min()) / span, np.float64)


def _ends(values: Floats) -> list[tuple[float, float]]:
    """Return the lowest and the highest value with their heights."""
    low, high = float(values.min()), float(values.max())
    return [(0.5, low)] if low == high else [(0.0, low), (1.0, high)]


def _write(axes: Axes, position: int, ticks: list[tuple[float, str]]) -> None:
    for height, label in ticks:
        text = axes.annotate(
            label,
            (position, height),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
            zorder=4,
        )
        plain(text)
