"""Sums up the log of nox: the tests of each session, and Pythons that ran; exits with 1 if a test failed."""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
BEGUN = re.compile(r"nox > Running session (.+)")
ENDED = re.compile(r"nox > \* (.+?): (\w+)(.*)")
CLOSING = re.compile(r"=+ (.* in [0-9.]+s.*) =+")  # of pytest: "== 12 passed, 1 skipped in 3.21s =="
COUNT = re.compile(r"(\d+) (passed|failed|error|skipped)")


def main(log: Path) -> int:
    """Print the summary of a log, and return the exit code."""
    tests: dict[str, Counter[str]] = defaultdict(Counter)
    pythons: dict[str, set[str]] = defaultdict(set)
    session = ""
    print()
    for line in COLOUR.sub("", log.read_text(errors="replace")).splitlines():
        if begun := BEGUN.fullmatch(line):
            session = begun[1]
        elif closing := CLOSING.fullmatch(line):
            tests[session].update({what: int(count) for count, what in COUNT.findall(closing[1])})
        elif ended := ENDED.fullmatch(line):
            name, result, took = ended.groups()
            counts = ", ".join(f"{count} {what}" for what, count in tests[name].items())
            print(f"{name:40} {result + took:32} {counts}".rstrip())
            if of_package := re.fullmatch(r"tests-(.+)\(.+\)", name):
                pythons[of_package[1]].add("not found" if result == "skipped" else result)

    for python, results in pythons.items():
        print(f"tests of packages under Python {python}: {', '.join(sorted(results))}")
    total = sum(tests.values(), Counter())
    failed = total["failed"] + total["error"]
    print(f"{total['passed']} passed, {failed} failed, {total['skipped']} skipped")
    if not total["passed"]:
        print("no test ran", file=sys.stderr)
    return int(failed > 0 or not total["passed"])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
