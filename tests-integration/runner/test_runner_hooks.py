"""Hooks of users see what experiments do, wherever they run."""

from pathlib import Path

import pytest

from research_runner import OptionError
from research_runner.pool.errors import TravelError
from research_stack import EC, EP, Domain, E, Executor, Experiment, Hook, Research


class Notes(Hook):
    """Writes down what it is told into the folder of the experiment."""

    def __init__(self, name="notes"):
        self.name = name

    def _note(self, experiment, text):
        with (experiment.path / self.name).open("a") as file:
            file.write(f"{text}\n")

    def started(self, experiment):
        self._note(experiment, "started")

    def called(self, experiment, unit, started_s, elapsed_s):
        self._note(experiment, f"called {unit}")

    def iterated(self, experiment):
        self._note(experiment, f"iterated {experiment.iteration}")

    def failed(self, experiment, failure):
        self._note(experiment, f"failed in {failure.unit}")

    def ended(self, experiment):
        self._note(experiment, f"ended, failed: {experiment.is_failed}")


def study(name="watched"):
    return Research(name, Domain(x=[0, 1])).add_callable("invert", lambda x: 1 / x, x=EC("x"), save_to="y")


@pytest.mark.parametrize("options", [{"parallel": False}, {"workers": 2}, {"branches": 2}], ids=str)
def test_hooks_are_told_in_every_kind_of_run(options):
    research = study().run(bar=False, quiet=True, hooks=[Notes(), Notes("more")], n_iters=2, **options)
    ended = {row["id"]: row["status"] for row in research.results.experiments.to_dict("records")}
    for experiment_id, status in ended.items():
        folder = Path("watched/experiments") / experiment_id
        told = (folder / "notes").read_text().splitlines()
        assert told == (folder / "more").read_text().splitlines()
        if status == "done":
            rounds = [line for n in range(2) for line in ("called invert", f"iterated {n}")]
            assert told == ["started", *rounds, "ended, failed: False"]
        else:
            assert told == [
                "started",
                "called invert",
                "failed in invert",
                "iterated 0",
                "ended, failed: True",
            ]


def test_a_hook_that_raises_changes_nothing():
    class Broken(Hook):
        def iterated(self, experiment):
            raise ValueError("broken")

    research = Research("watched", Domain(x=[1, 2])).add_callable("same", lambda x: x, x=EC("x"), save_to="y")
    assert research.run(bar=False, hooks=[Broken()]).results.df["y"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("hooks", "hint"), [(Notes, r"call it: Notes\(\)"), ([print], "subclasses of Hook"), ("ab", "got 'a'")]
)
def test_what_is_no_hook_is_refused(hooks, hint):
    with pytest.raises(OptionError, match=f"hooks: .*{hint}"):
        study().run(hooks=hooks)


def test_a_hook_that_cannot_travel_is_named(tmp_path_factory):
    with (tmp_path_factory.mktemp("open") / "file").open("w") as file:
        hook = Notes()
        hook.file = file
        with pytest.raises(TravelError, match="hook"):
            study().run(hooks=[hook], bar=False)
    assert not Path("watched").exists()


def test_an_executor_has_a_seed():
    experiment = Experiment().add_callable(
        "draw", lambda rng: float(rng.random()), rng=E().random, save_to="y"
    )

    def draws(**options):
        return [
            each.results["y"][0]
            for each in Executor(experiment, [{"x": 1}, {"x": 2}], **options).run().experiments
        ]

    assert draws(seed=1) == draws(seed=1) != draws(seed=2)
    assert draws() == draws() == draws(seed=0)
    assert draws(seed=True) != draws(seed=True)
    assert len(set(draws(seed=1))) == 2


def test_the_folder_is_there_for_hooks_and_units_alike():
    research = Research("watched").add_callable("where", lambda path: path.name, path=EP(), save_to="y")
    research.run(bar=False, hooks=[Notes()])
    (experiment_id,) = research.results.experiments["id"]
    assert research.results.df["y"].tolist() == [experiment_id]
    assert Path(f"watched/experiments/{experiment_id}/notes").exists()
