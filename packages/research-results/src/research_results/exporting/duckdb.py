"""DuckDB: the tables that are in SQLite as well, with the types of DuckDB."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from research_results.exporting.registry import require
from research_results.exporting.tables import quoted, tables_of


def write(results: Any, path: Path, /, **options: Any) -> None:
    """Write results; `options` are filters and ``use_alias``."""
    duckdb = require("duckdb", "a .duckdb file", "duckdb")
    arrow = require("pyarrow", "a .duckdb file", "duckdb")
    tables = tables_of(results, options, _is_moment)
    with closing(duckdb.connect(str(path))) as connection:
        for name, frame, key, _ in tables:
            connection.register("rows", arrow.Table.from_pandas(frame, preserve_index=False))
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")  # noqa: S608  (a name of ours)
            connection.unregister("rows")
            columns = ", ".join(map(quoted, key))
            connection.execute(f"ALTER TABLE {name} ADD PRIMARY KEY ({columns})")


def _is_moment(column: pd.Series[Any]) -> bool:
    """Tell whether a column is of times without a zone, or of spans."""
    return isinstance(column.dtype, np.dtype) and column.dtype.kind in "mM"
