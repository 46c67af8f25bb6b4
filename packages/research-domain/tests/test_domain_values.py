"""Digests, equality and plain data: what counts, in which process, and how they agree."""

import datetime
import decimal
import enum
import fractions
import functools
import os
import pathlib
import subprocess
import sys
import textwrap
import threading
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from domain_values import plain_values, spelled
from hypothesis import given, settings
from hypothesis import strategies as st

from research_domain import Config, digest, is_plain, same
from research_domain.values import lasting_name

HERE = datetime.timezone(datetime.timedelta(hours=-3), "here")
Pair = namedtuple("Pair", "a b")  # noqa: PYI024  # both kinds are told by their fields


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass
class Net:
    layers: int
    rate: float = 0.5


class Model:
    def __init__(self, size):
        self.size = size


Color.__module__ = Pair.__module__ = Net.__module__ = "models"  # whatever the name of this module is

PLAIN = [
    (1, "cc713001"),
    (1.0, "f8e40436"),
    (True, "24249283"),
    (None, "0492cf50"),
    ("1", "ea4cb387"),
    (b"1", "99188244"),
    (0.1 + 0.2, "7a810b46"),
    (float("nan"), "af406c0a"),
    (-0.0, "1407c283"),
    (2**300, "98bb0ebb"),
    (1 - 2j, "5c8b552e"),
    ("é\ud800🙂", "e0b28b81"),
    ([1, "a", (2.5, None)], "0ec57d83"),
    ({"a": 1, "b": [2, {3: 4}]}, "eb0c442e"),
    (OrderedDict(b=1, a=2), "a91f32fd"),
    (Counter("aab"), "6499e1d3"),
    ({1, "a", 2.5}, "7d90d8dc"),
    (frozenset([1, 2]), "9f012837"),
    (bytearray(b"ab"), "e55fa120"),
    (deque([1, 2], 3), "3553c7d7"),
    (range(1, 9, 2), "bc8d0334"),
    (slice(1, None), "b4cf6018"),
    (..., "2b3e184a"),
    (decimal.Decimal("1.50"), "9da31fc0"),
    (fractions.Fraction(1, 3), "9affc304"),
    (datetime.datetime(2020, 2, 29, 12, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")), "d1e25673"),
    (
        datetime.datetime(2020, 2, 29, tzinfo=datetime.timezone(datetime.timedelta(hours=-3), "here")),
        "040a713b",
    ),
    (datetime.date(2020, 2, 29), "91a3abbc"),
    (datetime.time(1, 2, 3, 4), "070348d7"),
    (datetime.timedelta(days=-1, microseconds=1), "0818b8fb"),
    (uuid.UUID(int=7), "e67b7a48"),
    (pathlib.PurePosixPath("a/b"), "64cb0c24"),
    (pathlib.PureWindowsPath("a/b"), "969d26a3"),
    (Color.BLUE, "ca376aab"),
    (Pair(1, 2), "558289ac"),
    (Net(3), "d5c71d29"),
    (np.arange(6, dtype="<i4").reshape(2, 3), "99848dcc"),
    (np.array([0.5, np.nan]), "fca48745"),
    (np.array(["a", None], object), "b2b9ada4"),
    (np.array([(1, 2.0)], [("a", "<i2"), ("b", "<f8")]), "1fdda378"),
    (np.datetime64("2020-01-01", "ns"), "9ad9f5dc"),
    (np.timedelta64(3, "M"), "041625c2"),
    (np.longdouble("0.1"), "bb99121d"),
]


@pytest.mark.parametrize(("value", "expected"), PLAIN, ids=lambda each: str(each)[:20])
def test_digests_of_plain_data_never_change(value, expected):
    assert is_plain(value)
    assert digest(value).hex()[:8] == expected
    assert len(digest(value)) == 32


def test_digests_of_different_values_differ():
    assert len({digest(value) for value, _ in PLAIN}) == len(PLAIN)


SCRIPT = """
import enum
from dataclasses import dataclass
from functools import partial
from research_domain import Alias, ConfigAlias, Identifier, digest

class Color(enum.Enum):
    RED = 1

@dataclass
class Net:
    layers: frozenset

class Model:
    rate = 0.5
    def __init__(self, size):
        self.size = size
    def fit(self, x):
        return x in {"a", "b", "c"}

def outer(k):
    return lambda x: x + k

VALUES = [
    {"a", "b", "c", 1, 2.5}, frozenset("xyz"), {"a": {1, 2}}, Color.RED, Net(frozenset("abc")), [1, True],
]
CODE = [Model(3), Model, outer, outer(2), partial(outer, k=3), Model(4).fit, [lambda: 1, lambda: 2]]
for value in VALUES + CODE:
    print(digest(value).hex())
config = ConfigAlias({"a": VALUES[0], "m": Alias(outer, "out"), "f": outer, "repetition": 2})
print(Identifier().identify(config).id)
"""


def run(script, python=sys.executable, **environment):
    command = [python, str(script)]
    environment = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.split()


def test_digests_are_equal_in_processes_with_other_hash_seeds(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    one, two, three = (run(script, PYTHONHASHSEED=seed) for seed in ("0", "1", "77"))
    assert one == two == three
    assert len(set(one)) == len(one) == 14


def test_digests_of_code_do_not_depend_on_its_place_in_the_file_and_comments(tmp_path):
    before, after = tmp_path / "before.py", tmp_path / "after.py"
    before.write_text(SCRIPT)
    after.write_text(
        "# a comment\n\n\n" + SCRIPT.replace("def fit", "# more\n\n    def fit").replace("x + k", "(x  + k)")
    )
    assert run(before) == run(after)


NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.fractions(),
    st.decimals(allow_nan=False),
    st.integers(-3, 3).flatmap(
        lambda number: st.sampled_from(
            [
                number,
                float(number),
                complex(number),
                np.int8(number),
                np.float16(number),
                np.longdouble(number),
            ]
        )
    ),
)


@given(NUMBERS, NUMBERS)
def test_numbers_are_the_same_exactly_if_they_are_equal(left, right):
    plain = [each.item() if isinstance(each, np.generic) else each for each in (left, right)]
    both_nan = all(each != each for each in plain)
    assert same(left, right) is (bool(plain[0] == plain[1]) or both_nan)


@given(st.integers(-2, 2), st.integers(-2, 2))
def test_a_bool_is_never_a_number(left, right):
    assert same(bool(left), left) is False
    assert same([bool(left)], [left]) is False
    assert same(np.bool_(left), bool(left))
    assert same(bool(left), bool(right)) is (bool(left) == bool(right))


@given(plain_values, plain_values)
def test_digests_are_equal_exactly_if_type_and_content_are(left, right):
    assert (digest(left) == digest(right)) is (spelled(left) == spelled(right))


@given(plain_values, plain_values)
def test_what_has_equal_digests_is_the_same(left, right):
    assert is_plain(left)
    assert same(left, left)
    assert same(left, right) is same(right, left)
    if digest(left) == digest(right):
        assert same(left, right)
    elif same(left, right):
        assert spelled(left, by_value=True) == spelled(right, by_value=True)


@given(plain_values)
@settings(max_examples=50)
def test_a_copy_has_the_same_digest(value):
    import copy
    import pickle

    for twin in (copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert digest(twin) == digest(value)
        assert same(twin, value)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (32, 32.0),
        (32, np.int8(32)),
        (0.5, decimal.Decimal("0.5")),
        (0.0, -0.0),
        ([1, 2.0], [1.0, 2]),
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}),
        ({"a": 1}, OrderedDict(a=1)),
        (Counter("a"), {"a": 1}),
        (defaultdict(list, a=[1]), {"a": [1.0]}),
        (Pair(1, 2), (1, 2)),
        ({1, 2}, frozenset([1.0, 2])),
        (b"a", bytearray(b"a")),
        ("a", np.str_("a")),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.array([[1, 2]]), [[1, 2.0]]),
        (np.array(["a"]), np.array(["a"], dtype="U9")),
        (np.array([1, np.nan]), np.array([1, np.nan], np.float32)),
        (Model([1]), Model([1])),
        (functools.partial(int, base=2), functools.partial(int, base=2)),
    ],
)
def test_values_that_are_the_same(left, right):
    assert same(left, right)
    assert same(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, True),
        (1, "1"),
        (None, "None"),
        (0, False),
        (0.1, np.float32(0.1)),
        (2**60 + 1, float(2**60)),
        ([1], (1,)),
        ([1], [1, 1]),
        (np.array([1, 2]), np.array([[1, 2]])),
        (np.array([True]), np.array([1])),
        (np.array([2**60 + 1]), np.array([2.0**60])),
        (np.array([2**64 - 1], np.uint64), np.array([-1])),
        (np.zeros(5000), np.arange(5000) == 2500),
        ("a", b"a"),
        (datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1)),
        (Color.RED, 1),
        (Net(1), Net(2)),
        (Model([1]), Model([2])),
        (functools.partial(int, base=2), functools.partial(int, base=3)),
        (max, min),
        (Model, Net),
    ],
)
def test_values_that_are_not_the_same(left, right):
    assert not same(left, right)
    assert digest(left) != digest(right)


