"""What is done to an SVG of Graphviz so that it fits into a page, light or dark."""

from __future__ import annotations

import html
import re

from .style import DARK, FONTS, LIGHT


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


def _dark_rules() -> str:
    rules = []
    for part, light in LIGHT.items():
        names = [light, "white"] if light == "#ffffff" else [light]
        for attribute in ("fill", "stroke"):
            selector = ",".join(f'.microgradnd [{attribute}="{name}"]' for name in names)
            rules.append(f"{selector}{{{attribute}:{DARK[part]}}}")
    return f"@media (prefers-color-scheme:dark){{{''.join(rules)}}}"
