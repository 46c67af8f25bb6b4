"""Profiles stay with the results: any process can load them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from research_stack import EC, Domain, Research
from research_stack.cli import main


def study(name="timed"):
    research = Research(name, Domain(x=[0, 1, 2]))
    return research.add_callable("sum", lambda x: sum(map(abs, range(50_000 + x))), x=EC("x"), save_to="y")


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("parallel", [True, False])
def test_a_loaded_research_has_the_profile_of_its_run(level, parallel):
    research = study().run(profile=level, parallel=parallel, bar=False, n_iters=2)
    loaded = Research.load("timed")
    live, stored = research.profiler.profile_info, loaded.profiler.profile_info
    pd.testing.assert_frame_equal(stored, live)
    assert len(loaded.profiler) == 6
    if level == 2:
        shown = loaded.profiler.show_profile_info(detailed=True, parse=True, columns="ncalls", limit=None)
        assert shown.set_index("function").loc["<built-in method builtins.sum>", "ncalls"] == 6


def test_a_detached_research_has_its_profile():
    research = study().run(profile=True, detach=True)
    research.terminate()
    assert research.is_finished and len(research.profiler) == research.monitor.finished_experiments


def test_without_a_profile_there_is_an_empty_one():
    study().run(bar=False)
    loaded = Research.load("timed")
    assert not Path("timed/profile.jsonl").exists()
    assert len(loaded.profiler) == 0 and len(loaded.profiler.profile_info) == 0


def test_a_resume_adds_to_the_profile_and_what_ran_again_counts_once():
    def once(x):
        if x == 1 and not Path("mended").exists():
            raise ValueError("not yet")
        return x

    research = Research("timed", Domain(x=[0, 1])).add_callable("once", once, x=EC("x"), save_to="y")
    research.run(profile=2, bar=False)
    Path("mended").touch()
    research.run(profile=2, bar=False, resume=True, retry_failed=True)
    assert len(research.profiler) == 1
    calls = Research.load("timed").profiler.show_profile_info(per_experiment=True, columns="calls")
    assert calls["calls"].tolist() == [1, 1]


def test_lines_that_were_cut_off_or_are_not_ours_are_left_out():
    study().run(profile=True, bar=False)
    path = Path("timed/profile.jsonl")
    strange = [
        "{",
        "7",
        '"x"',
        '["id", [[0]]]',
        '["id", [[0, "u", 1, 1, [[5, 1, 1, 1]]]]]',
        '["id", 3]',
        "null",
    ]
    path.write_text("\n".join([*strange, *path.read_text().splitlines()[:-1], '["cut", [[0, "s']))
    assert len(Research.load("timed").profiler) == 2


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_a_link_in_its_place_is_not_followed(tmp_path_factory):
    study().run(bar=False)
    target = tmp_path_factory.mktemp("elsewhere") / "file"
    target.write_text(json.dumps(["a", [[0, "u", 1.0, 1.0, []]]]))
    Path("timed/profile.jsonl").symlink_to(target)
    with pytest.raises(OSError):
        len(Research.load("timed").profiler)


def test_the_command_shows_it(capsys):
    study().run(bar=False)
    capsys.readouterr()
    assert main(["show", "timed", "--profile"]) == 0
    assert "no profile is stored" in capsys.readouterr().out
    study("detailed").run(profile=2, bar=False)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from research_stack.cli import main; main()",
            "show",
            "detailed",
            "--profile",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["unit", "function", "ncalls", "tottime", "cumtime"]
    assert any("builtins.sum" in line for line in lines)
