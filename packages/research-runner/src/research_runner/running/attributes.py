"""Errors for attributes that a research does not have, with the place to look instead."""

from __future__ import annotations

OF_RESULTS = frozenset(
    {
        "aggregate",
        "artifacts",
        "artifacts_to_df",
        "best",
        "compare",
        "configs",
        "configs_to_df",
        "counts",
        "df",
        "experiments",
        "export",
        "failure_report",
        "failures",
        "filter",
        "filter_ids_by_configs",
        "follow",
        "gc",
        "gone",
        "history",
        "importances",
        "load_artifacts",
        "load_configs",
        "load_failures",
        "load_results",
        "notes",
        "parameters",
        "plot",
        "removed",
        "restore",
        "summary",
        "tags",
        "to_csv",
        "to_df",
        "to_parquet",
        "to_xarray",
        "variables",
        "versions",
    }
)
"""Names that belong to the results of a research."""


def in_results(name: str) -> str | None:
    """Return the sentence about a name that belongs to the results, None for any other."""
    if name not in OF_RESULTS:
        return None
    return f"a research has no {name!r}, its results have: write research.results.{name}"


def nothing_to_add(research: str, name: str) -> str:
    """Return the sentence about an attribute after a run, when it adds no unit any more."""
    return (
        f"research {research!r} has been run and has no attribute {name!r}; a unit is added to it "
        f"by add_callable({name!r}, ...) alone, or to a new one, research.copy().{name}(...)"
    )
