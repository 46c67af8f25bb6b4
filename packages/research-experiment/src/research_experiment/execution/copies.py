"""Copies of values that can change: what a unit is given, what it saves, what a root hands over.

A copier copies each object once, so that what is one object in the originals is one object in the copies.
What cannot change (numbers, text, functions, classes) is passed on as it is, and so is what cannot be copied.
"""

from __future__ import annotations

import copy
import datetime
import decimal
import fractions
import pathlib
import re
import sys
import types
import uuid
import weakref
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

LARGE_BYTES: Final = 1_000_000
"""Arrays of more bytes are shared, read-only, where copies would be made for each experiment."""

UNCHANGING: Final[set[type]] = {
    *(type(None), bool, int, float, complex, str, bytes, range, type, types.EllipsisType),
    *(types.FunctionType, types.BuiltinFunctionType, types.ModuleType, types.MethodWrapperType),
    *(types.MethodDescriptorType, types.WrapperDescriptorType, weakref.ref, re.Pattern),
    *(decimal.Decimal, fractions.Fraction, uuid.UUID, datetime.date, datetime.time, datetime.timedelta),
    *(datetime.datetime, datetime.timezone, type(pathlib.PurePath()), type(pathlib.Path())),
}
"""Types whose objects never change; those of NumPy are added when the first of its values is seen."""


def is_unchanging(value: Any) -> bool:
    """Whether a value is known never to change; asked for everything that is saved."""
    kind = type(value)
    if kind in UNCHANGING or (kind is tuple and UNCHANGING.issuperset(map(type, value))):
        return True
    return kind.__module__ == "numpy" and _learn_numpy() and kind in UNCHANGING


