"""Names of variables, and the choice among them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from research_results.errors import DamagedError, UnknownVariableError
from research_results.reading.filters import Query


def check_variables(wanted: Query, known: Collection[str]) -> None:
    """Refuse variables that are not there, unless there are none at all."""
    for name in wanted.names or ():
        if known and name not in known:
            raise UnknownVariableError(name, tuple(known))


def known_variables(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return the names of all variables, in the order of their first appearance."""
    return tuple(str(name) for (name,) in connection.execute("SELECT name FROM variables ORDER BY variable"))


def chosen_variables(connection: sqlite3.Connection, wanted: tuple[str, ...] | None) -> dict[int, str]:
    """Return numbers and names of variables, including those of removed experiments."""
    rows = connection.execute("SELECT variable, name FROM main.variables ORDER BY variable")
    return {number: str(name) for number, name in rows if wanted is None or name in wanted}


def numbers_of_variables(names: dict[int, str], wanted: Query) -> list[int] | None:
    """Return the numbers of the variables that are wanted, None for all."""
    return None if wanted.names is None else list(names)


def is_wanted(variable: int, names: dict[int, str], wanted: Query) -> bool:
    """Tell whether a variable is requested; with many, rows of others are read as well."""
    if variable in names:
        return True
    if wanted.names is None:
        raise DamagedError("table chunks", f"refers to a variable {variable} without a name")
    return False
