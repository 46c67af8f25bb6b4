"""Parameters of run() that contradict each other are refused before anything is created."""

import inspect
from dataclasses import fields

import pytest

from research_domain import Domain
from research_experiment import EC
from research_runner import OptionError, Research
from research_runner.settings.reading import RunOptions

REFUSED = [
    ("start_method", {"start_method": "forked"}),
    ("start_method", {"start_method": "spawn", "parallel": False}),
    ("workers", {"workers": [{"a": 1}, {"a": 2}], "parallel": False}),
    ("tasks_per_worker", {"tasks_per_worker": 1, "parallel": False}),
    ("timeout", {"timeout": 1, "parallel": False}),
    ("memory_ratio", {"memory_ratio": 0.5}),
    ("memory_ratio", {"memory_ratio": 1.5, "devices": [0]}),
    ("n_gpu_checks", {"n_gpu_checks": 5}),
    ("n_gpu_checks", {"n_gpu_checks": 0, "memory_ratio": 0.5, "devices": [0]}),
    ("gpu_check_delay", {"gpu_check_delay": 1}),
    ("gpu_check_delay", {"gpu_check_delay": -1, "memory_ratio": 0.5, "devices": [0]}),
    ("loglevel", {"loglevel": "info", "dump_results": False}),
    ("loglevel", {"loglevel": "loud"}),
    ("create_id_prefix", {"create_id_prefix": -1}),
    ("create_id_prefix", {"create_id_prefix": "yes"}),
    ("bar", {"bar": "yes"}),
    ("show", {"show": 3}),
    ("show", {"show": ""}),
    ("show", {"show": "loss", "detach": True}),
    ("bar", {"bar": object, "detach": True}),
    ("profile", {"profile": True, "detach": True}),
    ("detach", {"detach": True, "dump_results": False}),
    ("detach", {"detach": True, "debug": True, "parallel": False, "executor_target": "for"}),
    ("redirect_stdout", {"redirect_stdout": 1, "dump_results": False}),
    ("redirect_stderr", {"redirect_stderr": 3, "dump_results": False}),
    ("redirect_stdout", {"redirect_stdout": 4}),
    ("profile", {"profile": 3}),
    ("devices", {"devices": []}),
    ("devices", {"devices": [[0], [1]], "workers": 3}),
    ("retry_failed", {"retry_failed": True}),
    ("resume", {"resume": "perhaps"}),
    ("resume", {"resume": True, "dump_results": False}),
    ("retry_on", {"retry_on": "ValueError"}),
    ("canary", {"canary": -1}),
    ("timeout", {"timeout": 0}),
    ("parallel", {"parallel": "False"}),
    ("dump_results", {"dump_results": None}),
    ("infinite", {"infinite": "no"}),
]


@pytest.fixture
def research():
    return Research(domain=Domain(x=[1, 2])).add_callable("square", lambda x: x * x, x=EC("x"))


@pytest.mark.parametrize(("option", "options"), REFUSED, ids=str)
def test_what_would_be_ignored_or_makes_no_sense_is_refused(option, options, research, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError) as caught:
        research.run(**{"bar": False, **options})
    assert caught.value.option == option
    assert str(caught.value).startswith(f"{option}: ")
    assert not list(tmp_path.iterdir())


def test_a_seed_that_is_none_is_refused_before_anything_is_created(research, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="seed"):
        research.run(seed="seven", bar=False)
    assert not list(tmp_path.iterdir())


def test_an_infinite_domain_needs_a_bound_or_permission(research):
    from research_domain import NumpySampler

    research.domain = Domain(x=NumpySampler("normal"))
    with pytest.raises(OptionError, match=r"n_configs.*infinite=True"):
        research.run(dump_results=False, bar=False)


def test_options_are_the_parameters_of_run_with_the_same_defaults():
    parameters = dict(inspect.signature(Research.run).parameters)
    del parameters["self"]
    assert {name: each.default for name, each in parameters.items()} == {
        each.name: each.default for each in fields(RunOptions)
    }


def test_every_parameter_is_described():
    documented = inspect.getdoc(Research.run)
    for name in inspect.signature(Research.run).parameters:
        assert (
            name == "self"
            or f"{name} :" in documented
            or f"{name}," in documented
            or f", {name}" in documented
        )
