"""research.json for programs and research.txt for people."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from research_domain.texts import encode_text
from research_results._version import __version__
from research_results.disk.files import kind_of, read_text, write_file
from research_results.disk.schema import FORMAT, MINIMUM_READER
from research_results.errors import ArgumentError, FormatError, NotAResearchError, StorageAccessError

FILE = "research.json"
TEXT = "research.txt"


@dataclass(frozen=True, slots=True)
class Description:
    """What research.json says."""

    format: int = FORMAT
    minimum_reader: int = MINIMUM_READER
    """The version of the layout, and the oldest that can read it."""
    created: str = ""
    """UTC, ISO 8601."""
    written_by: str = f"research-results {__version__}"
    """The version that wrote it last."""
    id: str = ""
    """What tells this research from all others; research.db has it as well. Empty in format 1."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Options, entropy, times: whatever the writer keeps there."""

    def updated(self, values: Mapping[str, Any]) -> Description:
        """Return a copy with more meta, as this version writes it."""
        merged = check_meta({**self.meta, **values})
        return replace(
            self, format=max(self.format, FORMAT), written_by=Description().written_by, meta=merged
        )


def check_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return what JSON keeps of meta; ArgumentError if a value is nothing for JSON."""
    for name, value in meta.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise ArgumentError(f"meta[{name!r}]", f"cannot be written as JSON: {error}") from error
    kept: dict[str, Any] = json.loads(json.dumps(dict(meta)))
    return kept


def now_text() -> str:
    """Return the time as research.json writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def read_description(folder: Path) -> Description:
    """Return what a folder says about itself."""
    try:
        text = read_text(folder / FILE)
    except (FileNotFoundError, NotADirectoryError):
        reason = "it has no research.json" if folder.exists() else "nothing is there"
        raise NotAResearchError(str(folder), reason) from None
    except OSError as error:
        if (kind := kind_of(folder / FILE)) not in ("a file", None):
            raise NotAResearchError(str(folder), f"its research.json is {kind}, not a file") from None
        raise StorageAccessError(str(folder), str(error)) from error
    try:
        content = json.loads(text)
        description = Description(
            format=int(content["format"]),
            minimum_reader=int(content["minimum_reader"]),
            created=str(content.get("created", "")),
            written_by=str(content.get("written_by", "")),
            id=str(content.get("id", "")),
            meta=dict(content.get("meta", {})),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"its research.json is of something else ({type(error).__name__}: {error})"
        raise NotAResearchError(str(folder), reason[:300]) from None
    if description.minimum_reader > FORMAT:
        raise FormatError(str(folder), description.minimum_reader, FORMAT)
    return description


def write_description(folder: Path, description: Description, before: Description | None = None) -> None:
    """Write research.json at once, unless it holds just that."""
    data = _as_json(description)
    if before is None or _as_json(before) != data:
        write_file(folder / FILE, data)


def _as_json(description: Description) -> bytes:
    content = {name: getattr(description, name) for name in Description.__slots__}
    return encode_text(json.dumps(content, indent=2, ensure_ascii=False))


def write_text(folder: Path, description: Description, counts: Mapping[str, int]) -> None:
    """Write research.txt, which explains the folder to people; no program reads it."""
    states = ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"
    lines = [
        f"Research {folder.resolve().name!r}, written by {description.written_by}",
        f"created      {description.created}",
        f"experiments  {states}",
        *(
            f"{name:<12} {json.dumps(value, ensure_ascii=False)[:200]}"
            for name, value in description.meta.items()
        ),
        "",
        "research.db   all values and statuses (SQLite)",
        "blobs         large values",
        "experiments   files that experiments left",
        "env           the environment it ran in",
        "curation.json tags, notes, and experiments that were removed",
        "",
        "Read it with:",
        "    from research_results import ResearchResults",
        f"    ResearchResults({folder.name!r}).df",
        "",
    ]
    write_file(folder / TEXT, encode_text("\n".join(lines)), outlives_power=False)
