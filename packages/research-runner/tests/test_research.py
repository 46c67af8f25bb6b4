"""Researches in this process and in worker processes, results in plain memory."""

import os
import signal
import typing

import pytest

from research_domain import Domain
from research_experiment import EC, E, Experiment, Expression, ExpressionError, O, R, UnknownUnitError
from research_runner import MissingPackageError, OptionError, Research

pytestmark = pytest.mark.usefixtures("plain")


@pytest.fixture
def add():
    """A function that travels with its code: the modules of tests cannot be imported by workers."""

    def add(x, y):
        return x + y

    return add


def values(research, name):
    """Return the values of a variable by config string."""
    results = research.results
    return {
        results.configs[key].config()["x"]: column[name][max(column[name])]
        for key, column in results.values.items()
        if name in column
    }


def run(research, **options):
    return research.run(dump_results=False, bar=False, **options)


@pytest.mark.parametrize("options", [{"parallel": False}, {"workers": 1}, {"workers": 3}], ids=str)
def test_every_config_is_run(options, add):
    research = Research(domain=Domain(x=[1, 2, 3, 4]))
    research.add_callable(add, x=EC("x"), y=10, save_to="sum").add_callable(
        "twice", lambda s: 2 * s, s=O("add"), save_to="twice"
    )
    run(research, **options)
    assert values(research, "twice") == {1: 22, 2: 24, 3: 26, 4: 28}
    assert set(research.results.statuses.values()) == {"done"}


@pytest.mark.parametrize("parallel", [True, False])
def test_a_failing_unit_is_reported_and_the_rest_goes_on(parallel):
    def invert(x):
        return 1 / x

    research = run(
        Research(domain=Domain(x=[1, 0, 2])).add_callable(invert, x=EC("x"), save_to="y"), parallel=parallel
    )
    assert values(research, "y") == {1: 1.0, 2: 0.5}
    (problem,) = research.monitor.exceptions
    assert problem["name"] == "invert"
    assert problem["it"] == 0
    assert problem["exception"].type == "ZeroDivisionError"
    assert (problem["pid"] == os.getpid()) is not parallel
    assert research.results.statuses[problem["id"]] == "failed"
    assert research.monitor.failed_experiments == 1


def test_a_killed_worker_costs_its_experiment_and_no_other():
    def die(x):
        if x == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    research = run(
        Research(domain=Domain(x=[1, 2, 3, 4])).add_callable(die, x=EC("x"), save_to="y"), workers=2
    )
    assert values(research, "y") == {1: 1, 3: 3, 4: 4}
    (failure,) = research.results.failures.values()
    assert "SIGKILL" in failure.message
    assert [problem["exception"].cause for problem in research.monitor.exceptions] == ["signal", "signal"]


def test_max_attempts_is_kept():
    research = Research(domain=Domain(x=[1])).add_callable("exit", lambda x: os._exit(3), args=[EC("x")])
    run(research, max_attempts=3)
    assert len(research.monitor.exceptions) == 3


@pytest.mark.parametrize("start_method", ["fork", "forkserver", "spawn"])
def test_closures_and_lambdas_travel(start_method):
    offset = 5

    def shift(x):
        return x + offset

    research = Research(domain=Domain(x=[1, 2])).add_callable(shift, x=EC("x"), save_to="y")
    assert values(run(research, start_method=start_method), "y") == {1: 6, 2: 7}


def test_the_same_seed_gives_the_same_numbers_everywhere():
    def draw(random):
        return random.random()

    tables = []
    for options in (
        {"parallel": False},
        {"workers": 1},
        {"workers": 3},
        {"branches": 2},
        {"branches": 2, "executor_target": "f"},
    ):
        research = Research(domain=Domain(x=[1, 2, 3, 4, 5])).add_callable(
            draw, random=E().random, save_to="r"
        )
        tables.append(values(run(research, seed=11, **options), "r"))
    assert all(table == tables[0] for table in tables)
    assert len(set(tables[0].values())) == 5


