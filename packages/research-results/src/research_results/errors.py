"""Every error of this package: what was wrong, what we got, where, and what to do about it."""

from __future__ import annotations

from difflib import get_close_matches

from research_domain.data_error import DataError

__all__ = [
    "ArgumentError",
    "ClosedError",
    "DamagedError",
    "ExistsError",
    "ForkedError",
    "FormatError",
    "LockedError",
    "MissingExtraError",
    "NameRefusedError",
    "NotAResearchError",
    "OldFormatError",
    "PickleRefusedError",
    "ResultsError",
    "StorageAccessError",
    "StorageBusyError",
    "StorageFullError",
    "StorageLostError",
    "UnknownAliasError",
    "UnknownExperimentError",
    "UnknownParameterError",
    "UnknownVariableError",
    "UnstorableError",
]


def _meant(name: str, known: tuple[str, ...]) -> str:
    """Return a hint with the name that was meant, if there is one like it."""
    close = get_close_matches(name, known, 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _known(name: str, known: tuple[str, ...]) -> str:
    """Return a hint with the closest name and the first known names."""
    return f"{_meant(name, known)}; there are: {', '.join(map(repr, known[:20])) or 'none'}"


class ResultsError(DataError):
    """Base of all errors of research-results."""


class _FolderError(ResultsError):
    """Base of the errors about one research."""

    path: str
    """The folder, or ``'memory'``."""


class NotAResearchError(_FolderError):
    """A path holds no research."""

    reason: str
    """What is missing or wrong there."""

    def __str__(self) -> str:
        return f"{self.path!r} is not a research: {self.reason}; give the folder that holds research.json"


class ExistsError(_FolderError, FileExistsError):
    """A new research was to be made where something is already."""

    def __str__(self) -> str:
        return (
            f"{self.path!r} exists already and is never overwritten; continue it with "
            f"ResearchStorage({self.path!r}), remove it with `research rm`, or choose another name"
        )


class FormatError(_FolderError):
    """A folder was written by a newer version than this one can read."""

    found: int
    """The format that the folder asks of its reader."""
    supported: int
    """The newest format that this package reads."""

    def __str__(self) -> str:
        return (
            f"{self.path!r} needs a reader of format {self.found}, this research-results reads format 1 to "
            f"format {self.supported}; upgrade it with `pip install --upgrade research-results`"
        )


class OldFormatError(_FolderError):
    """A folder of an older format was to be written to, or asked for what only newer ones have."""

    found: int
    """Its format."""
    needed: int
    """The format that is needed."""

    def __str__(self) -> str:
        return (
            f"{self.path!r} is of format {self.found}, which is read but neither resumed nor followed: that "
            f"needs format {self.needed}; read it with ResearchResults, and begin anew under another name"
        )


class LockedError(_FolderError):
    """Another writer has the research open."""

    host: str
    """Where the holder runs."""
    pid: int
    """The holder's process there; 0 if it could not be read."""

    def __str__(self) -> str:
        return (
            f"{self.path!r} is open for writing by process {self.pid} on host {self.host!r}; wait for it, "
            "or end it, or read with ResearchResults meanwhile (if its host is not this one and it is known "
            "to be dead, remove the file research.lock in there, or open with take_over=True)"
        )


class StorageFullError(_FolderError):
    """The disk has no room for a value."""

    passes_when = "there is room on the disk"
    """When the same call will succeed."""

    free_bytes: int
    """What was left when the write failed."""

    def __str__(self) -> str:
        return (
            f"no room left to write to {self.path!r} ({self.free_bytes} bytes free); everything committed "
            "before is kept: free some space and open the research again to continue"
        )


class StorageBusyError(_FolderError):
    """Another program keeps the database locked."""

    passes_when = "that program lets go of research.db"
    """When the same call will succeed."""

    def __str__(self) -> str:
        return (
            f"another program keeps research.db of {self.path!r} locked; everything committed before is "
            "kept: end that program, or wait for it, and try again"
        )


class StorageLostError(_FolderError):
    """The database of a research is gone, or is not its own."""

    resumable = False
    """False: nothing can go on from what is in the folder now."""

    reason: str
    """What became of the database."""

    def __str__(self) -> str:
        return (
            f"the results of {self.path!r} are not there any more: {self.reason}; nothing is written to it, "
            "and nothing can be resumed from it: put its own research.db back from a copy, or begin anew "
            "under another name"
        )


class ForkedError(_FolderError):
    """A forked process was to write to a storage that its parent has open."""

    owner: int
    """The process that opened the storage."""

    def __str__(self) -> str:
        return (
            f"the storage {self.path!r} belongs to process {self.owner}, which opened it, and not to a "
            "process forked from it; write there, and send it the values"
        )


class StorageAccessError(_FolderError):
    """A folder cannot be written or read by this user."""

    reason: str
    """What the operating system or SQLite said."""

    def __str__(self) -> str:
        return (
            f"cannot write to or read {self.path!r}: {self.reason}; check its permissions "
            "(a folder that is read-only can still be read with ResearchResults)"
        )


class ClosedError(_FolderError):
    """A storage was used for writing after it was closed."""

    def __str__(self) -> str:
        return f"the storage {self.path!r} is closed; open it again with ResearchStorage to write more"


class DamagedError(ResultsError):
    """Stored data cannot be decoded: it was written by another program or changed."""

    where: str
    """The experiment, variable, file or table."""
    reason: str
    """What does not fit."""

    def __str__(self) -> str:
        return (
            f"{self.where} is damaged: {self.reason}; leave it out with filters, "
            "or restore the folder from a copy"
        )


class UnstorableError(ResultsError):
    """A value can be neither stored as plain data nor serialised."""

    variable: str
    """Name of its variable."""
    iteration: int
    """Iteration in which it was made."""
    type_name: str
    """Name of its type."""
    reason: str
    """What the serialiser said."""

    def __str__(self) -> str:
        return (
            f"variable {self.variable!r} of iteration {self.iteration} is a {self.type_name} "
            f"that cannot be stored: {self.reason}; "
            "save numbers, strings, arrays or frames made from it, or a file in EP()"
        )


class NameRefusedError(ResultsError):
    """A name cannot be used for what it was given for."""

    kind: str
    """What was to be named: an experiment, a variable, a research, an environment file."""
    name: str
    """The name, shortened."""
    reason: str
    """What is wrong with it."""

    def __str__(self) -> str:
        return f"{self.name!r} cannot be the name of {self.kind}: {self.reason}; choose another one"


class UnknownExperimentError(ResultsError):
    """An experiment was named that the storage has not."""

    experiment_id: str
    """The name."""
    known: tuple[str, ...] = ()
    """The experiments that there are, as far as they were looked up."""
    is_removed: bool = False
    """Whether it was removed, by `ResearchResults.remove`."""

    def __str__(self) -> str:
        if self.is_removed:
            return (
                f"experiment {self.experiment_id!r} was removed; unless gc() has deleted it, "
                f"results.restore({self.experiment_id!r}) brings it back"
            )
        return (
            f"no experiment {self.experiment_id!r} in this research{_meant(self.experiment_id, self.known)}; "
            "add(...) it first, or look it up in results.experiments"
        )


class UnknownVariableError(ResultsError):
    """A variable was named that no experiment has."""

    name: str
    """The name."""
    known: tuple[str, ...]
    """The names that there are."""

    def __str__(self) -> str:
        return f"no variable {self.name!r} in these results{_known(self.name, self.known)}"


class UnknownParameterError(ResultsError, ValueError):
    """A filter names a parameter that no config has."""

    name: str
    """The name."""
    known: tuple[str, ...]
    """Names and aliases of the parameters that there are."""

    def __str__(self) -> str:
        return f"no config has a parameter {self.name!r}{_known(self.name, self.known)}"


class UnknownAliasError(ResultsError, ValueError):
    """A filter names an alias that no value of a parameter has."""

    parameter: str
    """The parameter."""
    alias: str
    """The alias."""
    known: tuple[str, ...]
    """The aliases that its values have."""

    def __str__(self) -> str:
        return f"no value of {self.parameter!r} has the alias {self.alias!r}{_known(self.alias, self.known)}"


class ArgumentError(ResultsError, ValueError):
    """An argument does not fit."""

    name: str
    """The argument."""
    reason: str
    """What was wrong with it and what to give instead."""

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class PickleRefusedError(ResultsError):
    """An opaque value was to be loaded without saying that its code may run."""

    type_name: str
    """The type that the value says it has."""

    def __str__(self) -> str:
        return (
            f"loading this {self.type_name} runs code from the research's folder; if you trust its origin, "
            "say allow_pickle=True"
        )


class MissingExtraError(ResultsError, ImportError):
    """A feature needs a package that is not installed."""

    feature: str
    """What was asked for."""
    extra: str
    """The extra that brings the package."""

    def __str__(self) -> str:
        return (
            f"{self.feature} needs a package that is not installed: "
            f"pip install 'research-results[{self.extra}]'"
        )
