"""What is shown and counted while a research runs."""

import threading
import time
import typing

import pytest

from research_domain import Domain
from research_experiment import EC, Executor, Experiment
from research_runner import Research
from research_runner.backends.inline import InlineBackend
from research_runner.backends.processes import ProcessBackend
from research_runner.errors import HopelessError
from research_runner.recording.lines import ProgressLines
from research_runner.recording.monitor import Monitor
from research_runner.recording.progress import ProgressBar
from research_runner.scheduling.events import ExperimentStarted, Progressed
from research_runner.worker import reporting

pytestmark = pytest.mark.usefixtures("plain")


class Bar:
    """Remembers what it was told."""

    made: typing.ClassVar = []

    def __init__(self, total, unit, desc):
        self.n, self.total, self.unit, self.texts, self.closed = 0, total, unit, [desc], False
        self.steps = []
        Bar.made.append(self)

    def update(self, n):
        self.n += n
        self.steps.append(n)

    def set_description(self, text, refresh=True):
        self.texts.append(text)

    def refresh(self):
        pass

    def close(self):
        self.closed = True


@pytest.fixture
def bar():
    Bar.made.clear()
    return Bar


def failing():
    return Research(domain=Domain(x=[0, 1, 2])).add_callable(
        "invert", lambda x: 1 / x, x=EC("x"), save_to="y"
    )


@pytest.mark.parametrize("parallel", [True, False])
def test_the_bar_counts_iterations_where_their_number_is_known(bar, parallel):
    failing().run(dump_results=False, n_iters=4, bar=bar, parallel=parallel)
    (made,) = bar.made
    assert (made.total, made.unit, made.n, made.closed) == (12, "it", 12, True)
    assert made.texts == ["research", "research, 1 failed"]


def test_the_bar_counts_experiments_where_iterations_are_not_known(bar):
    research = Research(domain=Domain(x=[1, 2])).add_generator("count", lambda x: iter(range(x)), x=EC("x"))
    research.run(dump_results=False, bar=bar, parallel=False)
    (made,) = bar.made
    assert (made.total, made.unit, made.n) == (2, "exp", 2)


@pytest.mark.parametrize("parallel", [True, False])
def test_the_latest_value_of_a_variable_is_shown(bar, parallel):
    failing().run(dump_results=False, bar=bar, show="y", parallel=parallel)
    assert bar.made[0].texts[-1] == "research, 1 failed, y=0.5"
    failing().run(dump_results=False, bar=bar, parallel=parallel)
    assert bar.made[1].texts[-1] == "research, 1 failed"


def test_values_are_shown_while_an_experiment_goes_on(bar):
    seen = threading.Event()

    class Watched(bar):
        def set_description(self, text, refresh=True):
            super().set_description(text)
            seen.set()

    research = Research().add_callable("wait", lambda: (seen.wait(0.01), "on" * 30)[1], save_to="state")
    research.run(dump_results=False, bar=Watched, show="state", parallel=False, n_iters=100)
    assert seen.is_set()
    assert bar.made[0].texts[-1] == "research, state=" + "on" * 11 + "o…"


def test_the_bar_moves_within_experiments_once_one_is_done(bar):
    moved = threading.Event()

    class Watched(bar):
        def update(self, n):
            super().update(n)
            if 1 < self.n < 2:
                moved.set()

    def count(x):
        yield from range(40)
        while x and not moved.is_set():
            yield 0

    research = Research("counts", Domain(x=[0, 1])).add_generator("count", count, x=EC("x"), save_to="y")
    research.run(dump_results=False, bar=Watched, parallel=False)
    (made,) = bar.made
    assert moved.is_set() and (repr(made.n), made.total) == ("2", 2)  # not 2.0
    assert any(text.startswith("counts, ") and text.endswith(" it") for text in made.texts)


