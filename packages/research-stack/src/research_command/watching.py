"""Commands that follow a research while it runs: logs and watch."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from research_command.output import duration, say, say_json
from research_command.progress import ResearchProgress, last_values, shown, states
from research_domain.texts import decode_text

if TYPE_CHECKING:
    from research_results import ResearchResults

_LOOK_EVERY_S: Final = 0.5
_WIDTH: Final = 40
_FILES: Final = ("experiment.log", "stdout.txt", "stderr.txt")


def logs(arguments: argparse.Namespace) -> int:
    """Write a log, and what comes to it as long as the research runs."""
    from research_results import ResearchResults

    results = ResearchResults(arguments.name)
    files = _log_files(results, arguments.id)
    read = dict.fromkeys(files, 0)
    while True:
        running = _is_running(arguments.name) if arguments.follow else False
        for file in files:
            read[file] = _write_from(file, read[file], as_json=arguments.json)
        if not running:
            return 0
        time.sleep(_LOOK_EVERY_S)


def _log_files(results: ResearchResults, experiment_id: str | None) -> list[Path]:
    """Return the files that there are to show."""
    from research_results.errors import ArgumentError

    folder = Path(str(results.path))
    if experiment_id is None:
        return [folder / "research.log"]
    results.filter(experiment_id=experiment_id)  # refuses one that is not there
    own = folder / "experiments" / experiment_id
    files = [own / name for name in _FILES if (own / name).is_file()]
    if not files:
        raise ArgumentError(
            "ID",
            f"experiment {experiment_id!r} has no log or output of its own; run with loglevel='info' or "
            "redirect_stdout=2 to have them",
        )
    return files


def _write_from(file: Path, position: int, *, as_json: bool) -> int:
    """Write what a file has after a position, and return the next one; of JSON whole lines alone."""
    try:
        with file.open("rb") as opened:
            opened.seek(position)
            data = opened.read()
    except FileNotFoundError:
        return position
    if as_json:
        data = data[: data.rfind(b"\n") + 1] or data
        for line in decode_text(data).splitlines():
            say_json({"file": file.name, "text": line}, indent=None)
    elif data:
        say(decode_text(data), end="")
    return position + len(data)


def _is_running(name: str) -> bool:
    from research_runner import Research

    return not Research.load(name).is_finished


def watch(arguments: argparse.Namespace) -> int:
    """Show how far a research is until it ends: in place on a terminal, else line by line."""
    from research_results import ResearchResults

    results, before, height = ResearchResults(arguments.name), None, 0
    in_place = sys.stdout.isatty() and not arguments.json
    while True:
        running = _is_running(arguments.name)
        progress, values = ResearchProgress.of(results), last_values(results)
        seen = (progress.counts, values)
        if arguments.json and str(seen) != str(before):
            say_json({**progress.as_dict(), "running": running, "last_values": values}, indent=None)
        elif in_place:
            height = _draw(_screen(arguments.name, progress, values), height)
        elif not arguments.json and str(seen) != str(before):
            say("  ".join(_screen(arguments.name, progress, values)))
        before = seen
        if not running:
            return 0
        time.sleep(arguments.every)


def _screen(name: str, progress: ResearchProgress, values: dict[str, Any]) -> list[str]:
    """Return the lines that are shown."""
    full = round(progress.share * _WIDTH)
    left = "" if progress.left_s is None else f", {duration(progress.left_s)} left"
    lines = [
        f"{name}: {states(progress.counts)}",
        f"[{'#' * full}{'.' * (_WIDTH - full)}] {progress.share:.0%} of {progress.total:,}{left}",
    ]
    if progress.is_gone:
        lines.append("its process has died; research resume goes on with it")
    if values:
        lines.append(", ".join(f"{key}={shown(value)}" for key, value in values.items()))
    return [line[:79] for line in lines]


def _draw(lines: list[str], height: int) -> int:
    """Overwrite the lines that were written before."""
    sys.stdout.write(f"\x1b[{height}A\x1b[J" if height else "")
    for line in lines:
        say(line)
    return len(lines)
