"""Run thousands of experiments over a space of parameters, on all cores and GPUs.

``research``     Research: the builder that users know
``run``          ResearchRun: one run, from typed settings
``tasks``        from a domain to tasks
``coordinator``  who runs what where: plain state
``session``      the loop around the coordinator
``backends``     where tasks run: in this process, in worker processes
``pool``         supervised worker processes
``worker``       what happens inside a worker
``events``       what comes back
``monitor``, ``recorder``, ``progress``  who is told
``storages``     finding a storage
``errors``       everything that is raised
"""

import logging

from research_runner._version import __version__
from research_runner.errors import (
    MissingPackageError,
    NotAResearchError,
    NotFoundError,
    NotRunError,
    OptionError,
    ResearchExistsError,
    RunnerError,
    WorkersDieError,
)
from research_runner.loaded import LoadedResearch
from research_runner.recording.monitor import Listener, Monitor
from research_runner.research import Research
from research_runner.running.overview import ResearchPlan

logging.getLogger("research").addHandler(logging.NullHandler())  # failures are in the results and on the bar

__all__ = [
    "Listener",
    "LoadedResearch",
    "MissingPackageError",
    "Monitor",
    "NotAResearchError",
    "NotFoundError",
    "NotRunError",
    "OptionError",
    "Research",
    "ResearchExistsError",
    "ResearchPlan",
    "RunnerError",
    "WorkersDieError",
    "__version__",
]
