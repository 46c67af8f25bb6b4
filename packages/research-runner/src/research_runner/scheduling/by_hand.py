"""Configs that users add to a search while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from research_domain import Alias, ChoiceError, ConfigAlias, Domain
from research_runner.errors import SearchError

Admit: TypeAlias = Callable[[Mapping[str, Any]], ConfigAlias]
"""Plain values → the config of the domain that they name; raises what is to be said if there is none."""


class ByHand:
    """The source of configs that users add; this one has none."""

    def take(self, number: int, admit: Admit, is_new: bool) -> ConfigAlias | None:
        """Return the config that is the answer to a question; None if the search has to answer it.

        A new config may be its answer only if no earlier run has come to this question.
        """
        return None


def config_of(domain: Domain, plain: Mapping[str, Any]) -> ConfigAlias:
    """Return the config of a domain that has some values; texts may be names of values.

    Raises `DomainError` or `SearchError` if there is none.

    Examples
    --------
    >>> config_of(Domain(depth=[1, 2], pool=[max, min]), {"depth": 2, "pool": "max"}).config()
    Config({'depth': 2, 'pool': <built-in function max>})
    """
    named: dict[tuple[str, Any], Alias] = {
        (name, alias.alias): alias for name, alias in domain.named_values()
    }
    values = {
        name: named.get((name, value), value) if isinstance(value, str) else value
        for name, value in plain.items()
    }
    config = ConfigAlias(values)
    try:
        choices = domain.choices(noise=True)
    except ChoiceError:  # only its own search knows how to ask
        choices = None
    if choices is not None:
        answers = choices.answers(config)
        if not choices.noise:
            return choices.config(lambda name, choice: answers[name])
    if config not in domain:
        raise SearchError(f"{dict(plain)!r} is no config of the domain")
    return config
