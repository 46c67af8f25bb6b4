"""Configs that a search decides on: which, in which order, and that nothing else decides on it."""

import pickle
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import numpy as np
import pytest

from research_runner.errors import ChangedError, OptionError, SearchError
from research_runner.searching import WAIT, Verdict
from research_stack import (
    EC,
    ConfigAlias,
    Domain,
    E,
    Hook,
    MedianStop,
    O,
    Research,
    ResearchWarning,
    integers,
)

DOMAIN = Domain(x=list(range(40))) * Domain(y=[0, 1])


@dataclass(frozen=True)
class Climb:
    """Draws some configs of a domain ``x``, ``y``, then looks around the best; ends what is worse than half.

    `answers` stand for what it says to the first questions.
    """

    variable: str = "loss"
    steps: object = ("%0", "%2")
    startup: int = 4
    size: int = 40
    answers: tuple = ()
    race: bool = False

    def make(self, context):
        return Climber(self)


class Climber:
    def __init__(self, factory):
        self.factory = factory
        self.variables, self.steps = (factory.variable,), factory.steps and list(factory.steps)
        self.race = factory.race
        self.told, self.questions, self.given, self.seen = [], [], [], []

    def begin(self, domain, history):
        self.domain = domain

    def ask(self, question):
        self.questions.append(question)
        if len(self.questions) <= len(self.factory.answers):
            answer = self.factory.answers[len(self.questions) - 1]
            return answer(self) if callable(answer) else answer
        rng = np.random.default_rng(question.seed)
        done = [told for told in self.told if told.status == "done" and told.values]
        x, y = int(rng.integers(self.factory.size)), int(rng.integers(2))
        if len(done) >= self.factory.startup and rng.random() < 0.7:
            best = min(done, key=lambda told: told.values[0]).config.config()
            x = int(np.clip(best["x"] + rng.integers(-3, 4), 0, self.factory.size - 1))
        if question.like is not None:
            y = self.given[question.like]["y"]
        self.given.append({"x": x, "y": y})
        return ConfigAlias(self.given[-1])

    def report(self, number, step, values, seen):
        self.seen.append((number, step, seen, len(self.told)))
        others = [
            report.values[0] for told in self.told[:seen] for report in told.reports if report.step == step
        ]
        return Verdict.STOP if len(others) > 2 and values[0] > median(others) else Verdict.CONTINUE

    def tell(self, told):
        self.told.append(told)


def train(x, y, load):
    for iteration in range(6):
        yield abs(x - 23) / 40 + y * load / 10 + 1 / (iteration + 1)


def study(name="study", n_configs=30, domain=DOMAIN):
    return (
        Research(name, domain, n_configs=n_configs)
        .add_callable("load", lambda y: 1 + y, y=EC("y"), root=True)
        .add_generator("train", train, args=[EC("x"), EC("y"), O("load")], save_to="loss")
    )


def run(research, **options):
    given = {"bar": False, "dump_results": False, "parallel": False, "seed": 7, "slots": 6, "search": Climb()}
    return research.run(**{**given, **options})


def by_arrival(research, **options):
    return run(research, **{"order": "arrival", "slots": 16, **options})


@pytest.fixture(scope="module")
def expected():
    return run(study()).results


def test_a_search_learns_from_what_it_is_told(expected):
    table, experiments = expected.df, expected.experiments
    assert len(experiments) == 30 and set(experiments["status"]) == {"done"}
    assert 0 < experiments["stopped"].count() < 30
    at_random = run(study(), search=Climb(startup=99)).results.df
    assert not at_random.equals(table)
    assert at_random["x"][0] == table["x"][0]


@pytest.mark.parametrize(
    "options",
    [{"workers": 2}, {"workers": 5}, {"workers": 3, "start_method": "fork"}],
    ids=["2", "5", "forked"],
)
def test_the_table_is_the_same_for_any_number_of_workers(expected, options):
    there = run(study(), parallel=True, **options).results
    assert there.df.equals(expected.df)
    assert there.experiments["stopped"].equals(expected.experiments["stopped"])


