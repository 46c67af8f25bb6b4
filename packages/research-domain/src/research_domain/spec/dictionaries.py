"""Spec: domains as plain nested dictionaries, for JSON, TOML and YAML files.

In the simplest case, the name of each parameter to the list of its values. Keys that begin with ``$`` are
operators:

``$sum``, ``$product``, ``$zip``
    List of specs.
``$weight`` with ``$domain``
    A spec and its weight.
``$iter`` with ``$domain``
    A spec and its parameters of iteration.

In place of a list of values stand ``{'$range': [start, stop, step]}`` and ``{'$sampler': ...}``; among the
values stand ``{'$alias': name, '$value': value}``, ``{'$tuple': [...]}`` and ``{'$none': True}``, as TOML has
no null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from research_domain.algebra._adapters import Frozen, Native
from research_domain.algebra._body import Body, Fixed, Term
from research_domain.algebra._combined import Concat, Product, Zip
from research_domain.algebra._filters import Kept, Redraw
from research_domain.algebra._nodes import Draw, Grid, Node, Span
from research_domain.alias import Alias, as_alias
from research_domain.errors import SpecError, close_matches
from research_domain.iteration.schedule import IterParams
from research_domain.samplers import (
    ChoiceSampler,
    ConstantSampler,
    HistoSampler,
    LogUniformSampler,
    NumpySampler,
    ScipySampler,
)
from research_domain.samplers._sampler import OPERATIONS, Mixed, Operation, Sampler, Stacked

if TYPE_CHECKING:
    from research_domain.domain import Domain

    D = TypeVar("D", bound=Domain)

__all__ = ["from_spec", "to_spec"]


def to_spec(body: Body, params: IterParams | None) -> dict[str, Any]:
    """Describe a body and how it is iterated."""
    description = _body(body)
    given = {} if params is None else _params(params)
    return {"$iter": given, "$domain": description} if given else description


def _params(params: IterParams) -> dict[str, Any]:
    default = IterParams()
    names = [field.name for field in fields(params)]
    given = {name: getattr(params, name) for name in names if getattr(params, name) != getattr(default, name)}
    if not isinstance(given.get("seed", 0), bool | int):
        raise SpecError("seed", f"{given['seed']!r} is not plain data; use an int")
    return given


def _body(body: Body) -> dict[str, Any]:
    parts = [_term(term) for term in body.terms]
    return parts[0] if len(parts) == 1 else {"$sum": parts}


def _term(term: Term) -> dict[str, Any]:
    if term.filters:
        raise SpecError(
            "predicate", f"where({term.filters[0].name}) holds a function, which is not plain data"
        )
    description = _body(term.source) if isinstance(term.source, Body) else _node(term.source)
    return description if term.weight is None else {"$weight": term.weight, "$domain": description}


def _node(node: Node) -> dict[str, Any]:
    if isinstance(node, Kept | Redraw):
        raise SpecError(
            "predicate", f"where({node.filters[0].name}) holds a function, which is not plain data"
        )
    if isinstance(node, Fixed):
        return _body(node.body)
    if isinstance(node, Concat):
        return {"$sum": [_node(part) for part in node.children]}
    if isinstance(node, Zip):
        return {"$zip": [_node(part) for part in node.children]}
    if isinstance(node, Product):
        options = all(isinstance(factor, Grid | Span | Draw) for factor in node.children)
        parts = [_node(factor) for factor in node.children]
        names = [name for part in parts for name in part]
        if options and len(set(names)) == len(names):
            return {name: values for part in parts for name, values in part.items()}
        return {"$product": parts}
    return dict(_options(node))


def _options(node: Node) -> list[tuple[str, Any]]:
    if isinstance(node, Grid):
        return [
            (_name(key), [_value(key, as_alias(value)) for value in values]) for key, values in node.pools
        ]
    if isinstance(node, Span):
        values = node.values
        return [(_name(node.key), {"$range": [values.start, values.stop, values.step]})]
    if isinstance(node, Draw):
        return [(_name(node.key), _sampled(node))]
    raise SpecError("domain", f"{node!r} is unknown")


def _name(key: Alias) -> str:
    name: str = key.value
    if key.alias != name or name.startswith("$"):
        raise SpecError(
            name, "a name with an alias, or one that begins with '$', cannot be written as plain data"
        )
    return name


def _sampled(node: Draw) -> dict[str, Any]:
    sampler = node.source.sampler
    if isinstance(node.source, Native) and hasattr(sampler, "to_spec"):
        description: dict[str, Any] = sampler.to_spec()
        return description
    frozen = getattr(sampler, "dist", None)
    if isinstance(node.source, Frozen) and frozen is not None and hasattr(frozen, "_parse_args"):
        shapes, loc, scale = frozen._parse_args(*sampler.args, **sampler.kwds)
        named = dict(zip((frozen.shapes or "").replace(" ", "").split(","), shapes, strict=False))
        moved = {"loc": loc, **({} if scale == 1 else {"scale": scale})}
        return {"$sampler": "scipy", "name": frozen.name, **named, **moved}
    raise SpecError(node.key.value, f"{sampler!r} cannot be written as plain data")


def _value(key: Alias, alias: Alias) -> Any:
    plain = _plain(key.value, alias.value)
    return plain if alias.alias == Alias(alias.value).alias else {"$alias": alias.alias, "$value": plain}


def _plain(name: str, value: Any) -> Any:
    if value is None:
        return {"$none": True}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_plain(name, item) for item in value]
    if isinstance(value, tuple):
        return {"$tuple": [_plain(name, item) for item in value]}
    if isinstance(value, Mapping) and all(isinstance(key, str) and key[:1] != "$" for key in value):
        return {key: _plain(name, item) for key, item in value.items()}
    raise SpecError(name, f"the value {value!r} of type {type(value).__name__} is not plain data")


def from_spec(cls: type[D], description: Any) -> tuple[D, dict[str, Any]]:
    """Make a domain and its parameters of iteration from a description."""
    if isinstance(description, Mapping) and "$iter" in description:
        params = dict(_fields(description, "$iter", "$domain")["$iter"])
        known = tuple(field.name for field in fields(IterParams))
        for name in params:
            if name not in known:
                raise SpecError("$iter", f"unknown parameter {name!r} ({close_matches(name, known)})")
        return _read(cls, description["$domain"]), params
    return _read(cls, description), {}


def _read(cls: type[D], description: Any) -> D:
    if not isinstance(description, Mapping):
        raise SpecError("domain", f"expected a mapping, got {description!r}")
    operators = [key for key in description if isinstance(key, str) and key.startswith("$")]
    if not operators:
        return cls({name: _read_values(str(name), values) for name, values in description.items()})
    if "$weight" in operators:
        given = _fields(description, "$weight", "$domain")
        weighted: D = _read(cls, given["$domain"]) * given["$weight"]
        return weighted
    (key, parts), *others = description.items()
    if others or key not in _JOINS or not isinstance(parts, list | tuple) or not parts:
        problem = f"expected one of {', '.join(_JOINS)} with a list of specs, got {dict(description)!r}"
        raise SpecError(operators[0], problem)
    domain = _read(cls, parts[0])
    for part in parts[1:]:
        domain = cls(_JOINS[key](domain, _read(cls, part)))
    return domain


_JOINS: dict[str, Callable[[Any, Any], Any]] = {
    "$sum": lambda left, right: left + right,
    "$product": lambda left, right: left * right,
    "$zip": lambda left, right: left @ right,
}


def _fields(description: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    if set(description) != set(names):
        raise SpecError(names[0], f"expected the keys {' and '.join(names)}, got {list(description)}")
    return description


def _read_values(name: str, values: Any) -> Any:
    if isinstance(values, list | tuple):
        return [_read_value(name, value) for value in values]
    if isinstance(values, Mapping) and set(values) == {"$range"}:
        return range(*values["$range"])
    if isinstance(values, Mapping) and "$sampler" in values:
        return _read_sampler(dict(values))
    raise SpecError(name, f"expected a list of values, '$range' or '$sampler', got {values!r}")


def _read_value(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_read_value(name, item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"$alias", "$value"}:
        return Alias(_read_value(name, value["$value"]), value["$alias"])
    if set(value) == {"$tuple"}:
        return tuple(_read_value(name, item) for item in value["$tuple"])
    if set(value) == {"$none"}:
        return None
    if any(key.startswith("$") for key in value):
        raise SpecError(name, f"{dict(value)!r} cannot be understood")
    return {key: _read_value(name, item) for key, item in value.items()}


def _read_sampler(description: dict[str, Any]) -> Sampler:
    """Make a sampler from what its ``to_spec`` gave."""
    given = dict(description)
    kind = given.pop("$sampler")
    parts = [_read_sampler(part) if isinstance(part, dict) else part for part in given.pop("of", [])]
    makers: dict[str, Any] = {
        "numpy": NumpySampler,
        "scipy": ScipySampler,
        "histogram": HistoSampler,
        "constant": ConstantSampler,
        "choice": ChoiceSampler,
        "loguniform": LogUniformSampler,
        "truncate": lambda **limits: parts[0].truncate(**limits),
        "&": lambda: Stacked(tuple(parts)),
        "|": lambda weights: Mixed(tuple(w & one for w, one in zip(weights, parts, strict=True))),
        **{sign: lambda sign=kind: Operation(sign, *parts) for sign in OPERATIONS},
    }
    if kind not in makers:
        raise SpecError("$sampler", f"got {kind!r} ({close_matches(str(kind), tuple(makers))})")
    try:
        sampler: Sampler = makers[kind](**given)
    except (TypeError, IndexError) as error:
        raise SpecError("$sampler", f"{description!r} cannot be read: {error}") from error
    return sampler
