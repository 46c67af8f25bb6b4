"""Results of thousands of experiments in one SQLite file, read back as one DataFrame.

``storage``   FolderStorage, MemoryStorage, ResearchStorage, SharedStorage: where values go; remove_research
``results``   ResearchResults: reading, filters, DataFrames
``answers``   Ranking, RankedConfig: which configs are best; Comparison: how researches differ
``comparing`` compare: researches or experiments, side by side
``curating``  Tags, Notes: what people say of experiments, and which of them they remove
``exporting`` formats of files, by suffix; see ResearchResults.export
``errors``    everything that is raised

What users need is imported from here. Modules in folders are internal, so are ``writing``, ``frames``,
``plotting``, ``reading``, ``disk`` and ``codec``.
"""

from typing import TYPE_CHECKING

from research_domain.lazy_exports import lazy_exports
from research_results._version import __version__

if TYPE_CHECKING:
    from research_results.answers.comparison import Comparison
    from research_results.answers.differences import Difference, Side
    from research_results.answers.ranking import RankedConfig, Ranking
    from research_results.codec.pickles import Opaque
    from research_results.comparing import compare
    from research_results.curating.remarks import Notes, Tags
    from research_results.errors import ResultsError
    from research_results.reading.artifacts import Artifact
    from research_results.reading.changes import Change, Dropped, Ended, Queued, Started, Stored
    from research_results.reading.methods import Changes, Loaded, PastExperiment, Selection
    from research_results.reading.status import Summary
    from research_results.reading.versions import Versions
    from research_results.results import ResearchResults
    from research_results.storage import (
        BaseStorage,
        FolderStorage,
        MemoryStorage,
        ResearchStorage,
        SharedStorage,
        remove_research,
    )

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "research_results.answers.comparison": ("Comparison",),
        "research_results.answers.differences": ("Difference", "Side"),
        "research_results.answers.ranking": ("RankedConfig", "Ranking"),
        "research_results.codec.pickles": ("Opaque",),
        "research_results.comparing": ("compare",),
        "research_results.curating.remarks": ("Notes", "Tags"),
        "research_results.errors": ("ResultsError",),
        "research_results.reading.artifacts": ("Artifact",),
        "research_results.reading.changes": ("Change", "Dropped", "Ended", "Queued", "Started", "Stored"),
        "research_results.reading.methods": ("Changes", "Loaded", "PastExperiment", "Selection"),
        "research_results.reading.status": ("Summary",),
        "research_results.reading.versions": ("Versions",),
        "research_results.results": ("ResearchResults",),
        "research_results.storage": (
            "BaseStorage",
            "FolderStorage",
            "MemoryStorage",
            "ResearchStorage",
            "SharedStorage",
            "remove_research",
        ),
    },
)

__all__ = [
    "Artifact",
    "BaseStorage",
    "Change",
    "Changes",
    "Comparison",
    "Difference",
    "Dropped",
    "Ended",
    "FolderStorage",
    "Loaded",
    "MemoryStorage",
    "Notes",
    "Opaque",
    "PastExperiment",
    "Queued",
    "RankedConfig",
    "Ranking",
    "ResearchResults",
    "ResearchStorage",
    "ResultsError",
    "Selection",
    "SharedStorage",
    "Side",
    "Started",
    "Stored",
    "Summary",
    "Tags",
    "Versions",
    "__version__",
    "compare",
    "remove_research",
]
