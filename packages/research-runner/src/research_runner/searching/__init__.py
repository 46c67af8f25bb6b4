"""Searches and stopping rules: their protocol, the rules that need no package, and the order of reports."""

from research_runner.searching.protocol import *  # noqa: F403 - `__all__` is there
