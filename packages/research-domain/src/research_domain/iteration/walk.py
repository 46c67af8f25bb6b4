"""Walking: configs of a space of parameters by iterating, by index and at random."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any, Self, overload

import numpy as np

from research_domain._counting import check_count, span_length, take
from research_domain.algebra._body import constraints, contains
from research_domain.algebra._filters import Constraint
from research_domain.alias import ConfigAlias, Pairs, as_query, plain, wrapped
from research_domain.errors import DomainIndexError, InfiniteDomainError, ParameterError
from research_domain.iteration.records import nested, to_frame
from research_domain.iteration.schedule import Schedule, auxiliary
from research_domain.iteration.settings import AlgebraWithSettings
from research_domain.seeds import distinct, make_seed_sequence


class Walk(AlgebraWithSettings):
    """A space of parameters that produces configs."""

    @property
    def len(self) -> int | None:
        """Number of configs that are produced, without repetitions; None if infinite."""
        return self._schedule().items

    @property
    def size(self) -> int | None:
        """Number of configs that are produced, with repetitions; None if infinite."""
        return self._schedule().size

    @property
    def is_finite(self) -> bool:
        """Whether iterating comes to an end."""
        return self._params.n_items is not None or not self._prepared().sequence.endless

    def __len__(self) -> int:
        length = self.len
        if length is None:
            raise InfiniteDomainError("len(domain)")
        return length

    def __bool__(self) -> bool:
        """Tell that there is a domain: only None is no domain."""
        return True

    def __iter__(self) -> Iterator[ConfigAlias]:
        return self.iterate()

    def iterate(self, start: int = 0) -> Iterator[ConfigAlias]:
        """Iterate from a position on, without producing the configs before it.

        Parameters
        ----------
        start : int, default 0
            Position of the first config, repetitions included.

        Returns
        -------
        iterator of ConfigAlias

        Examples
        --------
        >>> from research_domain import Domain
        >>> next(Domain(a=range(10**12)).iterate(10**9)).config()['a']
        1000000000
        """
        check_count("start", start, 0)
        schedule = self._schedule_at() if start else self._schedule_ahead() or self._schedule()
        stream, additional, updates = self._stream(), bool(self._extra(0)), self._updates
        return itertools.chain.from_iterable(
            wrapped(points, auxiliary(repetition, updates) if additional else ())
            for repetition, points in schedule.walk(stream, start)
        )

    def dicts(self, flat: bool = False) -> Iterator[dict[str, Any]]:
        """Iterate over the configs as plain dictionaries, without what says how they are run.

        Parameters
        ----------
        flat : bool
            Keep paths as keys, ``{'model/layers': 3}``; by default they are nested dictionaries.

        Returns
        -------
        iterator of dict

        Examples
        --------
        >>> from research_domain import Domain
        >>> domain = Domain({'lr': [0.1, 0.2], 'model/layers': [3]})
        >>> list(domain.dicts())
        [{'lr': 0.1, 'model': {'layers': 3}}, {'lr': 0.2, 'model': {'layers': 3}}]
        """
        stream = self._stream()
        schedule = self._schedule_ahead() or self._schedule()
        rows = itertools.chain.from_iterable(plain(points) for _, points in schedule.walk(stream, 0))
        has_paths = any("/" in key for key in self._body.keys)
        return nested(rows) if has_paths and not flat else rows

    def to_frame(self) -> Any:
        """Return the configs as a ``pandas.DataFrame``, one row each, paths as names of columns.

        A parameter that some configs lack has NaN there, in a column of objects, so that ints are ints.

        Raises
        ------
        InfiniteDomainError
            If there is no end of configs.

        Examples
        --------
        >>> from research_domain import Domain
        >>> Domain(lr=[0.1, 0.2], layers=[3]).to_frame()
            lr  layers
        0  0.1       3
        1  0.2       3
        """
        if not self.is_finite:
            raise InfiniteDomainError("domain.to_frame()")
        return to_frame(self.dicts(flat=True))

    def _stream(self) -> Callable[[int], Iterator[Pairs]]:
        """Return what yields points from an index on: of one pass, or of as many as `n_items` asks for."""
        sequence, draws, _ = self._prepared()
        if self._params.n_items is None:
            return lambda index: sequence.once(0, index, index, draws)
        return lambda index: sequence.walk(index, index, draws)

    @property
    def iterator(self) -> Iterator[ConfigAlias]:
        """The one iterator that this object keeps; ``iter(domain)`` is always a new one."""
        return self._iterator or self.create_iter()

    def create_iter(self) -> Iterator[ConfigAlias]:
        """Create the iterator that this object keeps, and return it."""
        self._iterator = iter(self)
        return self._iterator

    def reset_iter(self) -> None:
        """Let :attr:`iterator` begin again, with the same draws.

        Examples
        --------
        >>> from research_domain import Domain
        >>> domain = Domain(a=[1, 2])
        >>> next(domain.iterator).config()['a'], next(domain.iterator).config()['a']
        (1, 2)
        >>> domain.reset_iter()
        >>> next(domain.iterator).config()['a']
        1
        """
        self._iterator = None

    @overload
    def __getitem__(self, index: int) -> ConfigAlias: ...
    @overload
    def __getitem__(self, index: slice) -> list[ConfigAlias]: ...

    def __getitem__(self, index: int | slice) -> ConfigAlias | list[ConfigAlias]:
        """Return the config at a position, or those of a slice, without iterating."""
        if isinstance(index, slice):
            return self._slice(index)
        if not hasattr(index, "__index__"):
            raise ParameterError("index", f"expected an int or a slice, got {index!r}")
        position = index.__index__()
        schedule = self._schedule() if position < 0 else self._schedule_at()
        if schedule.size is None and position < 0:
            raise InfiniteDomainError(f"domain[{position}]")
        config = self._at(schedule, position + (schedule.size or 0) if position < 0 else position)
        if config is None:
            raise DomainIndexError(position, self.size or 0)
        return config

    def _slice(self, index: slice) -> list[ConfigAlias]:
        start, stop, step = index.start or 0, index.stop, index.step or 1
        if step > 0 and start >= 0 and stop is not None and stop >= 0:
            configs = self.iterate(start) if step == 1 else (self[at] for at in itertools.count(start, step))
            if (step > 1 or stop > sys.maxsize) and (size := self.size) is not None:
                stop = min(stop, size)
            return list(take(configs, _listed(span_length(range(start, stop, step)))))
        if (size := self.size) is None:
            raise InfiniteDomainError(f"domain[{index.start}:{index.stop}:{index.step}]")
        positions = range(*index.indices(size))
        _listed(span_length(positions))
        return [self[position] for position in positions]

    def _at(self, schedule: Schedule, position: int) -> ConfigAlias | None:
        """Return the config at a position, None if there is no such position."""
        if position < 0 or (schedule.size is not None and position >= schedule.size):
            return None
        index, repetition = schedule.locate(position)
        sequence, draws, has_filters = self._prepared()
        found = next(self._stream()(index), None) if has_filters else sequence.at(index, index, draws)
        return None if found is None else ConfigAlias.of_pairs(found + self._extra(repetition))

    def _extra(self, repetition: int) -> Pairs:
        if not self._params.additional:
            return ()
        keys = self._body.keys
        for key in ("repetition", "updates"):
            if key in keys:
                problem = "is a key that the iteration adds; rename it or set_iter_params(additional=False)"
                raise ParameterError(key, problem)
        return auxiliary(repetition, self._updates)

    def sample(self, n: int, seed: Any = None) -> list[ConfigAlias]:
        """Draw configs without repetitions, each of them at most once.

        Parameters
        ----------
        n : int
            How many; of an infinite domain, its first `n` under this seed.
        seed : object, optional
            See :func:`research_domain.make_seed_sequence`; also seeds sampled parameters.

        Returns
        -------
        list of ConfigAlias

        Raises
        ------
        ParameterError
            If the domain has fewer configs.

        Examples
        --------
        >>> from research_domain import Domain
        >>> configs = Domain(a=range(10**15)).sample(3, seed=1)
        >>> len({config.config()['a'] for config in configs})
        3
        """
        check_count("n", n, 0)
        if seed is not None:
            self.warn_of_unrepeatable(stacklevel=3)
        known = make_seed_sequence(seed)
        twin = self._whole(known)
        twin._set({"additional": self._params.additional})
        length = twin._length()
        if length is None:
            return list(take(twin, _listed(n)))
        if n > length:
            raise ParameterError("n", f"asked for {n} configs of a domain with {length}")
        return [twin[index] for index in distinct(_listed(n), length, known)]

    def _whole(self, seed: np.random.SeedSequence) -> Self:
        """Return a domain of the same configs that is gone through once, with the draws of a seed."""
        twin = self._of(self._body)
        twin._seed, twin._updates, twin._kept_draws = seed, self._updates, self._kept_draws
        return twin

    def __contains__(self, config: object) -> bool:
        """Tell whether a config is one of these; any value will do for a sampled parameter.

        What says how a config is run does not matter; in a mapping these are the keys of `AUXILIARY_KEYS`
        that are no parameters here.
        """
        query = as_query(config, self._body.keys)
        if query is None:
            return False
        try:
            return contains(self._body, query)
        except LookupError:
            plain = self._whole(self.seed_sequence)
            plain._set({"additional": False})
            return any(one.config() == query for one in plain)

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """What each ``where`` removed: of all configs, or of the first thousand or so if there is no end."""
        return tuple(constraints(self._prepared().sequence, self._prepared().draws))

    def _length(self) -> int | None:
        """Return the number of configs, whatever the parameters of iteration; None if infinite."""
        sequence, draws, _ = self._prepared()
        return sequence.length(draws)

    def _schedule_ahead(self) -> Schedule | None:
        """Return the schedule that does without the length, None if that costs nothing or has to be known."""
        return Schedule.of_unknown(self._params) if self._prepared().has_filters else None

    def _schedule_at(self) -> Schedule:
        ahead = self._schedule_ahead()
        return ahead if ahead is not None and ahead.reps == 1 else self._schedule()

    def _schedule(self) -> Schedule:
        sequence, draws, has_filters = self._prepared()
        if self._params.n_items is None or not has_filters:
            length = sequence.length(draws)
        else:  # overrules what would have to be counted, unless it is 0
            length = None if any(True for _ in sequence.once(0, 0, 0, draws)) else 0
        return Schedule.of(self._params, length)


def _listed(count: int) -> int:
    """Return a count of configs that a list can hold."""
    if count > sys.maxsize:
        raise ParameterError("n", f"a list cannot hold {count} configs; go through them with iterate()")
    return count