def test_without_a_seed_the_entropy_is_recorded_and_repeats_the_run():
    research = Research(domain=Domain(x=[1, 2])).add_callable(
        "r", lambda random: random.random(), args=[E().random], save_to="r"
    )
    first = values(run(research), "r")
    entropy = research.storage.meta["entropy"]
    assert values(run(research, seed=entropy), "r") == first


def test_branches_share_their_root():
    research = Research(domain=Domain(x=[1, 2, 3, 4]))
    research.add_callable("load", lambda: os.urandom(8), root=True).save(O("load"), "data")
    shared = values(run(research, branches=2), "data")
    assert shared[1] == shared[2] != shared[3] == shared[4]


def test_worker_and_branch_configs_reach_experiments():
    research = Research(domain=Domain(x=[1, 2])).add_callable(
        "all", lambda *a: a, args=[EC("w"), EC("b")], save_to="y"
    )
    run(research, workers=[{"w": "only"}], branches=[{"b": 0}, {"b": 1}])
    assert values(research, "y") == {1: ("only", 0), 2: ("only", 1)}


def test_configs_with_functions_travel():
    research = Research(domain=Domain(x=[min, max])).add_callable(
        "call", lambda f: f(3, 5), args=[EC("x")], save_to="y"
    )
    assert values(run(research), "y") == {min: 3, max: 5}


def test_an_experiment_can_be_given_and_is_not_changed(add):
    experiment = Experiment().add_callable(add, x=EC("x"), y=1, save_to="sum")
    research = Research(domain=Domain(x=[1]), experiment=experiment).save(O("add") * 2, "twice")
    assert values(run(research), "twice") == {1: 4}
    assert len(experiment.build().units) == 1


def test_the_domain_is_updated_while_it_is_explored(add):
    research = Research(domain=Domain(x=[1, 2, 3]), n_reps=2).add_callable(add, x=EC("x"), y=0, save_to="sum")
    research.update_domain(lambda: Domain(x=[4, 5, 6]), when=["%5", "%8"])
    run(research)
    assert research.monitor.finished_experiments == 15


def test_n_iters_n_reps_and_n_configs_are_kept(add):
    research = Research(domain=Domain(x=[1, 2, 3]), n_configs=2, n_reps=3).add_callable(
        add, x=EC("x"), y=0, save_to="sum"
    )
    run(research, n_iters=4)
    assert research.monitor.finished_experiments == 6
    assert research.monitor.finished_iterations == 24


def test_no_domain_runs_one_empty_config():
    assert run(Research().add_callable("one", lambda: 1, save_to="y")).monitor.finished_experiments == 1


def test_finalize_decides_about_the_rest_of_a_failed_iteration():
    for finalize in (True, False):
        research = Research(domain=Domain(x=[0])).add_callable("fail", lambda x: 1 / x, args=[EC("x")])
        research.add_callable("after", lambda: "ran", save_to="after")
        run(research, finalize=finalize, parallel=False)
        assert values(research, "after") == ({0: "ran"} if finalize else {})


def test_debug_raises_to_the_caller():
    research = Research(domain=Domain(x=[0])).add_callable("fail", lambda x: 1 / x, args=[EC("x")])
    with pytest.raises(ZeroDivisionError):
        run(research, debug=True, parallel=False, executor_target="for")


def test_ids_can_have_a_readable_prefix():
    research = Research(domain=Domain(x=["a", "b"])).add_callable("one", lambda: 1, save_to="y")
    run(research, create_id_prefix=2)
    assert sorted(key[:6] for key in research.results.configs) == ["00_00_", "01_00_"]


