"""The figure of learning curves; importing this needs matplotlib."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

__all__ = ["CurvesFigure"]


class CurvesFigure(Figure):
    """A figure that notebooks show without pyplot, and that nobody has to close."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()
