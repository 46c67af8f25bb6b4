"""Reseeding: objects that hold generators of random numbers, as copies that hold another one."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

_OPAQUE = (type, ModuleType, FunctionType, np.ndarray, np.generic, str, bytes, int, float, complex)
"""What holds no generators, or none that a copy would have of its own."""


def can_be_reseeded(value: Any) -> bool:
    """Tell whether an object holds generators, and can be copied."""
    if not any(True for _ in _generators(value, set())):
        return False
    try:
        reseeded(value, np.random.default_rng(0))
    except Exception:  # noqa: BLE001  # whatever a user's object raises when it is copied
        return False
    return True


def reseeded(value: Any, rng: np.random.Generator) -> Any:
    """Return a deep copy of an object in which `rng` takes the place of all generators that it holds."""
    legacy = np.random.RandomState(rng.bit_generator)
    memo = {
        id(found): rng if isinstance(found, np.random.Generator) else legacy
        for found in _generators(value, set())
    }
    return copy.deepcopy(value, memo)


def _generators(value: Any, seen: set[int]) -> Iterator[np.random.Generator | np.random.RandomState]:
    """Yield the generators in an object, its attributes and containers among them."""
    if isinstance(value, _OPAQUE) or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, np.random.Generator | np.random.RandomState):
        yield value
        return
    for part in _parts(value):
        yield from _generators(part, seen)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, MethodType):
        return [value.__self__]
    slots = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
    parts = [getattr(value, name) for name in slots if name != "__dict__" and hasattr(value, name)]
    return [*parts, *getattr(value, "__dict__", {}).values()]
