"""Configs, values, names, sizes and files that nobody expects."""

import math
import os
import shutil
import signal
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import dill
import psutil
import pytest

from research_results import ResearchStorage
from research_stack import EC, Domain, Research, ResearchResults
from research_stack.cli import main


def hold(x, marks):
    """Say who is here, and wait."""
    marks.set(f"here-{x}", os.getpid())
    marks.wait("go on")


def kill_in_the_middle(study, always, at=2):
    """Run until an experiment is in the middle, and kill the coordinator."""
    study.fault = always(hold, at=at)
    coordinator = study.start()
    study.reach_the_middle(at)
    coordinator.kill()
    study.check()


def test_equal_configs_are_experiments_of_their_own(study, always):
    study.values = [1, 2, 1, 1, 2]
    kill_in_the_middle(study, always)
    study.resume()
    table = study.results.df
    assert table["id"].nunique() == 5
    assert table.groupby("id")["noise"].first().nunique() == 5


def odd_value(x, marks):
    """Return what is easily lost on the way to a file and back."""
    values = [math.nan, math.inf, -math.inf, 2**200, -(2**63), 2**64 - 1, 5e-324, -0.0, True, None]
    return values[x]


def test_odd_numbers_come_back_exactly(study, always):
    study.parts, study.value, study.values = set(), odd_value, list(range(10))
    study.options["n_iters"] = 1
    kill_in_the_middle(study, always, at=4)
    study.resume()
    loaded = study.results.load_results()
    for who, config in study.results.load_configs().items():
        stored, wanted = loaded[who]["y"][0], odd_value(config.config()["x"], None)
        assert type(stored) is type(wanted)
        assert repr(stored) == repr(wanted)


def unpicklable_first(x, marks):
    """Return something that cannot be stored, once."""
    if x == 2 and marks.take("armed"):
        return (letter for letter in "ab")
    return x * 2 + 0.5


def test_a_result_that_cannot_be_stored_fails_its_experiment_alone(study):
    study.parts, study.value = {"noise", "leave"}, unpicklable_first
    coordinator = study.run()
    assert coordinator.exit_code == 0, coordinator.text
    assert study.states() == {**dict.fromkeys(range(6), "done"), 2: "failed"}
    failure = study.failure(2)
    assert failure["cause"] == "exception"
    assert "'y'" in failure["message"]
    assert "generator" in failure["message"]


def circular(x, marks):
    """Return a list that holds itself."""
    values = [x]
    values.append(values)
    return values


def test_a_circular_result_is_stored_and_is_not_unpickled_without_a_word(study, always):
    study.parts, study.value = set(), circular
    study.readable = lambda value: repr(value.load(allow_pickle=True))
    kill_in_the_middle(study, always)
    study.resume()
    assert set(study.states().values()) == {"done"}
    (loaded,) = study.results.load_results(config={"x": 3}).values()
    value = loaded["y"][0]
    assert value.type_name == "builtins.list"
    again = value.load(allow_pickle=True)
    assert again[1] is again


