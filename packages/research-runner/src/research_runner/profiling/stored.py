"""Profiles in the folder of a research: lines of JSON, which are read without running anything."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

from research_domain.texts import decode_text
from research_experiment.careful_logging import careful_logger
from research_runner.profiling.measure import FunctionProfile, ProfileRow
from research_runner.profiling.profiler import MAX_ROWS, Profiler
from research_runner.system.own_files import open_own, read_own
from research_runner.system.texts import text_stream

_LOG = careful_logger("research.profiling")
_NAME: Final = "profile.jsonl"


class ProfileFile:
    """Writes the profiles of a run behind those of earlier ones.

    Each line is an experiment, ``[id, [[iteration, unit, started, elapsed_s, [[function, ncalls, tottime,
    cumtime], ...]], ...]]``, where a function is a number. A line that is a list of texts has the names that
    the next numbers stand for, and an empty list starts again at 0. The file is made with the first profile;
    at most `max_rows` are kept, calls of units and functions below them together.
    """

    def __init__(self, folder: Path, max_rows: int = MAX_ROWS) -> None:
        self._path = folder / _NAME
        self._room = max_rows
        self._codes: dict[str, int] = {}
        self._file: IO[str] | None = None
        self._is_broken = False

    def write(self, experiment_id: str, rows: Sequence[ProfileRow]) -> None:
        """Add the profile of an experiment; a disk that takes none costs the rest, and a warning."""
        self._room -= sum(1 + len(row.functions) for row in rows)
        if self._is_broken or self._room < 0:
            return
        try:
            self._write(experiment_id, rows)
        except OSError as error:
            self._is_broken = True
            _LOG.warning("profiles are no longer stored: %s", error)

    def _write(self, experiment_id: str, rows: Sequence[ProfileRow]) -> None:
        if self._file is None:
            self._file = text_stream(open(self._path, "ab", opener=open_own))  # noqa: SIM115
            self._file.write("\n[]\n")  # also after a line that was cut off
        names = {each.function for row in rows for each in row.functions} - self._codes.keys()
        if names:
            new = sorted(names)
            self._codes.update(zip(new, range(len(self._codes), len(self._codes) + len(new)), strict=True))
            self._file.write(json.dumps(new) + "\n")
        calls = [
            [iteration, unit, started, elapsed_s, [[self._codes[name], *times] for name, *times in functions]]
            for _, iteration, unit, started, elapsed_s, functions in rows
        ]
        self._file.write(json.dumps([experiment_id, calls]) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def read_profiles(folder: Path, removed: Collection[str] = ()) -> Profiler:
    """Return the profiles in the folder of a research, without those of experiments that are `removed`.

    Of an experiment that ran again it is the last.
    """
    try:
        text = decode_text(read_own(folder / _NAME))
    except FileNotFoundError:
        text = ""
    profiler, last = Profiler(), dict(_profiles(text.splitlines()))
    for experiment_id, rows in last.items():
        if experiment_id not in removed:
            profiler.add(rows)
    return profiler


def _profiles(lines: Iterable[str]) -> Iterator[tuple[str, list[ProfileRow]]]:
    """Yield experiments and their profiles; lines that a killed process left unfinished are left out."""
    names: list[str] = []
    for line in lines:
        try:
            match json.loads(line or "null"):
                case []:
                    names = []
                case [str(experiment_id), [*calls]]:
                    yield experiment_id, [_row(experiment_id, call, names) for call in calls]
                case [*more]:
                    names.extend(map(str, more))
        except (ValueError, TypeError, IndexError, KeyError):
            continue


def _row(experiment_id: str, call: Any, names: Sequence[str]) -> ProfileRow:
    iteration, unit, started, elapsed_s, functions = call
    below = tuple(
        FunctionProfile(names[int(code)], int(ncalls), float(tottime), float(cumtime))
        for code, ncalls, tottime, cumtime in functions
    )
    return ProfileRow(experiment_id, int(iteration), str(unit), float(started), float(elapsed_s), below)
