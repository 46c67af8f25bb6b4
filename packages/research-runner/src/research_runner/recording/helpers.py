"""What units use of the user's own code: functions, classes and constants, transitively."""

from __future__ import annotations

import dis
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property, partial
from itertools import islice
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from research_domain import Domain
from research_domain.values.source import nested_codes
from research_experiment import ExperimentPlan
from research_runner.code.finding import imports_of, own_attributes
from research_runner.code.importing import RecordedModule
from research_runner.code.owned import is_own_file, is_own_name
from research_runner.code.watching import source_file
from research_runner.recording.fingerprints import code_digest

_PLAIN: Final = (type(None), bool, int, float, complex, str, bytes)
_MOST_ITEMS: Final = 1_000
_STORES: Final = frozenset((dis.opmap["STORE_GLOBAL"], dis.opmap["DELETE_GLOBAL"]))


@dataclass(frozen=True, slots=True)
class Helpers:
    """What each unit uses."""

    # full name of a function, class or constant → hash of it
    digests: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, list[str]] = field(default_factory=dict)  # unit → the names that it uses

    def as_plain(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"digests": dict(self.digests), "units": dict(self.units)}


def find_helpers(plan: ExperimentPlan, domain: Domain, modules: Iterable[RecordedModule] = ()) -> Helpers:
    """Find what the units of a plan, and the update of a domain, use of the user's own code.

    Of recorded modules that are imported inside of functions the whole code counts.
    """
    walk = _Walk(modules)
    items: dict[str, Any] = {item.name: item for item in (*plan.instances, *plan.units)}
    if domain.update_rule is not None:
        items["update_domain"] = domain.update_rule
    units = {name: sorted(walk.from_item(item)) for name, item in items.items()}
    return Helpers(walk.digests, {name: names for name, names in units.items() if names})


def changed_helpers(before: Mapping[str, Any], now: Helpers) -> tuple[str, ...]:
    """Return what differs, in words, of the units that were there before; nothing if nothing was recorded."""
    if not before:
        return ()
    digests, changes = before["digests"], []
    for unit, names in now.units.items():
        known = before["units"].get(unit, [])
        other = [name for name in names if name in known and digests[name] != now.digests[name]]
        changes += [f"{unit!r} uses {name!r}, which has changed" for name in other]
        if not other and unit in before["units"]:
            changes += [f"{unit!r} uses {name!r}, and did not" for name in names if name not in known]
            changes += [f"{unit!r} used {name!r}, and does not" for name in known if name not in names]
    return tuple(changes)


