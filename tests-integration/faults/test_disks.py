"""A disk that fills up, and one that cannot be written to."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from research_stack import Domain, R


def mount(*arguments):
    """Mount something, or skip loudly where that is not allowed."""
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"NOT TESTED HERE, mount is not allowed: {done.stderr.strip()}")


@pytest.fixture
def small_disk(own_folder, study):
    """Let the study be on a disk of two megabytes; return a file on it that takes the room."""
    folder = own_folder / "small"
    folder.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid():
        pytest.skip("NOT TESTED HERE, only root can mount a small disk")
    mount("-t", "tmpfs", "-o", "size=2m", "none", folder)
    study.name = "small/study"
    study.parts -= {"leave"}
    yield folder / "filler"


@pytest.fixture(autouse=True)
def unmounted(own_folder):
    """Unmount everything when the study has been checked."""
    yield
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in points:
        if point.startswith(str(own_folder)):
            subprocess.run(["umount", "-l", point], check=True)


def fill(path):
    """Take all the room that there is."""
    with contextlib.suppress(OSError), path.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)


def hold(x, marks):
    """Say who is here, and wait."""
    marks.set(f"here-{x}", os.getpid())
    marks.wait("go on")


@pytest.mark.parametrize("large", [True, False], ids=["blob", "log"])
def test_a_full_disk_is_waited_for(small_disk, study, always, soon, large):
    if not large:
        study.parts -= {"large"}
        study.values = list(range(40))
    study.fault = always(hold)
    coordinator = study.start()
    study.marks.wait("here-2")
    fill(small_disk)
    study.marks.set("go on")
    soon(lambda: "waits until there is room" in coordinator.text, "the full disk is noticed")
    assert coordinator.text.count("waits until there is room") == 1
    small_disk.unlink()
    assert coordinator.wait() == 0, coordinator.text
    assert set(study.states().values()) == {"done"}
    assert "Logging error" not in coordinator.text


def test_an_update_that_is_recorded_waits_for_room(small_disk, study, soon):
    marks, filler = study.marks, small_disk

    def ask(table):
        marks.count("asked")
        if "filled" not in marks:
            fill(filler)
            marks.set("filled")
        return Domain(x=[len(table)]) if len(table) < 4 else None

    study.parts, study.values = set(), [0, 1]
    study.update = ask, {"when": "last", "table": R().df}
    coordinator = study.start()
    soon(lambda: "waits until there is room" in coordinator.text, "the full disk is noticed")
    assert coordinator.text.count("waits until there is room") == 1
    small_disk.unlink()
    assert coordinator.wait() == 0, coordinator.text
    assert marks.counted("asked") == 3
    assert study.table()["x"].tolist() == [0, 1, 2, 3]


def test_a_run_that_waits_for_room_can_be_ended_and_resumed(small_disk, study, always, soon):
    study.fault = always(hold)
    coordinator = study.start()
    study.marks.wait("here-2")
    fill(small_disk)
    study.marks.set("go on")
    soon(lambda: "waits until there is room" in coordinator.text, "the full disk is noticed")
    coordinator.send(signal.SIGINT)
    assert coordinator.wait() in (1, 130), coordinator.text
    assert "no room" in coordinator.text.lower() or "full" in coordinator.text.lower()
    small_disk.unlink()


def test_a_read_only_place_is_refused(own_folder, study):
    study.whole = False
    place = own_folder / "place"
    place.mkdir()
    study.name = "place/study"
    mount("--bind", place, place)
    mount("-o", "remount,ro,bind", place)
    coordinator = study.run()
    assert coordinator.exit_code == 1
    assert "StorageAccessError" in coordinator.text
    assert not study.path.exists()
    assert not study.marks.folder.joinpath("pid-0").exists()


def test_a_read_only_research_can_be_read_but_not_resumed(own_folder, study, always):
    study.fault = always(hold)
    coordinator = study.start()
    study.marks.wait("here-2")
    coordinator.kill()
    study.check()
    done = list(study.states().values()).count("done")
    mount("--bind", study.path, study.path)
    mount("-o", "remount,ro,bind", study.path)
    again = study.start(resume=True)
    assert again.wait() == 1
    assert "StorageAccessError" in again.text
    assert study.results.df["id"].nunique() == done
    subprocess.run(["umount", study.path], check=True)


def print_much(x, marks):
    """Print more than there is room for, once the disk is full."""
    if x == 2:
        hold(x, marks)
        print("x" * 100_000)
        os.system("echo from a child; echo to stderr >&2")


@pytest.mark.parametrize("branches", [1, 3])
def test_what_is_printed_on_a_full_disk_is_lost_and_nothing_else(small_disk, study, soon, branches):
    study.fault = print_much
    coordinator = study.start(redirect_stdout=3, redirect_stderr=3, workers=1, branches=branches)
    study.marks.wait("here-2")
    fill(small_disk)
    study.marks.set("go on")
    soon(lambda: "waits until there is room" in coordinator.text, "the full disk is noticed")
    small_disk.unlink()
    assert coordinator.wait() == 0, coordinator.text
    assert set(study.states().values()) == {"done"}, study.results.failures["traceback"].tolist()
