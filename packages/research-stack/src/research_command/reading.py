"""Commands that only read: ls, show, best, table, compare, failures."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from research_command.filtering import filters_of
from research_command.output import as_rows, moment, refuse, say, say_json, size
from research_command.progress import LONGEST_VALUE, ResearchProgress, last_values, shown, states

if TYPE_CHECKING:
    from research_domain import FailureReport
    from research_results import ResearchResults

_MOST_LISTED = 20


def ls(arguments: argparse.Namespace) -> int:
    """List researches, also those in folders below."""
    from research_results import ResultsError

    root, rows = Path(arguments.folder), list[dict[str, Any]]()
    wanted = set(arguments.tag or ())
    for path in _researches(root):
        name = str(path.relative_to(root)) if path != root else "."
        try:
            row = _row(path)
            if not wanted or wanted.intersection(row["tags"]):
                rows.append({"name": name, "path": str(path), "error": None, **row})
        except ResultsError as error:
            nothing = ResearchProgress({}, None, None, None, 0.0).as_dict()
            row = {"size_bytes": 0, "tags": (), "note": "", **nothing}
            if not wanted:
                rows.append({"name": name, "path": str(path), "error": str(error), **row})
    rows.sort(key=_SORTS[arguments.sort], reverse=arguments.sort != "name")
    if arguments.json:
        say_json(rows)
        return 0
    width = max((len(row["name"]) for row in rows), default=0)
    texts = [states(row["counts"]) for row in rows]
    widest = max(map(len, texts), default=0)
    for row, text in zip(rows, texts, strict=True):
        if row["error"] is not None:
            say(f"{row['name']:<{width}}  cannot be read: {row['error']}", fold=True)
        else:
            begun = "" if row["started"] is None else moment(row["started"])
            share, taken = f"{row['share']:4.0%}", f"{size(row['size_bytes']):>8}"
            line = f"{row['name']:<{width}}  {text:<{widest}}  {share}  {taken}  {begun}".rstrip()
            tags = "".join(f"  #{tag}" for tag in row["tags"])
            say(f"{line}{tags}" if len(line + tags) <= 80 else f"{line}\n{tags}")
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

    results = ResearchResults(path)
    progress, said = (
        ResearchProgress.of(results),
        {"tags": results.tags.research, "note": results.notes.research},
    )
    files = (path / "research.db", path / "research.db-wal")
    own = sum(file.stat().st_size for file in files if file.is_file())
    blobs = sum(entry.stat().st_size for entry in _entries(path / "blobs"))
    return {"size_bytes": own + blobs, **said, **progress.as_dict()}


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
        return refuse("--diff goes with --code")
    if arguments.failures and (arguments.code or arguments.profile):
        return refuse("--failures goes with neither --code nor --profile")
    if arguments.failures:
        return failures(arguments)
    if arguments.code or arguments.profile:
        return _show_parts(arguments)
    from research_results import ResearchResults

    results = ResearchResults(arguments.name)
    if arguments.json:
        say_json(_facts(results))
        return 0
    progress = ResearchProgress.of(results)
    rows = [(line[:11].rstrip(), line[11:]) for line in str(results.summary()).splitlines()]
    if progress.is_gone:
        rows = [(name, states(progress.counts) if name == "experiments" else text) for name, text in rows]
    rows += progress.rows()
    if values := last_values(results):
        rows.append(("last", ", ".join(f"{name}={shown(value)}" for name, value in values.items())))
    if (seed := results.meta.get("entropy")) is not None:
        rows.append(("seed", str(seed)))
    for line in as_rows([*rows, *_said(results), *_versions(results)]):
        say(line)
    return 0


def _facts(results: ResearchResults) -> dict[str, Any]:
    """Return what is known of a research, for JSON."""
    summary, meta = results.summary(), results.meta
    return {
        "name": summary.name,
        **ResearchProgress.of(results).as_dict(),
        "parameters": summary.parameters,
        "variables": summary.variables,
        "values": summary.values,
        "last_values": last_values(results),
        "size_bytes": summary.size_bytes,
        "elapsed_s": summary.elapsed_s,
        "seed": meta.get("entropy"),
        "options": meta.get("options"),
        "owner": meta.get("owner"),
        "versions": [dataclasses.asdict(versions) for versions in results.versions],
        "tags": results.tags.research,
        "note": results.notes.research,
        "removed": len(results.removed),
    }


def _said(results: ResearchResults) -> Iterator[tuple[str, str]]:
    """Yield what people have said of a research, line by line."""
    if results.tags.research:
        yield "tags", ", ".join(results.tags.research)
    if results.notes.research:
        yield "note", results.notes.research
    if results.removed:
        gone = f", {len(results.gone)} of them for good" if results.gone else ""
        yield "removed", f"{len(results.removed)} of {len(results.removed) + len(results.experiments)}{gone}"


def _versions(results: ResearchResults) -> Iterator[tuple[str, str]]:
    """Yield the versions that the last run had, line by line."""
    if not results.versions:
        return
    last = results.versions[-1]
    yield "python", f"{last.python}, {last.platform}"
    yield "packages", ", ".join(f"{name} {version}" for name, version in last.packages.items())
    if last.commit:
        yield "commit", f"{last.commit}{', with changes' if last.is_changed else ''}"
    if len(results.versions) > 1:
        yield "before", f"{len(results.versions) - 1} runs with other versions; --json has them all"


def _show_parts(arguments: argparse.Namespace) -> int:
    """Show profile and code, whichever is asked for."""
    from research_command.code_shown import code_parts, code_text, diff_text

    parts: dict[str, Any] = {}
    if arguments.profile:
        table = _profile(arguments.name)
        parts["profile"] = [] if table is None else table.to_dict("records")
        if not arguments.json:
            say(_as_text(table))
    if arguments.code and arguments.json:
        parts["code"] = code_parts(arguments.name)
        if arguments.diff:
            parts["diff"] = list(diff_text(arguments.name))
    elif arguments.code:
        for text in diff_text(arguments.name) if arguments.diff else code_text(arguments.name):
            say(text)
    if arguments.json:
        say_json(parts)
    return 0


def _profile(name: str) -> Any:
    """Return where the time went, functions below the units where they were measured; None if nothing was."""
    from research_runner import Research

    profiler = Research.load(name).profiler
    return profiler.show_profile_info(detailed=True, limit=20) if len(profiler) else None


def _as_text(table: Any) -> str:
    if table is None:
        return "no profile is stored; measure one with run(profile=True)"
    return str(table.to_string(index=False, float_format=lambda seconds: f"{seconds:.4f}"))


def best(arguments: argparse.Namespace) -> int:
    """Show the best configs as a table, or as JSON."""
    from research_results import ResearchResults

    ranking = ResearchResults(arguments.name).best(
        _objectives(arguments.objectives),
        n=arguments.n,
        mode="max" if arguments.max else "min",
        at=_at(arguments.at) or "last",
        over=arguments.over or "repetition",
        **filters_of(arguments),
    )
    if arguments.json:
        say_json(ranking.to_dicts())
    else:
        say(str(ranking))
    return 0


def table(arguments: argparse.Namespace) -> int:
    """Show results, or their mean over repetitions, as a table."""
    from research_results import ResearchResults

    results, filters = ResearchResults(arguments.name), filters_of(arguments)
    variables = [name.strip() for name in arguments.variables]
    if arguments.mean or arguments.at is not None:
        frame = results.aggregate(variables or None, at=_at(arguments.at), **filters)
    else:
        frame = results.to_df(name=variables or None, nullable=arguments.json, **filters)
    if arguments.json:
        shown = frame.head(arguments.n).astype(object)
        say_json(shown.where(shown.notna(), None).to_dict("records"))
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
        **filters_of(arguments),
    )
    if arguments.json:
        say_json(comparison.to_dict())
    else:
        say(str(comparison))
    return 0


def failures(arguments: argparse.Namespace) -> int:
    """Show failures, grouped, with their experiments and one traceback for each group."""
    from research_results import ResearchResults

    results, filters = ResearchResults(arguments.name), filters_of(arguments)
    report, lost = results.failure_report(**filters), results.counts.get("lost", 0)
    chosen = [name for group in report.groups for name in group.ids[:_MOST_LISTED]]
    configs = results.load_configs(**{**filters, "experiment_id": chosen}) if chosen else {}
    if arguments.json:
        say_json(_as_dict(report, lost))
        return 0
    if not report.groups:
        say(str(report))
    for group in report.groups:
        say(f"{len(group.ids)} of {report.total} failed: {group}", fold=True)
        for name in group.ids[:_MOST_LISTED]:
            pairs = configs[name].alias().items()
            say(f"  {name}  {' '.join(f'{key}={value[:LONGEST_VALUE]}' for key, value in pairs)}", fold=True)
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
