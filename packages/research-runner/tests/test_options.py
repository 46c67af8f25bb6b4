"""Parameters of run(): what makes no sense is refused, before anything is created."""

import numpy as np
import pytest

from research_domain import ConfigAlias, Domain
from research_domain.seeds import entropy_of
from research_experiment import EC, Executor, PlanError, UnknownUnitError
from research_runner import NotRunError, OptionError, Research
from research_runner.settings.arguments import parse_configs


def research(**options):
    return Research(domain=Domain(x=[1, 2]), **options).add_callable("square", lambda x: x * x, x=EC("x"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("workers", 0),
        ("workers", -2),
        ("workers", 1.5),
        ("workers", True),
        ("workers", "two"),
        ("workers", []),
        ("workers", [1, 2]),
        ("branches", 0),
        ("n_iters", 0),
        ("n_iters", "10"),
        ("executor_target", "processes"),
        ("max_attempts", 0),
        ("tasks_per_worker", 0),
        ("name", ""),
        ("name", ".."),
        ("name", "a\0b"),
        ("name", 3),
    ],
)
def test_a_bad_value_is_refused_by_name(option, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match=option):
        research().run(**{option: value}, bar=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("parallel", "target"), [(True, "for"), (False, "threads"), (True, "threads")])
def test_debug_needs_a_caller_that_can_be_reached(parallel, target, plain):
    with pytest.raises(OptionError, match="debug"):
        research().run(debug=True, parallel=parallel, executor_target=target, dump_results=False)


def test_executor_class_must_be_an_executor():
    with pytest.raises(OptionError, match="executor_class"):
        research().run(executor_class=dict, dump_results=False)


@pytest.mark.parametrize(
    ("option", "value"), [("n_configs", 0), ("n_reps", 0), ("repeat_each", -1), ("domain", [1])]
)
def test_a_bad_research_is_refused_when_it_is_made(option, value):
    with pytest.raises(OptionError, match=option):
        Research(**{option: value})


def test_a_config_key_that_does_not_exist_is_found_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    typo = Research(domain=Domain(rate=[1])).add_callable("f", lambda r: r, r=EC("rates"))
    with pytest.raises(PlanError, match=r"'f' refers to EC\('rates'\).*did you mean 'rate'"):
        typo.run(bar=False)
    assert not list(tmp_path.iterdir())


def test_keys_of_workers_and_branches_are_known(plain):
    keys = Research(domain=Domain(x=[1])).add_callable(
        "f", lambda *a: a, args=[EC("w"), EC("b"), EC("x")], save_to="y"
    )
    keys.run(workers=[{"w": 1}], branches=[{"b": 2}], dump_results=False, bar=False)
    assert list(keys.results.values.values()) == [{"y": {0: (1, 2, 1)}}]


def test_a_unit_name_with_a_typo_is_found_when_it_is_added():
    with pytest.raises(UnknownUnitError, match="did you mean 'add_callable'"):
        Research().add_calable("f", len)


def test_results_before_a_run_say_what_to_do():
    with pytest.raises(NotRunError, match=r"call run\(\.\.\.\)"):
        research().results


def test_configs_are_read_from_numbers_and_lists():
    assert len(parse_configs("workers", 3)) == 3
    assert parse_configs("workers", [{"a": 1}, ConfigAlias({"a": 2})])[1].config()["a"] == 2


@pytest.mark.parametrize("seed", [7, np.random.SeedSequence(7), np.random.default_rng(7), [1, 2], False])
def test_entropy_is_plain_numbers_that_are_a_seed_again(seed):
    entropy = entropy_of(seed)
    assert entropy_of(entropy) == entropy


def test_no_seed_draws_a_new_one():
    assert entropy_of(None) != entropy_of(None)


class CountingExecutor(Executor):
    """Counts in the process that runs it."""

    made = 0

    def __init__(self, *args, **kwargs):
        CountingExecutor.made += 1
        super().__init__(*args, **kwargs)


def test_executor_class_is_used(plain):
    research().run(executor_class=CountingExecutor, parallel=False, dump_results=False, bar=False)
    assert CountingExecutor.made == 2
