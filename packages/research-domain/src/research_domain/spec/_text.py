"""Text: domains as expressions that can be read, and as small tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from keyword import iskeyword
from typing import Any, NamedTuple

from research_domain._written import number, written
from research_domain.algebra._body import Body, Fixed, Term
from research_domain.algebra._combined import Concat, Product, Zip
from research_domain.algebra._filters import Filter, Kept, Redraw
from research_domain.algebra._nodes import Draw, Grid, Node, Span
from research_domain.alias import Alias
from research_domain.spec._sources import sampler_of
from research_domain.texts import cut_text
from research_domain.updates import UpdateRule

_LISTED = 6
"""Ints in even steps up to this number are written one by one, more of them as a range."""

_WIDTH = 60


def describe(body: Body, settings: str = "") -> str:
    """Return a domain as an expression that gives it again, with the calls of :func:`describe_settings`."""
    text = " + ".join(_term(term, alone=len(body.terms) == 1) for term in body.terms)
    first = body.terms[0]
    alone = len(body.terms) == 1 and first.weight is None
    compound = not alone or _compound(first.source) or _is_filtered_inside(first)
    return f"({text}){settings}" if settings and compound else text + settings


def describe_settings(settings: Mapping[str, str], rule: UpdateRule | None) -> str:
    """Return the calls that set how a domain is gone through, empty if nothing was set."""
    text = ", ".join(f"{name}={value}" for name, value in settings.items())
    calls = f".set_iter_params({text})" if text else ""
    return calls if rule is None else f"{calls}.set_update({_update(rule)})"


def _update(rule: UpdateRule) -> str:
    when = [*rule.when.periods, *(f"%{number}" for number in sorted(rule.when.exact))]
    when += ["last"] if rule.when.last else []
    wait = {} if rule.wait is None else {"wait": rule.wait}
    arguments = {"when": when[0] if len(when) == 1 else when, **rule.kwargs, **rule.iteration, **wait}
    return ", ".join(
        [written(rule.function), *(f"{name}={written(value)}" for name, value in arguments.items())]
    )


def _term(term: Term, alone: bool = False) -> str:
    text = _source(term.source)
    if term.weight is None and not term.filters:
        return text
    if isinstance(term.source, Node) and _is_filtered_inside(term):
        text = _filtered_product(_single(term.source), term.filters)
        if term.weight is not None:
            text = f"({text})"
    elif term.filters:
        text = _filtered(text, term.source, term.filters)
    elif _compound(term.source):
        text = f"({text})"
    return text if term.weight is None else f"{number(term.weight)} * {text}"


def _is_filtered_inside(term: Term) -> bool:
    """Whether some parameters were filtered before they were combined with the others."""
    return isinstance(term.source, Node) and bool(_inner_and_outer([term.source], term.filters)[0])


def _filtered(text: str, source: Node | Body, filters: tuple[Filter, ...]) -> str:
    simple = not isinstance(source, Body) and not _compound(source)
    return (text if simple else f"({text})") + _wheres(filters)


def _filtered_product(factors: list[Node], filters: tuple[Filter, ...]) -> str:
    """Write a product in which some factors are filtered before the product."""
    inner, outer = _inner_and_outer(factors, filters)
    sets = [one.keys for one in inner if one.keys is not None]
    largest = [each for each in sets if not any(each < other for other in sets)]

    def whole(factor: Node) -> frozenset[str] | None:
        return next((keys for keys in largest if factor.keys <= keys), None)

    texts: list[str] = []
    for keys, group in groupby(factors, whole):
        if keys is None:
            texts += _factors(list(group))
        else:
            own = tuple(one for one in inner if one.keys is not None and one.keys <= keys)
            texts.append(_filtered_product(list(group), own))
    text = " * ".join(texts)
    simple = len(texts) == 1 and not _compound(Product.of(factors))
    return (text if simple or not outer else f"({text})") + _wheres(outer)


def _inner_and_outer(
    factors: Sequence[Node], filters: tuple[Filter, ...]
) -> tuple[tuple[Filter, ...], tuple[Filter, ...]]:
    """Return the filters that were written for some of the factors, and those for all."""
    keys: frozenset[str] = frozenset().union(*(factor.keys for factor in factors))
    inner = tuple(one for one in filters if one.keys is not None and one.keys < keys)
    return inner, tuple(one for one in filters if one not in inner)


def _single(source: Node) -> list[Node]:
    """Return the factors of a node, of one parameter each where grids of several stand together."""
    factors = source.children if isinstance(source, Product) else (source,)
    return [
        each
        for factor in factors
        for each in ([Grid((pool,)) for pool in factor.pools] if isinstance(factor, Grid) else [factor])
    ]


def _wheres(filters: tuple[Filter, ...]) -> str:
    return "".join(f".where({one.name})" for one in filters)


def _compound(source: Node | Body) -> bool:
    if isinstance(source, Product):
        return sum(1 for _ in _factors(source.children)) > 1 or _compound(source.children[0])
    return isinstance(source, Body | Concat | Zip | Fixed)


def _source(source: Node | Body) -> str:
    if isinstance(source, Body):
        return describe(source)
    if isinstance(source, Fixed):
        return f"({describe(source.body)})"
    if isinstance(source, Concat):
        return " + ".join(_source(part) for part in source.children)
    if isinstance(source, Zip):
        left, right = source.children
        return f"{_source(left) if isinstance(left, Zip) else _operand(left)} @ {_operand(right)}"
    if isinstance(source, Kept | Redraw):
        (base,) = source.children
        return _filtered(_source(base), base, source.filters)
    if isinstance(source, Product):
        return " * ".join(_factors(source.children))
    return _options([source])


def _operand(node: Node) -> str:
    text = _source(node)
    return f"({text})" if _compound(node) and not isinstance(node, Fixed) else text


def _factors(factors: Sequence[Node]) -> Iterator[str]:
    """Yield factors, neighbouring parameters together."""
    together: list[Node] = []
    for factor in factors:
        if isinstance(factor, Grid | Span | Draw):
            if any(factor.keys & other.keys for other in together):
                yield _options(together)
                together = []
            together.append(factor)
            continue
        if together:
            yield _options(together)
            together = []
        yield _operand(factor)
    if together:
        yield _options(together)


def _options(nodes: list[Node]) -> str:
    rows = [row for node in nodes for row in _rows(node)]
    names = [row.key.value for row in rows if not row.key.given]
    plain = all(name.isidentifier() and not iskeyword(name) for name in names)
    if len(names) == len(rows) and plain and not {"domain", "self"} & {*names}:
        return "Domain(" + ", ".join(f"{row.key.value}={row.values}" for row in rows) + ")"
    return "Domain({" + ", ".join(f"{_key(row.key)}: {row.values}" for row in rows) + "})"


def _key(key: Alias) -> str:
    return f"Alias({key.value!r}, {key.alias!r})" if key.given else repr(key.value)


class _Row(NamedTuple):
    """A parameter: its name, its values as text, and how many there are; None if they are drawn."""

    key: Alias
    values: str
    size: int | None


def _rows(node: Node) -> Iterator[_Row]:
    if isinstance(node, Grid):
        for key, values in node.pools:
            yield _Row(key, _values(values), len(values))
    elif isinstance(node, Span):
        yield _Row(node.key, repr(node.values), node.points)
    elif isinstance(node, Draw):
        yield _Row(node.key, written(sampler_of(node.source)), None)
    elif isinstance(node, Fixed):
        yield from _body_rows(node.body)
    for child in node.children:
        yield from _rows(child)


def _body_rows(body: Body) -> Iterator[_Row]:
    for term in body.terms:
        yield from _body_rows(term.source) if isinstance(term.source, Body) else _rows(term.source)


def _values(values: tuple[Any, ...]) -> str:
    if len(values) > _LISTED and all(type(value) is int for value in values):
        step = values[1] - values[0]
        if step and values == tuple(span := range(values[0], values[-1] + (1 if step > 0 else -1), step)):
            return repr(span)
    return f"[{', '.join(map(_value, values))}]"


def _value(value: Any) -> str:
    if not isinstance(value, Alias):
        return written(value)
    text = written(value.value)
    return f"Alias({text}, {value.alias!r})" if value.given else text


def _shortened(text: str) -> str:
    return cut_text(" ".join(text.split()), _WIDTH)


def table(body: Body, length: int | str | None) -> str:
    """Return an HTML table of the parameters."""
    import html

    rows = "".join(
        f"<tr><td>{html.escape(row.key.value)}</td><td>{html.escape(_shortened(row.values))}</td>"
        f"<td>{'sampled' if row.size is None else f'{row.size:,}'}</td></tr>"
        for row in _body_rows(body)
    )
    total = (
        "an infinite number of" if length is None else length if isinstance(length, str) else f"{length:,}"
    )
    return (
        f"<table><caption><code>{html.escape(_shortened(describe(body)))}</code>: {total} configs</caption>"
        f"<thead><tr><th>parameter</th><th>values</th><th>number</th></tr></thead><tbody>{rows}</tbody></table>"
    )
