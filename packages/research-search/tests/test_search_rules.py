"""Rules that end experiments early: verdicts, what they depend on, and what is refused."""

import pickle

import pytest
from search_drive import context

from research_domain import ConfigAlias, Domain
from research_runner import OptionError
from research_runner.searching import Report, Told, Verdict
from research_search import ASHA, TPE, Hyperband, Median, Threshold

CONFIG = ConfigAlias({"x": 1})
CONTEXT = context(Domain(x=[1]))


def ended(rule, number, *values, status="done", steps=(1, 3, 9)):
    """Let an experiment report and be told; return its verdicts."""
    reports = [Report(step, (value,)) for step, value in zip(steps, values, strict=False)]
    verdicts = [rule.report(number, *report, seen=number) for report in reports]
    rule.tell(Told(number, CONFIG, (values[-1],), tuple(reports), 27, status))
    return verdicts


def test_asha_lets_the_best_third_of_a_rung_go_on():
    rule = ASHA("error").make(CONTEXT)
    assert rule.variables == ("error",)
    assert rule.steps == ["%0", "%2", "%8"]
    for number in range(6):
        ended(rule, number, float(number), float(number))
    assert rule.report(6, 1, (0.5,), seen=6) is Verdict.CONTINUE
    assert rule.report(7, 1, (4.5,), seen=6) is Verdict.STOP
    assert rule.report(8, 1, (float("nan"),), seen=6) is Verdict.STOP


def test_a_verdict_knows_only_what_was_told_when_its_experiment_began():
    def told(until):
        rule = ASHA("error").make(CONTEXT)
        for number in range(until):
            ended(rule, number, 9.0 if number < 3 else 0.0)
        rule.report(50, 1, (-1.0,), seen=3)  # of another that is under way
        return [rule.report(99, 1, (5.0,), seen=3), rule.report(98, 1, (5.0,), seen=until)]

    assert told(12) == [Verdict.CONTINUE, Verdict.STOP]


@pytest.mark.parametrize(
    "factory", [ASHA("error"), Hyperband("error"), Median("error", every=["%0", "%2", "%8"])]
)
def test_what_an_earlier_run_has_recorded_counts_as_what_was_reported(factory):
    def verdicts(rule):
        return [rule.report(number, 1, (number - 15.0,), seen=12) for number in range(12, 22)]

    alive, recorded = factory.make(CONTEXT), factory.make(CONTEXT)
    for number in range(12):
        values = [float(number % 5), number % 5 - 0.5, number % 5 - 1.0]
        ended(alive, number, *values)
        reports = tuple(Report(step, (value,)) for step, value in zip((1, 3, 9), values, strict=True))
        recorded.tell(Told(number, CONFIG, (values[-1],), reports, 27, "done"))
    found = verdicts(alive)
    assert found == verdicts(recorded)
    assert set(found) == {Verdict.CONTINUE, Verdict.STOP}


def test_failures_and_answers_from_the_record_are_compared_with_nobody():
    rule = ASHA("error").make(CONTEXT)
    for number in range(9):
        rule.report(number, 1, (0.0,), seen=0)
        rule.tell(Told(number, CONFIG, None, (Report(1, (0.0,)),), 2, "failed"))
    rule.tell(Told(9, CONFIG, (0.0,), (Report(1, (0.0,)),), 2, "done", same_as=3))
    assert rule.report(10, 1, (7.0,), seen=10) is Verdict.CONTINUE


def test_minus_maximises():
    rule = ASHA("-score").make(CONTEXT)
    for number in range(6):
        ended(rule, number, float(number))
    assert rule.variables == ("score",)
    assert rule.report(6, 1, (9.0,), seen=6) is Verdict.CONTINUE
    assert rule.report(7, 1, (1.0,), seen=6) is Verdict.STOP


def test_median_compares_from_some_experiments_on():
    rule = Median("error", startup=3, warmup=2, every=3).make(CONTEXT)
    assert rule.steps == 3
    for number in range(2):
        ended(rule, number, 1.0, 1.0, steps=(3, 6))
    assert rule.report(2, 3, (5.0,), seen=2) is Verdict.CONTINUE
    rule.tell(Told(2, CONFIG, (5.0,), (Report(3, (5.0,)),), 27, "done"))
    assert rule.report(3, 3, (5.0,), seen=3) is Verdict.STOP
    assert rule.report(4, 3, (0.5,), seen=3) is Verdict.CONTINUE


def test_a_threshold_looks_at_one_experiment():
    rule = Threshold("loss", lower=0, upper=10, warmup=3).make(CONTEXT)
    assert not rule.compares
    values = {1: 99.0, 3: 5.0, 4: 10.5}
    verdicts = [rule.report(0, step, (value,), seen=0) for step, value in values.items()]
    assert verdicts == [Verdict.CONTINUE, Verdict.CONTINUE, Verdict.STOP]
    assert rule.report(1, 3, (-1.0,), seen=0) is Verdict.STOP


def test_of_several_variables_all_have_to_agree():
    rule = Threshold(["one", "other"], upper=1).make(CONTEXT)
    assert rule.report(0, 1, (2.0, 0.0), seen=0) is Verdict.CONTINUE
    assert rule.report(0, 2, (2.0, 2.0), seen=0) is Verdict.STOP


def test_hyperband_compares_in_brackets():
    rule = Hyperband("error", last=9).make(context(Domain(x=[1]), n_iters=None))
    for number in range(40):
        ended(rule, number, 0.0)
    verdicts = {rule.report(number, 1, (1.0,), seen=40) for number in range(40, 60)}
    assert verdicts == {Verdict.CONTINUE, Verdict.STOP}


def test_a_rule_inside_of_a_search_watches_its_objectives_unless_it_names_others():
    search = TPE(["-speed", "error"], stop=ASHA()).make(CONTEXT)
    assert search.variables == ("speed", "error")
    other = TPE("error", stop=Median("loss", every=2)).make(CONTEXT)
    assert (other.variables, other.steps) == (("error", "loss"), 2)
    other.begin(Domain(x=[1, 2, 3, 4]), ())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ASHA().make(CONTEXT), r"ASHA\('error'\)"),
        (lambda: ASHA("error", first=0), "first: expected an int of at least 1, got 0"),
        (lambda: ASHA("error", factor=1), "factor"),
        (lambda: ASHA("error", first=27).make(CONTEXT), "no rung before the last of 27"),
        (lambda: ASHA("error", speed=3).make(CONTEXT), "SuccessiveHalvingPruner.*speed"),
        (lambda: Hyperband("error").make(context(Domain(x=[1]), n_iters=None)), r"Hyperband\(last=...\)"),
        (lambda: Threshold("loss"), "lower=... or upper=..."),
        (lambda: Threshold("loss", lower=3, upper=1).make(CONTEXT), "lower should be smaller"),
        (lambda: Median("loss", startup=True), "startup"),
    ],
)
def test_what_makes_no_rule_is_refused(make, text):
    with pytest.raises(OptionError, match=text):
        make()


@pytest.mark.parametrize(
    "text",
    [
        "ASHA('error', first=2, factor=4)",
        "Threshold(every=1, warmup=0, lower=None, upper=3)",
        "Median(['a', '-b'])",
    ],
)
def test_factories_are_values(text):
    made = eval(text)
    assert pickle.loads(pickle.dumps(made)) == made == eval(repr(made))
    assert hash(made) == hash(eval(text))
    assert made != ASHA("error")
