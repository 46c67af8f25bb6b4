"""The modules of the user's own that the units of a run reach.

What the units refer to gives the first names: functions, classes and modules, and what code that travels by
value imports. Of a package all modules count, and the files say what they import in their turn.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import os
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec
from itertools import islice
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from research_domain.texts import decode_text
from research_domain.values.source import nested_codes
from research_runner.code.importing import RecordedModule, installed
from research_runner.code.owned import is_extension, is_own_file, is_own_name, own_folders
from research_runner.code.reading import Reading, is_up_to_date
from research_runner.code.watching import source_file

_MOST_OBJECTS: Final = 20_000
_MOST_ITEMS: Final = 1_000
_MOST_ENTRIES: Final = 2_000
"""Entries of a folder without ``__init__.py`` that are looked at: it may be full of data."""

_IMPORT_NAME: Final = dis.opmap["IMPORT_NAME"]
_NO_MODULES: Final = ("__pycache__", "__init__", "__main__", "node_modules")
_ATOMS: Final = frozenset((type(None), bool, int, float, complex, str, bytes, bytearray, range, slice))
_WORD: Final = re.compile(rb"import")
_STATEMENT: Final = re.compile(
    rb"(?:^|[:;])[ \t]*(?:from[ \t]+([\w.\x80-\xff]+)[ \t]+import\b|import[ \t]+([\w. \t,\x80-\xff]+))"
    rb"|(?:import_module|__import__)\([ \t]*f?[\"']([\w.\x80-\xff]+)[\"'{]"
)


def imported_names(source: bytes) -> set[str]:
    r"""Return the first parts of the names that source imports, also inside functions.

    Examples
    --------
    >>> sorted(imported_names(b"import a.b, c as d\nfrom .e import f\ndef g():\n    from h.i import j"))
    ['a', 'c', 'h']
    """
    found: set[str] = set()
    end = 0
    for word in _WORD.finditer(source):
        if word.start() < end:
            continue  # its line has been read
        start = source.rfind(b"\n", 0, word.start()) + 1
        end = source.find(b"\n", word.start())
        end = end if end >= 0 else len(source)
        for whole, listed, dynamic in _STATEMENT.findall(source[start:end]):
            for name in (whole, dynamic, *listed.split(b",")):
                first = decode_text(name.strip().partition(b" ")[0].partition(b".")[0])
                if first.isidentifier():
                    found.add(first)
    return found


def reached_names(values: Iterable[object]) -> set[str]:
    """Return the names of the modules that values refer to, and that code which travels by value imports."""
    names: set[str] = set()
    seen: dict[int, object] = {}
    waiting = deque(values)
    while waiting and len(seen) < _MOST_OBJECTS:
        value = waiting.popleft()
        if type(value) in _ATOMS or id(value) in seen:
            continue
        seen[id(value)] = value
        with contextlib.suppress(Exception):  # whatever an object of the user's raises when it is looked at
            waiting.extend(_parts(value, names))
    return names


def _parts(value: Any, names: set[str]) -> Iterator[object]:
    """Collect the modules that a value refers to, and yield its parts."""
    if isinstance(value, ModuleType):
        names.add(value.__name__)
    elif isinstance(value, FunctionType):
        yield from _parts_of_function(value, names)
    elif isinstance(value, type):
        if _travels_by_value(value.__module__):
            yield from (*value.__bases__, *vars(value).values())
        else:
            names.add(value.__module__)
    elif isinstance(value, dict):
        yield from (each for pair in islice(dict.items(value), _MOST_ITEMS) for each in pair)
        yield type(value)
    elif isinstance(value, list | tuple | set | frozenset | deque):
        yield from islice(value, _MOST_ITEMS)
        yield type(value)
    else:
        yield type(value)
        yield from _attributes(value)


def _parts_of_function(function: FunctionType, names: set[str]) -> Iterator[object]:
    yield from (function.__defaults__, function.__kwdefaults__, function.__dict__)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            continue
    if function.__module__ is not None:
        names.add(function.__module__)
    if not _travels_by_value(function.__module__):
        return
    space = function.__globals__
    for code in nested_codes(function.__code__):
        package = str(space.get("__package__") or "")
        names.update(imports_of(code, package))
        names.update(_spelled_names(code))
        yield from (space[name] for name in code.co_names if name in space)


def _spelled_names(code: CodeType) -> Iterator[str]:
    """Yield the texts in code that may be names, or beginnings of names, of what it imports."""
    if not {"import_module", "__import__"}.isdisjoint(code.co_names):
        texts = (each for each in code.co_consts if isinstance(each, str))
        yield from (text for text in texts if text.partition(".")[0].isidentifier())


def _attributes(value: Any) -> Iterator[object]:
    """Yield the own attributes of an object, and the parts of a wrapper of a function."""
    if isinstance(value, MethodType | classmethod | staticmethod):
        yield from (value.__func__, getattr(value, "__self__", None))
    elif isinstance(value, functools.partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, property):
        yield from (value.fget, value.fset, value.fdel)
    elif isinstance(value, functools._lru_cache_wrapper):
        yield value.__wrapped__
    yield own_attributes(value) or None
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            member = vars(kind).get(name)
            try:
                yield None if member is None else member.__get__(value, kind)
            except (AttributeError, TypeError):
                continue


def own_attributes(value: Any) -> dict[str, Any]:
    """Return the own attributes of an object, without running code of its class."""
    try:
        own = object.__getattribute__(value, "__dict__")
    except (AttributeError, TypeError):
        return {}
    return own if isinstance(own, dict) else {}


def _travels_by_value(name: str | None) -> bool:
    """Whether code of a module is sent itself, because no other process could import the module."""
    module = sys.modules.get(name or "")
    if name is None or module is None or name == "__main__":
        return True
    return is_own_file(source_file(module)) and locate(name.partition(".")[0]) is None


def imports_of(code: CodeType, package: str) -> Iterator[str]:
    """Yield the full names of all that code imports: of modules, and of what it takes from them.

    Relative imports begin at `package`; code inside of the code is not looked at.

    Examples
    --------
    >>> list(imports_of(compile("from ..a import b, c; import d.e", "", "exec"), "p.q"))
    ['p.a', 'p.a.b', 'p.a.c', 'd.e']
    """
    if _IMPORT_NAME not in code.co_code[::2]:
        return
    constants: list[Any] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
            constants.append(instruction.argval)
        elif instruction.opname == "IMPORT_NAME":
            level, taken = constants[-2:]
            base = package.split(".")[: package.count(".") + 2 - level] if level else []
            name = ".".join([*base, *filter(None, [instruction.argval])])
            yield name
            yield from (f"{name}.{each}" for each in taken or ())


def locate(name: str) -> ModuleSpec | None:
    """Return where a module without a parent is, as it is imported here or would be; None if nowhere."""
    finders = (each for each in sys.meta_path if hasattr(each, "find_spec"))
    specs = (finder.find_spec(name, None) for finder in finders)
    try:
        spec = next((spec for spec in specs if spec is not None), None)
    except (ImportError, ValueError, AttributeError):
        return None
    module = sys.modules.get(name)
    if spec is None or module is None:
        return spec
    file = source_file(module)
    return spec if file is None or spec.origin is None or os.path.abspath(spec.origin) == file else None  # noqa: PTH100


def find_modules(names: Iterable[str], reading: Reading) -> dict[str, RecordedModule]:
    """Return the user's own modules among these, those of their packages, and what all of them import."""
    found: dict[str, RecordedModule] = {}
    seen: set[str] = set()
    waiting = [name.partition(".")[0] for name in names]
    while waiting:
        root = waiting.pop()
        if root in seen or not is_own_name(root):
            continue
        seen.add(root)
        for module in _modules_of(root, reading):
            found[module.name] = module
            waiting.extend(imported_names(module.source) - seen)
    return found


