"""One flipped bit in what is stored is damage that names its place, and never another value."""

import contextlib
import random
import shutil
import sqlite3
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research_results import ResearchResults, ResearchStorage
from research_results.disk.checksums import head_checksums, intact_rows, row_checksum
from research_results.errors import DamagedError, ResultsError

ints = st.integers(-(2**63), 2**63 - 1)


some_rows = st.sampled_from([(0, 50), (0, 0), (1, 1), (24, 24)]).flatmap(
    lambda sizes: st.lists(st.tuples(ints, ints, st.binary(min_size=sizes[0], max_size=sizes[1])), max_size=9)
)


@given(some_rows, st.text(max_size=5), st.data())
def test_checksums_of_many_rows_are_those_of_each(rows, kind, draw):
    firsts, seconds, data = zip(*rows, strict=True) if rows else ((), (), ())
    heads = head_checksums([np.array(firsts, np.int64), np.array(seconds, np.int64)], (kind, None))
    checksums = np.array([row_checksum(row[:2], (kind, None), row[2]) for row in rows], np.int64)
    lengths, joined = np.array(list(map(len, data)), np.int64), bytearray(b"".join(data))
    assert intact_rows(bytes(joined), lengths, heads, checksums).all()
    if joined:
        place = draw.draw(st.integers(0, len(joined) - 1))
        joined[place] ^= 1 << draw.draw(st.integers(0, 7))
        intact = intact_rows(bytes(joined), lengths, heads, checksums)
        assert np.flatnonzero(~intact) == [np.searchsorted(np.cumsum(lengths), place, side="right")]
    if rows:
        other = draw.draw(st.integers(0, len(rows) - 1))
        checksums[other] ^= 1 << draw.draw(st.integers(0, 62))
        assert not intact_rows(b"".join(data), lengths, heads, checksums)[other]


@given(ints, st.binary(max_size=20), st.integers(0, 1000))
def test_each_bit_of_a_row_counts(number, data, bit):
    before = row_checksum((number, 7), ("float", None, ""), data)
    assert before != row_checksum((number ^ (1 << bit % 62), 7), ("float", None, ""), data)
    assert before != row_checksum((number, 7), ("float", "", None), data)
    if data:
        changed = bytearray(data)
        changed[bit // 8 % len(data)] ^= 1 << bit % 8
        assert before != row_checksum((number, 7), ("float", None, ""), bytes(changed))


@pytest.fixture
def study(tmp_path):
    """A folder with values of all kinds of rows."""
    path = tmp_path / "study"
    with ResearchStorage(path) as storage:
        for number in range(40):
            storage.add(f"e{number}", {"lr": 0.375 + number, "name": f"config {number}"})
            values = {
                "loss": {0: 2.5 + number, 1: 0.125},
                "text": {0: f"text {number}"},
                "gap": {0: 1, 2: 3, 9: 1},
            }
            storage.put(f"e{number}", values)
            storage.mark(f"e{number}", "done")
    return path


def flip(path, needle, bit=3, offset=6):
    """Flip one bit of a stored value that is there once."""
    file = path / "research.db"
    data = bytearray(file.read_bytes())
    assert data.count(needle) == 1
    data[data.find(needle) + offset] ^= 1 << bit
    file.write_bytes(data)


READERS = {
    "df": lambda results: results.df,
    "long": lambda results: results.to_df(pivot=False),
    "load": lambda results: results.load_results(),
    "one": lambda results: results.load_results(experiment_id="e7"),
    "follow": lambda results: list(results.follow()),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize(
    ("needle", "variable"),
    [(struct.pack("<dd", 9.5, 0.125), "loss"), (b"text 7", "text"), (struct.pack("<qqq", 0, 2, 9), "gap")],
    ids=["number", "text", "iterations"],
)
def test_a_flipped_bit_of_a_value_names_experiment_and_variable(study, read, needle, variable):
    file = study / "research.db"
    data = file.read_bytes()
    at = data.find(needle)
    if variable == "gap":  # of every experiment the same: take that of number 7
        with contextlib.closing(sqlite3.connect(file)) as connection:
            statement = "UPDATE chunks SET iterations = ? WHERE iterations NOT NULL AND experiment = 8"
            connection.execute(statement, (struct.pack("<qqq", 0, 2, 8),))
            connection.commit()
    else:
        changed = bytearray(data)
        changed[at + 1] ^= 1 << 3
        file.write_bytes(changed)
    with pytest.raises(DamagedError, match=rf"experiment 'e7', variable '{variable}' is damaged"):
        read(ResearchResults(study))
    left = ResearchResults(study).load_results(experiment_id=["e6", "e8"])
    assert left["e6"]["loss"] == {0: 8.5, 1: 0.125} and left["e8"]["text"] == {0: "text 8"}


def test_a_flipped_bit_of_a_parameter_names_it(study):
    flip(study, struct.pack("<d", 3.375))
    with pytest.raises(DamagedError, match="parameter 'lr' is damaged"):
        _ = ResearchResults(study).df


def test_a_flipped_bit_of_a_config_names_the_experiment(study):
    with contextlib.closing(sqlite3.connect(study / "research.db")) as connection:
        (config,) = connection.execute("SELECT config FROM experiments WHERE id = 'e7'").fetchone()
        changed = bytes([config[0] ^ 4]) + config[1:]
        connection.execute("UPDATE experiments SET config = ? WHERE id = 'e7'", (changed,))
        connection.commit()
    with pytest.raises(DamagedError, match="config of experiment 'e7'"):
        _ = ResearchResults(study).df


def test_a_row_of_no_experiment_is_damage(study):
    with contextlib.closing(sqlite3.connect(study / "research.db")) as connection:
        connection.execute("UPDATE chunks SET experiment = 4096 WHERE experiment = 3")
        connection.commit()
    for read in (READERS["df"], READERS["load"], READERS["follow"]):
        with pytest.raises(DamagedError, match="of no experiment"):
            read(ResearchResults(study))


@pytest.mark.parametrize("seed", range(8))
def test_flipped_bits_anywhere_in_the_rows_are_noticed_or_change_no_value(study, seed, tmp_path):
    """What is not of a row, such as the tree of pages, has no checksum, and is left alone here."""
    rng = random.Random(seed)
    whole = ResearchResults(study).load_results()
    data = (study / "research.db").read_bytes()
    places = [
        at
        for at in range(len(data) - 8)
        if data[at : at + 5] in (b"float", b"text ") or data[at : at + 3] == b"int"
    ]
    copy = tmp_path / "copy"
    for at in rng.sample(places, 40):
        shutil.copytree(study, copy)
        changed = bytearray(data)
        changed[at + rng.randrange(8)] ^= 1 << rng.randrange(8)
        (copy / "research.db").write_bytes(changed)
        with contextlib.suppress(ResultsError):
            assert ResearchResults(copy).load_results() == whole
        shutil.rmtree(copy)
