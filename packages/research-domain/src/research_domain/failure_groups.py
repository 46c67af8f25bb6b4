"""Failures of experiments, grouped by what they share, and the parameters that tell a group from the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple, TypeAlias

import numpy as np

__all__ = ["FailedExperiment", "FailureGroup", "FailureReport", "group_failures"]

Mask: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

_MOST_VARIANTS = 3
"""Groups of one error in one unit; where its messages or iterations differ more often, they are one group."""

_MOST_VALUES = 3
"""Values of a parameter that are named as those of a group."""

_SHOWN_GROUPS = 5
_SHOWN_IDS = 3
_SHOWN_PARAMETERS = 6
_LONGEST_MESSAGE = 200

_OWN_FRAME = re.compile(
    r'^  File "[^"\n]*[/\\]research_experiment[/\\]execution[/\\][^\n]*\n(?:    [^\n]*\n)*', re.MULTILINE
)
"""The frames of a traceback between the loop of an experiment and the unit that failed."""

_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?", re.IGNORECASE)


class FailedExperiment(NamedTuple):
    """How an experiment failed.

    Attributes
    ----------
    id : str
        The experiment.
    cause : str
        ``'exception'``, or how its worker died.
    type, message : str
        Class and text of the error.
    unit : str or None
        Where it happened.
    iteration : int or None
        When it happened; None or negative if unknown.
    traceback : str
        Its traceback.
    """

    id: str
    cause: str
    type: str
    message: str
    unit: str | None
    iteration: int | None
    traceback: str


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures that share error, unit and, unless there are many different ones, message and iteration.

    Attributes
    ----------
    ids : tuple of str
        The experiments.
    first : FailedExperiment
        The first of the failures, whose traceback stands for all.
    messages : int
        How many different messages there are.
    iterations : tuple of (int, int) or None
        The first and the last iteration at which it happened; None if unknown.
    parameters : dict of str to tuple of str
        The parameters that all of the group have and the others do not, and their values; empty if none tell
        the group from the others.
    """

    ids: tuple[str, ...]
    first: FailedExperiment
    messages: int
    iterations: tuple[int, int] | None
    parameters: Mapping[str, tuple[str, ...]]

    @property
    def error(self) -> str:
        """Class and message of the error in one line."""
        message = " ".join(self.first.message.split("\n", 1)[0].split())
        if len(message) > _LONGEST_MESSAGE:
            message = f"{message[:_LONGEST_MESSAGE]}..."
        text = f"{self.first.type}: {message}" if message else self.first.type
        others = self.messages - 1
        return f"{text} (and {others:,} other message{'s' * (others > 1)})" if others else text

    @property
    def where(self) -> str:
        """Unit and iteration in words; empty if neither is known."""
        unit = "" if self.first.unit is None else f"in {self.first.unit!r}"
        if self.iterations is None:
            return unit
        first, last = self.iterations
        when = f"at iteration {first}" if first == last else f"at iterations {first} to {last}"
        return f"{unit} {when}".strip()

    @property
    def which(self) -> str:
        """The parameters that distinguish the group from others, in words; empty if there are none."""
        shown = list(self.parameters.items())[:_SHOWN_PARAMETERS]
        if not shown:
            return ""
        texts = ", ".join(f"{name}={' or '.join(values)}" for name, values in shown)
        return f"with {texts}" if len(self.ids) == 1 else f"all with {texts}"

    @property
    def traceback(self) -> str:
        """The traceback of the first failure, without the frames that run a unit."""
        whole = self.first.traceback.rstrip("\n")
        return _OWN_FRAME.sub("", f"{whole}\n").rstrip("\n")

    def __str__(self) -> str:
        which = self.which
        text = ", ".join(part for part in (self.error, self.where) if part)
        return f"{text}; {which}" if which else text


@dataclass(frozen=True, slots=True, repr=False)
class FailureReport:
    """All failures of a research; ``print`` it.

    Attributes
    ----------
    total : int
        Experiments that have ended, failed ones included.
    groups : tuple of FailureGroup
        The failures, largest groups first.
    """

    total: int
    groups: tuple[FailureGroup, ...]

    @property
    def failed(self) -> int:
        """How many experiments failed."""
        return sum(len(group.ids) for group in self.groups)

    @property
    def headline(self) -> str:
        """The failures in one line."""
        if not self.groups:
            return f"none of {self.total:,} failed"
        if len(self.groups) == 1:
            return f"{self.failed:,} of {self.total:,} failed: {self.groups[0]}"
        return f"{self.failed:,} of {self.total:,} failed, most of them with {self.groups[0]}"

    @property
    def brief(self) -> str:
        """A line for each of the largest groups, without tracebacks."""
        return "\n".join(self._lines(tracebacks=False))

    def __repr__(self) -> str:
        return f"<FailureReport: {self.headline}>"

    def __str__(self) -> str:
        return "\n".join(self._lines(tracebacks=True))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def _lines(self, *, tracebacks: bool) -> Iterator[str]:
        if not self.groups:
            yield self.headline
        for group in self.groups[:_SHOWN_GROUPS]:
            yield f"{len(group.ids):,} of {self.total:,} failed: {group}"
            if tracebacks:
                yield f"  {_listed(group.ids)}"
                yield from (f"  {line}" for line in group.traceback.split("\n") if group.traceback)
        rest = self.groups[_SHOWN_GROUPS:]
        if rest:
            count = sum(len(group.ids) for group in rest)
            yield f"{count:,} of {self.total:,} failed in {len(rest)} other ways"


