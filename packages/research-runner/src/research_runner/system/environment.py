"""The environment of a research as texts: the state of its git repository, and the installed packages."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from research_domain.texts import decode_text

TIMEOUT_S = 60
GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "color.ui=false")


def git_meta(cwd: str | os.PathLike[str] = ".") -> dict[str, str]:
    """Describe the state of a git repository, without changing what git keeps or waiting for a lock.

    ``commit`` is the hash of HEAD, ``diff`` what differs from it in tracked files, staged or not, ``status``
    branch, changed and untracked files, one a line. Where this cannot be found out, there is only ``git``:
    the reason.

    Examples
    --------
    >>> git_meta('no/such/folder')
    {'git': "nothing is known about git: no folder 'no/such/folder'"}
    """
    try:
        status = _git(cwd, "status", "--porcelain=v1", "--branch", "--untracked-files=normal")
        commit = _git(cwd, "rev-parse", "--verify", "--quiet", "HEAD", may_fail=True).strip()
        since = "HEAD" if commit else "--cached"
        diff = _git(cwd, "diff", "--no-ext-diff", "--no-textconv", since)
    except _UnknownStateError as error:
        return {"git": f"nothing is known about git: {error}"}
    return {"commit": (commit or "no commit yet") + "\n", "diff": diff, "status": status}


def env_meta() -> dict[str, str]:
    """Describe Python and everything that is installed.

    ``packages`` has a line ``name==version`` for each distribution; ``conda``, in an active conda
    environment, a line ``name=version=build`` for each of its packages.

    Examples
    --------
    >>> 'numpy' in env_meta()['packages']
    True
    """
    lines = (sys.version.replace("\n", " "), platform.platform(), sys.executable or "no executable")
    meta = {"python": "\n".join(lines) + "\n", "packages": _packages()}
    if prefix := os.environ.get("CONDA_PREFIX"):  # conda's own records: it would take seconds itself
        records = sorted(path.stem for path in (Path(prefix) / "conda-meta").glob("*.json"))
        meta["conda"] = "".join("=".join(record.rsplit("-", 2)) + "\n" for record in records)
    return meta


class RunVersions:
    """Versions of Python and of imported packages, and the commit, as a run that begins notes them.

    `meta` has what earlier runs have noted. Git answers beside this process, and nobody waits for it unless
    the run has ended.
    """

    def __init__(self, meta: Mapping[str, Any], *, with_commit: bool) -> None:
        self._before: list[Any] = list(meta.get("versions") or [])
        self._since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._commit: str | None = None if with_commit else ""
        if not with_commit:
            return
        try:
            self._git = subprocess.Popen(  # noqa: S603  # a fixed command
                [*GIT, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
        except OSError:  # no git, or the working directory is gone
            self._commit = ""

    @property
    def is_complete(self) -> bool:
        """Whether `record` has returned all that it ever will."""
        return self._commit is not None

    def record(self, wait_s: float = 0.0) -> list[Any]:
        """Return the versions of all runs that had others than the one before; wait a time for git."""
        self._ask_git(wait_s)
        commit = self._commit or ""
        now = {
            "since": self._since,
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
            "packages": _imported_packages(),
            "commit": commit.removesuffix("-dirty"),
            "is_changed": commit.endswith("-dirty"),
        }
        last = dict(self._before[-1]) if self._before else {}
        return self._before if {**last, "since": self._since} == now else [*self._before, now]

    def _ask_git(self, wait_s: float) -> None:
        if self._commit is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._git.wait(wait_s)  # what it says fits into the pipe
                self._commit = decode_text(self._git.communicate()[0]).strip()

    def close(self) -> None:
        """Stop waiting for git."""
        if self._commit is None:
            self._git.kill()
            self._ask_git(TIMEOUT_S)


class _UnknownStateError(Exception):
    """Git cannot tell; the text says why."""


def _git(cwd: str | os.PathLike[str], *arguments: str, may_fail: bool = False) -> str:
    """Return the output of git; bytes that are not text are escaped."""
    try:
        done = subprocess.run(  # noqa: S603  # a fixed command
            [*GIT, *arguments],
            cwd=cwd,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            env=_environment(),
            check=False,
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        missing = "no program 'git'" if Path(cwd).is_dir() else f"no folder {os.fspath(cwd)!r}"
        raise _UnknownStateError(missing) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _UnknownStateError(str(error)) from error
    if done.returncode and not may_fail:
        reason = decode_text(done.stderr).strip()
        raise _UnknownStateError(reason or f"git ended with code {done.returncode}")
    return decode_text(done.stdout)


def _environment() -> dict[str, str]:
    """Return the environment of git: it changes nothing, and speaks English."""
    return {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def _imported_packages() -> dict[str, str]:
    """Return the versions of the packages that this process has imported, by their names in imports."""
    names = {name for name in tuple(sys.modules) if "." not in name and not name.startswith("_")}
    found = {name: _version(name, sys.modules.get(name)) for name in sorted(names - sys.stdlib_module_names)}
    return {name: version for name, version in found.items() if version}


def _version(name: str, module: object) -> str:
    """Return the version that a module, or else its distribution, has; empty if there is none."""
    own = getattr(module, "__dict__", {}).get("__version__")  # asks no __getattr__, which may warn
    if isinstance(own, str):
        return own
    from importlib.metadata import PackageNotFoundError, version  # late: no worker needs it

    try:
        return version(name)
    except (PackageNotFoundError, OSError, ValueError):
        return ""


def _packages() -> str:
    """List distributions; where one is installed twice, the one that Python would import."""
    from importlib.metadata import distributions  # late: no worker needs it

    found: dict[str, str] = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name:  # a broken installation may have no name
            found.setdefault(name, distribution.version)
    return "".join(f"{name}=={found[name]}\n" for name in sorted(found, key=str.lower))
