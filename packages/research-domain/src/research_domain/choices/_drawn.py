"""Drawn parameters as questions: samplers, and what operators make of them, one question for each number."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from research_domain.choices._listed import distinct, shares
from research_domain.choices._quantiles import Scale, scale_of, solved
from research_domain.choices.kinds import Answer, Category, Choice, Integer, Real
from research_domain.errors import InfeasibleError
from research_domain.samplers import ConstantSampler, NumpySampler, ScipySampler
from research_domain.samplers._sampler import Applied, Arithmetic, Mixed, Sampler, Stacked, Truncated
from research_domain.values import same

Answers = dict[str, Answer]
"""Name of a question to its answer."""

Ask = Callable[[str, Choice], Answer]
"""Returns the answer to the question of a name."""

Row = np.ndarray[Any, Any]
"""What is drawn once, shape (1, dim)."""


class Drawn:
    """A sampler as questions."""

    __slots__ = ()

    parts: tuple[Drawn, ...] = ()

    def row(self, ask: Ask) -> Row:
        """Return what answers lead to."""
        raise NotImplementedError

    def find(self, values: Sequence[Any]) -> Iterator[Answers]:
        """Yield answers that lead to a row of values."""
        raise NotImplementedError

    def questions(self) -> Iterator[tuple[str, Choice]]:
        """Yield the name of each question, and the question."""
        return itertools.chain.from_iterable(part.questions() for part in self.parts)


class _Number(Drawn):
    """One number, or one of listed values."""

    __slots__ = ("name", "scale")

    def __init__(self, name: str, scale: Scale) -> None:
        self.name, self.scale = name, scale

    def row(self, ask: Ask) -> Row:
        question = self.scale.question
        value = self.scale.value(0 if question is None else ask(self.name, question))
        if isinstance(value, int | float | np.generic):
            return np.array([[value]])
        row = np.empty((1, 1), dtype=object)
        row[0, 0] = value
        return row

    def find(self, values: Sequence[Any]) -> Iterator[Answers]:
        (value,) = values
        try:
            answer = self.scale.answer(value)
        except (TypeError, ValueError, ArithmeticError):
            return
        if self.scale.question is None:
            yield {}
        elif self.scale.question.holds(answer):
            yield {self.name: answer}

    def questions(self) -> Iterator[tuple[str, Choice]]:
        if self.scale.question is not None:
            yield self.name, self.scale.question


class _Constant(Drawn):
    __slots__ = ("constant",)

    def __init__(self, sampler: ConstantSampler) -> None:
        self.constant: Row = sampler.sample(1)

    def row(self, ask: Ask) -> Row:
        return self.constant

    def find(self, values: Sequence[Any]) -> Iterator[Answers]:
        if same(self.constant.ravel().tolist(), list(values)):
            yield {}


class _Beside(Drawn):
    """Several side by side."""

    __slots__ = ("parts",)

    def __init__(self, parts: Sequence[Drawn]) -> None:
        self.parts = tuple(parts)

    def row(self, ask: Ask) -> Row:
        return np.concatenate([part.row(ask) for part in self.parts], axis=1)

    def find(self, values: Sequence[Any]) -> Iterator[Answers]:
        ends = list(
            itertools.accumulate(
                part.row(lambda _, question: question.at(0.5)).shape[1] for part in self.parts
            )
        )
        if len(values) != ends[-1]:
            return
        own = [values[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        for found in itertools.product(
            *(part.find(some) for part, some in zip(self.parts, own, strict=True))
        ):
            yield {name: answer for answers in found for name, answer in answers.items()}


class _Made(Drawn):
    """What an operator or a function makes of others."""

    __slots__ = ("make", "parts")

    def __init__(self, parts: Sequence[Drawn], make: Callable[..., Sampler]) -> None:
        self.parts = tuple(parts)
        self.make = make

    def row(self, ask: Ask) -> Row:
        return self.make(*(_Given(part.row(ask)) for part in self.parts)).sample(1)

    def find(self, values: Sequence[Any]) -> Iterator[Answers]:
        asked = dict(self.questions())
        if len(asked) != 1 or len(values) != 1:
            return  # which of several numbers gave what they are together cannot be told
        ((name, question),) = asked.items()

        def value(answer: Answer) -> Any:
            return self.row(lambda name, question: answer).ravel().tolist()[0]

        size = _size(question)
        if size is not None and size <= _TRIED:
            answers = (question.at((number + 0.5) / size) for number in range(size))
            yield from ({name: answer} for answer in answers if _close(value(answer), values[0]))
            return
        try:
            yield {name: solved(question, value, values[0])}
        except (TypeError, ValueError):
            return


_TRIED = 4096


def _size(question: Choice) -> int | None:
    """Return the number of answers, None if they are floats."""
    if isinstance(question, Category):
        return len(question.names)
    return question.high - question.low + 1 if isinstance(question, Integer) else None


def _close(value: Any, wanted: Any) -> bool:
    if isinstance(value, float) and isinstance(wanted, float):
        return abs(value - wanted) <= 1e-9 * abs(wanted)
    return same(value, wanted)


class _Given(Sampler):
    """A sampler that gives one row that is known."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.row = row

    def _draw(self, size: int, rng: np.random.Generator | None) -> Row:
        return self.row

    def _text(self) -> str:
        return repr(self.row.tolist())