def test_workers_can_be_fresh_for_every_task():
    research = Research(domain=Domain(x=[1, 2, 3])).add_callable(
        "pid", lambda x: os.getpid(), args=[EC("x")], save_to="pid"
    )
    assert len(set(values(run(research, tasks_per_worker=1), "pid").values())) == 3
    assert len(set(values(run(research), "pid").values())) == 1


def test_a_value_that_cannot_be_stored_fails_its_experiment_and_keeps_the_others():
    research = Research(domain=Domain(x=[1])).add_callable(
        "lock", lambda: (i for i in range(3)), save_to="bad"
    )
    research.add_callable("good", lambda: 5, save_to="good")
    run(research)
    assert values(research, "good") == {1: 5}
    assert list(research.results.statuses.values()) == ["failed"]


def test_results_on_disk_need_a_package_that_keeps_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingPackageError, match="pip install research-results"):
        Research(domain=Domain(x=[1])).add_callable("one", lambda: 1).run(bar=False)
    assert not list(tmp_path.iterdir())


def test_the_bar_shows_progress_and_failures():
    class Bar:
        made: typing.ClassVar = []

        def __init__(self, **options):
            self.n, self.total, self.description, self.closed = 0, options["total"], options["desc"], False
            Bar.made.append(self)

        def update(self, n):
            self.n += n

        def set_description(self, text, refresh=True):
            self.description = text

        def refresh(self):
            pass

        def close(self):
            self.closed = True

    research = Research(domain=Domain(x=[0, 1, 2])).add_callable("f", lambda x: 1 / x, args=[EC("x")])
    research.run(dump_results=False, n_iters=2, bar=Bar)
    (bar,) = Bar.made
    assert (bar.n, bar.total, bar.closed) == (6, 6, True)
    assert "1 failed" in bar.description


def test_get_evaluates_at_a_research():
    research = run(
        Research(domain=Domain(x=[1])).add_callable("f", abs, args=[EC("x")], save_to="y"), parallel=False
    )
    assert R().get(research=research) is research.results
    assert R().statuses.get(research=research, experiment=None) == research.results.statuses
    with pytest.raises(ExpressionError, match="there is no experiment here"):
        EC("x").get(research=research)
    assert isinstance(EC("x").get("research", research), Expression)


def test_nothing_is_added_by_an_attribute_after_a_run(add):
    research = Research(namespaces=[{"power": pow, "best": min}])
    research.best(1, 2, save_to="y")
    run(research, parallel=False)
    for name, instead in [("power", r"research\.copy\(\)\.power"), ("best", r"research\.results\.best")]:
        with pytest.raises(UnknownUnitError, match=instead):
            getattr(research, name)
        assert not hasattr(research, name)
    assert [unit.name for unit in research.actions] == ["best"]
    twin = research.copy().power(2, 3)
    assert [unit.name for unit in twin.actions] == ["best", "power"]
    assert [unit.name for unit in research.add_callable("add", add, x=1, y=2).actions] == ["best", "add"]


@pytest.mark.parametrize("name", ["df", "plot", "best", "to_df", "filter", "load_results"])
def test_what_results_have_says_so(name):
    for research in (Research(), run(Research().add_callable("f", abs, args=[1]), parallel=False)):
        with pytest.raises(UnknownUnitError, match=rf"write research\.results\.{name}"):
            getattr(research, name)


def test_experiment_of_a_research_is_independent():
    research = Research().add_callable("f", abs, args=[1])
    research.experiment.add_callable("g", abs, args=[1])
    assert [unit.name for unit in research.actions] == ["f"]
    with pytest.raises(UnknownUnitError, match=r"research\.experiment\.init"):
        research.init


def test_a_domain_in_the_place_of_the_name_is_refused_at_once():
    with pytest.raises(OptionError, match=r"name: .*got Domain\(x=\[1\]\)"):
        Research(Domain(x=[1]))
    with pytest.raises(OptionError, match=r"domain: .*Domain\(x=\[1, 2\]\), got dict"):
        Research("study", {"x": [1]})