def adder(amount):
    return lambda x, y=0: x + amount + y


def test_functions_count_by_code_defaults_and_closure():
    one, two = [lambda x: x + 1, lambda x: x + 2]
    assert digest(one) != digest(two)
    assert digest(adder(1)) == digest(adder(1)) != digest(adder(2))
    assert digest(adder(np.zeros(3))) == digest(adder(np.zeros(3))) != digest(adder(np.ones(3)))
    assert digest(Model([1]).__init__) != digest(Model([2]).__init__)
    assert not is_plain(one)


@pytest.mark.parametrize(
    "change",
    [("x + 1", "x + 2"), ("y=0", "y=1"), ("size", "length"), ("Base:", "Base2:"), ("a = 1", "a = 2")],
)
def test_an_edit_of_a_module_changes_the_digest(tmp_path, change):
    code = textwrap.dedent("""
        from research_domain import digest
        class Base:
            a = 1
        class Base2(Base):
            pass
        class Model(Base):
            def __init__(self, size, y=0):
                pass
        def function(x, y=0):
            return x + 1
        print(digest(function).hex(), digest(Model).hex())
    """)
    before, after = tmp_path / "before.py", tmp_path / "after.py"
    before.write_text(code)
    after.write_text(
        code.replace("class Model(Base):", "class Model(Base2):")
        if "Base:" in change
        else code.replace(*change)
    )
    assert run(before) != run(after)