def _listed(ids: Sequence[str]) -> str:
    """Name some experiments."""
    word = "experiment" if len(ids) == 1 else "experiments"
    more = f" and {len(ids) - _SHOWN_IDS:,} more" if len(ids) > _SHOWN_IDS else ""
    return f"{word} {', '.join(ids[:_SHOWN_IDS])}{more}"


def group_failures(
    failures: Iterable[FailedExperiment], configs: Mapping[str, Mapping[str, str]]
) -> FailureReport:
    """Group failures by what they share.

    Parameters
    ----------
    failures : iterable of FailedExperiment
        One for each experiment that failed.
    configs : mapping of str to mapping of str to str
        The experiments that have ended, and for each parameter a text that only equal values share.

    Returns
    -------
    FailureReport

    Examples
    --------
    >>> configs = {f'{width}-{lr}': {'width': width, 'lr': lr} for width in '48' for lr in '12'}
    >>> error = ('exception', 'RuntimeError', 'boom', 'train', 5, 'Traceback ...')
    >>> failures = [FailedExperiment(name, *error) for name in ('8-1', '8-2')]
    >>> print(group_failures(failures, configs))
    2 of 4 failed: RuntimeError: boom, in 'train' at iteration 5; all with width=8
      experiments 8-1, 8-2
      Traceback ...
    """
    by_error: dict[tuple[Any, ...], list[FailedExperiment]] = {}
    for failure in failures:
        by_error.setdefault((failure.cause, failure.type, failure.unit), []).append(failure)
    alike = [group for same_error in by_error.values() for group in _variants(same_error)]
    table = _ConfigTable(configs)
    groups = [_describe(group, table) for group in sorted(alike, key=len, reverse=True)]
    return FailureReport(len(configs), tuple(groups))


def _variants(failures: list[FailedExperiment]) -> list[list[FailedExperiment]]:
    """Split failures by message and iteration, by message, or not at all, to get few groups.

    Messages that differ in numbers alone are one.
    """
    wordings = {message: _NUMBER.sub("0", message) for message in {each.message for each in failures}}
    finest: dict[tuple[str, int | None], list[FailedExperiment]] = {}
    for failure in failures:
        finest.setdefault((wordings[failure.message], failure.iteration), []).append(failure)
    if len(finest) <= _MOST_VARIANTS:
        return list(finest.values())
    by_message: dict[str, list[FailedExperiment]] = {}
    for (message, _), group in finest.items():
        by_message.setdefault(message, []).extend(group)
    return list(by_message.values()) if len(by_message) <= _MOST_VARIANTS else [failures]


def _describe(failures: list[FailedExperiment], table: _ConfigTable) -> FailureGroup:
    iterations = [each.iteration for each in failures if each.iteration is not None and each.iteration >= 0]
    ids = tuple(failure.id for failure in failures)
    return FailureGroup(
        ids,
        failures[0],
        len({failure.message for failure in failures}),
        (min(iterations), max(iterations)) if iterations else None,
        table.telling(ids),
    )


class _ConfigTable:
    """Configs as numbers: one row for each experiment, one column for each parameter."""

    def __init__(self, configs: Mapping[str, Mapping[str, str]]) -> None:
        self._rows = {name: row for row, name in enumerate(configs)}
        self._names = list(dict.fromkeys(name for config in configs.values() for name in config))
        self._codes = np.full((len(self._names), len(configs)), -1, np.int64)  # -1: no such parameter
        self._texts: list[list[str]] = []
        for column, name in enumerate(self._names):
            numbers: dict[str | None, int] = {None: -1}
            values = [numbers.setdefault(config.get(name), len(numbers) - 1) for config in configs.values()]
            self._codes[column] = values
            self._texts.append([str(text) for text in numbers if text is not None])

    def telling(self, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the parameters, and their values, that all of some experiments have and no others.

        Each of them tells these from the others; if none does so alone, all of them together.
        """
        mine = np.zeros(len(self._rows), np.bool_)
        mine[[self._rows[name] for name in ids if name in self._rows]] = True
        if mine.all() or not mine.any():
            return {}
        own = [np.unique(codes[mine]) for codes in self._codes]
        alone = [column for column in range(len(own)) if self._tells(column, own[column], mine)]
        chosen = alone or self._together(
            [column for column, codes in enumerate(own) if len(codes) == 1], mine
        )
        return {
            self._names[column]: tuple(self._texts[column][code] for code in own[column].tolist())
            for column in chosen
        }

    def _tells(self, column: int, own: np.ndarray[Any, Any], mine: Mask) -> bool:
        """Tell whether no other experiment has one of the few values that these have."""
        few = len(own) == 1 or len(own) <= min(_MOST_VALUES, int(mine.sum()) - 1)
        return few and own[0] >= 0 and not np.isin(self._codes[column][~mine], own).any()

    def _together(self, columns: list[int], mine: Mask) -> list[int]:
        """Return the fewest of some columns, of one value each, that no other experiment has together."""
        first = int(np.argmax(mine))
        equal = {
            column: self._codes[column][~mine] == self._codes[column][first]
            for column in columns
            if self._codes[column][first] >= 0
        }
        if not equal or np.logical_and.reduce([*equal.values()]).any():
            return []
        for column in list(equal):
            rest = [mask for other, mask in equal.items() if other != column]
            if rest and not np.logical_and.reduce(rest).any():
                del equal[column]
        return list(equal)
