"""Files in the folder of a research: attempts that are set aside, updates of the domain, settings."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, MutableMapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from research_domain import Domain, UpdateError
from research_domain.texts import decode_text
from research_experiment.careful_logging import careful_logger
from research_runner.errors import ChangedError, LostCodeError, NoSettingsError
from research_runner.pool import wire
from research_runner.pool.launch import current_path
from research_runner.scheduling.source import Journal
from research_runner.searching import order
from research_runner.settings.values import RunSettings
from research_runner.system.fail_points import fail_point
from research_runner.system.own_files import read_own
from research_runner.system.texts import append_text
from research_runner.system.transient import keep_trying

_LOG = careful_logger("research.run")
_SETTINGS: Final = "settings.dill"
_DECISIONS: Final = "decisions.txt"
_PASSED_BY: Final = "passed-by"
"""File with the number of configs after which the function of the update last returned no domain."""


def folders_of_experiments(folder: Path) -> list[str]:
    """Return the experiments that have files, also of a coordinator that was killed before recording them."""
    try:
        return [entry.name for entry in os.scandir(folder / "experiments")]
    except FileNotFoundError:
        return []


def set_aside(folder: Path, experiment_id: str) -> None:
    """Move what an interrupted attempt left in the folder of its experiment to ``interrupted``."""
    source = folder / "experiments" / experiment_id
    if not source.exists():
        return
    target = folder / "interrupted"
    target.mkdir(exist_ok=True)
    number = 1
    while (target / f"{experiment_id}-{number}").exists():
        number += 1
    fail_point("before-set-aside")
    source.rename(target / f"{experiment_id}-{number}")
    fail_point("after-set-aside")


class FolderDraws(MutableMapping[str, list[Any]]):
    """Stores draws that no seed can repeat, one block of values per file."""

    def __init__(self, folder: Path, is_ending: Callable[[], bool]) -> None:
        self._folder = folder
        self._is_ending = is_ending

    def __getitem__(self, block_id: str) -> list[Any]:
        try:
            found, values = wire.load_code(read_own(self._path(block_id)))
        except FileNotFoundError:
            raise KeyError(block_id) from None
        assert found == block_id  # noqa: S101 - its hash is the name of the file
        return list(values)

    def __setitem__(self, block_id: str, values: list[Any]) -> None:
        code = wire.dump_code((block_id, values), with_sources=True)
        keep_trying(lambda: write_in(self._path(block_id), code), self._is_ending)

    def __delitem__(self, block_id: str) -> None:
        raise NotImplementedError

    def __iter__(self) -> Iterator[str]:
        return (wire.load_code(read_own(path))[0] for path in sorted(self._folder.glob("*.dill")))

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.glob("*.dill"))

    def _path(self, block_id: str) -> Path:
        return self._folder / f"{sha256(block_id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.dill"


class FolderJournal(Journal):
    """Keeps the updates of a domain in the folder of the research.

    `known` is how many experiments an earlier run had taken from the domain; `force` repeats updates also
    where the domain or its rule have changed; does not wait for space on the disk when the run `is_ending`.
    """

    def __init__(
        self, folder: Path, known: int = 0, force: bool = False, is_ending: Callable[[], bool] = lambda: False
    ) -> None:
        self.draws = FolderDraws(folder / "draws", is_ending)
        self._is_ending = is_ending
        self._folder = folder / "updates"
        self._known = known
        self._force = force
        self._recorded = {int(path.stem) for path in self._folder.glob("*.dill")}
        self._passed_by = read_number(self._folder / _PASSED_BY)

    def passed(self, generated: int) -> bool:
        """Return whether the earlier run generated more configs than this, or ended after them."""
        return generated < self._known or (generated == self._passed_by and not self._force)

    def pass_by(self, generated: int) -> None:
        """Write down that the function was asked, for a resumed run."""
        self._passed_by = generated
        text = str(generated).encode()
        keep_trying(lambda: write_in(self._folder / _PASSED_BY, text, sync=False), self._is_ending)

    @property
    def has_records(self) -> bool:
        """Whether there are updates that were not repeated yet."""
        return bool(self._recorded)

    def recorded(self, generated: int, due: bool) -> Domain | None:
        """Return the domain of the update after this many configs; None if there was none."""
        if generated not in self._recorded:
            return None
        self._recorded.discard(generated)
        if not (due or self._force):
            raise ChangedError((f"the domain was updated after {generated} configs, and would not be now",))
        try:
            domain = wire.load_code(read_own(self._path(generated)))
        except Exception as error:
            raise LostCodeError(str(self._folder.parent), f"{type(error).__name__}: {error}") from error
        assert isinstance(domain, Domain)  # noqa: S101 - nobody else writes here
        return domain

    def check_end(self, generated: int) -> None:
        """Check that no update is left that was recorded."""
        if self._recorded and not self._force:
            missing = min(self._recorded)
            raise ChangedError(
                (f"the domain was updated after {missing} configs, and ends after {generated} now",)
            )

    def record(self, generated: int, domain: Domain, by: str) -> None:
        """Write the domain of an update, before any of its experiments runs."""
        try:
            code = wire.dump_code(domain, with_sources=True)
        except Exception as error:
            raise UpdateError(
                "function", f"what {by} returned after {generated} configs cannot be kept: {error}"
            ) from error
        fail_point("before-update-kept")
        keep_trying(lambda: write_in(self._path(generated), code), self._is_ending)
        fail_point("after-update-kept")

    def _path(self, generated: int) -> Path:
        return self._folder / f"{generated}.dill"


class FolderDecisions(order.DecisionJournal):
    """Keeps the sequence of begins and ends of a search by arrival in the folder of the research.

    A line is written before anything follows from it, and is there when this process is killed; the power may
    take the last ones, as it may the last commits.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _DECISIONS
        try:
            lines = decode_text(read_own(self._path)).split("\n")
        except FileNotFoundError:
            lines = [""]
        words = (line.partition(" ") for line in lines[:-1])
        pairs = [(event, int(number)) for event, _, number in words if number.isdecimal()]
        super().__init__(pairs)
        if lines[-1]:  # cut off
            self.cut(len(pairs))

    def write(self, event: str, number: int) -> None:
        """Append a line."""
        append_text(self._path, f"{event} {number}\n")

    def cut(self, count: int) -> None:
        """Keep only the first lines."""
        text = "".join(f"{event} {number}\n" for event, number in self.recorded[:count])
        write_whole(self._path, text.encode())


