"""Domains that are replaced by what a research has found: the function sees what it waits for."""

import os
import time

import pandas as pd
import pytest

from research_domain import NumpySampler, UpdateError
from research_experiment import ExpressionError
from research_results import Opaque
from research_stack import EC, Alias, Domain, O, R, Research, ResearchResults

WAYS = {
    "inline": {"parallel": False},
    "one": {"workers": 1},
    "three": {"workers": 3},
    "branches": {"workers": 2, "branches": 3},
}


@pytest.fixture(params=WAYS)
def way(request):
    """Each way to run a research whose table has to be the same."""
    return {"bar": False, "seed": 5, **WAYS[request.param]}


def study(domain, name="study", **options):
    """Return a research; its functions are local, because workers cannot import modules of tests."""

    def measure(x):
        time.sleep(0.03 / (1 + x))  # later experiments end earlier
        return x * x

    return Research(name, domain, **options).add_callable("measure", measure, x=EC("x"), save_to="y")


@pytest.mark.parametrize(
    ("when", "seen", "dump_results"),
    [
        ("last", [7], True),
        ("last", [7], False),
        (1, [1, 2, 3, 4, 5, 6, 7], True),
        (["%0", 4, "last"], [1, 4, 7], True),
        ([7, "last"], [7], False),
    ],
)
def test_all_experiments_generated_so_far_have_ended_and_can_be_read(way, dump_results, when, seen):
    found = []

    def look(everything):
        table, experiments = everything["nested"]
        assert experiments.status.tolist() == ["done"] * len(table)
        found.append(table.y.tolist())

    research = study(Domain(x=list(range(7))))
    research.update_domain(look, when, everything={"nested": [R().df, R().experiments]})
    research.run(dump_results=dump_results, **way)
    assert found == [[x * x for x in range(count)] for count in seen]
    assert len(research.results.df) == 7


def test_failed_experiments_have_ended_as_well(way):
    seen = []
    research = Research("study", Domain(x=[1, 0, 2])).add_callable(
        "invert", lambda x: 1 / x, x=EC("x"), save_to="y"
    )
    research.update_domain(lambda states: seen.append(states.tolist()), "last", states=R().experiments.status)
    research.run(**way)
    assert seen == [["done", "failed", "done"]]


def climb(table, width):
    """Return what lies around the best so far, as long as that gets better."""
    best = table.x[table.y.idxmin()]
    if table.x.iloc[-1] == best + width * 2:
        return None
    return Domain(x=[best - width, best, best + width, best + width * 2], tried=[len(table)])


@pytest.mark.parametrize("when", ["last", 3, [1, "last"]])
def test_an_adaptive_study_gives_one_table_however_it_is_run(when):
    tables = []
    for number, options in enumerate(WAYS.values()):
        research = Research(f"study{number}", Domain(x=[-9, 40, 11, 30]), n_reps=2)
        research = research.add_callable("cost", lambda x: (x - 3) ** 2, x=EC("x"), save_to="y")
        calls = []

        def bounded(table, width, calls=calls):
            calls.append(len(table))
            return climb(table, width) if len(calls) < 6 else None

        research.update_domain(bounded, when, table=R().df, width=2)
        tables.append(research.run(bar=False, seed=5, **options).results.to_df(remove_auxilary=False))
        assert not len(research.results.failures)
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])
    assert tables[0].updates.max() >= 3


def test_with_when_1_and_results_experiments_run_one_after_another(own_folder):
    seen = []

    def alone(mark):
        mark.touch(exist_ok=False)
        time.sleep(0.02)
        mark.unlink()

    research = Research("study", Domain(x=list(range(6))))
    research = research.add_callable("alone", alone, mark=own_folder / "running")
    research.update_domain(lambda results: seen.append(len(results.experiments)), results=R())
    research.run(workers=3, bar=False)
    assert seen == [1, 2, 3, 4, 5, 6]
    assert not len(research.results.failures)


