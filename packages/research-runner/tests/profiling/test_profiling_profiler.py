"""What was measured is collected in little memory and shown as frames."""

from __future__ import annotations

import sys
import tracemalloc

import pytest

from research_runner.errors import MissingPackageError, OptionError
from research_runner.profiling.measure import FunctionProfile, ProfileRow
from research_runner.profiling.profiler import Profiler


@pytest.fixture
def pandas():
    return pytest.importorskip("pandas", reason="frames need pandas, which is not installed")


LOADED = (
    FunctionProfile("/data/load.py:7(read)", 2, 0.3, 0.4),
    FunctionProfile("<built-in method builtins.open>", 4, 0.1, 0.1),
)
ROWS = [
    ProfileRow("b2-0", 0, "load", 10.0, 0.5, LOADED),
    ProfileRow("b2-0", 0, "train", 11.0, 2.0),
    ProfileRow("b2-0", 1, "train", 12.0, 3.0),
    ProfileRow("a1-0", 0, "load", 10.0, 1.5, LOADED[:1]),
    ProfileRow("a1-0", 0, "train", 11.0, 1.0),
]


@pytest.fixture
def profiler():
    profiler = Profiler()
    profiler.add(ROWS[:2])
    profiler.add(ROWS[2:])
    return profiler


def records(frame):
    return [tuple(row) for row in frame.itertuples(index=False)]


def test_profile_info_has_a_row_for_each_call(pandas):
    profiler = Profiler()
    profiler.add(row._replace(functions=()) for row in ROWS)
    frame = profiler.profile_info
    assert list(frame) == ["id", "iteration", "unit", "started", "elapsed_s"]
    assert records(frame) == [row[:5] for row in ROWS]


def test_profile_info_has_rows_of_functions_below_their_call(pandas, profiler):
    frame = profiler.profile_info
    assert list(frame)[5:] == ["function", "ncalls", "tottime", "cumtime"]
    assert frame["unit"].tolist() == ["load", "load", "load", "train", "train", "load", "load", "train"]
    assert frame["elapsed_s"].isna().tolist() == [False, True, True, False, False, False, True, False]
    assert records(frame.loc[[1, 2], ["id", "function", "ncalls", "tottime", "cumtime"]]) == [
        ("b2-0", *LOADED[0]),
        ("b2-0", *LOADED[1]),
    ]


def test_empty_profile_has_empty_frames(pandas):
    profiler = Profiler()
    assert len(profiler.profile_info) == 0
    assert list(profiler.show_profile_info()) == ["unit", "calls", "total_s", "mean_s", "max_s"]


def test_units_are_summed_up_the_slowest_first(pandas, profiler):
    assert records(profiler.show_profile_info()) == [("train", 3, 6.0, 2.0, 3.0), ("load", 2, 2.0, 1.0, 1.5)]


def test_experiments_are_shown_apart(pandas, profiler):
    frame = profiler.show_profile_info(per_experiment=True, columns="total_s")
    assert records(frame) == [
        ("a1-0", "load", 1.5),
        ("a1-0", "train", 1.0),
        ("b2-0", "train", 5.0),
        ("b2-0", "load", 0.5),
    ]


def test_iterations_are_shown_apart_with_a_limit_for_each(pandas, profiler):
    frame = profiler.show_profile_info(per_iter=True, columns=["calls", "total_s"], limit=1)
    assert records(frame) == [(0, "train", 2, 3.0), (1, "train", 1, 3.0)]


def test_experiments_and_iterations_are_shown_apart(pandas, profiler):
    frame = profiler.show_profile_info(per_experiment=True, per_iter=True, limit=None)
    assert list(frame)[:3] == ["id", "iteration", "unit"]
    assert len(frame) == 5


def test_functions_are_summed_up_by_their_own_time(pandas, profiler):
    frame = profiler.show_profile_info(detailed=True)
    assert list(frame) == ["unit", "function", "ncalls", "tottime", "cumtime"]
    assert records(frame[["function", "ncalls"]]) == [(LOADED[0].function, 4), (LOADED[1].function, 4)]
    assert frame["tottime"].tolist() == pytest.approx([0.6, 0.1])


def test_functions_are_parsed(pandas, profiler):
    frame = profiler.show_profile_info(detailed=True, parse=True, columns="ncalls")
    assert records(frame) == [
        ("load", "/data/load.py", "7", "read", 4),
        ("load", "", "", "<built-in method builtins.open>", 4),
    ]


def test_groups_can_be_chosen(pandas, profiler):
    frame = profiler.show_profile_info(groupby=["iteration"], columns=["calls"], sortby="calls")
    assert records(frame) == [(0, 4), (1, 1)]
    frame = profiler.show_profile_info(detailed=True, parse=True, groupby="file", columns="ncalls", limit=1)
    assert records(frame) == [("/data/load.py", 4)]


def test_order_can_be_chosen(pandas, profiler):
    frame = profiler.show_profile_info(sortby="max_s", columns=["mean_s"])
    assert frame["unit"].tolist() == ["train", "load"]
    frame = profiler.show_profile_info(detailed=True, sortby="ncalls", limit=1)
    assert len(frame) == 1


@pytest.mark.parametrize(
    "kwargs", [{"groupby": "function"}, {"groupby": []}, {"columns": ["tottime"]}, {"sortby": "unit"}]
)
def test_unknown_columns_are_named_with_those_that_exist(pandas, profiler, kwargs):
    (option,) = kwargs
    with pytest.raises(OptionError, match=f"{option}: choose from") as caught:
        profiler.show_profile_info(**kwargs)
    assert caught.value.option == option


def test_where_no_functions_were_measured_units_are_shown(pandas):
    profiler = Profiler()
    profiler.add([ROWS[1]])
    shown = profiler.show_profile_info(detailed=True, columns="calls")
    assert shown.to_dict("records") == [{"unit": ROWS[1].unit, "calls": 1}]
    assert len(Profiler().show_profile_info(detailed=True)) == 0


@pytest.mark.parametrize("what", ["profile_info", "show_profile_info"])
def test_missing_pandas_says_what_to_install(monkeypatch, profiler, what):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackageError, match="pip install pandas"):
        value = getattr(profiler, what)
        value()


def test_rows_above_the_limit_are_dropped_and_counted(pandas, caplog):
    profiler = Profiler(max_rows=2)
    profiler.add(ROWS)
    assert len(profiler) == 2
    assert profiler.dropped_rows == 4  # three calls, one of them with a function
    assert caplog.text.count("2 rows at most") == 1
    assert profiler.show_profile_info()["calls"].sum() == 2


def test_functions_above_the_limit_are_dropped_and_counted(pandas):
    profiler = Profiler(max_rows=1)
    profiler.add(ROWS[:1])
    assert profiler.dropped_rows == 1
    assert profiler.show_profile_info(detailed=True)["function"].tolist() == [LOADED[0].function]


def test_rows_take_little_memory():
    profiler, number = Profiler(), 20_000
    tracemalloc.start()
    try:
        for iteration in range(number):
            profiler.add([ProfileRow("a1-0", iteration, "train", float(iteration), 0.5)])
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 64 * number
