"""What is done to an SVG of Graphviz so that it fits into a page, light or dark."""

from __future__ import annotations

import base64
import html
import re

from .style import DARK, FONTS, LIGHT

LEGIBLE = 0.6  # of its size a picture may shrink to


def finished(svg: bytes, description: str, adapts: bool) -> str:
    """The SVG alone, with a description; `adapts` makes it dark where the reader prefers that."""
    text = svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    rules = ""
    for font, (fonts, width) in FONTS.items():
        text = text.replace(f'font-family="{font}"', f'font-family="{fonts}"')
        rules += f'.microgradnd [font-family="{fonts}"]{{font-size-adjust:ch-width {width}}}'
    label = html.escape(description)
    opening = f'<svg class="microgradnd" role="img" aria-label="{label}"'
    style = f"<style>{rules}{_dark_rules() if adapts else ''}</style>"
    return re.sub(r"<svg([^>]*)>", lambda found: opening + found[1] + ">" + style, text, count=1)


def in_a_page(svg: str, description: str) -> str:
    """The SVG as a part of a page: as wide as there is room, but never too small to be read.

    What then still is too wide can be scrolled to. An image, and not the SVG itself, for notebooks
    show that also where they do not trust who made it.
    """
    found = re.search(r' width="([0-9.]+)pt"', svg)
    assert found is not None  # Graphviz writes it
    style = f"max-width:100%;min-width:{LEGIBLE * float(found[1]):.0f}pt;height:auto"
    source = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    image = f'<img alt="{html.escape(description)}" style="{style}" src="{source}">'
    return f'<div style="overflow-x:auto">{image}</div>'


def _dark_rules() -> str:
    rules = []
    for part, light in LIGHT.items():
        names = [light, "white"] if light == "#ffffff" else [light]
        for attribute in ("fill", "stroke"):
            selector = ",".join(f'.microgradnd [{attribute}="{name}"]' for name in names)
            rules.append(f"{selector}{{{attribute}:{DARK[part]}}}")
    return f"@media (prefers-color-scheme:dark){{{''.join(rules)}}}"
