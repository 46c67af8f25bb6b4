"""A study that decides by its results what it tries next gives its table whatever interrupts it."""

import os
import signal

import pytest

from research_runner.errors import ChangedError
from research_stack import Domain, R

SIZE = 9


def go_on(table):
    """Return two more configs that depend on all results so far, until there are enough."""
    if len(table) >= SIZE:
        return None
    return Domain(x=[len(table), len(table) + 1], total=[table["y"].sum()])


UPDATES = {
    "last": ({"when": "last"}, {}),
    "in turn": ({"when": 1}, {}),
    "branches": ({"when": [3, "last"], "n_reps": 2}, {"branches": 2}),
    "inline": ({"when": 2}, {"parallel": False, "workers": 1, "executor_target": "for"}),
}


def hold(x, marks):
    """Hold the experiment that a test wants to be held, until it says so."""
    if f"hold-{x}" in marks:
        marks.set(f"here-{x}", os.getpid())
        marks.wait(f"let go of {x}")


@pytest.fixture(params=UPDATES)
def adaptive(request, study):
    """A study that is updated in some way, of two configs at first."""
    arguments, options = UPDATES[request.param]
    study.parts, study.values, study.fault = {"noise"}, [0, 1], hold
    study.update = go_on, {**arguments, "table": R().df}
    study.options.update({"n_iters": 1, **options})
    if not options.get("parallel", True):
        del study.options["start_method"]
    return study


def kill(study, coordinator, x):
    coordinator.kill()


def interrupt(study, coordinator, x):
    coordinator.send(signal.SIGINT)
    study.marks.set(f"let go of {x}")
    assert coordinator.wait() == 130, coordinator.text


@pytest.mark.parametrize("end", [kill, interrupt])
def test_a_study_that_is_ended_at_every_single_experiment_gives_the_table_of_an_undisturbed_one(
    adaptive, soon, end
):
    for x in range(SIZE):
        adaptive.marks.set(f"hold-{x}")
        coordinator = adaptive.start(resume=x > 0)
        soon(lambda x=x: f"here-{x}" in adaptive.marks or coordinator.has_ended(), f"{x} begins")
        if coordinator.has_ended():  # the last one, where the sizes do not fit
            assert coordinator.exit_code == 0, coordinator.text
            break
        end(adaptive, coordinator, x)
        adaptive.marks.take(f"hold-{x}")
        adaptive.check()


@pytest.mark.parametrize("x", range(SIZE))
def test_a_study_that_is_killed_once_gives_the_table_of_an_undisturbed_one(study, soon, x):
    study.parts, study.values, study.fault = set(), [0, 1], hold
    study.options["n_iters"] = 1
    study.update = go_on, {"when": "last", "table": R().df}
    study.marks.set(f"hold-{x}")
    coordinator = study.start()
    study.marks.wait(f"here-{x}")
    coordinator.kill()


def test_a_changed_update_is_refused_and_force_goes_on_with_the_new_one(study):
    study.parts, study.values, study.whole = set(), [0, 1], False

    def old(table, step):
        return None if len(table) > 4 else Domain(x=[len(table) * step])

    def new(table, step):
        return None if len(table) > 4 else Domain(x=[len(table) * step], who=["new"])

    study.update = old, {"when": "last", "table": R().df, "step": 10}
    study.fault = hold
    study.marks.set("hold-20")
    coordinator = study.start()
    study.marks.wait("here-20")
    coordinator.kill()
    study.marks.set("calm")
    for update in (
        (new, {"when": "last", "table": R().df, "step": 10}),
        (old, {"when": "last", "table": R().df, "step": 11}),
        (old, {"when": ["last", "%9"], "table": R().df, "step": 10}),
        (old, {"when": "last", "table": R().experiments, "step": 10}),
        None,
    ):
        study.update = update
        coordinator = study.start(resume=True)
        assert coordinator.wait() == 1
        assert ChangedError.__name__ in coordinator.text
        assert "'update_domain' " + ("was removed" if update is None else "has changed") in coordinator.text
    study.update = new, {"when": "last", "table": R().df, "step": 10}
    assert study.run(resume="force").exit_code == 0
    table = study.table()
    assert table["x"].tolist() == [0, 1, 20, 30, 40]
    assert table["who"].notna().tolist() == [False, False, False, True, True]
    assert study.run(resume=True).exit_code == 0
    assert study.table()["x"].tolist() == [0, 1, 20, 30, 40]


def test_an_update_that_would_come_elsewhere_now_is_refused(study):
    study.parts, study.values, study.whole = set(), [0, 1], False
    study.update = go_on, {"when": "last", "table": R().df}
    assert study.run().exit_code == 0
    known = study.rows()
    for values in ([0, 1, 2], [0]):
        study.values = values
        coordinator = study.run(resume=True)
        assert coordinator.exit_code == 1
        assert "the domain was updated after 2 configs" in coordinator.text
        assert study.rows() == known


def test_an_update_after_a_finished_run_is_not_made_twice(study):
    study.parts, study.values = set(), [0, 1]
    study.update = go_on, {"when": ["%1", "last"], "table": R().df}
    assert study.run().exit_code == 0
    table = study.table()
    assert study.run(resume=True).exit_code == 0
    assert study.table().equals(table)


@pytest.mark.parametrize("when", ["last", 2, [1, "last"]])
def test_a_finished_study_does_not_ask_again(study, when):
    marks = study.marks

    def ask(table):
        marks.count("asked")
        return go_on(table)

    study.parts, study.values = set(), [0, 1]
    study.update = ask, {"when": when, "table": R().df}
    assert study.run().exit_code == 0
    asked = marks.counted("asked")
    assert asked > 1
    for _ in range(2):
        assert study.run(resume=True).exit_code == 0
        assert marks.counted("asked") == asked


def test_a_second_interrupt_ends_the_function_of_an_update(study, soon):
    marks = study.marks

    def slow(table):
        if "calm" not in marks:
            marks.set("asked")
            marks.wait("never")
        return go_on(table)

    study.parts, study.values = set(), [0, 1]
    study.update = slow, {"when": "last", "table": R().df}
    coordinator = study.start()
    marks.wait("asked")
    for _ in range(2):
        written = coordinator.text.count("SIGINT")
        coordinator.send(signal.SIGINT)
        soon(
            lambda written=written: coordinator.has_ended() or coordinator.text.count("SIGINT") > written,
            "it is heard",
        )
    assert coordinator.wait() == 130, coordinator.text
    marks.set("calm")
