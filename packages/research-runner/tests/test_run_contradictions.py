"""Parameters of run() that contradict each other are refused before anything is created."""

import inspect

import pytest

from research_domain import Domain
from research_experiment import EC
from research_runner import OptionError, Research
from research_runner.settings.parameters import PARAMETERS

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
    ("branches", {"branches": [{"x": 1}, {"x": 2}]}),
    ("branches", {"branches": [{"x/y": 1}]}),
    ("branches", {"branches": [{"repetition": 1}]}),
    ("branches", {"branches": [{"a": 1}], "workers": [{"a": 2}]}),
    ("branches", {"branches": [{"a/b": 1}], "workers": [{"a": {"c": 2}}]}),
    ("workers", {"workers": [{}, {"x": 3}]}),
    ("workers", {"workers": [{"updates": 0}]}),
    ("devices", {"branches": [{"device": "cpu"}], "devices": [0]}),
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


def test_a_parameter_called_device_and_devices_contradict_each_other(research):
    research.domain = Domain(x=[1], device=["cpu", "cuda"])
    with pytest.raises(OptionError, match="devices: adds 'device' to each config, and the domain has"):
        research.run(dump_results=False, bar=False, devices=[0])


def test_an_infinite_domain_needs_a_bound_or_permission(research):
    from research_domain import NumpySampler

    research.domain = Domain(x=NumpySampler("normal"))
    with pytest.raises(OptionError, match=r"n_configs.*infinite=True"):
        research.run(dump_results=False, bar=False)


@pytest.mark.parametrize("value", [1, 3])
def test_the_common_file_needs_a_folder(value, research):
    with pytest.raises(OptionError, match=f"redirect_stderr: {value} needs .*dump_results=True"):
        research.run(redirect_stderr=value, dump_results=False, bar=False)


def test_a_backend_of_other_processes_contradicts_parallel(research):
    with pytest.raises(OptionError, match="parallel=False forbids"):
        research.run(backend="processes", parallel=False, dump_results=False, bar=False)


def test_configs_of_workers_that_are_no_list_are_counted_as_well(research):
    with pytest.raises(OptionError, match="2 configs of workers"):
        research.run(workers=({"a": each} for each in (1, 2)), parallel=False, dump_results=False, bar=False)


def test_the_signature_of_run_is_the_table():
    parameters = list(inspect.signature(Research.run).parameters.values())[1:]
    assert [(each.name, each.annotation, each.default) for each in parameters] == [
        (each.name, each.annotation, each.default) for each in PARAMETERS
    ]


def test_the_docstring_of_run_is_the_table():
    described = (
        inspect.getdoc(Research.run).partition("Parameters\n----------\n")[2].partition("\n\nReturns")[0]
    )
    wanted = "\n".join(f"{each.name} : {each.type}\n    {each.sentence}" for each in PARAMETERS)
    assert described.split() == wanted.split()


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda each: each.name)
def test_a_default_is_allowed_and_a_value_that_was_read_is_a_value(parameter):
    value = parameter.rule(parameter.name, parameter.default)
    assert parameter.rule(parameter.name, value) == value


def test_plan_names_a_parameter_that_does_not_exist(research):
    with pytest.raises(TypeError, match=r"no parameter 'worker'.*did you mean 'workers'"):
        research.plan(worker=2)
