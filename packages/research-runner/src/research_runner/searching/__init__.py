"""Searches and stopping rules: their protocol, the rules that need no package, and the order of reports."""

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
