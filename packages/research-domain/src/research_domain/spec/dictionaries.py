"""Spec: domains as plain nested dictionaries, for JSON, TOML and YAML files.

In the simplest case, the name of each parameter to the list of its values; parameters in a nested table have
the name of the table before theirs, as paths have. Keys that begin with ``$`` are operators (``$$`` is how a
name begins that begins with ``$``):

``$sum``, ``$product``, ``$zip``
    List of specs.
``$weight`` with ``$domain``
    A spec and its weight.
``$iter`` with ``$domain``
    A spec and its parameters of iteration.

In place of a list of values stand ``{'$range': [start, stop, step]}`` and ``{'$sampler': ...}``, and any of
them in ``{'$alias': name, '$values': ...}`` if the name of the parameter has an alias. Among the values, and
among the arguments of samplers, stand ``{'$alias': name, '$value': value}``, ``{'$tuple': [...]}``,
``{'$dict': [[key, value], ...]}``, ``{'$none': True}``, as TOML has no null, and for numbers and arrays of
numpy ``{'$dtype': name, '$value': number}`` and ``{'$dtype': name, '$array': [...]}``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from research_domain._plain import from_plain, to_plain
from research_domain.algebra._body import Body, Fixed, Term
from research_domain.algebra._combined import Concat, Product, Zip
from research_domain.algebra._filters import Filter, Kept, Redraw
from research_domain.algebra._nodes import Draw, Grid, Node, Span
from research_domain.algebra.operators import Algebra
from research_domain.alias import Alias
from research_domain.errors import SpecError, close_matches
from research_domain.iteration.schedule import IterParams
from research_domain.samplers._sampler import OPERATIONS, Arithmetic, Mixed, Sampler, Stacked
from research_domain.samplers.distributions import SPEC_KINDS
from research_domain.spec._sources import sampler_of

D = TypeVar("D", bound=Algebra)


def to_spec(body: Body, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a body, and the parameters of iteration that were set."""
    description = _body(body)
    if not settings:
        return description
    plain = {name: _setting(name, value) for name, value in settings.items()}
    return {"$iter": plain, "$domain": description}


def _setting(name: str, value: Any) -> Any:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, list | tuple) and all(isinstance(part, int) for part in value):
        return list(value)
    raise SpecError(name, f"{value!r} is not plain data; use an int")


def _body(body: Body) -> dict[str, Any]:
    parts = [_term(term) for term in body.terms]
    return parts[0] if len(parts) == 1 else {"$sum": parts}


def _term(term: Term) -> dict[str, Any]:
    _refuse(term.filters)
    description = _body(term.source) if isinstance(term.source, Body) else _node(term.source)
    return description if term.weight is None else {"$weight": term.weight, "$domain": description}


def _refuse(filters: tuple[Filter, ...]) -> None:
    if filters:
        problem = f"where({filters[0].name}) holds a function, which is not plain data"
        raise SpecError("predicate", problem)


def _node(node: Node) -> dict[str, Any]:
    if isinstance(node, Kept | Redraw):
        _refuse(node.filters)
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
    if isinstance(node, Grid):
        pools = ((key, [_value(key.value, value) for value in values]) for key, values in node.pools)
        return {_name(key): _named(key, values) for key, values in pools}
    if isinstance(node, Span):
        limits = [node.values.start, node.values.stop, node.values.step]
        return {_name(node.key): _named(node.key, {"$range": limits})}
    if isinstance(node, Draw):
        sampler = sampler_of(node.source)
        if not isinstance(sampler, Sampler):
            raise SpecError(node.key.value, f"{sampler!r} cannot be written as plain data")
        return {_name(node.key): _named(node.key, sampler.to_spec())}
    raise SpecError("domain", f"{node!r} is unknown")


def _name(key: Alias) -> str:
    """Return the key of a parameter, which begins with one ``$`` more if it begins with one."""
    name: str = key.value
    return f"${name}" if name.startswith("$") else name


def _named(key: Alias, values: Any) -> Any:
    return {"$alias": key.alias, "$values": values} if key.given else values


def _value(name: str, value: Any) -> Any:
    if isinstance(value, Alias):
        plain = to_plain(name, value.value)
        return {"$alias": value.alias, "$value": plain} if value.given else plain
    return to_plain(name, value)


