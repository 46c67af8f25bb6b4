"""Messages on the terminal; losing the terminal does not end a run."""

from __future__ import annotations

import sys
from typing import TextIO

from research_runner.system.texts import encodable


class ResearchWarning(UserWarning):
    """Something about a research is probably not meant like this, or was not done."""


def say(text: str, stream: TextIO | None = None) -> None:
    """Write a line to standard error, below whatever a progress bar has left there."""
    write_line(f"\n{text}", stream or sys.stderr)


def write_line(text: str, stream: TextIO | None) -> None:
    """Write a line to a stream, if there is one that takes it; what it cannot encode is escaped."""
    if stream is None:
        return
    try:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(encodable(text, encoding) + "\n")
        stream.flush()
    except (OSError, ValueError, AttributeError):  # closed, full, a pipe that nobody reads, or no real stream
        return
