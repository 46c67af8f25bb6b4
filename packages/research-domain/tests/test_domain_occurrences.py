"""Counting hashes in a table, beside counting them in dictionaries."""

from hypothesis import given
from hypothesis import strategies as st

from research_domain import _occurrences
from research_domain._occurrences import Occurrences

HASHES = st.tuples(
    st.sampled_from([0, 1, 2, 3, 1023, 1024, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1),
    st.integers(0, 3),
    st.integers(-2, 3),
)


class Dictionaries:
    """The same, in the obvious way."""

    def __init__(self):
        self.times = {}
        self.first = {}

    def count(self, beginning, rest, repetition):
        times = self.times[beginning, rest, repetition] = self.times.get((beginning, rest, repetition), 0) + 1
        return times - 1, self.first.setdefault((beginning, repetition), rest) != rest


@given(st.lists(HASHES, max_size=200))
def test_hashes_are_counted_also_where_neighbours_and_beginnings_meet(hashes):
    table, expected = Occurrences(), Dictionaries()
    table._resize(4)
    assert [table.count(*each) for each in hashes] == [expected.count(*each) for each in hashes]


def test_a_large_table_forgets_nothing():
    table, expected = Occurrences(), Dictionaries()
    hashes = [(number * 2654435761 % 2**61, number % 7, number % 3) for number in range(3000)]
    hashes += hashes[::2] + hashes[::3]
    assert [table.count(*each) for each in hashes] == [expected.count(*each) for each in hashes]
    assert len(table._counts) > _occurrences._SLOTS
