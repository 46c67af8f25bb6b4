"""Errors about output; each keeps its data as attributes and survives pickling."""

from __future__ import annotations

from research_runner.errors import RunnerError

__all__ = ["RedirectError"]


class RedirectError(RunnerError, ValueError):
    """`redirect_stdout` or `redirect_stderr` is not one of the modes, or needs dumped results.

    Parameters
    ----------
    option : str
        Name of the parameter.
    value : str
        ``repr`` of what was given.
    reason : str
        What is wrong and what to do.
    """

    def __init__(self, option: str, value: str, reason: str) -> None:
        super().__init__(option, value, reason)
        self.option = option
        self.value = value
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.option}={self.value} {self.reason}"
