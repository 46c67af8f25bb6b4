"""Code that travels by value: the functions and classes of notebooks, scripts, closures and test modules.

dill alone loses enums, type variables and mutual recursion, gives every function its own copy of the globals,
and carries the state of imported modules along. Here a function or class is made empty first and filled
second, so anything may refer to anything; the functions of one module share their globals; a class that
crosses twice, or there and back, stays one class. Everything else is left to dill.
"""

from __future__ import annotations

import abc
import builtins
import dataclasses
import dis
import enum
import functools
import importlib
import io
import marshal
import pickle
import sys
import threading
import typing
from collections.abc import Callable, Iterator, Mapping
from types import CellType, CodeType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any, Final

from research_domain.values.code import keep_source, source_of
from research_domain.values.source import nested_codes
from research_runner.pool.class_registry import (
    Identity,
    bind_name,
    find_known,
    has_its_name,
    identify,
    is_findable,
    is_importable,
    module_of,
    needs_contents,
    register_class,
)
from research_runner.pool.resources import reduce_resource

_FUNCTION_ATTRIBUTES: Final = (
    "__annotations__",
    "__defaults__",
    "__doc__",
    "__kwdefaults__",
    "__module__",
    "__qualname__",
)
_CLASS_BASICS: Final = ("__doc__", "__module__", "__orig_bases__", "__slots__")
_CLASS_INTERNALS: Final = ("__dict__", "__weakref__", "_abc_impl")
_ENUM_METHODS: Final = (FunctionType, classmethod, staticmethod, property, functools.cached_property)
_SENTINELS: Final = {
    id(getattr(dataclasses, name)): name
    for name in ("MISSING", "KW_ONLY", "_FIELD", "_FIELD_CLASSVAR", "_FIELD_INITVAR")
}


def dump_code(value: object, *, with_sources: bool = False) -> bytes:
    """Pickle a value; code that a fresh process cannot import is pickled by value.

    With sources, this code takes along what stands for its source in its identity, which a process that does
    not run the same script or notebook cannot find. Domains that are loaded again need it.

    Examples
    --------
    >>> def even(n):
    ...     return n == 0 or odd(n - 1)
    >>> def odd(n):
    ...     return n != 0 and even(n - 1)
    >>> load_code(dump_code(even))(10)
    True
    """
    buffer = io.BytesIO()
    _pickler()(buffer, with_sources).dump(value)
    return buffer.getvalue()


def load_code(data: bytes | memoryview) -> Any:
    """Read what `dump_code` wrote; raises whatever the code raises while it loads."""
    return _CodeUnpickler(io.BytesIO(data)).load()  # the other end of a connection of our own wrote it


