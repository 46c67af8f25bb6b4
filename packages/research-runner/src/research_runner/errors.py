"""Errors of the runner; each keeps its data as attributes and survives pickling."""

from __future__ import annotations

from shlex import quote

from research_domain.data_error import DataError

__all__ = [
    "ChangedError",
    "EngineLostError",
    "EngineUnreachableError",
    "FailedExperimentsError",
    "HopelessError",
    "LostCodeError",
    "MiscountedError",
    "MissingPackageError",
    "NoCodeError",
    "NoSettingsError",
    "NotAResearchError",
    "NotFoundError",
    "NotRunError",
    "OptionError",
    "ResearchExistsError",
    "RunnerError",
    "SearchError",
    "StaleCodeError",
    "UntrustedError",
    "WatchedValueError",
    "WorkersDieError",
]


class RunnerError(DataError):
    """Base class of everything that the runner raises on purpose."""


class OptionError(RunnerError, ValueError):
    """A parameter of :meth:`Research.run` makes no sense, alone or together with others."""

    option: str
    """Name of the parameter."""
    reason: str
    """What was got, and what to do."""

    def __str__(self) -> str:
        return f"{self.option}: {self.reason}"


class SearchError(RunnerError):
    """A search, or a rule that ends experiments early, does not do what it has to."""

    reason: str
    """What it did, and what it should do."""

    def __str__(self) -> str:
        return self.reason


class WatchedValueError(RunnerError, TypeError):
    """A value of a variable that a search or rule watches is no number."""

    variable: str
    """Name of the variable."""
    value: str
    """What was saved, as text."""

    def __str__(self) -> str:
        return (
            f"variable {self.variable!r} is watched and has to be a number, got {self.value}; "
            "save a number under that name, or let the search or rule watch another variable"
        )


class ResearchExistsError(RunnerError, FileExistsError):
    """There already is a folder of that name; nothing was overwritten."""

    path: str
    """The folder."""

    def __str__(self) -> str:
        return (
            f"the folder {self.path!r} already exists, and nothing in it was changed; "
            f"go on with it by run(resume=True), or without the script: research resume {quote(self.path)}; "
            "give this research another name, or remove the old one with Research.remove(name)"
        )


class MissingPackageError(RunnerError, ImportError):
    """Something needs a package that is not installed."""

    what: str
    """What needs it."""
    package: str
    """What to install."""

    def __str__(self) -> str:
        return f"{self.what} needs the package {self.package!r}: pip install {self.package}"


class WorkersDieError(RunnerError):
    """Workers die before they begin a task."""

    death: str
    """How the last one died."""
    count: int
    """How many died in a row."""

    def __str__(self) -> str:
        return f"{self.count} workers in a row died before they began with any experiment: {self.death}"


class EngineUnreachableError(RunnerError, ConnectionError):
    """There is no engine where one was expected, or it cannot be used."""

    engine: str
    """Its name and address."""
    reason: str
    """Why it cannot be used."""

    def __str__(self) -> str:
        return f"no connection to {self.engine}: {self.reason}; nothing was created"


class EngineLostError(RunnerError, ConnectionError):
    """The engine is gone in the middle of a run."""

    engine: str
    """Its name and address."""
    reason: str
    """How this was noticed."""

    def __str__(self) -> str:
        return (
            f"the connection to {self.engine} was lost: {self.reason}; all that had been reported is stored, "
            "and a research with a folder goes on with run(resume=True) when the engine is back"
        )


class ChangedError(RunnerError):
    """An experiment is no longer the one that an earlier run was begun with."""

    changes: tuple[str, ...]
    """What has changed, in words."""

    def __str__(self) -> str:
        return (
            f"the experiment is no longer what it was: {'; '.join(self.changes)}; "
            "run(resume='force') goes on all the same, and mixes the results of both"
        )


