"""A round of a loop, over a storage that notes what it is told."""

from contextlib import nullcontext

import pytest

from research_domain import ConfigAlias, Identifier
from research_results.errors import ArgumentError
from research_results.storage.recording import ExperimentRecorder

CONFIG = {"lr": 0.1}


class Noting:
    """A storage of experiments in some states, as far as a round needs one."""

    def __init__(self, states=None, *, has_other_writers=False, removed=()):
        self.states = states or {}
        self.has_other_writers = has_other_writers
        self.removed = frozenset(removed)
        self.rounds = set()
        self.told = []

    def state(self, experiment_id):
        return self.states.get(experiment_id)

    def check_there(self, experiment_id):
        raise ArgumentError("experiment_id", f"{experiment_id!r} was removed")

    def transaction(self):
        return nullcontext()

    def add(self, experiment_id, config, *, digest):
        self.told.append(("add", experiment_id, dict(config.config()), digest is not None))

    def mark(self, experiment_id, status, **details):
        self.told.append(("mark", experiment_id, status, details))

    def put(self, experiment_id, values):
        self.told.append(("put", experiment_id, values))


def names(count):
    """Return the names that the config gets, one after another."""
    identifier = Identifier()
    return [identifier.identify(ConfigAlias(CONFIG)).id for _ in range(count)]


def test_a_round_is_added_begun_written_and_ended():
    storage = Noting()
    with ExperimentRecorder(storage, CONFIG, "a") as run:
        assert run.iteration == -1 and storage.rounds == {"a"}
        run.put(loss=0.5)
        run.put(7, loss=0.25)
        assert run.iteration == 7
    added, begun, *values, ended = storage.told
    assert added == ("add", "a", CONFIG, False)
    assert begun[:3] == ("mark", "a", "running") and begun[3].keys() == {"attempt", "started"}
    assert values == [("put", "a", {"loss": {0: 0.5}}), ("put", "a", {"loss": {7: 0.25}})]
    assert ended[:3] == ("mark", "a", "done") and ended[3]["iterations"] == 8 and ended[3]["elapsed_s"] >= 0
    assert storage.rounds == set()


def test_an_exception_ends_a_round_and_goes_on():
    storage = Noting()
    with pytest.raises(ZeroDivisionError), ExperimentRecorder(storage, CONFIG, "a") as run:
        run.put(loss=0.5)
        1 / 0
    _, _, status, details = storage.told[-1]
    failure = details["failure"]
    assert (status, failure.type, failure.iteration) == ("failed", "ZeroDivisionError", 1)
    assert storage.rounds == set()


def test_attempts_are_counted_on():
    (name,) = names(1)
    storage = Noting({name: ("lost", 2)})
    with ExperimentRecorder(storage, CONFIG, None):
        pass
    assert [told[3]["attempt"] for told in storage.told if told[0] == "mark"] == [3, 3]


@pytest.mark.parametrize("status", ["done", "failed"])
def test_a_config_that_has_ended_gets_the_next_name(status):
    first, second = names(2)
    assert ExperimentRecorder(Noting({first: (status, 1)}), CONFIG, None).id == second
    assert ExperimentRecorder(Noting({first: (status, 1)}), CONFIG, None, skip_done=True).id == first


@pytest.mark.parametrize("has_other_writers", [True, False])
def test_what_another_process_runs_is_left_to_it(has_other_writers):
    (name,) = names(1)
    storage = Noting({name: ("running", 1)}, has_other_writers=has_other_writers)
    with ExperimentRecorder(storage, CONFIG, None, skip_done=True) as run:
        assert run.is_done is has_other_writers
    assert (storage.told == []) is has_other_writers


def test_what_was_removed_is_skipped_or_refused():
    storage = Noting({"a": ("done", 1)}, removed={"a"})
    assert ExperimentRecorder(storage, CONFIG, "a", skip_done=True).is_done
    with pytest.raises(ArgumentError, match="'a' was removed"):
        ExperimentRecorder(storage, CONFIG, "a")
