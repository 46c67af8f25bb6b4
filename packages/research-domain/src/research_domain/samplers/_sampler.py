"""Sampler: values drawn at random, and the operators that combine samplers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from research_domain.errors import SamplerError, SpecError
from research_domain.seeds import make_rng

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Applied", "Mixed", "Operation", "Sampler", "Stacked", "Truncated"]

Array = np.ndarray[Any, Any]

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}


class Sampler:
    """Source of random values; the base of all samplers.

    Samplers are combined by arithmetic operators with each other and with numbers, by ``|`` (mixture),
    by ``&`` (stacking side by side; with a number: weight in a mixture).

    Parameters
    ----------
    seed : object, optional
        See :func:`research_domain.make_seed_sequence`; inside of a domain, that of the domain counts.
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
        return self._spec()

    def _spec(self) -> dict[str, Any]:
        raise SpecError("sampler", f"{self!r} cannot be written as plain data")

    def apply(self, transform: Callable[[Array], Any]) -> Applied:
        """Transform what is drawn.

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
        """Draw again what lies outside of limits.

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
        limits = tuple(None if limit is None else np.asarray(limit) for limit in (high, low))
        return Truncated(self, limits, expr, (prob, max_iter or 10_000, sample_anyways))

    def __or__(self, other: Any) -> Mixed:
        return Mixed.of(self, other) if isinstance(other, Sampler) else NotImplemented

    def __and__(self, other: Any) -> Sampler:
        return Stacked((self, other)) if isinstance(other, Sampler) else self.__rand__(other)

    def __rand__(self, weight: Any) -> Self:
        if isinstance(weight, bool | str) or not hasattr(weight, "__float__"):
            return NotImplemented
        if not float(weight) > 0 or math.isinf(float(weight)):
            raise SamplerError("weight", f"a weight is a positive finite number, got {weight!r}")
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.weight = float(weight) * (1.0 if self.weight is None else self.weight)
        return twin

    def __add__(self, other: Any) -> Operation:
        return Operation("+", self, other)

    def __radd__(self, other: Any) -> Operation:
        return Operation("+", other, self)

    def __sub__(self, other: Any) -> Operation:
        return Operation("-", self, other)

    def __rsub__(self, other: Any) -> Operation:
        return Operation("-", other, self)

    def __mul__(self, other: Any) -> Operation:
        return Operation("*", self, other)

    def __rmul__(self, other: Any) -> Operation:
        return Operation("*", other, self)

    def __truediv__(self, other: Any) -> Operation:
        return Operation("/", self, other)

    def __rtruediv__(self, other: Any) -> Operation:
        return Operation("/", other, self)

    def __floordiv__(self, other: Any) -> Operation:
        return Operation("//", self, other)

    def __rfloordiv__(self, other: Any) -> Operation:
        return Operation("//", other, self)

    def __mod__(self, other: Any) -> Operation:
        return Operation("%", self, other)

    def __rmod__(self, other: Any) -> Operation:
        return Operation("%", other, self)

    def __pow__(self, other: Any) -> Operation:
        return Operation("**", self, other)

    def __rpow__(self, other: Any) -> Operation:
        return Operation("**", other, self)

    def __neg__(self) -> Operation:
        return Operation("*", -1, self)


class Operation(Sampler):
    """Arithmetic between what two operands give, one of which may be a number."""

    def __init__(self, sign: str, left: Any, right: Any) -> None:
        super().__init__()
        for operand in (left, right):
            if not isinstance(operand, Sampler | int | float | complex | np.ndarray | np.generic | list):
                raise SamplerError(sign, f"expected a sampler, a number or an array, got {operand!r}")
        self.sign, self.left, self.right = sign, left, right

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        left, right = (
            operand.sample(size, rng) if isinstance(operand, Sampler) else np.asarray(operand)
            for operand in (self.left, self.right)
        )
        return OPERATIONS[self.sign](left, right)

    def _spec(self) -> dict[str, Any]:
        operands = [
            part.to_spec() if isinstance(part, Sampler) else np.asarray(part).tolist()
            for part in (self.left, self.right)
        ]
        return {"$sampler": self.sign, "of": operands}

    def __repr__(self) -> str:
        return f"({self.left!r} {self.sign} {self.right!r})"


