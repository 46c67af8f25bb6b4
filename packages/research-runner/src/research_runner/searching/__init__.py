"""Who decides on the next config, and who ends experiments early: the protocol of searches and stop rules."""

from research_runner.searching.protocol import (
    WAIT,
    Question,
    Report,
    Search,
    SearchContext,
    SearchFactory,
    StopFactory,
    StopRule,
    Told,
    Verdict,
    Wait,
)

__all__ = [
    "WAIT",
    "Question",
    "Report",
    "Search",
    "SearchContext",
    "SearchFactory",
    "StopFactory",
    "StopRule",
    "Told",
    "Verdict",
    "Wait",
]
