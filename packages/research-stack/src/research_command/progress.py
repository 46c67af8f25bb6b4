"""Progress of a research, read from its folder."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from research_command.output import duration, moment

if TYPE_CHECKING:
    from research_results import ResearchResults

LONGEST_VALUE = 30
"""Letters of a value that is shown."""

_LATEST = 500
"""Changes that are looked through for the last values."""


@dataclass(frozen=True, slots=True)
class ResearchProgress:
    """How far a research is."""

    counts: Mapping[str, int]  # status → number of experiments
    expected: int | None  # how many experiments there will be, as far as is known
    started_s: float | None  # when it began, in Unix seconds, as the other times are
    ended_s: float | None
    now_s: float  # when this was read
    run_s: float | None = None  # when the last run began: the first one, or the one that went on
    finished_before: int = 0  # experiments that had ended before the last run
    is_gone: bool = False  # whether the process that ran it has died before its end

    @classmethod
    def of(cls, results: ResearchResults) -> ResearchProgress:
        """Read how far a research is."""
        meta = results.meta
        if is_gone := _is_gone(meta):
            meta = results.meta  # it may have ended meanwhile
            is_gone = _is_gone(meta)
        expected = meta.get("expected")
        if expected is not None:
            expected -= len(results.removed)
        started_s, run = meta.get("started"), meta.get("run") or {}
        counts = dict(results.counts)
        if is_gone and "running" in counts:
            counts["lost"] = counts.get("lost", 0) + counts.pop("running")
        return cls(
            counts,
            expected,
            started_s,
            meta.get("ended"),
            time.time(),
            run.get("started", started_s),
            run.get("finished_before", 0),
            is_gone,
        )

    @property
    def finished(self) -> int:
        """Experiments that have ended, failed ones included."""
        return sum(self.counts.get(status, 0) for status in ("done", "failed"))

    @property
    def total(self) -> int:
        """Experiments in all, as far as is known."""
        return max(self.expected or 0, sum(self.counts.values()))

    @property
    def share(self) -> float:
        """Share of experiments that have ended, between 0 and 1."""
        return self.finished / self.total if self.total else 0.0

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.started_s is not None and self.ended_s is None and not self.is_gone

    @property
    def rate_per_s(self) -> float | None:
        """Experiments that end in a second of the last run; None if unknown."""
        finished = self.finished - self.finished_before
        if self.run_s is None or finished <= 0 or self.is_gone:
            return None
        passed_s = (self.ended_s or self.now_s) - self.run_s
        return finished / passed_s if passed_s > 0 else None

    @property
    def left_s(self) -> float | None:
        """Seconds until it will end at this rate; None if unknown, or it does not run."""
        if not self.is_running or self.rate_per_s is None:
            return None
        return (self.total - self.finished) / self.rate_per_s

    def rows(self) -> list[tuple[str, str]]:
        """Return what there is to say, line by line."""
        rows = [("progress", f"{self.finished:,} of {self.total:,} ({self.share:.0%})")]
        if self.started_s is not None:
            rows.append(("begun", moment(iso_time(self.started_s))))
        if self.rate_per_s is not None:
            rows.append(("rate", f"{self.rate_per_s:.3g} experiments/s"))
        if self.is_gone:
            rows.append(("ended", "too early: its process has died; research resume goes on with it"))
        elif self.ended_s is not None:
            rows.append(("ended", moment(iso_time(self.ended_s))))
        elif self.left_s is not None:
            rows.append(("ends", f"in {duration(self.left_s)}, {moment(iso_time(self.now_s + self.left_s))}"))
        return rows

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON, times in seconds and as ISO 8601."""
        return {
            "counts": dict(self.counts),
            "expected": self.expected,
            "finished": self.finished,
            "share": self.share,
            "running": self.is_running,
            "started": None if self.started_s is None else iso_time(self.started_s),
            "ended": None if self.ended_s is None else iso_time(self.ended_s),
            "rate_per_s": self.rate_per_s,
            "left_s": self.left_s,
        }


def _is_gone(meta: Mapping[str, Any]) -> bool:
    """Tell whether a research has begun and not ended, but is not running."""
    if meta.get("started") is None or meta.get("ended") is not None or not meta.get("owner"):
        return False
    from research_runner.system.process_identity import is_alive

    return not is_alive(meta["owner"])


def iso_time(seconds: float) -> str:
    """Return a Unix time in ISO 8601, of UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")


def states(counts: Mapping[str, int]) -> str:
    """Return in words how many experiments have which status."""
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "no experiments"


def last_values(results: ResearchResults) -> dict[str, Any]:
    """Return variable → last stored value, among recent ones."""
    from research_results import Stored

    try:
        newest = results.follow().revision
    except Exception:  # noqa: BLE001 - folders of older formats count no changes
        return {}
    found: dict[str, Any] = {}
    for change in results.follow(since=max(newest - _LATEST, 0)):
        if isinstance(change, Stored):
            found[change.variable] = change.values[max(change.values)]
    return found


def shown(value: Any) -> str:
    """Return a value as a short text."""
    text = f"{value:.5g}" if isinstance(value, float) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."
