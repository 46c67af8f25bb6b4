"""Texts on pictures: shortened, and never read as formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from research_domain.texts import cut_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.text import Text


_LONGEST = 60


def shortened(text: str) -> str:
    """Return a text that fits on a picture."""
    start = text[: 4 * _LONGEST]
    if not start.isprintable():
        start = " ".join("".join(sign if sign.isprintable() else " " for sign in start).split())
    return cut_text(start, _LONGEST)


def plain(*texts: Text) -> None:
    """Draw texts as they are: a dollar begins no formula."""
    for text in texts:
        text.set_parse_math(False)


def name_axes(axes: Axes, x: str, y: str) -> None:
    """Label both axes."""
    axes.set(xlabel=shortened(x), ylabel=shortened(y))
    plain(axes.xaxis.label, axes.yaxis.label)


def add_color_bar(axes: Axes, colored: Any, label: str) -> None:
    """Put a bar beside axes that says what their colours mean."""
    bar = axes.figure.colorbar(colored, ax=axes)
    bar.set_label(shortened(label))
    plain(bar.ax.yaxis.label)


def name_ticks(axes: Axes, which: str, labels: Sequence[str]) -> None:
    """Give the positions 0, 1, ... of an axis their labels."""
    shown = [cut_text(label, 20 if which == "x" else 40) for label in labels]
    tilted = which == "x" and sum(map(len, shown)) > 30
    axis = axes.xaxis if which == "x" else axes.yaxis
    look: dict[str, Any] = {"rotation": 45.0, "ha": "right", "rotation_mode": "anchor"} if tilted else {}
    axis.set_ticks(range(len(shown)), shown, parse_math=False, **look)
