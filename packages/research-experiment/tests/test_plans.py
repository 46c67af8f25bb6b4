"""Plans: frozen, copied and pickled."""

from __future__ import annotations

import copy
import math
import pickle

import dill
import pytest
from plain_units import Counter, numbers, power, run

from research_experiment import (
    EC,
    Experiment,
    O,
    UnknownUnitError,
)


def test_plan_is_frozen_when_the_builder_goes_on():
    arguments = [EC("x")]
    experiment = Experiment().add_callable("f", lambda *args: args, args=arguments, save_to="f")
    plan = experiment.build()
    arguments.append(1)
    experiment.add_callable("g", lambda: 1)
    assert plan.names == ("f",)
    assert run(plan, {"x": 1}).results["f"][0] == (1,)


@pytest.mark.parametrize(
    "copied", [Experiment.copy, copy.copy, copy.deepcopy], ids=["method", "copy", "deepcopy"]
)
def test_copy_of_a_builder_is_independent(copied):
    first = Experiment(namespaces=[{"power": power}]).add_instance("i", Counter).power(a=1)
    second = copied(first)
    second.power(a=2).add_instance("j", Counter).add_namespace({"numbers": numbers})
    assert first.build().names == ("i", "power")
    assert second.build().names == ("i", "j", "power", "power_1")
    with pytest.raises(UnknownUnitError):
        first.get_method("numbers")


@pytest.mark.parametrize("module", [pickle, dill], ids=lambda module: module.__name__)
def test_builders_and_plans_survive_pickling(module):
    experiment = (
        Experiment()
        .add_instance("c", Counter, start=EC("x"))
        .add_callable("c.add", by=2, save_to="v")
        .add_callable("p", power, a=O("c.add"), b=EC("x") + 1, save_to="p", when=[2, "last"])
        .add_namespace(math)
    )
    for original in (experiment, experiment.build()):
        again = module.loads(module.dumps(original))
        assert run(again, {"x": 1}, n_iters=2).results == run(original, {"x": 1}, n_iters=2).results


def test_lambdas_in_plans_survive_dill():
    plan = Experiment().add_callable("f", lambda x: x * 2, args=[EC("x")], save_to="f").build()
    again = dill.loads(dill.dumps(plan, recurse=True))
    assert run(again, {"x": 4}).results == {"f": {0: 8}}


def test_unit_with_a_timeout_keeps_it_in_the_plan():
    plan = Experiment().add_callable("f", lambda: 1, timeout=3).build()
    assert plan.units[0].timeout_s == 3.0


def test_huge_constant_arguments_and_those_that_hold_themselves_are_copied_once():
    huge = list(range(200_000))
    cyclic: list = [1]
    cyclic.append(cyclic)

    def see(a, b):
        return a == huge, a is huge, b[1] is b, b is cyclic

    experiment = Experiment().add_callable(see, args=[huge, cyclic], save_to="f")
    assert run(experiment).results["f"][0] == (True, False, True, False)
