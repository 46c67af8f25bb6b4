"""Reading the files of modules, and whether they still hold what was imported."""

from __future__ import annotations

import ast
import os
import struct
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import MAGIC_NUMBER, cache_from_source
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from research_domain.values.source import nested_codes
from research_runner.code.importing import RecordedLoader, RecordedModule, content_digest
from research_runner.code.owned import is_own_file
from research_runner.code.watching import noted, source_file

_HEADER: Final = struct.Struct("<4sIII")
_RACY_NS: Final = 2_000_000_000
"""Compiled files know the time of their source to the second only."""

_LITERALS: Final = (type(None), bool, int, float, complex, str, bytes, tuple, list, dict)
_AUTORELOAD: Final = "IPython.extensions.autoreload"
"""What changes modules in place, without importing them again."""


class Reading:
    """Reads modules, and collects in `changed` those whose files do not hold what was imported.

    `entries_left` is how many entries of folders that are no regular packages may still be looked at.
    """

    def __init__(self) -> None:
        self.changed: dict[str, str] = {}
        self.entries_left = 20_000

    def module(self, name: str, path: str, folders: tuple[str, ...] | None) -> Iterator[RecordedModule]:
        """Yield the record of a module, nothing if it cannot be read; a package may be without a file."""
        if not path:
            yield RecordedModule(name, "", folders, b"")
            return
        loaded = sys.modules.get(name)
        file = (source_file(loaded) if loaded is not None else None) or path
        try:
            with open(file, "rb", buffering=0) as opened:  # noqa: PTH123 - many
                status, source = os.fstat(opened.fileno()), opened.read()
        except OSError:
            if isinstance(_loader_of(loaded), SourceFileLoader):
                self.changed[name] = file
            return
        if loaded is not None and not _is_what_was_imported(name, loaded, file, source):
            self.changed[name] = file
        yield RecordedModule(name, file, folders, source, _compiled(file, status))

    def loaded(self, name: str, module: ModuleType) -> Iterator[RecordedModule]:
        """Yield the record of a module that was imported from where it is not found any more."""
        file = source_file(module)
        if file is None or not is_own_file(file) or not isinstance(_loader_of(module), SourceFileLoader):
            return
        if os.path.exists(file) and "." not in name:  # noqa: PTH110
            return  # it was loaded by path, and nobody else could import it: its code travels by value
        folders = getattr(module, "__path__", None)
        yield from self.module(name, file, None if folders is None else tuple(folders))


def is_up_to_date(module: RecordedModule) -> bool:
    """Whether nothing but what was recorded has been imported, as far as this was seen."""
    loaded, seen = sys.modules.get(module.name), noted(module.name)
    loader = _loader_of(loaded)
    if loaded is None or not module.path:
        return True
    if isinstance(loader, RecordedLoader):
        return loader.recorded.source == module.source
    return seen is None or seen == content_digest(module.source)


def _compiled(file: str, status: os.stat_result) -> bytes:
    """Return what Python has compiled from a file, empty if that may be of another source."""
    try:
        with open(cache_from_source(file), "rb", buffering=0) as opened:  # noqa: PTH123 - many
            written_ns, data = os.fstat(opened.fileno()).st_mtime_ns, opened.read()
    except (OSError, NotImplementedError):
        return b""
    if len(data) < _HEADER.size or written_ns - status.st_mtime_ns < _RACY_NS:
        return b""
    expected = (MAGIC_NUMBER, 0, int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)
    return data[_HEADER.size :] if _HEADER.unpack_from(data) == expected else b""


def _loader_of(module: ModuleType | None) -> object:
    return getattr(getattr(module, "__spec__", None), "loader", None)


def _is_what_was_imported(name: str, module: ModuleType, file: str, source: bytes) -> bool:
    loader = _loader_of(module)
    if isinstance(loader, RecordedLoader):
        return loader.recorded.source == source
    known = noted(name)
    if known is not None:
        return known == content_digest(source) or (
            _AUTORELOAD in sys.modules and _is_made_by(module, file, source)
        )
    return type(loader) is not SourceFileLoader or _is_made_by(module, file, source)


def _is_made_by(module: ModuleType, file: str, source: bytes) -> bool:
    """Whether a module that was imported before anybody looked has the code and the constants of its file."""
    try:
        tree = ast.parse(source)
        codes = set(map(_shape, nested_codes(compile(source, file, "exec", dont_inherit=True))))
    except (SyntaxError, ValueError):
        return False
    here = vars(module)
    if not codes.issuperset(map(_shape, _codes_of(here, module.__name__, file))):
        return False
    return all(name in here and _has_value(here[name], value) for name, value in _top_level(tree))


def _top_level(tree: ast.Module) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the names that a module defines once and for certain, and what is assigned to them."""
    stores: dict[str, list[ast.expr | None]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            stores.setdefault(node.name, []).append(None)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    stores.setdefault(target.id, []).append(node.value)
    changing: set[str] = set()
    for each in ast.walk(tree):
        if isinstance(each, ast.Global):
            changing.update(each.names)
        elif isinstance(each, ast.Name) and isinstance(each.ctx, ast.Del):
            changing.add(each.id)
    for name, values in stores.items():
        if len(values) == 1 and name not in changing:
            yield name, values[0]


def _has_value(value: Any, node: ast.expr | None) -> bool:
    """Whether a global has the literal value that is assigned to it; others come of a calculation."""
    try:
        written = None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return True
    if node is None or not isinstance(written, _LITERALS):
        return True
    now: Any = value  # more may have been put into it since
    if type(value) is not type(written):
        return False
    if isinstance(written, list):
        now = now[: len(written)]
    elif isinstance(written, dict):
        now = {key: each for key, each in now.items() if key in written}
    return repr(now) == repr(written)


def _codes_of(space: dict[str, Any], name: str, file: str) -> Iterator[CodeType]:
    """Yield the code of the functions and methods that a module defines."""
    for value in list(space.values()):
        if isinstance(value, type) and value.__module__ == name:
            yield from _codes_of(dict(vars(value)), name, file)
            continue
        if isinstance(value, classmethod | staticmethod):
            value = value.__func__
        for each in (value.fget, value.fset, value.fdel) if isinstance(value, property) else (value,):
            function = getattr(each, "__wrapped__", each)
            if isinstance(function, FunctionType) and function.__code__.co_filename == file:
                yield function.__code__


def _shape(code: CodeType) -> tuple[Any, ...]:
    """Return what code does, without its line numbers."""
    constants = (_shape(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts)
    return (code.co_name, code.co_code, code.co_names, code.co_varnames, *constants)
