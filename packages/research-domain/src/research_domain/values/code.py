"""Functions, classes and objects as text: name and code, type and state."""

from __future__ import annotations

import sys
import types
from typing import Any

from research_domain.values.names import display, qualified_name
from research_domain.values.numbers import string
from research_domain.values.of_numpy import is_numpy
from research_domain.values.writer import FormWriter, hashed

_BUILTINS = (
    *(types.BuiltinFunctionType, types.MethodDescriptorType, types.MethodWrapperType),
    *(types.WrapperDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType),
)
_NOT_ITS_OWN = {
    *("__dict__", "__weakref__", "__module__", "__doc__", "__qualname__", "__firstlineno__"),
    *("__static_attributes__", "_abc_impl", "__annotations__", "__annotate__", "__dataclass_fields__"),
    "__slotnames__",  # what copyreg notes when an instance is pickled
}


def code_text(writer: FormWriter, value: Any) -> str | None:
    """Write a function, method, class, module or code object; return None for others."""
    if isinstance(value, types.FunctionType):
        return _function(writer, value)
    if isinstance(value, type):
        return _class(writer, value)
    if isinstance(value, types.MethodType):
        return "M" + writer.text(value.__func__) + writer.text(value.__self__)
    if isinstance(value, _BUILTINS) or is_numpy(value, "ufunc"):
        owner = getattr(value, "__self__", None)
        bound = owner is not None and not isinstance(owner, types.ModuleType)
        return "B" + string(qualified_name(value)) + (writer.text(owner) if bound else "")
    if isinstance(value, types.ModuleType):
        return "B" + string(value.__name__)
    return _code(writer, value) if isinstance(value, types.CodeType) else None


def source_of(value: types.FunctionType | type) -> str | None:
    """Return the normalised source of a function or class, or None without source."""
    from research_domain.values.source import carried_source, class_source, function_source  # late: rare

    code = value.__code__ if isinstance(value, types.FunctionType) else value
    carried = carried_source(code)
    if carried is not None:
        return carried[0]
    source = function_source(code) if isinstance(code, types.CodeType) else class_source(code)
    return None if source is None else hashed(source)


def keep_source(value: types.FunctionType | type, source: str | None) -> None:
    """Let a function or class that came from another process have what `source_of` returned there."""
    from research_domain.values.source import carry_source

    carry_source(value.__code__ if isinstance(value, types.FunctionType) else value, source)


def _function(writer: FormWriter, value: types.FunctionType) -> str:
    source = source_of(value)
    body = _code(writer, value.__code__) if source is None else source
    attributes = {name: each for name, each in vars(value).items() if name != "__wrapped__"}
    given = (value.__defaults__, value.__kwdefaults__, attributes or None)
    cells = [writer.text(_contents(cell)) for cell in value.__closure__ or ()]
    return "F" + string(qualified_name(value)) + body + "".join(map(writer.text, given)) + "".join(cells)


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return NotImplemented  # nothing was put into it yet


def _code(writer: FormWriter, value: types.CodeType) -> str:
    """Write compiled code, which is the same under one version of Python."""
    counts = (value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount, value.co_flags)
    names = (value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars)
    return "C" + "".join(map(writer.text, (value.co_code, counts, names, value.co_consts)))


def _class(writer: FormWriter, value: type) -> str:
    name = string(qualified_name(value))
    is_data = issubclass(value, tuple) and hasattr(value, "_fields")
    package = (value.__module__ or "").partition(".")[0]
    is_standard = package in sys.stdlib_module_names - {"__main__"}  # Python's version is no part of a form
    if is_data or is_standard or not value.__flags__ & _MADE_BY_PYTHON:
        return "K" + name
    body = source_of(value)
    if body is None:
        own = {name: each for name, each in vars(value).items() if name not in _NOT_ITS_OWN}
        body = writer.text({name: _plain_member(each) for name, each in own.items()})
    return "K" + name + body + writer.items([base for base in value.__bases__ if base is not object])


_MADE_BY_PYTHON = 1 << 9
"""The flag of classes that are made while a program runs, not compiled with it."""


def _plain_member(member: Any) -> Any:
    if isinstance(member, staticmethod | classmethod):
        return (type(member).__name__, member.__func__)
    if isinstance(member, property):
        return ("property", member.fget, member.fset, member.fdel)
    return "slot" if isinstance(member, types.GetSetDescriptorType | types.MemberDescriptorType) else member


def object_text(writer: FormWriter, value: Any) -> str:
    """Write an object: its type and what it would be pickled as; without that, its type and its text."""
    import copyreg

    kind = type(value)
    try:
        reducer = copyreg.dispatch_table.get(kind)
        reduced = reducer(value) if reducer is not None else value.__reduce_ex__(4)
    except Exception:  # noqa: BLE001 - an object of the user's may raise anything
        reduced = None
    if isinstance(reduced, str):  # a module knows it by this name
        name = string(f"{getattr(value, '__module__', None)}.{reduced}")
        return "O" + writer.text(kind) + name + writer.text(getattr(value, "__wrapped__", None))
    if not isinstance(reduced, tuple):
        writer.vague.add(f"{kind.__module__}.{kind.__qualname__}")
        return "V" + writer.text(kind) + string(display(value))
    function, arguments, state, items, pairs = (*reduced[:5], None, None, None)[:5]
    parts = [writer.text(each) for each in (function, arguments, state)]
    parts.append(writer.items(list(items or ())))
    return "O" + writer.text(kind) + "".join(parts) + writer.pairs(list(pairs or ()))