class Copier:
    """Copies values; each object once, for as long as the copier lives.

    Unless `whole`, only containers and arrays are copied, and the other objects in them shared. Arrays of
    more than `large_bytes` become read-only views of the original; frames are copied as late as pandas can.

    Examples
    --------
    >>> shared = [1]
    >>> first, second = Copier().copy([shared, shared])
    >>> first is second, first is shared
    (True, False)
    """

    __slots__ = ("_large_bytes", "_memo", "_originals", "_shared", "_whole")

    def __init__(self, *, whole: bool = True, large_bytes: int | None = None) -> None:
        self._whole = whole
        self._large_bytes = large_bytes
        self._memo: dict[int, Any] = {}
        self._originals: list[Any] = []  # kept alive, so that no id is used twice
        self._shared: set[int] = set()

    def copy(self, value: Any) -> Any:
        """Return the copy of a value, or the value itself where it cannot change or cannot be copied."""
        if type(value) in UNCHANGING:
            return value
        known = len(self._memo)
        try:
            return self._copy(value)
        except Exception:  # noqa: BLE001 - a user's object may raise anything, and is shared then
            return self._share(value, known)

    def forget(self) -> None:
        """Release all originals and copies."""
        self._memo.clear()
        self._originals.clear()
        self._shared.clear()

    def _copy(self, value: Any) -> Any:
        kind = type(value)
        key = id(value)
        if kind in UNCHANGING or key in self._shared:
            return value
        if key in self._memo:
            return self._memo[key]
        method = _METHODS.get(kind)
        if method is not None:
            return method(self, value)
        if kind.__module__ == "numpy" and _learn_numpy():
            return self._copy(value)
        if _is_frame(value):
            return self._copy_frame(value)
        if not self._whole or (isinstance(value, tuple) and hasattr(value, "_fields")):
            return self._copy_container(value)
        return self._copy_object(value)

    def _keep(self, original: Any, twin: Any) -> Any:
        self._originals.append(original)
        self._memo[id(original)] = twin
        return twin

    def _share(self, value: Any, known: int) -> Any:
        """Discard the copies of an attempt, and use the original again."""
        while len(self._memo) > known:
            self._memo.popitem()
        self._originals.append(value)
        self._shared.add(id(value))
        return value

    def _copy_object(self, value: Any) -> Any:
        known = len(self._memo)
        try:
            for thing in _never_copied(value):
                self._keep(thing, thing)
            twin = copy.deepcopy(value, self._memo)
        except Exception:  # noqa: BLE001 - as in `copy`; the container around it is copied nevertheless
            return self._share(value, known)
        return twin if type(twin) is type(value) else self._share(value, known)

    def _copy_container(self, value: Any) -> Any:
        """Copy a container of a derived type, or an array of any library; return any other object."""
        match value:
            case dict():
                twin = self._keep(value, copy.copy(value))
                for name, item in value.items():
                    dict.__setitem__(twin, name, self._copy(item))
                return twin
            case list() | deque():
                twin = self._keep(value, copy.copy(value))
                for index, item in enumerate(value):
                    twin[index] = self._copy(item)
                return twin
            case tuple() if hasattr(value, "_fields"):
                return self._keep(value, type(value)(*[self._copy(item) for item in value]))
            case set() | bytearray():
                return self._keep(value, copy.copy(value))
        return self._copy_object(value) if hasattr(type(value), "__array__") else value

    def _copy_list(self, value: list[Any]) -> list[Any]:
        if UNCHANGING.issuperset(map(type, value)):
            return self._keep(value, value.copy())  # type: ignore[no-any-return]
        twin: list[Any] = self._keep(value, [])
        twin.extend([self._copy(item) for item in value])
        return twin

    def _copy_dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        twin: dict[Any, Any] = self._keep(value, {})
        for name, item in value.items():
            twin[self._copy(name)] = self._copy(item)
        return twin

    def _copy_tuple(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if UNCHANGING.issuperset(map(type, value)):
            return value
        items = tuple([self._copy(item) for item in value])
        if id(value) in self._memo:  # it is part of itself
            return self._memo[id(value)]  # type: ignore[no-any-return]
        changed = any(new is not old for new, old in zip(items, value, strict=True))
        return self._keep(value, items if changed else value)  # type: ignore[no-any-return]

    def _copy_set(self, value: set[Any]) -> set[Any]:
        return self._keep(value, {self._copy(item) for item in value})  # type: ignore[no-any-return]

    def _copy_frozenset(self, value: frozenset[Any]) -> frozenset[Any]:
        if UNCHANGING.issuperset(map(type, value)):
            return value
        return self._keep(value, frozenset([self._copy(item) for item in value]))  # type: ignore[no-any-return]

    def _copy_bytearray(self, value: bytearray) -> bytearray:
        return self._keep(value, bytearray(value))  # type: ignore[no-any-return]

    def _copy_array(self, value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if value.dtype == object:
            twin = self._keep(value, value.copy())
            flat = twin.reshape(-1)
            for index, item in enumerate(value.flat):
                flat[index] = self._copy(item)
            return twin  # type: ignore[no-any-return]
        if value.dtype.hasobject:
            return self._copy_object(value)  # type: ignore[no-any-return]
        if self._large_bytes is not None and value.nbytes > self._large_bytes:
            view = value.view()
            view.flags.writeable = False
            return self._keep(value, view)  # type: ignore[no-any-return]
        return self._keep(value, value.copy(order="K"))  # type: ignore[no-any-return]

    def _copy_frame(self, value: Any) -> Any:
        """Copy a frame or series of pandas with the objects in its cells."""
        late = self._large_bytes is not None and _copies_on_write()
        twin = self._keep(value, value.copy(deep=not late))
        if value.ndim == 1:
            return self._keep(value, self._copy_cells(value)) if _has_objects(value) else twin
        for position, kind in enumerate(value.dtypes):
            if kind.kind == "O" and _has_objects(column := value.iloc[:, position]):
                twin.isetitem(position, self._copy_cells(column))
        return twin

    def _copy_cells(self, column: Any) -> Any:
        import numpy as np

        cells = np.empty(len(column), object)
        for index, item in enumerate(column):
            cells[index] = self._copy(item)
        twin = column.copy()
        twin[:] = cells
        return twin

    def _copy_method(self, value: types.MethodType) -> Any:
        owner = self._copy(value.__self__) if self._whole else value.__self__
        return (
            value if owner is value.__self__ else self._keep(value, types.MethodType(value.__func__, owner))
        )

    def _copy_partial(self, value: partial[Any]) -> Any:
        if not self._whole:
            return value
        twin = partial(
            self._copy(value.func),
            *[self._copy(item) for item in value.args],
            **{name: self._copy(item) for name, item in value.keywords.items()},
        )
        return self._keep(value, twin)


_METHODS: Final[dict[type, Callable[[Copier, Any], Any]]] = {
    list: Copier._copy_list,
    dict: Copier._copy_dict,
    tuple: Copier._copy_tuple,
    set: Copier._copy_set,
    frozenset: Copier._copy_frozenset,
    bytearray: Copier._copy_bytearray,
    types.MethodType: Copier._copy_method,
    partial: Copier._copy_partial,
    **dict.fromkeys((OrderedDict, Counter, defaultdict, deque), Copier._copy_container),
}


def _learn_numpy() -> bool:
    """Add the types of NumPy to the tables; whether they were not there. A value of it implies its import."""
    import numpy as np

    if np.ndarray in _METHODS:
        return False
    UNCHANGING.update({np.ufunc, *np.sctypeDict.values()})
    UNCHANGING.difference_update((np.object_, np.void))
    _METHODS.update({np.ndarray: Copier._copy_array, np.memmap: Copier._copy_array})
    return True


_NEVER_COPIED: Final = (
    ("multiprocessing.managers", "BaseProxy"),
    ("multiprocess.managers", "BaseProxy"),
    ("batchflow.named_expr", "NamedExpression"),
)
"""Modules and classes of what a deep copy would spoil.

Proxies of managers stand for what processes share on purpose; a deep copy has what they stand for now.
Expressions of batchflow never change, and answer for every attribute, ``__deepcopy__`` as well.
"""


def _never_copied(value: Any) -> list[Any]:
    """Return the objects in an object that copies of it have as they are."""
    loaded = [(sys.modules.get(module), name) for module, name in _NEVER_COPIED]
    kinds = tuple(getattr(module, name) for module, name in loaded if hasattr(module, name))
    found: list[Any] = []
    waiting, seen = [value] if kinds else [], set()
    while waiting:
        thing = waiting.pop()
        if type(thing) in UNCHANGING or isinstance(thing, type) or id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, kinds):
            found.append(thing)
        elif isinstance(thing, dict):
            waiting.extend(thing.values())
        elif isinstance(thing, list | tuple | set | frozenset | deque):
            waiting.extend(thing)
        else:
            waiting.extend(getattr(thing, "__dict__", {}).values())
    return found


def _is_frame(value: Any) -> bool:
    """Whether a value is a frame or series of pandas, without importing pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame | pandas.Series)


def _copies_on_write() -> bool:
    """Whether frames of pandas that share their data never see each other's changes."""
    return int(sys.modules["pandas"].__version__.partition(".")[0]) >= 3


def _has_objects(column: Any) -> bool:
    """Whether there are objects in the cells of a column that can change."""
    return column.dtype == object and not UNCHANGING.issuperset(map(type, column))


def snapshot(value: Any) -> Any:
    """Return a value as it is now, whatever happens to the original; itself if it cannot be copied."""
    return Copier().copy(value)


def separate(value: Any, large_bytes: int | None = None) -> Any:
    """Return containers and arrays of one's own, with the other objects in them shared; see `Copier`."""
    return Copier(whole=False, large_bytes=large_bytes).copy(value)
