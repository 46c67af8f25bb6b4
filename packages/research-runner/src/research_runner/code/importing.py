"""Import modules as they were when the run began, whatever has become of their files since.

`RecordedFinder` stands first among the finders of modules. The modules know their true files and folders, so
that data beside them is found, and tracebacks show the lines that ran.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import linecache
import marshal
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import MAGIC_NUMBER, decode_source, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final, NamedTuple

from research_domain.after_import import found_behind
from research_runner.system.own_files import read_own

VARIABLE: Final = "RESEARCH_RUNNER_CODE"
"""Environment variable that tells the children of a worker the file that lists the recorded modules."""


SCRIPT: Final = "__main__"
"""The name under which a script is recorded: its functions travel by value, its lines are for tracebacks."""


class RecordedModule(NamedTuple):
    """A module as it was when the run began."""

    name: str  # the full name under which it is imported
    path: str  # its file; empty for a package without one
    folders: tuple[str, ...] | None  # where the modules of a package are; None for what is no package
    source: bytes  # what was in the file
    # the compiled source, as `marshal` writes it, for Pythons with this magic number of bytecode; empty
    # if it has to be compiled
    code: bytes = b""


class RecordedLoader(SourceFileLoader):
    """Loads a module from its record; `path` is its file where this process runs."""

    def __init__(self, module: RecordedModule, path: str) -> None:
        super().__init__(module.name, path)
        self.recorded = module

    def get_data(self, path: str) -> bytes:
        """Return the recorded source, and what is on the disk for any other file."""
        return self.recorded.source if path == self.path else super().get_data(path)

    def get_code(self, fullname: str) -> CodeType:
        """Return the compiled source; nothing is written to the disk."""
        if self.recorded.code and self.path == self.recorded.path:
            code: CodeType = marshal.loads(self.recorded.code)  # noqa: S302 - our own coordinator wrote it
            if code.co_filename == self.path:
                return code
        compiled: CodeType = self.source_to_code(self.recorded.source, self.path)
        return compiled

    def exec_module(self, module: ModuleType) -> None:
        """Run the module; from now on tracebacks show its recorded lines."""
        _show_lines(self.path, self.recorded.source)
        super().exec_module(module)


def _show_lines(path: str, source: bytes) -> None:
    """Register the lines of a file for tracebacks, even if the file changes."""
    if not path:
        return
    with contextlib.suppress(SyntaxError, UnicodeDecodeError):
        text = decode_source(source)
        linecache.cache[path] = (len(text), None, text.splitlines(True), path)


class RecordedFinder(MetaPathFinder):
    """Finds recorded modules, also for those that are reloaded if `reloads` is set."""

    def __init__(self, modules: Iterable[RecordedModule], *, reloads: bool = True) -> None:
        self._reloads = reloads
        self.modules: Mapping[str, RecordedModule] = {
            module.name: module for module in modules if module.name != SCRIPT
        }

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load a module from its record, None if it is not recorded."""
        module = self.modules.get(name)
        if module is None or (target is not None and not self._reloads):
            return None
        file, folders = module.path, module.folders
        if not os.path.exists(file or (folders or ("",))[0]):  # noqa: PTH110 - many, and on the way to work
            file, folders = self._elsewhere(module, path, target)
        inside = None if folders is None else list(folders)
        if module.path:
            loader = RecordedLoader(module, file)
            return spec_from_file_location(name, file, loader=loader, submodule_search_locations=inside)
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = inside
        return spec

    def _elsewhere(
        self, module: RecordedModule, path: Sequence[str] | None, target: ModuleType | None
    ) -> tuple[str, tuple[str, ...] | None]:
        """Return file and folders on a host that has the module in another place, else the recorded ones."""
        spec = found_behind(self, module.name, path, target)
        folders = None if spec is None else spec.submodule_search_locations
        if spec is None or (folders is None) != (module.folders is None):
            return module.path, module.folders
        has_file = spec.has_location and spec.origin is not None
        if bool(module.path) != has_file:
            return module.path, module.folders
        return spec.origin or "" if has_file else "", None if folders is None else tuple(folders)


def install(modules: Sequence[RecordedModule], listing: str = "") -> None:
    """Let this process import recorded modules from now on, and its children if they ask for it.

    `listing` is the file that lists them, for `install_from_environment` in these children.
    """
    sys.meta_path.insert(0, RecordedFinder(modules))
    for module in modules:
        if module.name == SCRIPT:
            _show_lines(module.path, module.source)
    if listing:
        os.environ[VARIABLE] = listing


def install_from_environment() -> None:
    """Let this process, a child of a worker, import what the worker does; nothing if there is no record."""
    listing = os.environ.get(VARIABLE)
    if listing and installed() is None and os.path.exists(listing):  # noqa: PTH110 - few imports
        install(read_modules(Path(listing)))


def installed() -> RecordedFinder | None:
    """Return what this process imports recorded modules by, None if it imports none."""
    return next((finder for finder in sys.meta_path if isinstance(finder, RecordedFinder)), None)


@contextlib.contextmanager
def installed_for(modules: Iterable[RecordedModule]) -> Iterator[None]:
    """Let this process import recorded modules for the time of the block; reloads take what files hold.

    Their lines are shown, too, also of those that are imported already: functions are told apart by them.
    """
    modules = tuple(modules)
    finder = RecordedFinder(modules, reloads=False)
    before = {module.path: linecache.cache.pop(module.path, None) for module in modules if module.path}
    for module in modules:
        _show_lines(module.path, module.source)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # a unit may have removed it
            sys.meta_path.remove(finder)
        for path, entry in before.items():
            linecache.cache.pop(path, None)
            if entry is not None:
                linecache.cache[path] = entry


def read_modules(listing: Path) -> tuple[RecordedModule, ...]:
    """Read recorded modules from the file that lists them; their contents are beside it.

    OSError, ValueError or LookupError if they are not there, or are not what was written.
    """
    described = json.loads(read_own(listing))
    return tuple(
        RecordedModule(
            each["name"],
            each["path"],
            None if each["folders"] is None else tuple(each["folders"]),
            read_content(listing.parent / each["content"]) if each["content"] else b"",
        )
        for each in described["modules"]
    )


def read_content(path: Path) -> bytes:
    """Read a file whose name says what is in it; `ValueError` if something else is in it."""
    source = read_own(path)
    if content_digest(source).hex() != path.stem:
        raise ValueError(f"{path} does not hold what was written")
    return source


def content_digest(source: bytes) -> bytes:
    """Return a hash of the content of a file."""
    return hashlib.blake2b(source, digest_size=16).digest()


def encode_modules(modules: Iterable[RecordedModule], listing: str) -> bytes:
    """Return modules, and the file that lists them, as bytes for `install_encoded`."""
    return marshal.dumps((MAGIC_NUMBER, listing, tuple(map(tuple, modules))))


def install_encoded(data: bytes) -> None:
    """Install what `encode_modules` has made; nothing if there is nothing."""
    if data:
        install(*decode_modules(data))


def decode_modules(data: bytes) -> tuple[tuple[RecordedModule, ...], str]:
    """Return what `encode_modules` has made bytes of: modules, and the file that lists them."""
    magic, listing, fields = marshal.loads(data)  # noqa: S302 - our own coordinator wrote it
    modules = tuple(RecordedModule(*each) for each in fields)
    if magic != MAGIC_NUMBER:
        modules = tuple(module._replace(code=b"") for module in modules)
    return modules, listing
