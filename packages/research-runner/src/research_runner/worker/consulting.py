"""Reports of watched variables, at which an experiment waits for a verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from research_experiment import Hook, RunningExperiment
from research_experiment.protocols import Encoded, Values
from research_runner.scheduling.events import Reported
from research_runner.searching.watching import Latest, Watch, as_number
from research_runner.system.fail_points import fail_point
from research_runner.worker.reporting import EncodingSink, KeptValue, Outbox


class WatchingSink(EncodingSink):
    """The encoding sink that keeps the latest values of watched variables, whether they are dumped or not."""

    def __init__(
        self, emit: Callable[[Any], None], encode: Callable[[Values], Encoded], show: str | None, watch: Watch
    ) -> None:
        super().__init__(emit, encode, show)
        self._variables = watch.variables
        self._latest: dict[str, Latest] = {}

    def latest(self, experiment_id: str) -> Latest:
        """Return the latest values of an experiment."""
        return self._latest.setdefault(experiment_id, Latest(self._variables))

    def forget(self, experiment_id: str) -> None:
        """Release the values of an experiment that has ended."""
        self._latest.pop(experiment_id, None)

    def keep(self, name: str, iteration: int, value: Any) -> KeptValue:
        """Encode a value as it is now; one that is watched is kept as a number as well."""
        kept = super().keep(name, iteration, value)
        return kept._replace(value=as_number(name, value)) if name in self._variables else kept

    def put(self, experiment_id: str, values: Values) -> None:
        """Emit encoded values, and keep the watched ones."""
        super().put(experiment_id, values)
        for name in self._variables:
            column = values.get(name)
            if column:
                value = column[max(column)]
                value = value.value if type(value) is KeptValue else value
                if value is not None:
                    self.latest(experiment_id).put(name, as_number(name, value))


class Consultant(Hook):
    """The hook that reports watched variables, and ends experiments that are to end.

    `answer` waits for whether the experiment of that id is to end.
    """

    def __init__(
        self, watch: Watch, sink: WatchingSink, outbox: Outbox, answer: Callable[[str], bool]
    ) -> None:
        self._watch = watch
        self._sink = sink
        self._outbox = outbox
        self._answer = answer

    def started(self, experiment: RunningExperiment) -> None:
        """Release what an interrupted attempt has left."""
        self._sink.forget(experiment.id)

    def ends(self, experiment: RunningExperiment) -> bool:
        """Report if it is time and there is a new value, and wait for the verdict."""
        if not self._watch.due(experiment.iteration):
            return False
        experiment.storage.flush()
        values = self._sink.latest(experiment.id).take()
        if values is None:
            return False
        self._outbox.add(Reported(experiment.id, experiment.iteration + 1, values))
        self._outbox.flush()
        fail_point("reported")
        ends = self._answer(experiment.id)
        fail_point("answered")
        return ends

    def ended(self, experiment: RunningExperiment) -> None:
        """Report the last values."""
        values = self._sink.latest(experiment.id).values
        self._sink.forget(experiment.id)
        self._outbox.add(Reported(experiment.id, experiment.iteration + 1, values, final=True))
