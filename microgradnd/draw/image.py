"""A picture in Graphviz's language, which shows itself in notebooks and is saved as a file."""

from __future__ import annotations

import base64
import html
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .style import DARK, FONTS, LIGHT

LEGIBLE = 0.6  # of its size a picture may shrink to


class Image:
    """A picture made from DOT source: it shows itself in notebooks, and `save` makes a file of it.

    Arguments:
        source: returns the DOT source.
        description: what the picture shows, for those who cannot see it.
        adapts: whether an SVG of it is light or dark as the reader prefers.
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

        return _finished(rendered(self.dot, "svg"), self._description, self._adapts)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save as .svg, .png, .pdf or .dot, by the suffix of the path.

        All but .dot need Graphviz, or the package graphviz-pure, which is installed with this one;
        for .pdf that needs matplotlib, and for .png it has fewer characters than a browser.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in self._suffixes:
            known = ", ".join(self._suffixes[:-1]) + f" or {self._suffixes[-1]}"
            raise ValueError(f"cannot save a picture as {path.name!r}: it must end in {known}")
        path.write_bytes(self._file(suffix[1:]))

    def _file(self, form: str) -> bytes:
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

        bundle = {"text/plain": repr(self)}
        try:
            bundle["image/svg+xml"] = svg = self.svg
            bundle["text/html"] = _in_a_page(svg, self._description)
        except RenderingError as error:
            bundle["text/plain"] += f"\n\n(As text, since {error}.)"
        return bundle

    def __repr__(self) -> str:
        return f"<{self._description}>"


def _finished(svg: bytes, description: str, adapts: bool) -> str:
    """The SVG alone, with a description; `adapts` makes it dark where the reader prefers that."""
    text = svg.decode()
    text = re.sub(r"<!--.*?-->\n?", "", text[text.index("<svg") :], flags=re.DOTALL)
    rules = ""
    for font, (fonts, width) in FONTS.items():
        text = text.replace(f'font-family="{font}"', f'font-family="{fonts}"')
        rules += f'.microgradnd [font-family="{fonts}"]{{font-size-adjust:ch-width {width}}}'
    opening = f'<svg class="microgradnd" role="img" aria-label="{html.escape(description)}"'
    style = f"<style>{rules}{_dark_rules() if adapts else ''}</style>"
    return re.sub(r"<svg([^>]*)>", lambda found: opening + found[1] + ">" + style, text, count=1)


def _dark_rules() -> str:
    rules = ""
    for part, light in LIGHT.items():
        for attribute in ("fill", "stroke"):
            names = [light, "white"] if light == "#ffffff" else [light]
            selector = ",".join(f'.microgradnd [{attribute}="{name}"]' for name in names)
            rules += f"{selector}{{{attribute}:{DARK[part]}}}"
    return f"@media (prefers-color-scheme:dark){{{rules}}}"


def _in_a_page(svg: str, description: str) -> str:
    """The SVG as a part of a page: as wide as there is room, but never too small to be read.

    What is still too wide can be scrolled to. It is an image, and not the SVG itself, since
    notebooks show that also where they do not trust who made it.
    """
    found = re.search(r' width="([0-9.]+)pt"', svg)
    assert found is not None  # Graphviz writes it
    style = f"max-width:100%;min-width:{LEGIBLE * float(found[1]):.0f}pt;height:auto"
    source = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    image = f'<img alt="{html.escape(description)}" style="{style}" src="{source}">'
    return f'<div style="overflow-x:auto">{image}</div>'