def test_a_generator_that_knows_its_length_moves_the_bar_in_the_first_experiment(bar):
    moved = threading.Event()

    class Watched(bar):
        def update(self, n):
            super().update(n)
            if 0 < self.n < 1:
                moved.set()

    class Steps:
        def __init__(self):
            self.done = 0

        def __len__(self):
            return 2 * self.done + 2

        def __iter__(self):
            return self

        def __next__(self):
            if moved.is_set():
                raise StopIteration
            self.done += 1

    research = Research("alone", Domain(x=[1])).add_generator("steps", Steps)
    research.run(dump_results=False, bar=Watched, parallel=False)
    assert moved.is_set() and bar.made[0].n == 1


@pytest.mark.parametrize(
    ("steps", "length"),
    [(range(4), 4), ([1, 2], 2), ((x for x in range(3)), 0)],
    ids=["range", "list", "generator"],
)
def test_progress_says_how_long_an_experiment_will_be(steps, length, monkeypatch):
    monkeypatch.setattr(reporting, "_REPORT_EVERY_S", -1)
    events = []
    reporter = reporting.Reporter(events.append, (), lambda: None)
    Executor(Experiment().add_generator("steps", lambda: steps), hooks=[reporter]).run()
    progress = [event for event in events if isinstance(event, Progressed)]
    assert progress[0][1:] == (1, length)


def test_an_earlier_run_counts_as_done_and_not_for_the_rate(bar):
    made = []

    def bar_class(total, unit, desc, initial=0):
        made.append(bar(total, unit, desc))
        made[-1].n = initial
        return made[-1]

    monitor = Monitor(lambda: 5, done=2, failed=1)
    ProgressBar(bar_class, monitor, 10).close()
    assert (made[0].n, made[0].total, made[0].steps) == (30, 50, [0])
    ProgressBar(bar, monitor, 10).close()  # one that takes no `initial`
    assert bar.made[-1].n == 30


def test_what_remains_is_never_negative():
    monitor = Monitor(lambda: 1, done=4)
    assert monitor.remained_experiments == 0
    monitor.handle(ExperimentStarted("a", attempt=1, slot=0, host="here", device=None, started=0.0))
    assert monitor.remained_experiments == 1


def test_lines_come_every_thirty_seconds_and_at_the_end(capsys):
    now = [0.0]
    lines = ProgressLines(120, "it", "study", initial=20, clock=lambda: now[0])
    for now[0] in (10.0, 29.0, 31.0, 45.0):
        lines.update(10)
    lines.set_description("study, 1 failed", refresh=False)
    now[0] = 60.0
    lines.refresh()
    assert capsys.readouterr().err.splitlines() == [
        "study: 50/120 it, 42%, 0:00:31 gone, 0:01:12 left, 0.968 it/s",
        "study, 1 failed: 60/120 it, 50%, 0:01:00 gone, 0:01:30 left, 0.667 it/s",
    ]


