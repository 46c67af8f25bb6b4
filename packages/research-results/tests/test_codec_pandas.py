"""Pandas objects come back as they were: types, indexes, names."""

import copy
import datetime

import numpy as np
import pandas as pd
import pytest

from research_domain import digest, is_plain
from research_domain import same as domain_same
from research_results import Opaque
from research_results.codec.encoding import decode_value, encode_value

TIMES = pd.to_datetime(["2020-01-01", None, "2021-06-01"])
FRAMES = {
    "numbers": pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan], "c": [True, False]}),
    "small types": pd.DataFrame({"a": np.array([1, 2], "i1"), "b": np.array([1, 2], "f4")}),
    "strings": pd.DataFrame({"a": ["x", None, ""]}),
    "objects": pd.DataFrame({"a": pd.Series([1, "x", None, [2]], dtype=object)}),
    "objects that look like strings": pd.DataFrame({"a": pd.Series(["x", "y"], dtype=object)}),
    "times": pd.DataFrame({"a": TIMES, "b": TIMES.tz_localize("UTC"), "c": TIMES - TIMES[0]}),
    "categories": pd.DataFrame({"a": pd.Categorical(["x", None, "y"], ["y", "x", "z"], ordered=True)}),
    "masked": pd.DataFrame(
        {"a": pd.array([1, None]), "b": pd.array([0.5, None]), "c": pd.array([True, None])}
    ),
    "small masked": pd.DataFrame({"a": pd.array([1, None], "UInt8"), "b": pd.array([1, None], "Float32")}),
    "periods": pd.DataFrame({"a": pd.period_range("2020-01", periods=3, freq="M")}),
    "intervals": pd.DataFrame({"a": pd.interval_range(0, 3, closed="left")}),
    "other strings": pd.DataFrame({"a": pd.array(["x", None], "string[python]")}),
    "many indexes": pd.DataFrame(
        {"a": [1, 2]}, index=pd.MultiIndex.from_tuples([(1, "x"), (2, "y")], names=["n", None])
    ),
    "many columns": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])),
    "equal columns": pd.DataFrame([[1, "x"]], columns=["a", "a"]),
    "no rows": pd.DataFrame({"a": np.array([], "i4")}),
    "no columns": pd.DataFrame(index=[3, 4]),
    "nothing": pd.DataFrame(),
    "a range with a name": pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(2, 6, 2, name="n")),
    "regular times": pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2020", periods=2, freq="D", tz="UTC")),
    "nested": pd.DataFrame({"a": pd.Series([np.arange(2), {"k": (1,)}], dtype=object)}),
}
SCALARS = [
    pd.Timestamp("2020-01-01 12:00:00.123456789"),
    pd.Timestamp("2020-01-01").as_unit("s"),
    pd.Timestamp("2020-03-29 02:30", tz="UTC").tz_convert("Europe/Berlin"),
    pd.Timestamp("2020", tz=datetime.timezone(datetime.timedelta(hours=2))),
    pd.Timedelta("1D 3ns"),
    pd.Period("2020-01", "M"),
    pd.Interval(0, 1.5, "both"),
    pd.Interval(pd.Timestamp(0), pd.Timestamp(1)),
]


def round_trip(value):
    kind, type_name, text, data = encode_value(value)
    assert kind == "tree"
    return decode_value(kind, type_name, text, data, allow_pickle=False, where="here")


@pytest.mark.parametrize(
    "value", [*FRAMES.values(), *SCALARS, *(f["a"] for f in FRAMES.values() if "a" in f)]
)
def test_what_pandas_makes_is_plain_data_with_a_digest_that_lasts(value):
    assert is_plain(value)
    for twin in (round_trip(value), copy.deepcopy(value)):
        assert digest(twin) == digest(value)
        assert domain_same(twin, value)


def test_different_things_of_pandas_have_different_digests():
    values = [*FRAMES.values(), *SCALARS, FRAMES["numbers"]["a"], FRAMES["numbers"].iloc[::-1]]
    assert len({digest(value) for value in values}) == len(values)


def test_frames_are_the_same_by_content():
    frame = FRAMES["numbers"]
    assert domain_same(frame, frame.astype({"a": "f8"}))
    assert not domain_same(frame, frame.assign(a=[1, 3]))
    assert not domain_same(frame, frame.rename(columns={"a": "d"}))
    assert not domain_same(frame, frame.astype({"c": "i8"}))


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_comes_back_equal_in_every_type(name):
    frame = FRAMES[name]
    back = round_trip(frame)
    assert type(back) is pd.DataFrame
    pd.testing.assert_frame_equal(back, frame, check_exact=True, check_freq=True, check_column_type=True)
    assert type(back.index) is type(frame.index)
    assert [str(dtype) for dtype in back.dtypes] == [str(dtype) for dtype in frame.dtypes]


@pytest.mark.parametrize("name", [name for name, frame in FRAMES.items() if frame.shape[1]])
def test_a_column_comes_back_as_the_series_that_it_was(name):
    series = FRAMES[name].iloc[:, 0]
    back = round_trip({"s": series})["s"]
    pd.testing.assert_series_equal(back, series, check_exact=True, check_freq=True)


@pytest.mark.parametrize("value", SCALARS, ids=str)
def test_a_scalar_of_pandas_comes_back(value):
    (back,) = round_trip([value])
    assert type(back) is type(value)
    assert back == value
    assert str(back) == str(value)
    assert getattr(back, "unit", None) == getattr(value, "unit", None)


@pytest.mark.parametrize("value", [pd.NaT, pd.NA], ids=str)
def test_what_is_missing_is_the_same_object(value):
    assert round_trip([value])[0] is value


@pytest.mark.parametrize("name", ["numbers", "times", "categories", "regular times", "intervals", "periods"])
def test_an_index_keeps_its_class_and_frequency(name):
    index = FRAMES[name].set_index(FRAMES[name].columns[0]).index
    back = round_trip([index])[0]
    pd.testing.assert_index_equal(back, index, exact=True)
    assert getattr(back, "freq", None) == getattr(index, "freq", None)


def test_attributes_of_a_frame_are_kept():
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = {"unit": ("m", 2)}
    assert round_trip(frame).attrs == {"unit": ("m", 2)}


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"a": pd.arrays.SparseArray([0, 0, 1])}),
        pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
    ],
    ids=["sparse", "flags"],
)
def test_what_plain_data_cannot_carry_is_opaque(value):
    kind, type_name, text, data = encode_value(value)
    assert isinstance(decode_value(kind, type_name, text, data, allow_pickle=False, where="here"), Opaque)
    back = decode_value(kind, type_name, text, data, allow_pickle=True, where="here")
    pd.testing.assert_frame_equal(back, value)


def test_a_zone_of_pytz_comes_back_as_one():
    pytz = pytest.importorskip("pytz")
    moments = [pd.Timestamp("2020-07-01", tz=pytz.timezone("Europe/Berlin"))]
    moments.append(pd.date_range("2020", periods=2, tz=pytz.timezone("Asia/Tokyo"), freq="h"))
    stamp, index = round_trip(moments)
    assert stamp == moments[0] and str(stamp.tz) == "Europe/Berlin"
    pd.testing.assert_index_equal(index, moments[1])
