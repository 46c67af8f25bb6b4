"""Errors cross processes."""

import pickle

import pytest

from research_runner import errors

EXAMPLES = [
    errors.RunnerError("text"),
    errors.OptionError("workers", "must be positive"),
    errors.ResearchExistsError("folder"),
    errors.MissingPackageError("results.df", "research-results"),
    errors.WorkersDieError("killed", 3),
    errors.NotRunError("name"),
    errors.EngineLostError("the Dask scheduler at tcp://host:8786", "its client is closed"),
    errors.EngineUnreachableError("the Dask scheduler at tcp://host:8786", "timed out"),
    errors.ChangedError(("'f' has changed",)),
    errors.FailedExperimentsError(2, 4, "2 of 4 failed: ValueError: no"),
    errors.StaleCodeError((("losses", "/home/me/losses.py"),)),
    errors.HopelessError("ValueError: no", "Traceback", 3),
    errors.MiscountedError((8, 0), (4, 0)),
    errors.UntrustedError("name"),
    errors.NoSettingsError("folder"),
    errors.NoCodeError("name"),
    errors.LostCodeError("folder", "ModuleNotFoundError: No module named 'helpers'"),
    errors.NotAResearchError("folder"),
    errors.NotFoundError("name", "path"),
    errors.SearchError("it waits, and nothing runs"),
    errors.WatchedValueError("loss", "'low'"),
]


def test_every_error_has_an_example():
    assert {type(example).__name__ for example in EXAMPLES} == set(errors.__all__)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert isinstance(again, errors.RunnerError)
