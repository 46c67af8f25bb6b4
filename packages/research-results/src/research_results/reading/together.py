"""Several researches, read as one table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from research_results.errors import (
    ArgumentError,
    UnknownAliasError,
    UnknownExperimentError,
    UnknownParameterError,
)
from research_results.reading.changes import Change
from research_results.reading.distinct import different
from research_results.reading.experiments import Experiments
from research_results.reading.filters import Query, check_tags, known_tags, parse_filter, texts_of
from research_results.reading.reader import Questions, Reader
from research_results.reading.selected import Selected, SelectedTogether
from research_results.reading.source import Source
from research_results.reading.status import STATUSES, Summary


class Member(NamedTuple):
    """One of several researches: what it is called, its reader, and the filter that always holds."""

    label: str
    reader: Reader
    own: Query


def labels_of(paths: Sequence[Path | None]) -> list[str]:
    """Return what to call researches: the shortest ends of their paths that differ; None is one in memory.

    Examples
    --------
    >>> labels_of([Path('runs/a'), Path('runs/b'), Path('other/b'), None])
    ['a', 'runs/b', 'other/b', 'memory']
    """
    parts = [("memory",) if path is None else Path(os.path.abspath(path)).parts for path in paths]  # noqa: PTH100
    tails = [
        next(
            (
                own[-count:]
                for count in range(1, len(own))
                if [each[-count:] for each in parts].count(own[-count:]) == 1
            ),
            own[-1:],
        )
        for own in parts
    ]
    return different(["/".join(tail) for tail in tails])


def put_together(parts: Sequence[Member], *, name_experiments: bool = False) -> ReaderOfSeveral:
    """Return a reader of several researches, called by their folders; parts of one by their filters.

    With `name_experiments` a part of one experiment is called by that. A folder that is there twice, and
    whole, is refused.
    """
    paths = [part.reader.path for part in parts]
    whole = [path.resolve() for path, part in zip(paths, parts, strict=True) if path and part.own == Query()]
    for path in whole:
        if whole.count(path) > 1:
            raise ArgumentError(
                "name", f"the folder {str(path)!r} is given twice; give each one once, or parts by filters"
            )
    called = [
        path / own.ids[0] if path and name_experiments and own.ids is not None and len(own.ids) == 1 else path
        for path, own in zip(paths, (part.own for part in parts), strict=True)
    ]
    filters = [part.own.describe() for part in parts]
    labels = labels_of(called)
    if len(set(called)) == 1 and len(set(filters)) == len(filters) and all(filters):
        labels = filters  # parts of one research
    return ReaderOfSeveral(
        tuple(part._replace(label=label) for part, label in zip(parts, labels, strict=True))
    )


@dataclass(frozen=True, slots=True)
class ReaderOfSeveral(Questions):
    """Answers questions about several researches, one after another."""

    parts: tuple[Member, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What the researches are called."""
        return tuple(part.label for part in self.parts)

    @property
    def source(self) -> Source:
        """Raise: several researches have no common source."""
        raise ArgumentError("ResearchResults", f"these are several researches: {self.name}; ask one of them")

    @property
    def name(self) -> str:
        """The researches as text."""
        return ", ".join(self.labels)

    @property
    def path(self) -> Path | None:
        """None: they have no folder in common."""
        return None

    @property
    def meta(self) -> Mapping[str, Any]:
        """Research to what its writer keeps about it."""
        return {part.label: dict(part.reader.meta) for part in self.parts}

    def query(self, given: Mapping[str, Any]) -> Query:
        """Return the filter that some arguments mean; ``research`` is which of the researches."""
        others = {name: value for name, value in given.items() if name != "research"}
        researches = texts_of("research", given.get("research"))
        if researches == ():
            raise ArgumentError("research", f"names none; there are {', '.join(self.labels)}")
        for name in researches or ():
            if name not in self.labels:
                raise ArgumentError("research", f"there is no {name!r}; there are {', '.join(self.labels)}")
        return replace(parse_filter(**others), researches=researches)

    @contextmanager
    def selected(self, wanted: Query, *, configs: bool = True) -> Iterator[Selected]:
        """Open the tables of all and find the experiments that a filter lets through.

        A research that lacks a parameter of the filter has no such experiments, unless all of them lack it.
        """
        parts = self.narrowed(wanted)
        labels, found, refusals = [], [], []
        with ExitStack() as stack:
            for part in parts:
                try:
                    found.append(stack.enter_context(part.reader.selected(part.own, configs=configs)))
                    labels.append(part.label)
                except (UnknownParameterError, UnknownAliasError) as error:
                    refusals.append(error)
            knowing = [part for part in parts if part.label in labels and part.reader.counts()]
            if refusals and not knowing:
                raise refusals[0]
            experiments = Experiments.together(labels, [each.experiments for each in found])
            yield SelectedTogether(experiments, wanted, tuple(found))

    def narrowed(self, wanted: Query) -> list[Member]:
        """Return the researches that a filter asks for, with that filter and the one that always holds."""
        parts = [part for part in self.parts if wanted.researches is None or part.label in wanted.researches]
        ids, tags = self.ids_of(parts, wanted.ids), self._tags(parts, wanted.tags)
        return [
            part._replace(own=replace(wanted.over(part.own), ids=own_ids, tags=own_tags, researches=None))
            for part, own_ids, own_tags in zip(parts, ids, tags, strict=True)
        ]

    def ids_of(self, parts: Sequence[Member], wanted: Sequence[str] | None) -> list[tuple[str, ...] | None]:
        """Return the experiments that are wanted of each research: ``id`` in all, ``research/id`` in one."""
        if wanted is None:
            return [part.own.ids for part in parts]
        known = [part.reader.ids(part.own) for part in parts]
        found = [
            {name: own for own in ids for name in (own, f"{part.label}/{own}") if name in wanted}
            for part, ids in zip(parts, known, strict=True)
        ]
        for name in wanted:
            if any(known) and not any(name in own for own in found):
                names = [
                    f"{part.label}/{own}"
                    for part, ids in zip(parts, known, strict=True)
                    for own in ids[:1000]
                ]
                raise UnknownExperimentError(name, tuple(names))
        return [tuple(dict.fromkeys(own.values())) for own in found]

    @staticmethod
    def _tags(parts: Sequence[Member], wanted: Sequence[str] | None) -> list[tuple[str, ...] | None]:
        """Return the requested tags that a research has."""
        if wanted is None:
            return [part.own.tags for part in parts]
        known = [known_tags(part.reader.source) for part in parts]
        check_tags(wanted, sorted({tag for own in known for tag in own}))
        return [tuple(tag for tag in wanted if tag in own) for own in known]

    def variables(self) -> tuple[str, ...]:
        """Return the names of all variables."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.reader.variables()))

    def counts(self) -> dict[str, int]:
        """Return how many experiments have each status."""
        found = [part.reader.counts() for part in self.parts]
        sums = {status: sum(own.get(status, 0) for own in found) for status in STATUSES}
        return {status: count for status, count in sums.items() if count}

    def split(self, path: str) -> tuple[str, str]:
        """Return experiment and variable of ``'research/experiment/variable'``."""
        for label in sorted(self.labels, key=len, reverse=True):
            if path.startswith(f"{label}/"):
                experiment_id, _, name = path.removeprefix(f"{label}/").partition("/")
                return f"{label}/{experiment_id}", name
        raise ArgumentError("path", f"begins with a research, one of {', '.join(self.labels)}; got {path!r}")

    def revision(self, since: int) -> int:
        """Refuse: each research counts its own changes."""
        raise ArgumentError("follow", f"is for one research, and these are {len(self.parts)}; follow each")

    def changes(self, since: int, until: int, wanted: Query) -> Iterator[Change]:
        """Refuse, as `revision` does."""
        self.revision(since)
        return iter(())

    def summary(self) -> Summary:
        """Return all of them in a few numbers."""
        every = [part.reader.summary() for part in self.parts]
        return Summary(
            self.name,
            self.counts(),
            tuple(dict.fromkeys(name for each in every for name in each.parameters)),
            self.variables(),
            sum(each.values for each in every),
            sum(each.size_bytes for each in every),
            sum(each.elapsed_s for each in every),
        )
