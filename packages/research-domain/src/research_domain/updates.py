"""UpdateRule: how a domain is replaced while it is being explored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from research_domain.domain import Domain
    from research_domain.when import When

__all__ = ["UpdateRule"]


@dataclass(frozen=True, slots=True)
class UpdateRule:
    """When and by what a domain is replaced.

    Parameters
    ----------
    function : callable
        Returns the new domain, or None to keep the old one.
    when : When
        In the language of iterations, with "configs generated so far, minus one" in place of the iteration.
    kwargs : mapping
        Arguments of the function; those with a method ``get(research=...)`` that are no mappings are
        evaluated first.
    """

    function: Callable[..., Domain | None]
    when: When
    kwargs: Mapping[str, Any] = field(default_factory=dict)
