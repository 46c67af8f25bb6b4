"""Commands for tags, notes and removed experiments: gc and tag."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from research_command.filtering import filters_of
from research_command.output import as_rows, is_confirmed, refuse, say, say_json


def rm_experiments(arguments: argparse.Namespace) -> int:
    """Remove experiments of one research, or bring them back."""
    from research_results import ResearchResults

    if len(arguments.names) > 1 or arguments.force:
        return refuse("--experiment and --undo go with one folder, and not with --force")
    (name,) = arguments.names
    results = ResearchResults(name)
    if arguments.undo:
        say(f"{_experiments(results.restore(arguments.experiment))} back")
        return 0
    removed, folder = results.remove(arguments.experiment), shlex.quote(name)
    say(f"{_experiments(removed)} removed; to undo it: research rm {folder} --undo")
    say(f"to delete for good: research gc {folder}")
    return 0


def gc(arguments: argparse.Namespace) -> int:
    """Delete what was removed, in each research after asking."""
    from research_results import ResearchResults

    kept = False
    for name in arguments.names:
        results = ResearchResults(name)
        waiting = set(results.removed).difference(results.gone)
        question = f"Delete {_experiments(waiting)} of {name!r} for good?"
        if waiting and not arguments.yes and not is_confirmed(question):
            kept = True
            continue
        say(f"{name}: {_experiments(results.gc())} deleted")
    return int(kept)


def tag(arguments: argparse.Namespace) -> int:
    """Show tags and notes, or change them."""
    from research_results import ResearchResults

    results, filters = ResearchResults(arguments.name), filters_of(arguments)
    if arguments.experiment:
        filters["experiment_id"] = arguments.experiment
    if arguments.remove and not arguments.tags:
        return refuse("--remove needs tags to take away")
    if arguments.tags:
        (results.tags.remove if arguments.remove else results.tags.add)(*arguments.tags, **filters)
    if arguments.note is not None:
        results.notes.set(arguments.note, **filters)
    said = _said(ResearchResults(arguments.name, **filters))
    if arguments.json:
        say_json(said)
    elif not (arguments.tags or arguments.note is not None):
        for line in _lines(said):
            say(line)
    return 0


def _said(results: Any) -> dict[str, Any]:
    tags, notes = results.tags.experiments, results.notes.experiments
    return {
        "tags": results.tags.research,
        "note": results.notes.research,
        "experiments": {
            name: {"tags": tags.get(name, ()), "note": notes.get(name, "")} for name in {**tags, **notes}
        },
    }


def _lines(said: dict[str, Any]) -> list[str]:
    rows = [("research", ", ".join(said["tags"])), ("", said["note"])]
    for name, remarks in said["experiments"].items():
        rows += [(name, ", ".join(remarks["tags"])), ("", remarks["note"])]
    if not any(text for _, text in rows):
        return ["no tags and no notes"]
    return list(as_rows((label, text) for label, text in rows if label or text))


def _experiments(ids: Any) -> str:
    return f"{len(ids)} experiment{'' if len(ids) == 1 else 's'}"
