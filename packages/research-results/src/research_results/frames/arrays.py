"""Labelled arrays: parameters that vary are dimensions, and configs of different parameters are a tree.

Experiments whose configs have the same parameters are a node. Its parameters that vary are axes; those that
another one determines lie along the axis of that one. The cell of an experiment is its position on all axes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from research_results.errors import ArgumentError, MissingExtraError
from research_results.frames.columns import free_labels
from research_results.frames.labels import as_attribute, as_coordinate
from research_results.reading.columns import Column
from research_results.reading.distinct import different, distinct_values, renumbered
from research_results.reading.experiments import RESEARCH, ConfigParameter, Experiments, Option
from research_results.reading.filters import Query
from research_results.reading.gather import Array, Ints, Segment, gather
from research_results.reading.reader import Questions
from research_results.reading.selected import Selected

_REPETITION = "repetition"
_LEAST_FULL = 0.1
_SHARED_FULL = 0.5
"""A variable that is there in fewer of the iterations than this has iterations of its own."""

_ABSENT = "absent"
_OURS = ("iteration", "status", "id")
_STATUS = "SELECT key, status FROM experiments ORDER BY position, key"


@dataclass(frozen=True, slots=True, eq=False)
class _Factor:
    """A parameter over experiments: the number of its value in each, -1 for none, and the values."""

    parameter: ConfigParameter
    label: str
    numbers: Ints
    options: Sequence[Option]
    values: Array

    @property
    def stands_alone(self) -> bool:
        """Whether it always is a separate dimension, as repetitions and researches are."""
        return self.parameter is RESEARCH or self.parameter.name == _REPETITION

    def of(self, node: Ints) -> tuple[Ints, Ints]:
        """Return the position of each experiment of a node, by first appearance, and the number of each."""
        numbers = self.numbers[node]
        positions = renumbered(numbers)
        found = np.empty(int(positions.max()) + 1, np.int64)
        found[positions] = numbers
        return positions, found


class _Axis:
    """A dimension of a node: its positions are the values of its first parameter."""

    def __init__(self, first: _Factor, node: Ints) -> None:
        self.names = [first.label]
        self.factors = [first]
        self.node = node
        self.positions, self.numbers = first.of(node)

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, factor: _Factor) -> bool:
        """Take a parameter whose value its positions determine; tell whether they do."""
        if factor.stands_alone or self.factors[0].stands_alone:
            return False
        positions, numbers = factor.of(self.node)
        if len(np.unique(self.positions * len(numbers) + positions)) > len(self):
            return False
        self.factors.append(factor)
        self.names += [factor.label] if len(numbers) == len(self) else []
        return True

    def coordinate(self, factor: _Factor) -> Array:
        """Return the value of a parameter in each of its positions."""
        number_of = np.empty(len(self), np.int64)
        number_of[self.positions] = factor.numbers[self.node]
        used, inverse = np.unique(number_of, return_inverse=True)
        options = [factor.options[number] for number in used.tolist()]
        return as_coordinate(options, factor.values[used])[inverse.reshape(-1)]


def labelled_arrays(reader: Questions, wanted: Query, *, dense: bool) -> Any:
    """Return a Dataset, or of configs with different parameters a DataTree."""
    try:
        import xarray as xr
    except ImportError:
        raise MissingExtraError("to_xarray", "xarray") from None
    with reader.selected(wanted) as selected:
        experiments, columns = selected.experiments, selected.columns()
        factors, labels = _factors(selected, tuple(columns))
        positions, (statuses,) = selected.rows(_STATUS)
    if not len(experiments):
        raise ArgumentError("to_xarray", "there are no experiments to make arrays of")
    status = np.full(len(experiments), _ABSENT, object)
    status[positions] = statuses
    variables = {labels[name]: column for name, column in columns.items()}
    nodes = _nodes(experiments, factors)
    datasets = [_dataset(xr, experiments, status, factors, variables, node, dense=dense) for node in nodes]
    if len(nodes) == 1:
        return datasets[0]
    return xr.DataTree.from_dict(dict(zip(_node_names(factors, nodes), datasets, strict=True)))


def _factors(selected: Selected, variables: Sequence[str]) -> tuple[list[_Factor], dict[str, str]]:
    """Return the parameters, and the label of each variable; a slash would lead into a group."""
    table = selected.config_table()
    columns = table.columns(lambda parameter: not parameter.is_auxiliary or parameter.name == _REPETITION)
    own = [(column.parameter.name.replace("/", "."), column.parameter is RESEARCH) for column in columns]
    others = [(name.replace("/", "."), False) for name in variables]
    labels = free_labels([*((name, True) for name in _OURS), *own, *others])[len(_OURS) :]
    factors = []
    for column, label in zip(columns, labels, strict=False):
        numbers, options = distinct_values(column)
        factors.append(_Factor(column.parameter, label, numbers, options, table.array(options)))
    return factors, dict(zip(variables, labels[len(columns) :], strict=True))


def _nodes(experiments: Experiments, factors: Sequence[_Factor]) -> list[Ints]:
    """Return the groups of experiments whose configs have the same parameters."""
    keys = np.zeros(len(experiments), np.int64)
    for factor in factors:
        if factor.parameter is not RESEARCH:
            keys = renumbered(keys * 2 + (factor.numbers >= 0))
    researches = experiments.researches
    if researches is not None and any(_differs(factor, researches) for factor in factors):
        keys = renumbered(keys * len(experiments.labels) + researches)
    return [np.flatnonzero(keys == number) for number in range(int(keys.max()) + 1)]


def _differs(factor: _Factor, researches: Ints) -> bool:
    """Tell whether a parameter has not the same values in all researches."""
    values = [set(factor.numbers[researches == number].tolist()) for number in np.unique(researches).tolist()]
    return factor.parameter is not RESEARCH and any(own != values[0] for own in values)


def _node_names(factors: Sequence[_Factor], nodes: Sequence[Ints]) -> list[str]:
    """Name nodes by parameters with one value in each, or by parameters that only some have."""
    fixed = [[(factor, set(factor.numbers[node].tolist())) for factor in factors] for node in nodes]
    telling = [
        index
        for index in range(len(factors))
        if all(len(own[index][1]) == 1 and -1 not in own[index][1] for own in fixed)
        and len(set.union(*(own[index][1] for own in fixed))) > 1
    ]
    if telling:
        texts = [[own[index][0].options[min(own[index][1])].alias for index in telling] for own in fixed]
    else:
        everywhere = [all(-1 not in own[index][1] for own in fixed) for index in range(len(factors))]
        texts = [
            [
                factor.label
                for (factor, values), known in zip(own, everywhere, strict=True)
                if not known and -1 not in values
            ]
            for own in fixed
        ]
    return different(["_".join(own).replace("/", ".") or "others" for own in texts])


def _axes(factors: Sequence[_Factor], node: Ints) -> list[_Axis]:
    """Return the dimensions of a node, in the order of the parameters and repetitions last."""
    axes: list[_Axis] = []
    for factor in sorted(factors, key=lambda each: -len(np.unique(each.numbers[node]))):
        if not any(axis.take(factor) for axis in axes):
            axes.append(_Axis(factor, node))
    return sorted(
        axes, key=lambda axis: (axis.factors[0].parameter.name == _REPETITION, factors.index(axis.factors[0]))
    )


def _dataset(
    xr: Any,
    experiments: Experiments,
    status: Array,
    factors: Sequence[_Factor],
    variables: Mapping[str, Column],
    node: Ints,
    *,
    dense: bool,
) -> Any:
    """Return the experiments of a node as a Dataset."""
    present = [factor for factor in factors if factor.numbers[node[0]] >= 0]
    varying = [factor for factor in present if len(np.unique(factor.numbers[node])) > 1]
    axes = _axes(varying, node)
    sizes = tuple(map(len, axes))
    cells = (
        np.ravel_multi_index([axis.positions for axis in axes], sizes)
        if axes
        else np.zeros(len(node), np.int64)
    )
    _check(experiments, node, cells, math.prod(sizes), dense=dense)
    dims = _dims(axes, [*_OURS, *variables, *(factor.label for factor in factors)])

    def beside(values: Array) -> tuple[list[str], Array]:
        whole = np.full(math.prod(sizes), _ABSENT if values is status else "", object)
        whole[cells] = values[node]
        return dims, whole.astype(np.str_).reshape(sizes)

    coordinates = {
        factor.label: (dim, axis.coordinate(factor))
        for axis, dim in zip(axes, dims, strict=True)
        for factor in axis.factors
    }
    cell_of = np.full(len(experiments), -1, np.int64)
    cell_of[node] = cells
    data, iterations = _data(variables, cell_of, dims, sizes, dense=dense)
    constants = {
        factor.label: as_attribute(factor.values[factor.numbers[node[0]]])
        for factor in present
        if factor not in varying and factor.parameter.name != _REPETITION
    }
    made = xr.Dataset(
        data,
        {
            **coordinates,
            **iterations,
            "status": beside(status),
            "id": beside(np.array(experiments.names, object)),
        },
        constants,
    )
    for label, (dim, _) in coordinates.items():
        if label != dim and len(np.unique(made[label])) == made.sizes[dim]:
            made = made.set_xindex(label)  # so that sel(label=...) works along a dimension of several
    return made


def _dims(axes: Sequence[_Axis], taken: Sequence[str]) -> list[str]:
    """Name each axis by its parameter, or one of several parameters by all of them."""
    wanted = [("_".join(axis.names), False) for axis in axes]
    joined = free_labels([*((name, True) for name in taken), *wanted])[len(taken) :]
    return [
        axis.names[0] if len(axis.names) == 1 else label for axis, label in zip(axes, joined, strict=True)
    ]


def _check(experiments: Experiments, node: Ints, cells: Ints, size: int, *, dense: bool) -> None:
    """Refuse experiments that share a cell, and arrays that would be almost empty."""
    found, counts = np.unique(cells, return_counts=True)
    if len(found) < len(cells):
        twice = [experiments.names[index] for index in node[cells == found[np.argmax(counts)]].tolist()]
        raise ArgumentError(
            "to_xarray",
            f"experiments {', '.join(twice[:5])} have the same config; choose one by experiment_id=",
        )
    _check_full("the grid of configs", len(cells), size, dense=dense)


def _check_full(what: str, count: int, size: int, *, dense: bool) -> None:
    if not dense and count < _LEAST_FULL * size:
        raise ArgumentError(
            "dense",
            f"{what} would be {count / size:.1%} full: {count:,} of {size:,} cells; choose by filters, or "
            "say dense=True",
        )


def _data(
    variables: Mapping[str, Column],
    cell_of: Ints,
    dims: Sequence[str],
    sizes: tuple[int, ...],
    *,
    dense: bool,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return arrays of variables, and the iterations along their last dimensions."""
    values = {label: _Points.of(column, cell_of) for label, column in variables.items()}
    present = {label: points for label, points in values.items() if len(points.cells)}
    steps = _shared_steps({label: points for label, points in present.items() if points.is_curve})
    dim_of = {label: dim for dim, (labels, _) in steps.items() for label in labels}
    data = {}
    for label, points in present.items():
        if label not in dim_of:
            array = gather(math.prod(sizes), [Segment(points.cells, points.values)])
            once = np.unique(points.iterations).tolist()
            data[label] = (
                (*dims,),
                _texts(array.reshape(sizes)),
                {"iteration": once[0]} if len(once) == 1 else {},
            )
            continue
        dim = dim_of[label]
        iterations = steps[dim][1]
        _check_full(
            repr(label), len(points.cells), len(np.unique(points.cells)) * len(iterations), dense=dense
        )
        indices = points.cells * len(iterations) + np.searchsorted(iterations, points.iterations)
        array = gather(math.prod(sizes) * len(iterations), [Segment(indices, points.values)])
        data[label] = ((*dims, dim), _texts(array.reshape(*sizes, len(iterations))), {})
    return data, {dim: (dim, iterations) for dim, (_, iterations) in steps.items()}