def _modules_of(root: str, reading: Reading) -> Iterator[RecordedModule]:
    """Yield a module without a parent, and if it is a package all that is inside of it."""
    finder, inside = installed(), f"{root}."
    known = (
        []
        if finder is None
        else [each for each in finder.modules.values() if f"{each.name}.".startswith(inside)]
    )
    if known and all(map(is_up_to_date, known)):
        yield from known
        return
    located = _located(root)
    found = [] if located is None else list(_walk(root, *located, reading, frozenset()))
    names = {module.name for module in found}
    yield from found
    for name, module in list(sys.modules.items()):
        if name not in names and (name == root or (found and name.startswith(inside))):
            yield from reading.loaded(name, module)


def _located(root: str) -> tuple[str, tuple[str, ...] | None] | None:
    """Return file and folders of one of the user's own modules; None if it is not his own, or nowhere."""
    spec = locate(root)
    if spec is None:
        return None
    file = os.path.abspath(spec.origin) if spec.has_location and spec.origin else ""  # noqa: PTH100
    if file and not is_own_file(file):
        return None
    inside = getattr(sys.modules.get(root), "__path__", None) or spec.submodule_search_locations
    if inside is None:
        return (file, None) if file else None
    folders = tuple(os.path.abspath(folder) for folder in inside)  # noqa: PTH100
    return (file, folders) if own_folders(folders) else None


