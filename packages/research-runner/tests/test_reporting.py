"""What a worker reports: events are gathered, and sent together."""

import pytest

from research_experiment import Failure
from research_runner.scheduling.events import ExperimentEnded, TaskEnded, ValuesSaved, add_end
from research_runner.worker.reporting import Outbox

FAILURE = Failure.of(ValueError(), unit="f", iteration=0, experiment_id="a", config={})


def test_event_added_while_others_are_sent_is_sent_with_the_next():
    reports = []

    def send(events):
        reports.append(events)
        if len(reports) == 1:
            outbox.hold("late")

    outbox = Outbox(send)
    outbox.hold("first")
    outbox.flush("second")
    outbox.flush("third")
    outbox.flush()
    assert reports == [["first", "second"], ["late", "third"]]


@pytest.mark.parametrize(
    "before",
    [
        [],
        [ValuesSaved("a", ())],
        [ValuesSaved("a", ()), ExperimentEnded("a", 1, 0.5, FAILURE)],
    ],
)
def test_end_of_a_task_stays_apart_unless_its_experiment_has_just_ended_well(before):
    events = list(before)
    add_end(events, 3, 0.6)
    assert events == [*before, TaskEnded(3, 0.6)]


def test_end_of_a_task_leaves_values_of_other_experiments_alone():
    values = ValuesSaved("b", ())
    events = [values, ExperimentEnded("a", 1, 0.5, None)]
    add_end(events, 3, 0.6)
    assert events[0] is values
    assert [type(event).__name__ for event in events] == ["ValuesSaved", "TaskFinished"]
