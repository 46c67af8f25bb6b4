"""Texts on pictures: shortened, and never read as formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.text import Text

__all__ = ["add_color_bar", "name_axes", "name_ticks", "plain", "shortened"]

_LONGEST = 60


def shortened(text: str) -> str:
    """Return a text that fits on a picture."""
    start = text[: 4 * _LONGEST]
    if not start.isprintable():
        start = " ".join("".join(sign if sign.isprintable() else " " for sign in start).split())
    return start if len(start) <= _LONGEST else f"{start[: _LONGEST - 3]}..."


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
    shown = [label if len(label) <= 20 else f"{label[:17]}..." for label in labels]
    tilted = which == "x" and sum(map(len, shown)) > 30
    axis = axes.xaxis if which == "x" else axes.yaxis
    look: dict[str, Any] = {"rotation": 45.0, "ha": "right", "rotation_mode": "anchor"} if tilted else {}
    axis.set_ticks(range(len(shown)), shown, parse_math=False, **look)
