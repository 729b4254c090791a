"""A picture in Graphviz's language, which shows itself in notebooks and is saved as a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Image:
    """A picture made from DOT source: it shows itself in notebooks, and `save` makes a file of it.

    `adapts` says whether an SVG of it goes by what the reader prefers, light or dark.
    """

    _suffixes: tuple[str, ...] = (".svg", ".png", ".pdf", ".dot")

    def __init__(self, source: Callable[[], str], description: str, adapts: bool) -> None:
        self._source, self._description, self._adapts = source, description, adapts

    @property
    def dot(self) -> str:
        """The picture as DOT source, for Graphviz."""
        return self._source()

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        from .rendering import rendered
        from .svg import finished

        return finished(rendered(self.dot, "svg"), self._description, self._adapts)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save as .svg, .png, .pdf or .dot, by the suffix of the path.

        All but .dot take Graphviz, or the package graphviz-pure. That one has fewer characters in
        .png and .pdf than a browser has for .svg.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in self._suffixes:
            *others, last = self._suffixes
            raise ValueError(
                f"cannot save a picture as {path.name!r}: the name must end in "
                f"{', '.join(others)} or {last}"
            )
        path.write_bytes(self._made(suffix[1:]))

    def _made(self, form: str) -> bytes:
        """The content of a file."""
        from .rendering import rendered

        if form in ("dot", "svg"):
            return (self.dot if form == "dot" else self.svg).encode()
        return rendered(self.dot, form)

    def _repr_svg_(self) -> str | None:
        return self._repr_mimebundle_().get("image/svg+xml")

    def _repr_html_(self) -> str | None:
        return self._repr_mimebundle_().get("text/html")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from .rendering import RenderingError
        from .svg import in_a_page

        bundle = {"text/plain": repr(self)}
        try:
            bundle["image/svg+xml"] = svg = self.svg
            bundle["text/html"] = in_a_page(svg, self._description)
        except RenderingError as error:
            bundle["text/plain"] += f"\n\n(As text, since {error}.)"
        return bundle

    def __repr__(self) -> str:
        return f"<{self._description}>"
