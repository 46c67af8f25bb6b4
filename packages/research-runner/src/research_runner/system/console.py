"""Messages on the terminal."""

from __future__ import annotations

import sys
from typing import TextIO

__all__ = ["say"]


def say(text: str, stream: TextIO | None = None) -> None:
    """Write a line to standard error, below whatever a progress bar has left there."""
    stream = stream or sys.stderr
    stream.write(f"\n{text}\n")
    stream.flush()