@dataclass(frozen=True, slots=True)
class _Points:
    """The values of a variable in a node: cell, iteration and value of each."""

    cells: Ints
    iterations: Ints
    values: Array

    @classmethod
    def of(cls, column: Column, cell_of: Ints) -> _Points:
        cells = cell_of[column.experiments]
        own = cells >= 0
        return cls(cells[own], column.iterations[own], column.values[own])

    @property
    def is_curve(self) -> bool:
        """Whether some experiment has more than one value."""
        return len(np.unique(self.cells)) < len(self.cells)


def _shared_steps(curves: Mapping[str, _Points]) -> dict[str, tuple[list[str], Ints]]:
    """Return dimensions of iterations, each with its variables and iterations.

    Variables share one as long as each of them is there in at least half of its iterations.
    """
    groups: list[tuple[list[str], Ints]] = []
    own = {label: np.unique(points.iterations) for label, points in curves.items()}
    for label in sorted(own, key=lambda label: -len(own[label])):
        for number, (labels, iterations) in enumerate(groups):
            union = np.union1d(iterations, own[label])
            if len(own[label]) >= _SHARED_FULL * len(union):
                groups[number] = ([*labels, label], union)
                break
        else:
            groups.append(([label], own[label]))
    names = ["iteration", *(f"iteration_{labels[0]}" for labels, _ in groups[1:])]
    return dict(zip(names, groups, strict=False))


def _texts(values: Array) -> Array:
    """Return strings as an array of strings, spans of months as text, which xarray has not; others stay."""
    kinds = set(map(type, values.ravel())) if values.dtype.kind == "O" else set()
    if np.timedelta64 in kinds:
        flat = [str(each) if type(each) is np.timedelta64 else each for each in values.ravel()]
        values = np.array([*flat, None], object)[:-1].reshape(values.shape)
        return _texts(values)
    return values.astype(np.str_) if kinds == {str} else values
