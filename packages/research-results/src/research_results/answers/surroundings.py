"""Code and environment of researches, side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from research_results.disk.files import read_text
from research_results.reading.selected import Selected
from research_results.reading.together import Member
from research_results.reading.versions import versions_in

Row: TypeAlias = tuple[str, tuple[tuple[str, ...], ...]]
"""What something is called, and for each side the values that it has there, none, one or several."""


class Facts(NamedTuple):
    """What differs between sides, besides variables: rows of each kind."""

    parameters: Sequence[Row]
    code: Sequence[Row]
    environment: Sequence[Row]


_PLACES = "SELECT key, host, device, code FROM experiments ORDER BY position, key"
_DIGITS = 12


def code_rows(selected: Selected, parts: Sequence[Member]) -> list[Row]:
    """Return the version of the code, units and modules of each side, as far as they differ."""
    _, _, versions = _places(selected, len(parts))
    rows: list[Row] = [("version", tuple(versions))]
    if len(set(versions)) == 1:
        return []
    units = [_mapping(part.reader.meta.get("units")) for part in parts]
    modules = [
        _merged(_modules(part.reader.path, version) for version in own)
        for part, own in zip(parts, versions, strict=True)
    ]
    return [*rows, *_different("unit", [_merged([own]) for own in units]), *_different("", modules)]


def environment_rows(selected: Selected, parts: Sequence[Member]) -> list[Row]:
    """Return options of `run`, seeds, hosts, devices and versions of each side, as far as they differ."""
    hosts, devices, _ = _places(selected, len(parts))
    rows = [("host", tuple(hosts)), ("device", tuple(devices))]
    metas = [part.reader.meta for part in parts]
    options = [_merged([_mapping(meta.get("options"))]) for meta in metas]
    if any(meta.get("seed_given") for meta in metas):  # else each run has drawn its own
        rows.append(("seed", tuple(_texts([meta.get("entropy")]) for meta in metas)))
    versions = [versions_in(meta) for meta in metas]
    rows += [
        (name, tuple(_texts([getattr(each, name) for each in own]) for own in versions))
        for name in ("python", "platform", "commit")
    ]
    packages = [_merged(each.packages for each in own) for own in versions]
    found = [row for row in rows if len(set(row[1])) > 1]
    everywhere = set(packages[0]).intersection(*packages[1:])  # others may just not have been imported yet
    shared = [{name: own[name] for name in own if name in everywhere} for own in packages]
    return [*_different("", options), *found, *_different("", shared)]


def _places(selected: Selected, count: int) -> list[list[tuple[str, ...]]]:
    """Return hosts, devices and versions of the code on each side."""
    owners, columns = selected.rows(_PLACES)
    researches = selected.experiments.researches
    sides = [0] * len(owners) if researches is None else researches[owners].tolist()
    found = []
    for column in columns:
        own: list[dict[str, None]] = [{} for _ in range(count)]
        for side, value in zip(sides, column, strict=True):
            if value:
                own[side][str(value)] = None
        found.append([tuple(values) for values in own])
    return found


def _modules(folder: Path | None, version: str) -> Mapping[str, Any]:
    """Return the digest of each module of a version of the code; nothing if it is not kept."""
    if folder is None or not version.isalnum():
        return {}
    try:
        listed = json.loads(read_text(folder / "code" / f"{version}.json"))["modules"]
        return {_title(each): each["content"][:_DIGITS] for each in listed if each["content"]}
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return {}


def _title(module: Mapping[str, str]) -> str:
    if module["name"] == "__main__":
        return f"script {Path(module['path']).name}"
    return f"module {module['name']}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _merged(given: Iterator[Mapping[str, Any]] | Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return for each name the values that it has in some mappings."""
    merged: dict[str, list[Any]] = {}
    for each in given:
        for name, value in each.items():
            merged.setdefault(str(name), []).append(value)
    return {name: _texts(values) for name, values in merged.items()}


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    """Return distinct known values as texts."""
    return tuple(dict.fromkeys(str(value) for value in values if value not in (None, "")))


def _different(kind: str, sides: Sequence[Mapping[str, tuple[str, ...]]]) -> list[Row]:
    """Return the names under which the sides have different values."""
    names = dict.fromkeys(name for own in sides for name in own)
    rows = [(f"{kind} {name}".strip(), tuple(own.get(name, ()) for own in sides)) for name in names]
    return [row for row in rows if len(set(row[1])) > 1]