def test_classes_are_known_by_their_source_also_with_methods_that_decorators_made(tmp_path):
    code = textwrap.dedent("""
        import contextlib, dataclasses, functools
        from research_domain import digest
        @dataclasses.dataclass
        class Options:
            rate: float = 0.5
        class Model:
            @contextlib.contextmanager
            def opened(self):
                yield self
            @functools.lru_cache
            def value(self):
                return 1
            @staticmethod
            def name():
                return "a"
        print(digest(Options).hex(), digest(Model).hex())
    """)
    changes = ("", ("0.5", "0.25"), ("yield self", "yield None"), ("return 1", "return 2"), ('"a"', '"b"'))
    found = []
    for number, change in enumerate(changes):
        script = tmp_path / f"script{number}.py"
        script.write_text(code.replace(*change) if change else code)
        found.append(tuple(run(script)))
    commented = tmp_path / "commented.py"
    commented.write_text(code.replace("class Model:", "class Model:  # nothing but a comment"))
    assert tuple(run(commented)) == found[0]
    assert len(set(found)) == len(changes)


@pytest.mark.parametrize("decorator", ["", "@dataclass"])
def test_a_class_without_source_is_the_same_after_an_instance_was_pickled(decorator):
    space = {"__name__": "__main__", "dataclass": dataclass}
    exec(f"{decorator}\nclass Options:\n    rate: float = 0.5", space)
    before = digest(space["Options"])
    space["Options"]().__reduce_ex__(4)
    assert digest(space["Options"]) == before


