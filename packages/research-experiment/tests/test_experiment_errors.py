"""Errors cross processes: all of them, whatever they carry."""

from __future__ import annotations

import copy
import inspect
import pickle

import dill
import pytest

from research_experiment import Failure, errors

EXAMPLES = {
    "ExperimentError": errors.ExperimentError("message"),
    "PlanError": errors.PlanError("message", unit="train"),
    "UnknownUnitError": errors.UnknownUnitError("message", "nmae"),
    "NamespaceError": errors.NamespaceError("message"),
    "RootDependencyError": errors.RootDependencyError("message", unit="train"),
    "DependencyError": errors.DependencyError("message", unit="train"),
    "ExecutorError": errors.ExecutorError("message"),
    "ExpressionError": errors.ExpressionError("EC('x')", "KeyError: 'x'"),
    "UnitOutputError": errors.UnitOutputError("train"),
    "ReadOnlyError": errors.ReadOnlyError("train", ("data",), "assignment destination is read-only"),
    "SaveError": errors.SaveError("train", "message"),
}


def test_every_error_has_an_example():
    classes = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == errors.__name__
    }
    assert set(EXAMPLES) == classes
    assert set(errors.__all__) == classes | {"hint", "shorten"}


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize(
    "roundtrip",
    [
        *(lambda e, p=p: pickle.loads(pickle.dumps(e, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)),
        lambda e: dill.loads(dill.dumps(e)),
        copy.copy,
        copy.deepcopy,
    ],
)
def test_errors_survive_pickling_with_their_data(name, roundtrip):
    error = EXAMPLES[name]
    again = roundtrip(error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.args == error.args
    assert vars(again) == vars(error)
    assert isinstance(again, errors.ExperimentError)


def test_failures_survive_pickling():
    failure = Failure("ValueError", "message", "text", "train", 3, "id", {"x": "1"})
    assert pickle.loads(pickle.dumps(failure)) == failure
    assert str(failure) == "ValueError: message (unit 'train', iteration 3, experiment id)"
    assert "saving its values" in str(Failure("E", "m", "t", None, 3, "id"))
