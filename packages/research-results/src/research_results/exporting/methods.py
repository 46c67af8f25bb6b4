"""Methods of results that write files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from research_results.exporting.registry import Exporter, export_with, exporter_of


class ResultsExports:
    """Exports of the results that a reader finds."""

    def export(self, path: str | Path, **kwargs: Any) -> Path:
        """Write results in the format that the suffix of a file says, completely or not at all.

        ``.csv``, ``.parquet``, ``.json`` and ``.xlsx`` have the table of `to_df`; ``.sqlite`` and ``.duckdb``
        have tables ``results`` (a row for each experiment: its config and the last value of each variable),
        ``experiments``, ``history`` and ``failures``; ``.nc`` and ``.zarr`` have the arrays of `to_xarray`.
        Packages add formats by entry points of the group ``research.exporters``.

        Parameters
        ----------
        path : str or Path
            The file; one that is there is replaced.
        **kwargs
            Filters, and the parameters of `to_df` or `to_xarray`; for databases ``use_alias``.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ArgumentError
            If there is no exporter for this suffix, or the results do not fit into the format.
        MissingExtraError
            If a package is missing; names the extra.

        Examples
        --------
        >>> import tempfile
        >>> from research_results import ResearchResults
        >>> results = ResearchResults('memory', dump_results=False)
        >>> results.put('a', {'loss': {0: 0.5, 1: 0.25}}, {'lr': 0.1, 'layers': [64, 10]})
        >>> file = results.export(tempfile.mkdtemp() + '/results.json', iterations=1)
        >>> print(file.read_text())
        [
        {"id": "a", "lr": 0.1, "layers": [64, 10], "iteration": 1, "loss": 0.25}
        ]
        >>> results.export('r.jason')
        Traceback (most recent call last):
        ...
        research_results.errors.ArgumentError: path: 'r.jason' ends in '.jason' (did you mean '.json'?); ...
        """
        return self._export(exporter_of(path), path, kwargs)

    def to_csv(self, path: str | Path, **kwargs: Any) -> Path:
        """Write `to_df` as a CSV file, completely or not at all.

        Texts are written as they are, None as ``None``, lists, tuples, dicts, arrays and frames of plain data
        as JSON, and anything else as the text that it gives itself, whole. Where there is no value there is
        nothing. A text that begins with ``=``, ``+``, ``-`` or ``@`` is a formula for a spreadsheet: import
        the columns of a stranger's texts as text there.

        Parameters
        ----------
        path : str or Path
            The file.
        **kwargs
            Of `to_df`.
        """
        from research_results.exporting.csv import write

        return self._export(write, path, kwargs)

    def to_parquet(self, path: str | Path, **kwargs: Any) -> Path:
        """Write `to_df` as a Parquet file, completely or not at all.

        Numbers, bools, strings and times keep their types. Other columns of objects become texts: JSON where
        a value is plain data, which a string, a number and None are too, else the text that the value gives
        itself, whole. In columns of one simple type None is null; in those that lack values as well it is the
        text ``None``, and null means no value.

        Parameters
        ----------
        path : str or Path
            The file.
        **kwargs
            Of `to_df`.

        Raises
        ------
        MissingExtraError
            Without the extra ``parquet``.
        """
        from research_results.exporting.parquet import write

        return self._export(write, path, kwargs)

    def _export(self, exporter: Exporter, path: str | Path, options: dict[str, Any]) -> Path:
        return export_with(exporter, self, path, options)