def _walk(
    name: str, file: str, folders: tuple[str, ...] | None, reading: Reading, around: frozenset[str]
) -> Iterator[RecordedModule]:
    """Yield a module and, if it is a package, all that is inside of it; of a folder of data nothing."""
    own = list(reading.module(name, file, folders))
    inner: dict[str, list[RecordedModule]] = {}
    for folder in own_folders(folders or ()):
        real = os.path.realpath(folder)
        if real in around:  # a link to where it is
            continue
        for stem, path, is_folder in _entries(folder, None if file else reading):
            if inner.get(stem):
                continue
            inner_name, init = f"{name}.{stem}", os.path.join(path, "__init__.py")  # noqa: PTH118
            start = path if not is_folder else init if os.path.exists(init) else ""  # noqa: PTH110
            inside = _folders_of(inner_name, path) if is_folder else None
            inner[stem] = list(_walk(inner_name, start, inside, reading, around | {real}))
    if file or any(inner.values()):
        yield from own
        for modules in inner.values():
            yield from modules


def _folders_of(name: str, path: str) -> tuple[str, ...]:
    """Return where the modules of a package are: a package that is imported may have added other folders."""
    known = getattr(sys.modules.get(name), "__path__", None)
    return (path,) if known is None else tuple(os.path.abspath(folder) for folder in known)  # noqa: PTH100


def _entries(folder: str, reading: Reading | None) -> Iterator[tuple[str, str, bool]]:
    """Yield name, path and whether it is a folder, of what Python could import from a folder.

    What is no regular package may be full of data, so that a reading goes only so far in such folders.
    """
    entries: list[os.DirEntry[str]] = []
    try:
        with os.scandir(folder) as found:
            entries.extend(
                islice(found, None if reading is None else min(_MOST_ENTRIES, reading.entries_left))
            )
    except OSError:
        return
    if reading is not None:
        reading.entries_left -= len(entries)
    names = frozenset(entry.name for entry in entries)
    files = []
    for entry in sorted(entries, key=lambda entry: entry.name):
        stem, dot, suffix = entry.name.partition(".")
        if not stem.isidentifier() or stem in _NO_MODULES:
            continue
        if not dot and entry.is_dir():
            yield stem, entry.path, True
        elif suffix == "py" and not is_extension(stem, names):
            files.append((stem, entry.path, False))
    yield from files
