"""Events on their way into a storage: recorded, committed together, counted."""

import pytest

from research_domain import ConfigAlias
from research_experiment import Failure
from research_runner.recording.committing import Committer
from research_runner.recording.monitor import Monitor
from research_runner.recording.recorder import Recorder
from research_runner.recording.storage_lookup import PlainStorage, encode_plain
from research_runner.scheduling.events import (
    AttemptDone,
    ExperimentAbandoned,
    ExperimentEnded,
    ExperimentLost,
    ExperimentQueued,
    ExperimentReturned,
    ExperimentStarted,
    OutputCaptured,
    Progressed,
    UnitFailed,
    ValueShown,
    ValuesSaved,
)

FAILURE = Failure("OSError", "busy", "", unit="load", iteration=2, experiment_id="a")
QUEUED = ExperimentQueued("a", ConfigAlias({"x": 1}), 0, b"")
STARTED = ExperimentStarted("a", 1, 0, "here", None, 5.0)
SAVED = ValuesSaved("a", encode_plain({"y": {0: 7}}))


def recorded(*events):
    storage = PlainStorage()
    Recorder(storage).write(events)
    return storage


def counted(*events, **earlier):
    monitor = Monitor(lambda: 4, **earlier)
    for event in events:
        monitor.handle(event)
    return monitor


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (QUEUED, "queued"),
        (STARTED, "running"),
        (ExperimentEnded("a", 3, 0.5, None), "done"),
        (ExperimentEnded("a", 3, 0.5, FAILURE), "failed"),
        (ExperimentLost("a", 1, FAILURE, True), "queued"),
        (ExperimentLost("a", 1, FAILURE, False), "failed"),
        (ExperimentReturned("a"), "queued"),
        (ExperimentAbandoned("a", FAILURE), "lost"),
    ],
)
def test_each_event_leaves_a_status(event, status):
    assert recorded(QUEUED, event).statuses() == {"a": status}


def test_values_output_and_failures_are_written_under_their_experiment():
    lost = ExperimentLost("a", 1, FAILURE, False)
    storage = recorded(QUEUED, SAVED, OutputCaptured("a", "stdout", "one\n"), lost)
    assert storage.results.configs["a"].config() == {"x": 1}
    assert storage.results.values["a"] == {"y": {0: 7}}
    assert storage.experiments_stdout == {"a": "one\n"}
    assert storage.results.failures == {"a": FAILURE}


def test_a_whole_attempt_is_written_in_one_call_where_the_storage_has_one():
    attempt = AttemptDone("a", 1, 0, "here", None, 5.0, 3, 0.5, SAVED.encoded)
    plain = recorded(QUEUED, attempt)
    assert (plain.statuses(), plain.results.values["a"]) == ({"a": "done"}, {"y": {0: 7}})

    class Whole(PlainStorage):
        def put_attempts(self, attempts, added, code):
            self.whole = [*attempts], dict(added), code

    storage = Whole()
    Recorder(storage, "v1").write([QUEUED, attempt])
    assert storage.whole == ([attempt], {"a": QUEUED}, "v1")
    assert storage.statuses() == {}  # the one call is the storage's whole knowledge


def test_queued_experiments_are_written_when_they_begin_or_have_waited_for_a_while():
    storage = PlainStorage()
    recorder = Recorder(storage, gathers=True)
    others = [QUEUED._replace(experiment_id=name) for name in "bcd"]
    for now, events, written in (
        (1.0, [QUEUED], {"a": "queued"}),  # at first nothing is short
        (1.1, [*others, STARTED._replace(experiment_id="b")], {"a": "queued", "b": "running"}),
        (1.2, [AttemptDone("c", 1, 0, "here", None, 5.0, 3, 0.5, ())], {"c": "done"}),
        (1.25, [], {}),
        (1.3, [], {}),
        (1.5, [], {"d": "queued"}),
    ):
        before = storage.statuses()
        for _ in range(2):  # a transaction that is rolled back is written again
            storage.results.statuses = dict(before)
            recorder.write(events, now)
        recorder.settle(now)
        assert storage.statuses() == before | written
    assert not recorder.is_due(2.0)