class MiscountedError(RunnerError):
    """The storage of a run does not hold what the run has counted."""

    counted: tuple[int, int]
    """How many experiments are done and how many failed, as reported."""
    stored: tuple[int, int]
    """How many experiments are done and how many failed, as stored."""

    def __str__(self) -> str:
        return (
            f"{self.counted[0]} experiments ended as done and {self.counted[1]} as failed, but the storage "
            f"has {self.stored[0]} and {self.stored[1]}: something else has changed it; run(resume=True) "
            "runs what is missing"
        )


class UntrustedError(RunnerError, PermissionError):
    """Resuming runs code that is stored in the folder, which has to be trusted explicitly."""

    name: str
    """Name of the research."""

    def __str__(self) -> str:
        return (
            f"going on with {self.name!r} runs code that is kept in its folder; if you trust it, "
            f"use Research.load({self.name!r}, trusted=True)"
        )


class NoSettingsError(RunnerError, FileNotFoundError):
    """A research cannot go on without the script that began it."""

    path: str
    """Its folder."""

    def __str__(self) -> str:
        return (
            f"{self.path!r} does not hold what was run (its run ended before that was written, or something "
            "in it could not be kept); go on with the script that began it, by run(resume=True)"
        )


class NoCodeError(RunnerError):
    """No code was recorded for a research."""

    name: str
    """Name of the research."""

    def __str__(self) -> str:
        return f"no code was recorded for {self.name!r}: it was not run, or by an older version of research"


class LostCodeError(RunnerError):
    """The code that a research was begun with is not to be found any more."""

    path: str
    """Its folder."""
    reason: str
    """What is missing."""

    def __str__(self) -> str:
        return (
            f"what {self.path!r} was begun with cannot be loaded here ({self.reason}); make its modules "
            "importable, for example by PYTHONPATH, or go on with its script, by run(resume=True)"
        )


class FailedExperimentsError(RunnerError):
    """Experiments of a run that has ended have failed, and its caller wanted to know."""

    failed: int
    """How many experiments failed."""
    total: int
    """How many experiments there were."""
    report: str
    """Their failures, grouped by what they share, and where to look."""

    def __str__(self) -> str:
        return self.report


class StaleCodeError(RunnerError):
    """Files of modules do not hold what this process imported, so that workers would run other code."""

    modules: tuple[tuple[str, str], ...]
    """Names of the modules, and their files."""

    @property
    def what(self) -> str:
        """The problem without the advice."""
        named = ", ".join(f"{name!r} ({file})" for name, file in self.modules)
        return f"changed since this process imported it: {named}"

    def __str__(self) -> str:
        first = self.modules[0][0]
        return (
            f"{self.what}; nothing was started, because workers would run other code than this process. "
            f"Import it again (importlib.reload({first}), or restart), or run what the files hold now "
            "with run(strict_code=False)"
        )


class HopelessError(RunnerError):
    """The first experiments all failed with the same error, and the rest was not started."""

    failure: str
    """The error, in one line."""
    traceback: str
    """Its traceback."""
    count: int
    """How many experiments failed."""

    def __str__(self) -> str:
        return (
            f"the first {self.count} experiments all failed with the same error, and no more were started "
            "(canary=0 runs them all the same; once the error is mended, "
            f"run(resume=True, retry_failed=True) goes on): {self.failure}\n{self.traceback}"
        )


class NotRunError(RunnerError, RuntimeError, AttributeError):
    """Results were asked for before the research was run; for ``hasattr`` there are none."""

    name: str
    """Name of the research."""

    def __str__(self) -> str:
        return (
            f"research {self.name!r} has not been run yet: call run(...), "
            f"or open earlier results with Research.load({self.name!r})"
        )


class NotFoundError(RunnerError, FileNotFoundError):
    """There is no research of that name."""

    name: str
    """The name."""
    path: str
    """Where it was looked for."""

    def __str__(self) -> str:
        return f"there is no research {self.name!r}: the folder {self.path!r} does not exist"


class NotAResearchError(RunnerError, ValueError):
    """A folder does not look like a research, and was left alone."""

    path: str
    """The folder."""

    def __str__(self) -> str:
        return (
            f"{self.path!r} is not the folder of a research (there is no research.json in it) "
            "and was left alone; Research.remove(name, force=True) deletes it all the same"
        )
