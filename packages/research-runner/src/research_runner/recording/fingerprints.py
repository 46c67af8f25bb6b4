"""Fingerprints of units, which tell whether they have changed between runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cached_property, partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any, Final

from research_domain import Domain, digest, is_plain
from research_domain.values.names import field_names
from research_experiment import ExperimentPlan, Expression
from research_runner.settings.values import Deciding

_PLAIN: Final = (type(None), bool, int, float, complex, str, bytes, tuple, frozenset)


def unit_fingerprints(plan: ExperimentPlan) -> dict[str, str]:
    """Return a hash of each unit and instance: of its code, its arguments and when it runs.

    Plain data counts by its content, as do arrays and frames; of arguments that are neither plain data,
    functions, classes nor named expressions only the type counts. Equal code has equal hashes under one
    version of Python.
    """
    return {item.name: code_digest(item) for item in (*plan.instances, *plan.units)}


def update_fingerprints(domain: Domain) -> dict[str, str]:
    """Return a hash of the rule by which a domain is updated, under the name of the method; empty without."""
    rule = domain.update_rule
    return {} if rule is None else {"update_domain": code_digest(rule)}


def rule_fingerprints(deciding: Deciding | None) -> dict[str, str]:
    """Return a hash of what decides on experiments, under the names of its parameters; empty without."""
    if deciding is None:
        return {}
    return {each.name: code_digest(_parts(getattr(deciding, each.name))) for each in fields(deciding)}


def _parts(value: Any) -> Any:
    """Return what a search or rule is made of, and what it is itself otherwise."""
    if hasattr(value, "make") and hasattr(value, "__dict__"):
        return {
            "class": type(value).__qualname__,
            **{name: _parts(part) for name, part in vars(value).items()},
        }
    return value


def changed_units(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Return what differs, in words: units that were added, removed, or are no longer the same."""
    changes = [f"{name!r} was removed" for name in before if name not in now]
    changes += [f"{name!r} was added" for name in now if name not in before]
    changes += [f"{name!r} has changed" for name in now if name in before and before[name] != now[name]]
    return tuple(changes)


def code_digest(value: object) -> str:
    """Return a hash of code or a plain value, as 16 hex digits."""
    return hashlib.sha256(repr(_describe(value, frozenset())).encode()).hexdigest()[:16]


def _describe(value: Any, seen: frozenset[int]) -> Any:
    """Return nested tuples of texts that say what a value is, the same in every process."""
    if id(value) in seen:
        return "itself"
    seen = seen | {id(value)}
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, Expression):
        return ("expression", *(_describe(part, seen) for part in value.__reduce__()[1]))
    if isinstance(value, list | tuple):
        return (type(value).__name__, *(_describe(item, seen) for item in value))
    if isinstance(value, set | frozenset):
        return (type(value).__name__, *sorted(repr(_describe(item, seen)) for item in value))
    if isinstance(value, Mapping):
        return ("mapping", *(_pair(key, item, seen) for key, item in value.items()))
    if (names := field_names(value)) is not None:
        return (type(value).__name__, *(_pair(name, getattr(value, name), seen) for name in names))
    return _describe_code(value, seen)


def _pair(key: Any, value: Any, seen: frozenset[int]) -> tuple[Any, Any]:
    return _describe(key, seen), _describe(value, seen)


def _describe_code(value: Any, seen: frozenset[int]) -> Any:
    if isinstance(value, FunctionType):
        cells = [_cell(cell, seen) for cell in value.__closure__ or ()]
        parts = (value.__code__, value.__defaults__, value.__kwdefaults__)
        return ("function", *(_describe(part, seen) for part in parts), *cells)
    if isinstance(value, CodeType):
        return (
            "code",
            value.co_code.hex(),
            value.co_names,
            *(_describe(item, seen) for item in value.co_consts),
        )
    if isinstance(value, partial):
        return ("partial", *(_describe(part, seen) for part in (value.func, value.args, value.keywords)))
    if isinstance(value, MethodType):
        return ("method", _describe(value.__func__, seen), type(value.__self__).__qualname__)
    if isinstance(value, type):
        return ("class", value.__qualname__, *_members(value, seen))
    if isinstance(value, BuiltinFunctionType):
        return ("builtin", value.__qualname__)
    if is_plain(value):
        return ("value", digest(value).hex())
    return ("object", type(value).__qualname__)


def _members(cls: type, seen: frozenset[int]) -> Iterable[tuple[Any, Any]]:
    """Describe the methods and the constants of a class."""
    for name, each in vars(cls).items():
        if isinstance(each, classmethod | staticmethod):
            yield _pair(name, (type(each).__name__, each.__func__), seen)
        elif isinstance(each, property):
            yield _pair(name, (each.fget, each.fset, each.fdel), seen)
        elif isinstance(each, cached_property):
            yield _pair(name, each.func, seen)
        elif isinstance(each, FunctionType | type) or (
            isinstance(each, _PLAIN) and not name.startswith("__")
        ):
            yield _pair(name, each, seen)


def _cell(cell: Any, seen: frozenset[int]) -> Any:
    try:
        return _describe(cell.cell_contents, seen)
    except ValueError:
        return "empty"
