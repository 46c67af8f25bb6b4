"""Profiles: times of units and functions, measured in workers, collected in one object, shown as frames.

Layout: ``measure`` makes the rows in workers, ``profiler`` collects and shows them,
``stored`` keeps them in the folder of a research.
"""

from research_runner.profiling.measure import (
    MAX_FUNCTIONS,
    FunctionProfile,
    ProfileRow,
    profile_rows,
)
from research_runner.profiling.profiler import MAX_ROWS, Profiler
from research_runner.profiling.stored import ProfileFile, read_profiles

__all__ = [
    "MAX_FUNCTIONS",
    "MAX_ROWS",
    "FunctionProfile",
    "ProfileFile",
    "ProfileRow",
    "Profiler",
    "profile_rows",
    "read_profiles",
]
