"""Labelled arrays: dimensions, coordinates and attributes of grids, zipped parameters and unions."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from research_domain import Alias, Domain, Option
from research_results import FolderStorage, MemoryStorage, ResearchResults
from research_results.errors import ArgumentError

FAILURE = SimpleNamespace(cause="exception", type="ValueError", message="no", traceback="")


def fill(storage, domain, values, n_reps=1):
    """Put what `values` says of each config; the status of all is done."""
    for index, config in enumerate(domain):
        for repetition in range(n_reps):
            name = f"{index}-{repetition}"
            own = {} if n_reps == 1 else {"repetition": repetition}
            storage.add(name, {**config.config().flatten(), **own}, index=index)
            storage.put(name, values(config.config(), repetition))
            storage.mark(name, "done")
    return storage.results


def loss(config, repetition):
    return {"loss": {step: config["lr"] * (step + 1) + repetition for step in range(3)}}


def test_a_grid_has_a_dimension_for_each_parameter_and_no_gap(storage):
    domain = Domain(lr=[0.2, 0.1], act=["relu", "tanh"], depth=[3])
    arrays = fill(storage, domain, loss, n_reps=2).to_xarray()
    assert isinstance(arrays, xr.Dataset)
    assert arrays.loss.dims == ("lr", "act", "repetition", "iteration")
    assert dict(arrays.sizes) == {"lr": 2, "act": 2, "repetition": 2, "iteration": 3}
    assert arrays.lr.values.tolist() == [0.2, 0.1] and arrays.act.values.tolist() == ["relu", "tanh"]
    assert arrays.attrs == {"depth": 3}
    assert not arrays.loss.isnull().any() and (arrays.status == "done").all()
    chosen = arrays.loss.sel(lr=0.1, act="tanh", repetition=1)
    assert chosen.values.tolist() == [1.1, 1.2, pytest.approx(1.3)]
    assert arrays.id.sel(lr=0.1, act="tanh", repetition=1).item() == "3-1"
    assert arrays.mean("repetition").loss.sel(lr=0.2, act="relu").values == pytest.approx([0.7, 0.9, 1.1])


def test_zipped_parameters_share_a_dimension_and_each_of_them_is_looked_up(storage):
    domain = (Domain(lr=[0.1, 0.2, 0.3]) @ Domain(width=[8, 16, 32])) * Domain(act=["relu", "tanh"])
    arrays = fill(storage, domain, loss).to_xarray()
    assert arrays.loss.dims == ("lr_width", "act", "iteration") and arrays.loss.size == 18
    assert arrays.lr.dims == arrays.width.dims == ("lr_width",)
    assert (
        arrays.loss.sel(width=16, act="relu").values.tolist()
        == arrays.loss.sel(lr=0.2, act="tanh").values.tolist()
    )
    assert not arrays.loss.isnull().any()


def test_a_parameter_that_another_one_determines_lies_along_its_dimension(storage):
    domain = Domain(lr=[0.1, 0.2, 0.3]) @ Domain(kind=["low", "low", "high"])
    arrays = fill(storage, domain, loss).to_xarray()
    assert arrays.loss.dims == ("lr", "iteration") and arrays.kind.dims == ("lr",)
    assert arrays.loss.groupby("kind").mean().sel(kind="low", iteration=0) == pytest.approx(0.15)


def test_a_union_is_a_tree_with_a_node_for_each_set_of_parameters(storage):
    networks = Option("model", ["net"]) * Option("lr", [0.1, 0.2]) * Option("width", [8, 16])
    forests = Option("model", ["forest"]) * Option("depth", [1, 2, 3])
    tree = fill(storage, networks + forests, lambda config, _: {"score": {0: 0.5}}).to_xarray()
    assert isinstance(tree, xr.DataTree) and list(tree.children) == ["net", "forest"]
    assert dict(tree["net"].sizes) == {"lr": 2, "width": 2} and tree["net"].attrs == {"model": "net"}
    assert tree["forest"].score.dims == ("depth",) and tree["forest"].attrs == {"model": "forest"}
    assert not any(node.score.isnull().any() for node in tree.children.values())


def test_nodes_without_a_value_of_their_own_are_named_by_their_parameters(storage):
    domain = Domain(lr=[0.1, 0.2]) + Domain(lr=[0.1], depth=[1, 2])
    tree = fill(storage, domain, loss).to_xarray()
    assert list(tree.children) == ["others", "depth"]
    assert tree["depth"].attrs == {"lr": 0.1} and tree["depth"].loss.dims == ("depth", "iteration")


def test_failed_and_absent_experiments_are_told_apart_by_their_status(storage):
    domain = Domain(lr=[0.1, 0.2], width=[8, 16])
    results = fill(storage, domain, lambda config, _: {"loss": {0: 1}} if config["width"] == 8 else {})
    storage.mark("1-0", "failed", failure=FAILURE)
    arrays = results.to_xarray(experiment_id=["0-0", "1-0", "2-0"])
    assert arrays.status.values.tolist() == [["done", "failed"], ["done", "absent"]]
    assert arrays.loss.values[:, 0].tolist() == [1, 1] and np.isnan(arrays.loss.values[:, 1]).all()


def test_variables_of_few_iterations_have_their_own_and_single_values_none(storage):
    def values(config, repetition):
        return {
            "loss": dict.fromkeys(range(20), 0.5),
            "grad": dict.fromkeys(range(1, 20), 0.25),
            "accuracy": dict.fromkeys(range(0, 20, 10), 0.75),
            "recall": dict.fromkeys(range(0, 20, 10), 0.25),
            "final": {19: config["lr"]},
        }

    arrays = fill(storage, Domain(lr=[0.1, 0.2]), values).to_xarray()
    assert arrays.loss.dims == arrays.grad.dims == ("lr", "iteration")
    assert arrays.grad.isnull().sum() == 2  # the first iteration of both
    assert arrays.accuracy.dims == arrays.recall.dims == ("lr", "iteration_accuracy")
    assert arrays.iteration_accuracy.values.tolist() == [0, 10]
    assert arrays.final.dims == ("lr",) and arrays.final.attrs == {"iteration": 19}
    assert arrays.final.values.tolist() == [0.1, 0.2]


def test_what_would_be_almost_empty_is_refused_unless_it_is_asked_for(storage):
    domain = Domain(a=list(range(12))) @ Domain(b=list(range(12)))
    again = Domain(a=[0], b=[1]) + Domain(a=[1], b=[0])  # neither determines the other any more
    results = fill(storage, domain + again, lambda *_: {"loss": {0: 1}})
    with pytest.raises(ArgumentError, match=r"9\.7% full: 14 of 144 cells.*dense=True"):
        results.to_xarray()
    assert results.to_xarray(dense=True).loss.count() == 14
    assert results.to_xarray(a=[0, 1]).loss.shape == (2, 2)


def test_ragged_curves_that_are_almost_empty_are_refused_too(storage):
    def values(config, _):
        return {"loss": dict.fromkeys(range(200 if config["lr"] == 0 else 2), 1)}

    results = fill(storage, Domain(lr=list(range(20))), values)
    with pytest.raises(ArgumentError, match=r"'loss' would be 5\.9% full"):
        results.to_xarray()
    assert results.to_xarray(dense=True).loss.count() == 238


def test_equal_configs_and_no_experiments_are_refused(storage):
    with pytest.raises(ArgumentError, match="no experiments"):
        storage.results.to_xarray()
    for name in ("x", "y"):
        storage.add(name, {"lr": 0.1})
    with pytest.raises(ArgumentError, match="x, y have the same config"):
        storage.results.to_xarray()
    assert storage.results.to_xarray(experiment_id="x").attrs == {"lr": 0.1}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], [1, 2]),
        ([True, False], [True, False]),
        ([1, 2.5], [1.0, 2.5]),
        ([1, 1.0], ["1", "1.0"]),
        ([None, 0.1], ["None", "0.1"]),
        (["a", "b"], ["a", "b"]),
        ([[64, 10], [32]], ["[64, 10]", "[32]"]),
        ([Alias([64], "small"), Alias([128], "large")], ["small", "large"]),
        ([(1, 2), {"a": 1}], ["(1, 2)", "{'a': 1}"]),
    ],
)
def test_values_along_a_dimension_are_themselves_or_their_aliases(storage, values, expected):
    for index, value in enumerate(values):
        storage.add(str(index), {"p": value}, index=index)
        storage.put(str(index), {"y": {0: index}})
    arrays = storage.results.to_xarray()
    assert arrays.p.values.tolist() == expected
    assert arrays.y.sel(p=expected[1]) == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (2.5, 2.5),
        ("adam", "adam"),
        (True, 1),
        (None, "None"),
        ([64, 10], [64, 10]),
        ([0.5], [0.5]),
        ([1, "a"], '[1, "a"]'),
        ([], "[]"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        (2**70, str(2**70)),
        (np.float32(0.5), 0.5),
        (np.arange(2), [0, 1]),
    ],
)
def test_constants_are_attributes_that_a_file_can_hold(storage, value, expected, tmp_path):
    storage.add("x", {"p": value})
    storage.put("x", {"y": {0: 1.5}})
    arrays = storage.results.to_xarray()
    assert arrays.attrs == {"p": expected}
    arrays.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as back:
        assert np.array_equal(np.squeeze(back.attrs["p"]), np.squeeze(expected)) and back.y.item() == 1.5


def test_names_with_slashes_and_names_of_ours_get_names_of_their_own(storage):
    for index, lr in enumerate((0.1, 0.2)):
        storage.add(str(index), {"model/lr": lr, "status": index}, index=index)
        storage.put(str(index), {"iteration": {0: 1, 1: 2}, "model/loss": {0: 1}})
    arrays = storage.results.to_xarray()
    assert set(arrays.coords) == {"model.lr", "status_1", "iteration", "status", "id"}
    assert set(arrays.data_vars) == {"iteration_1", "model.loss"}


def test_several_researches_are_a_dimension_if_they_have_the_same_grid_and_else_a_tree(tmp_path):
    for name, rates in (("a", [0.1, 0.2]), ("b", [0.1, 0.2]), ("c", [0.3])):
        with FolderStorage.create(tmp_path / name) as storage:
            fill(storage, Domain(lr=rates), loss)
    arrays = ResearchResults([tmp_path / "a", tmp_path / "b"]).to_xarray()
    assert arrays.loss.dims == ("research", "lr", "iteration")
    assert arrays.id.sel(research="b", lr=0.2) == "b/1-0"
    tree = ResearchResults([tmp_path / "a", tmp_path / "c"]).to_xarray()
    assert list(tree.children) == ["a", "c"] and tree["c"].attrs == {"research": "c", "lr": 0.3}


def test_values_that_are_no_numbers_stay_what_they_are():
    storage = MemoryStorage.create()
    results = fill(storage, Domain(lr=[0.1, 0.2]), lambda config, _: {"text": {0: "a"}, "pair": {0: (1, 2)}})
    arrays = results.to_xarray()
    assert arrays.text.values.tolist() == ["a", "a"] and arrays.pair.values[0] == (1, 2)
