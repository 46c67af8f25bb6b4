"""Registry: samplers from plain data."""

from __future__ import annotations

from typing import Any

from research_domain._sampling import OPERATIONS, Mixed, Operation, Sampler, Stacked
from research_domain.errors import SpecError, close_matches
from research_domain.samplers import (
    ChoiceSampler,
    ConstantSampler,
    HistoSampler,
    LogUniformSampler,
    NumpySampler,
    ScipySampler,
)

__all__ = ["sampler_from"]


def sampler_from(description: dict[str, Any]) -> Sampler:
    """Make a sampler from what its ``to_spec`` gave."""
    given = dict(description)
    kind = given.pop("$sampler")
    parts = [sampler_from(part) if isinstance(part, dict) else part for part in given.pop("of", [])]
    makers: dict[str, Any] = {
        "numpy": NumpySampler,
        "scipy": ScipySampler,
        "histogram": HistoSampler,
        "constant": ConstantSampler,
        "choice": ChoiceSampler,
        "loguniform": LogUniformSampler,
        "truncate": lambda **limits: parts[0].truncate(**limits),
        "&": lambda: Stacked(tuple(parts)),
        "|": lambda weights: Mixed(tuple(w & one for w, one in zip(weights, parts, strict=True))),
        **{sign: lambda sign=kind: Operation(sign, *parts) for sign in OPERATIONS},
    }
    if kind not in makers:
        raise SpecError("$sampler", f"got {kind!r} ({close_matches(str(kind), tuple(makers))})")
    try:
        sampler: Sampler = makers[kind](**given)
    except (TypeError, IndexError) as error:
        raise SpecError("$sampler", f"{description!r} cannot be read: {error}") from error
    return sampler
