"""The samplers of drawn parameters; frozen distributions of scipy become the sampler of that name."""

from __future__ import annotations

from typing import Any

from research_domain.algebra._adapters import Frozen
from research_domain.algebra._draws import ValueSource
from research_domain.samplers import ScipySampler


def sampler_of(source: ValueSource) -> Any:
    """Return the user's object, or for a frozen distribution of ``scipy.stats`` the sampler of that name."""
    sampler = source.sampler
    frozen: Any = getattr(sampler, "dist", None)
    if frozen is None or not (isinstance(source, Frozen) and hasattr(frozen, "_parse_args")):
        return sampler
    if not _is_known(frozen):
        return sampler
    shapes, loc, scale = frozen._parse_args(*sampler.args, **sampler.kwds)
    named = dict(zip((frozen.shapes or "").replace(" ", "").split(","), shapes, strict=False))
    return ScipySampler(frozen.name, **named, loc=loc, **({} if scale == 1 else {"scale": scale}))


def _is_known(distribution: Any) -> bool:
    """Whether a distribution is the original one of its name in ``scipy.stats``."""
    from scipy import stats

    known = getattr(stats, distribution.name, None)
    limits = [(getattr(one, "a", None), getattr(one, "b", None)) for one in (known, distribution)]
    return type(known) is type(distribution) and limits[0] == limits[1]