class _Walk:
    """Follows names from code to code; what has been described once is not described again."""

    def __init__(self, modules: Iterable[RecordedModule]) -> None:
        self.digests: dict[str, str] = {}
        self._modules = {module.name: module for module in modules}
        self._uses: dict[int, tuple[Any, list[tuple[str, Any]]]] = {}

    def from_item(self, item: Any) -> set[str]:
        """Return the names of all that a unit uses, besides the functions that it consists of."""
        itself, found = list(_parts_of_item(item)), set()
        seen = {id(value) for value in itself}
        waiting = deque(itself)
        while waiting:
            for name, value in self._used_by(waiting.popleft()):
                if name:
                    found.add(name)
                if id(value) not in seen:
                    seen.add(id(value))
                    waiting.append(value)
        return found

    def _used_by(self, value: Any) -> list[tuple[str, Any]]:
        """Return names and values that a value uses directly; names of its parts are empty."""
        known = self._uses.get(id(value))
        if known is None:
            known = self._uses[id(value)] = (value, list(self._look_into(value)))
        return known[1]

    def _look_into(self, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, RecordedModule):
            compiled = _compiled(value)
            package = value.name if value.folders is not None else value.name.rpartition(".")[0]
            for code in () if compiled is None else nested_codes(compiled):
                yield from self._imports(code, package)
        elif isinstance(value, FunctionType):
            if _is_own(value.__module__):
                yield from self._used_by_function(value)
        elif isinstance(value, type):
            for base in value.__bases__:
                yield from self._named(base.__module__, base.__qualname__, base)
            for member in vars(value).values():
                yield from (("", part) for part in _functions_of(member))
        elif isinstance(value, list | tuple | set | frozenset):
            for each in islice(value, _MOST_ITEMS):
                yield from self._as_helper("", each)
        elif isinstance(value, dict):
            for each in islice(dict.values(value), _MOST_ITEMS):
                yield from self._as_helper("", each)

    def _used_by_function(self, function: FunctionType) -> Iterator[tuple[str, Any]]:
        space, module = function.__globals__, function.__module__
        codes = list(nested_codes(function.__code__))
        names = {name for code in codes for name in code.co_names}
        changing = {name for code in codes for name in _stored(code)}
        for name in sorted(names - changing):
            if name in space and not name.startswith("__"):
                yield from self._of_name(f"{module}.{name}", space[name], names)
        for cell in function.__closure__ or ():
            try:
                yield from self._as_helper("", cell.cell_contents)
            except ValueError:
                continue
        package = str(space.get("__package__") or "")
        for code in codes:
            yield from self._imports(code, package)

    def _of_name(self, name: str, value: Any, names: set[str]) -> Iterator[tuple[str, Any]]:
        """Yield the value of a global, or the attributes of a module that the code may use."""
        if not isinstance(value, ModuleType):
            yield from self._as_helper(name, value)
        elif _is_own(value.__name__):
            for inner in sorted(names & vars(value).keys()):
                found = vars(value)[inner]
                is_inside = isinstance(found, ModuleType) and found.__name__.startswith(f"{value.__name__}.")
                if is_inside or not isinstance(found, ModuleType):
                    yield from self._of_name(f"{value.__name__}.{inner}", found, names)

    def _as_helper(self, name: str, value: Any) -> Iterator[tuple[str, Any]]:
        """Yield a function or class under its own name, a plain value under that of its global."""
        if _is_plain(value):
            if name:
                self.digests.setdefault(name.removeprefix("__main__."), code_digest(value))
                yield name.removeprefix("__main__."), value
            return
        if isinstance(value, list | tuple | set | frozenset | dict):
            yield "", value
            return
        for part in _functions_of(value):
            yield from self._named(part.__module__, part.__qualname__, part)
        if not isinstance(value, type | FunctionType | ModuleType):
            yield from self._named(type(value).__module__, type(value).__qualname__, type(value))

    def _named(self, module: str | None, qualname: str, value: Any) -> Iterator[tuple[str, Any]]:
        if module is not None and _is_own(module):
            name = f"{module}.{qualname}".removeprefix("__main__.")
            self.digests[name] = code_digest(value)
            yield name, value

    def _imports(self, code: CodeType, package: str) -> Iterator[tuple[str, Any]]:
        """Yield the recorded modules that code imports while it runs."""
        for name in imports_of(code, package):
            module = self._modules.get(name)
            if module is not None and module.path:
                if name not in self.digests:
                    self.digests[name] = code_digest(_compiled(module) or module.source)
                yield name, module


def _parts_of_item(item: Any) -> Iterator[Any]:
    """Yield the functions and classes that a unit, instance or rule consists of, also in its arguments."""
    waiting = deque(getattr(item, each.name) for each in fields(item))
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_ITEMS:
        value = waiting.popleft()
        if _is_plain(value) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple | set | frozenset):
            waiting.extend(value)
        elif isinstance(value, partial):
            waiting.extend((value.func, value.args, value.keywords))
        elif is_dataclass(value) and not isinstance(value, type):
            waiting.extend(getattr(value, each.name, None) for each in fields(value))
            yield type(value)
        elif isinstance(value, MethodType):
            yield from (value.__func__, type(value.__self__))
        else:
            yield from _functions_of(value)
            yield type(value)


def _functions_of(value: Any) -> Iterator[Any]:
    """Yield the function or class that a value is, or the functions that it wraps."""
    if isinstance(value, FunctionType | type):
        yield value
    elif isinstance(value, MethodType | classmethod | staticmethod):
        yield from _functions_of(value.__func__)
    elif isinstance(value, property):
        yield from (each for each in (value.fget, value.fset, value.fdel) if isinstance(each, FunctionType))
    elif isinstance(value, partial):
        yield from _functions_of(value.func)
    elif isinstance(value, cached_property):
        yield value.func
    else:  # a cache, or something that was compiled
        own = own_attributes(value)
        yield from (
            own[name] for name in ("__wrapped__", "py_func") if isinstance(own.get(name), FunctionType)
        )


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | frozenset):
        return len(value) <= _MOST_ITEMS and all(map(_is_plain, value))
    return type(value) in _PLAIN


def _is_own(name: str | None) -> bool:
    if name is None or name == "__main__":
        return True
    module = sys.modules.get(name)
    return is_own_name(name) and (module is None or is_own_file(source_file(module)))


def _stored(code: CodeType) -> Iterator[str]:
    """Yield the globals that code assigns to: they are no constants."""
    if _STORES.intersection(code.co_code[::2]):
        stores = (each for each in dis.get_instructions(code) if each.opcode in _STORES)
        yield from (str(instruction.argval) for instruction in stores)


def _compiled(module: RecordedModule) -> CodeType | None:
    """Return the code of a module, None if it is broken."""
    try:
        code: CodeType = compile(module.source, module.path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    return code
