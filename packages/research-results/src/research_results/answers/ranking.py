"""Which configs are best: ranked by one variable, or the Pareto set of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from research_domain import AUXILIARY_KEYS, Config, ConfigAlias, Domain, digest
from research_domain.alias import as_alias
from research_domain.texts import clean_text, cut_text
from research_results.answers.objectives import At, Objective
from research_results.answers.reading import read_study
from research_results.answers.statistics import USUAL, statistics
from research_results.answers.texts import short_number, text_table
from research_results.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from research_results.reading.filters import Query
    from research_results.reading.gather import Array, Mask
    from research_results.reading.reader import Questions


_TITLES = {"std": "std", "sem": "sem", "count": "n"}
_STATISTICS = (USUAL, ("mean", "std", "count"), ("mean",))
"""What a table shows of each objective, if there is room for it."""

_WIDTH = 80
"""Letters of a line; titles of variables take at most half of it."""

_DEFAULT_N = 5


@dataclass(frozen=True, slots=True)
class RankedConfig:
    """A config of a ranking.

    Attributes
    ----------
    config : Config
        Its parameters with their values as they were given, without those that were averaged over.
    ids : tuple of str
        Its experiments, failed ones included; of several researches ``'research/id'``.
    statistics : dict of str to dict of str to float
        For each objective the mean over its experiments, their standard deviation (``std``), the standard
        error of the mean (``sem``) and how many have a value (``count``).
    failed : int
        How many of its experiments failed, or were interrupted; they are in no mean.
    research : str or None
        Of several researches the one that it is of, unless that is averaged over.
    """

    config: Config
    ids: tuple[str, ...]
    statistics: Mapping[str, Mapping[str, float]]
    failed: int
    research: str | None = None


class Ranking:
    """Configs, the best ones first; ``print`` it, or iterate over it.

    Attributes
    ----------
    rows : tuple of RankedConfig
        The configs with their statistics.
    objectives : tuple of Objective
        What they are ranked by; with several of them no other config is better in all of them.
    found : int
        How many configs there are in all.

    Examples
    --------
    >>> from research_results import ResearchResults
    >>> results = ResearchResults('memory', dump_results=False)
    >>> for lr, loss in ((1, 0.5), (2, 0.25), (3, 0.75)):
    ...     results.put(str(lr), {'loss': {0: loss}}, {'lr': lr})
    >>> ranking = results.best('loss', n=2)
    >>> print(ranking)
       loss  std  sem  n  failed  config
    1  0.25  -    -    1       0  lr=2
    2   0.5  -    -    1       0  lr=1
    >>> ranking.configs[0]
    Config({'lr': 2})
    """

    def __init__(
        self,
        rows: Sequence[RankedConfig],
        objectives: Sequence[Objective],
        found: int,
        named: Sequence[ConfigAlias],
        parameters: Sequence[tuple[str, Array]],
    ) -> None:
        self.rows = tuple(rows)
        self.objectives = tuple(objectives)
        self.found = found
        self._named = tuple(named)
        self._parameters = tuple(parameters)

    @property
    def configs(self) -> tuple[Config, ...]:
        """The configs, with their values as they were given: ``f(**ranking.configs[0])``."""
        return tuple(row.config for row in self.rows)

    @property
    def domain(self) -> Domain:
        """A domain of these configs, each of them once, to run them again."""
        unique = {digest(row.config): _own(named) for row, named in zip(self.rows, self._named, strict=True)}
        domains = [Domain({key: [value] for key, value in named.pairs}) for named in unique.values()]
        return sum(domains[1:], domains[0]) if domains else Domain()

    @property
    def df(self) -> pd.DataFrame:
        """The ranking as a DataFrame: parameters, statistics and failures."""
        from research_results.answers.aggregation import parameter_fields  # late: who prints needs no pandas
        from research_results.frames.assembly import Field, make_frame

        fields = parameter_fields(self._parameters)
        for objective in self.objectives:
            prefix = f"{objective.variable}_" if len(self.objectives) > 1 else ""
            for name in USUAL:
                column = np.array([row.statistics[objective.variable][name] for row in self.rows])
                fields.append(Field(f"{prefix}{name}", column))
        fields.append(Field("failed", np.array([row.failed for row in self.rows], np.int64)))
        return make_frame(fields, len(self.rows))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the rows as dicts with the keys config, ids, statistics and failed; of several, research."""
        return [
            {
                **({} if row.research is None else {"research": row.research}),
                "config": row.config.flatten(),
                "ids": list(row.ids),
                "statistics": {name: dict(found) for name, found in row.statistics.items()},
                "failed": row.failed,
            }
            for row in self.rows
        ]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[RankedConfig]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> RankedConfig:
        return self.rows[index]

    def __repr__(self) -> str:
        names = ", ".join(map(str, self.objectives))
        return f"Ranking({names!r}, {len(self.rows)} of {self.found} configs)"

    def __str__(self) -> str:
        if not self.rows:
            return "no configs"
        for shown in _STATISTICS[len(self.objectives) > 1 :]:
            cells = [self._cells(index, shown) for index in range(len(self.rows))]
            text = text_table(self._header(shown), cells, _WIDTH)
            if all(len(line) <= _WIDTH for line in text.split("\n")):
                break
        return text

    def _repr_html_(self) -> str:
        html: str = self.df.to_html(max_rows=None)
        return html

    def _header(self, shown: Sequence[str]) -> list[str]:
        longest = max(_WIDTH // 2 // max(len(self.objectives), 2) - 2, 6)
        titles = [
            (cut_text(each.variable, longest), *map(_TITLES.get, shown[1:])) for each in self.objectives
        ]
        return ["", *(str(title) for own in titles for title in own), "failed", "config"]

    def _cells(self, index: int, shown: Sequence[str]) -> list[str]:
        row, named = self.rows[index], self._named[index]
        numbers = [
            f"{found['count']}" if name == "count" else short_number(found[name])
            for found in row.statistics.values()
            for name in shown
        ]
        of = [] if row.research is None else [f"research={row.research}"]
        config = " ".join([*of, *(f"{key.alias}={as_alias(value).alias}" for key, value in named.pairs)])
        return [str(index + 1), *numbers, str(row.failed), clean_text(config)]


def _own(named: ConfigAlias) -> ConfigAlias:
    """Return a config without the repetition, which it has where repetitions are ranked one by one."""
    return ConfigAlias([pair for pair in named.pairs if pair[0].value not in AUXILIARY_KEYS])


def check_count(n: int | None) -> int | None:
    """Refuse an invalid number of configs."""
    if n is not None and (not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1):
        raise ArgumentError("n", f"is a positive whole number, got {n!r}")
    return n


def rank(
    reader: Questions,
    wanted: Query,
    objectives: Sequence[Objective],
    n: int | None,
    at: At,
    over: Sequence[str],
) -> Ranking:
    """Rank configs by the mean of a variable over experiments, or find the Pareto set of several."""
    with read_study(reader, wanted, objectives, None, over) as study:
        found = []
        for objective in objectives:
            owners, values = study.finals(objective, at)
            found.append(statistics(values, study.groups.numbers[owners], len(study.groups), USUAL))
        costs = np.array(
            [
                -each["mean"] if objective.maximize else each["mean"]
                for each, objective in zip(found, objectives, strict=True)
            ]
        )
        order = np.lexsort(costs[::-1])  # NaN comes last
        if len(objectives) > 1:
            order = order[pareto_set(costs)[order]]
        chosen = order[: _DEFAULT_N if n is None and len(objectives) == 1 else n]
        named = [study.config_of(group) for group in chosen.tolist()]
        parameters, names = study.parameters(chosen), study.experiments.names
        rows = [
            RankedConfig(
                config=_own(config).config(),
                ids=tuple(names[index] for index in np.flatnonzero(study.groups.numbers == group).tolist()),
                statistics={
                    objective.variable: {name: column[group].item() for name, column in each.items()}
                    for objective, each in zip(objectives, found, strict=True)
                },
                failed=int(study.failures[group]),
                research=study.research_of(group),
            )
            for group, config in zip(chosen.tolist(), named, strict=True)
        ]
    return Ranking(rows, objectives, len(study.groups), named, parameters)


def pareto_set(costs: Array) -> Mask:
    """Tell which of N points no other point beats: is as good in every one of K costs, and better in one.

    Parameters
    ----------
    costs : float64 array of shape (K, N)
        A point with a NaN is in no Pareto set.

    Examples
    --------
    >>> pareto_set(np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])).tolist()
    [True, True, False]
    """
    kept: Mask = ~np.atleast_1d(np.isnan(costs).any(axis=0))
    for point in np.flatnonzero(kept).tolist():
        if kept[point]:
            own = costs[:, point : point + 1]
            kept &= ~((costs >= own).all(axis=0) & (costs > own).any(axis=0))
    return kept
