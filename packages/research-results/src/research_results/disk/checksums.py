"""Checksums of rows: a flipped bit in a value, or in what says whose it is, is damage and no other value.

A checksum is the CRC-32 of the numbers of a row, as 64-bit integers, of its other fields, each with its index
and length before it, and of its data last.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np

Checksums: TypeAlias = "np.ndarray[Any, np.dtype[np.uint32]]"
Mask: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

CHANGED = "its bytes are not those that were written"
"""What is wrong with a row whose checksum does not fit."""

_POSITION = struct.Struct("<q")
_HEADERS: dict[int, struct.Struct] = {count: struct.Struct(f"<{count}q") for count in range(1, 9)}


def row_checksum(numbers: Sequence[int], fields: tuple[str | bytes | None, ...], data: bytes | None) -> int:
    """Return the checksum of one row, of at most 8 numbers of 64 bits; None is no empty field."""
    checksum = crc32(_HEADERS[len(numbers)].pack(*numbers) + (_RECENT.get(fields) or _joined_fields(fields)))
    return crc32(data, checksum) if data else checksum


def is_intact(checksum: Any, numbers: Sequence[Any], fields: tuple[Any, ...], data: Any) -> bool:
    """Tell whether a row is what was written; one without a checksum, of an older format, passes."""
    try:
        return checksum is None or bool(checksum == row_checksum(numbers, fields, data))
    except (struct.error, TypeError, ValueError):  # of types that nobody writes
        return False


def head_checksums(numbers: Sequence[Any], fields: Sequence[str | bytes | None]) -> Checksums:
    """Return the checksum of each of N rows that share their fields, as it is before their data.

    `numbers` are arrays of int64, length N each.
    """
    tail = _joined_fields(tuple(fields))
    heads = np.column_stack(numbers).astype("<i8", copy=False).view(np.uint8)
    begun = np.full(len(heads), crc32(bytes(heads.shape[1]) + tail), np.uint32)
    effects = _effects(heads.shape[1] + len(tail))
    for place in np.flatnonzero(heads.any(axis=0)).tolist():
        begun ^= effects[-1 - place][heads[:, place]]
    return begun


def intact_rows(joined: bytes, lengths: Any, heads: Checksums, checksums: Any) -> Mask:
    """Tell which of N rows, given their data one after another, have their checksums.

    `heads` are their checksums before the data. Where rows are equally long, the checksum of all the data
    follows from theirs; only where it differs are these rows looked at one by one.
    """
    wanted, length = checksums.astype(np.uint32), int(lengths[0]) if len(lengths) else 0
    if (lengths == length).all() and (wanted == checksums).all():
        data = wanted ^ _changed(heads, _zeros(length))
        if crc32(joined) == _of_all(data, length):
            return np.ones(len(lengths), np.bool_)
    ends = np.cumsum(lengths)
    rows = map(memoryview(joined).__getitem__, map(slice, (ends - lengths).tolist(), ends.tolist()))
    intact: Mask = np.fromiter(map(crc32, rows, heads.tolist()), np.int64, len(lengths)) == checksums
    return intact


def _of_all(checksums: Checksums, length: int) -> int:
    """Return the checksum of parts of one length, one after another, given those of the parts."""
    while len(checksums) > 1:
        if len(checksums) % 2:
            checksums = np.insert(checksums, 0, 0)
        checksums = _changed(checksums[::2], _zeros(length)) ^ checksums[1::2]
        length *= 2
    return int(checksums.sum())


def _changed(checksums: Checksums, effects: Sequence[Checksums]) -> Checksums:
    """Return the effects of the four bytes of each checksum together."""
    first, second, third, last = effects
    ends = first[checksums & 255] ^ second[checksums >> 8 & 255]
    return ends ^ third[checksums >> 16 & 255] ^ last[checksums >> 24]  # type: ignore[no-any-return]


@lru_cache(maxsize=256)
def _zeros(count: int) -> list[Checksums]:
    """Return what so many bytes of zero make of each value of the four bytes of a checksum."""
    if count > 1:
        first = _zeros(count // 2)
        return [_changed(each, _zeros(count - count // 2)) for each in first]
    (last,) = _effects(1)
    values = [np.arange(256, dtype=np.uint32) << np.uint32(8 * place) for place in range(4)]
    return [(each >> np.uint32(8)) ^ last[each & np.uint32(255)] if count else each for each in values]


@lru_cache(maxsize=32)
def _effects(length: int) -> list[Checksums]:
    """Return what each value of a byte changes in a CRC-32, by the number of bytes that follow it.

    Notes
    -----
    Source: a CRC is linear, so the effects of the bytes of a message are combined by XOR. One more byte
    behind acts upon all of them as in D. V. Sarwate, "Computation of cyclic redundancy checks via table
    look-up", Communications of the ACM 31(8), 1988.
    """
    last = np.array([crc32(bytes((value,))) ^ crc32(b"\0") for value in range(256)], np.uint32)
    effects = [last]
    for _ in range(1, length):
        before = effects[-1]
        effects.append((before >> np.uint32(8)) ^ last[before & np.uint32(255)])
    return effects


def _joined_fields(fields: tuple[str | bytes | None, ...]) -> bytes:
    """Return the fields of a row one after another; short ones, which come again, are remembered."""
    joined = b""
    for index, field in enumerate(fields):
        if field is not None:
            content = field.encode("utf-8", "surrogatepass") if isinstance(field, str) else field
            joined += struct.pack("<qq", index, len(content)) + content
    if len(joined) <= _SHORT:
        if len(_RECENT) >= _MANY:
            _RECENT.clear()
        _RECENT[fields] = joined
    return joined


_RECENT: dict[tuple[str | bytes | None, ...], bytes] = {}
_MANY = 1024
_SHORT = 64


def experiment_checksum(position: int, experiment_id: str, config: bytes, digest: bytes | None) -> int:
    """Return the checksum of an experiment: its position, id, config and digest."""
    name = experiment_id.encode("utf-8", "surrogatepass")
    return crc32(name + config + (digest or b""), crc32(_POSITION.pack(position)))
