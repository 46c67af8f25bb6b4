"""The coordinator, without a process: commands out, events in."""

import pytest

from research_domain import Domain, UpdateError
from research_experiment import Failure
from research_runner.errors import HopelessError, WorkersDieError
from research_runner.scheduling.commands import Kill, Start, Stop, Submit
from research_runner.scheduling.coordinator import Coordinator, Limits
from research_runner.scheduling.events import (
    ExperimentEnded,
    ExperimentLost,
    ExperimentQueued,
    ExperimentStarted,
    TaskEnded,
    TaskFinished,
    TaskReturned,
    TaskStarted,
    UnitEnded,
    UnitStarted,
    ValuesSaved,
    WorkerDied,
    WorkerLeaves,
    WorkerReady,
)
from research_runner.scheduling.source import IterationOptions, TaskSource
from research_runner.system.death import Death
from research_runner.system.place import Place

KILLED = Death("signal", signal="SIGKILL")
FAILED = Failure("OSError", "busy", "", unit="load", iteration=0, experiment_id="")


class Play:
    """Plays the workers of a coordinator by hand."""

    def __init__(self, n_configs, slots=1, branches=1, **limits):
        source = TaskSource(Domain(x=list(range(n_configs))), IterationOptions(seed=0), branches)
        self.coordinator = Coordinator(source, slots, Limits(**limits))
        self.sent = {slot: [] for slot in range(slots)}
        self.news = []

    def decide(self, now=0.0):
        if self.coordinator.is_update_due:
            self.coordinator.update()
        commands, events = self.coordinator.decide(now)
        self.news += events
        for command in commands:
            if isinstance(command, Submit):
                self.sent[command.slot] += command.tasks
        return commands

    def report(self, event, slot=0, now=0.0):
        events = self.coordinator.handle(slot, event, now) + self.coordinator.begun()
        self.news += events
        return events

    def ready(self, slot=0):
        self.decide()
        self.report(WorkerReady(slot, 100 + slot), slot)
        return self.decide()

    def run_next(self, slot=0, elapsed_s=1.0):
        task = self.sent[slot].pop(0)
        self.report(TaskStarted(task.index, 0.0), slot)
        for spec in task.experiments:
            self.report(ExperimentEnded(spec.identity.id, 1, elapsed_s, None), slot)
        self.report(TaskEnded(task.index, elapsed_s), slot)
        return task

    def of(self, kind):
        return [event for event in self.news if isinstance(event, kind)]


def test_first_decision_starts_workers_and_sends_nothing():
    assert Play(4, slots=2).decide() == [Start(0), Start(1)]


def test_not_more_workers_are_started_than_there_are_tasks():
    assert Play(1, slots=4).decide() == [Start(0)]


def test_a_ready_worker_gets_one_task_while_durations_are_unknown():
    play = Play(10)
    play.ready()
    assert len(play.sent[0]) == 1
    assert [event.number for event in play.of(ExperimentQueued)] == [0]


def test_short_tasks_are_sent_several_at_a_time_and_long_ones_one_by_one():
    short, longer, long = Play(1000), Play(1000), Play(1000)
    for play, elapsed_s in ((short, 0.001), (longer, 0.15), (long, 1.0)):
        play.ready()
        play.run_next(elapsed_s=elapsed_s)
        play.decide()
    assert [len(short.sent[0]), len(longer.sent[0])] == [200, 2]
    assert len(long.sent[0]) == 1


def test_the_last_tasks_are_shared_between_workers():
    play = Play(9, slots=2)
    play.ready(0)
    play.run_next(0, elapsed_s=0.0001)
    play.ready(1)
    assert len(play.sent[0]) <= 2
    assert len(play.sent[1]) <= 2


def test_every_experiment_runs_once_and_then_all_is_done():
    play = Play(7)
    play.ready()
    while not play.coordinator.done:
        if play.sent[0]:
            play.run_next()
        play.decide()
    assert [event.number for event in play.of(ExperimentQueued)] == list(range(7))
    assert len(play.of(ExperimentEnded)) == 7


def test_worker_that_leaves_by_itself_costs_nothing_and_is_replaced():
    play = Play(100, idle_deaths=1, max_attempts=1)
    play.ready()
    play.run_next(elapsed_s=0.001)
    play.decide()
    play.run_next()
    assert play.report(TaskReturned(play.sent[0][0].index))
    assert play.report(WorkerLeaves("a limit")) == [WorkerLeaves("a limit")]
    assert play.decide() == []
    assert play.report(WorkerDied(0, 1, Death("exit", exit_code=0))) == []
    assert play.coordinator.error is None
    assert play.decide() == [Start(0)]
    play.sent[0].clear()
    play.ready()
    while not play.coordinator.done:
        play.run_next()
        play.decide()
    assert len(play.of(ExperimentEnded)) == 100
    assert {event.attempt for event in play.of(ExperimentStarted)} == {1}
    assert not play.of(ExperimentLost)


