"""A run ends with its failures, on standard error, whatever else it shows."""

import pickle

import pytest

from research_domain import Domain
from research_experiment import EC
from research_runner import Research
from research_runner.errors import FailedExperimentsError, OptionError

pytestmark = pytest.mark.usefixtures("plain")

HEADLINE = "2 of 4 failed: RuntimeError: boom, in 'train' at iteration 0; all with width=16"


def train(width):
    if width == 16:
        raise RuntimeError("boom")
    return width


def study():
    research = Research("study", Domain(width=[8, 16]) * Domain(lr=[0.1, 0.2]))
    return research.add_callable("train", train, width=EC("width"), save_to="y")


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("bar", [False, True])
def test_failures_are_said_once_for_all_that_share_them(capfd, parallel, bar):
    study().run(dump_results=False, parallel=parallel, bar=bar)
    err = capfd.readouterr().err
    assert err.count(HEADLINE) == 1
    assert err.count("Traceback (most recent call last)") == 1
    assert err.rstrip().endswith("see research.results.failures")
    assert "in train" in err and "research_experiment" not in err


def test_quiet_says_nothing(capfd):
    study().run(dump_results=False, bar=False, quiet=True)
    assert capfd.readouterr() == ("", "")


def test_a_run_without_failures_says_nothing(capfd):
    Research().add_callable("f", int, save_to="y").run(dump_results=False, bar=False)
    assert capfd.readouterr() == ("", "")


def test_failures_raise_at_the_end_if_that_is_wanted(capfd):
    research = study()
    with pytest.raises(FailedExperimentsError, match="RuntimeError: boom") as raised:
        research.run(dump_results=False, bar=False, raise_on_failure=True)
    assert (raised.value.failed, raised.value.total) == (2, 4)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    assert str(raised.value).startswith(HEADLINE)
    assert research.is_finished and research.monitor.finished_experiments == 4
    assert capfd.readouterr().err == ""


def test_nothing_is_raised_if_nothing_failed():
    research = Research().add_callable("f", int, save_to="y")
    assert research.run(dump_results=False, bar=False, raise_on_failure=True).is_finished


def test_a_detached_run_cannot_raise():
    with pytest.raises(OptionError, match="raise_on_failure: a detached research"):
        study().run(detach=True, raise_on_failure=True)


@pytest.mark.parametrize("options", [{"workers": 2}, {"parallel": False}], ids=str)
def test_what_is_no_exception_costs_its_own_experiment_in_workers_and_inline(options):
    class Escape(BaseException):
        pass

    def escape(x):
        if x < 2:
            raise (Escape, GeneratorExit)[x]
        return x

    research = Research("escapes", Domain(x=[0, 1, 2])).add_callable("escape", escape, x=EC("x"), save_to="y")
    research.run(dump_results=False, bar=False, quiet=True, **options)
    assert (research.monitor.failed_experiments, research.monitor.finished_experiments) == (2, 3)


def test_an_interrupted_run_says_what_has_failed_so_far(capfd):
    research = Research("study", Domain(x=[0, 1, 2]))

    def work(x):
        if x == 0:
            raise RuntimeError("boom")
        if x == 1:
            raise KeyboardInterrupt

    research.add_callable("work", work, x=EC("x"))
    with pytest.raises(KeyboardInterrupt):
        research.run(dump_results=False, bar=False, parallel=False)
    assert "1 of 1 failed: RuntimeError: boom, in 'work' at iteration 0" in capfd.readouterr().err
