"""The record of the user's code: encoded for workers, and as files under ``code/`` of a research."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from research_runner.code.finding import find_modules, reached_names
from research_runner.code.importing import (
    SCRIPT,
    RecordedModule,
    content_digest,
    decode_modules,
    encode_modules,
    read_modules,
)
from research_runner.code.reading import Reading
from research_runner.code.watching import noted_script
from research_runner.errors import StaleCodeError

FOLDER: Final = "code"


class StaleCodeWarning(UserWarning):
    """A module is recorded from its file, which has changed since its import."""


@dataclass(frozen=True, slots=True)
class CodeRecord:
    """The user's own code as it is when a run begins: modules by name, the script among them."""

    modules: tuple[RecordedModule, ...]

    @classmethod
    def of(cls, values: Iterable[object], *, strict: bool = True) -> Self:
        """Record the modules that values reach, such as units, their arguments, and values of the domain.

        Where files are not what was imported, a `strict` record raises `StaleCodeError`; another one warns,
        and has the files.
        """
        reading = Reading()
        found = find_modules(reached_names(values), reading)
        if reading.changed:
            error = StaleCodeError(tuple(sorted(reading.changed.items())))
            if strict:
                raise error
            warnings.warn(f"{error.what}; the run takes what the files hold", StaleCodeWarning, stacklevel=2)
        return cls((*noted_script(), *(found[name] for name in sorted(found))))

    @property
    def own(self) -> tuple[RecordedModule, ...]:
        """The modules except the script, whose code is sent with the units."""
        return tuple(module for module in self.modules if module.name != SCRIPT)

    def version(self, fingerprints: Mapping[str, str]) -> str:
        """Return the version of this code and that of the units: a hash of 12 hexadecimal digits."""
        told = [(module.name, content_digest(module.source).hex()) for module in self.own]
        text = json.dumps([told, sorted(fingerprints.items())])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def encode(self, listing: str) -> bytes:
        """Return the modules as bytes for workers, with the file that lists them for children of these."""
        return encode_modules(self.modules, listing) if self.modules else b""

    def save(self, folder: Path, version: str) -> None:
        """Write the record below the folder of a research, each content once."""
        target = listing_of(folder, version).parent
        target.mkdir(parents=True, exist_ok=True)
        there = set(os.listdir(target))  # noqa: PTH208 - names are enough
        if f"{version}.json" in there:
            return
        modules = [
            {
                "name": module.name,
                "path": module.path,
                "folders": module.folders,
                "content": _keep(target, module.source, there) if module.path else "",
            }
            for module in self.modules
        ]
        described = {
            "version": version,
            "python": sys.version.partition(" ")[0],
            "recorded": time.time(),
            "modules": modules,
        }
        _write(target / f"{version}.json", json.dumps(described, indent=1).encode())

    @classmethod
    def load(cls, folder: Path, version: str) -> Self:
        """Read what was saved; errors as `read_modules`."""
        return cls(read_modules(listing_of(folder, version)))


def listing_of(folder: Path, version: str) -> Path:
    """Return the file that lists the modules of a version."""
    return folder / FOLDER / f"{version}.json"


def save_encoded(data: bytes, folder: Path) -> bytes:
    """Write encoded modules below another folder, and return them with the file that lists them there."""
    if not data:
        return b""
    modules, listing = decode_modules(data)
    version = Path(listing).stem
    CodeRecord(modules).save(folder, version)
    return encode_modules(modules, str(listing_of(folder, version)))


def _keep(target: Path, source: bytes, there: set[str]) -> str:
    """Write a content under a name that says what it is, unless it is there; return the name."""
    name = f"{content_digest(source).hex()}.py"
    if name not in there:
        _write(target / name, source)
        there.add(name)
    return name


def _write(path: Path, data: bytes) -> None:
    """Write a file that is there as a whole or not at all."""
    partial = f"{path}.partial"
    with open(partial, "wb", buffering=0) as file:  # noqa: PTH123 - many
        file.write(data)
    os.replace(partial, path)  # noqa: PTH105 - many