def read_number(path: Path) -> float | None:
    """Return the number in a file; None if it was never written, or half of it before the power failed."""
    try:
        return float(read_own(path))
    except (FileNotFoundError, ValueError):
        return None


def write_in(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write a file as `write_whole` does, in a folder that is made if it is not there."""
    path.parent.mkdir(exist_ok=True)
    write_whole(path, data, sync=sync)


def write_whole(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write a file so that it is there as a whole or not at all; without `sync`, unless the power fails."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        if sync:
            os.fsync(file.fileno())
    fail_point("file-half-there")
    partial.replace(path)


def save_settings(folder: Path, settings: RunSettings) -> None:
    """Store the settings, so that a research can be resumed without its script."""
    try:
        code = wire.dump_code(settings, with_sources=True)
    except Exception as error:  # noqa: BLE001 - whatever a user's object raises when it is pickled
        _LOG.warning("only its script can resume this research, because something cannot be kept: %s", error)
        (folder / _SETTINGS).unlink(missing_ok=True)
        return
    path = json.dumps(current_path()).encode()
    write_whole(folder / _SETTINGS, path + b"\n" + code)


def settings_are_kept(folder: Path) -> bool:
    """Whether a research can go on without the script that began it."""
    return (folder / _SETTINGS).exists()


def load_settings(folder: Path) -> RunSettings:
    """Return the settings in a folder; this runs code of the folder, which has to be trusted.

    Modules are also looked for where the script that began the research found them, last in ``sys.path``.
    Raises `NoSettingsError` if nothing was kept, and `LostCodeError` if what it needs is not there any more.
    """
    try:
        path, _, code = read_own(folder / _SETTINGS).partition(b"\n")
    except FileNotFoundError:
        raise NoSettingsError(str(folder)) from None
    try:
        sys.path.extend(entry for entry in json.loads(path) if entry not in sys.path)
        return wire.load_code(code)  # type: ignore[no-any-return]
    except Exception as error:
        raise LostCodeError(str(folder), f"{type(error).__name__}: {error}") from error
