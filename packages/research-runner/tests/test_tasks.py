"""From domains to tasks."""

from research_domain import Domain
from research_runner.scheduling.source import IterationOptions, TaskSource


def all_tasks(source):
    tasks = []
    while (task := source.next_task()) is not None:
        tasks.append(task)
    return tasks


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


def test_ids_are_unique_where_configs_repeat():
    tasks = all_tasks(TaskSource(Domain(x=[1, 1, 1]), IterationOptions(n_reps=2)))
    ids = [task.experiments[0].identity.id for task in tasks]
    assert len(set(ids)) == 6


def test_the_domain_of_the_user_is_not_changed():
    domain = Domain(x=[1, 2])
    all_tasks(TaskSource(domain, IterationOptions(n_items=1, n_reps=5)))
    assert domain.size == 2
