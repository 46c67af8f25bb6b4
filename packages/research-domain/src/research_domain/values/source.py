"""Source code of functions and classes, and where it was found.

A file may have been edited since its code was loaded: only what compiles to the very code is its source. Code
that came from another process by value has the source that it had there, if that came along.
"""

from __future__ import annotations

import ast
import linecache
import sys
import weakref
from collections.abc import Iterator
from functools import cached_property, lru_cache
from types import CodeType, FunctionType
from typing import Any, Final

_CARRIED: Final[dict[int, tuple[weakref.ref[Any], str | None]]] = {}
"""By id, as equal codes may have different sources."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_MOST_WRAPPERS = 10
_IGNORED = ("ctx", "kind", "type_comment")


class _File:
    """A file of code, parsed and compiled."""

    def __init__(self, text: str, name: str) -> None:
        self.tree = ast.parse(text)
        self.codes = frozenset(nested_codes(compile(text, name, "exec", dont_inherit=True)))
        self.functions: dict[tuple[str, int], list[_Function]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                self.functions.setdefault((node.name, line), []).append(node)
            elif isinstance(node, ast.Lambda):
                self.functions.setdefault(("<lambda>", node.lineno), []).append(node)

    @cached_property
    def classes(self) -> dict[str, list[ast.ClassDef]]:
        """All classes by their qualified names."""
        found: dict[str, list[ast.ClassDef]] = {}
        for path, node in _classes(self.tree, ""):
            found.setdefault(path, []).append(node)
        return found


def carry_source(thing: CodeType | type, source: str | None) -> None:
    """Note what the source of code was where it came from, None if it had none there."""
    number = id(thing)
    _CARRIED[number] = weakref.ref(thing, lambda _: _CARRIED.pop(number, None)), source


def carried_source(thing: CodeType | type) -> tuple[str | None] | None:
    """Return what the source of code was where it came from; None for code of this process."""
    carried = _CARRIED.get(id(thing))
    return None if carried is None else (carried[1],)


def function_source(code: CodeType) -> str | None:
    """Return the syntax of a function without positions and comments, None if its source is not there.

    Equal text means equal code, in every supported version of Python.
    """
    file = _file(code.co_filename)
    if file is None or code not in file.codes:
        return None
    nodes = file.functions.get((code.co_name, code.co_firstlineno), [])
    if len(nodes) > 1:
        nodes = _around(nodes, code)
    return _spell(nodes[0]) if len(nodes) == 1 else None


def class_source(cls: type) -> str | None:
    """Return the syntax of a class like that of a function.

    Methods that decorators made elsewhere do not tell the file of the class.
    """
    codes = [code for each in vars(cls).values() for code in _codes_of_method(cls, each)]
    module_file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    names = [*(code.co_filename for code in codes), module_file]
    for name in dict.fromkeys(name for name in names if isinstance(name, str) and not name.startswith("<")):
        file = _file(name)
        if file is None:
            continue
        nodes = file.classes.get(cls.__qualname__, [])
        if len(nodes) == 1 and file.codes.issuperset(code for code in codes if code.co_filename == name):
            return _spell(nodes[0])
    return None


def _codes_of_method(cls: type, member: object) -> Iterator[CodeType]:
    """Yield the code of a method, and of the functions that decorators have wrapped in it."""
    if isinstance(member, staticmethod | classmethod):
        member = member.__func__
    for _ in range(_MOST_WRAPPERS):
        if not isinstance(member, FunctionType):
            return
        if member.__qualname__ == f"{cls.__qualname__}.{member.__name__}":
            yield member.__code__
        member = vars(member).get("__wrapped__")


def _file(name: str) -> _File | None:
    linecache.checkcache(name)
    text = "".join(linecache.getlines(name))
    return _parsed(text, name) if text else None


@lru_cache(maxsize=32)
def _parsed(text: str, name: str) -> _File | None:
    try:
        return _File(text, name)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def nested_codes(code: CodeType) -> Iterator[CodeType]:
    """Yield code and all code inside of it."""
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from nested_codes(const)


def _around(nodes: list[_Function], code: CodeType) -> list[_Function]:
    """Return the innermost of the functions of one line that contain all positions of some code."""
    positions = [
        (line, column) for line, _, column, _ in code.co_positions() if line is not None and column
    ]  # column 0 is where Python puts what is written nowhere
    found = [node for node in nodes if positions and all(_contains(node, position) for position in positions)]
    inner = [node for node in found if sum(each in found for each in ast.walk(node)) == 1]
    return inner if len(inner) == 1 else []


def _contains(node: _Function, position: tuple[int, int]) -> bool:
    end = (node.end_lineno or node.lineno, node.end_col_offset or 0)
    return (node.lineno, node.col_offset) <= position < end


def _classes(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """Yield all classes with their qualified names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield f"{prefix}{child.name}", child
            yield from _classes(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _classes(child, f"{prefix}{child.name}.<locals>.")
        else:
            yield from _classes(child, prefix)


def _spell(node: object) -> str:
    """Write a syntax tree without empty fields, which differ between versions of Python."""
    if isinstance(node, ast.Constant):
        return f"{type(node.value).__name__}={node.value!a}"
    if isinstance(node, ast.AST):
        fields = [
            f"{name}:{_spell(value)}"
            for name, value in ast.iter_fields(node)
            if name not in _IGNORED and value is not None and value != []
        ]
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(_spell, node))}]"
    return repr(node)