def test_branches_share_the_parameters_of_their_root_and_are_the_same_everywhere():
    here = run(study(), branches=3, executor_target="for")
    questions = here.search.questions
    first = [each.number for each in questions if each.like is None]
    assert {each.like for each in questions} - {None} <= set(first)
    tables = [
        run(study(), branches=3, **options).results.df
        for options in ({}, {"parallel": True, "workers": 2}, {"parallel": True, "executor_target": "for"})
    ]
    assert all(table.equals(here.results.df) for table in tables)


@pytest.mark.parametrize("order", ["steps", "arrival"])
def test_an_interrupted_search_goes_on_with_other_workers(expected, order):
    class Interrupt(Hook):
        def started(self, experiment):
            with Path("runs").open("a") as file:
                file.write(f"{experiment.id}\n")
            if Path("runs").read_text().count("\n") == 14:
                raise KeyboardInterrupt

    options = {"order": order, "slots": 6 if order == "steps" else 16, "dump_results": True}
    with pytest.raises(KeyboardInterrupt):
        run(study(), hooks=[Interrupt()], **options)
    again = run(study(), resume=True, parallel=True, workers=3, hooks=[Interrupt()], **options).results
    assert len(again.experiments) == 30
    runs = Path("runs").read_text().split()
    assert len(runs) == 31 and len(set(runs)) == 30, "only the interrupted one ran again"
    if order == "steps":
        assert again.df.equals(expected.df)


def test_a_search_by_arrival_that_is_finished_is_repeated_by_its_record():
    first = by_arrival(study(), dump_results=True, parallel=True, workers=3)
    second = by_arrival(study(), dump_results=True, resume=True)
    assert second.results.df.equals(first.results.df)
    told, told_again = first.search.told, second.search.told
    assert told_again == told[: len(told_again)] and len(told_again) >= 29


def test_a_record_of_arrivals_that_was_cut_off_is_gone_on_with():
    by_arrival(study(), dump_results=True)
    record = Path("study/decisions.txt")
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(lines[:20]) + lines[20][:-2])
    again = by_arrival(study(), dump_results=True, resume=True)
    assert len(again.results.experiments) == 30
    assert record.read_text().splitlines(keepends=True) == lines


def test_verdicts_by_arrival_see_all_that_has_ended():
    assert all(seen == told for _, _, seen, told in by_arrival(study()).search.seen)
    by_steps = run(study(), parallel=True, workers=4).search.seen
    known = {number: {seen for each, _, seen, _ in by_steps if each == number} for number, *_ in by_steps}
    assert {len(seen) for seen in known.values()} == {1}, "a verdict has seen what ended after the begin"


def test_equal_configs_run_once_and_are_answered_from_the_record():
    search = Climb(answers=({"x": 1, "y": 0}, {"x": 1, "y": 0}, {"x": 2, "y": 0}, {"x": 1, "y": 0}))
    research = run(study(n_configs=8), search=search)
    results = research.results
    assert len(results.experiments) == 8
    assert not results.df.duplicated(["x", "y", "iteration"]).any()
    told = {each.number: each for each in research.search.told}
    assert (told[1].same_as, told[3].same_as, told[2].same_as) == (0, 0, None)
    assert told[1].values == told[3].values == told[0].values
    assert told[1].reports == told[0].reports


def test_a_config_that_is_none_of_the_domain_is_told_and_another_is_asked():
    domain = DOMAIN.where(lambda config: config["x"] > 3 or config["y"])
    search = Climb(answers=({"x": 1, "y": 0}, {"x": 99, "y": 0}, {"x": 5, "y": 0}), startup=99)
    research = run(study(n_configs=5, domain=domain), search=search)
    assert len(research.results.experiments) == 5
    told = [(each.number, each.status, each.steps) for each in research.search.told[:2]]
    assert told == [(0, "infeasible", 0), (1, "infeasible", 0)]


def test_failed_experiments_are_told_without_values():
    def fail(x):
        yield 1.0
        raise ValueError(x)

    research = Research("r", DOMAIN, n_configs=3).add_generator("fail", fail, x=EC("x"), save_to="loss")
    told = run(research, quiet=True, canary=0).search.told
    assert {(each.status, each.values) for each in told} == {("failed", None)}


def test_a_search_that_has_nothing_more_ends_the_run():
    search = Climb(answers=({"x": 1, "y": 0}, {"x": 2, "y": 0}, None))
    research = run(study(), search=search)
    assert (research.monitor.finished_experiments, research.monitor.expected) == (2, 2)
    assert len(research.search.questions) == 3


