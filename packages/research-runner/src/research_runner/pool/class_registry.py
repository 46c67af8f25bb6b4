"""The registry of classes that travel: module and unique name of each, on both sides of a connection."""

from __future__ import annotations

import functools
import sys
import uuid
import weakref
from types import FunctionType, ModuleType
from typing import Any, Final, TypeAlias

Identity: TypeAlias = tuple[str, str | None, str]
"""A unique name of a class, the module in which it is found (None if in none), its qualified name."""

# Weak, so nothing is kept alive: classes that have their contents, and all classes by their unique names.
_NAMES: Final[weakref.WeakKeyDictionary[type, str]] = weakref.WeakKeyDictionary()
_CLASSES: Final[weakref.WeakValueDictionary[str, type]] = weakref.WeakValueDictionary()

_ARRIVALS: Final[set[str]] = set()
"""Modules of this worker that hold what has arrived."""

_BOUND: Final[set[tuple[str, str]]] = set()
"""Modules and names of what has arrived and is found there."""


def is_importable(value: Any) -> bool:
    """Whether a fresh process finds this function, class or type variable under its name."""
    name = value.__module__
    return name not in ("__main__", "__mp_main__", None) and has_its_name(value) and is_findable(name)


def has_its_name(value: Any) -> bool:
    """Whether a function or class is found in its module, under its name."""
    qualname = getattr(value, "__qualname__", value.__name__)
    return value.__module__ in sys.modules and look_up(value.__module__, qualname) is value


def look_up(module: str, qualname: str) -> Any:
    """Return what an imported module has under a qualified name, None if there is no such thing."""
    found: Any = sys.modules[module]
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


@functools.lru_cache(4096)
def is_findable(name: str) -> bool:
    """Whether a fresh process can import a module that is imported here.

    Test modules and files run by path are in ``sys.modules`` under names that nobody else can import.
    """
    if name in _ARRIVALS:
        return False
    module = sys.modules[name]
    file = getattr(module, "__file__", None)
    if not (file or "").endswith(".py") and not hasattr(module, "__path__"):
        return True  # built in, an extension, or made by one of these
    parent = name.rpartition(".")[0]
    path = getattr(sys.modules.get(parent), "__path__", None)
    if parent and (path is None or not is_findable(parent)):
        return False
    finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
    specs = (find(name, path) for find in finders if find is not None)
    return any(spec is not None and (file is None or spec.origin == file) for spec in specs)


def module_of(value: Any) -> str | None:
    """Return the module in which a value that is not importable is bound to its name, None if in none."""
    name: str = value.__module__
    if has_its_name(value):
        return name
    is_free = name == "__main__" and look_up(name, value.__qualname__) is None
    return name if is_free else None


def accept_arrivals() -> None:
    """In a worker: register what arrives from now on in its module, so that pickle and others find it."""
    _ARRIVALS.add("__main__")


def arrived_modules() -> frozenset[str]:
    """Return the names of modules that a fresh process cannot import, such as the main one."""
    return frozenset({"__main__", *_ARRIVALS})


def bind_name(thing: type | FunctionType, module: str | None, qualname: str) -> None:
    """In a worker, bind something that has arrived to its name in its module, if nothing else has taken it.

    A fork has the script's own things under their names; what arrives takes their place, so that it can be
    pickled by name.
    """
    if module is None or not _ARRIVALS or not qualname.isidentifier():
        return
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        name = ".".join(parts[:end])
        if name not in sys.modules:
            sys.modules[name] = ModuleType(
                name, "What has arrived from a module that cannot be imported here."
            )
            _ARRIVALS.add(name)
    if qualname not in vars(sys.modules[module]) or (module, qualname) not in _BOUND:
        vars(sys.modules[module])[qualname] = thing
        _BOUND.add((module, qualname))


def identify(cls: type) -> Identity:
    """Return the identity under which the other side knows a class that is sent."""
    name = _NAMES.setdefault(cls, uuid.uuid4().hex)
    _CLASSES[name] = cls
    return name, module_of(cls), cls.__qualname__


def find_known(identity: Identity) -> type | None:
    """Return the class that is already here, None if it has to be made."""
    name, module, qualname = identity
    known = _CLASSES.get(name)
    if known is None and module in sys.modules and _ARRIVALS:
        found = look_up(module, qualname)  # a fork has it from its parent
        has_arrived = any(found is cls for cls in _CLASSES.values())
        if isinstance(found, type) and not has_arrived:
            _CLASSES[name] = known = found
            _NAMES[found] = name
    return known


def register_class(identity: Identity, cls: type) -> type:
    """Note a class that was just made and has no contents yet."""
    name, module, qualname = identity
    _CLASSES[name] = cls
    bind_name(cls, module, qualname)
    return cls


def needs_contents(identity: Identity, cls: type) -> bool:
    """Note that a class is about to get its contents; whether it needs them."""
    if cls in _NAMES:
        return False
    _NAMES[cls] = identity[0]
    return True
