"""A resume goes by what the values of parameters are, not by how they read."""

import os
import shutil
import subprocess
import sys
import textwrap
from functools import partial

import numpy as np
import pytest

from research_domain import Alias, AliasError, Domain, Option
from research_experiment import EC
from research_results import ResearchResults
from research_runner import Research
from research_runner.errors import ChangedError


@pytest.fixture
def study(tmp_path):
    """Run a study of some values in one folder; returns how often it was run for each experiment."""

    class Study:
        calls: list

        def __init__(self):
            self.calls = []

        def __call__(self, domain, resume=True, n_configs=None, **options):
            self.calls.clear()
            domain = domain if isinstance(domain, Domain) else Domain(a=domain)
            research = Research(str(tmp_path / "study"), domain, n_configs=n_configs)
            research.add_callable("unit", lambda a: self.unit(a), a=EC("a"), save_to="y")
            research.run(parallel=False, bar=False, resume=resume, **options)
            return self.calls

        def unit(self, a):
            self.calls.append(a)
            return len(self.calls)

        @property
        def results(self):
            return ResearchResults(tmp_path / "study", allow_pickle=True)

    return Study()


def add_one(x):
    return x + 1


def adder(amount):
    return lambda x: x + amount


class Model:
    def __init__(self, size):
        self.size = size

    def __repr__(self):
        return "Model"


ZEROS, SPIKE = np.zeros(5000), np.zeros(5000)
SPIKE[2500] = 7


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1", 1),
        (1, True),
        (1, 1.0),
        (None, "None"),
        (ZEROS, SPIKE),
        (ZEROS, ZEROS.astype(np.float32)),
        ([1, 2], (1, 2)),
        (adder(1), adder(2)),
        ([lambda x: x + 1, lambda x: x + 2], [lambda x: x + 2, lambda x: x + 1]),
        (Model(1), Model(2)),
        (partial(add_one, 1), partial(add_one, 2)),
        ({"f": add_one}, {"f": len}),
    ],
    ids=repr,
)
def test_values_that_only_read_alike_are_new_configs(study, before, after):
    assert len(study([before], resume=False)) == 1
    assert len(study([before])) == 0
    assert [type(each) for each in study([after, before])] == [type(after)]
    assert len(study([before, after])) == 0
    assert study.results.experiments["status"].tolist() == ["done", "done"]
    assert study.results.df["y"].tolist() == [1, 1]


def test_equal_values_are_kept_however_they_were_made(study):
    domain = Domain(a=[{"x": 1, "y": [2]}, np.arange(3), adder(1), Model([1]), {3, 4}])
    assert len(study(domain, resume=False)) == 5
    again = Domain(a=[{"y": [2], "x": 1}, np.array([0, 1, 2]), adder(np.int64(1)), Model([1]), {4, 3}])
    assert study(again) == []


def test_an_alias_that_was_given_stands_for_its_value(study):
    assert len(study([Alias(object(), "some object")], resume=False)) == 1
    assert study([Alias(object(), "some object")]) == []


def test_another_value_under_an_alias_is_an_error_that_names_the_parameter(study):
    study([Alias([64], "small"), Alias([128], "large")], resume=False)
    changed = Domain(a=[Alias([64], "small"), Alias([256], "large"), Alias([512], "huge")])
    with pytest.raises(
        ChangedError, match=r"the value 'large' of parameter 'a' has changed; .*resume='force'"
    ):
        study(changed)
    assert study.calls == []
    assert study(changed, resume="force") == [[512]]
    assert study(Domain(a=[Alias([64], "small")])) == []


def test_another_value_under_an_alias_is_found_in_what_is_not_listed(study):
    """Values that a sampler draws are not known before they are drawn."""

    class Sampler:
        def __init__(self, value):
            self.value = value

        def sample(self, size, rng=None):
            return [Alias(self.value, "drawn")] * size

    study(Option("a", Sampler([1])), resume=False, n_configs=1)
    with pytest.raises(ChangedError, match="'drawn' of parameter 'a'"):
        study(Option("a", Sampler([2])), n_configs=2)
    assert study.calls == []


