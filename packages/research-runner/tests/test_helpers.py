"""What units use of the user's own code, and what counts as a change of it."""

import importlib
import sys
import uuid

import pytest

from research_domain import Domain
from research_experiment import Experiment
from research_runner.code.finding import find_modules, reached_names
from research_runner.code.reading import Reading
from research_runner.recording.helpers import changed_helpers, find_helpers

UNITS = """
import NAME.tools
from NAME import tools as other
from NAME.tools import outer, Model, table, cached, LIMIT, MADE, counter, wrapped

def by_name(x): return outer(x)
def by_module(x): return NAME.tools.outer(x)
def by_alias(x): return other.outer(x)
def by_class(x): return Model().fit(x)
def by_instance(x): return MADE.fit(x)
def by_table(x): return table["outer"](x)
def by_cache(x): return cached(x)
def by_wrapper(x): return wrapped(x)
def by_inner(x): return (lambda y: [outer(z) for z in y])([x])
def by_constant(x): return x + LIMIT
def by_import(x):
    from .late import late
    return late(x)
def by_counter(x):
    global counter
    counter += 1
    return x
def by_nothing(x): return len(str(x))
"""

TOOLS = """
import functools

LIMIT = 1
counter = 0

def inner(x): return x + 1
def outer(x): return inner(x)

class Base:
    rate = 1
    @property
    def size(self): return 2
    @staticmethod
    def step(x): return x * 3

class Model(Base):
    def fit(self, x): return self.step(x) * self.size

MADE = Model()
table = {"outer": outer}

@functools.lru_cache
def cached(x): return x + 4

def decorate(function):
    @functools.wraps(function)
    def wrapper(*args): return function(*args)
    return wrapper

@decorate
def wrapped(x): return x + 5

def unused(x): return 6
"""

LATE = "def late(x): return x + 7\n"


class Study:
    """The helpers of each unit of a package, as its modules are now."""

    def __init__(self, folder):
        self.folder, self.name = folder, f"study_{uuid.uuid4().hex[:8]}"
        (folder / self.name).mkdir()
        self.write("__init__", "")

    def write(self, name, text):
        (self.folder / self.name / f"{name}.py").write_text(text.replace("NAME", self.name))

    def helpers(self, unit, units=UNITS, tools=TOOLS, late=LATE):
        for name, text in (("tools", tools), ("late", late), ("units", units)):
            self.write(name, text)
        for name in [name for name in sys.modules if name.partition(".")[0] == self.name]:
            del sys.modules[name]
        importlib.invalidate_caches()
        function = getattr(importlib.import_module(f"{self.name}.units"), unit)
        modules = find_modules(reached_names([function]), Reading())
        plan = Experiment().add_callable("unit", function, x=1).build()
        return find_helpers(plan, Domain(), modules.values())

    def changes(self, before, now):
        return tuple(change.replace(self.name, "NAME") for change in changed_helpers(before.as_plain(), now))


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Study(tmp_path)
    yield made
    for name in [name for name in sys.modules if name.partition(".")[0] == made.name]:
        del sys.modules[name]


INNER = ("return x + 1", "return x - 1")
CHANGES = {
    "by_name": ("tools.inner", *INNER),
    "by_module": ("tools.inner", *INNER),
    "by_alias": ("tools.inner", *INNER),
    "by_table": ("tools.inner", *INNER),
    "by_inner": ("tools.inner", *INNER),
    "by_class": ("tools.Base", "return x * 3", "return x * 4"),
    "by_instance": ("tools.Base", "return 2", "return 3"),
    "by_cache": ("tools.cached", "return x + 4", "return x - 4"),
    "by_wrapper": ("tools.wrapped", "return x + 5", "return x - 5"),
    "by_constant": ("units.LIMIT", "LIMIT = 1", "LIMIT = 2"),
}


@pytest.mark.parametrize(("unit", "change"), CHANGES.items(), ids=CHANGES)
def test_a_helper_that_has_changed_is_named_with_its_unit(study, unit, change):
    name, old, new = change
    before = study.helpers(unit)
    assert study.changes(before, study.helpers(unit)) == ()
    after = study.helpers(unit, tools=TOOLS.replace(old, new))
    assert f"'unit' uses 'NAME.{name}', which has changed" in study.changes(before, after)


def test_what_is_imported_inside_of_a_function_is_a_helper_as_a_whole(study):
    before = study.helpers("by_import")
    assert study.changes(before, study.helpers("by_import", late="# a remark\n" + LATE)) == ()
    after = study.helpers("by_import", late=LATE.replace("7", "8"))
    assert study.changes(before, after) == ("'unit' uses 'NAME.late', which has changed",)


def test_another_function_of_the_same_name_is_told(study):
    before = study.helpers("by_name")
    after = study.helpers("by_name", tools=TOOLS.replace("def outer(x): return inner(x)", "outer = inner"))
    assert study.changes(before, after) == ("'unit' used 'NAME.tools.outer', and does not",)


@pytest.mark.parametrize(
    "unit", ["by_name", "by_class", "by_constant", "by_import", "by_nothing", "by_counter"]
)
def test_comments_places_and_what_is_not_used_are_no_change(study, unit):
    tools = "# a remark\n\n" + TOOLS.replace("return 6", "return 7").replace("counter = 0", "counter = 5")
    before = study.helpers(unit)
    assert study.changes(before, study.helpers(unit, tools=tools)) == ()


def test_a_unit_without_helpers_has_none_and_older_records_are_accepted(study):
    assert study.helpers("by_nothing").as_plain() == {"digests": {}, "units": {}}
    assert changed_helpers({}, study.helpers("by_name")) == ()


def test_helpers_of_the_update_of_a_domain_are_followed():
    domain = Domain(x=[1])
    domain.set_update(update, "last")
    assert find_helpers(Experiment().build(), domain).units == {
        "update_domain": [f"{__name__}.used_by_update"]
    }


def update():
    return used_by_update()


def used_by_update():
    return None
