"""The base of errors that carry their data."""

from __future__ import annotations

from typing import Any, ClassVar, dataclass_transform

__all__ = ["DataError"]

_REQUIRED = object()


@dataclass_transform(eq_default=False)
class DataError(Exception):
    """An error whose annotated attributes are the parameters of its constructor, in that order.

    A subclass declares what it carries and writes its message in ``__str__``. It can be pickled, whatever
    else it derives from. A subclass that declares nothing takes a message, as any exception.

    Raises
    ------
    TypeError
        If it is made without one of its attributes, or with something else.

    Examples
    --------
    >>> class MissingFileError(DataError, FileNotFoundError):
    ...     path: str
    ...     hint: str = "check its name"
    ...
    ...     def __str__(self):
    ...         return f"there is no {self.path}; {self.hint}"
    >>> error = MissingFileError("data.csv")
    >>> print(error, error.args)
    there is no data.csv; check its name ('data.csv', 'check its name')
    """

    _carried: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = vars(cls).get("__annotations__", ())
        cls._carried = cls._carried | {name: vars(cls).get(name, _REQUIRED) for name in own}

    def __init__(self, *values: Any, **named: Any) -> None:
        if not self._carried:
            super().__init__(*values, **named)
            return
        given = dict(zip(self._carried, values, strict=False)) | named
        attributes = self._carried | given
        known = len(given) == len(values) + len(named) and attributes.keys() == self._carried.keys()
        if not known or any(value is _REQUIRED for value in attributes.values()):
            takes = ", ".join(self._carried)
            raise TypeError(f"{type(self).__name__} takes {takes}; got {values!r} and {named!r}")
        for name, value in attributes.items():
            setattr(self, name, value)
        self.args = tuple(attributes.values())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args, self.__dict__
