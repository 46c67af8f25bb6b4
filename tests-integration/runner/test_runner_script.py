"""What experiments find of the script's surroundings: filters of warnings, logging, how it calculates."""

import decimal
import logging
import logging.handlers
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from research_stack import EC, Domain, Research

RUNS = {
    "workers": {"workers": 2},
    "spawn": {"start_method": "spawn"},
    "fork": {"start_method": "fork"},
    "inline": {"parallel": False},
}
every_way = pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)
only_workers = pytest.mark.parametrize("options", [{}, {"start_method": "fork"}], ids=["workers", "fork"])


@pytest.fixture
def log(own_folder):
    """The root logger, as in a script that has configured nothing; all of logging is put back in the end."""
    root, before = logging.root, (logging.root.level, list(logging.root.handlers))
    root.handlers[:] = []
    root.setLevel(logging.WARNING)
    yield root
    root.handlers[:] = before[1]
    root.setLevel(before[0])


@pytest.fixture
def told():
    """Return a function that makes a logger which forgets in the end what it was told."""
    made = []

    def make(name):
        made.append(logging.getLogger(name))
        return made[-1]

    yield make
    for logger in made:
        logger.handlers[:], logger.filters[:], logger.disabled, logger.propagate = [], [], False, True
        logger.setLevel(logging.NOTSET)


def run(unit, size=2, **options):
    options = {"redirect_stdout": 2, "redirect_stderr": 2, "bar": False, **options}
    return (
        Research("study", Domain(x=list(range(size))))
        .add_callable("unit", unit, x=EC("x"), save_to="y")
        .run(**options)
    )


def texts(stream):
    """Return what each experiment has written."""
    return sorted(path.read_text() for path in Path("study/experiments").glob(f"*/{stream}.txt"))


def talk():
    """Return a unit that logs."""

    def unit(x):
        import logging

        logging.getLogger("model.layer").debug("debug %s", x)
        logging.getLogger("model.layer").info("info %s", x)
        logging.getLogger("loud").warning("loud %s", x)

    return unit


def handler(stream, form):
    made = logging.StreamHandler(stream)
    made.setFormatter(logging.Formatter(form))
    return made


@every_way
def test_handlers_of_standard_streams_write_into_the_output_of_their_experiment(log, options):
    log.addHandler(handler(sys.stdout, "%(levelname)s %(name)s: %(message)s"))
    log.setLevel(logging.INFO)
    run(talk(), **options)
    assert texts("stdout") == [f"INFO model.layer: info {x}\nWARNING loud: loud {x}\n" for x in range(2)]


@every_way
def test_branches_are_told_apart(log, options):
    log.addHandler(handler(sys.stderr, "%(message)s"))
    log.setLevel(logging.INFO)
    run(talk(), size=3, branches=3, **options)
    assert texts("stderr") == [f"info {x}\nloud {x}\n" for x in range(3)]


@every_way
def test_levels_and_switches_hold(log, told, options):
    log.addHandler(handler(sys.stderr, "root %(message)s"))
    told("model").setLevel(logging.DEBUG)
    told("model").addHandler(handler(sys.stderr, "model %(message)s"))
    told("model").propagate = False
    told("loud").disabled = True
    run(talk(), size=1, **options)
    assert texts("stderr") == ["model debug 0\nmodel info 0\n"]


@every_way
def test_formatters_and_filters_of_the_script_come_along(log, options):
    class Loud(logging.Formatter):
        def format(self, record):
            return super().format(record).upper()

    class Only(logging.Filter):
        def filter(self, record):
            return "info" in record.getMessage()

    made = handler(sys.stderr, "")
    made.setFormatter(Loud("%(message)s"))
    made.addFilter(Only())
    log.addHandler(made)
    log.setLevel(logging.INFO)
    run(talk(), size=1, **options)
    assert texts("stderr") == ["INFO 0\n"]


@only_workers
def test_a_formatter_that_cannot_travel_leaves_its_format(log, options):
    class Counting(logging.Formatter):
        numbers = None

    made = handler(sys.stderr, "")
    made.setFormatter(Counting("only %(message)s"))
    made.formatter.numbers = (number for number in range(3))
    log.addHandler(made)
    run(talk(), size=1, **options)
    assert texts("stderr") == ["only loud 0\n"]
    assert "the formatter of <StreamHandler" in Path("study/research.log").read_text()


@only_workers
def test_handlers_that_write_elsewhere_are_named_once_and_stay_behind(log, options):
    file = logging.FileHandler("script.log", delay=True)
    log.addHandler(file)
    log.addHandler(logging.handlers.MemoryHandler(10))
    run(talk(), **options)
    (line,) = [each for each in Path("study/research.log").read_text().splitlines() if "do not have" in each]
    assert "script.log" in line
    assert "MemoryHandler" in line
    assert "loud" not in Path("script.log").read_text()
    file.close()


