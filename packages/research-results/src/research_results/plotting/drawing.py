"""The table of pictures: each kind and the function that draws it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from research_results.answers.objectives import Mode
from research_results.plotting.boxes import draw_boxes
from research_results.plotting.data import read_plot_data
from research_results.plotting.heatmap import draw_heatmaps
from research_results.plotting.importances import draw_importances
from research_results.plotting.parallel import draw_parallel
from research_results.plotting.pareto import draw_pareto
from research_results.plotting.request import Request
from research_results.plotting.series import draw_curves, draw_finals
from research_results.reading.filters import Query
from research_results.reading.reader import Questions

DRAW = {
    "curve": draw_curves,
    "final": draw_finals,
    "heatmap": draw_heatmaps,
    "parallel": draw_parallel,
    "box": draw_boxes,
    "importances": draw_importances,
    "pareto": draw_pareto,
}
"""Kind → its function; `request.KINDS` has the arguments of each."""


def draw(
    reader: Questions,
    wanted: Query,
    variables: str | Sequence[str] | None,
    kind: str | None,
    mode: Mode,
    over: Sequence[str],
    request: Request,
) -> Any:
    """Draw a picture of what a filter lets through; see `ResearchResults.plot`."""
    data = read_plot_data(reader, wanted, variables, mode, over, request.named)
    if kind is None:
        kind = "curve" if any(measure.has_curves for measure in data.measures) else "final"
        request.check_for(kind)
    return DRAW[kind](data.reaching(request.at) if variables is None else data, request)
