"""Parameters and variables may be called like what a run adds, or like columns of tables."""

import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from research_domain import UpdateError
from research_results import FolderStorage
from research_runner import NotAResearchError, OptionError, ResearchExistsError, RunnerError
from research_runner.devices import FakeProbe
from research_runner.pool.errors import TravelError
from research_runner.settings import reading as settings
from research_stack import EC, Domain, Research

NAMES = ("id", "iteration", "name", "value", "config", "status", "device", "artifact_name", "func", "src")


@pytest.fixture
def machine(monkeypatch):
    """A machine that pretends to have two GPUs."""
    probe = FakeProbe(2)
    monkeypatch.setattr(settings, "NvmlProbe", lambda: probe)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return probe


def keeping_configs(domain, name="study"):
    """Return a research whose unit saves what EC() is."""
    return Research(name, domain).add_callable("unit", lambda **config: config, kwargs=EC(), save_to="seen")


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_and_a_variable_of_any_name_are_in_every_table(name):
    values = [f"{name} 1", f"{name} 2"]
    research = Research("study", Domain({name: values}))
    research.add_callable("unit", lambda value: value, [EC(name)], save_to=name)
    results = research.run(bar=False, parallel=False).results
    first = 1 if name in ("id", "iteration") else 0
    parameter, variable = (f"{name}_{number}" if number else name for number in (first, first + 1))
    for frame in (
        results.df,
        pd.read_parquet(results.to_parquet("o.parquet")),
        pd.read_csv(results.to_csv("o.csv")),
    ):
        assert frame[parameter].tolist() == frame[variable].tolist() == values
        assert frame["iteration"].tolist() == [0, 0]
    found = results.to_df(config={name: values[1]}, name=name)
    assert found[parameter].tolist() == [values[1]]
    assert results.configs_to_df().iloc[:, 1].tolist() == values
    assert [text.partition("_")[2] for text in results.to_df(concat_config=True)["config"]][-1].endswith("2")


@pytest.mark.parametrize("options", [{"parallel": False}, {"workers": 2}, {"branches": 2}])
def test_without_devices_device_is_a_parameter_like_any_other(options):
    domain = Domain(device=["cpu", "cuda"], rate=[0.1])
    research = keeping_configs(domain)
    results = research.run(bar=False, **options).results
    assert results.df["seen"].tolist() == [{"device": name, "rate": 0.1} for name in ("cpu", "cuda")]
    assert results.df["device"].tolist() == ["cpu", "cuda"]
    assert results.to_df(device="cuda")["device"].tolist() == ["cuda"]
    assert results.to_df(concat_config=True)["config"].tolist() == [
        "device_cpu-rate_0.1",
        "device_cuda-rate_0.1",
    ]
    assert len({name.partition("-")[0] for name in results.df["id"]}) == 2
    assert all(config in domain for config in results.load_configs().values())
    assert {config.auxiliary for config in results.load_configs().values()} == {("repetition", "updates")}
    assert research.plan().duplicates == 0


def test_a_resume_runs_the_devices_that_are_new():
    keeping_configs(Domain(device=["cpu"])).run(bar=False, parallel=False)
    results = (
        keeping_configs(Domain(device=["cpu", "cuda"])).run(bar=False, parallel=False, resume=True).results
    )
    assert results.df["device"].tolist() == ["cpu", "cuda"]
    assert results.experiments["attempts"].tolist() == [1, 1]


def test_a_run_without_devices_adds_none_and_its_units_may_ask(machine):
    research = Research("study", Domain(rate=[0.1]))
    research.add_callable("own", lambda device: device, device=EC("device"), save_to="own")
    research.add_callable("all", lambda **config: config, kwargs=EC(full=True), save_to="seen")
    whole = {"rate": 0.1, "repetition": 0, "updates": 0}
    frame = research.run(bar=False, parallel=False).results.df
    assert (frame["own"][0], frame["seen"][0]) == (None, whole)
    frame = research.run("with", bar=False, parallel=False, devices=[1]).results.df
    assert (frame["own"][0], frame["seen"][0]) == ("0", {**whole, "device": "0"})