def test_a_short_experiment_is_told_as_a_whole_unless_its_beginning_was():
    play = Play(2)
    play.ready()
    told = []
    for commits_between in (False, True):
        task = play.sent[0].pop(0)
        name = task.experiments[0].identity.id
        assert play.coordinator.handle(0, TaskStarted(task.index, 5.0)) == []
        between = play.coordinator.begun() if commits_between else []
        told.append(between + play.coordinator.handle(0, TaskFinished(task.index, 0.2, name, 1, 0.1, "rows")))
        assert not play.coordinator.busy
        play.decide()
    (whole,), parts = told
    assert whole[1:] == (1, 0, None, None, 5.0, 1, 0.1, "rows")
    assert parts == [
        ExperimentStarted(name, 1, 0, None, None, 5.0),
        ValuesSaved(name, "rows"),
        ExperimentEnded(name, 1, 0.1, None),
    ]
    assert play.coordinator.done


def test_the_last_branch_of_a_task_may_end_with_it_while_another_is_to_be_tried_again():
    play = Play(2, branches=2)
    play.ready()
    task = play.sent[0].pop(0)
    first, last = (spec.identity.id for spec in task.experiments)
    play.report(TaskStarted(task.index, 0.0))
    play.report(ExperimentEnded(first, 1, 0.1, FAILED, retriable=True))
    play.report(TaskFinished(task.index, 0.2, last, 1, 0.1, ()))
    play.decide()
    assert [spec.identity.id for spec in play.sent[0][0].experiments] == [first]
    assert [event.experiment_id for event in play.of(ExperimentLost)] == [first]
    assert [event.experiment_id for event in play.of(ExperimentEnded)] == [last]


def test_failures_and_beginnings_say_where():
    play = Play(2, max_attempts=1)
    play.decide()
    play.report(WorkerReady(0, 1, Place("node7", "4")))
    play.decide()
    task = play.sent[0].pop(0)
    play.report(TaskStarted(task.index, 0.0))
    play.report(ExperimentEnded(task.experiments[0].identity.id, 1, 0.1, FAILED))
    play.report(TaskEnded(task.index, 0.1))
    play.decide()
    play.report(TaskStarted(play.sent[0].pop(0).index, 0.0))
    play.report(WorkerDied(0, 1, KILLED))
    assert [(event.host, event.device) for event in play.of(ExperimentStarted)] == [("node7", "4")] * 2
    failures = [event.failure for kind in (ExperimentEnded, ExperimentLost) for event in play.of(kind)]
    assert [(failure.host, failure.device) for failure in failures] == [("node7", "4")] * 2


def test_a_death_costs_the_running_experiment_an_attempt_and_the_waiting_ones_nothing():
    play = Play(100)
    play.ready()
    play.run_next(elapsed_s=0.001)
    play.decide()
    running, *waiting = play.sent[0]
    play.report(TaskStarted(running.index, 0.0))
    play.report(WorkerDied(0, 100, KILLED))
    (lost,) = play.of(ExperimentLost)
    assert lost.experiment_id == running.experiments[0].identity.id
    assert lost.retry
    assert "SIGKILL" in lost.failure.message
    play.sent[0].clear()
    play.ready()
    assert play.sent[0][0] == waiting[0]


def test_an_experiment_that_kills_its_workers_fails_after_max_attempts_and_is_tried_last():
    play = Play(2, max_attempts=2)
    play.ready()
    first = play.sent[0].pop()
    play.report(TaskStarted(first.index, 0.0))
    play.report(WorkerDied(0, 100, KILLED))
    play.ready()
    again = play.sent[0].pop()
    assert again.experiments == first.experiments
    play.report(TaskStarted(again.index, 0.0))
    assert play.of(ExperimentStarted)[-1].attempt == 2
    play.report(WorkerDied(0, 100, KILLED))
    assert [event.retry for event in play.of(ExperimentLost)] == [True, False]
    play.ready()
    play.run_next()
    play.decide()
    assert play.coordinator.done


def test_branches_are_tried_again_alone_after_a_death_unless_they_had_ended():
    play = Play(3, branches=3)
    play.ready()
    (first,) = play.sent[0]
    play.sent[0].clear()
    play.report(TaskStarted(first.index, 0.0))
    play.report(ExperimentEnded(first.experiments[1].identity.id, 1, 0.1, None))
    play.report(WorkerDied(0, 100, KILLED))
    play.ready()
    (again,) = play.sent[0]
    play.run_next()
    play.decide()
    (last,) = play.sent[0]
    for task, index in ((again, 0), (last, 2)):
        assert [(spec.index, spec.branch) for spec in task.experiments] == [(index, index)]
        assert task.root == first.root


