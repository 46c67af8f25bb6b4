"""Many short experiments that are sent ahead, among which some take their worker with them."""

import os
import signal
import time
from collections import Counter

from research_stack import EC, Domain, Research

COUNT = 1000
FATAL = (125, 375, 625, 875)


def note(file, x):
    """Add a line, whoever else does so at the same time."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, b"%d\n" % x)
    os.close(handle)


def test_what_has_ended_survives_the_death_of_its_worker_and_runs_once(tmp_path):
    file = tmp_path / "ran.txt"

    def square(x, note=note, fatal=FATAL):
        note(file, x)
        if x in fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return x * x

    research = Research("short", Domain(x=range(COUNT))).add_callable(
        "square", square, x=EC("x"), save_to="y"
    )
    research.run(workers=2, start_method="fork", bar=False, quiet=True)

    ran = Counter(map(int, file.read_text().split()))
    states, configs = research.results.experiments.set_index("id")["status"], research.results.load_configs()
    values = research.results.df.dropna(subset=["y"]).set_index("x")["y"].to_dict()
    healthy = [x for x in range(COUNT) if x not in FATAL]
    assert sorted(configs[who]["x"] for who, state in states.items() if state != "done") == list(FATAL)
    assert set(states) == {"done", "failed"}
    assert {x: ran[x] for x in healthy} == dict.fromkeys(healthy, 1)
    assert {x: ran[x] for x in FATAL} == dict.fromkeys(FATAL, 2)  # max_attempts
    assert values == {x: x * x for x in healthy}


def test_experiments_in_this_process_are_on_disk_while_others_run(tmp_path):
    seen = []

    def square(x):
        time.sleep(0.001)
        if x in (200, 400):
            seen.append(len(Research.load(tmp_path / "short").results.df))
        return x * x

    research = Research(tmp_path / "short", Domain(x=range(401)))
    research.add_callable("square", square, x=EC("x"), save_to="y").run(parallel=False, bar=False, quiet=True)
    assert 0 < seen[0] <= 200 < seen[1] <= 400
