"""Failures are read with the parameters of their experiments, one by one and grouped."""

from types import SimpleNamespace

import pytest


@pytest.fixture
def failed(storage):
    """A storage with six experiments: those with width 16 failed, one with width 8 was interrupted."""
    for number, (width, lr) in enumerate((w, r) for w in (8, 16, 32) for r in (0.1, 0.2)):
        name = f"w{width}-{lr}"
        storage.add(name, {"width": width, "lr": lr, "status": "new", "repetition": 0}, index=number)
        if width == 16:
            storage.mark(name, "failed", failure=failure("exception"), attempt=1)
        elif name == "w8-0.2":
            storage.mark(name, "lost", failure=failure("interrupted"), attempt=1)
        else:
            storage.mark(name, "done")
    return storage


def failure(cause):
    return SimpleNamespace(
        cause=cause,
        type="RuntimeError",
        message="boom",
        unit="train",
        iteration=5,
        traceback="Traceback ...\n",
    )


def test_failures_have_the_parameters_as_they_were_given(failed):
    frame = failed.results.failures
    assert list(frame.columns[:6]) == ["id", "width", "lr", "status_1", "repetition", "status"]
    assert frame["width"].tolist() == [8, 16, 16] and frame["width"].dtype.kind == "i"
    assert frame["status"].tolist() == ["lost", "failed", "failed"]
    assert list(failed.results.load_failures(include_config=False).columns[:2]) == ["id", "status"]
    assert "repetition" not in failed.results.load_failures(remove_auxilary=True)


def test_failures_of_every_attempt_are_rows_of_their_own(failed):
    failed.mark("w8-0.1", "queued", failure=failure("signal"))
    failed.mark("w8-0.1", "failed", failure=failure("exception"))
    frame = failed.results.load_failures(every_attempt=True, width=8)
    assert frame["id"].tolist() == ["w8-0.1", "w8-0.1", "w8-0.2"]
    assert frame["cause"].tolist() == ["signal", "exception", "interrupted"]


def test_the_report_groups_them_and_leaves_out_what_was_interrupted(failed):
    report = failed.results.failure_report()
    assert (
        report.headline == "2 of 5 failed: RuntimeError: boom, in 'train' at iteration 5; all with width=16"
    )
    assert report.groups[0].ids == ("w16-0.1", "w16-0.2")
    assert str(failed.results.failure_report(width=8)) == "none of 1 failed"


def test_a_host_on_which_all_of_them_ran_is_named(storage):
    for number, host in enumerate(["one", "two", "two"]):
        storage.add(str(number), {"x": number}, index=number)
        storage.mark(str(number), "running", host=host)
        storage.mark(str(number), "failed" if host == "two" else "done", failure=failure("exception"))
    assert storage.results.failure_report().groups[0].which == "all with host=two"


def test_equal_texts_of_different_values_are_told_apart(storage):
    for number, value in enumerate([1, "1"]):
        storage.add(str(number), {"x": value}, index=number)
    storage.mark("0", "done")
    storage.mark("1", "failed", failure=failure("exception"))
    (group,) = storage.results.failure_report().groups
    assert group.which == "with x=1 (2)"


def test_a_failure_of_which_nothing_is_known_is_reported(storage):
    storage.add("a", {})
    storage.mark("a", "failed")
    storage.add("b", {})
    storage.mark("b", "failed", failure=SimpleNamespace(cause="signal", type="WorkerDied", message=""))
    assert storage.results.failure_report().headline == "1 of 2 failed: WorkerDied"