def test_wait_false_takes_what_there_is_and_last_waits_all_the_same(own_folder):
    gate, seen = own_folder / "gate", []

    def hold(x, gate):
        while not gate.exists():
            time.sleep(0.01)

    def look(states):
        seen.append(states.tolist())
        gate.touch()

    research = Research("study", Domain(x=[1, 2, 3])).add_callable("hold", hold, x=EC("x"), gate=gate)
    research.update_domain(look, ["%1", "last"], states=R().experiments.status, wait=False)
    research.run(workers=2, bar=False)
    assert "done" not in seen[0]
    assert seen[1] == ["done"] * 3


def test_a_function_without_results_can_wait_for_them():
    seen = []
    research = study(Domain(x=[0, 1, 2, 3]))
    research.update_domain(lambda: seen.append(len(research.results.df)), 2, wait=True)
    research.run(workers=2, bar=False)
    assert seen == [2, 4]


def test_the_function_may_have_a_parameter_called_wait():
    seen = []
    study(Domain(x=[0])).update_domain(lambda wait: seen.append(wait), "last", wait="long").run(bar=False)
    assert seen == ["long"]


def test_no_task_has_branches_of_two_domains():
    def root():
        return os.urandom(8).hex()

    for waits in (False, True):
        research = Research(f"study{waits}", Domain(x=[0, 1, 2, 3, 4])).add_callable("root", root, root=True)
        research.save(O("root"), "root")
        research.update_domain(lambda: Domain(x=[10, 11]), "%1", wait=waits)
        table = research.run(branches=4, bar=False).results.to_df(remove_auxilary=False)
        assert table.x.tolist() == [0, 1, 10, 11]
        assert table.groupby("root").updates.nunique().tolist() == [1, 1]
        assert table.groupby("updates").root.nunique().tolist() == [1, 1]


# -- what the function may do ------------------------------------------------------------------------


def raises():
    raise ZeroDivisionError("in the function")


def leaves():
    raise SystemExit("bye")


def returns_a_list():
    return [1, 2]


def returns_no_end():
    return Domain(x=NumpySampler("n"))


def returns_reserved_names():
    return Domain(x=[1], repetition=[1])


def returns_what_cannot_be_kept():
    return Domain(x=[(letter for letter in "ab")])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (raises, "raised ZeroDivisionError: in the function"),
        (leaves, "raised SystemExit: bye"),
        (returns_a_list, r"returned neither a domain nor None: \[1, 2\]"),
        (returns_no_end, "infinite"),
        (returns_reserved_names, "'repetition'"),
        (returns_what_cannot_be_kept, "cannot be kept"),
    ],
)
@pytest.mark.parametrize("parallel", [False, True], ids=["inline", "workers"])
def test_a_function_that_does_not_work_is_named_and_what_has_ended_is_kept(function, message, parallel):
    research = study(Domain(x=[1, 2])).update_domain(function, "last")
    with pytest.raises(UpdateError, match=message) as caught:
        research.run(bar=False, parallel=parallel)
    assert repr(function.__name__) in str(caught.value)
    assert any("resume=True" in note for note in caught.value.__notes__)
    assert ResearchResults("study").df.y.tolist() == [1, 4]


@pytest.mark.parametrize("parallel", [False, True], ids=["inline", "workers"])
def test_a_process_that_the_function_forks_does_not_become_a_second_coordinator(parallel):
    def fork(results):
        if os.fork() == 0:
            return Domain(x=[99])
        os.wait()
        return None

    research = study(Domain(x=[1, 2])).update_domain(fork, 1, results=R())
    assert research.run(bar=False, parallel=parallel).results.df.y.tolist() == [1, 4]


def test_arguments_that_do_not_fit_are_refused_at_once():
    research = study(Domain(x=[1]))
    with pytest.raises(UpdateError, match=r"takes \(table\).*resluts"):
        research.update_domain(lambda table: None, "last", resluts=R())
    with pytest.raises(UpdateError, match="missing a required argument: 'table'"):
        research.update_domain(lambda table: None, "last")
    with pytest.raises(UpdateError, match="wait must be"):
        research.update_domain(lambda: None, "last", wait="yes")
    with pytest.raises(ExpressionError, match="there is no experiment here"):
        research.update_domain(lambda x: None, "last", x=[EC("x")])
    assert research.domain.update_rule is None


