"""Legends beside the axes: the names of colours, and what was left out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from research_results.plotting.canvas import widen
from research_results.plotting.texts import plain, shortened

_MOST_LINES = 5


def add_legend(
    axes: Axes,
    left_out: Sequence[str],
    handles: Sequence[Any] = (),
    labels: Sequence[str] = (),
    title: str = "",
    note: str = "",
) -> None:
    """Name colours to the right of some axes; nothing is added where there is nothing to name."""
    from matplotlib.lines import Line2D

    handles, labels = list(handles), [_shown(shortened(label)) for label in labels]
    for text in (_note(left_out) if left_out else "", note):
        if text:
            handles.append(Line2D([], [], linestyle="none"))
            labels.append(text)
    if not handles:
        return
    legend = axes.legend(
        handles,
        labels,
        title=shortened(title) or None,
        fontsize="small",
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0.0,
    )
    plain(legend.get_title(), *legend.get_texts())
    widen(axes, max(len(line) for label in [*labels, shortened(title)] for line in label.split("\n")))


def _shown(label: str) -> str:
    """Return a label that matplotlib shows; it hides labels with a leading underscore."""
    return f" {label}" if label.startswith("_") or not label else label


def _note(left_out: Sequence[str]) -> str:
    """Return what was left out, in a few lines."""
    text = f"{len(left_out)} left out: {'; '.join(shortened(label) for label in left_out)}"
    lines = textwrap.wrap(text, 36, max_lines=_MOST_LINES, placeholder=" ...")
    return "\n".join(lines)
