"""Experiments that a rule ends early: which, when, and that nothing else decides on it."""

import sqlite3
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from research_runner.engines import Capabilities
from research_runner.errors import ChangedError, HopelessError, OptionError
from research_runner.searching import Verdict
from research_stack import (
    EC,
    Domain,
    Hook,
    MedianStop,
    O,
    Research,
    ResearchResults,
    ResearchWarning,
    StopWhen,
)

STEPS = ["%0", "%2", 6]
ABOVE_ONE = StopWhen("loss", lambda reports: reports[-1].values[0] > 1, steps=STEPS)
MEDIAN = MedianStop("loss", steps=STEPS, startup=2)
ALONE, COMPARES = {"stop": ABOVE_ONE}, {"stop": MEDIAN, "slots": 6}


def train(x):
    for iteration in range(8):
        yield (x * 7 % 12) / 10 + 1 / (iteration + 1)


def study(name="study", size=12):
    return (
        Research(name, Domain(x=list(range(size))))
        .add_callable("load", lambda: 2, root=True)
        .add_generator("train", train, x=EC("x"), save_to="loss")
        .add_callable("last", lambda loss, two: two * loss, args=[O("train"), O("load")], when="last")
        .save(O("last"), "last", when="last")
    )


def run(research, **options):
    return research.run(**{"bar": False, "dump_results": False, "parallel": False, **options})


@pytest.fixture(scope="module")
def alone():
    """The results, in this process, of a rule that looks at one experiment at a time."""
    return run(study(), **ALONE).results


@pytest.fixture(scope="module")
def compares():
    """Those of a rule that compares."""
    return run(study(), **COMPARES).results


def test_an_experiment_that_is_ended_is_done_and_says_at_which_step(alone):
    experiments = alone.experiments
    assert set(experiments["status"]) == {"done"}
    stopped = experiments["stopped"].dropna()
    assert set(stopped) == {1}
    assert (experiments["iterations"][stopped.index] == stopped).all()
    assert len(stopped) == 11
    table = alone.df
    assert table.groupby("x")["loss"].count().tolist() == [8] + [1] * 11
    assert table.groupby("x")["last"].count().tolist() == [1] + [0] * 11, "units due at 'last' ran"


@pytest.mark.parametrize("rule", [ALONE, COMPARES], ids=["alone", "compares"])
@pytest.mark.parametrize(
    "options",
    [
        {"branches": 3, "executor_target": "threads"},
        {"parallel": True, "workers": 3},
        {"parallel": True, "workers": 2, "branches": 3, "executor_target": "threads"},
        {"parallel": True, "workers": 2, "branches": 3, "executor_target": "for"},
    ],
    ids=["threads", "workers", "workers-threads", "workers-for"],
)
def test_the_table_is_the_same_wherever_experiments_run(rule, options):
    here = run(study(), **rule, branches=options.get("branches", 1), executor_target="for").results
    there = run(study(), **rule, **options).results
    stopped = there.experiments["stopped"]
    assert there.df.equals(here.df) and stopped.equals(here.experiments["stopped"])
    assert stopped.notna().any() and stopped.isna().any()


@pytest.mark.parametrize("parallel", [False, True])
def test_branches_that_share_nothing_wait_for_their_verdicts_in_threads_of_their_own(parallel):
    research = Research("r", Domain(x=list(range(6)))).add_generator(
        "train", train, x=EC("x"), save_to="loss"
    )
    options = {"branches": 6, "executor_target": "threads", "parallel": parallel}
    stopped = run(research, stop=ABOVE_ONE, **options).results.experiments["stopped"]
    assert stopped.isna().tolist() == [True] + [False] * 5


def test_a_dump_hides_no_watched_value():
    research = study().dump("loss", when=1)
    assert run(research, stop=ABOVE_ONE).results.experiments["stopped"].notna().sum() == 11


def test_values_that_are_arrays_of_one_number_are_watched():
    research = Research("r", Domain(x=[1, 3])).add_generator(
        "n", lambda x: iter([np.array(x)] * 3), x=EC("x"), save_to="loss"
    )
    rule = StopWhen(["loss"], lambda reports: reports[-1].values == (3.0,))
    assert run(research, stop=rule).results.experiments["stopped"].tolist()[1] == 1


