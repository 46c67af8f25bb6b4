"""Experiments and their configs as arrays: keys and ids in order, and the options of each config."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from research_domain import AUXILIARY_KEYS
from research_domain.texts import clean_text
from research_results.codec.encoding import decode_value
from research_results.codec.pickles import Opaque
from research_results.disk.checksums import CHANGED, is_intact
from research_results.disk.schema import hides_some
from research_results.errors import DamagedError
from research_results.reading.at_once import read_experiment_rows
from research_results.reading.gather import Ints, Mask
from research_results.reading.rows import INT, OPTIONAL_BYTES, OPTIONAL_INT, OPTIONAL_TEXT, TEXT, check_row
from research_results.reading.source import Source

_OPTION = {
    **dict.fromkeys(("option", "parameter"), INT),
    **dict.fromkeys(("alias", "kind"), TEXT),
    **dict.fromkeys(("type", "text"), OPTIONAL_TEXT),
    "data": OPTIONAL_BYTES,
    "blob": OPTIONAL_TEXT,
    "digest": OPTIONAL_BYTES,
    "given": OPTIONAL_INT,
    "lasting_name": OPTIONAL_TEXT,
    "checksum": OPTIONAL_INT,
}
"""Columns of the table of options, and the types of their values."""

_FEW = 500
_FEW_OPTIONS = 8


@dataclass(frozen=True, slots=True)
class ConfigParameter:
    """A parameter that some configs have."""

    name: str
    alias: str
    is_auxiliary: bool
    """Whether it says how a config is run, not what it is."""


class Option(NamedTuple):
    """One value that a parameter has in some experiments, still encoded."""

    parameter: ConfigParameter
    alias: str
    kind: str
    type_name: str | None
    text: str | None
    data: bytes | None
    blob: str | None
    digest: bytes | None
    given: int | None
    source: Source | None = None
    """Where the bytes of a large value are."""


RESEARCH = ConfigParameter("research", "research", False)
"""What tells the experiments of several researches apart, as if it were a parameter."""


@dataclass(frozen=True, slots=True)
class Experiments:
    """Experiments in the order of the domain."""

    keys: Ints
    """Their numbers in the database; length N."""
    ids: tuple[str, ...]
    """Their names; length N."""
    options: Ints
    """Numbers of the options of all configs, one config after another; length M."""
    owners: Ints
    """For each of them the index of its experiment; length M."""
    complete: bool = False
    """Whether these are all experiments of the research, so that every value is of one of them."""
    labels: tuple[str, ...] = ()
    """The researches that they are of, if these are several."""
    researches: Ints | None = None
    """For each experiment the index of its research in `labels`; length N."""

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def together(cls, labels: Sequence[str], parts: Sequence[Experiments]) -> Experiments:
        """Return the experiments of several researches, one after another; numbers of options go on."""
        counts = [len(part) for part in parts]
        begins = np.cumsum([0, *counts])[:-1].tolist()
        owners = [part.owners + begin for part, begin in zip(parts, begins, strict=True)]
        options = [part.options + offset for part, offset in zip(parts, cls.offsets(parts), strict=True)]
        return cls(
            np.arange(sum(counts)),
            tuple(name for part in parts for name in part.ids),
            np.concatenate([np.empty(0, np.int64), *options]),
            np.concatenate([np.empty(0, np.int64), *owners]),
            labels=tuple(labels),
            researches=np.repeat(np.arange(len(parts)), counts),
        )

    @staticmethod
    def offsets(parts: Sequence[Experiments]) -> list[int]:
        """Return what to add to the numbers of options of each part."""
        most = [int(part.options.max(initial=-1)) + 1 for part in parts]
        return [sum(most[:index]) for index in range(len(parts))]

    @property
    def names(self) -> tuple[str, ...]:
        """The ids, behind the name of their research if there are several: no two are equal."""
        if self.researches is None:
            return self.ids
        of = [self.labels[index] for index in self.researches.tolist()]
        return tuple(f"{label}/{name}" for label, name in zip(of, self.ids, strict=True))

    def having(self, options: Sequence[int]) -> Mask:
        """Tell for each experiment whether its config has one of these options."""
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[self.owners[np.isin(self.options, np.asarray(options, np.int64))]] = True
        return mask

    def where(self, mask: Mask) -> Experiments:
        """Return the experiments that a mask chooses."""
        if mask.all():
            return self
        indices = np.flatnonzero(mask)
        kept = mask[self.owners]
        renumbered = np.cumsum(mask) - 1
        return Experiments(
            self.keys[indices],
            tuple(self.ids[index] for index in indices.tolist()),
            self.options[kept],
            renumbered[self.owners[kept]],
        )


def select_in(column: str, numbers: Sequence[int] | None) -> str:
    """Return a condition for few numbers; for none or many a condition that is always true."""
    if numbers is None or len(numbers) > _FEW:
        return "1"
    return f"{column} IN ({','.join(map(str, numbers))})"


def read_experiments(
    connection: sqlite3.Connection,
    ids: Sequence[str] | None = None,
    having: Sequence[Sequence[int]] = (),
    *,
    configs: bool = True,
) -> Experiments:
    """Read experiments in order, of some names or all.

    `having` are groups of options, of each of which a config must have one. Without `configs` they are
    neither read nor checked.
    """
    conditions, given = _having(having)
    wanted = None if ids is None else {name for name in ids if clean_text(name) == name}
    if wanted is not None and len(wanted) <= _FEW:
        names = {f"id_{number}": name for number, name in enumerate(wanted)}
        conditions.append(f"id IN ({', '.join(f':{name}' for name in names)})")
        given |= names
    condition = " AND ".join(conditions) or "1"
    keys, found, options, owners = read_experiment_rows(connection, condition, given, configs=configs)
    complete = ids is None and not having
    experiments = Experiments(keys, tuple(found), options, owners, complete)
    if wanted is not None:
        experiments = experiments.where(np.array([name in wanted for name in found], np.bool_))
    for group in having:
        experiments = experiments.where(experiments.having(group))
    return experiments


def _having(groups: Sequence[Sequence[int]]) -> tuple[list[str], dict[str, Any]]:
    """Return conditions that leave out most configs without an option: its bytes must occur in them."""
    conditions: list[str] = []
    given: dict[str, Any] = {}
    for options in groups:
        if len(options) <= _FEW_OPTIONS:
            names = {f"option_{option}": struct.pack("<i", option) for option in options}
            conditions.append(f"({' OR '.join(f'instr(config, :{name})' for name in names) or '0'})")
            given |= names
    return conditions, given


def read_parameters(connection: sqlite3.Connection) -> dict[int, ConfigParameter]:
    """Read all parameters, in the order of their first appearance."""
    columns = "parameter, name, alias, auxiliary"
    rows = connection.execute(f"SELECT {columns} FROM parameters ORDER BY parameter")  # noqa: S608
    return {
        number: ConfigParameter(
            str(name), str(alias), name in AUXILIARY_KEYS if known is None else bool(known)
        )
        for number, name, alias, known in rows
    }


def seen_parameters(connection: sqlite3.Connection) -> list[ConfigParameter]:
    """Return the parameters that not only removed experiments have."""
    parameters = read_parameters(connection)
    if not hides_some(connection):
        return list(parameters.values())
    used = set(read_experiments(connection).options.tolist())
    rows = connection.execute("SELECT option, parameter FROM options ORDER BY parameter")
    return [
        parameters[number] for number in dict.fromkeys(number for option, number in rows if option in used)
    ]


def read_options(
    connection: sqlite3.Connection,
    source: Source,
    numbers: Sequence[int],
    *,
    by: Literal["option", "parameter"] = "option",
) -> dict[int, Option]:
    """Read options by their own numbers or by those of their parameters."""
    parameters = read_parameters(connection)
    select = f"SELECT {', '.join(_OPTION)} FROM options WHERE {select_in(by, numbers)} ORDER BY option"  # noqa: S608
    column, wanted = list(_OPTION).index(by), set(numbers)
    found = {}
    for row in connection.execute(select):
        if row[column] not in wanted:
            continue
        check_row("table options", _OPTION, row)
        number, parameter, *rest, lasting_name, checksum = row
        if parameter not in parameters:
            raise DamagedError("table options", f"has no parameter {parameter!r}")
        option = Option._make((parameters[parameter], *rest, source))
        fields = (option.alias, option.kind, option.type_name, option.text, option.blob, option.digest)
        if not is_intact(checksum, (parameter, option.given), (*fields, lasting_name), option.data):
            raise DamagedError(f"a value of parameter {option.parameter.name!r}", CHANGED)
        found[number] = option
    return found


def decode_option(option: Option, *, allow_pickle: bool) -> Any:
    """Return the value of an option; its code runs only if its source is trusted as well."""
    source = option.source
    data = option.data if option.blob is None or source is None else source.blob(option.blob)
    allow_pickle = allow_pickle and source is not None and source.trusted
    where = f"parameter {option.parameter.name!r}"
    if data is None:
        raise DamagedError(where, "has no data")
    value = decode_value(
        option.kind, option.type_name, option.text, data, allow_pickle=allow_pickle, where=where
    )
    return replace(value, value_digest=option.digest) if isinstance(value, Opaque) else value
