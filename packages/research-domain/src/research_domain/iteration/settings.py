"""Settings: how a space of parameters is iterated, and the draws that follow from its seed."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, NamedTuple, Self

import numpy as np

from research_domain.algebra._body import Body, compiled, is_filter, is_random, parts_of, unrepeatable
from research_domain.algebra._draws import Draws
from research_domain.algebra._sequences import Sequence
from research_domain.algebra.operators import Algebra
from research_domain.alias import ConfigAlias
from research_domain.errors import DomainWarning
from research_domain.iteration.schedule import UNCHANGED, IterParams, Unchanged
from research_domain.seeds import make_seed_sequence


class Prepared(NamedTuple):
    """What a space of parameters produces, its draws, and whether filters make its length unknown."""

    sequence: Sequence
    draws: Draws
    has_filters: bool


class AlgebraWithSettings(Algebra):
    """A space of parameters with settings of how it is iterated."""

    _params: IterParams = IterParams()
    _given: frozenset[str] = frozenset()
    _updates: int = 0
    _seed: np.random.SeedSequence | None = None
    _iterator: Iterator[ConfigAlias] | None = None
    _ready: Prepared | None = None
    _kept_draws: MutableMapping[str, list[Any]]

    def _with(self, body: Body) -> Self:
        if is_random(body):
            self.seed_sequence  # noqa: B018  # is drawn now, so that both have the same
        twin = self._of(body)
        twin.__dict__.update({**self.__getstate__(), "_body": body})
        return twin

    def __getstate__(self) -> dict[str, Any]:
        if is_random(self._body):
            self.seed_sequence  # noqa: B018  # is drawn now, so that all processes have the same
        return {**self.__dict__, "_iterator": None, "_ready": None}

    def set_iter_params(
        self,
        n_items: int | Unchanged | None = UNCHANGED,
        n_reps: int | Unchanged = UNCHANGED,
        repeat_each: int | Unchanged | None = UNCHANGED,
        produced: int | Unchanged = UNCHANGED,
        additional: bool | Unchanged = UNCHANGED,
        create_id_prefix: bool | int | Unchanged = UNCHANGED,
        seed: Any = UNCHANGED,
    ) -> Self:
        """Set how this domain is iterated; other settings are unchanged.

        Parameters
        ----------
        n_items : int, optional
            Number of configs without repetitions, by default all. Past the length, the domain begins again,
            with new draws of sampled parameters (the same ones where they were filtered).
        n_reps : int, default 1
            How often each config is repeated.
        repeat_each : int, optional
            After how many configs they are repeated, by default all of them; 100 if there is no end.
        produced : int, default 0
            How many configs were produced before this domain replaced another.
        additional : bool, default True
            Whether configs have the keys 'repetition' and 'updates'.
        create_id_prefix : bool or int, default False
            See :class:`research_domain.Identifier`.
        seed : object, optional
            See :func:`research_domain.make_seed_sequence`. Equal seeds give equal configs; None, the default,
            draws one from the operating system.

        Returns
        -------
        Domain
            This object.

        Raises
        ------
        ParameterError
            If a number is not what it should be.

        Examples
        --------
        >>> from research_domain import Domain
        >>> domain = Domain(a=[1, 2, 3]).set_iter_params(n_reps=2, repeat_each=2)
        >>> [(c.config()['a'], c.config()['repetition']) for c in domain]
        [(1, 0), (2, 0), (1, 1), (2, 1), (3, 0), (3, 1)]
        >>> domain.set_iter_params(n_items=4).size
        8
        """
        values = {
            "n_items": n_items,
            "n_reps": n_reps,
            "repeat_each": repeat_each,
            "produced": produced,
            "additional": additional,
            "create_id_prefix": create_id_prefix,
            "seed": seed,
        }
        self._set({name: value for name, value in values.items() if value is not UNCHANGED})
        if seed is not UNCHANGED and seed is not None:
            self.warn_of_unrepeatable(stacklevel=3)
        return self

    def _set(self, values: Mapping[str, Any]) -> None:
        """Set iteration parameters; None resets one."""
        params = dataclasses.replace(self._params, **values)
        if "seed" in values:
            self._seed = None if params.seed is None else make_seed_sequence(params.seed)
        self._given = (self._given | values.keys()) - {name for name in values if values[name] is None}
        self._params = params
        self._ready = self._iterator = None

    def set_default_seed(self, seed: Any) -> Self:
        """Set the default seed, which is used if no seed is set and is not a setting.

        Parameters
        ----------
        seed : object
            See :func:`research_domain.make_seed_sequence`.

        Returns
        -------
        Domain
            This object.

        Examples
        --------
        >>> from research_domain import Domain, NumpySampler
        >>> one, two = (Domain(x=NumpySampler('n')).set_default_seed(1) for _ in range(2))
        >>> one[0] == two[0], one.iter_params.seed
        (True, None)
        """
        if "seed" not in self._given:
            self._seed = make_seed_sequence(seed)
            self._ready = self._iterator = None
        return self

    @property
    def unrepeatable(self) -> tuple[str, ...]:
        """Names of the parameters whose draws no seed repeats, sorted; see :meth:`keep_draws`."""
        return unrepeatable(self._prepared().sequence) if is_random(self._body) else ()

    def keep_draws(self, draws: MutableMapping[str, list[Any]]) -> Self:
        """Store draws that no seed can repeat, and reuse stored ones.

        Parameters
        ----------
        draws : mutable mapping from str to list
            Position in the domain → the values drawn there; may be one that outlives this process.

        Returns
        -------
        Domain
            This object.

        Examples
        --------
        >>> import random
        >>> from research_domain import Domain
        >>> class Dice:
        ...     def sample(self, size):
        ...         return [random.randint(1, 10**9) for _ in range(size)]
        >>> draws = {}
        >>> one, two = (Domain(x=Dice()).set_default_seed(1).keep_draws(draws) for _ in range(2))
        >>> one.unrepeatable, one[7] == two[7]
        (('x',), True)
        """
        self._kept_draws = draws
        self._ready = self._iterator = None
        return self

    def warn_of_unrepeatable(self, stacklevel: int = 2) -> None:
        """Warn if there are draws that no seed repeats.

        Parameters
        ----------
        stacklevel : int
            Whose line is shown; 2 is the caller's.
        """
        if names := self.unrepeatable:
            warnings.warn(
                f"the seed does not repeat what is drawn for {', '.join(map(repr, names))}: what it is drawn "
                "from needs a method sample(size, rng), or a numpy.random.Generator as an attribute",
                DomainWarning,
                stacklevel=stacklevel,
            )

    @property
    def iter_params(self) -> IterParams:
        """How this domain is iterated."""
        return self._params

    @property
    def updates(self) -> int:
        """How many domains were replaced before this one."""
        return self._updates

    @property
    def seed_sequence(self) -> np.random.SeedSequence:
        """What draws derive from; drawn from the operating system, once, if no seed was given."""
        if self._seed is None:
            self._seed = make_seed_sequence()
        return self._seed

    def _prepared(self) -> Prepared:
        if self._ready is None:
            sequence = compiled(self._body)
            draws = Draws(lambda: self.seed_sequence, self._kept_draws, self._updates)
            self._ready = Prepared(sequence, draws, any(map(is_filter, parts_of(sequence))))
        return self._ready
