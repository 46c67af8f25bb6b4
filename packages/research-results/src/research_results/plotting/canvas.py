"""Where a picture is drawn: on given axes, on pyplot's current figure, or on a new one."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from research_results.errors import ArgumentError

_WIDTH, _HEIGHT, _LEGEND_WIDTH = 4.0, 3.2, 1.2
_SIGN_WIDTH = 0.085


class ResultsFigure(Figure):
    """A figure that notebooks can show also when pyplot does not."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=100, bbox_inches="tight")
        return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class DrawingTarget:
    """Where a picture is drawn."""

    axes: tuple[Axes, ...] | None
    """Axes that are given, one for each panel."""
    figure: FigureBase | None
    """A figure that is given; its panels are made in it."""
    given: Any
    """What was given as ``ax``, to be returned."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """Axes to draw on."""

    panels: tuple[Axes, ...]
    """One for each panel, row by row."""
    corner: Axes
    """The last one of the first row: a legend stands beside it."""
    result: Any
    """What `plot` returns."""


def colors() -> list[str]:
    """Return the colours of curves, of the style that is set."""
    return [str(color) for color in mpl.rcParams["axes.prop_cycle"].by_key().get("color", ["C0"])]


def parse_target(ax: Any, figure: Any) -> DrawingTarget:
    """Read where to draw; `ax` and `figure` together are refused."""
    if ax is None:
        return DrawingTarget(None, figure, None)
    if figure is not None:
        raise ArgumentError("ax", "give ax= or figure=, not both")
    axes = (ax,) if isinstance(ax, Axes) else tuple(_flat(ax))
    if not axes or not all(isinstance(each, Axes) for each in axes):
        raise ArgumentError("ax", f"is an Axes of matplotlib or an array of them, got {ax!r}")
    return DrawingTarget(axes, None, ax)


def _flat(ax: Any) -> Iterable[Any]:
    if hasattr(ax, "ravel"):
        return ax.ravel().tolist()  # type: ignore[no-any-return]
    return ax if isinstance(ax, Iterable) else [ax]


def make_canvas(
    target: DrawingTarget, count: int, columns: int, *, share: str = "", height: float = _HEIGHT
) -> Canvas:
    """Return as many panels as are needed, in rows of so many columns.

    `share` names axes that panels share, ``'x'``, ``'y'`` or both; `height` is that of a panel of a new
    figure in inches.
    """
    if target.axes is not None:
        if len(target.axes) != count:
            raise ArgumentError(
                "ax",
                f"the picture has {count} panel(s), and {len(target.axes)} were given; "
                "give as many, choose variables and filters for one, or leave ax out",
            )
        _lay_out(target.axes[0].figure)
        return Canvas(target.axes, target.axes[min(columns, count) - 1], target.given)
    current = None if target.figure is not None else _current(count)
    if isinstance(current, Axes):
        figure: Any = current.figure
        panels: Sequence[Axes] = [current]
        _lay_out(figure)
    else:
        figure = target.figure or current or _new_figure(count, columns, height)
        panels = _subplots(figure, count, columns, share)
    if target.figure is None:
        figure._ipython_display_ = partial(_display, figure)
    return Canvas(tuple(panels), panels[min(columns, count) - 1], figure)


def _current(count: int) -> Figure | Axes | None:
    """Return pyplot's current figure if it is empty, or its current axes if these are; else nothing."""
    if not plt.get_fignums():
        return None
    figure = plt.gcf()
    if not figure.axes and not figure.subfigs:
        _lay_out(figure)
        return figure
    if count == 1 and figure.axes:
        axes = figure.gca()
        if axes.name == "rectilinear" and not axes.has_data():
            return axes
    return None


def _lay_out(figure: Any) -> None:
    """Make room for legends beside the axes, unless a layout was chosen."""
    whole = figure.get_figure(root=True) if hasattr(figure, "get_figure") else figure
    if whole.get_layout_engine() is None:
        whole.set_layout_engine("constrained")


def _new_figure(count: int, columns: int, height: float) -> Figure:
    columns = min(count, columns)
    size = (_WIDTH * columns + _LEGEND_WIDTH, height * -(-count // columns))
    return plt.figure(FigureClass=ResultsFigure, layout="constrained", figsize=size)


def widen(axes: Axes, signs: int) -> None:
    """Widen a figure for a legend with this number of characters per line."""
    figure = axes.figure
    more = 0.6 + _SIGN_WIDTH * signs - _LEGEND_WIDTH
    if isinstance(figure, ResultsFigure) and more > 0:
        figure.set_figwidth(figure.get_figwidth() + more)


def _subplots(figure: Any, count: int, columns: int, share: str) -> list[Axes]:
    columns = min(count, columns)
    rows = -(-count // columns)
    grid = figure.subplots(rows, columns, squeeze=False, sharex="x" in share, sharey="y" in share)
    panels: list[Axes] = grid.ravel().tolist()
    for index, unused in enumerate(panels[count:], count):
        unused.remove()
        panels[index - columns].tick_params(labelbottom=True)
    return panels[:count]


def _display(figure: Figure) -> None:
    """Take a figure that a notebook is about to show from pyplot, which would show it once more."""
    if "inline" in mpl.get_backend():
        plt.close(figure)
    raise NotImplementedError  # show it as any figure
