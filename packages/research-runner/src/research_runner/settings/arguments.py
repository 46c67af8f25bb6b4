"""The plainest of the parameters that users give: numbers and names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from research_runner.errors import OptionError

__all__ = ["parse_count", "parse_name"]


def parse_count(option: str, value: Any, *, optional: bool = False) -> int | None:
    """Read a positive whole number.

    Raises
    ------
    OptionError
        If it is none.
    """
    if value is None and optional:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise OptionError(
            option, f"must be a positive whole number{' or None' if optional else ''}, got {value!r}"
        )
    return value


def parse_name(name: Any) -> str:
    """Read the name of a research, which is the relative path of its folder.

    Raises
    ------
    OptionError
        If it is empty, absolute, or leads out of the current folder.
    """
    if not isinstance(name, str | Path) or not str(name).strip() or "\0" in str(name):
        raise OptionError("name", f"must be the name of a folder, got {name!r}")
    path = Path(name)
    if path.name in ("", ".", ".."):
        raise OptionError("name", f"must be the name of a folder, got {str(name)!r}")
    return str(name)
