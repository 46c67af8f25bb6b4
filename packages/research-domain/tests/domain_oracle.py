"""The algebra of domains, once more, in the most obvious way: lists of dictionaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from research_domain import Domain

if TYPE_CHECKING:
    from collections.abc import Callable

Configs = list[dict[str, Any]]


@dataclass
class Unit:
    def configs(self) -> Configs:
        return [{}]

    def domain(self) -> Domain:
        return Domain()


@dataclass
class Options:
    values: dict[str, list[Any]]

    def configs(self) -> Configs:
        found: Configs = [{}]
        for key, values in self.values.items():
            found = [{**config, key: value} for config in found for value in values]
        return found

    def domain(self) -> Domain:
        return Domain(self.values)


@dataclass
class Sum:
    left: Any
    right: Any

    def configs(self) -> Configs:
        return self.left.configs() + self.right.configs()

    def domain(self) -> Domain:
        return self.left.domain() + self.right.domain()


@dataclass
class Times:
    left: Any
    right: Any

    def configs(self) -> Configs:
        return [{**left, **right} for left in self.left.configs() for right in self.right.configs()]

    def domain(self) -> Domain:
        return self.left.domain() * self.right.domain()


@dataclass
class Zipped:
    left: Any
    right: Any

    def configs(self) -> Configs:
        pairs = zip(self.left.configs(), self.right.configs(), strict=True)
        return [{**left, **right} for left, right in pairs]

    def domain(self) -> Domain:
        return self.left.domain() @ self.right.domain()


@dataclass
class Where:
    inner: Any
    predicate: Callable[[Any], bool]

    def configs(self) -> Configs:
        return [config for config in self.inner.configs() if self.predicate(config)]

    def domain(self) -> Domain:
        return self.inner.domain().where(self.predicate)


def plain(configs: Any) -> Configs:
    """Return configs as flat dictionaries without auxiliary keys."""
    flat = [config.config().flatten() for config in configs]
    return [
        {key: value for key, value in one.items() if key not in ("repetition", "updates")} for one in flat
    ]


def repeated(configs: Configs, n_items: int | None, n_reps: int, repeat_each: int | None) -> list[Any]:
    """Return (config, repetition) in the order of iteration."""
    n_items = len(configs) if n_items is None else n_items
    chosen = [configs[number % len(configs)] for number in range(n_items)]
    each = repeat_each or max(n_items, 1)
    order = []
    for start in range(0, n_items, each):
        for repetition in range(n_reps):
            order.extend((config, repetition) for config in chosen[start : start + each])
    return order


def multiset(configs: Configs) -> list[Any]:
    return sorted(sorted(config.items()) for config in configs)
