"""What people define in notebooks; executed as ``__main__`` by the tests, each with a check of its copy."""

import abc
import collections
import concurrent.futures
import dataclasses
import enum
import functools
import logging
import threading
import typing
import xml.etree.ElementTree

import numpy as np

FACTOR = 7
LOCK = threading.Lock()
TABLE = np.arange(3)
COUNTER = 0
T = typing.TypeVar("T")


def helper(x):
    return x + FACTOR


def even(n):
    return n == 0 or odd(n - 1)


def odd(n):
    return n != 0 and even(n - 1)


def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


@functools.cache
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


class Color(enum.Enum):
    RED = 1
    CRIMSON = 1  # noqa: PIE796 - an alias
    BLUE = 2

    def shout(self):
        return self.name + "!"

    @property
    def other(self):
        return Color.BLUE if self is Color.RED else Color.RED


class Planet(enum.Enum):
    EARTH = (5.976e24, 6.37814e6)

    def __init__(self, mass, radius):
        self.mass = mass
        self.radius = radius


class Access(enum.IntFlag):
    READ = enum.auto()
    WRITE = enum.auto()


class Mode(enum.StrEnum):
    FAST = "fast"


@dataclasses.dataclass
class Point:
    x: int
    y: int = 2
    tags: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: int = 1


class Base:
    def value(self):
        return 1


class Child(Base):
    def value(self):
        return super().value() + helper(1)


class Tree:
    def __init__(self, children=()):
        self.children = children

    def grow(self):
        return Tree((self,))

    def count(self):
        return 1 + sum(child.count() for child in self.children)


class Left:
    def partner(self):
        return Right()


class Right:
    def partner(self):
        return Left()


class Pair(typing.NamedTuple):
    a: int
    b: int = 2


Plain = collections.namedtuple("Plain", "a b")  # noqa: PYI024


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...


class Square(Shape):
    def area(self):
        return FACTOR


class Lazy:
    @functools.cached_property
    def value(self):
        return helper(2)

    @classmethod
    def make(cls):
        return cls()

    @staticmethod
    def constant():
        return FACTOR


class Box(typing.Generic[T]):
    def put(self, x: T) -> T:
        return x


class HasValue(typing.Protocol):
    def value(self) -> int: ...


class Options(typing.TypedDict):
    rate: float


class Registered(type):
    def __new__(mcs, name, bases, space):
        return super().__new__(mcs, name, bases, space)


class WithMeta(metaclass=Registered):
    size = 3


class Trouble(ValueError):
    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Outer:
    class Inner:
        pass


class Slotted:
    __slots__ = ("a",)

    def __init__(self):
        self.a = helper(0)


class WithState:
    def __init__(self):
        self.n = 1

    def __getstate__(self):
        return {"n": self.n}

    def __setstate__(self, state):
        self.n = helper(state["n"])


class Colored:
    def __init__(self):
        self.color = Color.RED

    def is_red(self):
        return self.color is Color.RED


def make_counter():
    n = 5

    def increase(by):
        nonlocal n
        n += by
        return n

    def read():
        return n

    return increase, read


def make_recursive():
    def down(n):
        return 0 if n == 0 else down(n - 1)

    return down


def decorate(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args) + 1

    return wrapper


@decorate
def decorated(x):
    return helper(x)


def bump():
    global COUNTER
    COUNTER += 1


def read_counter():
    bump()
    return COUNTER


def generate():
    yield helper(1)


def annotated(x: Point, color: Color = Color.RED) -> Point:
    return Point(x, color.value)


def raises():
    try:
        raise Trouble(3)
    except Trouble as error:
        return error.code


def uses_submodules():
    return xml.etree.ElementTree.fromstring("<a/>").tag, concurrent.futures.Future.__name__


def uses_lock():
    with LOCK:
        return 1


def uses_logger():
    logging.getLogger("x").debug("x")
    return int(np.sqrt(TABLE.sum() + 1))


def never_set():
    if FACTOR < 0:
        late = 1

    def read():
        return late

    return read


