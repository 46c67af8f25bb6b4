"""Domain: a space of parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from research_domain.alias import Alias, ConfigAlias, Pairs, as_alias, check_key, unique
from research_domain.errors import ParameterError, UpdateError
from research_domain.updates import UpdateRule
from research_domain.when import When

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Domain", "Option"]


class Domain:
    """Parameters and the values to try."""

    def __init__(self, domain: Mapping[Any, Any] | Domain | None = None, **kwargs: Any) -> None:
        if isinstance(domain, Domain):
            self._items: list[Pairs] = domain._items
        else:
            items: list[Pairs] = [()]
            for key, values in {**(domain or {}), **kwargs}.items():
                name = check_key(key)
                if isinstance(values, str) or not hasattr(values, "__iter__") or not len(values):
                    raise ParameterError(name.value, f"values are a list, got {values!r}")
                items = [(*left, (name, as_alias(value))) for left in items for value in values]
            self._items = items
        self._params: dict[str, Any] = {}
        self._updates = 0
        self.update_rule: UpdateRule | None = None
        self._iterator: Iterator[ConfigAlias] | None = None

    @classmethod
    def _of(cls, items: list[Pairs]) -> Domain:
        domain = cls()
        domain._items = items
        return domain

    def __mul__(self, other: Domain) -> Domain:
        return Domain._of([unique(left + right) for left in self._items for right in other._items])

    def __add__(self, other: Domain) -> Domain:
        return Domain._of(self._items + other._items)

    @property
    def len(self) -> int | None:
        return len(self._items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def is_finite(self) -> bool:
        return True

    @property
    def size(self) -> int | None:
        n_items = self._params.get("n_items")
        return (len(self) if n_items is None else n_items) * int(self._params.get("n_reps", 1))

    def copy(self) -> Domain:
        domain = Domain._of(self._items)
        domain._params, domain._updates, domain.update_rule = (
            dict(self._params),
            self._updates,
            self.update_rule,
        )
        return domain

    def set_iter_params(
        self,
        n_items: int | None = None,
        n_reps: int = 1,
        repeat_each: int | None = None,
        produced: int = 0,
        additional: bool = True,
        create_id_prefix: bool | int = False,
        seed: Any = None,
    ) -> Domain:
        self._params = {
            "n_items": n_items,
            "n_reps": n_reps,
            "repeat_each": repeat_each,
            "produced": produced,
            "additional": additional,
        }
        return self

    def set_update(self, function: Callable[..., Domain | None], when: Any, **kwargs: Any) -> Domain:
        self.update_rule = UpdateRule(function, When.parse(when), kwargs)
        return self

    def update(self, generated: int, research: Any) -> Domain | None:
        rule = self.update_rule
        if rule is None:
            return None
        size = self.size
        last = size is not None and generated - self._params.get("produced", 0) >= size
        if not rule.when.due(generated - 1, last):
            return None
        new = rule.function(**rule.kwargs)
        if new is None:
            return None
        if not isinstance(new, Domain):
            raise UpdateError("function", f"returned {new!r}, not a domain or None")
        new = new.copy()
        new._params = {**self._params, "produced": generated}
        new.update_rule = rule
        new._updates = self._updates + 1
        return new

    def __iter__(self) -> Iterator[ConfigAlias]:
        n_items = self._params.get("n_items")
        n_items = len(self) if n_items is None else n_items
        each = self._params.get("repeat_each") or n_items or 1
        repetition, updates = check_key("repetition"), check_key("updates")
        for start in range(0, n_items, each):
            for rep in range(self._params.get("n_reps", 1)):
                for index in range(start, min(start + each, n_items)):
                    extra = ((repetition, Alias(rep)), (updates, Alias(self._updates)))
                    pairs = self._items[index % len(self)]
                    yield ConfigAlias._of(pairs + extra if self._params.get("additional", True) else pairs)

    @property
    def iterator(self) -> Iterator[ConfigAlias]:
        if self._iterator is None:
            self._iterator = iter(self)
        return self._iterator

    def reset_iter(self) -> None:
        self._iterator = None

    def create_iter(self) -> Iterator[ConfigAlias]:
        self._iterator = iter(self)
        return self._iterator


def Option(name: Any, values: Any) -> Domain:  # noqa: N802
    """Return a domain of one parameter."""
    return Domain({name: values})
