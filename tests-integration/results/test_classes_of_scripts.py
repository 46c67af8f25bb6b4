"""Values whose classes live in a script come back as instances of these very classes."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
from enum import Enum
from research_stack import EC, Domain, Research, ResearchResults

class Net:
    def __init__(self, size):
        self.size = size

class Color(Enum):
    RED = 1

research = Research("nets", Domain(size=[1, 2])).add_callable("net", Net, size=EC("size"), save_to="net")
research.add_callable("color", lambda: Color.RED, save_to="color").run(dump_results=DUMP, bar=False)
results = ResearchResults("nets", allow_pickle=True) if DUMP else research.results
for values in results.load_results().values():
    assert type(values["net"][0]) is Net, values
    assert values["color"][0] is Color.RED, values
print("done")
"""

STRANGER = """
from research_stack import ResearchResults
for values in ResearchResults("nets", allow_pickle=True).load_results().values():
    print(values["net"][0].size, type(values["color"][0]).__name__)
"""


def run_script(text):
    Path("script.py").write_text(text)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_they_come_back_from_memory():
    assert run_script(SCRIPT.replace("DUMP", "False")) == "done\n"


def test_they_come_back_from_a_folder():
    assert run_script(SCRIPT.replace("DUMP", "True")) == "done\n"


def test_a_stranger_gets_what_can_be_brought_back_and_the_rest_stays_opaque():
    run_script(SCRIPT.replace("DUMP", "True"))
    assert run_script(STRANGER) == "1 Opaque\n2 Opaque\n"