def test_an_iteration_without_a_value_is_not_reported():
    seen = []

    def look(reports):
        seen.append(reports[-1].step)
        return False

    research = (
        Research("r", Domain(x=[1]))
        .add_callable("often", lambda: 1.0, save_to="often")
        .add_callable("seldom", lambda: 2.0, when=3)
        .save(O("seldom"), "seldom", when=3)
    )
    run(research, n_iters=9, stop=StopWhen("seldom", look))
    assert seen == [3, 6], "step 9 is the last one, where there is nothing to decide"
    seen.clear()
    run(research, n_iters=5, stop=StopWhen(("seldom", "often"), look, steps=2))
    assert seen == [4]


def test_none_is_no_value_and_nan_is_one():
    values = []
    research = Research("r", Domain(x=[1])).add_generator(
        "n", lambda: iter([None, float("nan"), 1.0, 2.0]), save_to="n"
    )
    run(research, stop=StopWhen("n", lambda reports: values.append(reports[-1].values[0])))
    assert np.isnan(values[0]) and values[1:] == [1.0, 2.0]


@pytest.mark.parametrize("value", ["'low'", "[1, 2]", "dict(a=1)"])
@pytest.mark.parametrize("dumps", [False, True])
def test_a_watched_value_that_is_no_number_fails_its_experiment(value, dumps):
    research = Research("r", Domain(x=[1])).add_callable("n", lambda: eval(value), save_to="n")
    research = research.dump("n", when=1) if dumps else research
    failures = run(
        research, n_iters=3, stop=StopWhen("n", lambda reports: False), quiet=True
    ).results.failures
    assert failures["type"].tolist() == ["research_runner.errors.WatchedValueError"]
    assert "'n' is watched and has to be a number" in failures["message"][0]


def test_a_rule_that_raises_ends_the_run_when_what_runs_has_ended():
    def fail(reports):
        raise ZeroDivisionError("in the rule")

    research = study("fails")
    with pytest.raises(ZeroDivisionError, match="in the rule"):
        run(research, stop=StopWhen("loss", fail), workers=2, parallel=True, dump_results=True)
    assert set(ResearchResults("fails").experiments["status"]) == {"done"}


def test_experiments_that_are_ended_do_not_silence_the_canary():
    def work(x):
        yield 5.0
        yield 1 / 0 if x else 5.0

    research = Research("r", Domain(x=list(range(40)))).add_generator(
        "work", lambda x: (5.0 if not x or i == 0 else 1 / 0 for i in range(3)), x=EC("x"), save_to="loss"
    )
    with pytest.raises(HopelessError):
        run(research, canary=3, stop=StopWhen("loss", lambda reports: True, steps="%1"))


@pytest.mark.parametrize("workers", [1, 3])
def test_an_attempt_that_is_retried_gets_the_verdicts_that_it_had(workers):
    asked = []

    class Die(Hook):
        """Kills the worker after the first step, once for each experiment."""

        def iterated(self, experiment):
            mark = Path(f"died-{experiment.id}")
            if experiment.iteration == 3 and not mark.exists():
                mark.touch()
                __import__("os")._exit(7)

    def look(reports):
        asked.append(reports)
        return len(reports) == 3

    research = Research("r", Domain(x=[0, 1])).add_generator("train", train, x=EC("x"), save_to="loss")
    rule = StopWhen("loss", look, steps=STEPS)
    results = run(research, stop=rule, parallel=True, workers=workers, hooks=[Die()]).results
    assert results.experiments["attempts"].tolist() == [2, 2]
    assert results.experiments["stopped"].tolist() == [6, 6]
    assert len(asked) == 6, "a step was asked about twice"


def test_a_rule_that_compares_goes_on_where_it_was(compares):
    class Interrupt(Hook):
        def started(self, experiment):
            if experiment.config["x"] == 7 and not Path("calm").exists():
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(study(), **COMPARES, dump_results=True, hooks=[Interrupt()])
    Path("calm").touch()
    again = run(study(), **COMPARES, dump_results=True, resume=True, parallel=True, workers=2)
    assert again.results.df.equals(compares.df)
    assert again.results.experiments["stopped"].equals(compares.experiments["stopped"])