def test_two_values_under_one_alias_are_refused_before_anything_runs(study):
    domain = Domain(a=[Alias([1], "x")]) + Domain(a=[Alias([2], "x")])
    with pytest.raises(AliasError, match="'x'"):
        study(domain, resume=False)
    assert study.calls == []


def test_a_prefix_does_not_change_what_is_kept(study):
    assert study(["b", "c"], resume=False, create_id_prefix=1) == ["b", "c"]
    assert study(["a", "b", "c"], create_id_prefix=1) == ["a"]
    assert study(["c", "a", "b"]) == []
    assert sorted(study.results.df["a"]) == ["a", "b", "c"]
    assert study.results.df["id"].is_unique


SCRIPT = """
from research_domain import Domain
from research_experiment import EC
from research_runner import Research

class Model:
    rate = 1
    def fit(self, x):
        return x + self.rate

def score(x):
    return x * 2

def evaluate(f):
    return f().fit(3) if isinstance(f, type) else f(3)

if __name__ == "__main__":
    research = Research("study", Domain(f=[score, Model]))
    research.add_callable("evaluate", evaluate, f=EC("f"), save_to="y")
    research.run(workers=1, bar=False, resume=RESUME)
    print(research.results.df["y"].tolist())
"""


def run(folder, script, resume):
    (folder / "study.py").write_text(textwrap.dedent(script).replace("RESUME", repr(resume)))
    environment = {**os.environ, "PYTHONHASHSEED": str(len(script))}
    command = [sys.executable, "study.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A folder where the script ran, and once more with comments and other spaces, which are no edits."""
    folder = tmp_path_factory.mktemp("ran")
    assert run(folder, SCRIPT, False).stdout == "[6, 4]\n"
    commented = "# a comment\n" + SCRIPT.replace("    return x * 2", "    # another\n    return (x  *  2)")
    assert run(folder, commented, True).stdout == "[6, 4]\n"
    return folder


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        (("x * 2", "x * 3"), "__main__.score"),
        (("x + self.rate", "x - self.rate"), "__main__.Model"),
        (("rate = 1", "rate = 2"), "__main__.Model"),
    ],
)
def test_an_edited_function_or_class_is_an_error_that_names_the_parameter(ran, tmp_path, edit, name):
    shutil.copytree(ran, tmp_path, dirs_exist_ok=True)
    refused = run(tmp_path, SCRIPT.replace(*edit), True)
    assert refused.returncode == 1
    assert f"ChangedError: the experiment is no longer what it was: the value '{name}' of parameter 'f'" in (
        refused.stderr
    )
    forced = run(tmp_path, SCRIPT.replace(*edit), "force")
    assert forced.returncode == 0, forced.stderr
    assert len(ResearchResults(tmp_path / "study").df) == 3  # the edited one is a config of its own


def test_research_resume_knows_the_functions_of_a_script(tmp_path):
    assert run(tmp_path, SCRIPT, False).stdout == "[6, 4]\n"
    command = [sys.executable, "-m", "research_stack.cli", "resume", "study"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(ResearchResults(tmp_path / "study").df) == 2


@pytest.mark.parametrize("options", [{"parallel": False}, {"workers": 2}], ids=["inline", "workers"])
def test_somebody_who_follows_sees_what_happened_in_its_order(tmp_path, options):
    research = Research(str(tmp_path / "study"), Domain(x=list(range(20))))
    research.add_callable("unit", lambda x: x, x=EC("x"), save_to="y")
    results = research.run(n_iters=2, bar=False, **options).results
    seen = {}
    for change in results.follow():
        seen.setdefault(change.experiment_id, []).append(type(change).__name__)
    assert len(seen) == 20
    for names in seen.values():
        assert names[:2] == ["Queued", "Started"] and names[-1] == "Ended"
        assert set(names[2:-1]) == {"Stored"}
