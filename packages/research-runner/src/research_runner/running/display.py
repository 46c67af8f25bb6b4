"""How a research is displayed: a few lines on a terminal, a table in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from research_domain import Domain
from research_experiment import ExperimentPlan
from research_runner.scheduling.source import IterationOptions

Rows = Sequence[tuple[str, str]]


def describe(
    domain: Domain, iteration: IterationOptions, experiment: ExperimentPlan, progress: str
) -> list[tuple[str, str]]:
    """Return what there is to say about a research, line by line."""
    domain = iteration.prepare(domain)
    count, n_reps = domain.len, domain.iter_params.n_reps
    configs = "without an end" if count is None else f"{count:,}"
    return [
        ("parameters", ", ".join(domain.parameters) or "none"),
        ("configs", configs if n_reps == 1 else f"{configs}, {n_reps:,} times each"),
        ("instances", ", ".join(map(_part, experiment.instances)) or "none"),
        ("units", ", ".join(map(_part, experiment.units)) or "none"),
        ("state", progress),
    ]


def _part(part: Any) -> str:
    return f"{part.name} (root)" if part.root else str(part.name)


def progress_of(monitor: Any, is_finished: bool, where: str) -> str:
    """Say in one line how far a run has come, and where its results are."""
    failed = monitor.failed_experiments
    counts = f"{monitor.finished_experiments - failed:,} done, {failed:,} failed"
    if not is_finished:
        counts = f"running: {counts}, {monitor.in_progress:,} in progress"
    remained = monitor.remained_experiments
    left = "" if not remained else f", {remained:,} left"
    return f"{counts}{left}; results are in {where}"


def as_text(title: str, rows: Rows) -> str:
    """Return lines for a terminal.

    Examples
    --------
    >>> print(as_text('study', [('units', 'add'), ('state', 'not run yet')]))
    study
      units       add
      state       not run yet
    """
    return "\n".join([title, *(f"  {name:10}  {text}" for name, text in rows)])


def as_html(title: str, rows: Rows) -> str:
    """Return a table for a notebook; texts are escaped.

    Examples
    --------
    >>> as_html('a < b', [])
    '<table><caption>a &lt; b</caption></table>'
    """
    from html import escape  # late, as it loads all names of characters

    cells = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(text)}</td></tr>'
        for name, text in rows
    )
    return f"<table><caption>{escape(title)}</caption>{cells}</table>"