def from_spec(make: Callable[[Any], D], description: Any) -> tuple[D, dict[str, Any]]:
    """Make a domain and its parameters of iteration from a description."""
    if isinstance(description, Mapping) and "$iter" in description:
        params = _fields(description, "$iter", "$domain")["$iter"]
        if not isinstance(params, Mapping):
            raise SpecError("$iter", f"expected a mapping of parameters of iteration, got {params!r}")
        known = tuple(field.name for field in fields(IterParams))
        for name in params:
            if name not in known:
                raise SpecError("$iter", f"unknown parameter {name!r} ({close_matches(name, known)})")
        return _read(make, description["$domain"]), dict(params)
    return _read(make, description), {}


def _read(make: Callable[[Any], D], description: Any) -> D:
    if not isinstance(description, Mapping):
        raise SpecError("domain", f"expected a mapping, got {description!r}")
    operators = [key for key in description if _is_operator(key)]
    if not operators:
        options: dict[Any, Any] = {}
        for name, values in _read_options("", description):
            if name in options:
                raise SpecError(str(name), "is given twice, by its path and in a nested table")
            options[name] = values
        return make(options)
    if "$weight" in operators:
        given = _fields(description, "$weight", "$domain")
        weight = given["$weight"]
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise SpecError("$weight", f"expected a number, got {weight!r}")
        return _read(make, given["$domain"]) * weight
    (key, parts), *others = description.items()
    if others or key not in _JOINS or not isinstance(parts, list | tuple) or not parts:
        problem = f"expected one of {', '.join(_JOINS)} with a list of specs, got {dict(description)!r}"
        raise SpecError(operators[0], problem)
    domain = _read(make, parts[0])
    for part in parts[1:]:
        domain = make(_JOINS[key](domain, _read(make, part)))
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


def _is_operator(key: Any) -> bool:
    return isinstance(key, str) and key.startswith("$") and not key.startswith("$$")


def _read_options(above: str, description: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """Yield names and values of parameters; names in nested tables become paths."""
    for key, values in description.items():
        name = above + key.removeprefix("$") if isinstance(key, str) else key
        if isinstance(name, str) and isinstance(values, Mapping) and not any(map(_is_operator, values)):
            if not values:
                raise SpecError(name, "is an empty table; leave it out or name parameters in it")
            yield from _read_options(f"{name}/", values)
        elif isinstance(values, Mapping) and set(values) == {"$alias", "$values"}:
            yield Alias(name, values["$alias"]), _read_values(str(name), values["$values"])
        else:
            yield name, _read_values(str(name), values)


def _read_values(name: str, values: Any) -> Any:
    if isinstance(values, list | tuple):
        return [
            Alias(from_plain(name, value["$value"]), value["$alias"])
            if isinstance(value, Mapping) and set(value) == {"$alias", "$value"}
            else from_plain(name, value)
            for value in values
        ]
    if isinstance(values, Mapping) and set(values) == {"$range"}:
        return _read_range(name, values["$range"])
    if isinstance(values, Mapping) and "$sampler" in values:
        return _read_sampler(name, values)
    raise SpecError(name, f"expected a list of values, '$range' or '$sampler', got {values!r}")


def _read_range(name: str, limits: Any) -> range:
    try:
        return range(*limits)
    except (TypeError, ValueError) as error:
        raise SpecError(name, f"'$range' is a list of one to three ints, got {limits!r}: {error}") from error


def _read_sampler(name: str, description: Mapping[str, Any]) -> Sampler:
    """Make a sampler from what its ``to_spec`` gave."""
    given = dict(description)
    kind, weight = given.pop("$sampler"), given.pop("$weight", None)
    parts = [
        _read_sampler(name, part)
        if isinstance(part, Mapping) and "$sampler" in part
        else from_plain(name, part)
        for part in given.pop("of", [])
    ]
    arguments = {key: from_plain(f"{name}: {key}", value) for key, value in given.items()}
    makers: dict[str, Any] = {
        **SPEC_KINDS,
        "truncate": lambda **limits: parts[0].truncate(**limits),
        "&": lambda: Stacked(tuple(parts)),
        "|": lambda weights=None: _mixed(parts, weights),
        **{sign: lambda sign=kind: Arithmetic(sign, *parts) for sign in OPERATIONS},
    }
    if kind not in makers:
        raise SpecError(name, f"'$sampler' is {kind!r} ({close_matches(str(kind), tuple(makers))})")
    try:
        sampler: Sampler = makers[kind](**arguments)
        return sampler if weight is None else weight & sampler
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise SpecError(name, f"{dict(description)!r} cannot be read: {error}") from error


def _mixed(parts: list[Sampler], weights: list[float] | None) -> Mixed:
    shares = weights or [1.0] * len(parts)
    return Mixed(tuple(share & part for share, part in zip(shares, parts, strict=True)))
