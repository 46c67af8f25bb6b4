"""Targets of the output of experiments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

Stream: TypeAlias = Literal["stdout", "stderr"]

STDOUT, STDERR = 1, 2
STREAMS: Final[Mapping[int, Stream]] = {STDOUT: "stdout", STDERR: "stderr"}
"""File descriptor → its name."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where one output stream of the experiments goes.

    Examples
    --------
    >>> Redirect.parse(3, dump_results=True)
    Redirect(common=True, separate=True)
    >>> bool(Redirect.parse(0, dump_results=True))
    False
    """

    common: bool = False  # into one file of the research
    separate: bool = False  # into a file of each experiment, or a text where results stay in memory

    def __bool__(self) -> bool:
        return self.common or self.separate

    @classmethod
    def parse(cls, value: bool | int, *, dump_results: bool) -> Redirect:
        """Read the value of `redirect_stdout` or `redirect_stderr`.

        0 is nothing, 1 the common file, 2 separate ones, 3 both; True is the common file when results are
        dumped, else separate texts. Without a folder 1 and 3 have been refused.
        """
        if isinstance(value, bool):
            return cls(common=value and dump_results, separate=value and not dump_results)
        return cls(common=value in (1, 3), separate=value in (2, 3))


@dataclass(frozen=True, slots=True)
class Target:
    """Where the text of one stream of one task goes; files are made when the first text comes."""

    common: Path | None = None  # a file that several workers append whole lines to
    separate: Path | None = None  # a file that only this task appends to; its folder is made as well
    keep: bool = False  # whether the text is handed back

    @property
    def is_own(self) -> bool:
        """Whether anything is only for the text of this task."""
        return self.keep or self.separate is not None


def task_targets(
    stdout: Redirect, stderr: Redirect, research: Path | None, own: Path | None
) -> dict[int, Target]:
    """Return where the output of a task goes, by descriptor; folders are None for results in memory.

    `own` is the folder of the only experiment of the task, or one for a task of several.

    Examples
    --------
    >>> both, nothing = Redirect(common=True, separate=True), Redirect()
    >>> task_targets(both, nothing, Path('dice'), Path('dice/a1'))
    {1: Target(common=...('dice/stdout.txt'), separate=...('dice/a1/stdout.txt'), keep=False)}
    >>> task_targets(nothing, Redirect(separate=True), None, None)
    {2: Target(common=None, separate=None, keep=True)}
    """
    return {
        fd: Target(
            common=research / f"{name}.txt" if redirect.common and research is not None else None,
            separate=own / f"{name}.txt" if redirect.separate and own is not None else None,
            keep=redirect.separate and own is None,
        )
        for (fd, name), redirect in zip(STREAMS.items(), (stdout, stderr), strict=True)
        if redirect
    }
