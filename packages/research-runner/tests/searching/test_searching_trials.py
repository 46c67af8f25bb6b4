"""Experiments under way: the order in which they are told, and verdicts that stand."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research_domain import ConfigAlias, Domain, When
from research_runner.errors import SearchError, WatchedValueError
from research_runner.scheduling.commands import Start
from research_runner.scheduling.coordinator import Coordinator
from research_runner.scheduling.events import ExperimentEnded, TaskEnded, TaskStarted, WorkerReady
from research_runner.scheduling.searches import SearchSource
from research_runner.scheduling.source import IterationOptions, TaskSource
from research_runner.searching import Report, Told, Verdict
from research_runner.searching.order import ArrivalOrder, VirtualOrder
from research_runner.searching.rules import MedianStop, StopWhen
from research_runner.searching.trials import Trials
from research_runner.searching.watching import Latest, Watch, as_number, reports_of

CONFIG = ConfigAlias({"x": 1})
RUNGS = Watch(("loss",), When.parse(["%0", "%2", "%8"]))


class Noted:
    """A rule that notes its calls; ends experiments at their steps of `ends`."""

    variables, steps, compares = ("loss",), 1, True

    def __init__(self, ends=None):
        self.ends, self.told, self.asked = ends or {}, [], []

    def report(self, number, step, values, seen):
        self.asked.append((number, step, values, seen))
        return Verdict.STOP if self.ends.get(number) == step else Verdict.CONTINUE

    def tell(self, told):
        self.told.append(told)


def tell_all(trials):
    while trials.tell_next():
        pass


def play(steps, slots, watch, choose):
    """Run experiments of so many steps, of which `choose` picks the one that goes on.

    Return what the source begins, with how much was told before, and what it tells.
    """
    rule = Noted()
    trials = Trials(rule, VirtualOrder(slots, watch))
    source = SearchSource(TaskSource(Domain(x=list(range(len(steps)))), IterationOptions()), trials)
    running, history = {}, []
    while True:
        before = len(rule.told)
        while (task := source.next_task()) is not None:
            history += [("told", told.number) for told in rule.told[before:]]
            before = len(rule.told)
            running[task.experiments[0].identity.id] = [task.experiments[0].index, 0]
            history.append(("begun", task.experiments[0].index))
        history += [("told", told.number) for told in rule.told[before:]]
        if not running:
            return history
        name = choose(list(running))
        running[name][1] += 1
        index, done = running[name]
        if done == steps[index]:
            del running[name]
            source.conclude(name, done, False)
        elif watch.due(done - 1):
            source.decide(name, done, (0.5,))


@pytest.mark.parametrize("watch", [RUNGS, Watch(("loss",), None), Watch(("loss",), When.parse(2))])
@settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(st.integers(1, 12), min_size=1, max_size=12),
    slots=st.integers(1, 5),
    random=st.randoms(use_true_random=False),
)
def test_order_does_not_depend_on_who_is_faster(watch, steps, slots, random):
    first = play(steps, slots, watch, lambda running: running[0])
    last = play(steps, slots, watch, lambda running: running[-1])
    assert first == last == play(steps, slots, watch, random.choice)
    assert sorted(each[1] for each in first if each[0] == "told") == list(range(len(steps)))


def test_nothing_is_left_out_where_several_tasks_are_sent_ahead():
    rule = Noted()
    walk = TaskSource(Domain(x=list(range(20))), IterationOptions())
    source = SearchSource(walk, Trials(rule, VirtualOrder(8, RUNGS)))
    coordinator, given = Coordinator(source, 1), 0
    while not coordinator.done:
        for command in coordinator.decide(0.0)[0]:
            if isinstance(command, Start):
                coordinator.handle(0, WorkerReady(0, 1, None))
            for task in getattr(command, "tasks", ()):
                given = max(given, len(command.tasks))
                coordinator.handle(0, TaskStarted(task.index, 0.0))
                spec = task.experiments[0]
                coordinator.handle(0, ExperimentEnded(spec.identity.id, spec.index * 7 % 9 + 1, 0.0, None))
                coordinator.handle(0, TaskEnded(task.index, 1e-4))
    assert source.generated == 20
    assert given > 1


def test_experiments_of_one_length_are_told_in_their_order_and_each_lets_another_begin():
    history = play([3] * 5, 2, Watch(("loss",), None), lambda running: running[-1])
    assert history == [
        *(("begun", 0), ("begun", 1), ("told", 0), ("begun", 2), ("told", 1), ("begun", 3)),
        *(("told", 2), ("begun", 4), ("told", 3), ("told", 4)),
    ]


@pytest.mark.parametrize("order", [VirtualOrder(2, Watch(("loss",), None)), ArrivalOrder()])
def test_the_next_task_is_made_ahead_where_the_order_allows(order):
    walk = TaskSource(Domain(x=list(range(5))), IterationOptions())
    source = SearchSource(walk, Trials(Noted(), order))
    assert source.next_task() is not None
    for _ in range(2):
        source.look_ahead()
        assert walk.generated == (1 if order.is_prompt else 2)
        assert source.tasks_left == (4 if order.is_prompt else 2)
    task = source.next_task()
    assert (task.index, task.experiments[0].index, walk.generated) == (1, 1, 2)


def test_an_update_waits_for_the_task_that_was_made_ahead():
    domain = Domain(x=[0, 1]).set_update(lambda: None, when="last")
    walk = TaskSource(domain, IterationOptions())
    source = SearchSource(walk, Trials(Noted(), VirtualOrder(2, Watch(("loss",), None))))
    first = source.next_task()
    source.look_ahead()
    source.conclude(first.experiments[0].identity.id, 1, False)
    assert not source.is_update_due(idle=True)
    last = source.next_task()
    assert last.experiments[0].index == 1
    source.conclude(last.experiments[0].identity.id, 1, False)
    assert source.is_update_due(idle=True)


def test_nothing_more_is_asked_when_the_run_is_to_end():
    walk = TaskSource(Domain(x=list(range(9))), IterationOptions())
    kept, ended = {}, []

    class Kept(dict):
        def get(self, name, default):
            ended.append(name)
            return default

    source = SearchSource(
        walk,
        Trials(Noted(), VirtualOrder(2, RUNGS)),
        kept=lambda name: True,
        record=Kept,
        is_ending=lambda: len(ended) >= 4,
    )
    assert source.next_task() is None
    assert walk.generated == 4 and not kept


def test_nothing_waits_in_the_order_of_arrival():
    rule = Noted()
    trials = Trials(rule, ArrivalOrder())
    for number in range(100):
        assert trials.order.free == math.inf
        trials.begin(str(number), number, CONFIG)
    for number in (70, 3):
        trials.conclude(str(number), 5, is_failed=False)
    tell_all(trials)
    assert [told.number for told in rule.told] == [70, 3]


def test_an_attempt_that_begins_anew_gets_the_verdicts_of_the_one_before():
    rule = Noted(ends={0: 2})
    trials = Trials(rule, VirtualOrder(2, RUNGS))
    trials.begin("a", 0, CONFIG)
    assert trials.report("a", 1, (0.5,)) is Verdict.CONTINUE
    assert trials.report("a", 2, (0.4,)) is Verdict.STOP
    rule.ends = {0: 1}
    assert [trials.report("a", step, (0.3,)) for step in (1, 2)] == [Verdict.CONTINUE, Verdict.STOP]
    assert [asked[:2] for asked in rule.asked] == [(0, 1), (0, 2)]
    trials.note_last("a", (0.3,))
    assert trials.conclude("a", 2, is_failed=False) == 2
    tell_all(trials)
    reports = (Report(1, (0.3,)), Report(2, (0.3,)))
    assert rule.told == [Told(0, CONFIG, (0.3,), reports, 2, "stopped")]


def test_an_experiment_that_died_is_told_as_failed_without_values():
    rule = Noted()
    trials = Trials(rule, VirtualOrder(2, RUNGS))
    trials.begin("a", 0, CONFIG)
    trials.report("a", 3, (0.5,))
    assert trials.conclude("a", 0, is_failed=True) is None
    tell_all(trials)
    assert rule.told == [Told(0, CONFIG, None, (Report(3, (0.5,)),), 3, "failed")]


def test_a_rule_that_returns_no_verdict_is_named():
    class Yes(Noted):
        def report(self, number, step, values, seen):
            return True

    trials = Trials(Yes(), ArrivalOrder())
    trials.begin("a", 0, CONFIG)
    with pytest.raises(SearchError, match=r"Yes\.report returned True, which is no Verdict"):
        trials.report("a", 1, (0.5,))


def test_a_report_needs_all_variables_and_a_new_value():
    latest = Latest(("a", "b"))
    latest.put("a", 1.0)
    assert latest.take() is latest.values is None
    latest.put("b", 2.0)
    assert (latest.take(), latest.take(), latest.values) == ((1.0, 2.0), None, (1.0, 2.0))


@pytest.mark.parametrize("value", ["0.5", b"1", [0.5], {}, 1j, pytest.param(10**5000, id="long")])
def test_a_watched_value_that_is_no_number_is_refused(value):
    with pytest.raises(WatchedValueError, match="'loss' is watched and has to be a number"):
        as_number("loss", value)


def test_reports_are_found_in_what_was_saved():
    saved = {"loss": {0: 8, 2: 4, 3: None, 8: 1}, "other": {0: "text"}}
    assert reports_of(RUNGS, saved, 9, None) == ((Report(1, (8.0,)), Report(3, (4.0,))), (1.0,))
    assert reports_of(RUNGS, saved, 9, 9)[0][-1] == Report(9, (1.0,))
    assert reports_of(RUNGS, {}, 9, None) == ((), None)


def judge(factory, curves, told=()):
    rule = factory.make(None)
    for reports in told:
        rule.tell(Told(None, CONFIG, None, reports, 1, "done"))
    return [
        list(
            itertools.takewhile(
                lambda verdict: verdict is Verdict.CONTINUE,
                (rule.report(number, step, (value,), len(told)) for step, value in enumerate(curve, 1)),
            )
        )
        for number, curve in enumerate(curves)
    ]


def test_a_function_sees_the_reports_of_its_experiment_alone():
    rule = StopWhen("loss", lambda reports: len(reports) > 1 and reports[-1].values > reports[-2].values)
    assert [len(verdicts) for verdicts in judge(rule, [[3, 2, 1], [1, 2, 0], [5, 4, 6]])] == [3, 1, 2]


@pytest.mark.parametrize("sign", ["", "-"])
def test_the_median_of_those_that_were_told_decides(sign):
    factor = -1 if sign else 1
    told = [(Report(1, (factor * value,)), Report(2, (factor * value,))) for value in (1.0, 2.0, 3.0)]
    rule = MedianStop(f"{sign}loss", startup=3)
    curves = [[factor * 2.0] * 2, [factor * 2.5] * 2, [math.nan], [factor * 1.0, factor * 9.0]]
    assert [len(verdicts) for verdicts in judge(rule, curves, told)] == [2, 0, 0, 2]
    assert [len(verdicts) for verdicts in judge(rule, curves[:2], told[:2])] == [2, 2]
    assert rule.make(None).variables == ("loss",)


def test_the_median_ignores_what_was_told_after_the_experiment_began():
    rule = MedianStop("loss", startup=1).make(None)
    rule.tell(Told(None, CONFIG, (1.0,), (Report(1, (1.0,)),), 1, "done"))
    assert rule.report(7, 1, (2.0,), seen=0) is Verdict.CONTINUE
    assert rule.report(8, 1, (2.0,), seen=1) is Verdict.STOP
    rule.tell(Told(8, CONFIG, None, (Report(1, (0.0,)),), 1, "failed"))
    assert rule.report(9, 1, (1.0,), seen=2) is Verdict.CONTINUE
