"""From domains to tasks."""

import pytest

from research_domain import Domain, ParameterError
from research_runner.scheduling.source import IterationOptions, Journal, TaskSource, check_names


def all_tasks(source):
    tasks = []
    while True:
        while (task := source.next_task()) is not None:
            tasks.append(task)
        if not source.is_update_due(idle=True):
            return tasks
        source.update()


def test_tasks_group_consecutive_configs():
    source = TaskSource(Domain(x=[1, 2, 3, 4, 5]), IterationOptions(), branches=2)
    tasks = all_tasks(source)
    assert [[spec.config.config()["x"] for spec in task.experiments] for task in tasks] == [
        [1, 2],
        [3, 4],
        [5],
    ]
    assert [spec.index for task in tasks for spec in task.experiments] == list(range(5))


def test_configs_are_taken_only_when_they_are_needed():
    source = TaskSource(Domain(x=list(range(10**6))), IterationOptions())
    source.next_task()
    assert source.generated == 1
    assert source.expected == 10**6
    assert source.tasks_left == 10**6 - 1


def test_an_update_replaces_what_is_left_of_the_domain():
    domain = Domain(x=[1, 2, 3]).set_update(lambda: Domain(x=[4, 5, 6]), ["%5", "%8"])
    tasks = all_tasks(TaskSource(domain, IterationOptions(n_reps=2)))
    values = [task.experiments[0].config.config()["x"] for task in tasks]
    assert values == [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6, 4, 5, 6]


def values(tasks):
    return [[spec.config.config()["x"] for spec in task.experiments] for task in tasks]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"when": "%1"}, [[1, 2], [7, 8, 9]]),
        ({"when": "last"}, [[1, 2, 3], [4], [7, 8, 9]]),
        ({"when": "%1", "wait": True}, [[1, 2], [7, 8, 9]]),
    ],
)
def test_an_update_closes_the_task_that_is_being_filled(rule, expected):
    domain = Domain(x=[1, 2, 3, 4]).set_update(
        lambda once=iter([Domain(x=[7, 8, 9])]): next(once, None), **rule
    )
    assert values(all_tasks(TaskSource(domain, IterationOptions(), branches=3))) == expected


@pytest.mark.parametrize(("wait", "expected"), [(True, [[1, 2], [3, 4]]), (False, [[1, 2, 3], [4]])])
def test_a_function_that_returns_none_closes_a_task_only_if_it_waited(wait, expected):
    domain = Domain(x=[1, 2, 3, 4]).set_update(lambda: None, "%1", wait=wait)
    assert values(all_tasks(TaskSource(domain, IterationOptions(), branches=3))) == expected


def test_an_update_that_waits_is_due_when_all_is_idle_and_no_task_comes_before():
    source = TaskSource(Domain(x=[1, 2]).set_update(lambda: None, "%0", wait=True), IterationOptions())
    assert source.next_task() is not None
    assert source.next_task() is None
    assert not source.is_update_due(idle=False)
    assert source.is_update_due(idle=True)
    source.update()
    assert not source.is_update_due(idle=True)
    assert source.next_task() is not None


def test_the_function_is_asked_once_after_as_many_configs():
    asked = []

    def nothing():
        asked.append(1)
        return Domain(x=[1]).where(lambda config: False)

    all_tasks(TaskSource(Domain(x=[1, 2]).set_update(nothing, [2, "last"]), IterationOptions()))
    assert len(asked) == 1


class Recorded(Journal):
    """The journal of an earlier run that had generated some configs."""

    def __init__(self, known, records):
        super().__init__()
        self.known, self.records = known, records

    def passed(self, generated):
        return generated < self.known

    def recorded(self, generated, due):
        assert due or generated not in self.records
        return self.records.get(generated)

    def record(self, generated, domain, by):
        self.records[generated] = domain


@pytest.mark.parametrize("known", range(14))
@pytest.mark.parametrize("branches", [1, 3])
def test_updates_are_repeated_and_the_function_is_asked_where_the_earlier_run_did_not_come(known, branches):
    def grow(asked):
        asked.append(1)
        return Domain(x=[10 * len(asked), 10 * len(asked) + 1]) if len(asked) < 5 else None

    def run(journal, asked):
        rule = {"when": [5, "last"], "n_reps": 2, "asked": asked}
        domain = Domain(x=[1, 2]).set_update(grow, **rule)
        return all_tasks(TaskSource(domain, IterationOptions(seed=1), branches, journal=journal))

    whole = Recorded(0, {})
    expected, asked = run(whole, []), []
    assert len(whole.records) == 4
    before = {generated: domain for generated, domain in whole.records.items() if generated <= known}
    asked += [1] * len(before)
    again = run(Recorded(known, before), asked)
    assert again == expected


def test_ids_are_unique_where_configs_repeat():
    tasks = all_tasks(TaskSource(Domain(x=[1, 1, 1]), IterationOptions(n_reps=2)))
    ids = [task.experiments[0].identity.id for task in tasks]
    assert len(set(ids)) == 6


def test_the_domain_of_the_user_is_not_changed():
    domain = Domain(x=[1, 2])
    all_tasks(TaskSource(domain, IterationOptions(n_items=1, n_reps=5)))
    assert domain.size == 2


def test_parameter_with_half_of_a_surrogate_pair_in_its_name_is_refused():
    with pytest.raises(ParameterError, match="surrogate"):
        check_names(Domain({"caf\udce9": [1]}))
