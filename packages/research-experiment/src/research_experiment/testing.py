"""What every sink must do, as tests that its author runs.

Derive a test class from :class:`SinkContract`, say how a sink is made and read, and let pytest collect it::

    class TestMySink(SinkContract):
        def make_sink(self, experiment_ids):
            return MySink(experiment_ids)

        def stored(self, sink, experiment_id):
            return sink.read(experiment_id)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from research_experiment.execution.executor import Executor
from research_experiment.experiment import Experiment
from research_experiment.expressions.named import EC, O
from research_experiment.protocols import Sink, Values

__all__ = ["PLAIN_VALUES", "SinkContract", "same_value"]

PLAIN_VALUES: Mapping[str, Any] = {
    "none": None,
    "true": True,
    "false": False,
    "zero": 0,
    "negative": -17,
    "beyond 64 bits": 2**70,
    "float": 0.1,
    "negative zero": -0.0,
    "nan": float("nan"),
    "infinity": float("-inf"),
    "complex": 1 + 2j,
    "empty text": "",
    "text": "größe\n\x00\N{SNOWMAN}",
    "bytes": b"\x00\xff",
    "list": [1, "two", [3.0, None]],
    "tuple": (1, (2,)),
    "dict": {"a": {"b": [1]}, "c": float("nan")},
    "array": np.arange(6, dtype=np.int16).reshape(2, 3),
    "empty array": np.empty((0, 4)),
    "scalar of numpy": np.float32(0.25),
}
"""Name → value: what a sink must give back as it was, type included."""


def same_value(left: Any, right: Any) -> bool:
    """Tell whether two values are the same, of the same type; NaN is the same as NaN.

    Parameters
    ----------
    left, right : object
        Plain values, numpy's, and lists, tuples and dicts of them.

    Examples
    --------
    >>> same_value([float('nan'), 1], [float('nan'), 1]), same_value(1, True), same_value(0.0, -0.0)
    (True, False, False)
    """
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        return bool(
            left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
        )
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(
            same_value(value, right[key]) for key, value in left.items()
        )
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same_value, left, right))
    if isinstance(left, float | np.floating):
        return repr(left) == repr(right)
    return bool(left == right)


def require(condition: bool, message: str) -> None:
    """Raise an AssertionError unless a condition holds; unlike ``assert``, also with ``python -O``."""
    if not condition:
        raise AssertionError(message)


class SinkContract:
    """Tests that any sink passes; see the module for how to use them."""

    def make_sink(self, experiment_ids: Sequence[str]) -> Sink:
        """Return an empty sink that is ready to take values of these experiments."""
        raise NotImplementedError

    def stored(self, sink: Sink, experiment_id: str) -> Values:
        """Return what the sink has of an experiment: variable → iteration → value."""
        raise NotImplementedError

    def _expect(self, sink: Sink, experiment_id: str, expected: Mapping[str, Mapping[int, Any]]) -> None:
        found = {name: dict(column) for name, column in self.stored(sink, experiment_id).items() if column}
        wanted = {name: dict(column) for name, column in expected.items()}
        require(same_value(found, wanted), f"expected {wanted!r} of {experiment_id!r}, found {found!r}")

    def test_nothing_put_is_nothing_stored(self) -> None:
        """A new sink is empty."""
        self._expect(self.make_sink(["a"]), "a", {})

    def test_put_keeps_variables_and_iterations_apart(self) -> None:
        """Each value is found under its variable and iteration."""
        sink = self.make_sink(["a"])
        sink.put("a", {"x": {0: 1, 1: 2}, "y": {1: 3}})
        self._expect(sink, "a", {"x": {0: 1, 1: 2}, "y": {1: 3}})

    def test_put_keeps_experiments_apart(self) -> None:
        """Values of one experiment are not seen in another."""
        sink = self.make_sink(["a", "b"])
        sink.put("a", {"x": {0: 1}})
        sink.put("b", {"x": {0: 2}})
        self._expect(sink, "a", {"x": {0: 1}})
        self._expect(sink, "b", {"x": {0: 2}})

    def test_puts_add_up(self) -> None:
        """Later puts add to earlier ones, also out of order and with gaps."""
        sink = self.make_sink(["a"])
        for iteration in (5, 0, 1_000_000):
            sink.put("a", {"x": {iteration: iteration * 2}})
        self._expect(sink, "a", {"x": {0: 0, 5: 10, 1_000_000: 2_000_000}})

    def test_later_put_of_the_same_iteration_wins(self) -> None:
        """A value that is put again replaces the first one, also one of another type."""
        sink = self.make_sink(["a"])
        sink.put("a", {"x": {0: 1, 1: 1}})
        sink.put("a", {"x": {1: "two"}})
        self._expect(sink, "a", {"x": {0: 1, 1: "two"}})

    def test_empty_puts_change_nothing(self) -> None:
        """A put without variables, or without iterations, is allowed."""
        sink = self.make_sink(["a"])
        sink.put("a", {})
        sink.put("a", {"x": {}})
        self._expect(sink, "a", {})

    def test_plain_values_come_back_as_they_were(self) -> None:
        """Plain values and arrays keep their exact value and type."""
        for name, value in PLAIN_VALUES.items():
            sink = self.make_sink(["a"])
            sink.put("a", {"x": {0: value}})
            found = self.stored(sink, "a")["x"][0]
            require(same_value(found, value), f"{name}: put {value!r}, found {found!r}")

    def test_values_of_different_types_share_a_variable(self) -> None:
        """One variable may hold a number in one iteration and something else in the next."""
        sink = self.make_sink(["a"])
        column = dict(enumerate(PLAIN_VALUES.values()))
        sink.put("a", {"x": column})
        self._expect(sink, "a", {"x": column})

    def test_awkward_names_are_kept(self) -> None:
        """Names of variables are any readable text."""
        sink = self.make_sink(["a"])
        values = {name: {0: name} for name in ("a/b", "..", "x'y\"z", "größe", "a" * 300)}
        sink.put("a", values)
        self._expect(sink, "a", values)

    def test_values_are_what_they_were_when_they_were_saved(self) -> None:
        """What a unit changes after it has saved it is kept as it was, branches in threads included."""

        def steps() -> Iterator[dict[str, Any]]:
            array, steps = np.zeros(2), [0]
            for step in range(4):
                array += step
                steps.append(step)
                yield {"array": array, "list": steps}

        experiment = Experiment().add_generator("steps", steps, save_to="state")
        configs = [{"x": 1}, {"x": 2}]
        ids = [running.id for running in Executor(experiment, configs=configs).experiments]
        sink = self.make_sink(ids)
        Executor(experiment, configs=configs, sink=sink, n_iters=4).run()
        totals = (0.0, 1.0, 3.0, 6.0)
        column = {
            step: {"array": np.full(2, total), "list": [0, *range(step + 1)]}
            for step, total in enumerate(totals)
        }
        for experiment_id in ids:
            self._expect(sink, experiment_id, {"state": column})

    def test_executor_puts_everything_that_units_save(self) -> None:
        """What an experiment saves and dumps arrives, branches in threads included."""
        experiment = (
            Experiment()
            .add_generator("count", range, args=[6], save_to="n", dump=2)
            .add_callable(
                "scale", lambda n, by: n * by, args=[O("count"), EC("by")], save_to="scaled", when=3
            )
        )
        configs = [{"by": 10}, {"by": 100}]
        ids = [running.id for running in Executor(experiment, configs=configs).experiments]
        sink = self.make_sink(ids)
        Executor(experiment, configs=configs, sink=sink).run()
        for experiment_id, by in zip(ids, (10, 100), strict=True):
            expected = {"n": {i: i for i in range(6)}, "scaled": {2: 2 * by, 5: 5 * by}}
            self._expect(sink, experiment_id, expected)
