"""Methods of results that draw pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from research_results.answers.methods import ResultsAnswers
from research_results.errors import ArgumentError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from research_results.answers.objectives import At, Mode
    from research_results.plotting.data import Band
    from research_results.plotting.request import Kind


class ResultsPictures(ResultsAnswers):
    """Pictures of the results that a reader finds, under filters that always hold."""

    def plot(
        self,
        variables: str | Sequence[str] | None = None,
        kind: Kind | None = None,
        *,
        x: str | None = None,
        y: str | None = None,
        by: str | Sequence[str] | None = None,
        facets: str | Sequence[str] | None = None,
        over: str | Sequence[str] | None = "repetition",
        at: At = "last",
        mode: Mode = "min",
        band: Band | None = "std",
        ax: Any = None,
        figure: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Draw variables: curves over iterations, final values over a parameter, and more.

        Parameters
        ----------
        variables : str or sequence of str, optional
            Panels for each, by default for each variable that is a number. A leading ``-`` says that the
            larger values are the better ones.
        kind : str, optional
            ``'curve'``: means over iterations. ``'final'``: one value of each experiment over a parameter.
            ``'heatmap'``: the same over two parameters. ``'parallel'``: each config as a line through its
            parameters. ``'box'``: the distribution over repetitions. ``'importances'``: which parameters
            matter. ``'pareto'``: two variables against each other. By default curves, or final values if no
            experiment has more than one value.
        x, y : str, optional
            Parameters (or their aliases) of the axes of final values and heat maps, by default those with
            the most values.
        by : str or sequence of str, optional
            Parameters that are told apart by colours, by default all that vary if there are enough colours;
            one that has a single value asks for one curve, the mean of all configs.
        facets : str or sequence of str, optional
            Parameters that have a panel for each value, by default those that have no colours.
        over : str, sequence of str or None
            Parameters whose values are averaged over; None tells repetitions apart.
        at : {'last', 'best'} or int
            Which value of an experiment counts: that of its last iteration, its best one, or that of an
            iteration.
        mode : {'min', 'max'}
            Whether the smaller or the larger values are the better ones.
        band : {'std', 'sem', 'min-max'} or None
            What is drawn around a mean: one standard deviation (of a sample), one standard error of the
            mean, or the whole range.
        ax : matplotlib.axes.Axes or array of them, optional
            Where to draw, one for each panel.
        figure : matplotlib.figure.Figure, optional
            Where to make panels.
        **kwargs
            Filters, see `filter`.

        Returns
        -------
        matplotlib.figure.Figure or Axes
            `ax` if it is given, else the figure; ``figure.savefig('curves.png')`` keeps it.

        Raises
        ------
        MissingExtraError
            Without the extra ``plot``.
        UnknownVariableError
            If there is no such variable.
        ArgumentError
            If there is no such parameter or kind, an argument is nothing for the kind, or there is nothing
            to draw.

        Notes
        -----
        Without `ax` and `figure` the picture is drawn as seaborn and pandas do: on pyplot's current figure or
        axes if these are empty, else on a new figure of pyplot. A notebook shows it once, a script by
        ``plt.show()``, and ``plt.close()`` frees it.

        Only repetitions (`over`) are averaged. At most as many curves as the style has colours and at most 9
        panels of one variable are drawn; the legend says which are left out. Experiments that failed or
        were interrupted are not drawn, and a mean with a NaN among its values has no point. An axis of
        numbers is logarithmic if that spreads them more evenly.

        Examples
        --------
        >>> from research_results import ResearchResults
        >>> results = ResearchResults('memory', dump_results=False)
        >>> for repetition in range(3):
        ...     loss = {0: 1.0, 1: repetition / 4}
        ...     results.put(str(repetition), {'loss': loss}, {'lr': 0.1, 'repetition': repetition})
        >>> figure = results.plot('loss')
        >>> figure.axes[0].get_ylabel()
        'loss'
        """
        from research_results.answers.groups import names_of

        try:
            from research_results.plotting.canvas import parse_target
            from research_results.plotting.drawing import draw
        except ImportError as error:
            raise MissingExtraError("plot", "plot") from error
        from research_results.plotting.request import parse_request

        request = parse_request(kind, x, y, by, facets, at, band, parse_target(ax, figure))
        return draw(
            self._reader, self._wanted(kwargs), variables, kind, mode, names_of("over", over), request
        )

    def importances(
        self,
        variable: str,
        over: str | Sequence[str] | None = "repetition",
        at: At = "last",
        mode: Mode = "min",
        **kwargs: Any,
    ) -> pd.DataFrame:
        """Return which parameters matter: the shares of the variance of a variable that they explain.

        Parameters
        ----------
        variable : str
            The variable.
        over : str, sequence of str or None
            Parameters that tell repetitions of a config apart; what varies over them is noise.
        at : {'last', 'best'} or int
            Which value of an experiment counts.
        mode : {'min', 'max'}
            Which value is the best one.
        **kwargs
            Filters, see `filter`.

        Returns
        -------
        pandas.DataFrame
            Columns ``effect`` (a parameter, or ``a x b`` for a pair), ``kind`` and ``share``. The shares
            are 1 together; ``noise`` is left among repetitions.

        Raises
        ------
        MissingExtraError
            If the configs are no full grid, without the extra ``importances``.
        ArgumentError
            If there is nothing to explain, or nothing to explain it by.

        Notes
        -----
        Of a full grid these are the sums of squares of the analysis of variance, divided by the total one;
        of other configs, a functional analysis of variance of a random forest, which has no ``noise``.
        Values that are not finite are left out.

        **Source**: D. C. Montgomery, *Design and Analysis of Experiments*, chapter 5; F. Hutter, H. Hoos,
        K. Leyton-Brown, *An Efficient Approach for Assessing Hyperparameter Importance*, ICML 2014.

        Examples
        --------
        >>> from research_results import ResearchResults
        >>> results = ResearchResults('memory', dump_results=False)
        >>> for number, (lr, act) in enumerate([(1, 'relu'), (1, 'tanh'), (2, 'relu'), (2, 'tanh')]):
        ...     results.put(str(number), {'loss': {0: 3 * lr + (act == 'tanh')}}, {'lr': lr, 'act': act})
        >>> results.importances('loss').round(3)
             effect       kind  share
        0        lr  parameter    0.9
        1       act  parameter    0.1
        2  lr x act       pair    0.0
        3  repetitions   noise    0.0
        """
        import pandas as pd

        from research_results.answers.groups import names_of
        from research_results.answers.objectives import check_at
        from research_results.plotting.data import importances_of, read_plot_data

        if not isinstance(variable, str):
            raise ArgumentError("variable", f"is the name of one variable, got {variable!r}")
        names = names_of("over", over)
        data = read_plot_data(self._reader, self._wanted(kwargs), variable, mode, names, ())
        return pd.DataFrame(
            importances_of(data, data.measures[0], check_at(at)), columns=["effect", "kind", "share"]
        )
