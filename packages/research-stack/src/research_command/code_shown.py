"""The recorded code of a research as text: its versions, their modules, and what differs between them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from importlib.util import decode_source
from itertools import pairwise
from pathlib import Path
from typing import Any

from research_command.progress import iso_time
from research_domain.texts import decode_text
from research_results import ResearchResults
from research_runner import NoCodeError
from research_runner.recording.code import Version, versions_of


def code_text(name: str) -> Iterator[str]:
    """Yield what is known of all versions of the code of a folder, and the modules of the last one."""
    parts = code_parts(name)
    for part in parts:
        count, recorded = part["experiments"], part["recorded"].replace("T", " ").removesuffix("+00:00")
        yield (
            f"version {part['version']}: {count} experiment{'' if count == 1 else 's'}, "
            f"recorded {recorded} UTC, Python {part['python']}"
        )
    for title, text in parts[-1]["modules"].items():
        yield f"\n# {title}\n{text.rstrip()}"


def code_parts(name: str) -> list[dict[str, Any]]:
    """Return the versions of the code of a folder in their order, each with its modules by their titles."""
    versions = _versions(name)
    counts = ResearchResults(name).experiments["code"].value_counts()
    return [
        {
            "version": version.name,
            "experiments": int(counts.get(version.name, 0)),
            "recorded": iso_time(version.recorded),
            "python": version.python,
            "modules": _texts(version),
        }
        for version in versions
    ]


def diff_text(name: str) -> Iterator[str]:
    """Yield what differs from each version of the code to the next, and from the last to the files."""
    versions = _versions(name)
    now = {
        _title(module.name, module.path): _read(Path(module.path))
        for module in versions[-1].code.modules
        if module.path
    }
    states = [(f"version {version.name}", _texts(version)) for version in versions]
    for (before, old), (after, new) in pairwise([*states, ("now", now)]):
        for title in sorted({*old, *new}):
            yield from difflib.unified_diff(
                old.get(title, "").splitlines(),
                new.get(title, "").splitlines(),
                *(f"{title} in {before}", f"{title} {'' if after == 'now' else 'in '}{after}"),
                lineterm="",
            )


def _versions(name: str) -> list[Version]:
    path = ResearchResults(name).path
    versions = [] if path is None else versions_of(path)
    if not versions:
        raise NoCodeError(name)
    return versions


def _texts(version: Version) -> Mapping[str, str]:
    """Return the text of each module and of the script by their titles."""
    modules = (module for module in version.code.modules if module.path)
    return {_title(module.name, module.path): _decoded(module.source) for module in modules}


def _title(name: str, path: str) -> str:
    return f"{name} ({path})"


def _decoded(source: bytes) -> str:
    try:
        return decode_source(source)
    except (SyntaxError, UnicodeDecodeError):
        return decode_text(source)


def _read(path: Path) -> str:
    try:
        return _decoded(path.read_bytes())
    except OSError:
        return ""
