"""The example study: its table, its folder and its picture."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits.py"


def test_the_digits_study_ends_with_a_table_and_a_picture():
    done = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, check=True)
    summary, header, *rows = done.stdout.splitlines()
    assert summary.startswith("75 done, 0 failed in ")
    assert header.split() == ["model", "units", "rate", "depth", "features", "mean", "std", "count"]
    assert sum(row.split()[:1] in (["forest"], ["network"]) for row in rows) == 25
    assert "The best is a forest with" in done.stdout
    assert Path("digits.png").read_bytes().startswith(b"\x89PNG")
    assert Path("digits/research.db").exists()
