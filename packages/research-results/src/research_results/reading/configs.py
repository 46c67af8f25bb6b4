"""Configs of experiments, one by one or as columns."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from research_domain import Alias, AuxiliaryKey, ConfigAlias
from research_domain.alias import is_auxiliary
from research_results.codec.encoding import NUMBER_KINDS, encode_value, number_array, number_dtype
from research_results.errors import DamagedError
from research_results.reading.experiments import (
    RESEARCH,
    ConfigParameter,
    Experiments,
    Option,
    decode_option,
    read_options,
    read_parameters,
)
from research_results.reading.gather import Array, Ints, Segment, gather
from research_results.reading.source import Source

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ConfigColumn:
    """A parameter over experiments: its options, and for each experiment which one."""

    parameter: ConfigParameter
    """The parameter; of several that share a name and differ in their aliases the first."""
    options: tuple[Option, ...]
    """Its values, still encoded; length K."""
    codes: Ints
    """Index in `options`; -1 where the config has no such parameter; length N."""


@dataclass(frozen=True, slots=True)
class ConfigTable:
    """Configs of some experiments."""

    experiments: Experiments
    numbers: Ints
    """Numbers of the options that their configs have, sorted; length K."""
    options: Sequence[Option]
    """These options; length K."""
    parameters: Sequence[ConfigParameter]
    """All parameters, in the order of their first appearance."""
    allow_pickle: bool = True
    """Whether opaque values from sources that are trusted run their code."""

    @classmethod
    def read(
        cls,
        connection: sqlite3.Connection,
        source: Source,
        experiments: Experiments,
        *,
        allow_pickle: bool = True,
    ) -> ConfigTable:
        """Read the options now; large values are read later, from the source."""
        numbers = np.unique(experiments.options)
        options = read_options(connection, source, numbers.tolist())
        if len(options) < len(numbers):
            raise DamagedError("table experiments", "a config has options that there are not")
        own = [options[number] for number in numbers.tolist()]
        parameters = tuple(read_parameters(connection).values())
        return cls(experiments, numbers, own, parameters, allow_pickle=allow_pickle)

    @classmethod
    def together(cls, experiments: Experiments, tables: Sequence[ConfigTable]) -> ConfigTable:
        """Return the configs of several researches; `experiments` are theirs together."""
        offsets = Experiments.offsets([table.experiments for table in tables])
        numbers = [table.numbers + offset for table, offset in zip(tables, offsets, strict=True)]
        options = [option for table in tables for option in table.options]
        parameters = dict.fromkeys(parameter for table in tables for parameter in table.parameters)
        whole = np.concatenate([np.empty(0, np.int64), *numbers])
        return cls(experiments, whole, options, tuple(parameters))

    def configs(self) -> list[ConfigAlias]:
        """Return each config with its aliases."""
        pairs = [(_key(option.parameter), self._alias(option)) for option in self.options]
        return [ConfigAlias(row) for row in self._of_each(pairs)]

    def config_of(self, index: int) -> ConfigAlias:
        """Return the config of one experiment with its aliases; of the others nothing is decoded."""
        numbers = self.experiments.options[self.experiments.owners == index]
        options = [self.options[found] for found in np.searchsorted(self.numbers, numbers).tolist()]
        return ConfigAlias([(_key(option.parameter), self._alias(option)) for option in options])

    def _alias(self, option: Option) -> Alias:
        alias = Alias(self._value(option), option.alias)
        alias.given = bool(option.given)
        return alias

    def values(self) -> list[dict[str, Any]]:
        """Return each config as a dict from the name of a parameter to its value."""
        decoded = [(option.parameter.name, self._value(option)) for option in self.options]
        return [dict(row) for row in self._of_each(decoded)]

    def strings(self) -> list[str]:
        """Return each config as one string ``key_value-key_value``, sorted by key, of aliases.

        What says how a config is run, not what it is, is left out.
        """
        pieces = [
            (
                each.parameter.alias,
                "" if each.parameter.is_auxiliary else f"{each.parameter.alias}_{each.alias}",
            )
            for each in self.options
        ]
        return ["-".join(text for _, text in sorted(row) if text) for row in self._of_each(pieces)]

    def columns(
        self, wanted: Callable[[ConfigParameter], bool], *, by_alias: bool = False
    ) -> list[ConfigColumn]:
        """Return a column for each parameter that is wanted, in the order of their first appearance.

        Of several researches the first column is which one of them it is. With `by_alias` each alias of a
        parameter has a column.
        """
        indices: dict[ConfigParameter, list[int]] = {}
        first: dict[tuple[Any, ...], ConfigParameter] = {}
        own_of: dict[ConfigParameter, list[int]] = {}
        for parameter in self.parameters:
            key = (parameter.name, parameter.is_auxiliary, parameter.alias if by_alias else "")
            own_of[parameter] = indices.setdefault(first.setdefault(key, parameter), [])
        for index, option in enumerate(self.options):
            if wanted(option.parameter):
                own_of[option.parameter].append(index)
        found = np.searchsorted(self.numbers, self.experiments.options)
        columns = [self._column(parameter, np.array(own), found) for parameter, own in indices.items() if own]
        return [*self._research(wanted), *columns]

    def _research(self, wanted: Callable[[ConfigParameter], bool]) -> list[ConfigColumn]:
        """Return the research as if it were a parameter, if there are several."""
        researches, labels = self.experiments.researches, self.experiments.labels
        if researches is None or not wanted(RESEARCH):
            return []
        options = [
            Option(RESEARCH, label, "str", None, None, encode_value(label)[-1], None, None, None)
            for label in labels
        ]
        return [ConfigColumn(RESEARCH, tuple(options), researches)]

    def _column(self, parameter: ConfigParameter, indices: Ints, found: Ints) -> ConfigColumn:
        """Return a column from the indices of its options, and those of all items."""
        code_of = np.full(len(self.options), -1, np.int64)
        code_of[indices] = np.arange(len(indices))
        codes = np.full(len(self.experiments), -1, np.int64)
        own = code_of[found] >= 0
        codes[self.experiments.owners[own]] = code_of[found[own]]
        return ConfigColumn(parameter, tuple(self.options[index] for index in indices.tolist()), codes)

    def array(self, options: Sequence[Option]) -> Array:
        """Return the values of options in an array of their type."""
        groups: dict[str, list[int]] = {}
        for index, option in enumerate(options):
            kind = option.kind if option.kind in NUMBER_KINDS else ""
            groups.setdefault(kind, []).append(index)
        parts = []
        for kind, indices in groups.items():
            own = [options[index] for index in indices]
            array = _packed(kind, own) if kind else np.fromiter(map(self._value, own), object, len(own))
            parts.append(Segment(np.array(indices, np.int64), array))
        return gather(len(options), parts)

    def _value(self, option: Option) -> Any:
        return decode_option(option, allow_pickle=self.allow_pickle)

    def _of_each(self, items: Sequence[T]) -> list[list[T]]:
        """Return for each experiment the items that belong to its config."""
        rows: list[list[T]] = [[] for _ in range(len(self.experiments))]
        found = np.searchsorted(self.numbers, self.experiments.options)
        for owner, index in zip(self.experiments.owners.tolist(), found.tolist(), strict=True):
            rows[owner].append(items[index])
        return rows


def _key(parameter: ConfigParameter) -> Alias:
    """Return the key of a parameter in a config."""
    key = Alias(parameter.name, parameter.alias)
    if parameter.is_auxiliary and not is_auxiliary(key):
        key = AuxiliaryKey(parameter.name, parameter.alias)
    return key


def _packed(kind: str, options: list[Option]) -> Array:
    """Return numbers of one kind at once."""
    data = b"".join(option.data or b"" for option in options)
    if len(data) != len(options) * number_dtype(kind).itemsize:
        raise DamagedError("table options", f"a {kind} has too few or too many bytes")
    return number_array(kind, data)
