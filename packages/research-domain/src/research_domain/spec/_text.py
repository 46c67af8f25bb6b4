"""Text: domains as expressions that can be read, and as small tables."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from research_domain.algebra._body import Body, Fixed, Term
from research_domain.algebra._combined import Concat, Product, Zip
from research_domain.algebra._filters import Kept, Redraw
from research_domain.algebra._nodes import Draw, Grid, Node, Span
from research_domain.alias import as_alias
from research_domain.iteration.schedule import IterParams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from research_domain.algebra._filters import Filter
    from research_domain.alias import Alias

__all__ = ["describe", "describe_params", "table"]

_SHOWN = 6
_WIDTH = 60
_PLAIN = (bool, int, float, str, type(None), tuple, list)


def describe(body: Body) -> str:
    """Return a domain as an expression."""
    return " + ".join(_term(term, alone=len(body.terms) == 1) for term in body.terms)


def describe_params(params: IterParams) -> str:
    """Return the call that sets parameters of iteration, empty if they are the default ones."""
    default = IterParams()
    names = [field.name for field in fields(params)]
    given = [
        f"{name}={getattr(params, name)!r}"
        for name in names
        if getattr(params, name) != getattr(default, name)
    ]
    return f".set_iter_params({', '.join(given)})" if given else ""


def _term(term: Term, alone: bool = False) -> str:
    text = _source(term.source)
    if term.weight is None and not term.filters:
        return text
    if term.filters:
        text = _filtered(text, term.source, term.filters)
    elif _compound(term.source):
        text = f"({text})"
    return text if term.weight is None else f"{term.weight:g} * {text}"


def _filtered(text: str, source: Node | Body, filters: tuple[Filter, ...]) -> str:
    simple = not isinstance(source, Body) and not _compound(source)
    return (text if simple else f"({text})") + "".join(f".where({one.name})" for one in filters)


def _compound(source: Node | Body) -> bool:
    if isinstance(source, Product):
        return not all(isinstance(factor, Grid | Span | Draw) for factor in source.children)
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
        return " * ".join(_factors(source))
    return _options([source])


def _operand(node: Node) -> str:
    text = _source(node)
    return f"({text})" if _compound(node) and not isinstance(node, Fixed) else text


def _factors(product: Product) -> Iterator[str]:
    """Yield factors, neighbouring parameters together."""
    together: list[Node] = []
    for factor in product.children:
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
    if all(name.isidentifier() and name not in ("domain", "self") for name, _, _ in rows):
        return "Domain(" + ", ".join(f"{name}={values}" for name, values, _ in rows) + ")"
    return "Domain({" + ", ".join(f"{name!r}: {values}" for name, values, _ in rows) + "})"


def _rows(node: Node) -> Iterator[tuple[str, str, int | None]]:
    """Yield the name of each parameter, its values as text, and how many there are."""
    if isinstance(node, Grid):
        for key, values in node.pools:
            yield key.value, _values(values), len(values)
    elif isinstance(node, Span):
        yield node.key.value, repr(node.values), node.points
    elif isinstance(node, Draw):
        yield node.key.value, _shortened(repr(node.source.sampler)), None
    elif isinstance(node, Fixed):
        yield from _body_rows(node.body)
    for child in node.children:
        yield from _rows(child)


def _body_rows(body: Body) -> Iterator[tuple[str, str, int | None]]:
    for term in body.terms:
        yield from _body_rows(term.source) if isinstance(term.source, Body) else _rows(term.source)


def _values(values: tuple[Any, ...]) -> str:
    shown = [_value(as_alias(value)) for value in values[:_SHOWN]]
    if len(values) > _SHOWN:
        shown[-2:] = ["...", _value(as_alias(values[-1]))]
    return f"[{', '.join(shown)}]"


def _value(alias: Alias) -> str:
    value = alias.value
    plain = isinstance(value, _PLAIN) and str(value) == alias.alias
    return _shortened(repr(value) if plain else alias.alias)


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."


def table(body: Body, length: int | str | None) -> str:
    """Return an HTML table of the parameters."""
    import html

    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(values)}</td>"
        f"<td>{'sampled' if count is None else f'{count:,}'}</td></tr>"
        for name, values, count in _body_rows(body)
    )
    total = (
        "an infinite number of" if length is None else length if isinstance(length, str) else f"{length:,}"
    )
    return (
        f"<table><caption><code>{html.escape(describe(body))}</code>: {total} configs</caption>"
        f"<thead><tr><th>parameter</th><th>values</th><th>number</th></tr></thead><tbody>{rows}</tbody></table>"
    )