def test_a_small_domain_is_tried_as_a_whole_and_then_the_run_ends():
    domain = Domain(x=[0, 1, 2]) * Domain(y=[0, 1])
    research = run(study(domain=domain, n_configs=50), search=Climb(size=3))
    assert research.monitor.finished_experiments == 6


def test_a_search_waits_until_it_was_told_enough():
    def wait_for_two(climber):
        climber.questions.pop()
        if len(climber.told) < 2:
            return WAIT
        climber.questions.append(None)
        return {"x": 7, "y": 0}

    answers = ({"x": 1, "y": 0}, {"x": 2, "y": 0}, wait_for_two)
    for options in ({}, {"parallel": True, "workers": 3}):
        search = Climb(answers=answers)
        table = run(study(n_configs=3), search=search, **options).results.df
        assert table.drop_duplicates("id")["x"].tolist() == [1, 2, 7]


def test_waiting_while_nothing_runs_is_an_error():
    search = Climb(answers=({"x": 1, "y": 0}, *[WAIT] * 99))
    with pytest.raises(SearchError, match=r"Climber.ask returned WAIT for question 1 while nothing runs"):
        run(study(), search=search)


def noisy(x, repetition, random, fails):
    if (x, repetition) == fails:
        raise ValueError(x)
    return abs(x - 23) / 40 + random.normal() / 10


def repeated(n_configs=8, fails=None, **options):
    research = Research("repeated", DOMAIN, n_configs=n_configs, **options)
    arguments = {"x": EC("x"), "repetition": EC("repetition"), "random": E().random, "fails": fails}
    return research.add_callable("noisy", noisy, **arguments, save_to="loss")


def test_repetitions_of_a_config_are_told_together_as_their_mean():
    options = {"search": Climb(steps=None), "slots": 5}
    research = run(repeated(n_reps=3), **options)
    table = research.results.df
    assert len(table) == 24 and research.monitor.expected == 24
    means = table.groupby(["x", "y"])["loss"].mean()
    told = [each for each in research.search.told if each.same_as is None]
    assert len(told) >= 6
    for each in told:
        config = each.config.config()
        assert each.values == pytest.approx((means[config["x"], config["y"]],))
        assert (each.steps, each.status) == (3, "done")
    for more in ({"parallel": True, "workers": 3}, {"branches": 2, "executor_target": "for"}):
        there = run(repeated(n_reps=3), **options, **more)
        assert len(there.results.df) == 24
        assert "branches" in more or there.results.df.equals(table)


def test_a_config_of_which_a_repetition_has_failed_is_told_as_failed():
    first = run(repeated(n_reps=2), search=Climb(steps=None)).results.df["x"][0]
    options = {"search": Climb(steps=None), "quiet": True, "canary": 0}
    told = run(repeated(n_reps=2, fails=(first, 1)), **options).search.told
    outcomes = {each.number: (each.status, each.values is None) for each in told}
    assert outcomes[0] == ("failed", True)
    assert set(outcomes.values()) == {("failed", True), ("done", False)}


def test_repetitions_go_on_where_they_were():
    options = {"search": Climb(steps=None), "slots": 4}
    expected = run(repeated(n_reps=3), **options).results.df
    run(repeated(n_configs=3, n_reps=3), **options, dump_results=True)
    again = run(repeated(n_reps=3), **options, dump_results=True, resume=True, parallel=True, workers=2)
    assert again.results.df.equals(expected)


RACE = Climb(steps=("%0", "%1"), race=True)


def test_in_a_race_only_configs_that_are_good_so_far_get_more_repetitions():
    research = run(repeated(n_configs=12, n_reps=4), search=RACE)
    table = research.results.df
    counts = table.groupby(["x", "y"]).size()
    assert set(counts) == {1, 2, 4} or set(counts) == {1, 4}
    assert research.monitor.expected == research.monitor.finished_experiments == len(table) < 12 * 4
    means = table.groupby(["x", "y"])["loss"].mean()
    for told in research.search.told:
        config = told.config["x"], told.config["y"]
        assert told.values == pytest.approx((means[config],))
        assert (told.steps, told.status) == (counts[config], "done" if counts[config] == 4 else "stopped")
        first = table[(table["x"] == config[0]) & (table["y"] == config[1])].sort_values("id")["loss"]
        assert [report.step for report in told.reports] == [1, 2][: counts[config]]
        assert [report.values[0] for report in told.reports] == pytest.approx(
            [first.iloc[: report.step].mean() for report in told.reports]
        )