class Mixed(Sampler):
    """One of several samplers for each value, chosen by weight."""

    def __init__(self, parts: tuple[Sampler, ...]) -> None:
        super().__init__()
        self.parts = parts

    @classmethod
    def of(cls, left: Sampler, right: Sampler) -> Mixed:
        """Return a mixture, joining those that have no weight of their own."""
        parts = [
            one.parts if isinstance(one, Mixed) and one.weight is None else (one,) for one in (left, right)
        ]
        return cls((*parts[0], *parts[1]))

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        weights = np.asarray([1.0 if part.weight is None else part.weight for part in self.parts])
        chosen = self._own(rng).choice(len(self.parts), size=size, p=weights / weights.sum())
        drawn = [part.sample(int((chosen == number).sum()), rng) for number, part in enumerate(self.parts)]
        if len(dims := {part.shape[1:] for part in drawn}) > 1:
            raise SamplerError("|", f"the samplers of a mixture have different shapes: {sorted(dims)}")
        return np.concatenate(drawn)[np.argsort(np.argsort(chosen, kind="stable"))]

    def _spec(self) -> dict[str, Any]:
        weights = [1.0 if part.weight is None else part.weight for part in self.parts]
        return {"$sampler": "|", "of": [part.to_spec() for part in self.parts], "weights": weights}

    def __repr__(self) -> str:
        shown = [repr(part) if part.weight is None else f"{part.weight:g} & {part!r}" for part in self.parts]
        return f"({' | '.join(shown)})"


class Stacked(Sampler):
    """Samplers side by side: their dimensions add up."""

    def __init__(self, parts: tuple[Sampler, ...]) -> None:
        super().__init__()
        flat: list[Sampler] = []
        for part in parts:
            flat.extend(part.parts if isinstance(part, Stacked) else (part,))
        self.parts: tuple[Sampler, ...] = tuple(flat)

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        return np.concatenate([part.sample(size, rng) for part in self.parts], axis=1)

    def _spec(self) -> dict[str, Any]:
        return {"$sampler": "&", "of": [part.to_spec() for part in self.parts]}

    def __repr__(self) -> str:
        return f"({' & '.join(map(repr, self.parts))})"


class Applied(Sampler):
    """What a function makes of a sample."""

    def __init__(self, sampler: Sampler, transform: Callable[[Array], Any]) -> None:
        super().__init__()
        self.sampler, self.transform = sampler, transform

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        drawn = np.asarray(self.transform(self.sampler.sample(size, rng)))
        if drawn.shape[:1] != (size,):
            raise SamplerError(
                "transform", f"expected {size} rows from {self!r}, got an array of shape {drawn.shape}"
            )
        return drawn

    def __repr__(self) -> str:
        return f"{self.sampler!r}.apply({getattr(self.transform, '__name__', repr(self.transform))})"


class Truncated(Sampler):
    """What of a sample lies within limits."""

    def __init__(
        self,
        sampler: Sampler,
        limits: tuple[Any, ...],
        expr: Callable[[Array], Any] | None,
        effort: tuple[float, int, bool],
    ) -> None:
        super().__init__()
        self.sampler, self.limits, self.expr, self.effort = sampler, limits, expr, effort

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        prob, max_iter, sample_anyways = self.effort
        kept: list[Array] = [self.sampler.sample(0, rng)]
        missing = size
        for _ in range(max_iter):
            if missing <= 0:
                break
            drawn = self.sampler.sample(int(missing / prob) + 1, rng)
            kept.append(drawn[self._inside(drawn)])
            missing -= len(kept[-1])
        if missing > 0:
            if not sample_anyways:
                problem = f"{self!r} still lacks {missing} of {size} values after drawing {max_iter} times"
                raise SamplerError("max_iter", problem)
            kept.append(self.sampler.sample(missing, rng))
        return np.concatenate(kept)[:size]

    def _inside(self, drawn: Array) -> Array:
        high, low = self.limits
        values = np.asarray(drawn if self.expr is None else self.expr(drawn))
        inside = values.astype(bool) if high is None and low is None else np.ones(values.shape, dtype=bool)
        if high is not None:
            inside &= values <= high
        if low is not None:
            inside &= values >= low
        rows: Array = np.all(inside.reshape(len(drawn), -1), axis=1)
        return rows

    def _spec(self) -> dict[str, Any]:
        if self.expr is not None:
            raise SpecError("expr", f"{self!r} holds a function, which is not plain data")
        high, low = (None if limit is None else limit.tolist() for limit in self.limits)
        limits = {name: limit for name, limit in (("high", high), ("low", low)) if limit is not None}
        return {"$sampler": "truncate", "of": [self.sampler.to_spec()], **limits}

    def __repr__(self) -> str:
        high, low = self.limits
        given = {"high": high, "low": low, "expr": self.expr}
        shown = ", ".join(f"{name}={value}" for name, value in given.items() if value is not None)
        return f"{self.sampler!r}.truncate({shown})"
