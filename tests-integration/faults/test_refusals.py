"""What cannot work is refused before anything is made, and says what to do."""

import json
import os
import signal
import socket

import pytest

from research_runner.errors import ChangedError
from research_stack import Domain, Research


def hold(x, marks):
    """Say who is here, and wait."""
    marks.set(f"here-{x}", os.getpid())
    marks.wait("go on")


def contents(folder):
    """Return the content of every file."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_a_unit_that_cannot_travel_is_named_and_nothing_is_made(study, method):
    study.whole, letters = False, (letter for letter in "ab")

    def run():
        research = study.research().add_callable("guarded", lambda: next(letters))
        research.run(**{**study.options, "start_method": method})

    coordinator = study.launch(run)
    assert coordinator.wait() == 1
    assert "TravelError" in coordinator.text
    assert "guarded" in coordinator.text
    assert "letters" in coordinator.text
    assert "generator" in coordinator.text
    assert not study.path.exists()


def test_an_existing_name_is_refused_with_what_can_be_done(study):
    assert study.run().exit_code == 0
    before = contents(study.path)
    again = study.run()
    assert again.exit_code == 1
    for word in ("ResearchExistsError", "resume=True", "research resume", "another name", "Research.remove"):
        assert word in again.text
    assert contents(study.path) == before


def test_a_second_process_is_refused_and_told_who_runs(study, always):
    study.fault = always(hold)
    first = study.start()
    study.marks.wait("here-2")
    second = study.start(resume=True)
    assert second.wait() == 1
    assert "LockedError" in second.text
    assert socket.gethostname() in second.text
    assert str(first.pid) in second.text
    study.marks.set("go on")
    assert first.wait() == 0, first.text
    assert set(study.states().values()) == {"done"}
    assert study.runs(2) == 1


def test_the_lock_of_a_dead_coordinator_is_taken_over(study, always):
    study.fault = always(hold)
    coordinator = study.start()
    study.reach_the_middle()
    coordinator.kill()
    lock = study.path / "research.lock"
    assert json.loads(lock.read_text())["pid"] == coordinator.pid
    study.resume()
    assert not lock.exists()


def test_the_lock_of_another_host_is_believed_until_it_is_removed(study, always):
    study.fault = always(hold)
    coordinator = study.start()
    study.reach_the_middle()
    coordinator.kill()
    lock = study.path / "research.lock"
    lock.write_text(json.dumps({"host": "elsewhere", "pid": 7}))
    refused = study.run(resume=True)
    assert refused.exit_code == 1
    for word in ("LockedError", "process 7 on host 'elsewhere'", "remove the file research.lock"):
        assert word in refused.text
    lock.unlink()


def test_a_domain_without_an_end_is_refused_unless_that_is_meant(study):
    study.whole = False

    class Endless:
        def sample(self, size):
            return [[0.5]] * (size or 1)

    def run(**options):
        Research("study", Domain(x=Endless())).add_callable(lambda: 1).run(**study.options, **options)

    coordinator = study.launch(run)
    assert coordinator.wait() == 1
    for word in ("OptionError", "infinite", "n_configs", "infinite=True"):
        assert word in coordinator.text
    assert not study.path.exists()


def fail(x, marks):
    raise RuntimeError("always the same")


@pytest.mark.parametrize("canary", [4, None])
def test_a_research_that_is_hopeless_is_given_up(study, canary):
    study.values = list(range(50))
    study.fault = fail
    coordinator = study.run(**({} if canary is None else {"canary": canary}))
    assert coordinator.exit_code == 1
    assert f"HopelessError: the first {6 if canary is None else canary} experiments" in coordinator.text
    assert coordinator.text.count('raise RuntimeError("always the same")') == 1
    for word in ("canary=0", "retry_failed=True", "stored in study", "research resume study"):
        assert word in coordinator.text
    states = list(study.states().values())
    assert (canary or 6) <= states.count("failed") < 50


def test_a_research_that_is_hopeless_goes_on_when_that_is_meant(study):
    study.fault, study.values = fail, list(range(20))
    coordinator = study.run(canary=0)
    assert coordinator.exit_code == 0, coordinator.text
    assert set(study.states().values()) == {"failed"}
    again = study.run(resume=True)
    assert again.exit_code == 0, again.text
    assert {study.runs(x) for x in range(20)} == {1}  # failed ones are kept


def test_a_research_that_ever_had_a_success_is_not_given_up(study):
    def fail_but_first(x, marks):
        if x:
            fail(x, marks)

    study.fault, study.values = fail_but_first, [0]
    assert study.run().exit_code == 0
    study.values = list(range(20))
    coordinator = study.run(resume=True)
    assert coordinator.exit_code == 0, coordinator.text
    assert study.states() == {**dict.fromkeys(range(20), "failed"), 0: "done"}


def test_a_research_whose_workers_all_crash_is_given_up(study):
    study.values = list(range(30))

    def crash(x, marks):
        os.kill(os.getpid(), signal.SIGSEGV)

    study.fault = crash
    coordinator = study.run(canary=3, max_attempts=1)
    assert coordinator.exit_code == 1
    assert "HopelessError" in coordinator.text


def test_units_that_changed_are_named_and_force_goes_on(study, always):
    study.fault = always(hold)
    coordinator = study.start()
    study.reach_the_middle()
    coordinator.kill()
    study.check()
    study.parts -= {"noise"}
    refused = study.run(resume=True)
    assert refused.exit_code == 1
    assert "ChangedError" in refused.text
    assert "'noise' was removed" in refused.text
    study.marks.set("calm")
    forced = study.run(resume="force")
    assert forced.exit_code == 0, forced.text
    assert study.run(resume=True).exit_code == 0
    assert set(study.states().values()) == {"done"}
    study.whole = False


def test_another_number_of_iterations_is_named_as_well(study):
    assert study.run().exit_code == 0
    refused = study.run(resume=True, n_iters=3)
    assert refused.exit_code == 1
    assert "n_iters was 2 and is 3" in refused.text
    forced = study.run(resume="force", n_iters=3)
    assert forced.exit_code == 0, forced.text
    assert study.run(resume=True, n_iters=3).exit_code == 0
    study.options["n_iters"], study.whole = 3, False


def test_of_a_domain_that_has_grown_only_the_new_configs_run(study):
    study.values = [3, 1]
    assert study.run().exit_code == 0
    study.values = [3, 1, 5, 0]
    assert study.run(resume=True).exit_code == 0
    assert [study.runs(x) for x in (3, 1, 5, 0)] == [1, 1, 1, 1]
    assert list(study.states()) == [3, 1, 5, 0]


def test_a_refused_resume_holds_no_lock(study):
    assert study.run().exit_code == 0
    study.parts -= {"noise"}

    def run():
        try:
            study.research().run(**{**study.options, "resume": True})
        except ChangedError:
            study.research().run(**{**study.options, "resume": "force"})

    coordinator = study.launch(run)
    assert coordinator.wait() == 0, coordinator.text
    study.whole = False


def test_other_numbers_of_global_generators_are_named_as_well(study):
    assert study.run().exit_code == 0
    refused = study.run(resume=True, seed_globals=False)
    assert refused.exit_code == 1
    assert "seed_globals was True and is False" in refused.text
