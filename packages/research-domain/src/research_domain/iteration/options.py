"""Options: the configs of a single parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from research_domain.algebra._adapters import as_source, listed, option_node
from research_domain.algebra._combined import held
from research_domain.algebra._draws import Draws
from research_domain.algebra._nodes import Draw
from research_domain.alias import Alias, ConfigAlias, as_alias, check_key
from research_domain.errors import InfiniteDomainError, ParameterError
from research_domain.seeds import make_rng, make_seed_sequence


def create_aliases(options: Mapping[Any, Any]) -> dict[Alias, Any]:
    """Wrap each key and each value into an alias.

    Parameters
    ----------
    options : mapping
        Name of each parameter to its values; samplers stay as they are.

    Returns
    -------
    dict from Alias to list of Alias, or to a sampler

    Examples
    --------
    >>> from research_domain import Domain
    >>> Domain.create_aliases({'a': [1, 2]})
    {Alias('a', 'a'): [Alias(1, '1'), Alias(2, '2')]}
    """
    return {
        (name := check_key(key)): values
        if as_source(values) is not None
        else [as_alias(value) for value in listed(name.value, values)]
        for key, values in options.items()
    }


def option_items(name: Any, values: Any) -> list[ConfigAlias]:
    """Return all configs of one parameter with a list of values.

    Parameters
    ----------
    name : str or Alias
        Name of the parameter.
    values : sequence
        Its values.

    Returns
    -------
    list of ConfigAlias

    Raises
    ------
    InfiniteDomainError
        If the values come from a sampler.

    Examples
    --------
    >>> from research_domain import Domain
    >>> Domain.option_items('a', [1, 2])
    [ConfigAlias({'a': '1'}), ConfigAlias({'a': '2'})]
    """
    if as_source(values) is not None:
        raise InfiniteDomainError(f"all values of the sampled parameter {check_key(name).value!r}")
    return list(option_iterator(name, values))


def option_sample(name: Any, values: Any, size: int | None = None, seed: Any = None) -> Any:
    """Draw configs of one sampled parameter.

    Parameters
    ----------
    name : str or Alias
        Name of the parameter.
    values : sampler
        Where to draw from.
    size : int, optional
        Number of configs, by default a single one.
    seed : object, optional
        See :func:`research_domain.make_seed_sequence`.

    Returns
    -------
    ConfigAlias, or list of ConfigAlias if `size` is given

    Raises
    ------
    ParameterError
        If there is nothing to draw from.

    Examples
    --------
    >>> from research_domain import Domain, NumpySampler
    >>> len(Domain.option_sample('a', NumpySampler('n'), size=3))
    3
    """
    key = check_key(name)
    if as_source(values) is None or not isinstance(node := option_node(key, values), Draw):
        raise ParameterError(key.value, f"expected a sampler, got {values!r}")
    drawn = node.draw(1 if size is None else size, make_rng(seed))
    configs = [ConfigAlias.of_pairs(((key, value),)) for value in drawn]
    return configs[0] if size is None else configs


def option_iterator(name: Any, values: Any) -> Iterator[ConfigAlias]:
    """Yield the configs of one parameter, without end if it is sampled.

    Parameters
    ----------
    name : str or Alias
        Name of the parameter.
    values : sequence or sampler
        Its values.

    Returns
    -------
    iterator of ConfigAlias

    Examples
    --------
    >>> from research_domain import Domain
    >>> [config.config()['a'] for config in Domain.option_iterator('a', 'x y'.split())]
    ['x', 'y']
    """
    node, draws = option_node(name, values), Draws(make_seed_sequence, {})
    if isinstance(node, Draw):
        return map(ConfigAlias.of_pairs, held(Draw(node.key, node.source, 0), 0, 0, draws))
    return map(ConfigAlias.of_pairs, node.walk(0, 0, draws))