class _OneOf(Drawn):
    """A mixture: which of its parts is drawn, then the value of that part."""

    __slots__ = ("name", "parts", "question")

    def __init__(self, name: str, parts: Sequence[Drawn], sampler: Mixed) -> None:
        self.name, self.parts = name, tuple(parts)
        self.question = Category(distinct([repr(part) for part in sampler.parts]), shares(sampler.weights))

    def row(self, ask: Ask) -> Row:
        return self.parts[int(ask(self.name, self.question))].row(ask)

    def find(self, values: Sequence[Any]) -> Iterator[Answers]:
        for number, part in enumerate(self.parts):
            yield from ({self.name: number, **answers} for answers in part.find(values))

    def questions(self) -> Iterator[tuple[str, Choice]]:
        yield self.name, self.question
        yield from super().questions()


class _Cut(Drawn):
    """Values within limits; others are infeasible."""

    __slots__ = ("parts", "sampler")

    def __init__(self, part: Drawn, sampler: Truncated) -> None:
        self.parts, self.sampler = (part,), sampler

    def row(self, ask: Ask) -> Row:
        row = self.parts[0].row(ask)
        if not self.sampler.inside(row)[0]:
            raise InfeasibleError("truncate", f"{row.ravel().tolist()} of {self.sampler!r}")
        return row

    def find(self, values: Sequence[Any]) -> Iterator[Answers]:
        for answers in self.parts[0].find(values):
            row = self.parts[0].row(lambda name, _, known=answers: known[name])  # type: ignore[misc]
            if self.sampler.inside(row)[0]:
                yield answers


def drawn(name: str, sampler: Any) -> Drawn:
    """Return a sampler, or an object with ``ppf`` or ``icdf``, as questions whose names begin with `name`."""
    if type(sampler) is ConstantSampler:
        return _Constant(sampler)
    if type(sampler) is Arithmetic:
        return _arithmetic(name, sampler)
    if type(sampler) is Applied:
        return _Made([drawn(name, sampler.sampler)], lambda given: Applied(given, sampler.transform))
    if type(sampler) is Stacked:
        return _Beside([drawn(f"{name}[{n}]", part) for n, part in enumerate(sampler.parts)])
    if type(sampler) is Mixed:
        return _OneOf(f"{name}|", [drawn(f"{name}|{n}", p) for n, p in enumerate(sampler.parts)], sampler)
    if type(sampler) is Truncated:
        part = drawn(name, sampler.sampler)
        if sampler.expr is None and isinstance(part, _Number):  # numbers are asked for between the limits
            part = _Number(part.name, _narrowed(part.scale, sampler.high, sampler.low))
        return _Cut(part, sampler)
    if type(sampler) in (NumpySampler, ScipySampler) and sampler.dim > 1:
        return _Beside([_Number(f"{name}[{n}]", scale_of(sampler)) for n in range(sampler.dim)])
    return _Number(name, scale_of(sampler))


def _arithmetic(name: str, sampler: Arithmetic) -> Drawn:
    sign, left, right = sampler.sign, sampler.left, sampler.right
    if not isinstance(right, Sampler):
        return _Made([drawn(name, left)], lambda given: Arithmetic(sign, given, right))
    if not isinstance(left, Sampler):
        return _Made([drawn(name, right)], lambda given: Arithmetic(sign, left, given))
    parts = [drawn(f"{name}[{number}]", part) for number, part in enumerate((left, right))]
    return _Made(parts, lambda one, other: Arithmetic(sign, one, other))


def _narrowed(scale: Scale, high: Any, low: Any) -> Scale:
    """Return a scale whose question ends at limits, as far as they are values of it."""
    question = scale.question
    if not isinstance(question, Real | Integer):
        return scale
    first = max(question.low, _end(scale, low, math.ceil, question.low))
    last = min(question.high, _end(scale, high, math.floor, question.high))
    if first > last:
        return scale
    limits: dict[str, Any] = {"low": first, "high": last}
    return replace(scale, question=replace(question, **limits))


def _end(scale: Scale, limit: Any, rounded: Callable[[float], int], default: Answer) -> Answer:
    if limit is None or np.size(limit) != 1:
        return default
    number = float(np.ravel(limit)[0])
    for value in (number, rounded(number)):
        try:
            return scale.answer(value)
        except (TypeError, ValueError, ArithmeticError):
            continue
    return default
