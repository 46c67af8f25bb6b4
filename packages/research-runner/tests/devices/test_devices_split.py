"""Devices are shared between workers and branches as documented."""

from __future__ import annotations

from collections import Counter

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research_runner.devices import (
    DeviceGrid,
    DeviceRoomError,
    branch_devices,
    split_devices,
    worker_environment,
)
from research_runner.errors import OptionError

counts = st.integers(1, 6)

TABLE = [
    (None, [[[None], [None]], [[None], [None]], [[None], [None]]]),
    (1, [[["1"], ["1"]], [["1"], ["1"]], [["1"], ["1"]]]),
    ([1, 2], [[["1"], ["1"]], [["1"], ["2"]], [["2"], ["2"]]]),
    ([1, 2, 3, 4, 5], [[["1"], ["2"]], [["3"], ["4"]], [["5"], ["1"]]]),
    (range(13), [[["0", "1"], ["2", "3"]], [["4", "5"], ["6", "7"]], [["8", "9"], ["10", "11"]]]),
]


@pytest.mark.parametrize(("devices", "expected"), TABLE)
def test_split_of_the_table_for_three_workers_and_two_branches(devices, expected):
    assert split_devices(devices, workers=3, branches=2).as_lists() == expected


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [(0, "0"), ("3", "3"), (" 3 ", "3"), ("GPU-1a2b", "GPU-1a2b"), ("MIG-1a2b", "MIG-1a2b")],
)
def test_split_keeps_an_id_as_text(given_id, kept):
    assert split_devices(given_id, 1, 1).as_lists() == [[[kept]]]


def test_split_takes_an_array_of_ids():
    assert split_devices(numpy.arange(2), 2, 1).as_lists() == [[["0"]], [["1"]]]
    assert split_devices([numpy.int64(4)], 1, 1).as_lists() == [[["4"]]]


def test_split_of_a_list_with_none_leaves_a_branch_without_device():
    assert split_devices([0, None], 2, 1).as_lists() == [[["0"]], [[None]]]


@given(st.integers(1, 40), counts, counts)
def test_split_gives_every_branch_a_fair_part(n_devices, workers, branches):
    grid = split_devices(range(n_devices), workers, branches)
    parts = [part for row in grid for part in row]
    assert len(grid) == workers
    assert len(parts) == workers * branches
    assert {len(part) for part in parts} == {max(1, n_devices // len(parts))}
    uses = Counter(device for part in parts for device in part)
    if n_devices >= len(parts):
        assert set(uses.values()) == {1}
    else:
        assert set(uses) == {str(device) for device in range(n_devices)}
        assert max(uses.values()) <= 2 * min(uses.values())


def test_split_takes_nested_lists_as_they_are():
    nested = [[[0, "1"], [2]], [[None], ["GPU-1"]]]
    assert split_devices(nested, 2, 2).as_lists() == [[["0", "1"], ["2"]], [[None], ["GPU-1"]]]
    assert split_devices([(0, 1), (2, 3)], 2, 2).as_lists() == [[["0"], ["1"]], [["2"], ["3"]]]


@pytest.mark.parametrize(
    "devices",
    [
        [[[0]], [[1]]],  # two workers instead of three
        [[[0]], [[1]], 2],  # a worker without a list
        [[[0], [1]], [[2]], [[3]]],  # too many branches
        [[[]], [[1]], [[2]]],  # a branch without anything
        [[[[0]]], [[1]], [[2]]],  # too deep
        [["0,1"], [1], [2]],
        [[{0: 0.5}], [1], [2]],
    ],
)
def test_split_refuses_nested_lists_of_another_shape(devices):
    with pytest.raises(OptionError):
        split_devices(devices, 3, 1)


@pytest.mark.parametrize(
    "devices", [[], (), "", " ", -1, "-1", [True], True, 1.5, [1.5], {1, 2}, b"0", "0,1", {}, object()]
)
def test_split_refuses_what_is_no_device(devices):
    with pytest.raises(OptionError, match="got"):
        split_devices(devices, 1, 1)


@pytest.mark.parametrize(("workers", "branches"), [(0, 1), (1, 0)])
def test_split_refuses_counts_below_one(workers, branches):
    with pytest.raises(OptionError, match="at least 1"):
        split_devices(0, workers, branches)


def test_shares_pack_several_workers_on_a_device():
    assert split_devices({"0": 0.25}, 4, 2).as_lists() == [[["0"], ["0"]]] * 4


def test_shares_put_the_next_worker_on_the_least_used_device():
    rows = split_devices({0: 0.25, 1: 0.5}, 6, 1).as_lists()
    assert rows == [[["0"]], [["0"]], [["1"]], [["0"]], [["0"]], [["1"]]]


@given(st.dictionaries(st.integers(0, 7), st.floats(0.05, 1), min_size=1), st.integers(1, 40))
def test_shares_never_take_more_than_a_device_has(shares, workers):
    try:
        grid = split_devices(shares, workers, 1)
    except DeviceRoomError as error:
        assert sum(n for _, n in error.room) < workers
        return
    used = Counter(row[0][0] for row in grid)
    for device, number in used.items():
        assert number * shares[int(device)] <= 1 + 1e-6


def test_shares_of_a_third_fit_three_times():
    assert len(split_devices({0: 1 / 3}, 3, 1)) == 3


def test_shares_without_room_name_the_room_of_each_device():
    with pytest.raises(DeviceRoomError, match=r"room for 6 \(4 on device '0', 2 on device '1'\)"):
        split_devices({0: 0.25, 1: 0.5}, 7, 1)


@pytest.mark.parametrize(
    "shares", [{0: 0}, {0: 1.5}, {0: -1}, {0: True}, {0: "a"}, {0: None}, {0: 1, "0": 1}, {None: 1}]
)
def test_shares_refuse_what_is_no_share(shares):
    with pytest.raises(OptionError):
        split_devices(shares, 1, 1)


def test_worker_environment_lists_every_device_once_in_order():
    row = (("GPU-b", "GPU-a"), ("GPU-b", "GPU-c"))
    assert worker_environment(row) == {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": "GPU-b,GPU-a,GPU-c",
    }


@given(st.integers(1, 40), counts, counts)
def test_branch_devices_point_into_the_environment_of_the_worker(n_devices, workers, branches):
    for row in split_devices(range(n_devices), workers, branches):
        visible = worker_environment(row)["CUDA_VISIBLE_DEVICES"].split(",")
        for part, value in zip(row, branch_devices(row), strict=True):
            numbers = [value] if isinstance(value, str) else value
            assert [visible[int(number)] for number in numbers] == list(part)


def test_worker_without_device_keeps_its_environment():
    (row,) = split_devices(None, 1, 2)
    assert worker_environment(row) == {}
    assert branch_devices(row) == (None, None)


def test_grid_renames_ids_and_is_equal_by_value():
    grid = split_devices([0, 1], 2, 1)
    assert grid.rename({"0": "GPU-a"}) == DeviceGrid(((("GPU-a",),), (("1",),)))
    assert hash(grid) == hash(split_devices(["0", "1"], 2, 1))