def test_a_file_edited_after_it_was_loaded_is_not_the_source_of_its_code(tmp_path):
    script = tmp_path / "script.py"
    code = """
        from pathlib import Path
        from research_domain import digest
        def function(x):
            return x + 1
        def edited(x):
            return x + 1
        edited.__qualname__ = "function"
        before = digest(function)
        Path(__file__).write_text(Path(__file__).read_text().replace("x + 1", "x + 200"))
        print(before == digest(function), digest(function) == digest(edited))
    """
    script.write_text(textwrap.dedent(code))
    assert run(script)[1] == "True"  # nothing of the file is believed, so that both are their compiled code


@pytest.mark.parametrize("make", [list, dict, lambda: Model(None)])
def test_what_holds_itself_has_a_digest(make):
    def knot():
        value = make()
        if isinstance(value, list):
            value.extend([1, value, [value, value]])
        elif isinstance(value, dict):
            value.update(a=value, b={"c": value})
        else:
            value.size = [value, {"a": value}]
        return value

    assert digest(knot()) == digest(knot())
    assert same(knot(), knot())


def test_what_shares_its_parts_many_times_over_has_a_digest_soon():
    value = other = [1]
    for _ in range(100):
        value, other = [value, value], [other, list(other)]
    assert digest(value) == digest(other)


def test_a_tangle_of_objects_has_a_digest_by_type_and_text():
    objects = [Model(None) for _ in range(12)]
    for each in objects:
        each.size = objects
    assert len(digest(objects[0])) == 32


def test_nesting_that_is_too_deep_has_a_digest():
    value = []
    for _ in range(10_000):
        value = [value]
    assert len(digest(value)) == 32
    assert not is_plain(value)


def test_what_cannot_be_written_down_counts_by_type_and_text():
    assert digest(threading.Lock()) == digest(threading.Lock())
    assert digest(threading.Lock()) != digest(threading.RLock())
    assert digest(each for each in ()) == digest(each for each in (1,))


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState, np.random.PCG64])
def test_objects_of_compiled_types_count_by_their_state(make):
    assert digest(make(1)) == digest(make(1)) != digest(make(2))


def test_an_object_that_raises_has_a_digest():
    class Hostile:
        def __reduce_ex__(self, protocol):
            raise RuntimeError

        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

        def __str__(self):
            raise RuntimeError

    assert same(Hostile(), Hostile())
    assert not same(Hostile(), 1)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Model, f"{__name__}.Model"),
        (adder, f"{__name__}.adder"),
        (max, "builtins.max"),
        (functools.lru_cache(adder), f"{__name__}.adder"),
        (adder(1), None),
        (lambda: 1, None),
        (Model(1), None),
        (functools.partial(max), None),
        (1, None),
        ("max", None),
    ],
)
def test_functions_and_classes_of_modules_have_lasting_names(value, name):
    assert lasting_name(value) == name


def test_a_config_counts_as_its_dict():
    assert is_plain(Config({"a/b": [1]}))
    assert digest([Config({"a/b": [1], "c": 2})]) == digest([{"c": 2, "a": {"b": [1]}}])
    assert same(Config({"a/b": 1}), {"a": {"b": 1.0}})


def test_a_stand_in_counts_as_the_value_that_it_knows():
    class Stored:
        value_digest = digest(adder)

    assert digest(Stored()) == digest(adder)
    assert same(Stored(), adder)
    assert not same(max, Stored())
