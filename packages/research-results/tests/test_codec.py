"""What goes in comes out: in value, in type, in order."""

import datetime
import fractions
import math
import pickle
import struct
import uuid
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from results_strategies import plain_values, same

from research_domain import Domain, digest, is_plain
from research_domain import same as domain_same
from research_results import MemoryStorage, Opaque
from research_results.codec.encoding import (
    NUMBER_KINDS,
    decode_value,
    encode,
    encode_value,
    number_dtype,
)
from research_results.codec.tree import load_tree
from research_results.errors import ArgumentError, DamagedError, PickleRefusedError, UnstorableError


def round_trip(value, *, allow_pickle=False):
    kind, type_name, text, data = encode_value(value)
    return decode_value(kind, type_name, text, data, allow_pickle=allow_pickle, where="here")


@given(plain_values)
@settings(max_examples=200)
@example(-0.0)
@example(math.nan)
@example(2**64)
@example(np.float32(1))
@example({"@": "float", "v": "x"})
@example(np.zeros((0, 3), "f4"))
@example(np.array(3.5))
def test_any_plain_value_comes_back_equal_in_value_and_type(value):
    kind, *_ = encode_value(value)
    assert kind != "dill"
    assert same(round_trip(value), value)


@given(plain_values)
@settings(max_examples=200)
def test_any_plain_value_comes_back_with_its_identity(value):
    assert is_plain(value)
    assert digest(round_trip(value)) == digest(value)
    assert domain_same(round_trip(value), value)


@given(plain_values, plain_values)
@settings(max_examples=100)
def test_filters_find_a_value_that_was_stored_and_no_other(value, other):
    storage = MemoryStorage.create()
    for name, each in (("value", value), ("other", other)):
        storage.add(name, {"a": each})
    expected = ["value", "other"] if domain_same(value, other) else ["value"]
    results = storage.results
    assert results.filter_ids_by_configs(config={"a": value}) == expected
    assert results.filter_ids_by_configs(domain=Domain(a=[value])) == expected
    assert "value" in results.filter_ids_by_configs(a=value)
    assert "value" in results.filter_ids_by_configs(a=[value])


@given(plain_values)
@settings(max_examples=100)
def test_encoding_is_deterministic(value):
    assert encode_value(value) == encode_value(value)


@pytest.mark.parametrize(
    "value",
    [
        *(True, np.True_, 1, np.int64(1), np.uint64(2**64 - 1), 2**63, -(2**63), -(2**63) - 1, 10**400),
        *(0.5, np.float16(0.5), np.float32(0.1), np.float64(0.1), np.complex64(1j), np.longdouble("0.1")),
        *(np.datetime64("2020-01-01", "ns"), np.timedelta64(3, "s"), np.str_(""), np.bytes_(b"a\0b")),
        *("", "\0", "\ud800", "x" * 100_000, b"", bytearray(b"x"), None, ..., range(3), slice(1, None, 2)),
        *(datetime.time(1, fold=1), datetime.timedelta(-1, 1, 1), fractions.Fraction(1, 3), uuid.UUID(int=5)),
        *(PurePosixPath("a/b"), {(1, "a"): {2: [None]}}, {"@": 1}, frozenset({1, "a"}), ((), [], {}, set())),
        *(np.array(["a", ""]), np.array([b"a"], "S3"), np.array([(1, 2.0)], "i4,f8"), np.zeros(3, "V5")),
        *(np.zeros((2, 0)), np.array([[1, 2], [3, 4]], ">i2"), np.arange(6).reshape(2, 3).T),
        *(
            np.array(["2020"], "M8[D]"),
            np.zeros(2, np.dtype({"names": ["a"], "formats": ["i4"], "itemsize": 12})),
        ),
    ],
    ids=lambda value: f"{type(value).__name__}-{str(value)[:12]!a}",
)
def test_a_value_of_each_kind_is_plain_and_exact(value):
    kind, *_ = encode_value(value)
    assert kind != "dill"
    assert same(round_trip(value), value)


def test_a_nan_keeps_its_bits_when_nested():
    odd = struct.unpack("<d", b"\x01\0\0\0\0\0\xf8\xff")[0]
    (back,) = round_trip([odd])
    assert struct.pack("<d", back) == struct.pack("<d", odd)


def test_arrays_come_back_writable():
    back = round_trip({"a": np.arange(3)})["a"]
    back[0] = 7
    assert back.tolist() == [7, 1, 2]


class Net:
    """A class of the user's."""

    def __init__(self, size):
        self.size = size

    def __eq__(self, other):
        return isinstance(other, Net) and self.size == other.size

    def __hash__(self):
        return self.size

    def __repr__(self):
        return f"<Net of {self.size}>"


def test_an_object_stays_opaque_until_pickle_is_allowed():
    opaque = round_trip(Net(3))
    assert isinstance(opaque, Opaque)
    assert opaque.type_name.endswith("test_codec.Net")
    assert opaque.text == "<Net of 3>"
    assert round_trip(Net(3), allow_pickle=True) == Net(3)
    with pytest.raises(PickleRefusedError, match="allow_pickle=True"):
        opaque.load()
    assert opaque.load(allow_pickle=True) == Net(3)


