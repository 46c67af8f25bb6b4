"""Errors about profiling; each keeps its data as attributes and survives pickling."""

from __future__ import annotations

from research_runner.errors import RunnerError

__all__ = ["ProfilingError"]


class ProfilingError(RunnerError, ValueError):
    """A parameter about profiling is not one of those that there are.

    Parameters
    ----------
    option : str
        Name of the parameter.
    value : str
        ``repr`` of what was given.
    reason : str
        What can be given instead.
    """

    def __init__(self, option: str, value: str, reason: str) -> None:
        super().__init__(option, value, reason)
        self.option = option
        self.value = value
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.option}={self.value}: {self.reason}"
