"""The picture ``heatmap``: final values over two parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from research_domain.texts import cut_text
from research_results.errors import ArgumentError
from research_results.plotting.arrangement import arrange
from research_results.plotting.canvas import make_canvas
from research_results.plotting.data import PlotData, Points, drawn_configs, find_factor
from research_results.plotting.factors import Factor
from research_results.plotting.legend import add_legend
from research_results.plotting.request import Request
from research_results.plotting.texts import add_color_bar, name_axes, plain

_MOST_NUMBERS = 64
_MOST_TICKS = 20


def draw_heatmaps(data: PlotData, request: Request) -> Any:
    """Draw means as colours, with a column for each value of a parameter and a row for each of another."""
    points = [measure.final_means(request.at, None) for measure in data.measures]
    drawn = drawn_configs(points)
    varying = data.varying(drawn)
    facets = None
    if request.facets is not None:
        facets = [find_factor("facets", name, data.factors) for name in request.facets]
    x, y = _axes_of(data, request, [factor for factor in varying if factor not in (facets or ())])
    arrangement = arrange(varying, drawn, [x, y], facets, len(drawn))
    groups = arrangement.panels
    tables = [
        _table(x, y, own, groups.numbers[own.configs] == panel, varying)
        for own in points
        for panel in range(len(groups))
    ]
    columns = len(groups) if len(data.measures) > 1 < len(groups) else 3
    canvas = make_canvas(request.target, len(data.measures) * len(groups), columns)
    panels = zip(canvas.panels, tables, strict=True)
    for measure, own in zip(data.measures, points, strict=True):
        for title in groups.labels:
            axes, table = next(panels)
            image = axes.pcolormesh(np.ma.masked_invalid(table), shading="flat", **_range(own))
            axes.set(xlim=(0, table.shape[1]), ylim=(0, table.shape[0]))
            ticks = [[cut_text(each.label(code), 12) for code in each.ordered()] for each in (x, y)]
            for axis, labels in zip((axes.xaxis, axes.yaxis), ticks, strict=True):
                step = -(-len(labels) // _MOST_TICKS)
                axis.set_ticks((np.arange(len(labels)) + 0.5)[::step], labels[::step], parse_math=False)
            if sum(map(len, ticks[0])) > 30:
                axes.tick_params(axis="x", rotation=45)
            _write_numbers(axes, image, table)
            name_axes(axes, x.alias, y.alias)
            if title:
                plain(axes.set_title(title, fontsize="medium"))
            add_color_bar(axes, image, f"{measure.name}{request.suffix}")
    add_legend(canvas.corner, arrangement.left_out)
    return canvas.result


def _axes_of(data: PlotData, request: Request, varying: Sequence[Factor]) -> tuple[Factor, Factor]:
    """Return the two parameters: named, or those with the most values, numbers first."""
    named = [
        name and find_factor(argument, name, data.factors)
        for argument, name in (("x", request.x), ("y", request.y))
    ]
    free = sorted(
        (factor for factor in varying if factor not in named),
        key=lambda factor: (factor.numbers is None, -factor.distinct),
    )
    chosen = [factor or (free.pop(0) if free else None) for factor in named]
    if not chosen[0] or not chosen[1]:
        known = [factor.alias for factor in varying]
        raise ArgumentError("kind", f"a heat map needs two parameters that vary, there are {known}")
    if chosen[0] is chosen[1]:
        raise ArgumentError("y", f"is {request.y!r}, as x is; name two parameters")
    return chosen[0], chosen[1]


def _table(x: Factor, y: Factor, points: Points, inside: Any, varying: Sequence[Factor]) -> Any:
    """Return means by row and column; NaN where there is no config. Two configs in a cell are refused."""
    columns = {code: index for index, code in enumerate(x.ordered())}
    rows = {code: index for index, code in enumerate(y.ordered())}
    table, taken = np.full((len(rows), len(columns)), np.nan), dict[tuple[int, int], int]()
    for config, mean in zip(points.configs[inside].tolist(), points.mean[inside].tolist(), strict=True):
        cell = rows[int(y.codes[config])], columns[int(x.codes[config])]
        if (other := taken.setdefault(cell, config)) != config:
            names = [factor.alias for factor in varying if factor.codes[config] != factor.codes[other]]
            raise ArgumentError(
                "facets",
                f"several configs have one cell, which differ in {names}; name these in facets=, filter for "
                "one value of each, or average over them with over=",
            )
        table[cell] = mean
    return table


def _range(points: Points) -> dict[str, Any]:
    """Return the range of colours, the same in all panels of a variable."""
    finite = points.mean[np.isfinite(points.mean)]
    return {"vmin": float(finite.min()), "vmax": float(finite.max())} if len(finite) else {}


def _write_numbers(axes: Any, image: Any, table: Any) -> None:
    """Write the numbers into the cells of a small heat map, in a colour that is seen on theirs."""
    if table.size > _MOST_NUMBERS:
        return
    for row, column in np.argwhere(np.isfinite(table)).tolist():
        red, green, blue, _ = image.to_rgba(table[row, column])
        bright = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
        axes.text(
            column + 0.5,
            row + 0.5,
            f"{table[row, column]:.3g}",
            ha="center",
            va="center",
            fontsize="small",
            color="black" if bright else "white",
        )
