"""Write, be killed, look what is there, again and again: ``python crash_driver.py FOLDER SEED ROUNDS``.

Each round forks a writer that acknowledges every commit through a pipe, kills it with SIGKILL at a random
moment, and checks that all acknowledged values are there and that the database is sound. Prints one line at
the end.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from research_results import ResearchResults, ResearchStorage


def value(number, iteration):
    """Return what experiment `number` stores in `iteration`: small, large, or an object."""
    if iteration == 3 and number % 7 == 0:
        return np.full(9000 + number, float(number))
    return (number * 1000 + iteration) / 8 if iteration % 2 else f"{number}/{iteration}"


def write(folder, first, acknowledge):
    """Store experiments until killed; acknowledge each commit."""
    with ResearchStorage(folder) as storage:
        acknowledge("open")
        number = first
        while True:
            name = f"e{number:06}"
            if number % 3:
                storage.add(name, {"n": number}, index=number)
                storage.mark(name, "running", attempt=1)
                for iteration in range(5):
                    storage.put(name, {"x": {iteration: value(number, iteration)}})
                    acknowledge(f"{number} {iteration}")
                storage.mark(name, "done")
                acknowledge(f"{number} done")
            else:
                with storage.transaction():
                    storage.add(name, {"n": number}, index=number)
                    storage.put(name, {"x": {iteration: value(number, iteration) for iteration in range(5)}})
                    storage.mark(name, "done")
                acknowledge(f"{number} done")
            number += 1


def one_round(folder, first, delay_s, early):
    """Return what a writer acknowledged before it was killed; `early` ones may not even have opened."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            write(folder, first, lambda text: os.write(writer, f"{text}\n".encode()))
        except BaseException as error:
            os.write(writer, f"error {error!r}\n".encode())
        os._exit(1)
    os.close(writer)
    lines = os.fdopen(reader)
    opened = [] if early else [lines.readline()]
    time.sleep(delay_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with lines:
        return [line.rstrip("\n") for line in [*opened, *lines] if line.endswith("\n")]


def check(folder, acknowledged):
    """Fail unless everything that was acknowledged is there."""
    results = ResearchResults(folder)
    numbers = {int(line.split()[0]) for line in acknowledged}
    found = results.load_results(experiment_id=[f"e{number:06}" for number in numbers])
    with results._reader.source.reading() as connection:
        statuses = dict(connection.execute("SELECT id, status FROM experiments").fetchall())
    for line in acknowledged:
        number, what = line.split()
        name = f"e{int(number):06}"
        if what == "done":
            assert statuses[name] == "done", line
        for iteration in range(5) if what == "done" else [int(what)]:
            stored, expected = found[name]["x"][iteration], value(int(number), iteration)
            assert np.array_equal(stored, expected), (line, stored)


def sound(folder):
    """Fail unless the database is whole."""
    with ResearchResults(folder)._reader.source.reading() as connection:
        (answer,) = connection.execute("PRAGMA integrity_check").fetchone()
    assert answer == "ok", answer


def main(folder, seed, rounds):
    """Run all rounds and print how many values survived."""
    rng = random.Random(seed)
    every, first = [], 0
    with ResearchStorage(folder):
        pass
    for _ in range(rounds):
        delay_s = rng.choice([0.002, 0.02, 0.1]) * rng.random()
        lines = one_round(folder, first, delay_s, early=rng.random() < 0.2)
        assert not [line for line in lines if line.startswith("error")], lines
        lines = [line for line in lines if line != "open"]
        every += lines
        sound(folder)
        check(folder, lines)
        first = max([first - 1] + [int(line.split()[0]) for line in lines]) + 2
    check(folder, every)
    with ResearchStorage(folder) as storage:
        storage.put("last", {"x": {0: 1.0}})
    assert sorted(path.name for path in Path(folder).glob("research.*")) == [
        *("research.db", "research.json", "research.txt"),
    ]
    print(f"seed {seed}: {rounds} kills, {len(every)} commits acknowledged, all there")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
