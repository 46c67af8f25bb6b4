"""A small research that is run by processes which tests kill, and what has to be true of it afterwards.

Every test gets a `study`. Its coordinators are processes of their own, its units follow orders left in files,
and when the test is over the study is checked without being asked: nothing hangs, no process is left, the
database is sound, every config is in one state, nothing that had ended runs again, and once it is resumed its
table is that of a run that nobody disturbed.
"""

import importlib.util
import sys
from pathlib import Path

import pytest

import research_runner.running.interrupts


def load(name):
    """Return a module beside this one, by a name that no worker can import: its code travels with units."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


until = load("fault_processes").until
Study = load("fault_study").Study


@pytest.fixture(scope="session")
def references(tmp_path_factory):
    """Return a function that gives the table of a run of the same study that nobody disturbed."""
    known = {}

    def reference(study):
        if study.kind not in known:
            twin = study.undisturbed(tmp_path_factory.mktemp("reference"))
            assert twin.run().exit_code == 0, twin.coordinators[0].text
            assert twin.results.failures.empty, twin.results.failures["traceback"].iloc[0]
            known[study.kind] = twin.table()
        return known[study.kind]

    return reference


@pytest.fixture
def study(own_folder, references):
    """Return a study; check it when the test is over, whatever the test did."""
    study = Study(own_folder)
    yield study
    try:
        for coordinator in study.coordinators:
            coordinator.wait()
        study.check()
        if study.whole:
            study.check_whole(references(study))
    finally:
        for process in study.processes():
            process.kill()


@pytest.fixture
def soon():
    """Return a function that waits for a condition, under a watchdog."""
    return until


@pytest.fixture
def short_grace():
    """Return what makes the time between SIGTERM and the end short, in a coordinator."""

    def shorten():
        research_runner.running.interrupts.TERM_GRACE_S = 0.3

    return shorten


@pytest.fixture
def once():
    """Return a function that makes a fault happen in the first attempt of one experiment only."""

    def make(fault, at=2):
        def strike(x, marks):
            if x == at and marks.take("armed"):
                fault(x, marks)

        return strike

    return make


@pytest.fixture
def always():
    """Return a function that makes a fault happen in every attempt of one experiment."""

    def make(fault, at=2):
        def strike(x, marks):
            if x == at:
                fault(x, marks)

        return strike

    return make
