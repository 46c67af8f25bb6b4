"""Progress without a terminal: a line from time to time instead of a bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Final, TextIO

from research_runner.system.console import write_line

_EVERY_S: Final = 30.0


def is_drawable(stream: TextIO | None) -> bool:
    """Whether a bar can be drawn: on a terminal, or in a notebook."""
    shell = sys.modules.get("IPython")
    ipython = shell.get_ipython() if shell is not None else None
    if ipython is not None and "IPKernelApp" in ipython.config:
        return True
    try:
        return stream is not None and stream.isatty()
    except (AttributeError, ValueError):  # no real stream, or a closed one
        return False


class ProgressLines:
    """A class like tqdm that writes a line to standard error every 30 seconds, and one at the end."""

    def __init__(
        self,
        total: float | None,
        unit: str,
        desc: str,
        initial: float = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.n, self.total = initial, total
        self._unit, self._desc, self._initial, self._clock = unit, desc, initial, clock
        self._begun = self._written = clock()

    def update(self, n: float) -> None:
        """Count some more, and write a line if it is time."""
        self.n += n
        if self._clock() - self._written >= _EVERY_S:
            self.refresh()

    def set_description(self, text: str, refresh: bool = True) -> None:
        """Change the beginning of a line."""
        self._desc = text

    def refresh(self) -> None:
        """Write a line."""
        self._written = self._clock()
        write_line(self.line(), sys.stderr)

    def close(self) -> None:
        """Nothing: the last line is written."""

    def line(self) -> str:
        """Return what there is to say now."""
        elapsed_s = self._clock() - self._begun
        rate = (self.n - self._initial) / elapsed_s if elapsed_s > 0 else 0.0
        counts = f"{self.n:g}" if self.total is None else f"{self.n:g}/{self.total:g}"
        parts: list[Any] = [f"{counts} {self._unit}"]
        if self.total:
            parts.append(f"{100 * self.n / self.total:.0f}%")
        parts.append(f"{_clock_text(elapsed_s)} gone")
        if rate > 0:
            if self.total is not None and self.total > self.n:
                parts.append(f"{_clock_text((self.total - self.n) / rate)} left")
            parts.append(f"{rate:.3g} {self._unit}/s")
        return f"{self._desc}: {', '.join(parts)}"


def _clock_text(seconds: float) -> str:
    """Return seconds as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
