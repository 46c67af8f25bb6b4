"""The standard `dataclass`, in a quarter of the time for frozen classes with slots, a third of our imports.

The standard library compiles each method of each class on its own. Here that is done for ``__init__``; other
methods are functions over the fields, and everything else is what the standard library makes of the class.
"""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import MISSING, Field, FrozenInstanceError, field, fields, replace
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Final, NoReturn

__all__ = ["dataclass", "field", "fields", "replace"]

_OWN: Final = {"__init__", "__repr__", "__eq__", "__hash__", "__getstate__", "__setstate__"}
"""Methods that are left to the standard library where a class has one of them itself."""


def _dataclass(cls: Any = None, /, **options: Any) -> Any:
    if cls is None:
        return lambda cls: _dataclass(cls, **options)
    is_usual = options.get("frozen") and options.get("slots") and options.keys() <= {"frozen", "slots", "eq"}
    is_derived = any(hasattr(base, "__dataclass_fields__") for base in cls.__bases__)
    told = [each for each in vars(cls).values() if isinstance(each, Field)]
    is_usual = is_usual and all(each.init and each.kw_only is MISSING for each in told)
    if not is_usual or is_derived or not cls.__doc__ or _OWN & vars(cls).keys():
        return dataclasses.dataclass(cls, **options)
    made: Any = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=True)
    params = made.__dataclass_params__
    params.init = params.repr = params.frozen = True
    made.__init__, made.__repr__ = _init(made), _represent
    made.__setattr__, made.__delattr__ = _refuse, _refuse_to_delete
    made.__getstate__, made.__setstate__ = _STANDARD.__getstate__, _STANDARD.__setstate__
    if options.get("eq", True):
        params.eq = True
        key = _getter([each.name for each in fields(made) if each.compare])
        made.__eq__ = lambda self, other: (
            key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented
        )
        made.__hash__ = lambda self: hash(key(self))
    return made


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _dataclass


def _init(cls: Any) -> Any:
    """Return the method ``__init__``, compiled."""
    given: dict[str, Any] = {"_put": object.__setattr__, "_new": _FACTORY}
    parameters, lines = ["self"], []
    for each in fields(cls):
        name, value = each.name, each.name
        if each.default is not MISSING:
            given[f"_default_{name}"] = each.default
            name += f"=_default_{name}"
        elif each.default_factory is not MISSING:
            given[f"_make_{name}"] = each.default_factory
            value = f"_make_{name}() if {name} is _new else {name}"
            name += "=_new"
        parameters.append(name)
        lines.append(f"  _put(self, {each.name!r}, {value})\n")
    lines.append("  self.__post_init__()\n" if hasattr(cls, "__post_init__") else "  pass\n")
    head = f"def make({', '.join(given)}):\n def __init__({', '.join(parameters)}):\n"
    space: dict[str, Any] = {}
    exec(f"{head}{''.join(lines)} return __init__", vars(sys.modules[cls.__module__]), space)  # noqa: S102
    init = space["make"](**given)
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {**{each.name: each.type for each in fields(cls)}, "return": None}
    return init


def _getter(names: list[str]) -> Any:
    return (
        attrgetter(*names)
        if len(names) > 1
        else lambda value: tuple([getattr(value, each) for each in names])
    )


@recursive_repr()
def _represent(self: Any) -> str:
    shown = ", ".join([f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr])
    return f"{self.__class__.__qualname__}({shown})"


def _refuse(self: Any, name: str, value: Any) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


_STANDARD: Final[Any] = dataclasses.make_dataclass("_Standard", (), frozen=True, slots=True)
"""Has the methods for pickling, which are the same for all frozen classes with slots."""

_FACTORY: Final = type("_Factory", (), {"__repr__": lambda _: "<factory>"})()
