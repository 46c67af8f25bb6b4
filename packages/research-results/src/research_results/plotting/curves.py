"""Learning curves: mean and spread over repetitions, one panel for each variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from research_domain import AUXILIARY_KEYS
from research_results.errors import ArgumentError, MissingExtraError, UnknownVariableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["CurveData", "CurveParameter", "CurveVariable", "new_figure", "plot_curves", "shortened"]

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"

_MOST_PANELS_A_ROW = 3
_MOST_NAMES = 12
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class CurveVariable:
    """Values of a variable.

    Attributes
    ----------
    experiments, iterations : int64 arrays, length M
        Index of the experiment, and iteration.
    values : float64 array, length M
        NaN where there is no value.
    """

    experiments: Ints
    iterations: Ints
    values: np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class CurveParameter:
    """A parameter that may tell experiments apart.

    Attributes
    ----------
    name, alias : str
        Its names.
    is_auxiliary : bool
        Whether it says how a config is run, not what it is.
    codes : int64 array, length N
        Number of its value in each experiment; -1 for none.
    labels : tuple of str
        What a value is called; the last one stands for none.
    """

    name: str
    alias: str
    is_auxiliary: bool
    codes: Ints
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CurveData:
    """What curves are drawn from.

    Attributes
    ----------
    count : int
        How many experiments have values, N.
    variables : dict
        Name to values; None if they are not all numbers.
    parameters : list of CurveParameter
        In the order of their first appearance.
    """

    count: int
    variables: Mapping[str, CurveVariable | None]
    parameters: list[CurveParameter]


def new_figure() -> Figure:
    """Return an empty figure that a notebook shows."""
    try:
        from research_results.plotting.figure import CurvesFigure
    except ImportError:
        raise MissingExtraError("plot", "plot") from None
    return CurvesFigure(layout="constrained")


def plot_curves(
    data: CurveData,
    variables: str | Sequence[str] | None,
    by: str | Sequence[str] | None,
    aggregate: str | None,
    figure: Figure,
) -> Figure:
    """Draw variables over iterations; see `ResearchResults.plot`."""
    drawn = _variables(data.variables, variables)
    parameters = _grouping(data.parameters, by, aggregate)
    groups, labels = _groups(data.count, parameters)
    panels = _panels(figure, len(drawn))
    for axes, (name, variable) in zip(panels, drawn.items(), strict=True):
        for number, rows in enumerate(_rows(variable, groups, len(labels))):
            _curve(axes, variable, rows, labels[number], f"C{number % 10}")
        axes.set(xlabel="iteration", ylabel=shortened(name))
        axes.yaxis.label.set_parse_math(False)
    if parameters and labels:
        _add_legend(panels[0], parameters)
    return panels[0].figure  # type: ignore[return-value]


def _rows(variable: CurveVariable, groups: Ints, count: int) -> list[Ints]:
    """Return the indices of the values of each group."""
    own = groups[variable.experiments]
    order = np.argsort(own, kind="stable")
    return np.split(order, np.searchsorted(own[order], np.arange(1, count)))


def _add_legend(axes: Axes, parameters: list[CurveParameter]) -> None:
    """Name the curves; names are texts, and neither formulas nor, with an underscore, hidden."""
    lines = axes.get_lines()[:_MOST_NAMES]
    labels = [str(line.get_label()) for line in lines]
    shown = [f" {label}" if label.startswith("_") else label for label in labels]
    title = ", ".join(shortened(parameter.alias) for parameter in parameters)
    legend = axes.legend(lines, shown, title=title, fontsize="small")
    for text in (legend.get_title(), *legend.get_texts()):
        text.set_parse_math(False)


def shortened(text: str) -> str:
    """Return a text that fits on a picture."""
    start = text[: 4 * _LONGEST_NAME]
    if not start.isprintable():
        start = " ".join("".join(sign if sign.isprintable() else " " for sign in start).split())
    return start if len(start) <= _LONGEST_NAME else f"{start[: _LONGEST_NAME - 3]}..."


def _variables(
    known: Mapping[str, CurveVariable | None], wanted: str | Sequence[str] | None
) -> dict[str, CurveVariable]:
    """Return the variables to draw: all that are numbers, unless some are named."""
    if wanted is None:
        numeric = {name: variable for name, variable in known.items() if variable is not None}
        if not numeric:
            raise ArgumentError("variables", f"none of {list(known)} is a number; there is nothing to draw")
        return numeric
    drawn = {}
    for name in [wanted] if isinstance(wanted, str) else wanted:
        if name not in known:
            raise UnknownVariableError(name, tuple(known))
        variable = known[name]
        if variable is None:
            raise ArgumentError("variables", f"{name!r} has values that are not a number")
        drawn[name] = variable
    return drawn


def _grouping(
    parameters: list[CurveParameter], by: str | Sequence[str] | None, aggregate: str | None
) -> list[CurveParameter]:
    """Return the parameters that tell curves apart."""
    averaged = None
    if aggregate is not None and aggregate not in AUXILIARY_KEYS:
        averaged = _find("aggregate", aggregate, parameters)
    if by is not None:
        return [_find("by", name, parameters) for name in ([by] if isinstance(by, str) else by)]
    return [
        parameter
        for parameter in parameters
        if (not parameter.is_auxiliary or (parameter.name == "repetition" and aggregate is None))
        and parameter is not averaged
        and len(np.unique(parameter.codes)) > 1
    ]


def _find(argument: str, name: str, parameters: list[CurveParameter]) -> CurveParameter:
    """Return the parameter of a name, else that of an alias."""
    for field in ("name", "alias"):
        for parameter in parameters:
            if getattr(parameter, field) == name:
                return parameter
    known = [parameter.alias for parameter in parameters]
    raise ArgumentError(argument, f"no parameter {name!r}; there are {known}")


def _groups(count: int, parameters: list[CurveParameter]) -> tuple[Ints, list[str]]:
    """Return the group of each experiment, and the labels of groups, in order of first appearance."""
    numbers: dict[tuple[int, ...], int] = {}
    groups = np.zeros(count, np.int64)
    for index, codes in enumerate(zip(*(parameter.codes.tolist() for parameter in parameters), strict=True)):
        groups[index] = numbers.setdefault(codes, len(numbers))
    if not parameters:
        return groups, [""]
    return groups, [
        ", ".join(parameter.labels[code] for parameter, code in zip(parameters, codes, strict=True))
        for codes in numbers
    ]


def _curve(axes: Axes, variable: CurveVariable, rows: Ints, label: str, color: str) -> None:
    """Draw the mean of a group over its experiments, and the band of one standard deviation around it."""
    import pandas as pd

    grouped = pd.Series(variable.values[rows]).groupby(variable.iterations[rows])
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
