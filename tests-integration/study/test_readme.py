"""The example of the README prints what the README shows."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def block(kind, text):
    return re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL).group(1)


def test_the_example_prints_the_table_that_is_shown():
    text = README.read_text()
    code, shown = (block(kind, text) for kind in ("python", "text"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    without_time = [re.sub(r"in [\d.]+ s", "in 0 s", output) for output in (done.stdout, shown)]
    assert without_time[0] == without_time[1]