def test_without_a_terminal_there_is_one_line_at_the_end(capsys):
    failing().run(dump_results=False, parallel=False, quiet=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("research, 1 failed: 3/3 it, 100%, 0:00:0")


def test_what_experiments_printed_is_found_by_the_last_line(capsys):
    research = Research(domain=Domain(x=[1])).add_callable("say", lambda: print("hello") or 1, save_to="y")
    research.run(dump_results=False)
    assert capsys.readouterr().out.endswith(
        "; results are in memory; what experiments printed is in research.storage.experiments_stdout\n"
    )
    research.run(dump_results=False, redirect_stdout=False, parallel=False)
    assert capsys.readouterr().out.endswith("; results are in memory\n")


def test_a_domain_without_an_end_has_no_total(bar):
    from research_domain import NumpySampler

    research = Research(domain=Domain(x=NumpySampler("normal")))
    research.add_callable("stop", lambda: research.terminate(wait=False))
    research.run(dump_results=False, bar=bar, parallel=False, infinite=True)
    assert bar.made[0].total is None
    assert research.monitor.remained_experiments is None


@pytest.mark.parametrize(("bar", "parallel"), [(True, True), (True, False), (False, True)])
def test_the_last_line_sums_up_and_only_where_there_is_a_bar(bar, parallel, capsys):
    failing().run(dump_results=False, bar=bar, parallel=parallel)
    out, err = capsys.readouterr()
    if bar:
        assert out.startswith("2 done, 1 failed in ")
        assert out.endswith(" s; results are in memory\n")
        assert "3/3" in err
    else:
        assert out == ""
        assert err.startswith("1 of 3 failed: ZeroDivisionError: ")


@pytest.mark.parametrize("backend", [ProcessBackend, InlineBackend])
def test_nobody_asks_more_often_than_ten_times_a_second(backend, monkeypatch):
    calls, poll = [], backend.poll
    monkeypatch.setattr(backend, "poll", lambda self, s: calls.append(s) or poll(self, s))
    research = Research(domain=Domain(x=[1])).add_callable("sleep", lambda: __import__("time").sleep(1.2))
    begun = time.monotonic()
    research.run(dump_results=False, bar=False, parallel=backend is ProcessBackend)
    news = 8  # the worker is ready, the task begins and ends, all is written
    assert len(calls) <= 10 * (time.monotonic() - begun) + news


def test_the_monitor_has_its_fields():
    research = failing()
    research.run(dump_results=False, bar=False, n_iters=2)
    monitor = research.monitor
    assert monitor.finished_experiments == 3
    assert monitor.failed_experiments == 1
    assert monitor.finished_iterations == 5  # the failed one ended in its first
    assert monitor.generated_experiments == 3
    assert (monitor.in_progress, monitor.in_queue, monitor.remained_experiments) == (0, 0, 0)
    (problem,) = monitor.exceptions
    assert set(problem) == {"id", "name", "it", "pid", "exception"}
    assert (problem["name"], problem["it"]) == ("invert", 0)


def test_the_monitor_counts_while_an_experiment_runs():
    def wait_until_counted():
        while research.monitor.in_progress != 1 or not research.monitor.finished_iterations:
            yield None
        yield research.monitor.remained_experiments

    research = Research().add_generator("remained", wait_until_counted, save_to="remained")
    research.run(dump_results=False, bar=False, parallel=False)
    (values,) = research.results.values.values()
    assert set(values["remained"].values()) == {None, 1}


def test_terminate_from_a_thread_ends_a_run_and_keeps_what_was_done():
    research = Research(domain=Domain(x=list(range(1000))))
    research.add_callable("sleep", lambda x: __import__("time").sleep(0.01) or x, x=EC("x"), save_to="x")
    watching = threading.Thread(target=lambda: _end_after(research, 5))
    watching.start()
    research.run(dump_results=False, bar=False, workers=2)
    watching.join()
    assert research.is_finished
    assert 5 <= research.monitor.finished_experiments < 1000
    statuses = set(research.results.statuses.values())
    assert "running" not in statuses


def _end_after(research, count):
    while research._last is None or research.monitor.finished_experiments < count:
        threading.Event().wait(0.01)
    research.terminate()


def test_terminate_with_kill_processes_does_not_wait_for_what_runs():
    research = Research(domain=Domain(x=[1, 2])).add_callable("hang", lambda: __import__("time").sleep(600))
    watching = threading.Thread(target=lambda: _kill_when_running(research))
    watching.start()
    research.run(dump_results=False, bar=False, workers=2)
    watching.join()
    assert set(research.results.statuses.values()) == {"lost"}


def _kill_when_running(research):
    while research._last is None or not research.monitor.in_progress:
        threading.Event().wait(0.01)
    research.terminate(kill_processes=True)


def test_no_short_experiment_begins_in_this_process_after_the_end_was_asked_for():
    research = Research(domain=Domain(x=list(range(1000))))
    research.add_callable("end", lambda x: research.terminate(wait=False) if x == 300 else None, x=EC("x"))
    research.run(dump_results=False, bar=False, parallel=False)
    assert research.monitor.finished_experiments == 301


def test_a_hopeless_run_in_this_process_ends_with_its_canary_however_short_experiments_are():
    ran = []
    research = Research(domain=Domain(x=list(range(1000))))
    research.add_callable("fail", lambda x: ran.append(x) or 1 / 0, x=EC("x"))
    with pytest.raises(HopelessError):
        research.run(dump_results=False, bar=False, parallel=False, canary=50)
    assert len(ran) == 50