def is_unset(read):
    try:
        read()
    except NameError:
        return True
    return False


SAMPLES = {
    "function": (helper, lambda f: f(1) == 8),
    "lambda": (lambda x: helper(x) * FACTOR, lambda f: f(1) == 56),
    "mutual recursion": (even, lambda f: f(4) and not f(3)),
    "recursion": (factorial, lambda f: f(4) == 24),
    "cached recursion": (fibonacci, lambda f: f(10) == 55),
    "decorated": (decorated, lambda f: f(1) == 9 and f.__wrapped__(1) == 8 and f.__name__ == "decorated"),
    "shared closure": (make_counter(), lambda fs: (fs[0](1), fs[1]()) == (6, 6)),
    "recursive closure": (make_recursive(), lambda f: f(3) == 0),
    "unset cell": (never_set(), lambda f: is_unset(f)),
    "shared globals": ((bump, read_counter), lambda fs: (fs[0](), fs[1]()) == (None, 2)),
    "generator function": (generate, lambda f: list(f()) == [8]),
    "annotations": (annotated, lambda f: f(1) == f.__annotations__["return"](1, 1)),
    "exception": (raises, lambda f: f() == 3),
    "exception instance": (Trouble(4), lambda e: e.code == 4),
    "submodules": (uses_submodules, lambda f: f() == ("a", "Future")),
    "lock": (uses_lock, lambda f: f() == 1),
    "logger and numpy": (uses_logger, lambda f: f() == 2),
    "partial": (functools.partial(helper, 1), lambda f: f() == 8),
    "method": (Tree((Tree(),)).count, lambda f: f() == 2),
    "enum": (
        Color,
        lambda c: c.RED.shout() == "RED!" and c(1) is c.RED is c.CRIMSON and c.RED.other is c.BLUE,
    ),
    "enum member": (Color.BLUE, lambda m: m.shout() == "BLUE!" and m is type(m).BLUE),
    "enum with attributes": (Planet.EARTH, lambda m: m.radius == 6.37814e6),
    "flag": (Access, lambda c: (c.READ | c.WRITE).value == 3),
    "string enum": (Mode, lambda c: f"{c.FAST}" == "fast"),
    "enum inside": (Colored(), lambda o: o.is_red()),
    "dataclass": (Point, lambda c: dataclasses.asdict(c(1)) == {"x": 1, "y": 2, "tags": []}),
    "dataclass instance": (Point(3), lambda p: dataclasses.replace(p, x=4).x == 4 and p.x == 3),
    "dataclass with slots": (Frozen(5), lambda p: p == type(p)(5) and hash(p) is not None),
    "subclass": (Child(), lambda o: o.value() == 9 and type(o).__mro__[1].__name__ == "Base"),
    "class that makes itself": (Tree, lambda c: c().grow().count() == 2 and type(c().grow()) is c),
    "classes that know each other": (Left, lambda c: type(c().partner().partner()) is c),
    "named tuple": (Pair(1), lambda p: p == (1, 2) and p._replace(a=3).a == 3),
    "collections.namedtuple": (Plain(1, 2), lambda p: p.b == 2 and p._asdict() == {"a": 1, "b": 2}),
    "abstract": (Shape, lambda c: c.__abstractmethods__ == {"area"}),
    "concrete": (Square, lambda c: c().area() == 7 and isinstance(c(), c.__bases__[0])),
    "descriptors": (Lazy, lambda c: c.make().value == 9 and c.constant() == 7),
    "generic": (Box, lambda c: c[int]().put(1) == 1),
    "protocol": (HasValue, lambda c: c.__name__ == "HasValue"),
    "typed dict": (Options, lambda c: c(rate=1.0) == {"rate": 1.0}),
    "metaclass": (WithMeta, lambda c: c.size == 3 and type(c).__name__ == "Registered"),
    "nested class": (Outer.Inner(), lambda o: type(o).__qualname__ == "Outer.Inner"),
    "slots": (Slotted(), lambda o: o.a == 7 and not hasattr(o, "__dict__")),
    "state": (WithState(), lambda o: o.n == 8),
}
