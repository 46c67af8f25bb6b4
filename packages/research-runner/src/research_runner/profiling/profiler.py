"""Collect the rows of profiles, and show them as frames."""

from __future__ import annotations

import importlib
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from research_experiment.careful_logging import careful_logger
from research_runner.errors import MissingPackageError, OptionError
from research_runner.profiling.measure import ProfileRow

logger = careful_logger("research.profiling")

MAX_ROWS = 2_000_000
UNIT_SUMS = {
    "calls": ("elapsed_s", "count"),
    "total_s": ("elapsed_s", "sum"),
    "mean_s": ("elapsed_s", "mean"),
    "max_s": ("elapsed_s", "max"),
}
FUNCTION_SUMS = {name: (name, "sum") for name in ("ncalls", "tottime", "cumtime")}
FUNCTION_PATTERN = r"^(?:(?P<file>.*):(?P<line>\d+)\()?(?P<function>.*?)\)?$"

Frame: TypeAlias = Any
"""A ``pandas.DataFrame``; pandas is imported only when one is made."""


class Profiler:
    """Collects the rows of profiles, and shows them as frames.

    Parameters
    ----------
    max_rows : int
        Rows that are kept: calls of units, and functions below them, each. A row takes 32 bytes. Those above
        are counted in `dropped_rows`.

    Examples
    --------
    >>> profiler = Profiler()
    >>> profiler.add([ProfileRow('a1-0', 0, 'load', 0.0, 0.5), ProfileRow('a1-0', 0, 'train', 0.5, 2.0)])
    >>> profiler.add([ProfileRow('a1-0', 1, 'train', 2.5, 3.0)])
    >>> len(profiler)
    3
    """

    def __init__(self, max_rows: int = MAX_ROWS) -> None:
        self._max_rows = max_rows
        self._calls = _Columns("iqidd")
        self._functions = _Columns("iiqdd")
        self._ids = _Names()
        self._units = _Names()
        self._function_names = _Names()
        self.dropped_rows = 0

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, rows: Iterable[ProfileRow]) -> None:
        """Add rows of a worker."""
        for row in rows:
            call = len(self._calls)
            if call >= self._max_rows:
                self._drop(1 + len(row.functions))
                continue
            identity, unit = self._ids.code(row.experiment_id), self._units.code(row.unit)
            self._calls.append((identity, row.iteration, unit, row.started, row.elapsed_s))
            room = self._max_rows - len(self._functions)
            for name, *times in row.functions[:room]:
                self._functions.append((call, self._function_names.code(name), *times))
            if len(row.functions) > room:
                self._drop(len(row.functions) - room)

    def _drop(self, rows: int) -> None:
        if not self.dropped_rows:
            logger.warning("the profiler keeps %d rows at most; what follows is dropped", self._max_rows)
        self.dropped_rows += rows

    @property
    def profile_info(self) -> Frame:
        """All rows, a ``pandas.DataFrame`` in the order in which they came.

        Columns are ``id``, ``iteration``, ``unit``, ``started`` (Unix seconds) and ``elapsed_s``. Rows of
        functions follow the call that they belong to. Instead of ``started`` and ``elapsed_s`` they have
        ``function``, ``ncalls``, ``tottime`` and ``cumtime`` (seconds without and with what it calls).

        Raises
        ------
        MissingPackageError
            If pandas is not installed.
        """
        pandas = _pandas("profile_info")
        calls = self._call_frame(pandas)
        if not len(self._functions):
            return calls
        rows = pandas.concat([calls, self._function_frame(calls)])
        return rows.sort_index(kind="stable").reset_index(drop=True)

    def show_profile_info(
        self,
        per_iter: bool = False,
        per_experiment: bool = False,
        detailed: bool = False,
        groupby: str | Sequence[str] | None = None,
        columns: str | Sequence[str] | None = None,
        sortby: str | None = None,
        limit: int | None = 10,
        parse: bool = False,
    ) -> Frame:
        """Sum up where the time went.

        Parameters
        ----------
        per_iter, per_experiment : bool
            Whether iterations and experiments are shown apart.
        detailed : bool
            Show functions instead of whole units, where ``run(profile=2)`` has measured them.
        groupby : str or sequence of str, optional
            What is summed up apart, instead of what the parameters above say: some of ``id``, ``iteration``,
            ``unit``, and for functions ``function`` or what `parse` makes of it.
        columns : str or sequence of str, optional
            What is shown. For units ``calls``, ``total_s``, ``mean_s`` and ``max_s``, seconds all but the
            first; for functions ``ncalls``, ``tottime`` and ``cumtime``, see `profile_info`.
        sortby : str, optional
            One of these columns; the largest come first. By default ``total_s`` or ``tottime``.
        limit : int, optional
            Rows to show, of each iteration and experiment if these are shown apart; None for all.
        parse : bool
            Whether functions are shown as ``file``, ``line`` and ``function``.

        Returns
        -------
        pandas.DataFrame
            A row for each group.

        Raises
        ------
        MissingPackageError
            If pandas is not installed.
        OptionError
            If there is no such column.
        """
        pandas = _pandas("show_profile_info")
        frame = self._call_frame(pandas)
        detailed = detailed and len(self._functions) > 0
        if detailed:
            frame = self._function_frame(frame)
            if parse:
                parts = frame.pop("function").str.extract(FUNCTION_PATTERN).fillna("")
                frame[list(parts)] = parts
        sums = FUNCTION_SUMS if detailed else UNIT_SUMS
        order = sortby or next(name for name in sums if name.startswith("tot"))
        shown = _as_list(columns, list(sums))
        outer = ["id"] * per_experiment + ["iteration"] * per_iter
        inner = [name for name in ("unit", "file", "line", "function") if name in frame]
        keys = _as_list(groupby, [*outer, *inner])
        _check("groupby", keys, ["id", "iteration", *inner])
        _check("columns", shown, list(sums))
        _check("sortby", [order], list(sums))
        table = frame.groupby(keys, sort=False, as_index=False).agg(**sums)
        return _top(table, [key for key in outer if key in keys], order, limit)[[*keys, *shown]]

    def _call_frame(self, pandas: Any) -> Frame:
        ids, iterations, units, started, elapsed_s = self._calls.arrays()
        return pandas.DataFrame(
            {
                "id": self._ids.of(ids),
                "iteration": iterations,
                "unit": self._units.of(units),
                "started": started,
                "elapsed_s": elapsed_s,
            }
        )

    def _function_frame(self, calls: Frame) -> Frame:
        """Return functions with the index of the calls that they belong to."""
        call, names, ncalls, tottime, cumtime = self._functions.arrays()
        frame = calls[["id", "iteration", "unit"]].iloc[call]
        return frame.assign(
            function=self._function_names.of(names), ncalls=ncalls, tottime=tottime, cumtime=cumtime
        )


