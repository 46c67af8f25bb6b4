"""Versions of Python, of packages and of the repository that a research ran with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Versions:
    """The environment of a run, and of later runs until it changed.

    Attributes
    ----------
    since : str
        When the first of these runs began, UTC in ISO 8601.
    python : str
        Version of Python.
    platform : str
        The operating system.
    packages : mapping of str to str
        Version of each package that was imported when the run began.
    commit : str
        The commit of the repository in which it ran; empty if there was none, or unknown.
    is_changed : bool
        Whether tracked files differed from the commit.
    """

    since: str
    python: str = ""
    platform: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""
    is_changed: bool = False


def versions_in(meta: Mapping[str, Any]) -> tuple[Versions, ...]:
    """Return the valid records of versions of a research."""
    records = meta.get("versions")
    given = records if isinstance(records, list) else []
    return tuple(_parsed(each) for each in given if isinstance(each, dict))


def _parsed(record: Mapping[str, Any]) -> Versions:
    packages = record.get("packages")
    texts = {name: str(record.get(name) or "") for name in ("since", "python", "platform", "commit")}
    known = packages if isinstance(packages, dict) else {}
    return Versions(
        **texts,
        packages={str(name): str(version) for name, version in known.items()},
        is_changed=bool(record.get("is_changed")),
    )
