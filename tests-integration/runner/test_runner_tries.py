"""Configs that are put into a running search: tried next, refused in words, and tried again by a resume."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from research_command.main import main
from research_results import ResultsError
from research_runner import RunnerError
from research_runner.recording.tries import answer_to, put_in
from research_runner.searching import Verdict
from research_runner.testing import wait_until
from research_stack import EC, ConfigAlias, Domain, Hook, Research

DOMAIN = (Domain(kind=["plain"]) + Domain(kind=["made"], how=[max, min])) * Domain(x=list(range(60)))


@dataclass(frozen=True)
class Nearby:
    """Goes on from the best config that it was told."""

    def make(self, context):
        return Neighbours()


class Neighbours:
    variables, steps = ("loss",), "%0"

    def begin(self, domain, history):
        self.told, self.given = [], []

    def ask(self, question):
        self.given.append(question.config)
        best = min(((told.values, told.config["x"]) for told in self.told if told.values), default=(0, 0))
        return ConfigAlias({"kind": "plain", "x": (best[1] + question.seed % 7) % 60})

    def report(self, number, step, values, seen):
        others = [told.values for told in self.told[:seen] if told.values]
        return Verdict.STOP if len(others) > 3 and values > min(others) else Verdict.CONTINUE

    def tell(self, told):
        self.told.append(told)


def train(kind, x, how=None):
    for step in range(3):
        yield abs(x - 31) + step / 10


def study(name="study"):
    return Research(name, DOMAIN, n_configs=14).add_generator("train", train, kwargs=EC(), save_to="loss")


class At(Hook):
    """Does something when the experiment with a number begins, counted over all runs."""

    def __init__(self, orders):
        self.orders = orders

    def started(self, experiment):
        with Path("runs").open("a") as file:
            file.write("x")
        self.orders.get(Path("runs").stat().st_size, lambda: None)()


def run(orders=None, name="study", **options):
    Path("runs").unlink(missing_ok=True) if not options.get("resume") else None
    hooks = [At(orders or {})]
    given = {"search": Nearby(), "slots": 4, "seed": 3, "bar": False, "parallel": False, **options}
    return study(name).run(hooks=hooks, **given)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def put(config, name="study"):
    return lambda: put_in(Path(name), config)


def stop():
    raise KeyboardInterrupt


MADE = {"kind": "made", "how": "max", "x": 30}


def test_a_config_that_is_put_in_is_the_next_one_and_is_learned_from():
    research = run({3: put(MADE)})
    assert [dict(config) for config in research.search.given if config] == [{**MADE, "how": max}]
    assert len(research.results.experiments) == 14
    told = next(told for told in research.search.told if told.config["kind"] == "made")
    assert (told.values, told.status) == ((1.2,), "done")
    (answer,) = map(json.loads, Path("study/tries.jsonl").read_text().splitlines())
    assert (answer["question"], answer["config"]) == (told.number, MADE)
    assert list(Path("study/tries").iterdir()) == []


@pytest.mark.parametrize("order", ["steps", "arrival"])
def test_a_resume_tries_the_same_configs_at_the_same_questions(order):
    options = {"order": order, "slots": 4 if order == "steps" else 16}
    whole = run({3: put(MADE, "whole"), 6: put({"kind": "plain", "x": 40}, "whole")}, "whole", **options)
    with pytest.raises(KeyboardInterrupt):
        run({3: put(MADE), 6: put({"kind": "plain", "x": 40}), 9: stop}, **options)
    answers = Path("study/tries.jsonl").read_text().splitlines()
    Path("study/tries", f"{json.loads(answers[0])['request']}.json").write_text(
        "{}"
    )  # killed before it was removed
    with Path("study/tries.jsonl").open("a") as file:
        file.write('{"request"')  # the power failed
    again = run(resume=True, parallel=order == "steps", **options)
    assert again.results.df.equals(whole.results.df)
    assert whole.search.given == again.search.given
    assert Path("study/tries.jsonl").read_text().splitlines() == answers
    assert list(Path("study/tries").iterdir()) == []


def test_a_config_that_comes_before_a_resume_is_tried_when_the_old_ones_are_known_again():
    whole = run(name="whole").results.df
    with pytest.raises(KeyboardInterrupt):
        run({6: stop})
    put_in(Path("study"), MADE)
    again = run(resume=True)
    told = [(each.number, each.config["kind"]) for each in again.search.told]
    assert next(number for number, kind in told if kind == "made") >= 5
    assert again.results.df.query("kind == 'plain'")["x"].iloc[:5].tolist() == whole["x"].iloc[:5].tolist()


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"kind": "plain", "x": 99}, "no answer is known to lead to the value 99"),
        ({"kind": "plain", "x": 1, "y": 2}, "the domain has no such parameter"),
        ({"kind": "plain"}, "no answers lead to"),
        ({"kind": "made", "how": "mean", "x": 1}, "'mean'"),
        ({"kind": "plain", "x": 5}, "is among the configs of this search already"),
    ],
)
def test_what_cannot_be_tried_is_refused_and_the_search_goes_on(config, reason):
    requests = []
    research = run({2: lambda: requests.append(put_in(Path("study"), config))})
    undisturbed = run(name="undisturbed").results.df
    if config.get("x") == 5:
        config["x"] = int(undisturbed["x"][0])
        Path("study").rename("before")
        research = run({2: lambda: requests.append(put_in(Path("study"), config))})
    assert reason in answer_to(Path("study"), requests[-1])["refused"]
    assert research.results.df.equals(undisturbed)


SCRIPT = """
import sys, time
sys.path.insert(0, {folder!r})
import test_runner_tries as tries

