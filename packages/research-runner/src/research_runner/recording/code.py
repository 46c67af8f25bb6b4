"""The code of a run: found when it is first needed, given to workers, kept in the research's folder."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from research_runner.code.record import FOLDER, CodeRecord, listing_of
from research_runner.errors import LostCodeError
from research_runner.recording.fingerprints import unit_fingerprints, update_fingerprints
from research_runner.recording.helpers import Helpers, find_helpers
from research_runner.settings.values import RunSettings
from research_runner.system.own_files import read_own


class RunCode:
    """The user's modules that a run reaches, and their version; `record` is given if the code is known."""

    def __init__(self, settings: RunSettings, root: Path, record: CodeRecord | None = None) -> None:
        self._settings = settings
        self._root = root
        self._given = record

    @cached_property
    def record(self) -> CodeRecord:
        """The modules; raises `StaleCodeError` if files do not hold what this process imported."""
        settings = self._settings
        if self._given is not None:
            return self._given
        values = (settings.experiment, settings.execution, settings.setups, settings.domain)
        return CodeRecord.of(values, strict=settings.strict_code)

    @cached_property
    def version(self) -> str:
        """The version of the code."""
        settings = self._settings
        prints = unit_fingerprints(settings.experiment) | update_fingerprints(settings.domain)
        helpers = {f"helper {name}": digest for name, digest in self.helpers.digests.items()}
        return self.record.version(prints | helpers)

    @cached_property
    def helpers(self) -> Helpers:
        """What the units use of this code."""
        return find_helpers(self._settings.experiment, self._settings.domain, self.record.modules)

    def __call__(self) -> bytes:
        """Return the modules for workers."""
        return self.record.encode(str(listing_of(self._root, self.version)))

    def save(self) -> None:
        """Keep the modules below the folder of the research."""
        self.record.save(self._root, self.version)


def load_code(folder: Path, version: str) -> CodeRecord:
    """Return the code of an earlier run; raises `LostCodeError` if it is not what was written."""
    try:
        if not version.isalnum():
            raise ValueError(f"{version!r} is no version")
        return CodeRecord.load(folder, version)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise LostCodeError(str(folder), f"{type(error).__name__}: {error}") from error


class Version(NamedTuple):
    """A version of the code of a research."""

    name: str
    recorded: float
    python: str
    code: CodeRecord


def versions_of(folder: Path) -> list[Version]:
    """Return all versions of the code that a research has run with, in their order; errors as `load_code`."""
    versions = []
    for listing in (folder / FOLDER).glob("*.json"):
        code = load_code(folder, listing.stem)
        described = json.loads(read_own(listing))
        versions.append(Version(listing.stem, float(described["recorded"]), str(described["python"]), code))
    return sorted(versions, key=lambda version: version.recorded)
