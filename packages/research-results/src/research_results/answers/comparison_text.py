"""A comparison as text, no wider than a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from research_domain import ConfigAlias
from research_domain.alias import as_alias
from research_domain.texts import clean_text, cut_text
from research_results.answers.differences import Difference, Side, VariableOfConfigs
from research_results.answers.surroundings import Row
from research_results.answers.texts import short_number, text_table
from research_results.reading.gather import Ints

_WIDTH = 80
_LONGEST_NAME = 14
_LONGEST_TITLE = 18
_MOST_SIDES = 4
"""Sides that have a column each; more of them have a row each."""

_MOST_CONFIGS = 10
_MOST_VALUES = 6


def short_names(sides: Sequence[Side]) -> list[str]:
    """Return the names of the sides, or letters if one of them is long, or there are many."""
    names = [clean_text(side.name) for side in sides]
    if max(map(len, names)) <= _LONGEST_NAME and len(names) <= _MOST_SIDES:
        return names
    return [chr(65 + number) if number < 26 else f"#{number + 1}" for number in range(len(sides))]


def sides_text(names: Sequence[str], sides: Sequence[Side]) -> str:
    """Return the table of the sides."""
    counts = [
        ", ".join(f"{count} {status}" for status, count in side.counts.items()) or "none" for side in sides
    ]
    configs = [str(side.configs) for side in sides]
    if list(names) != [side.name for side in sides]:
        rows = zip(names, configs, counts, (clean_text(side.name) for side in sides), strict=True)
        return text_table(["", "configs", "experiments", "research"], [*map(list, rows)], _WIDTH)
    return rows_text(
        "research",
        names,
        [("experiments", tuple((each,) for each in counts)), ("configs", tuple((each,) for each in configs))],
    )


def rows_text(title: str, names: Sequence[str], rows: Sequence[Row]) -> str:
    """Return values side by side, or one below the other for many sides, without missing ones."""
    cells = [[cut_text(name, _LONGEST_TITLE), *(_joined(values) for values in own)] for name, own in rows]
    if len(names) > _MOST_SIDES:
        long = [
            [first, name, cell]
            for first, *own in cells
            for name, cell in zip(names, own, strict=True)
            if cell != "-"
        ]
        return text_table([title, "", ""], long, _WIDTH)
    taken = max(len(line[0]) for line in [[title], *cells])
    room = (_WIDTH - taken) // len(names) - 2
    return text_table(
        [title, *names], [[line[0], *(cut_text(each, room) for each in line[1:])] for line in cells]
    )


def differences_text(names: Sequence[str], differences: Sequence[Difference]) -> str:
    """Return the means of variables on each side; with many sides, without empty ones."""
    rows = [
        [
            cut_text(row.variable, _LONGEST_TITLE),
            str(row.configs),
            *map(short_number, (row.mean, row.difference, row.std, row.sem)),
            names[number % len(names)],
        ]
        for number, row in enumerate(differences)
        if row.configs or len(names) <= _MOST_SIDES
    ]
    return text_table(["variable", "configs", "mean", "difference", "std", "sem", "research"], rows, _WIDTH)


def finals_text(
    names: Sequence[str], variable: VariableOfConfigs, failed: Ints, configs: Sequence[ConfigAlias]
) -> str:
    """Return a variable in the first configs, side by side if there are few sides."""
    if len(names) > _MOST_SIDES:
        return f"{variable.name} by config: see the DataFrame"
    pair = len(names) == 2
    rows = []
    for index, config in enumerate(configs[:_MOST_CONFIGS]):
        cells = [
            _final(variable, index, side, int(failed[index, side]), with_std=pair)
            for side in range(len(names))
        ]
        if pair:
            cells.append(short_number(variable.mean[index, 1] - variable.mean[index, 0]))
        pairs = [f"{key.alias}={as_alias(value).alias}" for key, value in config.pairs]
        rows.append([*cells, clean_text(" ".join(pairs)) or "all"])
    table = text_table([*names, *(["difference"] if pair else []), "config"], rows, _WIDTH)
    more = len(configs) - _MOST_CONFIGS
    lines = [f"{variable.name} by config", table, *([f"and {more:,} more configs"] if more > 0 else [])]
    return "\n".join(lines)


def _final(variable: VariableOfConfigs, index: int, side: int, failed: int, *, with_std: bool) -> str:
    """Return mean, standard deviation and number of repetitions."""
    count, std = int(variable.count[index, side]), float(variable.std[index, side])
    lost = f"{failed} failed" if failed else ""
    if not count:
        return lost or "-"
    spread = f" ± {std:.2g}" if with_std and std == std else ""
    return (
        f"{short_number(variable.mean[index, side])}{spread} ({', '.join(filter(None, (str(count), lost)))})"
    )


def _joined(values: Sequence[str]) -> str:
    shown = ", ".join(clean_text(value) for value in values[:_MOST_VALUES]) or "-"
    return shown if len(values) <= _MOST_VALUES else f"{shown}, ... ({len(values)})"
