"""File names on disk for names that users choose."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

from research_domain.texts import clean_text, flaw_of_name
from research_results.errors import NameRefusedError

_PLAIN_FOLDER = re.compile(r"[0-9a-z_][0-9a-z_-]{0,99}")
_PLAIN_FILE = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._-]{0,99}(?<![.])")
_LONGEST_PART = 255
_LONGEST_PATH = 512 - len("/research.db-journal")
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def check_name(kind: str, name: str) -> str:
    """Return the name of an experiment or a variable; NameRefusedError if a database cannot hold it."""
    flaw = flaw_of_name(name)
    if flaw is not None:
        raise NameRefusedError(kind, clean_text(str(name))[:80], flaw)
    return name


def folder_name(experiment_id: str) -> str:
    """Return the folder of an experiment: its id, or if that is no safe name, its safe part and a hash.

    Two different ids never share a folder, on no file system, and no id leads out of it.

    Examples
    --------
    >>> folder_name('c495ddb37077249f-0')
    'c495ddb37077249f-0'
    >>> folder_name('../etc')
    'etc.f7f9121fdb53d8de'
    """
    if _PLAIN_FOLDER.fullmatch(experiment_id) and not _DEVICES.fullmatch(experiment_id):
        return experiment_id
    digest = hashlib.sha256(experiment_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    slug = re.sub(r"[^0-9a-z_-]+", "-", experiment_id.lower()).strip("-")[:60]
    return f"{slug or 'experiment'}.{digest}"


def check_file_name(kind: str, name: str) -> str:
    """Return a file name; raise NameRefusedError if it could leave the folder."""
    if not isinstance(name, str) or not _PLAIN_FILE.fullmatch(name) or _DEVICES.fullmatch(name):
        reason = "use up to 100 letters, digits, '.', '_' and '-', not beginning or ending with '.'"
        raise NameRefusedError(kind, clean_text(str(name))[:80], reason)
    return name


def research_path(name: str | Path) -> Path:
    """Return the folder that the name of a research means; NameRefusedError if no system can have it."""
    text = os.fspath(name)
    if not text or "\0" in text:
        raise NameRefusedError("a research", text[:80], "it is a path, not empty and without NUL characters")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        reason = f"file names are {sys.getfilesystemencoding()} here (PYTHONUTF8=1 makes them UTF-8)"
        raise NameRefusedError("a research", clean_text(text)[:80], reason) from None
    longest = max(len(os.fsencode(part)) for part in Path(text).parts or ("",))
    if longest > _LONGEST_PART:
        reason = f"a part of the path has {longest} bytes, and file systems take {_LONGEST_PART}"
        raise NameRefusedError("a research", _shown(text), reason)
    length = len(os.fsencode(_absolute(os.path.dirname(text)))) + 1  # noqa: PTH120  (of any length)
    length += max(len(os.fsencode(Path(text).name)), len(".research-12345678"))  # its name while it is made
    if length > _LONGEST_PATH:
        reason = (
            f"its whole path has {length} bytes, and {_LONGEST_PATH} are the most with which SQLite works"
        )
        raise NameRefusedError("a research", _shown(text), reason)
    return Path(text)


def _absolute(path: str) -> str:
    try:
        return os.path.realpath(path)
    except OSError:  # the working directory is gone
        return path


def _shown(path: str) -> str:
    return path if len(path) <= 80 else f"{path[:40]}...{path[-37:]}"
