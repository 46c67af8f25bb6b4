"""The arguments of `plot`, checked; and which of them each kind of picture takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from research_results.answers.groups import names_of
from research_results.answers.objectives import At, check_at
from research_results.errors import ArgumentError
from research_results.plotting.canvas import DrawingTarget
from research_results.plotting.data import BANDS, Band

Kind: TypeAlias = Literal["curve", "final", "heatmap", "parallel", "box", "importances", "pareto"]

KINDS: dict[str, tuple[str, ...]] = {
    "curve": ("by", "facets", "band"),
    "final": ("x", "by", "facets", "at", "band"),
    "heatmap": ("x", "y", "facets", "at"),
    "parallel": ("at",),
    "box": ("by", "at"),
    "importances": ("at",),
    "pareto": ("by", "at", "band"),
}
"""Which arguments each kind of picture takes."""

_DEFAULTS = {"x": None, "y": None, "by": None, "facets": None, "at": "last", "band": "std"}


@dataclass(frozen=True, slots=True)
class Request:
    """The checked arguments of `plot`."""

    x: str | None
    y: str | None
    """Parameters of the axes."""
    by: tuple[str, ...] | None
    facets: tuple[str, ...] | None
    """Parameters that are told apart by colours, and by panels."""
    at: At
    """Which value of an experiment counts."""
    band: Band | None
    """What is drawn around a mean."""
    target: DrawingTarget
    """Where to draw."""

    def check_for(self, kind: str) -> None:
        """Refuse what a kind of picture does not take."""
        for name, default in _DEFAULTS.items():
            if name not in KINDS[kind] and getattr(self, name) != default:
                taken = ", ".join(KINDS[kind])
                raise ArgumentError(name, f"is nothing for kind={kind!r}, which takes {taken}")

    @property
    def suffix(self) -> str:
        """The suffix of a label that says which value of a variable is drawn."""
        if self.at == "last":
            return ""
        return " (best)" if self.at == "best" else f" (iteration {self.at})"

    @property
    def named(self) -> list[tuple[str, str]]:
        """Arguments and the parameters that they name."""
        axes = [(argument, name) for argument, name in (("x", self.x), ("y", self.y)) if name is not None]
        by = [("by", name) for name in self.by or ()]
        return axes + by + [("facets", name) for name in self.facets or ()]


def parse_request(
    kind: str | None,
    x: str | None,
    y: str | None,
    by: str | Sequence[str] | None,
    facets: str | Sequence[str] | None,
    at: At,
    band: Band | None,
    target: DrawingTarget,
) -> Request:
    """Check the arguments of `plot`."""
    if kind is not None and kind not in KINDS:
        raise ArgumentError("kind", f"is one of {', '.join(KINDS)}, got {kind!r}")
    for argument, name in (("x", x), ("y", y)):
        if name is not None and not isinstance(name, str):
            raise ArgumentError(argument, f"is the name of a parameter, got {name!r}")
    if band is not None and band not in BANDS:
        raise ArgumentError("band", f"is one of {', '.join(BANDS)} or None, got {band!r}")
    request = Request(
        x,
        y,
        None if by is None else names_of("by", by),
        None if facets is None else names_of("facets", facets),
        check_at(at),
        band,
        target,
    )
    if kind is not None:
        request.check_for(kind)
    return request
