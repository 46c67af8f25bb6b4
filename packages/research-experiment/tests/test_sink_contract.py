"""The contract of sinks: our own sink keeps it, and each way to break it is noticed."""

from __future__ import annotations

import pytest

from research_experiment import MemorySink
from research_experiment.testing import PLAIN_VALUES, SinkContract, same_value


class TestMemorySink(SinkContract):
    def make_sink(self, experiment_ids):
        return MemorySink()

    def stored(self, sink, experiment_id):
        return sink.values.get(experiment_id, {})


def contract(sink_class):
    class Checked(SinkContract):
        def make_sink(self, experiment_ids):
            return sink_class()

        def stored(self, sink, experiment_id):
            return sink.values.get(experiment_id, {})

    return Checked()


class FirstWins(MemorySink):
    def put(self, experiment_id, values):
        for name, column in values.items():
            mine = self.values.setdefault(experiment_id, {}).setdefault(name, {})
            mine.update({iteration: value for iteration, value in column.items() if iteration not in mine})


class LastPutOnly(MemorySink):
    def put(self, experiment_id, values):
        self.values[experiment_id] = {name: dict(column) for name, column in values.items()}


class OneForAll(MemorySink):
    def put(self, experiment_id, values):
        for key in ("a", "b"):
            super().put(key, values)


class Texts(MemorySink):
    def put(self, experiment_id, values):
        super().put(experiment_id, {n: {i: str(v) for i, v in c.items()} for n, c in values.items()})


class Refuses(MemorySink):
    def put(self, experiment_id, values):
        super().put(
            experiment_id, {n: {i: v for i, v in c.items() if v is not None} for n, c in values.items()}
        )


class Files(MemorySink):
    def put(self, experiment_id, values):
        if any("/" in name for name in values):
            raise OSError
        super().put(experiment_id, values)


@pytest.mark.parametrize(
    ("sink", "broken"),
    [
        (FirstWins, "test_later_put_of_the_same_iteration_wins"),
        (LastPutOnly, "test_puts_add_up"),
        (LastPutOnly, "test_executor_puts_everything_that_units_save"),
        (OneForAll, "test_put_keeps_experiments_apart"),
        (Texts, "test_plain_values_come_back_as_they_were"),
        (Texts, "test_put_keeps_variables_and_iterations_apart"),
        (Refuses, "test_values_of_different_types_share_a_variable"),
        (Files, "test_awkward_names_are_kept"),
    ],
)
def test_sink_that_breaks_the_contract_is_noticed(sink, broken):
    with pytest.raises((AssertionError, KeyError, OSError)):
        getattr(contract(sink), broken)()


def test_sameness_of_values():
    values = list(PLAIN_VALUES.values())
    for i, left in enumerate(values):
        for j, right in enumerate(values):
            assert same_value(left, right) is (i == j), (left, right)