def test_branches_are_tried_again_alone_after_the_time_limit_of_their_task():
    play = Play(2, branches=2, timeout_s=10, grace_s=0.0)
    play.ready()
    task = play.sent[0].pop()
    play.report(TaskStarted(task.index, 0.0), now=0.0)
    play.decide(now=11.0)
    assert play.decide(now=12.0) == [Kill(0, "timeout")]
    play.report(WorkerDied(0, 100, Death("timeout")))
    play.ready()
    (again,) = play.sent[0]
    assert [spec.index for spec in again.experiments] == [0]


def test_a_task_over_its_time_is_killed_once():
    play = Play(1, timeout_s=10, grace_s=0.5)
    play.ready()
    play.report(TaskStarted(play.sent[0][0].index, started=7e9), now=100.0)
    assert play.decide(now=109.0) == []
    assert play.decide(now=111.0) == []
    assert play.decide(now=111.5) == [Kill(0, "timeout")]
    assert play.decide(now=112.0) == []


def test_a_unit_over_its_time_is_killed_by_the_clock_of_the_coordinator():
    play = Play(1, grace_s=0.0)
    play.ready()
    play.report(TaskStarted(play.sent[0][0].index, started=7e9), now=100.0)
    who = play.sent[0][0].experiments[0].identity.id
    play.report(UnitStarted(who, "train", 5.0), now=101.0)
    assert play.decide(now=105.0) == []
    assert play.decide(now=107.0) == []
    assert play.decide(now=108.0) == [Kill(0, "timeout")]
    play.report(WorkerDied(0, 100, Death("timeout")))
    (lost,) = play.of(ExperimentLost)
    assert lost.failure.unit == "train"


def test_an_end_that_was_on_its_way_is_in_time():
    play = Play(1, grace_s=1.0)
    play.ready()
    play.report(TaskStarted(play.sent[0][0].index, 0.0), now=0.0)
    who = play.sent[0][0].experiments[0].identity.id
    play.report(UnitStarted(who, "train", 5.0), now=0.0)
    assert play.decide(now=60.0) == []  # the coordinator was held up
    play.report(UnitEnded(who, "train"), now=60.0)
    assert play.decide(now=120.0) == []


def test_what_may_be_tried_again_waits_for_the_end_of_its_task():
    play = Play(2, branches=2)
    play.ready()
    task = play.sent[0].pop()
    who = task.experiments[0].identity.id
    play.report(TaskStarted(task.index, 0.0))
    play.report(ExperimentEnded(who, 1, 0.1, FAILED, retriable=True))
    assert play.decide() == []
    assert not play.of(ExperimentLost)
    play.report(ExperimentEnded(task.experiments[1].identity.id, 1, 0.1, None))
    play.report(TaskEnded(task.index, 0.1))
    assert [event.experiment_id for event in play.of(ExperimentLost)] == [who]
    play.decide()
    (again,) = play.sent[0]
    assert [spec.identity.id for spec in again.experiments] == [who]
    play.run_next()
    play.decide()
    assert play.coordinator.done
    assert [event.experiment_id for event in play.of(ExperimentEnded)][-1] == who


def test_a_worker_is_replaced_after_its_number_of_tasks():
    play = Play(2, tasks_per_worker=1)
    play.ready()
    play.run_next()
    assert play.decide() == [Stop(0)]
    play.report(WorkerDied(0, 100, Death("stopped")))
    assert play.decide() == [Start(0)]
    assert not play.of(ExperimentLost)


def test_after_stop_nothing_new_is_sent_and_what_runs_may_end():
    play = Play(10)
    play.ready()
    play.coordinator.stop()
    assert not play.coordinator.done
    play.run_next()
    assert play.decide() == []
    assert play.coordinator.done


def test_after_stop_what_was_sent_ahead_is_left_out():
    play = Play(100)
    play.ready()
    play.run_next(elapsed_s=0.001)
    play.decide()
    running, *ahead = play.sent[0]
    assert ahead
    play.report(TaskStarted(running.index, 0.0))
    play.coordinator.stop()
    assert play.decide() == [Stop(0)]
    assert play.decide() == []
    play.run_next()
    assert not play.coordinator.done
    play.report(WorkerDied(0, 100, Death("stopped")))
    assert play.decide() == []
    assert play.coordinator.done
    assert not play.of(ExperimentLost)


def test_workers_that_die_before_they_begin_end_the_run_with_a_reason():
    play = Play(10)
    for _ in range(3):
        play.decide()
        play.report(WorkerDied(0, 100, Death("exit", exit_code=1, detail="no module named x")))
    assert play.coordinator.done
    assert isinstance(play.coordinator.error, WorkersDieError)


