"""Exporters by suffix, and the writing of a file as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from research_results.errors import ArgumentError, MissingExtraError, NameRefusedError

GROUP = "research.exporters"
"""Entry-point group under which packages register exporters, by the suffixes of files without the dot."""


TABLE_OPTIONS = ("pivot", "include_config", "concat_config", "remove_auxilary", "drop_columns", "nullable")
"""Parameters of `to_df` besides filters and ``use_alias``."""


class Exporter(Protocol):
    """Writes results in one format: a function that an entry point of ``research.exporters`` names."""

    def __call__(self, results: Any, path: Path, /, **options: Any) -> None:
        """Write results.

        Parameters
        ----------
        results : ResearchResults
            What to write.
        path : Path
            Where nothing is; it becomes the file that was asked for when this returns.
        **options
            Filters, and whatever else this format takes.
        """


def exporter_of(path: str | Path) -> Exporter:
    """Return the exporter for the suffix of a path; the error names those that are installed."""
    from importlib.metadata import entry_points

    suffix = Path(path).suffix.lower()
    offered = {f".{entry.name}": entry for entry in entry_points(group=GROUP)}
    if suffix not in offered:
        close = get_close_matches(suffix, offered, 1)
        meant = f" (did you mean {close[0]!r}?)" if close else ""
        there = ", ".join(sorted(offered)) or "none: research-results is not installed"
        end = f"ends in {suffix!r}{meant}" if suffix else "has no suffix"
        raise ArgumentError("path", f"{Path(path).name!r} {end}; there are exporters for {there}")
    exporter: Exporter = offered[suffix].load()
    return exporter


def export_with(exporter: Exporter, results: Any, path: str | Path, options: dict[str, Any]) -> Path:
    """Let an exporter write a file, whole or not at all; one that is there is replaced."""
    with _replacing(path, results.path) as temporary:
        exporter(results, temporary, **options)
    return Path(path)


def refuse_options(options: Mapping[str, Any], refused: Iterable[str], what: str) -> None:
    """Refuse options that a format does not support."""
    for name in refused:
        if name in options:
            raise ArgumentError(name, f"is for tables, and {what}; leave it out, or take .csv or .parquet")


def require(module: str, feature: str, extra: str) -> Any:
    """Return a module that an extra brings; the error names the extra."""
    try:
        return import_module(module)
    except ImportError:
        raise MissingExtraError(feature, extra) from None


@contextlib.contextmanager
def _replacing(path: str | Path, research: Path | None) -> Iterator[Path]:
    """Yield a temporary path, and rename the file if no exception was raised."""
    target = Path(path)
    if "\0" in str(path) or not target.name:
        raise NameRefusedError("a file", str(path)[:80], "it is no path of a file")
    if not target.parent.is_dir():
        raise ArgumentError("path", f"{str(target.parent)!r} is no folder; make it first")
    _check_replaceable(target, research)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    before = target.with_name(f".{target.name}.{os.getpid()}.old")
    try:
        yield temporary
        if target.is_dir():
            target.rename(before)
        temporary.replace(target)
    finally:
        _remove(temporary)
        _remove(before)


def _check_replaceable(target: Path, research: Path | None) -> None:
    """Refuse to replace a part of the research itself, or a folder that no exporter wrote."""
    if research is not None and _is_part(target.resolve(), research.resolve()):
        raise ArgumentError("path", f"{str(target)!r} is a part of the research; export to another place")
    if target.is_dir() and not any((target / mark).is_file() for mark in _FOLDER_MARKS):
        raise ArgumentError("path", f"{str(target)!r} is a folder; give the path of a file")


def _is_part(target: Path, research: Path) -> bool:
    """Tell whether a path belongs to a research; its users may keep files of their own beside these."""
    if research not in target.parents or not target.exists():
        return False
    first, *rest = target.relative_to(research).parts
    return first != "experiments" if rest else first.startswith(_OWN)


_OWN = (
    "research.",
    "curation.",
    "storage.json",
    "settings.dill",
    "profile.jsonl",
    "stdout.txt",
    "stderr.txt",
)
"""How own files of a research begin; its folders are its own as well, but for those of experiments."""

_FOLDER_MARKS = (".zgroup", "zarr.json")
"""Files by which a folder is known as an export."""


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
