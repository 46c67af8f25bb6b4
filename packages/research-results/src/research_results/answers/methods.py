"""Methods of results that answer questions: why experiments failed, which config is best, means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from research_results.errors import ArgumentError
from research_results.frames.methods import ResultsFrames

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from research_domain import FailureReport
    from research_results.answers.comparison import Comparison
    from research_results.answers.objectives import At, Mode
    from research_results.answers.ranking import Ranking


class ResultsAnswers(ResultsFrames):
    """Answers from the results that a reader finds, under filters that always hold."""

    def failure_report(self, **kwargs: Any) -> FailureReport:
        """Return the failures, grouped by what they share; ``print`` it.

        Parameters
        ----------
        **kwargs
            Filters, see `filter`.

        Returns
        -------
        FailureReport
            Each group has its error, unit and iteration, the parameters that all of it have and the other
            experiments do not, the ids of its experiments and one traceback.

        Examples
        --------
        >>> from research_results import MemoryStorage
        >>> storage = MemoryStorage()
        >>> for width in (8, 16):
        ...     try:
        ...         with storage.experiment({'width': width}, experiment_id=f'w{width}') as experiment:
        ...             experiment.put(loss=1 / (16 - width))
        ...     except ZeroDivisionError:
        ...         pass
        >>> print(storage.results.failure_report().headline)
        1 of 2 failed: ZeroDivisionError: division by zero, at iteration 0; with width=16
        """
        from research_results.answers.failure_report import failure_report

        return failure_report(self._reader, self._wanted(kwargs))

    def best(
        self,
        objective: str | Sequence[str],
        n: int | None = None,
        mode: Mode = "min",
        at: At = "last",
        over: str | Sequence[str] | None = "repetition",
        **kwargs: Any,
    ) -> Ranking:
        """Rank configs by the mean of a variable over their repetitions, or find the Pareto set of several.

        Parameters
        ----------
        objective : str or sequence of str
            The variable; a leading ``-`` says that the larger values are the better ones. With several of
            them a config is in the Pareto set if no other is as good in all and better in one.
        n : int, optional
            How many configs; by default 5 of one objective, and the whole Pareto set of several.
        mode : {'min', 'max'}
            Whether the smaller or the larger values are the better ones.
        at : {'last', 'best'} or int
            Which value of an experiment counts: that of its last iteration, its best one, or that of an
            iteration.
        over : str, sequence of str or None
            Parameters whose values are averaged over; without the repetition among them each repetition of
            a config has a rank of its own.
        **kwargs
            Filters, see `filter`.

        Returns
        -------
        Ranking
            The best configs with mean, standard deviation, standard error and count. Configs are as they were
            given: ints are ints, absent parameters are absent, and objects are objects, or ``Opaque`` where a
            folder is not trusted.

        Raises
        ------
        UnknownVariableError, UnknownParameterError
            If there is nothing of such a name.
        ArgumentError
            If values are no numbers, or an argument makes no sense.

        Notes
        -----
        Experiments that failed or were interrupted are counted beside the mean and are not in it. A config
        with a NaN among its values has a mean of NaN and comes last. The standard deviation is that of a
        sample, with one degree of freedom less.

        Examples
        --------
        >>> from research_results import ResearchResults
        >>> results = ResearchResults('memory', dump_results=False)
        >>> for number, (units, error) in enumerate([(8, 0.3), (32, 0.1), (8, 0.5), (32, 0.2)]):
        ...     results.put(str(number), {'error': {0: error}}, {'units': units, 'repetition': number // 2})
        >>> best = results.best('error')
        >>> print(best)
           error      std   sem  n  failed  config
        1   0.15  0.07071  0.05  2       0  units=32
        2    0.4   0.1414   0.1  2       0  units=8
        >>> best.configs[0]['units']
        32
        """
        from research_results.answers.groups import names_of
        from research_results.answers.objectives import check_at, parse_objectives
        from research_results.answers.ranking import check_count, rank

        objectives = parse_objectives(objective, mode, self.variables)
        wanted, over = self._wanted(kwargs), names_of("over", over)
        return rank(self._reader, wanted, objectives, check_count(n), check_at(at), over)

    def compare(
        self,
        *experiment_ids: str,
        variables: str | Sequence[str] | None = None,
        at: At = "last",
        mode: Mode = "min",
        over: str | Sequence[str] | None = "repetition",
        **kwargs: Any,
    ) -> Comparison:
        """Compare experiments, or the researches that these are: what differs, and variables by how much.

        Parameters
        ----------
        *experiment_ids : str
            At least two experiments. If these are several researches none need be given: they are compared.
        variables : str or sequence of str, optional
            The variables, by default all that are numbers.
        at : {'last', 'best'} or int
            Which value of an experiment counts: that of its last iteration, its best one, or that of an
            iteration.
        mode : {'min', 'max'}
            Which value is the best one.
        over : str, sequence of str or None
            Parameters whose values are averaged over.
        **kwargs
            Filters, see `filter`.

        Returns
        -------
        Comparison
            To be printed; its parts are DataFrames: ``parameters``, ``variables``, ``df`` with one row for
            each config, ``code`` and ``environment``.

        Raises
        ------
        UnknownVariableError, UnknownParameterError, UnknownExperimentError
            If there is nothing of such a name.
        ArgumentError
            If there are less than two sides.

        Notes
        -----
        A config is the same on two sides if its parameters are equal, but for those that have one value on
        each side: these tell the sides apart. Differences are those to the first side.

        Examples
        --------
        >>> from research_results import ResearchResults
        >>> results = ResearchResults('memory', dump_results=False)
        >>> for name, lr in (('a', 0.1), ('b', 0.2)):
        ...     results.put(name, {'loss': {0: 1.0, 1: lr}}, {'lr': lr, 'act': 'relu'})
        >>> comparison = results.compare('a', 'b')
        >>> comparison.parameters
          parameter    a    b
        0        lr  0.1  0.2
        >>> comparison.differences[1].difference
        0.1
        """
        from research_results.answers.groups import names_of
        from research_results.answers.objectives import check_at
        from research_results.answers.sides import compare_sides, sides_of

        return compare_sides(
            sides_of(self._parts(), experiment_ids),
            kwargs,
            variables,
            check_at(at),
            mode,
            names_of("over", over),
        )

    def aggregate(
        self,
        variables: str | Sequence[str] | None = None,
        by: str | Sequence[str] | None = None,
        over: str | Sequence[str] | None = "repetition",
        stats: str | Sequence[str] = ("mean", "std", "count"),
        at: At | None = None,
        mode: Mode = "min",
        **kwargs: Any,
    ) -> pd.DataFrame:
        """Return mean, spread and more of variables over repetitions: curves, or final values.

        Parameters
        ----------
        variables : str or sequence of str, optional
            The variables, by default all that are numbers. A leading ``-`` says which value is the best one
            for ``at='best'``.
        by : str or sequence of str, optional
            Parameters that have a row for each of their values, while everything else is averaged; by default
            all but those of `over`.
        over : str, sequence of str or None
            Parameters that are averaged over, if `by` is not given; None tells repetitions apart.
        stats : sequence of str
            Of mean, std, sem (standard error of the mean), count, min, max and median.
        at : {'last', 'best'} or int, optional
            Which value of an experiment counts; by default each iteration has rows of its own.
        mode : {'min', 'max'}
            Which value is the best one.
        **kwargs
            Filters, see `filter`.

        Returns
        -------
        pandas.DataFrame
            The parameters, ``iteration`` unless `at` is given, a column for each of `stats` (``loss_mean``,
            if several variables are given), and ``failed``: how many experiments of the config failed or
            were interrupted; they are in none of the statistics.

        Raises
        ------
        UnknownVariableError, UnknownParameterError
            If there is nothing of such a name.
        ArgumentError
            If values are no numbers, or an argument makes no sense.

        Examples
        --------
        >>> from research_results import ResearchResults
        >>> results = ResearchResults('memory', dump_results=False)
        >>> for repetition in range(2):
        ...     loss = {0: 1.0, 1: repetition / 2}
        ...     results.put(str(repetition), {'loss': loss}, {'lr': 0.1, 'repetition': repetition})
        >>> results.aggregate('loss', stats=['mean', 'min', 'count'])
            lr  iteration  mean  min  count  failed
        0  0.1          0  1.00  1.0      2       0
        1  0.1          1  0.25  0.0      2       0
        >>> results.aggregate('loss', at='last', stats='mean')
            lr  mean  failed
        0  0.1  0.25       0
        """
        from research_results.answers.aggregation import aggregate_frame
        from research_results.answers.groups import names_of
        from research_results.answers.objectives import check_at, parse_objectives
        from research_results.answers.statistics import check_statistics

        groups, averaged = None if by is None else names_of("by", by), names_of("over", over)
        contradicts = groups is not None and (not averaged or not {*groups}.isdisjoint(averaged))
        if contradicts and over != "repetition":
            raise ArgumentError(
                "over", "with by= all other parameters are averaged over, and none of by; leave it out"
            )
        known = self.variables
        given = known if variables is None else variables
        objectives = parse_objectives(given, mode, known) if known or given else ()
        return aggregate_frame(
            self._reader,
            self._wanted(kwargs),
            objectives,
            groups,
            averaged,
            check_statistics(stats),
            None if at is None else check_at(at),
            prefixed=not isinstance(variables, str),
            strict=variables is not None,
        )