def slow(kind, x, how=None):
    time.sleep(0.02)
    yield abs(x - 31)

if __name__ == "__main__":
    tries.train = slow
    tries.DOMAIN = tries.Domain(kind=["plain"]) * tries.Domain(x=list(range(100_000)))
    tries.Neighbours.ask = lambda self, question: {{"kind": "plain", "x": question.number}}
    tries.Research("study", tries.DOMAIN, n_configs=100_000).add_generator(
        "train", slow, kwargs=tries.EC(), save_to="loss"
    ).run(search=tries.Nearby(), workers=2, bar=False)
"""


def has_rows():
    try:
        return len(Research.load("study").results.df) > 0
    except (RunnerError, ResultsError):  # not there yet
        return False


def test_the_command_puts_a_config_into_a_search_of_another_process(capfd):
    Path("script.py").write_text(SCRIPT.format(folder=str(Path(__file__).parent)))
    with subprocess.Popen([sys.executable, "script.py"], stderr=subprocess.DEVNULL):
        wait_until(has_rows)
        assert main(["try", "study", '{"kind": "plain", "x": 90000}']) == 0
        assert capfd.readouterr().out.startswith("study: is tried next, as question ")
        assert main(["try", "study", '{"kind": "plain", "x": -1}']) == 1
        assert "'study' does not try {'kind': 'plain', 'x': -1}: parameter 'x'" in capfd.readouterr().err
        for wrong in ("{", "[1]", "3"):
            assert main(["try", "study", wrong]) == 2
            assert f"a config is JSON like '{{\"lr\": 0.1}}', got {wrong}" in capfd.readouterr().err
        research = Research.load("study")
        with pytest.raises(RunnerError, match="expected a mapping of what JSON has"):
            research.try_config({"x": max})
        wait_until(lambda: 90000 in set(research.results.df["x"]))
        research.terminate()
    assert main(["try", "study", "{}"]) == 1
    assert "'study' is not running" in capfd.readouterr().err


def test_where_no_search_runs_nothing_is_put_in():
    Research("walk", Domain(x=[1])).add_callable("f", lambda: 1, save_to="y").run(parallel=False, bar=False)
    with pytest.raises(RunnerError, match="'walk' is no search"):
        Research.load("walk").try_config({"x": 1})
    assert not Path("walk/tries").exists()
