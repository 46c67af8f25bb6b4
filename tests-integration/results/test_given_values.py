"""Values that were given reach units and the table as they were, however a research is run."""

import collections

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from research_domain import Alias, Domain, digest, same
from research_stack import EC, E, O, Research

WAYS = {
    "inline": {"parallel": False, "executor_target": "for"},
    "inline, branches in turn": {"parallel": False, "branches": 3, "executor_target": "for"},
    "inline, branches in threads": {"parallel": False, "branches": 3, "executor_target": "threads"},
    "workers": {"workers": 2},
    "workers with branches": {"workers": 2, "branches": 2},
}


class Model:
    """An estimator that is changed by being fitted."""

    def __init__(self):
        self.weights, self.seen = np.zeros(2), []

    def fit(self, data):
        self.seen.append(data)
        self.weights += len(self.seen)
        return self.weights


def spoil(value):
    """Change a value in place, with all that is in it."""
    if isinstance(value, np.ndarray) and value.flags.writeable:
        value.fill(0)
    elif isinstance(value, pd.DataFrame):
        value["spoiled"] = 1
    elif isinstance(value, dict):
        for item in list(value.values()):
            spoil(item)
        value["spoiled"] = 1
    elif isinstance(value, list):
        for item in value:
            spoil(item)
        value.append("spoiled")
    elif isinstance(value, (set, bytearray)):
        value.clear()


def keep(value):
    """Change nothing."""


GALLERY = [
    {"data/train.csv": 0.5, "nested": {"a": [1, {2}]}},
    collections.OrderedDict(b=[1], a=np.arange(3)),
    [np.arange(4.0), [bytearray(b"x")]],
    pd.DataFrame({"x": [1, 2]}),
    (1, [2], {"k": "v"}),
    {3, 4},
    "text",
    None,
]


def study(name, parameters, change):
    """Return a research whose units change what they get and what they gave, if `change` does."""
    constant = {"list": [1, [2]], "array": np.ones(3)}

    def load(constant):
        return [np.arange(3), constant["list"]]

    def see(p, constant, config, running, batch):
        arrived = [digest(each).hex() for each in (p, constant, config.to_dict(), batch)]
        for each in (p, constant, config["p"], running.config["p"], batch):
            change(each)
        return arrived

    def steps():
        state = []
        for step in range(3):
            state[:] = [np.full(2, step), {"step": [step]}]
            yield state
            change(state)

    research = (
        Research(name, Domain(p=parameters))
        .add_callable("load", load, constant=constant, root=True)
        .add_generator("steps", steps, save_to="given")
        .add_callable(
            "see",
            see,
            args=[EC("p"), constant],
            config=EC(),
            running=E(),
            batch=O("load"),
            when="%0",
            save_to="arrived",
        )
    )
    return research, constant


def table(name, parameters, change, options):
    before = digest(parameters)
    research, constant = study(name, parameters, change)
    results = research.run(bar=False, n_iters=3, seed=1, **options).results
    assert results.counts.get("failed", 0) == 0, list(results.failures["traceback"])
    assert same(constant, {"list": [1, [2]], "array": np.ones(3)})
    assert digest(parameters) == before
    configs = results.load_configs()
    recorded = {key: digest(config.config()["p"]).hex() for key, config in configs.items()}
    return {key: {**values, "config": recorded[key]} for key, values in results.load_results().items()}


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_units_that_change_everything_make_the_same_table_as_those_that_do_not(options):
    expected = table("kept", GALLERY, keep, WAYS["inline"])
    found = table("spoiled", GALLERY, spoil, options)
    assert len(expected) == len(GALLERY)
    assert same(found, expected)
    for values in found.values():
        assert [state[0].tolist() for state in values["given"].values()] == [[0, 0], [1, 1], [2, 2]]


mutable = st.recursive(
    st.one_of(st.none(), st.integers(-9, 9), st.text(max_size=2), st.binary(max_size=2).map(bytearray)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "a/b", "c"]), inner, max_size=2),
        st.lists(st.integers(0, 9), max_size=3).map(np.array),
    ),
    max_leaves=5,
)


@settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(parameters=st.lists(mutable, min_size=6, max_size=6))
def test_any_values_arrive_the_same_inline_in_branches_and_in_workers(
    parameters, tmp_path_factory, monkeypatch
):
    monkeypatch.chdir(tmp_path_factory.mktemp("run"))
    expected = table("kept", parameters, keep, WAYS["inline"])
    for number, options in enumerate(WAYS.values()):
        assert same(table(f"spoiled{number}", parameters, spoil, options), expected)


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_estimators_and_bound_methods_are_each_experiment_s_own(options):
    model, other = Model(), Model()
    research = (
        Research("study", Domain(n=[1, 2, 3], model=[Alias(model, "model")]))
        .add_callable("bound", other.fit, args=[EC("n")], save_to="bound")
        .add_callable("given", lambda model, n: model.fit(n), args=[EC("model"), EC("n")], save_to="given")
    )
    results = research.run(bar=False, n_iters=2, **options).results
    for name in ("bound", "given"):
        weights = [
            [array.tolist() for array in column[name].values()] for column in results.load_results().values()
        ]
        assert weights == [[[1, 1], [3, 3]]] * 3
    assert model.seen == other.seen == []


@pytest.mark.parametrize(
    "options", [WAYS["inline"], WAYS["workers with branches"]], ids=["inline", "workers"]
)
def test_large_arrays_cannot_be_written_to_and_the_table_says_by_which_argument(options):
    data = np.zeros(200_000)

    def train(weights, n):
        weights[0] = n

    research = Research("study", Domain(n=[1, 2])).add_callable("train", train, weights=data, n=EC("n"))
    failures = research.run(bar=False, **options).results.failures
    assert failures["unit"].tolist() == ["train"] * 2
    assert all("argument 'weights' of unit 'train'" in message for message in failures["message"])
    assert not data.any()


def test_what_is_saved_is_encoded_then_and_the_unit_that_saved_it_fails():
    def give():
        return [(number for number in [])]

    research = (
        Research("study", Domain(n=[1]))
        .add_callable("fine", lambda: 1, save_to="fine")
        .add_callable("give", give, save_to="given")
    )
    results = research.run(bar=False, parallel=False).results
    (failure,) = results.failures.to_dict("records")
    assert failure["unit"] == "give"
    assert "'given'" in failure["message"]
    assert results.df["fine"].tolist() == [1]


def test_the_last_of_several_values_of_one_iteration_is_kept_whatever_their_types():
    def save(running):
        storage = running.storage
        for value in (1.5, [1], "text", [2], 2.5)[: 3 + running.iteration]:
            storage.update_variable("x", value)

    research = Research("study", Domain(n=[1])).add_callable("save", save, running=E())
    results = research.run(bar=False, n_iters=3, parallel=False).results
    ((values,),) = [list(columns.values()) for columns in results.load_results().values()]
    assert values == {0: "text", 1: [2], 2: 2.5}