def test_an_argument_that_cannot_be_evaluated_is_named():
    research = study(Domain(x=[1])).update_domain(lambda column: None, "last", column=R().df["z"])
    with pytest.raises(UpdateError, match=r"lambda.* R\(\).df\['z'\]: KeyError"):
        research.run(bar=False)


def test_by_hand_a_domain_is_updated_by_the_same_rules():
    research = study(Domain(x=[1, 2])).run(bar=False)
    domain = Domain(x=[1, 2]).set_update(lambda y: Domain(x=y), "last", y=[R().df.y.max()])
    assert domain.update(1, research) is None
    assert [config.config()["x"] for config in domain.update(2, research)] == [4]
    with pytest.raises(UpdateError, match="there is no research"):
        domain.update(2)


# -- what results give -------------------------------------------------------------------------------


@pytest.fixture
def model(own_folder):
    """A class whose instances leave a mark when they are unpickled, and how many marks there are."""
    marks = own_folder / "unpickled"

    class Model:
        def __init__(self, score):
            self.score = score

        def __getstate__(self):
            return {"score": self.score, "marks": marks}

        def __setstate__(self, state):
            self.__dict__.update(state)
            with state["marks"].open("a") as file:
                file.write(".")

    return Model, lambda: len(marks.read_text()) if marks.exists() else 0


@pytest.mark.parametrize("parallel", [False, True], ids=["inline", "workers"])
def test_an_update_gets_the_objects_and_not_before_it_asks(model, parallel):
    make, unpickled = model
    seen = []

    def choose(results):
        before = unpickled()
        best = results.to_df(name="score", use_alias=True).sort_values("score").model.iloc[-1]
        list(results.experiments.id), results.filter(alias={"model": best}), len(results.failures)
        assert unpickled() == before
        table = results.to_df(name="score")
        assert unpickled() == before + 3
        seen.extend(type(model).__name__ for model in table.model)
        return Domain(model=[table.model[table.score.idxmax()]], round=[2])

    models = [Alias(make(score), f"m{score}") for score in (3, 8, 5)]
    research = Research("study", Domain(model=models))
    research = research.add_callable("score", lambda model: model.score, model=EC("model"), save_to="score")
    research = research.add_callable("keep", lambda model: model, model=EC("model"), save_to="kept")
    research.update_domain(choose, "%2", results=R()).run(bar=False, parallel=parallel)
    table = research.results.df
    assert seen == ["Model"] * 3
    assert table.score.tolist() == [3, 8, 5, 8]
    assert [model.score for model in table.kept] == [model.score for model in table.model] == [3, 8, 5, 8]


def test_folders_of_strangers_stay_opaque_and_trust_is_said(model):
    make, unpickled = model
    research = Research("study", Domain(model=[make(1)]))
    research = research.add_callable("keep", lambda model: model, model=EC("model"), save_to="kept")
    research.run(bar=False)
    before = unpickled()
    for results in (ResearchResults("study"), Research.load("study").results):
        table = results.df
        assert type(table.kept[0]) is type(table.model[0]) is Opaque
    assert unpickled() == before
    for trusted in (research, Research.load("study", trusted=True), research.run(bar=False, resume=True)):
        table = trusted.results.df
        assert table.kept[0].score == table.model[0].score == 1


def test_units_get_the_objects_as_well(model):
    make, _ = model
    research = Research("study", Domain(x=[1, 2])).add_callable("keep", make, score=EC("x"), save_to="kept")
    research.update_domain(lambda: Domain(x=[3], look=[True]), "%1", wait=True)
    research.add_callable(
        "look",
        lambda look, results: sorted(each.score for each in results.df.kept[:2]) if look else None,
        look=EC().get("look"),
        results=R(),
        save_to="scores",
    )
    research.run(bar=False)
    assert not len(research.results.failures), research.results.failures.traceback[0]
    assert research.results.df.scores.iloc[-1] == [1, 2]
