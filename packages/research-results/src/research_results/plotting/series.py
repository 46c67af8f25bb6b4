"""The pictures ``curve`` and ``final``: means over iterations, and final values over a parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from research_results.plotting.arrangement import Arrangement, arrange, needed
from research_results.plotting.canvas import Canvas, colors, make_canvas
from research_results.plotting.data import PlotData, Points, drawn_configs, find_factor
from research_results.plotting.factors import Factor
from research_results.plotting.legend import add_legend
from research_results.plotting.request import Request
from research_results.plotting.scales import set_scale
from research_results.plotting.texts import name_axes, name_ticks, plain, shortened
from research_results.reading.gather import Floats, Ints

_PANELS_IN_A_ROW = 3


def draw_curves(data: PlotData, request: Request) -> Any:
    """Draw variables over iterations."""
    points = [measure.curves(request.band) for measure in data.measures]
    drawn = drawn_configs(points)
    by, facets = _named(data, request)
    varying, note = data.varying(drawn), data.note
    arrangement = arrange(varying, drawn, by, facets, len(colors()))
    if by is not None and facets is not None and (untold := needed([*by, *facets], varying, drawn)):
        note = f"not told apart: {', '.join(shortened(factor.alias) for factor in untold)}"
    panels = _Panels.make(data, request, arrangement)
    for row, (measure, own) in enumerate(zip(data.measures, points, strict=True)):
        for panel, axes in enumerate(panels.of_row(row)):
            for config in _configs(arrangement, drawn, panel).tolist():
                color = int(arrangement.colors.numbers[config])
                at = own.of(config)
                if at.start < at.stop:
                    _line(axes, own.iterations[at], own, at, f"C{color}", arrangement.colors.labels[color])
            name_axes(axes, "iteration", measure.name)
            locator = axes.xaxis.get_major_locator()
            if isinstance(locator, MaxNLocator):
                locator.set_params(integer=True)
    return panels.finished(note)


def draw_finals(data: PlotData, request: Request) -> Any:
    """Draw the values that count over a parameter."""
    points = [measure.final_means(request.at, request.band) for measure in data.measures]
    drawn = drawn_configs(points)
    by, facets = _named(data, request)
    if request.x is not None:
        x: Factor | None = find_factor("x", request.x, data.factors)
    else:
        x = _axis(data.varying(drawn), drawn, [*(by or ()), *(facets or ())])
    missing = drawn[x.codes[drawn] < 0] if x is not None and x.numbers is not None else drawn[:0]
    drawn = np.setdiff1d(drawn, missing)
    varying = data.varying(drawn)
    rest = [factor for factor in varying if factor is not x]
    arrangement = arrange(rest, drawn, by, facets, len(colors()), points=True)
    note = f"{len(missing)} without {x.alias} left out" if x is not None and len(missing) else data.note
    panels = _Panels.make(data, request, arrangement)
    for row, (measure, own) in enumerate(zip(data.measures, points, strict=True)):
        for panel, axes in enumerate(panels.of_row(row)):
            inside = _configs(arrangement, drawn, panel)
            for color, label in enumerate(arrangement.colors.labels):
                configs = inside[arrangement.colors.numbers[inside] == color]
                joined = not any(len(np.unique(factor.codes[configs])) > 1 for factor in rest)
                shift = 0.6 * ((color + 0.5) / len(arrangement.colors) - 0.5)
                _finals(axes, x, configs, own, f"C{color}", label, shift, joined=joined)
            name_axes(axes, x.alias if x is not None else "", f"{measure.name}{request.suffix}")
            _scale(axes, x)
    return panels.finished(note)


def _named(data: PlotData, request: Request) -> tuple[list[Factor] | None, list[Factor] | None]:
    """Return the parameters that are named for colours and panels."""

    def find(argument: str, names: tuple[str, ...] | None) -> list[Factor] | None:
        return None if names is None else [find_factor(argument, name, data.factors) for name in names]

    return find("by", request.by), find("facets", request.facets)


def _configs(arrangement: Arrangement, drawn: Ints, panel: int) -> Ints:
    """Return the configs of a panel that have a colour."""
    chosen = (arrangement.panels.numbers[drawn] == panel) & (arrangement.colors.numbers[drawn] >= 0)
    own: Ints = drawn[chosen]
    return own


def _axis(varying: Sequence[Factor], drawn: Ints, used: Sequence[Factor]) -> Factor | None:
    """Return the parameter of the horizontal axis: that of most values that all configs have."""
    free = [factor for factor in varying if factor not in used]

    def rank(factor: Factor) -> tuple[bool, bool, int]:
        return bool((factor.codes[drawn] >= 0).all()), factor.numbers is not None, factor.distinct

    return max(free, key=rank, default=None)


def _line(axes: Axes, x: Ints | Floats, points: Points, at: Any, color: str, label: str) -> None:
    """Draw a mean, and the band around it."""
    mean, low, high = points.mean[at], points.low[at], points.high[at]
    axes.plot(x, mean, color=color, label=label, marker="o" if len(x) == 1 else None)
    if bool((high > low).any()):
        axes.fill_between(x, low, high, color=color, alpha=0.2, lw=0)


def _finals(
    axes: Axes,
    x: Factor | None,
    configs: Ints,
    points: Points,
    color: str,
    label: str,
    shift: float,
    *,
    joined: bool,
) -> None:
    """Draw the points of a colour; those of numbers may be joined."""
    indices = np.searchsorted(points.configs, configs)
    there = indices < len(points.configs)
    there[there] = points.configs[indices[there]] == configs[there]
    configs, indices = configs[there], indices[there]
    if x is None:
        positions = np.zeros(len(configs)) + shift
    elif x.numbers is not None:
        known = x.codes[configs] >= 0
        configs, indices = configs[known], indices[known]
        positions = x.numbers[x.codes[configs]]
    else:
        position = {code: index for index, code in enumerate(x.ordered())}
        positions = np.array([position[code] for code in x.codes[configs].tolist()], np.float64) + shift
    if not len(configs):
        return
    order = np.argsort(positions, kind="stable")
    positions, indices = positions[order], indices[order]
    joined = joined and x is not None and x.numbers is not None
    mean, low, high = points.mean[indices], points.low[indices], points.high[indices]
    axes.plot(
        positions,
        mean,
        color=color,
        label=label,
        marker="o",
        markersize=4,
        linestyle="-" if joined else "none",
    )
    if not bool((high > low).any()):
        return
    if joined:
        axes.fill_between(positions, low, high, color=color, alpha=0.2, lw=0)
    else:
        some = high > low
        axes.vlines(positions[some], low[some], high[some], color=color, alpha=0.5)


def _scale(axes: Axes, x: Factor | None) -> None:
    """Give the horizontal axis its scale and ticks."""
    if x is None:
        axes.set_xticks([])
    elif x.numbers is not None:
        set_scale(axes, x.numbers[np.unique(x.codes[x.codes >= 0])])
    else:
        name_ticks(axes, "x", [x.label(code) for code in x.ordered()])


@dataclass(frozen=True, slots=True)
class _Panels:
    """The panels of each variable, one for each group of configs."""

    canvas: Canvas
    arrangement: Arrangement

    @classmethod
    def make(cls, data: PlotData, request: Request, arrangement: Arrangement) -> _Panels:
        variables, groups = len(data.measures), len(arrangement.panels)
        columns = groups if min(variables, groups) > 1 else _PANELS_IN_A_ROW
        share = "xy" if variables == 1 else "x"
        return cls(make_canvas(request.target, variables * groups, columns, share=share), arrangement)

    def of_row(self, row: int) -> tuple[Axes, ...]:
        """Return the panels of a variable."""
        groups = len(self.arrangement.panels)
        return self.canvas.panels[row * groups : (row + 1) * groups]

    def finished(self, note: str = "") -> Any:
        """Add titles and the legend; return what `plot` returns."""
        titles, colors = self.arrangement.panels.labels, self.arrangement.colors
        if any(titles):
            for axes, title in zip(self.canvas.panels, titles, strict=False):
                plain(axes.set_title(title, fontsize="medium"))
        labels = () if colors.labels == ("",) else colors.labels
        handles = [Line2D([], [], color=f"C{color}") for color in range(len(labels))]
        add_legend(self.canvas.corner, self.arrangement.left_out, handles, labels, colors.title, note)
        return self.canvas.result
