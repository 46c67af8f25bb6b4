"""Trials: experiments under way, and the verdicts of a rule on them; plain state."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import NamedTuple

from research_domain import ConfigAlias, When
from research_runner.errors import SearchError
from research_runner.searching.order import Order
from research_runner.searching.protocol import Outcome, Report, StopRule, Told, Verdict

__all__ = ["Recorded", "Trials"]


class Recorded(NamedTuple):
    """What is known of an experiment that has ended in an earlier run."""

    reports: tuple[Report, ...]
    values: tuple[float, ...] | None
    steps: int
    outcome: Outcome


@dataclass(slots=True)
class _Trial:
    """An experiment that has begun and was not told yet."""

    number: int
    position: int
    config: ConfigAlias
    seen: int
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    values: dict[int, tuple[float, ...]] = field(default_factory=dict)
    last: tuple[float, ...] | None = None
    told: Told | None = None

    @property
    def stopped(self) -> int | None:
        """The step at which a verdict has ended it; None if none has."""
        return next((step for step, verdict in self.verdicts.items() if verdict is Verdict.STOP), None)


class Teller:
    """Asks a rule for verdicts, and tells it what has become of questions; `count` is how often.

    With `remembers`, answers are kept, to be told again to questions with an equal config.
    """

    def __init__(self, rule: StopRule, *, remembers: bool = False) -> None:
        self.count = 0
        self._rule = rule
        self._answers: dict[int, Told] | None = {} if remembers else None
        self._repeats: dict[int, list[tuple[int, ConfigAlias]]] = {}

    def judge(self, number: int, step: int, values: tuple[float, ...], seen: int) -> Verdict:
        """Return the verdict of the rule."""
        verdict: object = self._rule.report(number, step, values, seen)
        if isinstance(verdict, Verdict):
            return verdict
        raise SearchError(f"{type(self._rule).__qualname__}.report returned {verdict!r}, which is no Verdict")

    def tell(self, told: Told) -> None:
        """Tell the rule something at once."""
        self.count += 1
        self._rule.tell(told)

    def answer(self, number: int, told: Told) -> None:
        """Tell the result of a question, and of questions that wait for the same one."""
        self.tell(told)
        if self._answers is not None:
            self._answers[number] = told
        for again, config in self._repeats.pop(number, ()):
            self.tell(replace(told, number=again, config=config, same_as=number))

    def repeat(self, number: int, config: ConfigAlias, first: int) -> None:
        """Answer a question whose config is that of an earlier one, when that one is told."""
        if self._answers is not None and first in self._answers:
            self.tell(replace(self._answers[first], number=number, config=config, same_as=first))
        else:
            self._repeats.setdefault(first, []).append((number, config))


class Repetitions:
    """Repetitions of questions, `count` of each, told together when all have ended.

    After those in `rungs` a verdict says whether a config gets more, and they run one after another:
    `survivors` are the configs whose next repetition is to run, with its number. `spared` is the number of
    repetitions that need not run.
    """

    def __init__(self, count: int, rungs: When | None) -> None:
        self.count = count
        self.survivors: deque[tuple[ConfigAlias, int]] = deque()
        self.spared = 0
        self._rungs = rungs
        self._parts: dict[int, list[Told]] = {}
        self._reports: dict[int, list[Report]] = {}

    def add(self, number: int, told: Told, teller: Teller) -> Told | None:
        """Record an ended repetition; return the result of all of them if no other will run."""
        parts = self._parts.setdefault(number, [])
        parts.append(told)
        is_out = self._rungs is not None and self._is_out(number, parts, self._rungs, teller)
        if is_out or len(parts) == self.count:
            self.spared += self.count - len(parts)
            reports = tuple(self._reports.pop(number, told.reports))
            whole = replace(together(self._parts.pop(number)), reports=reports)
            return replace(whole, status="stopped") if is_out and whole.status == "done" else whole
        if self._rungs is not None:
            self.survivors.append((told.config, len(parts)))
        return None

    def _is_out(self, number: int, parts: Sequence[Told], rungs: When, teller: Teller) -> bool:
        """Return whether a config gets no more repetitions: one has failed, or the rule says so."""
        mean, count = together(parts), len(parts)
        if mean.status == "failed":
            return True
        if count == self.count or mean.values is None or not rungs.due(count - 1):
            return False
        self._reports.setdefault(number, []).append(Report(count, mean.values))
        return teller.judge(number, count, mean.values, teller.count) is Verdict.STOP


class Trials:
    """Experiments from their begin until they are told.

    The `order` says when experiments begin, and in which order they are told, by a `teller` and with their
    `repetitions`. `ended` is the number of experiments that were told, and `steps` their iterations.

    Nothing is told when it happens, but by :meth:`tell_next`. An experiment that starts again, because its
    worker died, gets the verdicts that it had.
    """

    def __init__(
        self,
        rule: StopRule,
        order: Order,
        *,
        remembers: bool = False,
        repetitions: int = 1,
        rungs: When | None = None,
    ) -> None:
        self.teller = Teller(rule, remembers=remembers)
        self.repetitions = Repetitions(repetitions, rungs)
        self.order = order
        self.ended = 0
        self.steps = 0
        self._running: dict[str, _Trial] = {}
        self._ids: dict[int, str] = {}

    @property
    def is_busy(self) -> bool:
        """Whether any experiment has not been told yet."""
        return bool(self._running)

    def begin(self, experiment_id: str, number: int, config: ConfigAlias, repetition: int = 0) -> None:
        """Record an experiment that was decided on."""
        count = self.repetitions.count
        position = number if count == 1 else number * count + repetition
        self._running[experiment_id] = _Trial(number, position, config, self.teller.count)
        self._ids[position] = experiment_id
        self.order.begin(position)

    def report(self, experiment_id: str, step: int, values: tuple[float, ...]) -> Verdict:
        """Return the verdict on an experiment that has done so many steps."""
        trial = self._running[experiment_id]
        trial.values[step] = values
        verdict = trial.verdicts.get(step)
        if verdict is None:
            while self.order.is_prompt and self.tell_next():
                pass
            seen = self.teller.count if self.order.is_prompt else trial.seen
            verdict = trial.verdicts[step] = self.teller.judge(trial.number, step, values, seen)
        if verdict is Verdict.CONTINUE:
            self.order.reach(trial.position, step)
        return verdict

    def note_last(self, experiment_id: str, values: tuple[float, ...] | None) -> None:
        """Record the last values of an experiment that is about to end."""
        self._running[experiment_id].last = values

    def conclude(self, experiment_id: str, steps: int, *, is_failed: bool) -> int | None:
        """Record that an experiment has ended; return the step at which a verdict ended it, if one did."""
        trial = self._running[experiment_id]
        stopped = None if is_failed else trial.stopped
        steps = max(steps, *trial.values, 0)
        reports = tuple(Report(step, values) for step, values in sorted(trial.values.items()))
        outcome: Outcome = "failed" if is_failed else "done" if stopped is None else "stopped"
        self._end(trial, Recorded(reports, None if is_failed else trial.last, steps, outcome))
        return stopped

    def recall(self, experiment_id: str, recorded: Recorded) -> None:
        """Record what an earlier run has recorded of an experiment."""
        trial = self._running[experiment_id]
        for report in recorded.reports:
            if recorded.outcome != "stopped" or report.step < recorded.steps:
                self.order.reach(trial.position, report.step)
        self._end(trial, recorded)

    def _end(self, trial: _Trial, recorded: Recorded) -> None:
        reports, values, steps, outcome = recorded
        trial.told = Told(trial.number, trial.config, values, reports, steps, outcome)
        self.order.end(trial.position, steps)

    def tell_next(self) -> bool:
        """Tell the next experiment in the order of their ends, if it is known; return whether it is."""
        position = self.order.next_ended()
        if position is None:
            return False
        trial = self._running.pop(self._ids.pop(position))
        assert trial.told is not None  # noqa: S101 - it has ended
        self.ended += 1
        self.steps += trial.told.steps
        whole = self.repetitions.add(trial.number, trial.told, self.teller)
        if whole is not None:
            self.teller.answer(trial.number, whole)
        return True


def together(parts: Sequence[Told]) -> Told:
    """Return the result of the repetitions of a config, for the search.

    Examples
    --------
    >>> one = Told(0, ConfigAlias({"x": 1}), (2.0,), (), 5, "done")
    >>> both = together([one, replace(one, values=(4.0,))])
    >>> both.values, both.steps, together([one, replace(one, status="failed", values=None)]).status
    ((3.0,), 10, 'failed')
    """
    first, *others = parts
    if not others:
        return first
    columns = [told.values for told in parts if told.values is not None and told.status != "failed"]
    steps = sum(told.steps for told in parts)
    if len(columns) < len(parts):
        failed = any(told.status == "failed" for told in parts)
        return replace(first, values=None, reports=(), steps=steps, status="failed" if failed else "done")
    values = tuple(fmean(column) for column in zip(*columns, strict=True))
    return replace(first, values=values, reports=(), steps=steps, status="done")