def test_an_error_of_the_domain_ends_the_run_after_what_runs():
    def broken():
        raise ZeroDivisionError("in the update")

    play = Play(3)
    domain = Domain(x=[1, 2, 3]).set_update(broken, "%1")
    play.coordinator = Coordinator(TaskSource(domain, IterationOptions()), 1)
    play.ready()
    play.run_next()
    play.decide()
    assert play.coordinator.is_update_due
    play.decide()
    assert isinstance(play.coordinator.error, UpdateError)
    assert not play.coordinator.done
    play.run_next()
    assert play.coordinator.done
    assert len(play.of(ExperimentEnded)) == 2


def test_an_update_that_waits_is_due_when_all_have_ended_that_were_sent():
    play = Play(4, slots=2)
    domain = Domain(x=[1, 2, 3, 4]).set_update(lambda: None, "%1", wait=True)
    play.coordinator = Coordinator(TaskSource(domain, IterationOptions()), 2)
    play.ready(0), play.ready(1)
    assert [len(play.sent[slot]) for slot in (0, 1)] == [1, 1]
    play.run_next(1)
    assert play.decide() == [] and not play.coordinator.is_update_due
    play.run_next(0)
    assert play.coordinator.is_update_due
    play.decide()
    assert [len(play.sent[slot]) for slot in (0, 1)] == [1, 1]


def test_a_run_whose_experiments_all_fail_gives_up_before_it_asks_for_an_update():
    play = Play(2)
    source = TaskSource(Domain(x=[1, 2]).set_update(print, "last"), IterationOptions())
    play.coordinator = Coordinator(source, 1, Limits(canary=2))
    play.ready()
    for _ in range(2):
        task = play.sent[0].pop(0)
        play.report(TaskStarted(task.index, 0.0))
        play.report(ExperimentEnded(task.experiments[0].identity.id, 1, 1.0, FAILED))
        play.report(TaskEnded(task.index, 1.0))
        assert not play.coordinator.is_update_due
        play.decide()
    assert isinstance(play.coordinator.error, HopelessError)


def test_a_run_that_is_stopped_does_not_ask_for_an_update():
    play = Play(1)
    play.coordinator = Coordinator(TaskSource(Domain(x=[1]).set_update(print, "last"), IterationOptions()), 1)
    play.ready()
    play.run_next()
    assert play.coordinator.is_update_due
    play.coordinator.stop()
    assert not play.coordinator.is_update_due
    assert play.coordinator.done


@pytest.mark.parametrize("slots", [1, 3])
def test_an_update_at_the_end_waits_for_all_experiments(slots):
    seen = []

    def more():
        seen.append(len(play.of(ExperimentEnded)))
        return Domain(x=[10, 11]) if len(seen) == 1 else None

    play = Play(1, slots=slots)
    domain = Domain(x=[1, 2, 3]).set_update(more, "last")
    play.coordinator = Coordinator(TaskSource(domain, IterationOptions()), slots)
    for slot in range(slots):
        play.decide()
        play.report(WorkerReady(slot, slot), slot)
    play.decide()
    while not play.coordinator.done:
        for slot in range(slots):
            if play.sent[slot]:
                play.run_next(slot)
        for command in play.decide():
            if isinstance(command, Start):
                play.report(WorkerReady(command.slot, 0), command.slot)
    assert seen == [3, 5]
    assert len(play.of(ExperimentQueued)) == 5


@pytest.mark.parametrize("stopped", [False, True])
def test_a_task_that_is_given_back_runs_later_at_no_cost_unless_the_run_is_ended(stopped):
    play = Play(1, tasks_per_worker=1)
    play.ready()
    (task,) = play.sent[0]
    if stopped:
        play.coordinator.stop()
    back = TaskReturned(task.index, "no memory")
    assert play.report(back) == [back]
    play.sent[0].clear()
    play.decide()
    assert play.sent[0] == ([] if stopped else [task])
    assert play.coordinator.done is stopped


def test_the_next_task_begins_with_the_end_of_the_one_before_it():
    play = Play(40)
    play.ready()
    play.run_next(elapsed_s=1e-3)  # so that several are sent together
    play.decide()
    first, second, *_ = play.sent[0]
    name, after = (task.experiments[0].identity.id for task in (first, second))
    play.report(TaskStarted(first.index, 5.0))
    play.report(TaskFinished(first.index, 1e-4, name, 1, 0.1, (), next_started=6.0))
    assert play.of(ExperimentStarted)[-1] == ExperimentStarted(after, 1, 0, None, None, 6.0)
    play.report(WorkerDied(0, 1, KILLED))
    assert [event.experiment_id for event in play.of(ExperimentLost)] == [after]
