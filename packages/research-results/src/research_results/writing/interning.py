"""Names and values that recur in many experiments, kept once and referred to by number."""

from __future__ import annotations

import struct
from typing import Any, TypeAlias

from research_domain import Alias, Config, ConfigAlias, digest
from research_domain.alias import is_auxiliary
from research_domain.texts import clean_text
from research_domain.values import lasting_name
from research_results.codec.encoding import describe, encode_value
from research_results.disk.blobs import BLOB_LIMIT_BYTES, Blobs
from research_results.disk.checksums import row_checksum
from research_results.disk.database import Database
from research_results.disk.names import check_name
from research_results.errors import UnstorableError
from research_results.writing.pending import PendingRows

_LIMIT = 100_000
_ITEMS_LIMIT = 10_000
_LAYOUTS = {count: struct.Struct(f"<{count}i") for count in range(1, 33)}
_PLAIN = (int, str, bool, type(None))
_UNCHANGING = (*_PLAIN, float)
_NEWEST_OPTION = """SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'options'), 0),
coalesce((SELECT max(option) FROM options), 0))"""
_FIND_PARAMETER = "SELECT parameter FROM parameters WHERE name = ? AND alias = ? AND auxiliary = ?"
_INSERT_PARAMETER = "INSERT INTO parameters (name, alias, auxiliary) VALUES (?, ?, ?)"
_Key: TypeAlias = tuple[str, str, bool]
_Encoded: TypeAlias = tuple[str, str | None, str | None, bytes]


def stored_blob(blobs: Blobs | None, data: bytes) -> tuple[bytes | None, str | None]:
    """Return data and no blob, or for large data no data and the name of its blob, which is on disk then."""
    if blobs is None or len(data) <= BLOB_LIMIT_BYTES:
        return data, None
    return None, blobs.write(data)


class Interner:
    """Give numbers to variables, parameters and the values of parameters.

    What is remembered here only saves look-ups: it may be forgotten at any time, and is when a transaction is
    rolled back. Without `blobs` large values stay in the database. Rows of values of parameters wait in
    `pending`.
    """

    def __init__(self, database: Database, blobs: Blobs | None, pending: PendingRows) -> None:
        self._database = database
        self._blobs = blobs
        self._pending = pending
        self._newest: int | None = None  # the last number that was given to a value of a parameter
        self._variables: dict[str, int] = {}
        self._parameters: dict[_Key, int] = {}
        self._options: dict[Any, int] = {}
        self._pairs: dict[int, int] = {}
        self._kept: list[object] = []  # those pairs, so that no other gets their id
        self._opaque: dict[int, tuple[Any, _Encoded]] = {}

    def forget(self) -> None:
        """Forget all numbers."""
        self._newest = None
        self._variables.clear()
        self._parameters.clear()
        self._options.clear()
        self._pairs.clear()
        self._kept.clear()

    def variable(self, name: str) -> int:
        """Return the number of a variable."""
        number = self._variables.get(name)
        if number is None:
            check_name("a variable", name)
            execute = self._database.execute
            found = execute("SELECT variable FROM variables WHERE name = ?", (name,)).fetchone()
            number = (
                found[0] if found else execute("INSERT INTO variables (name) VALUES (?)", (name,)).lastrowid
            )
            self._variables[name] = number = int(number or 0)
        return number

    def config(self, config: ConfigAlias) -> bytes:
        """Return the numbers of the items of a config, four bytes each."""
        known, pairs = self._pairs, config.pairs
        numbers: list[Any] = list(map(known.get, map(id, pairs)))
        if None in numbers:
            numbers = [known.get(id(pair)) or self._item(pair) for pair in pairs]
        layout = _LAYOUTS.get(len(numbers)) or struct.Struct(f"<{len(numbers)}i")
        return layout.pack(*numbers)

    def _item(self, pair: tuple[Alias, Any]) -> int:
        """Return the number of an item of a config; the same item is looked up once if it cannot change."""
        key, value = pair
        alias, given = None, False
        if isinstance(value, Alias):
            value, alias, given = value.value, value.alias, value.given
        number = self._option(key, value, alias, given)
        if type(value) in _UNCHANGING:
            if len(self._pairs) >= _ITEMS_LIMIT:
                self._pairs.clear()
                self._kept.clear()
            self._pairs[id(pair)] = number
            self._kept.append(pair)
        return number

    def _parameter(self, key: _Key) -> int:
        number = self._parameters.get(key)
        if number is None:
            execute = self._database.execute
            row = (clean_text(key[0]), clean_text(key[1]), key[2])
            found = execute(_FIND_PARAMETER, row).fetchone()
            number = int((found[0] if found else execute(_INSERT_PARAMETER, row).lastrowid) or 0)
            self._parameters[key] = number
        return number

    def _option(self, name: Alias, value: Any, alias: str | None, given: bool) -> int:
        """Return the number of a value under a key; None for the alias that any value has."""
        key = name.value, name.alias, is_auxiliary(name)
        kind = type(value)
        if kind in _PLAIN:
            token: Any = value
        elif kind is float:
            token = repr(value)
        else:
            token = self._encoded(value)
        identity = (*key, alias, given, kind, token)
        number = self._options.get(identity)
        if number is None:
            if len(self._options) >= _LIMIT:
                self._options.clear()
            encoded = token if type(token) is tuple else self._encoded(value)
            shown = Alias(value).alias if alias is None else alias
            lasting = lasting_name(value)
            who = (digest(value), given, None if lasting is None else clean_text(lasting))
            number = self._insert_option(self._parameter(key), shown, encoded, who)
            self._options[identity] = number
        return number

    def _insert_option(
        self, parameter: int, alias: str, encoded: _Encoded, who: tuple[bytes, bool, str | None]
    ) -> int:
        kind, type_name, text, data = encoded
        stored, blob = stored_blob(self._blobs, data)
        fields = (clean_text(alias), kind, type_name, text)
        identity, given, lasting = who
        checksum = row_checksum((parameter, given), (*fields, blob, identity, lasting), stored)
        if self._newest is None:
            self._newest = int(self._database.execute(_NEWEST_OPTION).fetchone()[0])
        self._newest += 1
        content = stored if stored is None else bytearray(stored)  # see `PendingRows`
        whose = (bytearray(identity), int(given), lasting)
        row = (self._newest, parameter, *fields, content, blob, *whose, checksum)
        self._pending.options += row
        return self._newest

    def _encoded(self, value: Any) -> _Encoded:
        """Return the row of a value; objects that only dill can write are written once."""
        known = self._opaque.get(id(value))
        if known is not None:
            return known[1]
        if isinstance(value, Config):
            value = value.to_dict()
        try:
            encoded = encode_value(value)
        except UnstorableError:
            encoded = ("opaque", *describe(value), b"")
        if encoded[0] in ("dill", "opaque"):
            if len(self._opaque) >= _LIMIT:
                self._opaque.clear()
            self._opaque[id(value)] = (value, encoded)
        return encoded
