"""What recording the user's code costs: a project of 200 modules with 40 functions each.

``python benchmarks/modules.py`` prints how long it takes to find and read the modules, to make them bytes for
workers, and to keep them in the folder, as the best of several times; and the time of a run of one experiment
that reaches them, beside that of one that reaches none. The first is limited; it is spent while the
supervisor of the workers starts.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from research_runner.code.record import CodeRecord
from research_stack import EC, Domain, Research

MODULES, FUNCTIONS, ROUNDS = 200, 40, 7
MOST_RECORD_MS = 50.0
FUNCTION = """
def f{n}(x, y=1):
    '''Function {n} of this module.'''
    z = [x * k for k in range(y)]
    return sum(z) + {n}
"""


def make_project(folder: Path) -> Callable[[int], int]:
    """Write and import a package of modules, each of which imports another one; return a function of it."""
    body = "".join(FUNCTION.format(n=n) for n in range(FUNCTIONS))
    for number in range(MODULES):
        package = folder / "project" / f"part{number // 20}"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        before = f"from project.part{number // 40}.m{number // 2} import f1 as before\n" if number else ""
        (package / f"m{number}.py").write_text(f"import os, json\n{before}{body}")
    (folder / "project" / "__init__.py").touch()
    an_hour_ago = time.time() - 3600
    for path in (folder / "project").rglob("*.py"):
        os.utime(path, (an_hour_ago, an_hour_ago))
    sys.path.insert(0, str(folder))
    for number in range(MODULES):
        last = importlib.import_module(f"project.part{number // 20}.m{number}")
    function: Callable[[int], int] = last.f1
    return function


def best_ms(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the shortest time of a call, in milliseconds."""
    best = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun)
    return best * 1e3


def run_ms(name: str, function: Callable[[int], int]) -> float:
    def run() -> None:
        shutil.rmtree(name, ignore_errors=True)
        Research(name, Domain(x=[1])).add_callable("f", function, x=EC("x"), save_to="y").run(bar=False)

    return best_ms(run, 5)


def main() -> int:
    folder = Path(tempfile.mkdtemp())
    os.chdir(folder)
    function = make_project(folder)
    record = CodeRecord.of([function])
    version = record.version({})

    def save() -> None:
        shutil.rmtree(folder / "kept", ignore_errors=True)
        record.save(folder / "kept", version)

    record_ms = best_ms(lambda: CodeRecord.of([function]))
    print(f"{len(record.modules)} modules recorded in {record_ms:.1f} ms (at most {MOST_RECORD_MS:.0f})")
    print(f"made bytes for workers in {best_ms(lambda: record.encode('listing')):.1f} ms")
    print(f"kept in a folder in {best_ms(save):.1f} ms")
    with_modules, without = run_ms("with", function), run_ms("without", lambda x: x)
    print(f"a run of one experiment: {with_modules:.0f} ms, without modules {without:.0f} ms")
    return int(record_ms > MOST_RECORD_MS)


if __name__ == "__main__":
    sys.exit(main())
