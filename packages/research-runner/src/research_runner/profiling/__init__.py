"""Profiling: where the time goes, measured in workers, collected by the coordinator, shown as frames.

Layout: ``measure`` runs beside the experiments and makes rows, ``profiler`` collects and shows them.
"""

from research_runner.profiling.measure import (
    MAX_FUNCTIONS,
    FunctionTime,
    ProfileLevel,
    ProfileRow,
    profile_rows,
)
from research_runner.profiling.profiler import MAX_ROWS, Profiler

__all__ = [
    "MAX_FUNCTIONS",
    "MAX_ROWS",
    "FunctionTime",
    "ProfileLevel",
    "ProfileRow",
    "Profiler",
    "profile_rows",
]
