"""Every error survives the way between processes and says what to do."""

import copy
import pickle

import pytest

from research_results import errors

ARGUMENTS = {
    errors.ResultsError: (),
    errors.ArgumentError: ("name", "reason"),
    errors.ClosedError: ("folder",),
    errors.DamagedError: ("where", "reason"),
    errors.ExistsError: ("folder",),
    errors.ForkedError: ("folder", 7),
    errors.FormatError: ("folder", 9, 1),
    errors.LockedError: ("folder", "host", 7),
    errors.MissingExtraError: ("to_parquet", "parquet"),
    errors.NameRefusedError: ("an experiment", "name", "reason"),
    errors.NotAResearchError: ("folder", "reason"),
    errors.OldFormatError: ("folder", 1, 2),
    errors.PickleRefusedError: ("module.Type",),
    errors.StorageAccessError: ("folder", "reason"),
    errors.StorageBusyError: ("folder",),
    errors.StorageFullError: ("folder", 17),
    errors.UnknownAliasError: ("act", "relu", ("ReLU", "tanh")),
    errors.StorageLostError: ("folder", "reason"),
    errors.UnknownExperimentError: ("name",),
    errors.UnknownParameterError: ("lr", ("lr2", "n")),
    errors.UnknownVariableError: ("los", ("loss", "accuracy")),
    errors.UnstorableError: ("variable", 3, "module.Type", "reason"),
}


def test_every_error_is_here():
    assert {kind.__name__ for kind in ARGUMENTS} == set(errors.__all__)


@pytest.mark.parametrize("kind", ARGUMENTS, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_with_its_data(kind):
    error = kind(*ARGUMENTS[kind])
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
    assert isinstance(error, errors.ResultsError)


@pytest.mark.parametrize(
    "kind", [kind for kind in ARGUMENTS if ARGUMENTS[kind]], ids=lambda kind: kind.__name__
)
def test_an_error_says_what_it_was_given(kind):
    text = str(kind(*ARGUMENTS[kind]))
    for argument in ARGUMENTS[kind]:
        for part in argument if isinstance(argument, tuple) else (argument,):
            assert str(part) in text