@pytest.mark.parametrize("options", [{"workers": 3}, {"workers": 2, "order": "arrival", "slots": 16}])
def test_a_race_is_the_same_with_other_workers_and_goes_on_after_an_interrupt(options):
    options = {"parallel": True, "search": RACE, "dump_results": True, **options}
    expected = run(repeated(n_configs=12, n_reps=4), **{**options, "parallel": False}).results.df
    Path("repeated").rename("before")

    class Interrupt(Hook):
        def started(self, experiment):
            with Path("runs").open("a") as file:
                file.write("x")
            if Path("runs").stat().st_size == 12:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(repeated(n_configs=12, n_reps=4), hooks=[Interrupt()], **{**options, "parallel": False})
    again = run(repeated(n_configs=12, n_reps=4), resume=True, hooks=[Hook()], **options)
    assert again.monitor.expected == again.monitor.finished_experiments
    if "order" not in options:
        assert again.results.df.equals(expected)


def test_a_repetition_that_fails_ends_the_race_of_its_config():
    first = run(repeated(n_configs=1), search=Climb(steps=None)).results.df["x"][0]
    options = {"search": RACE, "quiet": True, "canary": 0}
    research = run(repeated(n_reps=4, fails=(first, 0)), **options)
    failed = [told for told in research.search.told if told.status == "failed"]
    assert len(failed) >= 1 and all(told.values is None for told in failed)
    assert (research.results.experiments["status"] == "failed").sum() == len(failed)


def test_nothing_begins_when_the_steps_are_spent():
    research = run(study(n_configs=None), budget={"steps": 40})
    results = research.results
    assert 40 <= len(results.df) < 40 + 6 * 6
    assert research.monitor.expected == len(results.experiments)
    there = run(
        study(n_configs=None), budget={"steps": 40}, parallel=True, workers=3, dump_results=True
    ).results
    assert there.df.equals(results.df)
    more = run(study(n_configs=None), budget={"steps": 80}, dump_results=True, resume=True).results
    assert 80 <= len(more.df) < 80 + 6 * 6
    walk = run(study(n_configs=None), search=None, stop=MedianStop("loss"), budget={"steps": 40})
    assert 40 <= len(walk.results.df) < 80


@pytest.mark.parametrize("search", [None, Climb()])
def test_nothing_begins_when_the_time_is_over_and_a_domain_without_an_end_will_do(search):
    domain = Domain(x=integers(0, 10**6)) * Domain(y=integers(0, 10**6))
    slots = 16 if search is None else 6
    research = run(study(n_configs=None, domain=domain), search=search, slots=slots, budget={"seconds": 0.5})
    assert set(research.results.experiments["status"]) <= {"done", "queued"}
    assert research.monitor.finished_experiments >= 1


def test_the_seconds_of_all_runs_count_together():
    def slow(x, y, load):
        time.sleep(0.05)
        yield x

    def slow_study():
        research = Research("study", DOMAIN, n_configs=12)
        return research.add_generator("slow", slow, [EC("x"), EC("y"), 0], save_to="loss")

    options = {"search": Climb(steps=None), "dump_results": True}
    first = run(slow_study(), budget={"seconds": 0.1}, **options)
    assert 1 <= first.monitor.finished_experiments < 12
    spent = float(Path("study/spent.txt").read_text())
    assert spent >= 0.1
    with pytest.warns(
        ResearchWarning, match=r"nothing was begun: earlier runs have spent \d+\.\d of the 0.1 s"
    ):
        second = run(slow_study(), budget={"seconds": 0.1}, resume=True, **options)
    assert second.results.df.equals(first.results.df)
    last = run(slow_study(), budget={"seconds": spent + 600}, resume=True, **options)
    assert last.monitor.finished_experiments == 12
    assert float(Path("study/spent.txt").read_text()) > spent
    run(slow_study(), budget={"seconds": 0.1}, resume=True, **options)  # all is done: nothing to warn of


