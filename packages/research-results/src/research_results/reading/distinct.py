"""Distinct values of parameters: compared by digest and alias, as identities are, and not by text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from research_results.reading.configs import ConfigColumn
from research_results.reading.experiments import Option
from research_results.reading.gather import Ints


def distinct_values(column: ConfigColumn) -> tuple[Ints, list[Option]]:
    """Return for each experiment the number of its value, -1 for none, and the first option of each value."""
    numbers: dict[tuple[Any, ...], int] = {}
    first: list[Option] = []
    number_of = np.empty(len(column.options) + 1, np.int64)
    number_of[-1] = -1  # where -1 leads
    has_older = any(option.digest is None for option in column.options)  # these are known by their bytes
    for index, option in enumerate(column.options):
        keys: list[tuple[Any, ...]] = [] if option.digest is None else [(option.alias, option.digest)]
        if has_older:
            keys.append((option.alias, option.kind, option.data, option.blob))
        known = [numbers[key] for key in keys if key in numbers]
        number_of[index] = number = known[0] if known else len(first)
        if not known:
            first.append(option)
        numbers.update(dict.fromkeys(keys, number))
    return number_of[column.codes], first


def renumbered(keys: Ints) -> Ints:
    """Return numbers from zero on, in the order of first appearance."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    numbers: Ints = rank[inverse.reshape(-1)]
    return numbers


def different(texts: Sequence[str]) -> list[str]:
    """Return distinct texts; repeated ones get a number."""
    counts: dict[str, int] = {}
    labels = []
    for text in texts:
        counts[text] = number = counts.get(text, 0) + 1
        labels.append(text if number == 1 else f"{text} ({number})")
    return labels