@every_way
def test_what_a_unit_does_to_logging_does_not_reach_the_next_experiment(log, options):
    def unit(x):
        import logging

        root = logging.getLogger()
        found = root.level, len(root.handlers), root.manager.disable, logging.getLogger("other").propagate
        logging.basicConfig(level=logging.DEBUG, filename=f"of-{x}.log", force=True)
        logging.disable(logging.CRITICAL)
        logging.getLogger("other").propagate = False
        return str(found)

    log.addHandler(handler(sys.stderr, "%(message)s"))
    before = list(log.handlers)
    research = run(unit, size=3, **{**options, "workers": 1})
    (found,) = set(research.results.df["y"])
    assert found.startswith(f"({logging.WARNING}, ")
    assert found.endswith(", 0, True)")
    assert (log.level, log.handlers, log.manager.disable) == (logging.WARNING, before, 0)


@every_way
def test_captured_warnings_levels_and_records_of_the_script_come_along(log, options):
    plain = logging.getLogRecordFactory()

    def numbered(*args, **kwargs):
        record = plain(*args, **kwargs)
        record.number = 7
        return record

    def unit(x):
        import logging
        import warnings

        warnings.warn("careful", UserWarning, stacklevel=1)
        logging.getLogger("model").log(25, "noticed")

    logging.addLevelName(25, "NOTICE")
    log.addHandler(handler(sys.stderr, "%(levelname)s %(number)s"))
    log.setLevel(logging.INFO)
    logging.captureWarnings(True)
    logging.setLogRecordFactory(numbered)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            run(unit, size=1, **options)
    finally:
        logging.setLogRecordFactory(plain)
        logging.captureWarnings(False)
        logging.addLevelName(25, "Level 25")
    assert texts("stderr") == ["WARNING 7\nNOTICE 7\n"]


@every_way
def test_filters_of_warnings_hold(own_folder, options):
    class MineWarning(UserWarning):
        pass

    def unit(x):
        import warnings

        warnings.warn("yours", RuntimeWarning, stacklevel=1)
        warnings.warn("mine", MineWarning, stacklevel=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", MineWarning)
        failures = run(unit, **options).results.failures
    assert [each.rpartition(".")[2] for each in failures["type"]] == ["MineWarning", "MineWarning"]
    assert "yours" not in "".join(texts("stderr"))


@every_way
def test_how_the_script_calculates_holds(own_folder, options):
    def unit(x):
        import decimal

        import numpy as np

        def depth(n):
            return n and 1 + depth(n - 1)

        third = str(decimal.Decimal(1) / decimal.Decimal(3))
        decimal.getcontext().prec = 2
        found = third, len(str(10**5000)), depth(2500)
        return found if x else float((np.ones(1) / np.zeros(1))[0])

    recursion, digits = sys.getrecursionlimit(), sys.get_int_max_str_digits()
    sys.setrecursionlimit(4000)
    sys.set_int_max_str_digits(6000)
    try:
        with np.errstate(divide="raise"), decimal.localcontext() as context:
            context.prec = 5
            results = run(unit, size=3, **options).results
            assert str(decimal.Decimal(1) / 3) == "0.33333"
    finally:
        sys.setrecursionlimit(recursion)
        sys.set_int_max_str_digits(digits)
    assert results.failures["type"].tolist() == ["FloatingPointError"]
    assert results.df["y"].tolist() == [("0.33333", 5001, 2500)] * 2


MODULE = """
import logging
import warnings

warnings.warn("old", DeprecationWarning)
warnings.filterwarnings("ignore", message="loss")
logging.getLogger("aged").setLevel(logging.DEBUG)
logging.getLogger("aged").addHandler(logging.StreamHandler())
"""


@every_way
def test_a_module_that_the_script_has_imported_changes_nothing_in_a_worker(log, told, options, monkeypatch):
    Path("aged.py").write_text(MODULE)
    monkeypatch.syspath_prepend(Path.cwd())

    def unit(x):
        import logging
        import warnings

        import aged  # noqa: F401

        logging.getLogger("aged").warning("once")
        warnings.warn("loss", RuntimeWarning, stacklevel=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        monkeypatch.setitem(sys.modules, "aged", None)
        del sys.modules["aged"]
        __import__("aged")
        warnings.simplefilter("error")  # in front of what the module has said
        warnings.filterwarnings("ignore", "start_method='fork'")  # threads of tests that ran before
        research = run(unit, **options)
    assert research.results.failures["type"].tolist() == ["RuntimeWarning", "RuntimeWarning"]
    assert texts("stderr")[0].count("once\n") == 1
    told("aged")
