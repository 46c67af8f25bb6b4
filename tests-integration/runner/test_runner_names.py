"""Parameters and variables may be called like what a run adds, or like columns of tables."""

import pandas as pd
import pytest

from research_domain import UpdateError
from research_runner import OptionError
from research_runner.devices import FakeProbe
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
