"""Methods of results that return DataFrames and labelled arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from research_results.frames.layout import ConfigLayout
from research_results.reading.methods import ResultsReading

if TYPE_CHECKING:
    import pandas as pd

    from research_results.reading.status import Summary


class ResultsFrames(ResultsReading):
    """Frames of the results that a reader finds, under filters that always hold."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of all variables, in the order of their first appearance."""
        return self._reader.variables()

    @property
    def df(self) -> pd.DataFrame:
        """All results as a DataFrame: `to_df` with its defaults."""
        return self.to_df()

    def to_df(
        self,
        pivot: bool = True,
        include_config: bool = True,
        use_alias: bool = False,
        concat_config: bool = False,
        remove_auxilary: bool = True,
        drop_columns: bool = True,
        nullable: bool = False,
        **kwargs: Any,
    ) -> pd.DataFrame:
        """Return results as a DataFrame, sorted by the order of the domain, then by iteration.

        Parameters
        ----------
        pivot : bool
            One column for each variable; otherwise columns ``name`` and ``value``.
        include_config : bool
            Columns for the parameters.
        use_alias : bool
            Aliases of the parameters and of their values; by default names and values. (`configs_to_df`
            shows aliases by default.)
        concat_config : bool
            One column ``config`` of strings ``key_value-key_value``, which are aliases.
        remove_auxilary : bool
            No columns repetition, updates and device; otherwise they have columns of their own, also with
            `concat_config`.
        drop_columns : bool
            With `concat_config`, whether the columns of the parameters go.
        nullable : bool
            Ints stay ints where some rows lack one, as in a union, in columns of pandas' nullable types
            (``Int64``); otherwise such a column is of floats.
        **kwargs
            Filters, see `filter`; a variable is chosen with ``name=``. A parameter that is called like an
            argument is given in ``config={'name': ...}``.

        Returns
        -------
        pandas.DataFrame
            Columns ``id``, ``config`` if asked for, the parameters in the order of their first appearance in
            the research, ``iteration``, and the variables likewise. The names that are not parameters or
            variables are ours: a parameter or variable that is called so gets a number (``id_1``), as does a
            variable that is called like a parameter. Where there is no value there is NaN; a value that is
            None is None.

        Examples
        --------
        >>> from research_results import ResearchResults
        >>> results = ResearchResults('memory', dump_results=False)
        >>> results.put('a', {'loss': {0: 0.5, 1: 0.25}}, {'id': 7, 'depth': None, 'repetition': 0})
        >>> results.df
          id  id_1 depth  iteration  loss
        0  a     7  None          0  0.50
        1  a     7  None          1  0.25
        >>> results.to_df(concat_config=True, remove_auxilary=False, iterations=0)
          id            config  repetition  iteration  loss
        0  a  depth_None-id_7           0          0   0.5
        """
        from research_results.frames.assembly import results_frame  # late: who wants a frame pays for pandas

        layout = ConfigLayout(
            include_config, use_alias, concat_config, remove_auxilary, drop_columns, nullable
        )
        return results_frame(self._reader, self._wanted(kwargs), layout, pivot=pivot)

    def configs_to_df(
        self,
        use_alias: bool = True,
        concat_config: bool = False,
        remove_auxilary: bool = True,
        drop_columns: bool = True,
        nullable: bool = False,
        **kwargs: Any,
    ) -> pd.DataFrame:
        """Return configs as a DataFrame, one row for each experiment; parameters as those of `to_df`.

        Names and values are shown by their aliases, which are texts, unless `use_alias` is False; `to_df`
        shows names and values by default.

        Examples
        --------
        >>> from research_results import ResearchResults
        >>> results = ResearchResults('memory', dump_results=False)
        >>> results.put('a', {}, {'lr': 0.1, 'repetition': 0})
        >>> results.configs_to_df(remove_auxilary=False)
          id   lr repetition
        0  a  0.1          0
        """
        from research_results.frames.assembly import configs_frame

        layout = ConfigLayout(True, use_alias, concat_config, remove_auxilary, drop_columns, nullable)
        return configs_frame(self._reader, self._wanted(kwargs), layout)

    def artifacts_to_df(
        self,
        include_config: bool = True,
        use_alias: bool = False,
        concat_config: bool = False,
        remove_auxilary: bool = True,
        drop_columns: bool = True,
        **kwargs: Any,
    ) -> pd.DataFrame:
        """Return what experiments left in their folders as a DataFrame; parameters as those of `to_df`.

        Returns
        -------
        pandas.DataFrame
            Columns ``id``, the parameters, ``artifact_name``, ``full_path`` and ``relative_path``.
        """
        from research_results.frames.assembly import artifacts_frame

        layout = ConfigLayout(include_config, use_alias, concat_config, remove_auxilary, drop_columns)
        return artifacts_frame(self._reader, self._wanted(kwargs), layout)

    @property
    def counts(self) -> dict[str, int]:
        """How many experiments are queued, running, done, failed and lost, for each status that some have."""
        return self._reader.counts()

    @property
    def experiments(self) -> pd.DataFrame:
        """Status of every experiment.

        A DataFrame with columns ``id`` (of several folders behind ``research``), ``status`` (queued, running,
        done, failed, lost), ``cause`` (of those that failed), ``attempts``, ``worker``, ``host`` and
        ``device`` (where it runs, or ran last), ``code`` (the version of the code that it runs, or ran with),
        ``started`` (UTC), ``elapsed_s`` (seconds), ``iterations``, ``stopped`` (the step at which a search or
        a rule has ended it; such an experiment is done), ``tags`` (with commas between them) and ``note``.
        """
        from research_results.frames.status import experiments_frame

        return experiments_frame(self._reader, self._wanted({}))

    @property
    def failures(self) -> pd.DataFrame:
        """The last failure of every experiment that is failed or lost: `load_failures` with its defaults."""
        return self.load_failures()

    def load_failures(
        self,
        *,
        every_attempt: bool = False,
        include_config: bool = True,
        use_alias: bool = False,
        remove_auxilary: bool = False,
        **kwargs: Any,
    ) -> pd.DataFrame:
        """Return why experiments failed; `failure_report` says it in a few lines.

        Parameters
        ----------
        every_attempt : bool
            Also failures after which another attempt was made.
        include_config, use_alias, remove_auxilary : bool
            As in `to_df`, but repetition, updates and device are shown by default.
        **kwargs
            Filters, see `filter`.

        Returns
        -------
        pandas.DataFrame
            Columns ``id``, the parameters, ``status``, ``attempt``, ``cause``, ``type``, ``message``,
            ``unit``, ``iteration``, ``host``, ``device`` and ``traceback`` (text).
        """
        from research_results.frames.status import failures_frame

        layout = ConfigLayout(include_config, use_alias, remove_auxilary=remove_auxilary)
        return failures_frame(self._reader, self._wanted(kwargs), layout, every_attempt=every_attempt)

    def summary(self) -> Summary:
        """Return the research in a few numbers; shown as a table in a notebook.

        Examples
        --------
        >>> from research_results import ResearchResults
        >>> results = ResearchResults('memory', dump_results=False)
        >>> results.put('a', {'loss': {0: 0.5}}, {'lr': 0.1})
        >>> print(results.summary())
        research     memory
        experiments  1 queued
        parameters   lr
        variables    loss
        values       1
        on disk      nothing
        time         0.0 s in experiments
        """
        return self._reader.summary()

    def to_xarray(self, *, dense: bool = False, **kwargs: Any) -> Any:
        """Return results as labelled arrays of xarray.

        Parameters
        ----------
        dense : bool
            Make arrays that are less than a tenth full, too.
        **kwargs
            Filters, see `filter`; a variable is chosen with ``name=``.

        Returns
        -------
        xarray.Dataset or xarray.DataTree
            Parameters that vary are dimensions, those that others determine (as where they are zipped) lie
            along the dimension of these, and constants are attributes; ``repetition`` and ``iteration`` are
            dimensions as well. A variable with one value in each experiment has no iterations. ``status``
            and ``id`` of each experiment are coordinates. Of configs with different parameters each set of
            parameters is a node of a DataTree; so is each of several researches if their parameters do not
            have the same values.

        Raises
        ------
        MissingExtraError
            Without the extra ``xarray``.
        ArgumentError
            If an array would be less than a tenth full, several experiments have the same config, or there
            are none.

        Notes
        -----
        Where an experiment has no value there is NaN, and its status is ``absent`` if it is not there at
        all. Values of parameters are looked up as they are if all are numbers, times or strings, else by
        their aliases. Attributes are what netCDF and Zarr can hold: numbers, strings and lists of numbers;
        bools are 0 and 1, and other values are texts, as in `to_csv`. A ``/`` in a name becomes ``.``.

        Examples
        --------
        >>> from research_results import ResearchResults
        >>> results = ResearchResults('memory', dump_results=False)
        >>> for number, (lr, act) in enumerate([(0.1, 'relu'), (0.1, 'tanh'), (0.2, 'relu'), (0.2, 'tanh')]):
        ...     results.put(str(number), {'loss': {0: lr, 1: lr / 2}}, {'lr': lr, 'act': act, 'depth': 3})
        >>> arrays = results.to_xarray()
        >>> dict(arrays.sizes), arrays.attrs
        ({'lr': 2, 'act': 2, 'iteration': 2}, {'depth': 3})
        >>> arrays.loss.sel(lr=0.2, act='tanh').values.tolist()
        [0.2, 0.1]
        """
        from research_results.frames.arrays import labelled_arrays

        return labelled_arrays(self._reader, self._wanted(kwargs), dense=dense)

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()
