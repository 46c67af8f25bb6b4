"""What is put back between tasks, in this process; with real workers see tests-integration/faults."""

import contextvars
import decimal
import importlib
import io
import locale
import logging
import os
import signal
import socket
import sys
import tempfile
import time
import warnings

import numpy as np
import pytest

from research_runner.worker.restoring import (
    GarbageCollector,
    ProcessState,
    in_own_context,
    library_parts,
    memory,
    parts,
    state,
)

resource = pytest.importorskip("resource")


@pytest.fixture
def made(request):
    """Return a state that ends with the test."""

    def make(**options):
        made = ProcessState(**{"own_process": False, "streams": (), **options})
        request.addfinalizer(made.close)
        return made

    return make


class Limits:
    """Limits of a process that is not root's: a hard limit goes down and never up."""

    def __init__(self):
        self.limits = dict.fromkeys(parts._Limits.keys, (50, 100))

    def getrlimit(self, key):
        return self.limits[key]

    def setrlimit(self, key, limits):
        if limits[1] > self.limits[key][1]:
            raise ValueError("not allowed to raise maximum limit")
        self.limits[key] = limits


@pytest.fixture
def limits(monkeypatch):
    made = Limits()
    monkeypatch.setattr(parts, "_resource", made)
    return made


def test_soft_limit_is_put_back(limits, made):
    kept = made()
    limits.setrlimit(resource.RLIMIT_CORE, (0, 100))
    kept.restore()
    assert limits.limits[resource.RLIMIT_CORE] == (50, 100)


def test_hard_limit_that_was_lowered_makes_a_worker_unfit(limits, made):
    kept = made(own_process=True)
    kept.restore()
    assert kept.lost is None
    limits.setrlimit(resource.RLIMIT_CORE, (10, 20))
    limits.setrlimit(resource.RLIMIT_NOFILE, (10, 100))
    kept.restore()
    assert kept.lost == (
        "a resource limit could not be put back after an experiment: "
        "the hard limit of RLIMIT_CORE was lowered to 20"
    )
    assert limits.limits[resource.RLIMIT_CORE] == (20, 20)
    assert limits.limits[resource.RLIMIT_NOFILE] == (50, 100)


def test_hard_limit_that_was_lowered_inline_is_warned_about_once(limits, made, caplog):
    kept = made()
    limits.setrlimit(resource.RLIMIT_CORE, (10, 20))
    kept.restore()
    kept.restore()
    assert kept.lost is None
    (record,) = caplog.records
    assert "RLIMIT_CORE" in record.getMessage()
    assert "stays for the next" in record.getMessage()


def test_what_cannot_be_put_back_for_other_reasons_keeps_the_worker(tmp_path, monkeypatch, made, caplog):
    place, other = tmp_path / "place", tmp_path / "other"
    place.mkdir()
    other.mkdir()
    monkeypatch.chdir(place)
    kept = made(own_process=True)
    os.chdir(other)
    place.rmdir()
    kept.restore()
    assert kept.lost is None
    assert "the working directory could not be put back" in caplog.text


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a function that makes a module of a text; it is forgotten with the test."""
    names = []

    def make(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        names.append(name)
        importlib.invalidate_caches()
        return name

    monkeypatch.syspath_prepend(tmp_path)
    yield make
    for name in names:
        sys.modules.pop(name, None)


def test_what_an_import_changes_stays_and_the_rest_goes(module, made, monkeypatch):
    monkeypatch.delenv("BY_IMPORT", raising=False)
    monkeypatch.delenv("BY_UNIT", raising=False)
    name = module(
        "sets_things", "import os, socket\nos.environ['BY_IMPORT'] = '1'\nsocket.setdefaulttimeout(7)"
    )
    kept = made()
    os.environ["BY_UNIT"] = "1"
    importlib.import_module(name)
    kept.restore()
    assert os.environ.get("BY_IMPORT") == "1"
    assert "BY_UNIT" not in os.environ
    assert socket.getdefaulttimeout() == 7
    kept.close()
    socket.setdefaulttimeout(None)
    del os.environ["BY_IMPORT"]


def test_import_that_fails_leaves_nothing_behind(module, made):
    name = module("cannot_begin", "raise ImportError('not today')")
    before = list(sys.meta_path)
    kept = made()
    with pytest.raises(ImportError, match="not today"):
        importlib.import_module(name)
    with pytest.raises(ImportError, match="not today"):  # also the second time
        importlib.import_module(name)
    kept.close()
    assert sys.meta_path == before


def test_environment_that_was_replaced_is_put_back(made, monkeypatch):
    kept = made()
    environment = os.environ
    monkeypatch.setattr(os, "environ", {"NOTHING": "else"})
    kept.restore()
    assert os.environ is environment


def test_garbage_is_collected_when_the_process_has_grown(monkeypatch):
    resident, moments, collected = [100], iter(range(100)), []
    monkeypatch.setattr(memory, "resident_bytes", lambda: resident[0])
    monkeypatch.setattr(memory, "collect_garbage", lambda: collected.append(resident[0]))
    monkeypatch.setattr(memory.time, "monotonic", lambda: float(next(moments)))
    collector = GarbageCollector(growth_bytes=50)
    found = []
    for resident[0] in (120, 149, 150, 180, 199, 210):
        found.append(collector.collect_if_grown())
    assert found == [False, False, True, False, False, True]
    assert collected == [150, 210]


def test_list_of_parts_is_that_of_the_docs():
    names = [part.name for part in state.all_parts(own_process=False, streams=(1, 2))]
    assert names == [
        "the recursion limit",
        "a resource limit",
        "the handler of a signal",
        "the working directory",
        "the environment",
        "the umask",
        "the filters of warnings",
        "the default timeout of sockets",
        "the standard streams",
    ]
    assert [part.name for part in library_parts.library_parts()] == [
        "the signals that are blocked",
        "the locale",
        "sys.argv, sys.stdin, sys.excepthook, tempfile.tempdir or warnings.showwarning",
    ]


def test_state_of_libraries_is_put_back(made, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    kept, arguments, blocked = made(), list(sys.argv), signal.pthread_sigmask(signal.SIG_BLOCK, ())
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    locale.setlocale(locale.LC_TIME, "C.UTF-8")
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    sys.argv.append("--mine")
    sys.stdin, tempfile.tempdir = io.StringIO("mine"), "/nowhere"
    logging.captureWarnings(True)
    shown, stdin = warnings.showwarning, sys.stdin
    kept.restore()
    assert time.tzname[0] == "UTC"
    assert locale.setlocale(locale.LC_TIME) == "C"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == blocked
    assert (sys.argv, tempfile.gettempdir() != "/nowhere") == (arguments, True)
    assert sys.stdin is not stdin
    assert warnings.showwarning is not shown
    logging.captureWarnings(True)  # works again
    assert warnings.showwarning is shown
    logging.captureWarnings(False)


def test_what_is_set_in_a_context_ends_with_its_task():
    mine = contextvars.ContextVar("mine", default=0)
    decimal.setcontext(decimal.Context(prec=7))

    def change():
        mine.set(1)
        decimal.getcontext().prec = 3
        np.seterr(all="raise")

    before = np.geterr()
    try:
        in_own_context(change)
        assert (mine.get(), decimal.getcontext().prec, np.geterr()) == (0, 7, before)
    finally:
        decimal.setcontext(decimal.Context())


def test_what_nobody_has_changed_is_seen_at_a_glance(made):
    for part in made()._parts:
        for look, expected in part.glances():
            assert look() == expected, part.name
