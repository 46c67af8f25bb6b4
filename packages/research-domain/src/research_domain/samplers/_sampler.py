"""Sampler: values drawn at random, and the operators that combine samplers."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable
from typing import Any, Self, TypeAlias

import numpy as np

from research_domain._plain import to_plain
from research_domain._written import number, seed_written, written
from research_domain.errors import SamplerError, SpecError
from research_domain.seeds import make_rng, make_seed_sequence
from research_domain.values import same

Array = np.ndarray[Any, Any]

_MOST = sys.maxsize // 2**16
"""Values of a sample; of more of them, a few bytes each are more than addresses reach."""

_MOST_DRAWS = 10_000
"""How often a truncated sampler draws by default before it gives up."""

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}


Operator: TypeAlias = "Callable[[Sampler, Any], Arithmetic]"


def _arithmetic(sign: str) -> tuple[Operator, Operator]:
    """Return the methods of an operator, for a sampler on its left and on its right."""

    def forward(self: Sampler, other: Any) -> Arithmetic:
        return Arithmetic(sign, self, other)

    def backward(self: Sampler, other: Any) -> Arithmetic:
        return Arithmetic(sign, other, self)

    return forward, backward


class Sampler:
    """Source of random values; the base of all samplers.

    Samplers are combined by arithmetic operators with each other and with numbers, by ``|`` (mixture),
    by ``&`` (stacking side by side; with a number: weight in a mixture).

    Parameters
    ----------
    seed : object, optional
        See :func:`research_domain.make_seed_sequence`; inside of a domain, that of the domain counts.

    Notes
    -----
    Samplers are equal if they were made alike; how much was drawn from them does not matter.
    """

    __array_ufunc__ = None

    def __init__(self, seed: Any = None) -> None:
        self.seed = seed
        self.weight: float | None = None
        self._rng: np.random.Generator | None = None

    def sample(self, size: int, rng: np.random.Generator | None = None) -> Array:
        """Draw values.

        Parameters
        ----------
        size : int
            Number of values.
        rng : numpy.random.Generator, optional
            By default the sampler's own.

        Returns
        -------
        array of shape (size, dim)

        Raises
        ------
        SamplerError
            If `size` is not a number of values.
        """
        if isinstance(size, bool) or not hasattr(size, "__index__") or size < 0:
            raise SamplerError("size", f"expected a number of values, got {size!r}")
        if size > _MOST:
            raise SamplerError("size", f"no memory holds {size} values; draw them in parts")
        drawn = np.asarray(self._draw(int(size), rng))
        return drawn[:, None] if drawn.ndim == 1 else drawn

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        raise NotImplementedError

    def _own(self, rng: np.random.Generator | None) -> np.random.Generator:
        if rng is not None:
            return rng
        if self._rng is None:
            self._rng = make_rng(self.seed)
        return self._rng

    def to_spec(self) -> dict[str, Any]:
        """Return plain data from which :func:`research_domain.Domain.from_spec` makes this sampler again.

        Raises
        ------
        SpecError
            If there is code in it.
        """
        own: dict[str, Any] = {} if self.weight is None else {"$weight": self.weight}
        if self.seed is not None:
            own["seed"] = to_plain("seed", self.seed)
        return {**self._spec(), **own}

    def _spec(self) -> dict[str, Any]:
        raise SpecError("sampler", f"{self!r} cannot be written as plain data")

    def _text(self) -> str:
        """Return the expression that makes this sampler, without its weight."""
        return object.__repr__(self)

    def __repr__(self) -> str:
        return self._text() if self.weight is None else f"({number(self.weight)} & {self._text()})"

    def _call(self, name: str, *arguments: Any, **options: Any) -> str:
        """Return the text of a call; with the seed, if there is one."""
        parts = [written(argument) for argument in arguments]
        parts += [f"{key}={written(value)}" for key, value in options.items() if value is not None]
        if self.seed is not None:
            parts.append(f"seed={seed_written(self.seed)}")
        return f"{name}({', '.join(parts)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sampler):
            return NotImplemented
        return type(self) is type(other) and same(self._value(), other._value())

    def __hash__(self) -> int:
        return hash(type(self))

    def _value(self) -> dict[str, Any]:
        """Return the values that define this sampler within its class."""
        value = {key: _comparable(each) for key, each in vars(self).items() if key not in _STATE}
        if self.seed is not None and self.seed is not True:  # those two draw another seed each time
            sequence = make_seed_sequence(self.seed)
            value["seed"] = (sequence.entropy, sequence.spawn_key)
        return value

    def apply(self, transform: Callable[[Array], Any]) -> Applied:
        """Return a sampler of transformed values.

        Parameters
        ----------
        transform : callable
            Takes an array of shape (size, dim), returns one with as many rows.

        Examples
        --------
        >>> import numpy as np
        >>> from research_domain import NumpySampler
        >>> bool((NumpySampler('n').apply(np.exp).sample(100) > 0).all())
        True
        """
        if not callable(transform):
            raise SamplerError("transform", f"expected a function of an array, got {transform!r}")
        return Applied(self, transform)

    def truncate(
        self,
        high: Any = None,
        low: Any = None,
        expr: Callable[[Array], Any] | None = None,
        prob: float = 0.5,
        max_iter: int | None = None,
        sample_anyways: bool = False,
    ) -> Truncated:
        """Return a sampler that redraws values outside of limits.

        Parameters
        ----------
        high, low : float or array of shape (dim,), optional
            Limits, both included.
        expr : callable, optional
            Takes an array of shape (size, dim), returns what is compared to the limits; without limits,
            whether to keep each row.
        prob : float, default 0.5
            Expected share of what is kept, which tells how much to draw at a time.
        max_iter : int, optional
            How often to draw before giving up, by default 10,000 times.
        sample_anyways : bool, default False
            Whether to fill up with values outside of the limits instead of raising an error.

        Examples
        --------
        >>> from research_domain import NumpySampler
        >>> values = NumpySampler('n', seed=1).truncate(high=1, low=0).sample(100)
        >>> bool(values.min() >= 0) and bool(values.max() <= 1)
        True
        """
        if high is None and low is None and expr is None:
            raise SamplerError("high", "truncate needs a limit: high, low, or expr that tells what to keep")
        if not 0 < prob <= 1:
            raise SamplerError("prob", f"expected a share above 0 and up to 1, got {prob!r}")
        high, low = _limit("high", high), _limit("low", low)
        return Truncated(self, high, low, expr, prob, max_iter or _MOST_DRAWS, sample_anyways)

    def __or__(self, other: Any) -> Mixed:
        return Mixed.of(self, other) if isinstance(other, Sampler) else NotImplemented

    def __and__(self, other: Any) -> Sampler:
        return Stacked((self, other)) if isinstance(other, Sampler) else self.__rand__(other)

    def __rand__(self, weight: Any) -> Self:
        if isinstance(weight, bool | str) or not hasattr(weight, "__float__"):
            return NotImplemented
        if not float(weight) > 0 or math.isinf(float(weight)):
            raise SamplerError("weight", f"a weight is a positive finite number, got {weight!r}")
        return self._weighing(float(weight) * (1.0 if self.weight is None else self.weight))

    def _weighing(self, weight: float | None) -> Self:
        twin = object.__new__(type(self))
        twin.__dict__.update({**self.__dict__, "weight": weight})
        return twin

    __add__, __radd__ = _arithmetic("+")
    __sub__, __rsub__ = _arithmetic("-")
    __mul__, __rmul__ = _arithmetic("*")
    __truediv__, __rtruediv__ = _arithmetic("/")
    __floordiv__, __rfloordiv__ = _arithmetic("//")
    __mod__, __rmod__ = _arithmetic("%")
    __pow__, __rpow__ = _arithmetic("**")

    def __neg__(self) -> Arithmetic:
        return Arithmetic("*", -1, self)


def _limit(name: str, limit: Any) -> Any:
    """Return a limit, or a list of them."""
    if limit is not None and np.asarray(limit).dtype.kind not in "biufmM":
        raise SamplerError(name, f"expected a number or an array of numbers, got {limit!r}")
    return None if limit is None else np.asarray(limit).tolist()


_STATE = ("_rng", "_frozen")
"""What a sampler has besides what it was given."""


def _comparable(value: Any) -> Any:
    """Return samplers in a comparable form."""
    if isinstance(value, Sampler):
        return type(value), value._value()
    return tuple(map(_comparable, value)) if isinstance(value, tuple) else value


class Arithmetic(Sampler):
    """Arithmetic between what two operands give, one of which may be a number."""

    def __init__(self, sign: str, left: Any, right: Any) -> None:
        super().__init__()
        for operand in (left, right):
            if not isinstance(operand, Sampler | int | float | complex | np.ndarray | np.generic | list):
                raise SamplerError(sign, f"expected a sampler, a number or an array, got {operand!r}")
        left, right = (np.asarray(each) if isinstance(each, list) else each for each in (left, right))
        self.sign, self.left, self.right = sign, left, right

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        left, right = (
            operand.sample(size, rng) if isinstance(operand, Sampler) else np.asarray(operand)
            for operand in (self.left, self.right)
        )
        return OPERATIONS[self.sign](left, right)

    def _spec(self) -> dict[str, Any]:
        operands = [
            part.to_spec() if isinstance(part, Sampler) else to_plain(self.sign, part)
            for part in (self.left, self.right)
        ]
        return {"$sampler": self.sign, "of": operands}

    def _text(self) -> str:
        return f"({written(self.left)} {self.sign} {written(self.right)})"


class Mixed(Sampler):
    """A mixture: each value comes from one of several samplers, chosen by weight (default 1)."""

    def __init__(self, parts: tuple[Sampler, ...]) -> None:
        super().__init__()
        self.weights = tuple(1.0 if part.weight is None else part.weight for part in parts)
        self.parts = tuple(part if part.weight is None else part._weighing(None) for part in parts)

    @classmethod
    def of(cls, left: Sampler, right: Sampler) -> Mixed:
        """Return a mixture; parts that are mixtures without a weight are merged."""
        parts: list[Sampler] = []
        for one in (left, right):
            if isinstance(one, Mixed) and one.weight is None:
                parts += [part._weighing(w) for part, w in zip(one.parts, one.weights, strict=True)]
            else:
                parts.append(one)
        return cls(tuple(parts))

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        weights = np.asarray(self.weights)
        chosen = self._own(rng).choice(len(self.parts), size=size, p=weights / weights.sum())
        drawn = [part.sample(int((chosen == number).sum()), rng) for number, part in enumerate(self.parts)]
        if len(dims := {part.shape[1:] for part in drawn}) > 1:
            raise SamplerError("|", f"the samplers of a mixture have different shapes: {sorted(dims)}")
        return np.concatenate(drawn)[np.argsort(np.argsort(chosen, kind="stable"))]

    def _spec(self) -> dict[str, Any]:
        parts = [part.to_spec() for part in self.parts]
        return {"$sampler": "|", "of": parts, "weights": list(self.weights)}

    def _text(self) -> str:
        return f"({' | '.join(map(_weighted_text, self.parts, self.weights))})"


def _weighted_text(part: Sampler, weight: float) -> str:
    """Return a part of a mixture; one that is a mixture itself needs its weight to stay one."""
    return repr(part) if weight == 1 and not isinstance(part, Mixed) else f"{number(weight)} & {part!r}"


class Stacked(Sampler):
    """Samplers side by side: their dimensions add up."""

    def __init__(self, parts: tuple[Sampler, ...]) -> None:
        super().__init__()
        flat: list[Sampler] = []
        for part in parts:
            if part.weight is not None:
                hint = f"write {number(part.weight)} & (one & other) for the weight of all together"
                raise SamplerError("weight", f"that of {part!r} has no meaning inside of a stack; {hint}")
            flat.extend(part.parts if isinstance(part, Stacked) else (part,))
        self.parts: tuple[Sampler, ...] = tuple(flat)

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        return np.concatenate([part.sample(size, rng) for part in self.parts], axis=1)

    def _spec(self) -> dict[str, Any]:
        return {"$sampler": "&", "of": [part.to_spec() for part in self.parts]}

    def _text(self) -> str:
        return f"({' & '.join(map(repr, self.parts))})"


class Applied(Sampler):
    """A sampler of values transformed by a function."""

    def __init__(self, sampler: Sampler, transform: Callable[[Array], Any]) -> None:
        super().__init__()
        self.sampler, self.transform = sampler, transform

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        given = self.sampler.sample(size, rng)
        drawn = np.asarray(_called(self.transform, "transform", f"{self!r}", given))
        if drawn.shape[:1] != (size,):
            raise SamplerError(
                "transform", f"expected {size} rows from {self!r}, got an array of shape {drawn.shape}"
            )
        return drawn

    def _text(self) -> str:
        return f"{self.sampler!r}.apply({written(self.transform)})"


def _called(function: Callable[[Array], Any], name: str, text: str, given: Array) -> Any:
    """Return what a user's function makes of a sample; what it raises names it."""
    try:
        return function(given)
    except Exception as error:
        hint = f"it is given all values at once, as an array of shape {given.shape}; for one by one use"
        example = f"numpy.vectorize({written(function)})"
        raise SamplerError(name, f"{text} failed ({error}); {hint} {example}") from error