def test_a_list_that_holds_an_object_is_opaque_as_a_whole():
    assert isinstance(round_trip([1, Net(3)]), Opaque)


def test_a_list_within_itself_goes_through_dill():
    cyclic = [1]
    cyclic.append(cyclic)
    back = round_trip(cyclic, allow_pickle=True)
    assert back[1] is back


def test_a_subclass_of_a_plain_type_is_not_flattened():
    class Text(str):
        __slots__ = ()

    assert isinstance(round_trip(Text("a")), Opaque)
    assert type(round_trip(Text("a"), allow_pickle=True)).__name__ == "Text"


def test_a_repr_that_raises_is_reported_in_the_text():
    class Shy:
        def __repr__(self):
            raise RuntimeError("no")

    assert "repr raised RuntimeError" in round_trip(Shy()).text


def test_what_nothing_can_store_names_variable_iteration_and_type():
    with pytest.raises(UnstorableError) as caught:
        encode({"items": {7: (item for item in [])}})
    error = caught.value
    assert (error.variable, error.iteration, error.type_name) == ("items", 7, "builtins.generator")
    assert "'items' of iteration 7 is a builtins.generator" in str(error)


@pytest.mark.parametrize("iteration", ["a", 0.5, None, True, 2**63, -(2**63) - 1, np.uint64(2**63)], ids=repr)
def test_an_iteration_that_is_no_int_is_refused(iteration):
    with pytest.raises(ArgumentError, match="iteration: of variable 'x' must be an int of 64 bits"):
        encode({"x": {iteration: 1}})
    with pytest.raises(ArgumentError):
        encode({"x": {iteration: "text"}})


def test_iterations_may_be_as_far_out_as_64_bits():
    ends = {-(2**63): 0.5, 2**63 - 1: 1.5}
    storage = MemoryStorage()
    storage.put("a", {"x": ends, "y": {2**63 - 2: 1, 2**63 - 1: 2}})
    assert storage.results.load_results()["a"]["x"] == ends
    assert storage.results.df["iteration"].tolist() == [-(2**63), 2**63 - 2, 2**63 - 1]


def test_encoded_values_are_builtin_all_the_way():
    encoded = encode({"x": {0: np.float32(1), 1: Net(1)}, "y": {np.int64(3): [1, pd.Timestamp(0)]}})

    def kinds(value):
        yield type(value)
        if isinstance(value, tuple):
            for item in value:
                yield from kinds(item)

    assert set(kinds(encoded)) <= {tuple, str, int, bytes, type(None)}
    assert pickle.loads(pickle.dumps(encoded)) == encoded


@given(
    st.dictionaries(st.integers(-(2**40), 2**40), st.floats(allow_nan=False), min_size=1, max_size=30),
)
def test_packed_numbers_keep_their_iterations_in_order(by_iteration):
    storage = MemoryStorage.create()
    storage.put("a", {"x": by_iteration})
    found = storage.results.load_results()["a"]["x"]
    assert list(found) == sorted(by_iteration)
    assert found == by_iteration


def test_numbers_of_one_variable_and_dump_are_one_row():
    assert len(encode({"x": {i: float(i) for i in range(1000)}})) == 1
    assert len(encode({"x": {0: 1.0, 5: 2.0, 6: 3.0}})) == 1
    assert [row[1] for row in encode({"x": {0: 1.0, 1: 2, 2: True, 3: 2**63}})] == [
        "tree",
        "float",
        "int",
        "bool",
    ]


@given(st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.too_slow])
@example(struct.pack("<I", 2) + b"{}")
@example(struct.pack("<I", 40_000) + b"[" * 40_000)
@example(struct.pack("<I", 30) + b'{"@":"np","d":"O","b":[0,8]}  ' + b"12345678")
@example(struct.pack("<I", 30) + b'{"@":"array","d":"<f8","s":[9]')
@example(struct.pack("<I", 14) + b'{"@":"pd.xxx"}')
def test_bytes_that_are_no_tree_are_damage_and_nothing_else(data):
    try:
        decode_value("tree", None, None, data, allow_pickle=False, where="here")
    except DamagedError as error:
        assert error.where == "here"


def test_a_dtype_of_objects_is_refused_in_data():
    head = b'{"@":"array","d":"|O","s":[1],"b":[0,8]}'
    with pytest.raises(ValueError, match="no plain dtype"):
        load_tree(struct.pack("<I", len(head)) + head + b"\0" * 8)


@pytest.mark.parametrize("mode", ["r+", "a", "r"])
def test_a_file_is_not_a_value(mode, tmp_path):
    path = tmp_path / "precious.txt"
    path.write_text("precious")
    with path.open(mode) as file, pytest.raises(UnstorableError, match="a file is not a value"):
        encode_value([file])
    assert path.read_text() == "precious"


def test_numbers_of_every_usual_type_of_numpy_are_packed_little_endian():
    names = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    names += ["bool", "float16", "float32", "float64", "complex64", "complex128"]
    kinds = {name: np.dtype(name).newbyteorder("<").str for name in names}
    assert {"float", "int", "bool", "complex", *kinds.values()} == NUMBER_KINDS
    for name, kind in kinds.items():
        value = np.dtype(name).type(1)
        assert encode_value(value) == (kind, None, None, np.array(value, kind).tobytes())
        assert number_dtype(kind) == kind
