"""Our `dataclass` makes the classes that the standard one makes."""

import copy
import dataclasses
import inspect
import pickle
from typing import ClassVar

import pytest

from research_domain.dataclasses import dataclass, field


def _pair(make):
    """Return two classes of the same body: ours, and that of the standard library."""
    ours, standard = make(dataclass), make(dataclasses.dataclass)
    assert vars(ours)["__init__"] is not vars(standard)["__init__"]
    return ours, standard


def _several(dataclass):
    @dataclass(frozen=True, slots=True)
    class Value:
        """Several fields."""

        kind: ClassVar[int] = 0
        first: int
        second: "list[int]" = field(default_factory=list)
        third: str = field(default="c", repr=False)
        fourth: float = field(default=1.5, compare=False)

        def __post_init__(self) -> None:
            if self.first < 0:
                raise ValueError(self.first)

    return Value


def _single(dataclass):
    @dataclass(frozen=True, slots=True)
    class Value:
        """One field."""

        first: object = None

    return Value


def _empty(dataclass):
    @dataclass(frozen=True, slots=True)
    class Value:
        """No field."""

    return Value


def _by_identity(dataclass):
    @dataclass(frozen=True, slots=True, eq=False)
    class Value:
        """Equal to nothing else."""

        first: int = 0

    return Value


CASES = [_several, _single, _empty, _by_identity]


@pytest.fixture(params=CASES, ids=lambda case: case.__name__)
def pair(request):
    return _pair(request.param)


def test_classes_have_the_same_signature_fields_and_parameters(pair):
    ours, standard = pair
    assert str(inspect.signature(ours)) == str(inspect.signature(standard))
    assert ours.__init__.__annotations__ == standard.__init__.__annotations__
    assert repr(dataclasses.fields(ours)) == repr(dataclasses.fields(standard))
    assert (ours.__match_args__, ours.__slots__) == (standard.__match_args__, standard.__slots__)
    names = ("init", "repr", "eq", "order", "frozen")
    told = [[getattr(each.__dataclass_params__, name) for name in names] for each in pair]
    assert told[0] == told[1]
    assert ours.__init__.__qualname__ == standard.__init__.__qualname__


def test_values_look_the_same_and_are_equal_where_those_of_the_standard_library_are():
    ours, standard = _pair(_several)
    for made in (ours, standard):
        one, two, other = made(1, fourth=2.5), made(1), made(1, [2])
        assert one == two != other and one != (1, [], "c", 1.5)
        with pytest.raises(TypeError, match="unhashable type: 'list'"):
            hash(one)
    assert repr(ours(1, [2], "d", 3.0)) == repr(standard(1, [2], "d", 3.0))
    ours, standard = _pair(_single)
    nan = float("nan")
    assert hash(ours(3)) == hash(standard(3)) and ours(nan) == ours(nan) and ours(1) != ours(2)
    assert len({_empty(dataclass)() for _ in range(2)}) == 2
    same = _empty(dataclass)
    assert same() == same() and hash(same()) == hash(_empty(dataclasses.dataclass)())
    alone = _by_identity(dataclass)
    assert alone() != alone() and len({alone(), alone()}) == 2


def test_a_value_in_itself_is_shown_once():
    made = _single(dataclass)
    inside = []
    value = made(inside)
    inside.append(value)
    assert repr(value).endswith("Value(first=[...])")


def test_each_value_has_a_default_of_its_own_and_is_checked_when_it_is_made():
    made = _several(dataclass)
    assert made(1).second is not made(1).second
    with pytest.raises(ValueError, match="-1"):
        made(-1)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'first'"):
        made()


def test_nothing_can_be_assigned_or_deleted():
    value = _several(dataclass)(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'first'"):
        value.first = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'first'"):
        del value.first


@dataclass(frozen=True, slots=True)
class Kept:
    """Pickled by name."""

    first: int
    second: int = 2


def test_values_are_copied_replaced_and_pickled_as_lists_of_their_fields():
    value = Kept(1)
    assert copy.copy(value) == copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value
    assert dataclasses.replace(value, second=3) == Kept(1, 3)
    assert value.__reduce_ex__(4)[2] == [1, 2]


def test_the_standard_library_derives_from_them():
    @dataclasses.dataclass(frozen=True)
    class Derived(Kept):
        third: int = 3

    assert Derived(1) == Derived(1, 2, 3) != Kept(1)


@pytest.mark.parametrize(
    "options", [{"frozen": True}, {"slots": True}, {"frozen": True, "slots": True, "order": True}, {}]
)
def test_other_classes_are_made_by_the_standard_library(options):
    @dataclass(**options)
    class Value:
        """A field that is computed."""

        first: int = field(default=1, kw_only=True)
        second: int = field(default=2, init=False)

    assert str(inspect.signature(Value)) == "(*, first: int = 1) -> None"
    assert repr(Value(first=3)).endswith("Value(first=3, second=2)")
    assert (getattr(Value, "__lt__", None) is not object.__lt__) == ("order" in options)
