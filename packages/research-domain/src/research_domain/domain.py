"""Domain: a space of parameters, how it is iterated, and how it is replaced."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Self

from research_domain._written import seed_written, written
from research_domain.algebra._body import Body, cross, has_filters, zipped
from research_domain.algebra.operators import Algebra, options_body
from research_domain.alias import check_key
from research_domain.config import Config, as_mapping
from research_domain.errors import DomainWarning, ParameterError, ZipError
from research_domain.iteration.options import create_aliases, option_items, option_iterator, option_sample
from research_domain.iteration.records import from_records
from research_domain.iteration.walk import Walk
from research_domain.updates import UpdateRule

if TYPE_CHECKING:
    from research_domain.choices import Choices

__all__ = ["Domain", "Option"]


class Domain(Walk):
    """Parameters and the values to try, as a lazy value that produces configs.

    Parameters
    ----------
    domain : mapping or Domain, optional
        Name of each parameter to its values: a list, tuple, array, range, sampler, frozen distribution of
        ``scipy.stats``, or any object with ``sample(size)``. Names may be paths such as ``'model/layers'``.
    **kwargs
        The same, for names that are identifiers.

    Raises
    ------
    ParameterError
        If there is nothing to try in the values of a parameter.

    Notes
    -----
    All combinations are produced, the last parameter varying fastest; sampled parameters get new values for
    each. A domain of sampled parameters alone is infinite. ``+`` puts one domain after another,
    ``*`` combines each config with each, ``@`` joins two domains config by config, ``number * domain`` gives
    a weight: neighbouring summands with weights are sampled from. An empty domain has a single empty config.

    Examples
    --------
    >>> domain = Domain(a=[1, 2]) * Domain(b=[3, 4])
    >>> len(domain), domain[2]
    (4, ConfigAlias({'a': '2', 'b': '3', 'repetition': '0', 'updates': '0'}))
    """

    create_aliases = staticmethod(create_aliases)
    option_items = staticmethod(option_items)
    option_iterator = staticmethod(option_iterator)
    option_sample = staticmethod(option_sample)

    def __init__(self, /, domain: Mapping[Any, Any] | Domain | None = None, **kwargs: Any) -> None:
        self._rule: UpdateRule | None = None
        self._kept_draws = {}
        domain = as_mapping(domain)
        if isinstance(domain, Config):
            domain = domain.flatten()
        if isinstance(domain, Domain):
            body = domain._body
            self.__dict__.update(domain._with(cross(body, options_body(kwargs)) if kwargs else body).__dict__)
        elif domain is None or isinstance(domain, Mapping):
            self._body = options_body({**(domain or {}), **kwargs})
        else:
            raise ParameterError(
                "domain",
                f"expected a mapping from names to values, got {domain!r}; a parameter named 'domain' "
                "is written Domain({'domain': [...]})",
            )

    def _joined(self, other: Algebra, sign: str, body: Body) -> Self:
        for side, operand in (("left", self), ("right", other)):
            if isinstance(operand, Domain) and (operand._given or operand._rule):
                warnings.warn(
                    f"{operand._settings()[1:]} of the domain on the {side} of {sign} is dropped, as it says "
                    "nothing about what they make together; call it on the result",
                    DomainWarning,
                    stacklevel=3,
                )
        return self._of(body)

    def _settings(self) -> str:
        """Return the calls that set how this domain is gone through, as text."""
        from research_domain.spec import _text  # late, as few need it

        texts = {
            name: seed_written(value, self._seed) if name == "seed" else written(value)
            for name, value in self._told().items()
        }
        return _text.describe_settings(texts, self._rule)

    def _told(self) -> dict[str, Any]:
        """Return the iteration parameters that were set, with the drawn value of a random seed."""
        names = [field.name for field in fields(self._params) if field.name in self._given]
        told = {name: getattr(self._params, name) for name in names}
        if isinstance(told.get("seed"), bool):
            told["seed"] = self.seed_sequence.entropy
        return told

    def __matmul__(self, other: Any) -> Self:
        """Join two finite domains of equal length config by config.

        Examples
        --------
        >>> [c.alias(True) for c in (Domain(a=[1, 2]) @ Domain(b=[3, 4])).set_iter_params(additional=False)]
        ['a_1-b_3', 'a_2-b_4']
        """
        if not isinstance(other, Domain):
            return NotImplemented
        if has_filters(self._body) or has_filters(other._body):
            raise ZipError(None, None, "their lengths depend on draws; filter afterwards: (a @ b).where(...)")
        size, others = self._length(), other._length()
        if size is None or others is None:
            raise ZipError(
                size, others, "use * to draw for each config, or cross the sampled one with a list"
            )
        if size != others:
            raise ZipError(size, others)
        return self._joined(other, "@", zipped(self._body, other._body, size))

    def copy(self) -> Self:
        """Return a domain with the same configs, parameters of iteration, draws and update.

        Examples
        --------
        >>> domain = Domain(a=[1, 2])
        >>> domain.copy().set_iter_params(n_reps=5).size, domain.size
        (10, 2)
        """
        return self._with(self._body)

    def set_update(self, function: Callable[..., Domain | None], when: Any, **kwargs: Any) -> Self:
        """Set how this domain is replaced while it is being explored.

        Parameters
        ----------
        function : callable
            Returns the new domain, or None to keep this one.
        when : int, str or list
            See :class:`research_domain.When`, with "configs generated so far, minus one" in place of the
            iteration; ``'last'`` is when this domain is exhausted.
        **kwargs
            Arguments of the function; named expressions such as ``R()`` are evaluated first. ``n_items``,
            ``n_reps`` and ``repeat_each``, unless the function takes them, are for the iteration of the new
            domain. ``wait``, unless the function takes it, says whether a research calls it when all
            experiments generated so far have ended; by default if there are named expressions. ``'last'``
            always waits.

        Returns
        -------
        Domain
            This object.

        Raises
        ------
        UpdateError, WhenError
            If they cannot be understood.
        """
        self._rule = UpdateRule.parse(function, when, kwargs)
        return self

    @property
    def update_rule(self) -> UpdateRule | None:
        """How this domain is replaced, None if it is not."""
        return self._rule

    def update(self, generated: int, research: Any = None) -> Domain | None:
        """Return the domain that replaces the rest of this one, or None if it continues.

        Parameters
        ----------
        generated : int
            Number of configs generated so far, those of former domains included.
        research : object, optional
            What named expressions among the arguments are evaluated with: ``R()`` is its `results`.

        Returns
        -------
        Domain or None

        Raises
        ------
        UpdateError
            If the function raises, or returns something else.

        Examples
        --------
        >>> domain = Domain(x=[1, 2]).set_update(lambda: Domain(x=[3]), when='last')
        >>> domain.update(generated=1)
        >>> [config.config() for config in domain.update(generated=2)]
        [Config({'x': 3, 'repetition': 0, 'updates': 1})]
        """
        rule, exhausted = self._rule, False
        if rule is None:
            return None
        if rule.when.last and (size := self.size) is not None:
            exhausted = generated - self.iter_params.produced >= size
        if not rule.is_due(generated, exhausted):
            return None
        new = rule.ask(generated, research)
        return None if new is None else self.replaced(new, generated)

    def replaced(self, new: Domain, generated: int) -> Domain:
        """Return the domain that the function of an update returned, ready to be iterated next.

        Parameters
        ----------
        new : Domain
            It keeps each parameter of iteration and the update that was set for itself, and takes the others
            over from this domain.
        generated : int
            Number of configs generated so far.

        Raises
        ------
        UpdateError
            If it is no domain.
        """
        if self._rule is not None and not isinstance(new, Domain):
            raise self._rule.refuse(new, generated)
        domain, inherited = new.copy(), {name: getattr(self._params, name) for name in self._given}
        inherited.update(self._rule.iteration if self._rule else {})
        domain._set({name: inherited[name] for name in inherited.keys() - new._given - {"seed"}})
        domain._set({"produced": generated})
        domain.set_default_seed(self.seed_sequence)
        domain._rule = new._rule or self._rule
        domain._updates = self._updates + 1
        return domain

    def choices(self, noise: bool = False) -> Choices:
        """Return what this domain leaves open, as questions for a search.

        Parameters
        ----------
        noise : bool, default False
            Whether parameters that cannot be asked for, such as those drawn from an object with ``sample``
            alone, are drawn without being modelled.

        Returns
        -------
        Choices
            :meth:`~research_domain.Choices.config` goes from answers to a config,
            :meth:`~research_domain.Choices.answers` back. How the domain is gone through does not matter.

        Raises
        ------
        ChoiceError
            If there is a parameter that cannot be asked for, and `noise` is false.

        Examples
        --------
        >>> domain = Domain(act=['relu', 'tanh'], width=[16, 32, 64])
        >>> dict(domain.choices())
        {'act': Category(names=('relu', 'tanh'), weights=None),
         'width': Integer(low=0, high=2, names=('16', '32', '64'))}
        """
        from research_domain.choices import Choices  # late, as few need it

        return Choices(self._body, noise)

    def to_spec(self) -> dict[str, Any]:
        """Describe this domain by plain nested dictionaries that fit into JSON, TOML and YAML.

        Returns
        -------
        dict
            See :mod:`research_domain.spec.dictionaries`. The update is left out.

        Raises
        ------
        SpecError
            If there is something in it that is not plain data, such as a function.

        Examples
        --------
        >>> (Domain(a=[1, 2]) + Domain(b=[3])).to_spec()
        {'$sum': [{'a': [1, 2]}, {'b': [3]}]}
        """
        from research_domain import spec  # late, as few need it

        return spec.to_spec(self._body, self._told())

    @classmethod
    def star(cls, base: Any, options: Mapping[str, Any] | None = None, /, **kwargs: Any) -> Self:
        """Return a domain for ablations: the base once, and configs that differ from it in one parameter.

        Parameters
        ----------
        base : mapping, Config or ConfigAlias
            Name of each parameter to its value.
        options : mapping, optional
            Name of a parameter of the base to the values to try; that of the base is left out of them.
        **kwargs
            The same, for names that are identifiers.

        Returns
        -------
        Domain
            The base, then one parameter after another: 1 + the number of other values in all.

        Raises
        ------
        ParameterError
            If the base has no such parameter, or its values are no list.

        Examples
        --------
        >>> domain = Domain.star({'lr': 0.1, 'depth': 2}, lr=[0.01, 0.1], depth=[1, 2, 3])
        >>> [(config.config()['lr'], config.config()['depth']) for config in domain]
        [(0.1, 2), (0.01, 2), (0.1, 1), (0.1, 3)]
        """
        from research_domain.algebra.stars import star_options  # late, as few need it

        first, *others = map(cls, star_options(base, {**(options or {}), **kwargs}))
        for other in others:
            first = first + other
        return first

    @classmethod
    def from_spec(cls, description: Mapping[str, Any]) -> Self:
        """Make a domain from what :meth:`to_spec` gave.

        Parameters
        ----------
        description : mapping
            In the simplest case the name of each parameter to the list of its values.

        Raises
        ------
        SpecError
            If it cannot be understood.

        Examples
        --------
        >>> Domain.from_spec({'$zip': [{'a': [1, 2]}, {'b': [3, 4]}]})
        Domain(a=[1, 2]) @ Domain(b=[3, 4])
        """
        from research_domain import spec  # late, as few need it

        domain, params = spec.from_spec(cls, description)
        return domain.set_iter_params(**params) if params else domain

    @classmethod
    def from_records(cls, rows: Any) -> Self:
        """Make a domain of configs that are written out, one after another.

        Parameters
        ----------
        rows : iterable of mappings, or a frame of pandas or polars
            Names of parameters to values. NaN in a frame is a parameter that the config has not.

        Returns
        -------
        Domain
            The rows in their order; like any other it can be crossed, zipped and filtered.

        Raises
        ------
        ParameterError
            If there are no rows, or one is no mapping.

        Examples
        --------
        >>> rows = [{'model': 'svm', 'C': 1}, {'model': 'svm', 'C': 10}, {'model': 'tree'}]
        >>> domain = Domain.from_records(rows)
        >>> domain
        Domain(model=['svm', 'svm']) @ Domain(C=[1, 10]) + Domain(model=['tree'])
        >>> list(domain.dicts()) == rows
        True
        """
        made: Self = from_records(cls, rows)
        return made

    def __eq__(self, other: object) -> bool:
        """Tell whether another domain was put together alike, with equal settings and updates.

        Without a seed, equal domains draw different configs.
        """
        if not isinstance(other, Domain):
            return NotImplemented
        from research_domain.spec._equality import equal  # late, as few need it

        return self._way() == other._way() and equal(self._body, other._body)

    __hash__ = None  # type: ignore[assignment]

    def _way(self) -> tuple[Any, ...]:
        """Return how this domain is gone through, for comparing."""
        seed = self._seed if "seed" in self._given else None
        drawn_from = None if seed is None else (seed.entropy, seed.spawn_key)
        return replace(self._params, seed=drawn_from), self._updates, self._rule

    def __repr__(self) -> str:
        from research_domain.spec import _text  # late, as few need it

        return _text.describe(self._body, self._settings())

    def _repr_html_(self) -> str:
        from research_domain.spec import _text  # late, as few need it

        return _text.table(self._body, "filtered" if self._prepared().has_filters else self._length())


def Option(name: Any, values: Any) -> Domain:  # noqa: N802  # the name of the API
    """Return a domain of one parameter.

    Parameters
    ----------
    name : str or Alias
        Name of the parameter.
    values : sequence or sampler
        See :class:`Domain`.

    Examples
    --------
    >>> Option('model/layers', [1, 2]) @ Option('lr', [0.1, 0.01])
    Domain({'model/layers': [1, 2]}) @ Domain(lr=[0.1, 0.01])
    """
    return Domain({check_key(name): values})
