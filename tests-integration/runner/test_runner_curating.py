"""What was removed is not run again, and is nowhere to be seen; versions are kept by default."""

import platform
import subprocess
import time
from pathlib import Path

import numpy
import pytest

from research_stack import EC, Domain, MedianStop, Research, ResearchResults

RAN = []


def power(x):
    RAN.append(x)
    if x == 3 and not Path("mended").exists():
        raise ValueError("boom")
    return x**2


def study():
    return Research("study", Domain(x=[1, 2, 3, 4])).add_callable("power", power, x=EC("x"), save_to="y")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    RAN.clear()


def run(**options):
    return study().run(parallel=False, bar=False, quiet=True, **options)


@pytest.mark.parametrize("collected", [False, True])
def test_a_resume_leaves_out_what_was_removed(collected):
    results = run().results
    Path("mended").touch()
    results.remove(x=[2, 3])
    if collected:
        assert len(results.gc()) == 2
    RAN.clear()
    research = run(resume=True, retry_failed=True)
    assert RAN == []
    assert research.results.df["y"].tolist() == [1, 16]
    assert (research.monitor.finished_experiments, research.monitor.expected) == (2, 2)
    assert research.monitor.failed_experiments == 0
    loaded = Research.load("study")
    assert (loaded.monitor.finished_experiments, loaded.monitor.expected) == (2, 2)
    if not collected:
        results.restore()
        assert run(resume=True, retry_failed=True).results.df["y"].tolist() == [1, 4, 9, 16]
        assert RAN == [3]


def stop_after(x, last):
    RAN.append(x)
    if x == last:
        raise KeyboardInterrupt
    return x


def interrupted(last):
    return Research("study", Domain(x=[1, 2, 3, 4])).add_callable(
        "stop_after", stop_after, x=EC("x"), last=last, save_to="y"
    )


def test_what_was_removed_before_it_had_ended_never_runs():
    with pytest.raises(KeyboardInterrupt):
        interrupted(2).run(parallel=False, bar=False)
    results = ResearchResults("study")
    unfinished = results.experiments.query("status != 'done'")["id"].tolist()
    assert len(unfinished) == 1
    results.remove(unfinished)
    RAN.clear()
    research = interrupted(None).run(parallel=False, bar=False, resume="force")
    assert RAN == [3, 4]
    assert research.results.df["y"].tolist() == [1, 3, 4]
    assert (research.monitor.finished_experiments, research.monitor.expected) == (3, 3)


def remove_others(x):
    if x == 4:
        results = ResearchResults("study")
        while results.counts.keys() & {"done", "failed"} != {"done", "failed"} or results.counts["done"] < 2:
            time.sleep(0.01)
        results.remove(results.experiments["id"].tolist())  # this one as well
    if x == 2:
        raise ValueError("boom")
    return x


def test_experiments_are_removed_while_the_research_runs(capfd):
    research = Research("study", Domain(x=[1, 2, 3, 4]))
    research.add_callable("remove_others", remove_others, x=EC("x"), save_to="y")
    research.run(workers=1, bar=False, raise_on_failure=True)
    assert len(research.results.df) == 0 and research.results.counts == {}
    assert capfd.readouterr().err == ""
    assert len(research.results.gc()) == 4


def curve(x):
    for iteration in range(4):
        yield abs(x * 7 % 20 - 9) + 1 / (iteration + 1)


def decided(name, n_configs, **options):
    research = Research(name, Domain(x=range(20)), n_configs=n_configs)
    research.add_generator("curve", curve, x=EC("x"), save_to="loss")
    rule = MedianStop("loss", steps=[1, 2], startup=3)
    research.run(parallel=False, bar=False, n_iters=4, stop=rule, slots=2, **options)
    return dict(
        zip(
            research.results.experiments["id"],
            research.results.experiments["stopped"].fillna(-1),
            strict=True,
        )
    )


def test_what_a_rule_has_learnt_from_removed_experiments_stays_known():
    expected = decided("whole", 20)
    assert set(expected.values()) > {-1}
    decided("study", 10)
    results = ResearchResults("study")
    removed = results.remove(list(expected)[:8])
    found = decided("study", 20, resume=True)
    assert found == {name: stopped for name, stopped in expected.items() if name not in removed}


def test_profiles_of_removed_experiments_are_not_shown():
    research = run(profile=True)
    research.results.remove(x=1)
    shown = set(Research.load("study").profiler.profile_info["id"])
    assert len(shown) == 3 and not shown & set(research.results.removed)


def test_versions_are_kept_by_default():
    (versions,) = run().results.versions
    assert versions.python == platform.python_version()
    assert versions.packages["numpy"] == numpy.__version__
    assert versions.commit == ""
    assert run(resume=True).results.versions == (versions,)
    assert not Path("study/env").exists()


def test_another_commit_is_another_version():
    git = ["git", "-c", "user.name=S", "-c", "user.email=s@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run([*git, "init", "-q"], check=True)
    run()
    for text in ("one", "two"):
        Path("file").write_text(text)
        subprocess.run([*git, "add", "file"], check=True)
        subprocess.run([*git, "commit", "-qm", text], check=True)
        run(resume=True)
    Path("file").write_text("three")
    versions = run(resume=True).results.versions
    assert [len(each.commit) for each in versions] == [0, 40, 40, 40]
    assert [each.is_changed for each in versions] == [False, False, False, True]
    assert versions[1].commit != versions[2].commit == versions[3].commit
