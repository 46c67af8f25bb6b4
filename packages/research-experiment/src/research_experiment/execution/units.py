"""Units of a running experiment: their latest results, and when they last ran."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from research_experiment.errors import PlanError, UnitOutputError


class UnitKind(NamedTuple):
    """What a unit is: whether it was added by `add_pipeline`, and whether it runs once per task."""

    is_pipeline: bool
    is_root: bool


class RunningUnit:
    """A unit of a running experiment: what ``E()['unit']`` gives.

    Calling it calls its function, without saving anything.

    Attributes
    ----------
    name : str
        Name of the unit.

    Examples
    --------
    >>> from research_experiment import E, Executor, Experiment
    >>> experiment = Experiment().add_callable('load', lambda: [1, 2])
    >>> experiment = experiment.add_callable('size', lambda unit: len(unit.output), E()['load'], save_to='n')
    """

    __slots__ = ("_outputs", "_ran", "_source", "name")

    def __init__(
        self, name: str, ran: Mapping[str, int], outputs: Mapping[str, Any], source: Callable[[], Any]
    ) -> None:
        self.name = name
        self._ran = ran
        self._outputs = outputs
        self._source = source

    @property
    def output(self) -> Any:
        """The last output.

        Raises
        ------
        UnitOutputError
            If there is none yet.
        """
        try:
            return self._outputs[self.name]
        except KeyError:
            raise UnitOutputError(self.name) from None

    @property
    def iteration(self) -> int | None:
        """The iteration in which the unit last ran; None before it has."""
        return self._ran.get(self.name)

    @property
    def pipeline(self) -> Any:
        """The experiment's own pipeline, of units that `add_pipeline` added.

        Raises
        ------
        PlanError
            If the unit is none of these.
        """
        raise PlanError(
            f"unit {self.name!r} has no pipeline: it was not added by add_pipeline(...)", unit=self.name
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function of the unit."""
        return self._source()(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}, last run in iteration {self.iteration}>"


class RunningPipeline(RunningUnit):
    """A pipeline of a running experiment; :attr:`pipeline` is the object itself."""

    __slots__ = ()

    @property
    def pipeline(self) -> Any:
        """The experiment's own pipeline."""
        return self._source()

    def v(self, name: str) -> Any:
        """Return the value of a variable of the pipeline."""
        return self.pipeline.v(name)
