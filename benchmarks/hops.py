"""Which functions one config and one value pass through, from the domain to a cell of the table.

``python benchmarks/hops.py`` runs one experiment inline, with a hook that looks at each call of our own
functions, and prints how many calls, functions and files held the config, and the value: among the arguments
or in what is returned, itself or inside of containers and of our objects. ``--list`` prints the functions as
well, in the order of their first calls. A diagnostic without a limit: it shows what a reader has to follow.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from research_stack import EC, Domain, Research

CONFIG = 0.12345678901
VALUE = 8 * CONFIG
DEPTH = 4
"""How many containers may be around what is looked for."""


def holds(found: Any, number: float, depth: int = DEPTH) -> bool:
    """Tell whether this is the number that is followed, or has it inside."""
    if isinstance(found, (str, bytes, int, float, type(None))):
        return found == number
    return depth > 0 and any(holds(inner, number, depth - 1) for inner in parts(found))


def parts(found: Any) -> Iterator[Any]:
    """Yield what a container, or an object of one of our packages, has directly inside."""
    if isinstance(found, dict):
        yield from list(found.values())
    elif isinstance(found, (list, tuple, set, frozenset)):
        yield from list(found)
    elif type(found).__module__.startswith("research_"):
        yield from list(getattr(found, "__dict__", {}).values())
        for kind in type(found).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                yield getattr(found, slot, None)


class Follower:
    """A hook of `sys.setprofile` that notes the calls that hold a number."""

    def __init__(self, number: float) -> None:
        self.number = number
        self.calls: list[tuple[str, str]] = []

    def __call__(self, frame: Any, event: str, given: Any) -> None:
        file = frame.f_code.co_filename
        if event not in ("call", "return") or "research_" not in file or file == __file__:
            return
        sys.setprofile(None)
        try:
            count = frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount
            names = frame.f_code.co_varnames[:count]
            arguments = [frame.f_locals.get(name) for name in names if name != "self"]
            seen = [given] if event == "return" else arguments
            if any(holds(one, self.number) for one in seen):
                self.calls.append(
                    (file.split("/src/")[-1].split("site-packages/")[-1], frame.f_code.co_qualname)
                )
        finally:
            sys.setprofile(self)


def follow(number: float) -> list[tuple[str, str]]:
    """Run one experiment, read its table, and return the calls that held a number."""
    follower = Follower(number)
    with tempfile.TemporaryDirectory() as folder:
        sys.setprofile(follower)
        try:
            research = Research(f"{folder}/study", Domain(x=[CONFIG]))
            research.add_callable("unit", lambda x: 8 * x, x=EC("x"), save_to="y")
            research.run(bar=False, parallel=False).results.to_df()
        finally:
            sys.setprofile(None)
    return follower.calls


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    for name, number in (("config", CONFIG), ("value", VALUE)):
        calls = follow(number)
        functions = list(dict.fromkeys(calls))
        files = {file for file, _ in functions}
        print(f"{name:>8}: {len(calls):4} calls, {len(functions):4} functions, {len(files):3} files")
        if arguments.list:
            for file, function in functions:
                print(f"          {file}: {function}")
