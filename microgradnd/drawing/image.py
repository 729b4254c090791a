"""A picture in Graphviz's language, which shows itself in notebooks and is saved as a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


class Image:
    """DOT source that shows itself in notebooks; `save` makes a file of it."""

    def __init__(self, dot: str, description: str, adapts: bool) -> None:
        self.dot, self._description, self._adapts = dot, description, adapts

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        from .rendering import rendered
        from .svg import finished

        return finished(rendered(self.dot, "svg"), self._description, self._adapts)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save as .svg, .png, .pdf or .dot, by the suffix of the path.

        All but .dot take Graphviz, or the package graphviz-pure.
        """
        from .rendering import rendered

        path = Path(path)
        form = path.suffix.lower().lstrip(".")
        if form not in ("svg", "png", "pdf", "dot"):
            raise ValueError(
                f"cannot save a picture as {path.name!r}: the name must end in "
                ".svg, .png, .pdf or .dot"
            )
        if form in ("svg", "dot"):
            path.write_text(getattr(self, form), encoding="utf-8")
        else:
            path.write_bytes(rendered(self.dot, form))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from .rendering import RenderingError

        bundle = {"text/plain": repr(self)}
        try:
            bundle["image/svg+xml"] = self.svg
        except RenderingError as error:
            bundle["text/plain"] += f"\n\n(As text, since {error}.)"
        return bundle

    def __repr__(self) -> str:
        return f"<{self._description}>"