HOSTILE = [
    "with spaces",
    "ünï-✓",
    'it\'s "quoted"',
    "-rf",
    "semi; touch pwned $(touch pwned)",
    "new\nline",
    "%20?#&=",
    ".hidden",
    "x" * 200,
    "a/b c/d",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_names(study, name):
    study.name, study.values, study.parts = name, [0, 1], {"noise"}
    coordinator = study.start(fail_point=f"after-commit:1:{study.marks.folder / 'armed'}")
    assert coordinator.wait() == -signal.SIGKILL
    assert study.path.is_dir()
    assert not list(study.folder.rglob("pwned"))


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/..", "null\0byte", None, 3])
def test_names_that_are_none_are_refused(study, name):
    study.whole = False
    before = set(study.folder.iterdir())
    coordinator = study.launch(lambda: study.research().run(**study.options, name=name or ""))
    assert coordinator.wait() == 1
    assert "OptionError" in coordinator.text
    assert set(study.folder.iterdir()) - before <= {coordinator.output}


def test_hostile_keys_and_values_are_data(study):
    study.whole = False
    key, column = "k'; DROP TABLE experiments; --", 'v"; DROP TABLE chunks; --'
    values = ["'; DROP TABLE experiments; --", "line\nbreak", "\ud800", "e" * 10_000, "ünï ✓", ""]

    def run(**options):
        (
            Research("study", Domain({key: values}))
            .add_callable("echo", lambda config: config[key], config=EC(), save_to=column)
            .run(**study.options, **options)
        )

    coordinator = study.launch(run)
    assert coordinator.wait() == 0, coordinator.text
    table = study.results.df
    assert table[table["iteration"] == 0][column].tolist() == values
    assert set(study.rows()) == {(who, "done") for who in table["id"]}
    again = study.launch(lambda: run(resume=True))
    assert again.wait() == 0, again.text
    assert study.results.df.equals(table)


class Evil:
    """Leaves a file when it is unpickled."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def test_nothing_malicious_in_a_folder_is_run(study):
    assert study.run().exit_code == 0
    copy, pwned = study.folder / "copy", study.folder / "pwned"
    shutil.copytree(study.path, copy)
    with ResearchStorage(copy) as storage:
        storage.put(next(iter(storage.statuses())), {"evil": {0: Evil(pwned)}})
    payload = dill.dumps(Evil(pwned))
    (copy / "updates").mkdir()
    for path in (copy / "settings.dill", copy / "updates" / "3.dill", copy / "env.dill"):
        path.write_bytes(payload)
    with closing(sqlite3.connect(copy / "research.db")) as connection, connection:
        connection.execute(
            "UPDATE options SET kind = 'dill', type = 'x', text = 'x', checksum = NULL, data = ?", (payload,)
        )
    commands = [["ls"], ["show", "copy"], ["show", "copy", "--failures"], ["export", "copy", "--to", "t.csv"]]
    looked = study.launch(lambda: sys.exit(sum(map(main, commands))))
    assert looked.wait() == 0, looked.text
    loaded = Research.load("copy")
    for look in (ResearchResults(copy), loaded.results):
        assert not look.df.empty
        assert not look.experiments.empty
        look.failures, look.summary(), look.load_configs()
    assert loaded.monitor.finished_experiments >= 1
    refused = study.launch(lambda: Research.load("copy").run(resume=True))
    assert refused.wait() == 1
    assert "UntrustedError" in refused.text
    assert not pwned.exists()


def flood(x, marks):
    """Write a gigabyte to the standard output."""
    if x == 1:
        block = b"x" * (2**20 - 1) + b"\n"
        for _ in range(1024):
            os.write(1, block)


def test_a_gigabyte_of_output_is_cut(study):
    study.fault, study.values = flood, [0, 1, 2]
    coordinator = study.start(redirect_stdout=2)
    most_disk = most_memory = 0
    while not coordinator.has_ended():
        most_disk = max(most_disk, size_of(study.path))
        for process in study.processes():
            try:
                most_memory = max(most_memory, process.memory_info().rss)
            except psutil.Error:
                continue
    assert coordinator.exit_code == 0, coordinator.text
    assert most_disk < 900 * 2**20, f"{most_disk / 2**20:.0f} MiB on the disk"
    assert most_memory < 500 * 2**20, f"{most_memory / 2**20:.0f} MiB of memory"
    (output,) = study.path.glob("experiments/*/stdout.txt")
    assert 2**26 <= output.stat().st_size < 2**26 + 1000
    assert b"were dropped" in output.read_bytes()[-300:]
    assert size_of(study.path) < 80 * 2**20
    output.unlink()


def size_of(folder):
    """Return the bytes that the files of a folder take."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).stat().st_blocks * 512
            except FileNotFoundError:
                continue
    return total


def test_a_million_configs_begin_at_once_take_no_room_and_go_on_after_a_kill(study, soon):
    study.whole = False  # that takes ten minutes
    log = study.folder / "runs"

    def add(x, y):
        with log.open("a") as file:
            file.write(f"{x} {y}\n")
        return x + y

    def run(**options):
        research = Research("study", Domain(x=range(1000)) * Domain(y=range(1000)))
        research.add_callable("add", add, x=EC("x"), y=EC("y"), save_to="z")
        research.run(**{**study.options, "n_iters": 1, **options})

    killed = study.launch(run)
    soon(lambda: study.path.joinpath("research.db").exists() and done(study) > 500, "first results")
    killed.kill()
    study.check()
    before, runs = study.results.df, Counter(log.read_text().splitlines())
    assert len(before) == done(study)
    assert max(runs.values()) == 1
    resumed = study.launch(lambda: run(resume=True))
    process = psutil.Process(resumed.pid)
    soon(lambda: done(study) > len(before), "the first results of the resumed one")
    first = process.memory_info().rss
    soon(lambda: done(study) > len(before) + 2000, "more results")
    more = process.memory_info().rss - first
    resumed.send(signal.SIGINT)
    assert resumed.wait() == 130, resumed.text
    study.check()
    assert more < 40 * 2**20, f"{more / 2**20:.0f} MiB"
    table, runs = study.results.df, Counter(log.read_text().splitlines())
    assert len(table) == done(study)
    places = table["x"] * 1000 + table["y"]
    assert places.is_unique and places.is_monotonic_increasing
    assert (table["z"] == table["x"] + table["y"]).all()
    assert before.merge(table).equals(before)
    assert {runs[f"{row.x} {row.y}"] for row in before.itertuples()} == {1}
    assert set(runs.values()) <= {1, 2}


def done(study):
    """Return how many experiments have ended."""
    uri = f"file:{study.path / 'research.db'}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            return connection.execute("SELECT count(*) FROM experiments WHERE status = 'done'").fetchone()[0]
    except sqlite3.OperationalError:  # not quite there yet
        return 0
