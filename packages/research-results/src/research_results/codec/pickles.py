"""The one module that pickles and unpickles values; nothing else here runs code from a folder."""

from __future__ import annotations

import io
import sys
import warnings
from dataclasses import dataclass, field
from typing import Any

from research_results.errors import PickleRefusedError

_FILES = (io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.FileIO)


@dataclass(frozen=True, slots=True)
class Opaque:
    """A stand-in for a value that only code could bring back.

    Attributes
    ----------
    type_name : str
        The type that the value had, ``module.qualname``.
    text : str
        The beginning of its ``repr``.
    data : bytes
        The value serialised by dill.
    value_digest : bytes, optional
        What the value is, for filters: see :func:`research_domain.digest`.

    Examples
    --------
    >>> Opaque('models.Net', '<Net of 3 layers>', b'...')
    Opaque(type_name='models.Net', text='<Net of 3 layers>')
    """

    type_name: str
    text: str
    data: bytes = field(repr=False)
    value_digest: bytes | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return self.text

    def load(self, *, allow_pickle: bool = False) -> Any:
        """Bring the value back by running the code that its bytes ask for.

        Parameters
        ----------
        allow_pickle : bool
            Must be True: you trust the origin of the folder.

        Returns
        -------
        object
            The value.

        Raises
        ------
        PickleRefusedError
            Unless `allow_pickle` is True.
        """
        if allow_pickle is not True:
            raise PickleRefusedError(self.type_name)
        return unpickle_value(self.data)


def pickle_value(value: Any) -> bytes:
    """Pickle a value with dill: with the code of its class, or else by the name of the class."""
    import dill  # only opaque values pay for it

    class Pickler(dill.Pickler):  # type: ignore[misc]
        def reducer_override(self, part: Any) -> Any:
            if isinstance(part, _FILES):
                raise TypeError("a file is not a value, reading it would open it anew; save what is in it")
            return NotImplemented

    def dumps(**options: Any) -> bytes:
        buffer = io.BytesIO()
        Pickler(buffer, **options).dump(value)
        return buffer.getvalue()

    with warnings.catch_warnings():
        warnings.simplefilter("error", dill.PicklingWarning)
        try:
            return dumps(recurse=True)
        except Exception:  # noqa: BLE001 - enums of a script fail here and pass below
            warnings.simplefilter("ignore", dill.PicklingWarning)
            return dumps()


def unpickle_value(data: bytes) -> Any:
    """Unpickle a value; the caller has checked that this is allowed.

    dill carries the classes of a script with their code. Where the script that reads has a class of that name
    itself, its own class is meant.
    """
    import dill
    from dill._dill import _create_type

    def own_or_new(kind: type, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
        own: Any = getattr(sys.modules["__main__"], name, None)
        if isinstance(own, type) and isinstance(own, kind) and namespace.get("__module__") == "__main__":
            return own
        return _create_type(kind, name, bases, namespace)  # type: ignore[no-any-return]

    class Unpickler(dill.Unpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) == ("dill._dill", "_create_type"):
                return own_or_new
            return super().find_class(module, name)

    return Unpickler(io.BytesIO(data)).load()