def test_with_devices_device_says_how_a_config_is_run(machine):
    research = keeping_configs(Domain(rate=[0.1, 0.2]))
    results = research.run(bar=False, workers=2, devices=[0, 1]).results
    without = keeping_configs(Domain(rate=[0.1, 0.2]), "without").run(bar=False, parallel=False).results
    assert results.df["id"].tolist() == without.df["id"].tolist()
    assert results.df["seen"].tolist() == [{"rate": 0.1}, {"rate": 0.2}]
    assert "device" not in results.df.columns
    for options in ({}, {"concat_config": True}):
        frame = results.to_df(remove_auxilary=False, **options)
        assert frame["device"].tolist() == ["0", "0"]
    assert results.to_df(concat_config=True)["config"].tolist() == ["rate_0.1", "rate_0.2"]
    assert all("device" in config.auxiliary for config in results.load_configs().values())


def test_a_variable_called_device_stands_beside_the_device(machine):
    research = Research("study", Domain(rate=[0.1])).add_callable("unit", lambda: "mine", save_to="device")
    results = research.run(bar=False, parallel=False, devices=[0]).results
    assert results.df["device"].tolist() == ["mine"]
    frame = results.to_df(remove_auxilary=False)
    assert (frame["device"].tolist(), frame["device_1"].tolist()) == (["0"], ["mine"])


def test_what_branches_add_is_a_parameter_unless_the_domain_has_it(own_folder):
    research = keeping_configs(Domain(rate=[0.1]))
    results = research.run(bar=False, branches=[{"device": "cpu"}, {"device": "cuda"}]).results
    assert results.df["device"].tolist() == ["cpu"]
    with pytest.raises(OptionError, match="branches: adds 'rate' to each config, and the domain has"):
        research.run("other", bar=False, branches=[{"rate": 1}])
    assert sorted(path.name for path in own_folder.iterdir()) == ["study"]


def test_an_update_that_brings_what_a_run_adds_is_refused():
    research = keeping_configs(Domain(rate=[0.1])).update_domain(lambda: Domain(side=["left"]), when="last")
    with pytest.raises(UpdateError, match="parameter 'side': is a key that a research adds"):
        research.run(bar=False, parallel=False, branches=[{"side": "right"}])


def test_a_root_unit_sees_no_parameter_called_device_that_differs():
    research = Research("study", Domain(device=["cpu", "cuda"]))
    research.add_callable("unit", lambda **config: config, kwargs=EC(), root=True, save_to="seen")
    with pytest.raises(Exception, match="depends on the config key 'device', which differs"):
        research.run(bar=False, parallel=False, branches=2, debug=True, executor_target="for")


QUIET = {"parallel": False, "bar": False}


def study(name="study", factor=1):
    research = Research(name, Domain(x=[1, 2]))
    return research.add_callable("scale", lambda x: factor * x, x=EC("x"), save_to="y")


def test_an_open_number_is_the_next_that_no_folder_has():
    research = study("runs/study-{n}")
    assert research.plan().experiments == 2
    names = [research.run(**QUIET).name for _ in range(3)]
    assert names == ["runs/study-1", "runs/study-2", "runs/study-3"]
    Path("runs/study-7").mkdir()
    Path("runs/study-x").mkdir()
    Path("runs/study-80-old").mkdir()
    assert research.run(**QUIET).results.path == Path("runs/study-8").absolute()
    assert study().run("{n}th", **QUIET).name == "1th"
    assert Research.load("runs/study-2").results.df["y"].tolist() == [1, 2]


SIMULTANEOUS = """
import sys
from research_results import FolderStorage
from research_stack import EC, Domain, Research

create = FolderStorage.create

def create_when_both_have_chosen(path, *args, **options):
    if path.name == "study-1":
        print("chosen", flush=True)
        input()
    return create(path, *args, **options)

FolderStorage.create = create_when_both_have_chosen
research = Research("study-{n}", Domain(x=[1, 2])).add_callable("unit", lambda x: x, x=EC("x"), save_to="y")
print(research.run(parallel=False, bar=False).name)
"""


def test_processes_that_start_at_once_have_numbers_of_their_own():
    command = [sys.executable, "-c", SIMULTANEOUS]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as other:
        assert [each.stdout.readline() for each in (one, other)] == ["chosen\n"] * 2
        for each in (one, other):
            each.stdin.write("\n")
            each.stdin.flush()
        names = sorted(each.communicate(timeout=60)[0] for each in (one, other))
    assert names == ["study-1\n", "study-2\n"]
    assert sorted(path.name for path in Path().iterdir()) == ["study-1", "study-2"]
    for name in ("study-1", "study-2"):
        assert Research.load(name).results.df["y"].tolist() == [1, 2]


