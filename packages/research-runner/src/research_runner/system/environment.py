"""The environment of a research, as texts: the state of its repository and the installed packages."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

from research_domain.texts import decode_text

__all__ = ["env_meta", "git_meta"]

TIMEOUT_S = 60
GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "color.ui=false")


def git_meta(cwd: str | os.PathLike[str] = ".") -> dict[str, str]:
    """Describe the state of a git repository.

    Nothing that git keeps is changed, and nobody's lock is waited for.

    Parameters
    ----------
    cwd : path
        The repository, or a folder in it.

    Returns
    -------
    dict of str to str
        ``commit``: the hash of HEAD. ``diff``: what differs from it in tracked files, staged or not.
        ``status``: branch, changed and untracked files, one a line. Where this cannot be found out, there is
        only ``git``: the reason.

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

    Returns
    -------
    dict of str to str
        ``python``: version, build, system and path of the interpreter. ``packages``: a line ``name==version``
        for each distribution. ``conda``, in an active conda environment: a line ``name=version=build`` for
        each of its packages.

    Examples
    --------
    >>> 'numpy' in env_meta()['packages']
    True
    """
    meta = {"python": _python(), "packages": _packages()}
    prefix = os.environ.get("CONDA_PREFIX")
    if prefix:
        meta["conda"] = _conda_packages(Path(prefix))
    return meta


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
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            check=False,
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        missing = "no program 'git'" if Path(cwd).is_dir() else f"no folder {os.fspath(cwd)!r}"
        raise _UnknownStateError(missing) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _UnknownStateError(str(error)) from error
    if done.returncode and not may_fail:
        raise _UnknownStateError(_text(done.stderr).strip() or f"git ended with code {done.returncode}")
    return _text(done.stdout)


def _text(data: bytes) -> str:
    return decode_text(data)


def _python() -> str:
    lines = (sys.version.replace("\n", " "), platform.platform(), sys.executable or "no executable")
    return "\n".join(lines) + "\n"


def _packages() -> str:
    """List distributions; where one is installed twice, the one that Python would import."""
    from importlib.metadata import distributions  # late: no worker needs it

    found: dict[str, str] = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name:  # a broken installation may have no name
            found.setdefault(name, distribution.version)
    return "".join(f"{name}=={found[name]}\n" for name in sorted(found, key=str.lower))


def _conda_packages(prefix: Path) -> str:
    """List what conda's own records say, which needs neither conda nor the seconds that it takes."""
    records = sorted(path.stem for path in (prefix / "conda-meta").glob("*.json"))
    return "".join("=".join(record.rsplit("-", 2)) + "\n" for record in records)
