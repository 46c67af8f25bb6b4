"""Rules of execution: how branches behave, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from research_experiment.careful_logging import careful_logger
from research_experiment.execution.hooks import Hook

_LOG = careful_logger("research.experiment")


@dataclass(frozen=True, slots=True)
class Rules:
    """How the branches of an executor behave."""

    finalize: bool = True
    """Whether the remaining units of the last iteration run after a stop or failure."""
    debug: bool = False
    """Whether the first exception is raised to the caller."""
    catch: tuple[type[BaseException], ...] = (Exception, SystemExit)
    """What counts as a failure of a unit; everything else passes through.

    So does `KeyboardInterrupt`, unless it is named itself.
    """
    hooks: tuple[Hook, ...] = ()

    listeners: Mapping[str, Sequence[Callable[..., Any]]] = field(init=False, repr=False, compare=False)
    """Method of `Hook` → the bound methods of those hooks that override it."""
    is_told: bool = field(init=False, repr=False, compare=False)
    """Whether any of them is told or asked after each iteration."""

    def __post_init__(self) -> None:
        listeners: dict[str, list[Callable[..., Any]]] = {method: [] for method in _METHODS}
        for hook in self.hooks:
            for method in _overridden(cast("Hashable", type(hook))):
                listeners[method].append(getattr(hook, method))
        object.__setattr__(self, "listeners", listeners)
        object.__setattr__(self, "is_told", bool(listeners["iterated"] or listeners["ends"]))


_METHODS = tuple(name for name in vars(Hook) if not name.startswith("_"))


@lru_cache(256)
def _overridden(hook: Hashable) -> tuple[str, ...]:
    """Return the methods that a class of hooks overrides; called for every experiment."""
    return tuple(name for name in _METHODS if getattr(hook, name) is not getattr(Hook, name))


def tell(listeners: Iterable[Callable[..., None]], *args: Any) -> None:
    """Call the listeners; what they raise is logged."""
    for listener in listeners:
        try:
            listener(*args)
        except (Exception, SystemExit, GeneratorExit):  # noqa: BLE001 - a hook may raise anything
            _LOG.exception("a hook failed and was ignored: %r", listener)