class Truncated(Sampler):
    """A sampler of values within limits."""

    def __init__(
        self,
        sampler: Sampler,
        high: Any,
        low: Any,
        expr: Callable[[Array], Any] | None,
        prob: float,
        max_iter: int,
        sample_anyways: bool,
    ) -> None:
        super().__init__()
        self.sampler, self.high, self.low, self.expr = sampler, high, low, expr
        self.prob, self.max_iter, self.sample_anyways = prob, max_iter, sample_anyways

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what pickles of earlier versions hold, too: folders of researches have them."""
        names = ("high", "low", "prob", "max_iter", "sample_anyways")
        values = (*state.pop("limits", ()), *state.pop("effort", ()))
        self.__dict__.update({**state, **dict(zip(names, values, strict=False))})

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        kept: list[Array] = [self.sampler.sample(0, rng)]
        missing = size
        for _ in range(self.max_iter):
            if missing <= 0:
                break
            drawn = self.sampler.sample(int(missing / self.prob) + 1, rng)
            kept.append(drawn[self.inside(drawn)])
            missing -= len(kept[-1])
        if missing > 0:
            if not self.sample_anyways:
                problem = (
                    f"{self!r} still lacks {missing} of {size} values after drawing {self.max_iter} times"
                )
                raise SamplerError("max_iter", problem)
            kept.append(self.sampler.sample(missing, rng))
        return np.concatenate(kept)[:size]

    def inside(self, drawn: Array) -> Array:
        """Tell for each row whether it lies within the limits."""
        values = drawn if self.expr is None else np.asarray(_called(self.expr, "expr", repr(self), drawn))
        if values.shape[:1] != drawn.shape[:1]:
            problem = f"expected {len(drawn)} rows from {self!r}, got an array of shape {values.shape}"
            raise SamplerError("expr", problem)
        unlimited = self.high is None and self.low is None
        inside = values.astype(bool) if unlimited else np.ones(values.shape, dtype=bool)
        if self.high is not None:
            inside &= values <= np.asarray(self.high)
        if self.low is not None:
            inside &= values >= np.asarray(self.low)
        rows: Array = np.all(inside.reshape(len(drawn), -1), axis=1)
        return rows

    def _spec(self) -> dict[str, Any]:
        if self.expr is not None:
            raise SpecError("expr", f"{self!r} holds a function, which is not plain data")
        options = {name: to_plain(name, value) for name, value in self._options().items()}
        return {"$sampler": "truncate", "of": [self.sampler.to_spec()], **options}

    def _options(self) -> dict[str, Any]:
        """Return the arguments that differ from their defaults."""
        defaults = {"high": None, "low": None, "expr": None, "prob": 0.5}
        defaults |= {"max_iter": _MOST_DRAWS, "sample_anyways": False}
        options = {name: getattr(self, name) for name in defaults}
        return {name: value for name, value in options.items() if value != defaults[name]}

    def _text(self) -> str:
        return f"{self.sampler!r}.truncate({self._call('', **self._options())[1:-1]})"
