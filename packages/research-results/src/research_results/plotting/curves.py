"""Learning curves: mean and spread over repetitions, one panel for each variable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from research_results.errors import ArgumentError, MissingExtraError, UnknownVariableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["new_figure", "plot_curves"]

_MOST_PANELS_A_ROW = 3
_MOST_NAMES = 12
_AUXILIARY = ("repetition", "device", "updates")


def new_figure() -> Figure:
    """Return an empty figure that a notebook shows."""
    try:
        from research_results.plotting.figure import CurvesFigure
    except ImportError:
        raise MissingExtraError("plot", "plot") from None
    return CurvesFigure(layout="constrained")


def plot_curves(
    frame: pd.DataFrame,
    aliases: dict[str, str],
    variables: str | Sequence[str] | None,
    by: str | Sequence[str] | None,
    aggregate: str | None,
    figure: Figure,
) -> Figure:
    """Draw variables over iterations; see `ResearchResults.plot`."""
    columns = [str(name) for name in frame.columns]
    split = columns.index("iteration")
    by, aggregate = _shown(by, aliases), _shown(aggregate, aliases)
    parameters = columns[1:split]
    names = _variables(frame, columns[split + 1 :], variables)
    groups = _grouping(frame, parameters, by, aggregate)
    panels = _panels(figure, len(names))
    for axes, name in zip(panels, names, strict=True):
        for number, (label, rows) in enumerate(_groups(frame, groups)):
            _curve(axes, frame["iteration"][rows], frame[name][rows], label, f"C{number % 10}")
        axes.set(xlabel="iteration", ylabel=name)
    handles, labels = panels[0].get_legend_handles_labels()
    if groups and handles:
        panels[0].legend(
            handles[:_MOST_NAMES], labels[:_MOST_NAMES], title=", ".join(groups), fontsize="small"
        )
    return panels[0].figure  # type: ignore[return-value]


def _shown(names: Any, aliases: dict[str, str]) -> Any:
    """Return aliases for names of parameters; what is none, or is an alias already, as it is."""
    if names is None or isinstance(names, str):
        return aliases.get(names, names) if names is not None else None
    return [aliases.get(name, name) for name in names]


def _variables(values: pd.DataFrame, known: list[str], wanted: str | Sequence[str] | None) -> list[str]:
    """Return the names of the variables to draw: all that are numbers, unless some are named."""
    numeric = [name for name in known if values[name].dtype.kind in "iufb"]
    if wanted is None:
        if not numeric:
            raise ArgumentError("variables", f"none of {known} is a number; there is nothing to draw")
        return numeric
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if name not in known:
            raise UnknownVariableError(name, tuple(known))
        if name not in numeric:
            raise ArgumentError("variables", f"{name!r} is {values[name].dtype}, not a number")
    return names


def _grouping(
    frame: pd.DataFrame, parameters: list[str], by: str | Sequence[str] | None, aggregate: str | None
) -> list[str]:
    """Return the parameters that tell curves apart."""
    if aggregate is not None and aggregate not in parameters and aggregate not in _AUXILIARY:
        raise ArgumentError("aggregate", f"no parameter {aggregate!r}; there are {parameters}")
    if by is None:
        ignored = {*_AUXILIARY, aggregate} if aggregate is not None else {*_AUXILIARY} - {"repetition"}
        return [name for name in parameters if name not in ignored and frame[name].nunique(dropna=False) > 1]
    names = [by] if isinstance(by, str) else list(by)
    for name in names:
        if name not in parameters:
            raise ArgumentError("by", f"no parameter {name!r}; there are {parameters}")
    return names


def _groups(frame: pd.DataFrame, names: list[str]) -> Iterator[tuple[str, Any]]:
    """Return label and rows of each combination of values, in the order of their first appearance."""
    if not names:
        yield "", slice(None)
        return
    for values, rows in frame.groupby(names, sort=False, dropna=False).indices.items():
        texts = values if isinstance(values, tuple) else (values,)
        yield ", ".join(str(text) for text in texts), rows


def _curve(axes: Axes, iterations: Any, values: Any, label: str, color: str) -> None:
    """Draw the mean of a group over its experiments, and the band of one standard deviation around it."""
    grouped = values.astype("float64").groupby(iterations)
    mean, spread = grouped.mean(), grouped.std(ddof=0)
    kept = mean.notna()
    x, y, half = mean.index[kept], mean[kept], spread[kept]
    marker = "o" if len(x) == 1 else None
    axes.plot(x, y, color=color, label=label, marker=marker)
    if bool((half > 0).any()):
        axes.fill_between(
            np.asarray(x), np.asarray(y - half), np.asarray(y + half), color=color, alpha=0.2, lw=0
        )


def _panels(figure: Figure, count: int) -> list[Axes]:
    columns = min(count, _MOST_PANELS_A_ROW)
    rows = -(-count // columns)
    figure.set_size_inches(4.0 * columns, 3.0 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel().tolist()
    for unused in grid[count:]:
        unused.remove()
    return grid[:count]