def test_all_queued_experiments_are_written_before_somebody_reads_and_at_the_end():
    storage = PlainStorage()
    committer = Committer(storage, gathers=True)
    for name in "ab":
        committer.waiting.append(QUEUED._replace(experiment_id=name))
        committer.commit(lambda: False)
    assert storage.statuses() == {"a": "queued"}
    committer.commit(lambda: False, everything=True)
    assert storage.statuses() == {"a": "queued", "b": "queued"}


class Listening:
    """Keeps what it is told, and what the storage held then."""

    kinds = (ExperimentStarted, ExperimentEnded)

    def __init__(self, storage):
        self.storage = storage
        self.told = []

    def handle(self, event):
        self.told.append((event, self.storage.statuses()["a"]))


def test_listeners_are_told_what_they_asked_for_once_all_of_it_is_committed():
    storage = PlainStorage()
    listener, ended = Listening(storage), ExperimentEnded("a", 3, 0.5, None)
    committer = Committer(storage, [listener])
    committer.begin()
    committer.waiting += [QUEUED, STARTED, ended]
    committer.commit(lambda: False)
    assert listener.told == [(STARTED, "done"), (ended, "done")]
    assert committer.waiting == []


def test_events_wait_for_others_but_not_for_long_and_lost_attempts_not_at_all():
    committer = Committer(PlainStorage())
    now = committer._committed
    committer.waiting.append(QUEUED)
    assert not committer.is_due(now)
    assert committer.is_due(now + 0.05)
    assert not committer.is_urgent()
    committer.waiting.append(ExperimentLost("a", 1, FAILURE, True))
    assert [committer.is_urgent(), committer.is_urgent()] == [True, False]


def test_events_that_a_storage_refuses_stay_and_nobody_is_told():
    class Refusing(PlainStorage):
        def add(self, *_, **__):
            raise ValueError("no")

    listener = Listening(PlainStorage())
    committer = Committer(Refusing(), [listener])
    committer.begin()
    committer.waiting += [QUEUED, STARTED]
    with pytest.raises(ValueError, match="no"):
        committer.commit(lambda: False)
    assert (committer.waiting, listener.told) == ([QUEUED, STARTED], [])


def test_the_monitor_counts_experiments_in_each_state():
    failed = (UnitFailed("b", FAILURE, 17, None), ExperimentEnded("b", 2, 0.5, FAILURE))
    others = [STARTED._replace(experiment_id=each) for each in "bc"]
    queued = [QUEUED._replace(experiment_id=each, number=number) for number, each in enumerate("abcd")]
    monitor = counted(*queued, STARTED, *others, Progressed("c", 5, 0), *failed)
    assert (monitor.generated_experiments, monitor.in_queue, monitor.in_progress) == (4, 1, 2)
    assert (monitor.finished_experiments, monitor.failed_experiments) == (1, 1)
    assert (monitor.finished_iterations, monitor.remained_experiments) == (7, 3)
    assert monitor.exceptions == [{"id": "b", "name": "load", "it": 2, "pid": 17, "exception": FAILURE}]


def test_an_attempt_that_is_tried_again_is_noted_and_not_counted_as_failed():
    again = counted(QUEUED, STARTED, ExperimentLost("a", 1, FAILURE, True))
    assert (again.in_queue, again.failed_experiments, len(again.exceptions)) == (1, 0, 1)
    last = counted(QUEUED, STARTED, ExperimentLost("a", 2, FAILURE, False))
    assert (last.in_queue, last.failed_experiments, len(last.exceptions)) == (0, 1, 1)


def test_what_an_earlier_run_has_done_counts_from_the_beginning():
    monitor = counted(ValueShown("a", "0.5"), done=2, failed=1)
    assert (monitor.finished_experiments, monitor.failed_experiments, monitor.latest) == (3, 1, "0.5")
