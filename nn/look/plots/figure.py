"""A figure of matplotlib's that shows itself in notebooks, and touches no global state."""

from __future__ import annotations

import io
from base64 import b64encode
from typing import Any

import matplotlib.figure


class Figure(matplotlib.figure.Figure):
    """A figure without pyplot: no window, no backend to choose, freed when nobody holds it."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[Any, Any]:
        """A PNG and its size; unlike `_repr_png_`, it counts even if a notebook imports pyplot."""
        file = io.BytesIO()
        self.savefig(file, format="png")
        width, height = self.get_size_inches()
        size = {"width": round(96 * width), "height": round(96 * height)}
        return {"image/png": b64encode(file.getvalue()).decode()}, {"image/png": size}
