"""The file curation.json: tags, notes and removals of experiments."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from research_domain.texts import encode_text
from research_results.disk.files import read_text, write_file
from research_results.disk.lock import WriteLock, in_turn
from research_results.disk.sqlite_errors import translating
from research_results.errors import DamagedError, LockedError

FILE = "curation.json"
_LOCK = "curation.lock"
_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Remarks:
    """Tags and note of an experiment, or of a whole research."""

    tags: tuple[str, ...] = ()
    """Sorted."""
    note: str = ""
    """Empty if there is none."""
    removed: str = ""
    """When the experiment was removed, UTC in ISO 8601; empty if it was not."""
    is_gone: bool = False
    """Whether its values have been deleted for good."""


NONE = Remarks()


@dataclass(frozen=True, slots=True)
class Curation:
    """What people have said of a research and its experiments."""

    research: Remarks = NONE
    """Of the whole."""
    experiments: Mapping[str, Remarks] = field(default_factory=dict)
    """Of experiments, for those of which something was said."""

    @property
    def removed(self) -> frozenset[str]:
        """The experiments that were removed."""
        return frozenset(name for name, remarks in self.experiments.items() if remarks.removed)

    def with_remarks(self, ids: Iterable[str] | None, change: Callable[[Remarks], Remarks]) -> Curation:
        """Return a copy with other remarks on some experiments, or with None on the research."""
        if ids is None:
            return replace(self, research=change(self.research))
        changed = {name: change(self.experiments.get(name, NONE)) for name in ids}
        kept = {name: each for name, each in {**self.experiments, **changed}.items() if each != NONE}
        return replace(self, experiments=kept)


class MemoryCuration:
    """Curation of results in memory."""

    def __init__(self) -> None:
        self._now = Curation()

    def read(self) -> Curation:
        """Return what has been said so far."""
        return self._now

    def edit(self, change: Callable[[Curation], Curation]) -> None:
        """Change what has been said."""
        self._now = change(self._now)


class FolderCuration:
    """Curation in curation.json, which has its own lock, so that it works during a run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> Curation:
        """Return what has been said so far; DamagedError if the file holds something else."""
        path = self._folder / FILE
        try:
            content = json.loads(read_text(path))
            return Curation(
                _parsed(content["research"]),
                {str(name): _parsed(each) for name, each in dict(content["experiments"]).items()},
            )
        except FileNotFoundError:
            return Curation()
        except OSError as error:
            raise DamagedError(f"{str(path)!r}", f"cannot be read: {error.strerror}") from error
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise DamagedError(f"{str(path)!r}", f"{type(error).__name__}: {error}"[:300]) from None

    def edit(self, change: Callable[[Curation], Curation]) -> None:
        """Change what has been said; LockedError if another process takes too long over its own change."""
        lock = WriteLock(self._folder / _LOCK)
        with translating(self._folder):
            in_turn(lock.acquire, _WAIT_S, LockedError)
            try:
                now = change(self.read())
                content = {
                    "format": 1,
                    "research": _described(now.research),
                    "experiments": {name: _described(each) for name, each in now.experiments.items()},
                }
                text = json.dumps(content, indent=1, ensure_ascii=False)
                write_file(self._folder / FILE, encode_text(text))
            finally:
                lock.release()


Curated: TypeAlias = FolderCuration | MemoryCuration
"""Where what people have said is kept."""


def _described(remarks: Remarks) -> dict[str, Any]:
    """Return the remarks that are not empty."""
    return {name: value for name, value in asdict(remarks).items() if value}


def _parsed(content: Mapping[str, Any]) -> Remarks:
    return Remarks(
        tuple(map(str, content.get("tags", ()))),
        str(content.get("note", "")),
        str(content.get("removed", "")),
        bool(content.get("is_gone", False)),
    )