class _Columns:
    """Columns of numbers in compact arrays."""

    def __init__(self, kinds: str) -> None:
        self._arrays: list[array[Any]] = [array(kind) for kind in kinds]

    def __len__(self) -> int:
        return len(self._arrays[0])

    def append(self, row: Iterable[float]) -> None:
        for column, value in zip(self._arrays, row, strict=True):
            column.append(value)

    def arrays(self) -> list[np.ndarray[Any, Any]]:
        return [np.array(column) for column in self._arrays]


class _Names:
    """Codes for names, so that each name is kept once."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def code(self, name: str) -> int:
        return self._codes.setdefault(name, len(self._codes))

    def of(self, codes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        names: np.ndarray[Any, Any] = np.array([*self._codes, None], dtype=object)
        return names.take(codes)


def _pandas(what: str) -> Any:
    try:
        return importlib.import_module("pandas")
    except ImportError as error:
        raise MissingPackageError(what, "pandas") from error


def _as_list(names: str | Sequence[str] | None, default: list[str]) -> list[str]:
    if names is None:
        return default
    return [names] if isinstance(names, str) else list(names)


def _check(option: str, names: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise OptionError(option, f"choose from {', '.join(known)}, got {names!r}")


def _top(table: Frame, outer: list[str], order: str, limit: int | None) -> Frame:
    """Return the rows with the largest values, of each outer group if there are any."""
    table = table.sort_values([*outer, order], ascending=[True] * len(outer) + [False])
    if limit is not None:
        table = (table.groupby(outer, sort=False) if outer else table).head(limit)
    return table.reset_index(drop=True)
