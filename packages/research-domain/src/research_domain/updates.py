"""UpdateRule: how a domain is replaced while it is being explored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from research_domain.errors import UpdateError
from research_domain.values import same
from research_domain.when import When

if TYPE_CHECKING:
    from research_domain.domain import Domain

__all__ = ["UpdateRule"]

_ITERATION = ("n_items", "n_reps", "repeat_each")


@dataclass(frozen=True, slots=True, eq=False)
class UpdateRule:
    """When and by what a domain is replaced.

    Parameters
    ----------
    function : callable
        Returns the new domain, or None to keep the old one.
    when : When
        In the language of iterations, with "configs generated so far, minus one" in place of the iteration.
    kwargs : mapping
        Arguments of the function; what has a method ``get`` and is no mapping is a named expression.
    iteration : mapping
        Parameters of iteration of the new domain, where it has not set its own.

    Examples
    --------
    >>> rule = UpdateRule.parse(lambda: None, ['%5', 'last'])
    >>> rule.when.due(5), rule.when.due(7, last=True)
    (True, True)
    """

    function: Callable[..., Domain | None]
    when: When
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    iteration: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, function: Any, when: Any, kwargs: Mapping[str, Any] | None = None) -> UpdateRule:
        """Read what users write.

        Among `kwargs`, ``n_items``, ``n_reps`` and ``repeat_each`` are parameters of iteration, unless the
        function has parameters of these names.

        Raises
        ------
        UpdateError
            If the function cannot be called.
        WhenError
            If `when` cannot be understood.
        """
        if not callable(function):
            raise UpdateError(
                "function", f"expected a function that returns a domain or None, got {function!r}"
            )
        given = dict(kwargs or {})
        iteration = {
            name: given.pop(name) for name in _ITERATION if name in given and not _takes(function, name)
        }
        return cls(function, When.parse(when), given, iteration)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UpdateRule):
            return NotImplemented
        return self.when == other.when and all(
            same(getattr(self, name), getattr(other, name)) for name in ("function", "kwargs", "iteration")
        )

    __hash__ = None  # type: ignore[assignment]

    def arguments(self, **context: Any) -> dict[str, Any]:
        """Return the arguments with named expressions replaced by their values.

        Parameters
        ----------
        **context
            What the expressions' ``get`` is given.
        """
        return {
            name: value.get(**context) if _is_expression(value) else value
            for name, value in self.kwargs.items()
        }


def _takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function has a parameter of that name."""
    from inspect import signature

    try:
        return name in signature(function).parameters
    except (TypeError, ValueError):  # some builtins do not tell
        return False


def _is_expression(value: Any) -> bool:
    return (
        not isinstance(value, Mapping | type)
        and callable(getattr(value, "get", None))
        and not hasattr(value, "__array__")
    )