def test_a_search_that_cannot_know_again_what_was_deleted_says_so(expected):
    results = run(study(n_configs=12), dump_results=True).results
    removed = results.remove(results.df["id"].iloc[0])
    again = run(study(n_configs=12), dump_results=True, resume=True)
    assert len(again.search.told) >= 12
    assert len(results.gc()) == 1
    with pytest.warns(ResearchWarning, match=f"values of 1 removed experiments .* first is '{removed[0]}'"):
        run(study(n_configs=12), dump_results=True, resume=True)


def test_what_a_search_raises_ends_the_run_when_what_runs_has_ended():
    search = Climb(answers=({"x": 1, "y": 0}, {"x": 2, "y": 0}, lambda climber: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        run(study("fails"), search=search, dump_results=True, parallel=True, workers=2)
    again = run(study("fails"), search=Climb(), dump_results=True, resume="force")
    assert set(again.results.experiments["status"]) == {"done"}


def test_a_search_that_goes_on_with_other_parameters_is_refused():
    run(study(n_configs=5), dump_results=True)
    for changed in ({"search": Climb(startup=2)}, {"slots": 7}, {"order": "arrival", "slots": 16}):
        with pytest.raises(ChangedError, match=r"'(search|slots|order)' has changed"):
            run(study(n_configs=5), dump_results=True, resume=True, **changed)
    more = run(study(n_configs=9), dump_results=True, resume=True)
    assert more.monitor.finished_experiments == 9


def test_the_settings_of_a_search_travel(expected):
    first = run(study(n_configs=12), dump_results=True)
    assert pickle.loads(pickle.dumps(Climb())) == Climb()
    again = Research.load("study", trusted=True).run(resume=True, bar=False)
    assert again.results.df.equals(first.results.df)


def test_a_search_is_found_by_name(monkeypatch):
    entry, found = SimpleNamespace(name="climb", load=lambda: Climb), metadata.entry_points
    monkeypatch.setattr(
        metadata,
        "entry_points",
        lambda group: [entry] if group == "research.searches" else found(group=group),
    )
    assert run(study(n_configs=3), search="climb").monitor.finished_experiments == 3
    with pytest.raises(OptionError, match="there is no 'climp'; there are climb"):
        run(study(), search="climp")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"search": Climb}, "must be a name, or a search such as TPE"),
        ({"search": Climb("los")}, "search: no unit saves a variable 'los' .did you mean 'loss'"),
        ({"search": MedianStop("loss")}, "has no 'begin'"),
        ({"stop": MedianStop("loss")}, "give it the rule, as in search="),
        ({"order": "random"}, "must be 'steps' or 'arrival'"),
        ({"order": "arrival"}, "order='arrival' has none"),
        ({"search": None}, "nothing is ordered without search="),
        ({"slots": 1, "branches": 2}, "2 branches need as many slots"),
        ({"budget": {"steps": 5}, "search": None, "slots": 16}, "steps are counted with search="),
        ({"budget": {"hours": 5}}, "must be a mapping with 'steps', 'seconds' or both"),
        ({"budget": {"steps": 0.5}}, "steps must be a positive whole number"),
        ({"budget": {"seconds": 0}}, "seconds must be a positive number"),
    ],
)
def test_what_would_be_ignored_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        run(study(), **{"dump_results": True, **options})
    assert not Path("study").exists()


def test_walks_and_updates_are_not_mixed_with_searches():
    with pytest.raises(OptionError, match="repeat_each=2 is for walks"):
        run(repeated(n_reps=2, repeat_each=2), search=Climb(steps=None))
    with pytest.raises(OptionError, match="ends experiments early, but of n_reps=2"):
        run(repeated(n_reps=2))
    for wrong in ({"n_reps": 1}, {"n_reps": 2, "branches": 2}):
        with pytest.raises(OptionError, match="race=True needs a rule with steps, n_reps > 1 and branches=1"):
            run(repeated(n_reps=wrong.pop("n_reps")), search=RACE, **wrong)
    with pytest.raises(OptionError, match="update_domain"):
        run(study().update_domain(lambda: None, when="last"))
    with pytest.raises(OptionError, match="infinite"):
        run(study(n_configs=None, domain=Domain(x=integers(0, 9)) * Domain(y=integers(0, 2))))


def test_more_workers_than_slots_are_warned_of():
    with pytest.warns(ResearchWarning, match="slots=6"):
        run(study(n_configs=2), parallel=True, workers=7)
