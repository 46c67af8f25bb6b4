"""Errors about devices cross processes."""

from __future__ import annotations

import pickle

import pytest

from research_runner.devices import errors
from research_runner.errors import RunnerError

EXAMPLES = [
    errors.DeviceError("text"),
    errors.DeviceRoomError(5, (("0", 4),)),
    errors.UnknownDeviceError("7", ("0 = GPU-a",)),
    errors.DriverMissingError("no library"),
    errors.DeviceLostError("GPU-a", "GPU is lost"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_error_survives_pickling_with_its_data(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert isinstance(error, RunnerError)


def test_every_error_has_an_example():
    assert {type(error).__name__ for error in EXAMPLES} == set(errors.__all__)
