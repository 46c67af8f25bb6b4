"""Configs as plain rows for other frameworks, and rows of others as a domain."""

import json
import math
import sys

import numpy as np
import pandas as pd
import pytest

from research_domain import Alias, Config, Domain, InfiniteDomainError, ParameterError, uniform


def test_dicts_are_the_configs_without_what_says_how_they_are_run():
    options = [1, {"a/b": 2}]
    domain = Domain({"lr": [0.1, Alias(0.2, "fast")], "model/layers": [3], "options": [options]})
    domain.set_iter_params(n_reps=2)
    dicts = list(domain.dicts())
    configs = [config.config() for config in domain]
    for config in configs:
        del config["repetition"], config["updates"]
    assert dicts == [config.to_dict() for config in configs]
    assert {type(each) for each in dicts} == {type(dicts[0]["model"])} == {dict}
    assert dicts[0]["options"] is options
    assert next(domain.dicts(flat=True)) == {"lr": 0.1, "model/layers": 3, "options": options}
    assert json.loads(json.dumps(dicts)) == dicts
    assert [each["lr"] for each in dicts] == [0.1, 0.2, 0.1, 0.2]


def test_dicts_have_the_draws_and_the_length_of_the_domain():
    domain = (Domain(x=uniform(0, 1)) * Domain(a=[1, 2])).set_iter_params(n_items=5, seed=7)
    assert list(domain.dicts()) == [dict(config) for config in domain]
    assert list(Domain().dicts()) == [{}]
    endless = Domain(x=uniform(0, 1)).dicts()
    assert 0 <= next(endless)["x"] <= 1


def test_a_domain_may_have_a_parameter_that_iterating_would_add():
    assert list(Domain(repetition=[5]).dicts()) == [{"repetition": 5}]


def test_a_frame_keeps_ints_and_says_what_is_missing():
    frame = (Domain(model=["svm"], C=[1, 10]) + Domain(model=["tree"], sizes=[[3, 4]])).to_frame()
    assert list(frame.columns) == ["model", "C", "sizes"]
    assert frame["C"].tolist()[:2] == [1, 10] and type(frame["C"][0]) is int
    assert math.isnan(frame["C"][2]) and frame["sizes"][2] == [3, 4]
    assert Domain(a=[1, 2]).to_frame()["a"].dtype == np.int64
    assert len(Domain().to_frame()) == 1
    with pytest.raises(InfiniteDomainError, match="to_frame"):
        Domain(x=uniform(0, 1)).to_frame()


def test_a_frame_needs_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        Domain(a=[1]).to_frame()


ROWS = [{"a": 1, "b": None}, {"a": 2, "b": [3]}, {"c": {"d/e": 1}}, {}, {}, {"a": True, "b": "x"}]


def test_rows_make_a_domain_that_gives_them_back():
    domain = Domain.from_records(ROWS)
    assert list(domain.dicts()) == ROWS
    assert len(domain) == len(ROWS)
    assert list(Domain.from_records(iter(ROWS)).dicts()) == ROWS
    assert len(domain * Domain(seed=[1, 2])) == 2 * len(ROWS)
    assert type(next(iter(domain))["a"]) is int


def test_configs_are_rows():
    domain = Domain({"lr": [Alias(0.1, "slow"), 0.2], "model/layers": [3]})
    again = Domain.from_records(domain)
    assert list(again) == list(domain)
    assert [config.alias()["lr"] for config in again] == ["slow", "0.2"]
    assert list(Domain.from_records([Config({"model/layers": 3})]).dicts(flat=True)) == [{"model/layers": 3}]


def test_frames_are_rows_of_plain_values():
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, float("nan")], "c": pd.Series(["x", None], dtype=object)})
    rows = list(Domain.from_records(frame).dicts())
    assert rows == [{"a": 1, "b": 0.5, "c": "x"}, {"a": 2, "c": None}]
    assert type(rows[0]["a"]) is int and type(rows[0]["b"]) is float
    made = Domain(model=["svm"], C=[1, 10]) + Domain(model=["tree"])
    assert list(Domain.from_records(made.to_frame()).dicts()) == list(made.dicts())


@pytest.mark.parametrize("rows", [[], {"a": [1]}, "ab", 5, [1], [{1: 2}], [[("a", 1)]]])
def test_what_is_no_list_of_rows_is_refused(rows):
    with pytest.raises(ParameterError):
        Domain.from_records(rows)