def test_a_folder_that_another_process_has_just_made_is_an_error_of_a_plain_name(monkeypatch):
    monkeypatch.setattr(FolderStorage, "is_there", lambda path: False)
    Path("study").mkdir()
    Path("study/precious").touch()
    with pytest.raises(ResearchExistsError, match="nothing in it was changed"):
        study().run(**QUIET)
    assert [path.name for path in Path("study").iterdir()] == ["precious"]


def test_another_name_ends_the_numbers():
    research = study("study-{n}").run(**QUIET)
    research.name = "other"
    assert research.run(**QUIET).name == "other"


@pytest.mark.parametrize("option", ["resume", "overwrite"])
def test_a_new_folder_each_time_has_nothing_to_go_on_with_or_to_replace(option):
    with pytest.raises(OptionError, match=rf"{option}: 'study-{{n}}' is a new folder each time"):
        study("study-{n}").run(**QUIET, **{option: True})
    assert not list(Path().iterdir())


def test_an_old_research_is_replaced_if_that_is_wanted():
    study().run(**QUIET)
    with pytest.raises(ResearchExistsError):
        study(factor=2).run(**QUIET)
    assert study(factor=2).run(overwrite=True, **QUIET).results.df["y"].tolist() == [2, 4]
    assert [path.name for path in Path().iterdir()] == ["study"]
    study("fresh").run(overwrite=True, **QUIET)


def test_what_is_no_research_or_is_run_is_not_replaced():
    Path("study").mkdir()
    Path("study/precious").touch()
    with pytest.raises(NotAResearchError, match="left alone"):
        study().run(overwrite=True, **QUIET)
    assert Path("study/precious").exists()

    def again():
        with pytest.raises(RunnerError, match="'busy' is being run and was left alone"):
            study("busy").run(overwrite=True, **QUIET)

    research = Research("busy").add_callable("again", again, save_to="y").run(**QUIET)
    assert research.monitor.failed_experiments == 0


@pytest.mark.parametrize(
    "options", [{"dump_results": False}, {"resume": True}], ids=lambda options: next(iter(options))
)
def test_what_overwrite_contradicts(options):
    with pytest.raises(OptionError, match="overwrite"):
        study().run(overwrite=True, **options)


def test_what_was_to_be_replaced_is_there_if_nothing_starts(tmp_path_factory):
    study().run(**QUIET)
    with (
        (tmp_path_factory.mktemp("open") / "file").open("w") as file,
        pytest.raises(TravelError, match="'write'"),
    ):
        Research("study").add_callable("write", lambda: file, save_to="y").run(overwrite=True, bar=False)
    assert [path.name for path in Path().iterdir()] == ["study"]
    assert Research.load("study").results.df["y"].tolist() == [1, 2]


def test_an_interrupt_before_the_start_leaves_no_results_of_the_run_before(monkeypatch):
    research = study().run(**QUIET)

    def interrupt(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("research_runner.running.preparing.save_settings", interrupt)
    with pytest.raises(KeyboardInterrupt):
        research.run("other", **QUIET)
    assert not hasattr(research, "results")


def test_a_run_that_is_refused_leaves_the_results_of_the_run_before():
    research = study().run(**QUIET)
    for options in ({}, {"workers": 0}):
        with pytest.raises((ResearchExistsError, OptionError)):
            research.run(**QUIET, **options)
        assert research.results.df["y"].tolist() == [1, 2]


@pytest.mark.parametrize("everything", ["all", -1])
def test_all_workers_are_one_for_each_core(everything, monkeypatch):
    monkeypatch.setattr("research_runner.settings.arguments.available_cores", lambda: 3)
    research = study().run(workers=everything, bar=False)
    assert research.results.meta["options"]["workers"] == 3
    assert research.results.df["y"].tolist() == [1, 2]


@pytest.mark.parametrize("workers", ["every", -2, True, -1.0])
def test_other_words_for_all_workers_are_refused(workers):
    with pytest.raises(OptionError, match=r"workers: .*'all' is one for each core"):
        study().run(workers=workers)
