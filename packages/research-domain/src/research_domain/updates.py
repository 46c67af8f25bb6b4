"""UpdateRule: how a domain is replaced while it is being explored."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial, singledispatch
from typing import Any, TypeAlias

from research_domain.errors import UpdateError
from research_domain.values import same
from research_domain.values.names import takes
from research_domain.when import When

__all__ = ["UpdateRule", "evaluate_named"]

_ITERATION = ("n_items", "n_reps", "repeat_each")
_SHOWN = 200

_Getter: TypeAlias = Callable[[Any], Any]


@singledispatch
def evaluate_named(value: Any, research: Any) -> Any:
    """Return the value of a named expression; packages register their classes of expressions here.

    Parameters
    ----------
    value : object
        An object of a class that was registered, or one with a method ``get(research)``.
    research : object
        What it is evaluated with; has `results`.
    """
    return value.get(research=research)


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
        Arguments of the function; named expressions may stand in lists, tuples, sets and dicts. Such an
        expression has a method ``get(research)``, or a class that is known to :func:`evaluate_named`.
    iteration : mapping
        Parameters of iteration of the new domain, where it has not set its own.
    wait : bool, optional
        Whether the function is called when all experiments have ended; by default if there are named
        expressions among the arguments.

    Examples
    --------
    >>> rule = UpdateRule.parse(lambda: None, ['%5', 'last'])
    >>> rule.is_due(6), rule.is_due(8, exhausted=True), rule.is_due(8)
    (True, True, False)
    >>> rule.waits(), rule.waits(exhausted=True)
    (False, True)
    """

    function: Callable[..., Any]
    when: When
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    iteration: Mapping[str, Any] = field(default_factory=dict)
    wait: bool | None = None

    @classmethod
    def parse(cls, function: Any, when: Any, kwargs: Mapping[str, Any] | None = None) -> UpdateRule:
        """Read what users write.

        Among `kwargs`, ``wait``, ``n_items``, ``n_reps`` and ``repeat_each`` are for the rule, unless the
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
        ours = [name for name in (*_ITERATION, "wait") if name in given and not takes(function, name)]
        own = {name: given.pop(name) for name in ours}
        wait = own.pop("wait", None)
        if wait is not None and not isinstance(wait, bool):
            raise UpdateError("wait", f"wait must be True, False or None, got {wait!r}")
        return cls(function, When.parse(when), given, own, wait)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UpdateRule):
            return NotImplemented
        names = ("function", "kwargs", "iteration", "wait")
        return self.when == other.when and all(
            same(getattr(self, name), getattr(other, name)) for name in names
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def name(self) -> str:
        """The name of the function, as messages show it."""
        return repr(getattr(self.function, "__qualname__", None) or type(self.function).__qualname__)

    def is_due(self, generated: int, exhausted: bool = False) -> bool:
        """Tell whether the function is to be asked.

        Parameters
        ----------
        generated : int
            Number of configs generated so far.
        exhausted : bool
            Whether the domain has no more.
        """
        return generated > 0 and self.when.due(generated - 1, exhausted)

    def waits(self, exhausted: bool = False) -> bool:
        """Tell whether the function is called only after all experiments generated so far have ended.

        Parameters
        ----------
        exhausted : bool
            Whether the domain has no more: ``'last'`` always waits.
        """
        if exhausted and self.when.last:
            return True
        return self.wait if self.wait is not None else any(map(_getter, self.kwargs.values()))

    def ask(self, generated: int, research: Any = None) -> Any:
        """Call the function, and return what it returns; :meth:`Domain.replaced` tells whether that will do.

        Parameters
        ----------
        generated : int
            Number of configs generated so far.
        research : object, optional
            What named expressions among the arguments are evaluated with.

        Raises
        ------
        UpdateError
            If an argument cannot be evaluated, or the function raises.
        """
        try:
            return self.function(**self.arguments(research))
        except (Exception, SystemExit) as error:
            raise self._misbehaved(generated, f"raised {type(error).__name__}: {error}") from error

    def refuse(self, new: Any, generated: int) -> UpdateError:
        """Return the error for a function that did not return a domain."""
        return self._misbehaved(generated, f"returned neither a domain nor None: {_shown(new)}")

    def _misbehaved(self, generated: int, how: str) -> UpdateError:
        return UpdateError(
            "function", f"the function {self.name} was called after {generated} configs and {how}"
        )

    def arguments(self, research: Any = None) -> dict[str, Any]:
        """Return the arguments with named expressions replaced by their values.

        Parameters
        ----------
        research : object, optional
            What they are evaluated with.
        """
        getters = {name: _getter(value) for name, value in self.kwargs.items()}
        return {name: get(research) if get else self.kwargs[name] for name, get in getters.items()}

    def check_call(self) -> None:
        """Check that the function takes the arguments, long before it is called.

        Raises
        ------
        UpdateError
            If it does not.
        """
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):  # some builtins do not tell
            return
        try:
            signature.bind(**self.kwargs)
        except TypeError as error:
            raise UpdateError(
                "function",
                f"the function {self.name} takes {signature}, which does not fit the arguments that "
                f"were given for it ({', '.join(self.kwargs) or 'none'}): {error}",
            ) from None


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - an object of the user's may raise anything
        text = f"a {type(value).__qualname__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _getter(value: Any) -> _Getter | None:
    """Return what evaluates the named expressions in a value; None if there are none."""
    if type(value) is dict:
        get_items = _getter(list(value.items()))
        return get_items and (lambda research: dict(get_items(research)))
    if type(value) in (list, tuple, set, frozenset):
        parts = [(part, _getter(part)) for part in value]
        if not any(get for _, get in parts):
            return None
        return lambda research: type(value)([get(research) if get else part for part, get in parts])
    return partial(evaluate_named, value) if _is_named(value) else None


def _is_named(value: Any) -> bool:
    kind = type(value)
    if evaluate_named.dispatch(kind) is not evaluate_named.dispatch(object):
        return True
    get = getattr(kind, "get", None)
    return callable(get) and takes(get, "research")
