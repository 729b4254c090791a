"""A figure of matplotlib's that shows itself in notebooks, and touches no global state."""

from __future__ import annotations

import io
from typing import Any

import matplotlib.figure


class Figure(matplotlib.figure.Figure):
    """A figure without pyplot: no window, no backend to choose, freed when nobody holds it."""

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        file = io.BytesIO()
        self.savefig(file, format="png")
        width, height = self.get_size_inches()
        return file.getvalue(), {"width": round(96 * width), "height": round(96 * height)}
