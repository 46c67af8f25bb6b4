"""Run thousands of experiments over a space of parameters, on all cores and GPUs.

Users call ``research``, ``loaded``, ``detached``, ``testing`` and ``errors``. The rooms behind
them, each of which imports only those below it:

``running``     one run, from typed settings to a finished storage
``recording``   what a run writes and shows
``settings``    the parameters of a run, checked
``backends``    where tasks run: in this process, in worker processes, on clusters
``worker``      all that runs inside a worker
``pool``        worker processes under a supervisor
``scheduling``  which worker gets which task: plain state
``searching``   what searches, and rules that end experiments early, have to do
``devices``     GPUs; and ``profiling``, times of units; and ``code``, the user's own modules
``system``      the operating system

Rooms are internal, but for ``searching``, ``devices`` and what ``engines`` gathers for authors of backends.
"""

import logging
from typing import TYPE_CHECKING

from research_domain.lazy_exports import lazy_exports
from research_runner._version import __version__
from research_runner.code.watching import note_imports

if TYPE_CHECKING:
    from research_runner.errors import (
        MissingPackageError,
        NoCodeError,
        NotAResearchError,
        NotFoundError,
        NotRunError,
        OptionError,
        ResearchExistsError,
        RunnerError,
        StaleCodeError,
        WorkersDieError,
    )
    from research_runner.loaded import LoadedResearch
    from research_runner.pool.kept import shutdown
    from research_runner.recording.monitor import Listener, Monitor
    from research_runner.research import Research
    from research_runner.running.overview import ResearchPlan
    from research_runner.searching.rules import MedianStop, StopWhen
    from research_runner.system.console import ResearchWarning

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "research_runner.errors": (
            "MissingPackageError",
            "NoCodeError",
            "NotAResearchError",
            "NotFoundError",
            "NotRunError",
            "OptionError",
            "ResearchExistsError",
            "RunnerError",
            "StaleCodeError",
            "WorkersDieError",
        ),
        "research_runner.loaded": ("LoadedResearch",),
        "research_runner.pool.kept": ("shutdown",),
        "research_runner.recording.monitor": ("Listener", "Monitor"),
        "research_runner.research": ("Research",),
        "research_runner.running.overview": ("ResearchPlan",),
        "research_runner.searching.rules": ("MedianStop", "StopWhen"),
        "research_runner.system.console": ("ResearchWarning",),
    },
)

note_imports()  # so that a run can tell whether the files of modules still hold what was imported
logging.getLogger("research").addHandler(logging.NullHandler())  # failures are in the results and on the bar

__all__ = [
    "Listener",
    "LoadedResearch",
    "MedianStop",
    "MissingPackageError",
    "Monitor",
    "NoCodeError",
    "NotAResearchError",
    "NotFoundError",
    "NotRunError",
    "OptionError",
    "Research",
    "ResearchExistsError",
    "ResearchPlan",
    "ResearchWarning",
    "RunnerError",
    "StaleCodeError",
    "StopWhen",
    "WorkersDieError",
    "__version__",
    "shutdown",
]
