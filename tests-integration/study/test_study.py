"""A research from its first line to its table, as a user writes it."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from research_runner import RunnerError
from research_stack import EC, Domain, E, O, Option, Research, ResearchResults


def study(name="powers"):
    domain = Domain(base=[2, 3]) * Domain(exponent=[1, 2]) + Option("base", [10]) * Option("exponent", [0])
    return (
        Research(name, domain, n_reps=2)
        .add_callable(
            "power", lambda base, exponent: base**exponent, base=EC("base"), exponent=EC("exponent")
        )
        .add_generator(
            "noise", lambda random: (random.normal() for _ in range(3)), random=E().random, save_to="noise"
        )
        .save(O("power"), "power")
    )


@pytest.fixture
def finished():
    return study().run(workers=2, seed=5, bar=False)


def test_the_table_has_configs_iterations_and_variables(finished):
    table = finished.results.df
    assert list(table.columns) == ["id", "base", "exponent", "iteration", "noise", "power"]
    assert len(table) == 5 * 2 * 4  # the iteration in which the generator ends is the fourth
    assert table["noise"].isna().sum() == 10
    assert (table["power"] == table["base"] ** table["exponent"]).all()


def test_the_table_can_be_loaded_without_the_code(finished):
    script = (
        "from research_stack import Research; print(Research.load('powers').results.df.to_csv(index=False))"
    )
    text = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert text.strip() == finished.results.df.to_csv(index=False).strip()


def test_the_folder_is_one_database_and_a_description(finished):
    names = {path.name for path in Path("powers").iterdir()}
    assert names == {"research.db", "research.json", "research.txt", "research.log", "settings.dill", "code"}
    with sqlite3.connect("powers/research.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    "options",
    [
        {"parallel": False},
        {"workers": 1},
        {"workers": 3},
        {"workers": 2, "branches": 2},
        {"dump_results": False},
    ],
    ids=str,
)
def test_the_same_seed_gives_the_same_table(finished, options):
    other = study("other").run(seed=5, bar=False, **options)
    pd.testing.assert_frame_equal(finished.results.df, other.results.df)


def test_another_seed_gives_other_noise(finished):
    other = study("other").run(seed=6, bar=False)
    assert not finished.results.df["noise"].equals(other.results.df["noise"])


def test_an_existing_folder_is_refused_and_nothing_in_it_is_changed(finished):
    before = {path: path.read_bytes() for path in Path("powers").rglob("*") if path.is_file()}
    with pytest.raises(FileExistsError, match="already exists, and nothing in it was changed"):
        study().run(bar=False)
    assert {path: path.read_bytes() for path in Path("powers").rglob("*") if path.is_file()} == before


def test_a_failing_unit_is_in_the_results_with_its_traceback():
    def check(x):
        if x == 2:
            raise ValueError("two is too much")
        return x

    research = Research("checks", Domain(x=[1, 2, 3])).add_callable("check", check, x=EC("x"), save_to="y")
    research.run(workers=2, bar=False)
    assert research.results.df["y"].dropna().tolist() == [1, 3]
    (failure,) = ResearchResults("checks").failures.to_dict("records")
    assert failure["unit"] == "check"
    assert "ValueError: two is too much" in failure["traceback"]


def test_a_study_can_be_removed_but_nothing_else(finished, own_folder):
    (own_folder / "precious").mkdir()
    with pytest.raises(ValueError, match="is not the folder of a research"):
        Research.remove("precious", ask=False)
    Research.remove("powers", ask=False)
    assert not Path("powers").exists()
    assert Path("precious").exists()


def test_values_that_are_not_a_list_are_refused_by_name():
    with pytest.raises(ValueError, match="rate"):
        Domain(rate="0.1")


def test_a_function_of_a_module_travels():
    module = Path("my_units.py")
    module.write_text("def double(x):\n    return 2 * x\n")
    script = (
        "from my_units import double\n"
        "from research_stack import *\n"
        "research = Research('doubles', Domain(x=[1, 2])).add_callable(double, x=EC('x'), save_to='y')\n"
        "print(research.run(workers=2, bar=False).results.df['y'].tolist())\n"
    )
    Path("script.py").write_text(script)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[2, 4]"


def test_failures_find_their_reader_on_the_terminal_in_the_log_and_later(capfd):
    def fail_wide(width):
        if width == 16:
            raise RuntimeError("boom")

    domain = Domain(width=[8, 16]) * Domain(rate=[0.1, 0.2])
    Research("wide", domain).add_callable("train", fail_wide, width=EC("width")).run(bar=False)
    headline = "2 of 4 failed: RuntimeError: boom, in 'train' at iteration 0; all with width=16"
    err = capfd.readouterr().err
    assert err.startswith(headline) and err.endswith(", or: research show wide --failures\n")
    log = Path("wide/research.log").read_text()
    assert headline in log and log.count("Traceback (most recent call last)") == 1
    assert ResearchResults("wide").failure_report().headline == headline
    Research.load("wide", trusted=True).run(bar=False)
    assert capfd.readouterr().err.startswith(headline)
    with pytest.raises(RunnerError, match="2 of 4 failed"):
        Research.load("wide", trusted=True).run(bar=False, raise_on_failure=True)
