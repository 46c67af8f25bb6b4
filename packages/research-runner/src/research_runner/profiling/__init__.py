"""Profiles: times of units and functions, measured in workers, collected in one object, shown as frames.

Layout: ``measure`` makes the rows in workers, ``profiler`` collects and shows them.
"""

from research_runner.profiling.measure import (
    MAX_FUNCTIONS,
    FunctionProfile,
    ProfileLevel,
    ProfileRow,
    profile_rows,
)
from research_runner.profiling.profiler import MAX_ROWS, Profiler

__all__ = [
    "MAX_FUNCTIONS",
    "MAX_ROWS",
    "FunctionProfile",
    "ProfileLevel",
    "ProfileRow",
    "Profiler",
    "profile_rows",
]
