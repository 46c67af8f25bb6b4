"""Subcommands that only read."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from research_command.output import moment, say, say_json, size
from research_command.progress import LONGEST_VALUE, Progress, last_values, shown, states

if TYPE_CHECKING:
    from research_domain import FailureReport

__all__ = ["best", "compare", "failures", "ls", "show", "table"]

_MOST_LISTED = 20


def ls(arguments: argparse.Namespace) -> int:
    """List researches, also those in folders below."""
    from research_results import ResultsError

    root, rows = Path(arguments.folder), list[dict[str, Any]]()
    for path in _researches(root):
        name = str(path.relative_to(root)) if path != root else "."
        try:
            rows.append({"name": name, "path": str(path), "error": None, **_row(path)})
        except ResultsError as error:
            nothing = {"size_bytes": 0, **Progress({}, None, None, None, 0.0).as_dict()}
            rows.append({"name": name, "path": str(path), "error": str(error), **nothing})
    rows.sort(key=_SORTS[arguments.sort], reverse=arguments.sort != "name")
    if arguments.json:
        say_json(rows)
        return 0
    width = max((len(row["name"]) for row in rows), default=0)
    texts = [states(row["counts"]) for row in rows]
    widest = max(map(len, texts), default=0)
    for row, text in zip(rows, texts, strict=True):
        if row["error"] is not None:
            say(f"{row['name']:<{width}}  cannot be read: {row['error']}")
        else:
            begun = "" if row["started"] is None else moment(row["started"])
            share, taken = f"{row['share']:4.0%}", f"{size(row['size_bytes']):>8}"
            say(f"{row['name']:<{width}}  {text:<{widest}}  {share}  {taken}  {begun}".rstrip())
    if not rows:
        say("no research here")
    return 0


def _researches(root: Path) -> Iterator[Path]:
    """Yield folders of researches, by name; nothing is looked for inside of one."""
    for folder, below, files in os.walk(root, onerror=_refuse):
        below[:] = sorted(name for name in below if not name.startswith("."))
        if "research.json" in files:
            below.clear()
            yield Path(folder)


def _refuse(error: OSError) -> None:
    """Raise what keeps the folder from being read; those below that cannot be read are passed over."""
    if not isinstance(error, PermissionError):
        raise error


def _row(path: Path) -> dict[str, Any]:
    from research_results import ResearchResults

    progress = Progress.of(ResearchResults(path))
    files = (path / "research.db", path / "research.db-wal")
    own = sum(file.stat().st_size for file in files if file.is_file())
    blobs = sum(entry.stat().st_size for entry in _entries(path / "blobs"))
    return {"size_bytes": own + blobs, **progress.as_dict()}


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.is_file(follow_symlinks=False)]
    except OSError:
        return []


_SORTS: dict[str, Any] = {
    "name": lambda row: row["name"],
    "date": lambda row: row["started"] or "",
    "size": lambda row: row["size_bytes"],
    "progress": lambda row: row["share"],
}


def show(arguments: argparse.Namespace) -> int:
    """Show a research in a few lines, or why its experiments failed, its profile, or its code."""
    if arguments.diff and not arguments.code:
        say("research: --diff goes with --code", to_error=True)
        return 2
    if arguments.json and (arguments.code or arguments.profile):
        say("research: --json goes with neither --code nor --profile", to_error=True)
        return 2
    if arguments.failures:
        arguments.where = []
        return failures(arguments)
    if arguments.code or arguments.profile:
        return _show_code(arguments) if arguments.code else _show_profile(arguments)
    from research_results import ResearchResults

    results = ResearchResults(arguments.name)
    summary, progress = results.summary(), Progress.of(results)
    meta, values = results.meta, last_values(results)
    if arguments.json:
        say_json(
            {
                "name": summary.name,
                **progress.as_dict(),
                "parameters": summary.parameters,
                "variables": summary.variables,
                "values": summary.values,
                "last_values": values,
                "size_bytes": summary.size_bytes,
                "elapsed_s": summary.elapsed_s,
                "seed": meta.get("entropy"),
                "options": meta.get("options"),
                "owner": meta.get("owner"),
            }
        )
        return 0
    rows = [*progress.rows()]
    if values:
        rows.append(("last", ", ".join(f"{name}={shown(value)}" for name, value in values.items())))
    if meta.get("entropy") is not None:
        rows.append(("seed", str(meta["entropy"])))
    say(str(summary))
    for label, text in rows:
        say(f"{label:<11}  {text}")
    return 0


def _show_code(arguments: argparse.Namespace) -> int:
    from research_command.code_shown import code_text, diff_text

    for text in diff_text(arguments.name) if arguments.diff else code_text(arguments.name):
        say(text)
    return 0


def _show_profile(arguments: argparse.Namespace) -> int:
    """Show where the time went: the functions below the units where they were measured."""
    from research_runner import Research

    profiler = Research.load(arguments.name).profiler
    if not len(profiler):
        say("no profile is stored; measure one with run(profile=True)")
        return 0
    table = profiler.show_profile_info(detailed=True, limit=20)
    say(str(table.to_string(index=False, float_format=lambda seconds: f"{seconds:.4f}")))
    return 0


def best(arguments: argparse.Namespace) -> int:
    """Rank configs."""
    from research_results import ResearchResults

    ranking = ResearchResults(arguments.name).best(
        _objectives(arguments.objectives),
        n=arguments.n,
        mode="max" if arguments.max else "min",
        at=_at(arguments.at) or "last",
        over=arguments.over or "repetition",
        **_filters(arguments.where),
    )
    if arguments.json:
        say_json(ranking.to_dicts())
    else:
        say(str(ranking))
    return 0


def table(arguments: argparse.Namespace) -> int:
    """Show results, or their mean over repetitions, as a table."""
    from research_results import ResearchResults

    results, filters = ResearchResults(arguments.name), _filters(arguments.where)
    variables = [name.strip() for name in arguments.variables]
    if arguments.mean or arguments.at is not None:
        frame = results.aggregate(variables or list(results.variables), at=_at(arguments.at), **filters)
    else:
        frame = results.to_df(name=variables or None, **filters)
    if arguments.json:
        say_json(frame.head(arguments.n).to_dict("records"))
        return 0
    text = frame.head(arguments.n).to_string(index=False, line_width=78, max_colwidth=LONGEST_VALUE)
    say(text if len(frame) else "no values")
    if len(frame) > arguments.n:
        say(f"{arguments.n} of {len(frame):,} rows; -n shows more, research export FOLDER FILE has all")
    return 0


def compare(arguments: argparse.Namespace) -> int:
    """Compare researches or experiments."""
    from research_results import compare as compare_studies

    comparison = compare_studies(
        *arguments.names,
        variables=arguments.variable,
        at=_at(arguments.at) or "last",
        over=arguments.over or "repetition",
        **_filters(arguments.where),
    )
    if arguments.json:
        say_json(comparison.to_dict())
    else:
        say(str(comparison))
    return 0


def failures(arguments: argparse.Namespace) -> int:
    """Show failures, grouped, with their experiments and one traceback for each group."""
    from research_results import ResearchResults

    results, filters = ResearchResults(arguments.name), _filters(arguments.where)
    report, lost = results.failure_report(**filters), results.counts.get("lost", 0)
    chosen = [name for group in report.groups for name in group.ids[:_MOST_LISTED]]
    configs = results.load_configs(**{**filters, "experiment_id": chosen}) if chosen else {}
    if arguments.json:
        say_json(_as_dict(report, lost))
        return 0
    if not report.groups:
        say(str(report))
    for group in report.groups:
        say(f"{len(group.ids)} of {report.total} failed: {group}")
        for name in group.ids[:_MOST_LISTED]:
            pairs = configs[name].alias().items()
            say(f"  {name}  {' '.join(f'{key}={value[:LONGEST_VALUE]}' for key, value in pairs)}")
        if len(group.ids) > _MOST_LISTED:
            say(f"  and {len(group.ids) - _MOST_LISTED} more")
        say("".join(f"  {line}\n" for line in group.traceback.split("\n") if group.traceback), end="")
    say(f"{report.failed} failed" + (f", {lost} interrupted" if lost else ""))
    return 0


def _as_dict(report: FailureReport, lost: int) -> dict[str, Any]:
    groups = [
        {
            "count": len(group.ids),
            "ids": group.ids,
            "cause": group.first.cause,
            "type": group.first.type,
            "message": group.first.message,
            "unit": group.first.unit,
            "iterations": group.iterations,
            "parameters": group.parameters,
            "traceback": group.first.traceback,
        }
        for group in report.groups
    ]
    return {"total": report.total, "failed": report.failed, "interrupted": lost, "groups": groups}


def _objectives(given: Sequence[str]) -> str | list[str]:
    names = [name.strip() for name in given]
    return names[0] if len(names) == 1 else names


def _at(given: str | None) -> Any:
    return int(given) if given is not None and given.isdigit() else given


def _filters(given: Sequence[str]) -> dict[str, Any]:
    """Read filters: values are JSON where they can be, else texts."""
    from research_results.errors import ArgumentError

    config: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ArgumentError("--where", f"is NAME=VALUE, got {text!r}")
        try:
            config[name] = json.loads(value)
        except ValueError:
            config[name] = value
    return {"config": config} if config else {}
