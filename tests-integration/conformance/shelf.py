"""A storage as somebody else would write it: everything in one pickle, written anew with each commit."""

import contextlib
import copy
import os
import pickle
from collections import Counter
from pathlib import Path

import pandas as pd

from research_domain import ConfigAlias, FailedExperiment, digest, group_failures

PARTS_OF_FAILURES = ("cause", "type", "message", "unit", "iteration", "traceback")
PARTS = ("meta", "configs", "digests", "order", "statuses", "values", "output", "failures", "ends")


def encode(values):
    return pickle.dumps({name: dict(column) for name, column in values.items()})


class ShelfReader:
    def __init__(self, path):
        self.path = Path(path)

    @property
    def _state(self):
        return pickle.loads((self.path / "shelf.pickle").read_bytes())

    @property
    def meta(self):
        return self._state["meta"]

    @property
    def experiments(self):
        statuses = self._state["statuses"]
        return pd.DataFrame({"id": list(statuses), "status": list(statuses.values()), "iterations": 1})

    @property
    def failures(self):
        rows = [
            {"id": name, "unit": each.unit, "iteration": each.iteration, "message": each.message}
            for name, each in self._state["failures"].items()
        ]
        return pd.DataFrame(rows, columns=["id", "unit", "iteration", "message"])

    def failure_report(self):
        state = self._state
        failed = [
            FailedExperiment(
                name, each.cause, each.type, each.message, each.unit, each.iteration, each.traceback
            )
            for name, each in state["failures"].items()
        ]
        return group_failures(failed, {name: {} for name in state["statuses"]})

    def history(self, variables):
        state = self._state
        for name, status in state["statuses"].items():
            if status in ("done", "failed"):
                pairs = [(key, value) for key, _, value in state["configs"][name]]
                values = {key: col for key, col in self.values_of(name).items() if key in variables}
                yield name, ConfigAlias(dict(pairs)), status, *state["ends"].get(name, (None, None)), values

    def values_of(self, experiment_id):
        return self._state["values"].get(experiment_id, {})


class ShelfStorage:
    encode = staticmethod(encode)

    def __init__(self, path, state):
        self.path = Path(path)
        self._lock = self.path / "lock"
        self._lock.touch(exist_ok=False)
        self._state, self._depth = state, 0
        self._commit()

    @classmethod
    def create(cls, path, meta, *, allow_pickle=False):
        Path(path).mkdir(parents=True)
        return cls(path, {**{part: {} for part in PARTS}, "meta": dict(meta)})

    @classmethod
    def open(cls, path, *, allow_pickle=False):
        return cls(path, ShelfReader(path)._state)

    @classmethod
    def read(cls, path, *, allow_pickle=False):
        return ShelfReader(path)

    @classmethod
    def is_there(cls, path):
        return os.path.lexists(path)

    @property
    def results(self):
        return ShelfReader(self.path)

    @property
    def meta(self):
        return self._state["meta"]

    @property
    def experiments_stdout(self):
        return {name: text for (name, stream), text in self._state["output"].items() if stream == "stdout"}

    @property
    def experiments_stderr(self):
        return {name: text for (name, stream), text in self._state["output"].items() if stream == "stderr"}

    def _commit(self):
        partial = self.path / "shelf.partial"
        partial.write_bytes(pickle.dumps(self._state))
        partial.replace(self.path / "shelf.pickle")

    @contextlib.contextmanager
    def transaction(self):
        before = copy.deepcopy(self._state) if not self._depth else None
        self._depth += 1
        try:
            yield
        except BaseException:
            if before is not None:
                self._state = before
            raise
        finally:
            self._depth -= 1
        if not self._depth:
            self._commit()

    def add(self, experiment_id, config, *, index, digest=None):
        with self.transaction():
            state = self._state
            state["configs"][experiment_id] = [
                (key.value, getattr(value, "lasting_name", None), getattr(value, "value", value))
                for key, value in config.pairs
            ]
            state["digests"][digest] = experiment_id
            state["order"][experiment_id] = index
            state["statuses"][experiment_id] = "queued"
            state["statuses"] = dict(
                sorted(state["statuses"].items(), key=lambda item: state["order"][item[0]])
            )

    def mark(self, experiment_id, status, **details):
        with self.transaction():
            self._state["statuses"][experiment_id] = status
            if status == "running":
                self._state["values"].pop(experiment_id, None)
            if "iterations" in details:
                self._state["ends"][experiment_id] = (details["iterations"], details.get("stopped"))
            if details.get("failure") is not None:
                self._state["failures"][experiment_id] = details["failure"]

    def put(self, experiment_id, values):
        self.put_encoded(experiment_id, encode(values))

    def put_encoded(self, experiment_id, encoded):
        with self.transaction():
            kept = self._state["values"].setdefault(experiment_id, {})
            for name, column in pickle.loads(encoded).items():
                kept.setdefault(name, {}).update(column)

    def put_output(self, experiment_id, stream, text):
        with self.transaction():
            key = (experiment_id, stream)
            self._state["output"][key] = self._state["output"].get(key, "") + text

    def put_environment(self, name, text):
        (self.path / name).write_text(text)

    def update_meta(self, **values):
        with self.transaction():
            self._state["meta"].update(values)

    def statuses(self):
        return dict(self._state["statuses"])

    def digests(self):
        return dict(self._state["digests"])

    def named_values(self):
        found = {}
        for pairs in self._state["configs"].values():
            for name, alias, value in pairs:
                if alias is not None:
                    found.setdefault((name, alias), set()).add(digest(value))
        return {key: frozenset(digests) for key, digests in found.items()}

    def counts(self):
        return Counter(self._state["statuses"].values())

    def check(self):
        if not (self.path / "shelf.pickle").exists():
            raise FileNotFoundError(self.path)

    def experiment_path(self, experiment_id):
        path = self.path / "experiments" / experiment_id
        path.mkdir(parents=True, exist_ok=True)
        return path

    def close(self):
        self._lock.unlink(missing_ok=True)