class _CodeUnpickler(pickle.Unpickler):
    """Find what dill has written by dill, which a worker does not import for anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] not in ("dill", "__builtin__"):
            return super().find_class(module, name)
        import dill

        return dill.Unpickler(io.BytesIO()).find_class(module, name)  # noqa: S301 - as above


def global_names(code: CodeType) -> Iterator[str]:
    """Yield the names of the globals that a code object uses, and the code inside it."""
    for part in nested_codes(code):
        for instruction in dis.get_instructions(part):
            if instruction.opname.endswith(("_GLOBAL", "_NAME")):
                yield str(instruction.argval)


@functools.cache
def _pickler() -> Any:
    """Return the class of our pickler, made when code is sent for the first time."""
    import dill

    return type("CodePickler", (_CodeReducer, dill.Pickler), {})


class _CodeReducer:
    """Pickle code by value where it has no importable name."""

    def __init__(self, file: io.BytesIO, with_sources: bool) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL, recurse=True)  # type: ignore[call-arg]
        self._with_sources = with_sources
        self._spaces: dict[int, dict[str, Any]] = {}

    def reducer_override(self, value: Any) -> Any:
        """Return how to rebuild a value, or NotImplemented to leave it to dill."""
        reduce = _REDUCERS.get(type(value))
        if reduce is not None:
            return NotImplemented if _is_known(value) else reduce(value)
        if isinstance(value, FunctionType):
            return (
                NotImplemented if is_importable(value) else self._sourced(value, self._reduce_function(value))
            )
        if isinstance(value, type):
            if not _is_known(value):
                return self._sourced(value, _reduce_class(value))
            return value.__qualname__ if has_its_name(value) else NotImplemented
        if isinstance(value, CodeType) and not self._with_sources:
            return _reduce_code(value)
        if id(value) in _SENTINELS:
            return getattr, (dataclasses, _SENTINELS[id(value)])
        return reduce_resource(value)

    def _sourced(self, value: FunctionType | type, reduced: Any) -> Any:
        """Attach the normalised source to a function or class."""
        if not self._with_sources:
            return reduced
        make, arguments, state, items, pairs, fill = reduced
        return make, arguments, (fill, state, source_of(value)), items, pairs, _fill_with_source

    def _reduce_function(self, function: FunctionType) -> Any:
        """Make the function without contents, then fill in its globals, cells and attributes."""
        space, used = self._globals(function)
        cells = function.__closure__ or ()
        state = (
            used,
            [module.__name__ for module in _used_submodules(function, used)],
            [_content(cell) for cell in cells],
            {name: getattr(function, name) for name in _FUNCTION_ATTRIBUTES},
            function.__dict__,
            None if isinstance(space, str) else module_of(function),
        )
        arguments = (function.__code__, space, function.__name__, cells)
        return _make_function, arguments, state, None, None, _fill_function

    def _globals(self, function: FunctionType) -> tuple[str | dict[str, Any], dict[str, Any]]:
        """Return the name of an importable module, or the shared globals and those this function uses."""
        here, name = function.__globals__, function.__module__
        module = sys.modules.get(name or "")
        if name != "__main__" and module is not None and vars(module) is here and is_findable(name):
            return name, {}
        known = {"__name__": here.get("__name__", "__main__"), "__package__": here.get("__package__")}
        space = self._spaces.setdefault(id(here), known)
        names = dict.fromkeys(global_names(function.__code__))
        return space, {key: here[key] for key in names if key in here and key != "__builtins__"}


def _is_known(value: Any) -> bool:
    """Whether a value that has a module can be found by its name; other values cannot."""
    if isinstance(value, type) and value.__module__ == "builtins":
        return True
    named = getattr(value, "__module__", None) is not None and hasattr(value, "__name__")
    return named and is_importable(value)


def _content(cell: CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


def _used_submodules(function: FunctionType, used: Mapping[str, Any]) -> Iterator[ModuleType]:
    """Yield what ``import a.b`` has made reachable from ``a``; importing ``a`` alone would not."""
    modules = [value for value in used.values() if isinstance(value, ModuleType)]
    names = {name for code in nested_codes(function.__code__) for name in code.co_names} if modules else set()
    for module in modules:  # grows while it is walked
        for name in sorted(names) if hasattr(module, "__path__") else ():
            inner = sys.modules.get(f"{module.__name__}.{name}")
            if inner is not None:
                modules.append(inner)
                yield inner


def _reduce_code(code: CodeType) -> Any:
    """Marshal code, for a process of the same Python; dill has to write code with unusual constants."""
    try:
        return marshal.loads, (marshal.dumps(code),)
    except ValueError:
        return NotImplemented


def _reduce_class(cls: type) -> Any:
    """Make the class without contents, then fill in its attributes."""
    if issubclass(cls, enum.Enum):
        return _reduce_enum(cls)
    attributes = {
        key: value
        for key, value in vars(cls).items()
        if key not in (*_CLASS_BASICS, *_CLASS_INTERNALS) and not isinstance(value, MemberDescriptorType)
    }
    basics = {key: value for key, value in vars(cls).items() if key in _CLASS_BASICS}
    basics["__qualname__"] = cls.__qualname__
    identity = identify(cls)
    arguments = (identity, type(cls), cls.__name__, cls.__bases__, basics)
    return _make_class, arguments, (identity, attributes, {}), None, None, _fill_class


def _reduce_enum(cls: Any) -> Any:
    attributes = {
        key: value
        for key, value in vars(cls).items()
        if isinstance(value, _ENUM_METHODS) and key not in ("__new__", "_generate_next_value_")
    }
    of_members = {
        key: {attribute: value for attribute, value in vars(member).items() if not attribute.startswith("_")}
        for key, member in cls.__members__.items()
    }
    basics = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    members = {key: member._value_ for key, member in cls.__members__.items()}
    options = {"boundary": cls._boundary_} if issubclass(cls, enum.Flag) else {}
    identity = identify(cls)
    arguments = (identity, type(cls), cls.__name__, cls.__bases__, basics | members, options)
    return _make_enum, arguments, (identity, attributes, of_members), None, None, _fill_class


def _reduce_type_variable(variable: typing.TypeVar) -> Any:
    flags = {"covariant": variable.__covariant__, "contravariant": variable.__contravariant__}
    return _make_type_variable, (variable.__name__, variable.__constraints__, variable.__bound__, flags)


_REDUCERS: Final[Mapping[type, Callable[[Any], Any]]] = {
    ModuleType: lambda module: (importlib.import_module, (module.__name__,)),
    CellType: lambda cell: (_make_cell, ()),  # the function it belongs to fills it
    typing.TypeVar: _reduce_type_variable,
    functools._lru_cache_wrapper: lambda cached: (
        _make_cached,
        (cached.__wrapped__, cached.cache_parameters()),
    ),
    type(threading.Lock()): lambda lock: (threading.Lock, ()),  # a lock is for one process
    type(threading.RLock()): lambda lock: (threading.RLock, ()),
}


def _make_cell() -> CellType:
    return CellType()


def _make_function(
    code: CodeType, space: str | dict[str, Any], name: str, cells: tuple[CellType, ...]
) -> FunctionType:
    if isinstance(space, str):
        space = vars(importlib.import_module(space))
    space.setdefault("__builtins__", builtins)
    return FunctionType(code, space, name, None, cells)


def _fill_function(function: FunctionType, state: tuple[Any, ...]) -> None:
    used, submodules, contents, attributes, own, module = state
    for name in submodules:
        importlib.import_module(name)
    function.__globals__.update(used)
    for cell, content in zip(function.__closure__ or (), contents, strict=True):
        if content:
            cell.cell_contents = content[0]
    for name, value in attributes.items():
        setattr(function, name, value)
    function.__dict__.update(own)
    bind_name(function, module, function.__qualname__)


def _fill_with_source(value: FunctionType | type, state: tuple[Any, ...]) -> None:
    fill, contents, source = state
    fill(value, contents)
    keep_source(value, source)


def _make_class(
    identity: Identity, meta: Any, title: str, bases: tuple[type, ...], basics: dict[str, Any]
) -> type:
    known = find_known(identity)
    if known is not None:
        return known
    make = abc.ABCMeta.__new__ if issubclass(meta, abc.ABCMeta) else type.__new__
    try:
        cls: type = make(meta, title, bases, basics)
    except TypeError:  # a metaclass written in C
        cls = meta(title, bases, basics)
    return register_class(identity, cls)


def _make_enum(
    identity: Identity,
    meta: Any,
    title: str,
    bases: tuple[type, ...],
    contents: Mapping[str, Any],
    options: Mapping[str, Any],
) -> type:
    known = find_known(identity)
    if known is not None:
        return known
    space = meta.__prepare__(title, bases)
    for key, value in contents.items():
        space[key] = value
    return register_class(identity, meta(title, bases, space, **options))


def _fill_class(cls: type, state: tuple[Identity, Mapping[str, Any], Mapping[str, Any]]) -> None:
    identity, attributes, of_members = state
    if not needs_contents(identity, cls):
        return
    for key, value in attributes.items():
        type.__setattr__(cls, key, value)
    for member, own in of_members.items():
        vars(vars(cls)["_member_map_"][member]).update(own)


def _make_type_variable(name: str, constraints: Any, bound: Any, flags: Mapping[str, bool]) -> Any:
    make: Any = typing.TypeVar
    return make(name, *constraints, bound=bound, **flags)


def _make_cached(function: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)