@pytest.mark.parametrize(
    "changed", [{"stop": MedianStop("loss", steps=1)}, {"slots": 4}, {"stop": None, "slots": 16}]
)
def test_a_run_that_goes_on_with_another_rule_is_refused(changed):
    options = {"stop": MEDIAN, "slots": 12, "dump_results": True}
    run(study(size=3), **options)
    with pytest.raises(ChangedError, match=r"'(stop|slots)' "):
        run(study(size=3), **{**options, **changed}, resume=True)
    assert run(study(size=3), **{**options, **changed}, resume="force").monitor.finished_experiments == 3


def test_a_folder_that_knew_no_rules_takes_the_step_of_an_early_end():
    run(study(size=2), dump_results=True)
    with sqlite3.connect("study/research.db") as connection:
        connection.execute("ALTER TABLE experiments DROP COLUMN stopped")
    connection.close()
    assert ResearchResults("study").experiments["stopped"].isna().all()
    again = run(study(size=5), dump_results=True, stop=ABOVE_ONE, resume="force")
    assert again.results.experiments["stopped"].notna().sum() == 3


def test_the_domain_may_be_updated_while_a_rule_compares():
    def table(**options):
        more = iter([Domain(x=[8, 9, 10, 11]), None])
        research = study(size=6).update_domain(lambda: next(more), when="last")
        return run(research, **COMPARES, **options).results.experiments["stopped"]

    first = table()
    assert len(first) == 10 and first[6:].notna().any()
    assert table(parallel=True, workers=3).equals(first)


@dataclass(frozen=True)
class Odd:
    """A rule of somebody else, of which something is odd."""

    variables: tuple = ("loss",)
    steps: object = 1
    compares: bool = False
    verdict: object = Verdict.STOP

    def make(self, context):
        self.__dict__["context"] = context
        return self

    def report(self, number, step, values, seen):
        return self.verdict

    def tell(self, told):
        pass


def test_a_rule_of_ones_own_knows_what_it_is_made_for():
    rule = Odd()
    run(study(), stop=rule, n_iters=4, seed=5)
    context = rule.context
    assert (context.n_iters, context.entropy, context.n_configs) == (4, 5, None)
    assert context.root_parameters == frozenset() and len(context.domain) == 12
    run(study("past", size=3), dump_results=True, stop=ABOVE_ONE)
    past = list(context.history("past", ["loss"]))
    assert [(told.number, told.status, told.steps) for told in past] == [
        *((None, "done", 9), (None, "stopped", 1), (None, "stopped", 1)),
    ]
    assert past[1].values == (1.7,) and past[1].config.config() == {"x": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stop": lambda reports: True}, r"a function needs StopWhen\('variable', function\)"),
        ({"stop": "median"}, "must be a rule such as MedianStop"),
        ({"stop": MedianStop}, "must be a rule such as MedianStop"),
        ({"stop": ABOVE_ONE, "n_iters": 1}, "one iteration"),
        ({"slots": 4}, "nothing is ordered without search="),
        ({"stop": ABOVE_ONE, "slots": 4}, "looks at one experiment at a time"),
        ({"stop": MEDIAN, "slots": 2, "branches": 3}, "3 branches need as many slots, got 2"),
        ({"stop": MEDIAN, "slots": 0}, "must be a positive whole number"),
        ({"stop": MedianStop("los")}, "no unit saves a variable 'los' .did you mean 'loss'"),
        ({"stop": Odd(variables=())}, "names no variables"),
        ({"stop": Odd(variables="loss")}, "must be a tuple of names, got 'loss'"),
    ],
)
def test_what_would_decide_on_nothing_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        run(study(), **{"dump_results": True, **options})
    assert not Path("study").exists()


def test_a_backend_that_cannot_answer_is_refused():
    class Mute:
        """A backend of somebody else, made for versions without verdicts."""

        slots = 1

        def close(self, force=False):
            pass

    class MuteFactory:
        capabilities = Capabilities(parallel=False)

        def make(self, plan, environment):
            return Mute()

    with pytest.raises(OptionError, match=r"Mute has no answer\(\), which search= and stop= need"):
        run(study(), **ALONE, backend=MuteFactory(), dump_results=True)
    assert not Path("study").exists()


def test_more_workers_than_slots_are_warned_of():
    text = "3 workers could run 3 experiments at once, but slots=2"
    with pytest.warns(ResearchWarning, match=text) as caught:
        run(study(size=3), stop=MEDIAN, slots=2, parallel=True, workers=3)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(study(size=3), stop=MEDIAN, slots=3, workers=3, parallel=True)
