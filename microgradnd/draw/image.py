"""A picture in Graphviz's language, which shows itself in notebooks and is saved as a file.

Graphviz makes it or, where that is not installed, a port of it from PyPI.
"""

from __future__ import annotations

import base64
import html
import os
import re
import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..late import needed
from .style import DARK, FONTS, LIGHT, text_width

LEGIBLE = 0.6  # of its size a picture may shrink to
PATIENCE = 120  # seconds


class RenderingError(RuntimeError):
    """No program was found that makes pictures of DOT, or those that were could not."""


class Image:
    """A picture made from DOT source: it shows itself in notebooks, and `save` makes a file of it.

    An SVG of one that `adapts` is light or dark as the reader prefers.
    """

    _suffixes: tuple[str, ...] = (".svg", ".png", ".pdf", ".dot")

    def __init__(self, source: Callable[[], str], description: str, adapts: bool) -> None:
        self._source, self._description, self._adapts = source, description, adapts

    @property
    def dot(self) -> str:
        """The picture as DOT source, for Graphviz."""
        try:
            return self._source()
        except ModuleNotFoundError as error:
            if error.name != "graphviz":
                raise
            raise RenderingError(str(error)) from None

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        return _finished(rendered(self.dot, "svg"), self._description, self._adapts)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save as .svg, .png, .pdf or .dot, by the suffix of the path.

        All but .dot need Graphviz, or the package graphviz-pure, which is installed with this one;
        for .pdf that needs typst, and for .png it has fewer characters than a browser.
        """
        path = Path(path)
        if path.suffix.lower() not in self._suffixes:
            known = ", ".join(self._suffixes[:-1]) + f" or {self._suffixes[-1]}"
            raise ValueError(f"cannot save a picture as {path.name!r}: it must end in {known}")
        path.write_bytes(self._file(path.suffix.lower()[1:]))

    def _file(self, form: str) -> bytes:
        """The content of a file."""
        if form in ("dot", "svg"):
            return (self.dot if form == "dot" else self.svg).encode()
        if form == "pdf" and not shutil.which("dot"):
            return pdf_of(self.svg)
        return rendered(self.dot, form)

    def _repr_html_(self) -> str | None:
        return self._repr_mimebundle_().get("text/html")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = {"text/plain": repr(self)}
        try:
            bundle["image/svg+xml"] = self.svg
        except RenderingError as error:
            bundle["text/plain"] += f"\n\n(As text, since {error}.)"
        if html := self._cell(bundle.get("image/svg+xml", "")):
            bundle["text/html"] = html
        return bundle

    def _cell(self, svg: str) -> str:
        """What a notebook shows, as HTML."""
        return svg and _in_a_page(svg, self._description)

    def __repr__(self) -> str:
        return f"<{self._description}>"


def rendered(source: str, form: str, resolution: int = 192) -> bytes:
    """The picture as "svg", "png" or "pdf"."""
    import subprocess

    failures = []
    for program in programs():
        command = [program, f"-T{form}", *([f"-Gdpi={resolution}"] if form == "png" else [])]
        try:
            done = subprocess.run(
                command, input=source.encode(), capture_output=True, timeout=PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            raise RenderingError(
                f"{program} did not finish within {PATIENCE} seconds: draw less, with a smaller "
                "limit= or depth=, or only= some scopes"
            ) from None
        if done.returncode == 0 and done.stdout:
            return done.stdout
        failures.append(f"{program}: {done.stderr.decode(errors='replace').strip()[-500:]}")
    if failures:
        raise RenderingError("\n".join(["no picture could be made", *failures]))
    raise RenderingError(
        "a picture needs Graphviz: `pip install graphviz-pure`, or install Graphviz from "
        "https://graphviz.org/download so that `dot` is on the PATH. Saving as .dot needs neither"
    )


def programs() -> list[str]:
    """The programs that can lay out a graph, the best first; pip's also outside of the PATH."""
    schemes = sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")
    folders = [sysconfig.get_path("scripts", scheme) for scheme in schemes]
    path = os.pathsep.join([*folders, os.environ.get("PATH", "")])
    found = shutil.which("dot"), shutil.which("graphviz-pure", path=path)
    return [program for program in found if program]


def _finished(svg: bytes, description: str, adapts: bool) -> str:
    """The SVG alone, with a description; `adapts` makes it dark where the reader prefers that."""
    text = svg.decode().replace("\r\n", "\n")  # as `dot` ends lines on Windows
    text = _titles_last(re.sub(r"<!--.*?-->\n?", "", text[text.index("<svg") :], flags=re.DOTALL))
    text = re.sub(r"<text ([^>]*)>([^<]+)", _widened, text)
    for font, fonts in FONTS.items():
        text = text.replace(f'font-family="{font}"', f'font-family="{fonts}"')
    rules = ""
    for part, light in LIGHT.items() if adapts else ():
        for attribute in ("fill", "stroke"):
            names = [light, "white"] if light == "#ffffff" else [light]
            selector = ",".join(f'.microgradnd [{attribute}="{name}"]' for name in names)
            rules += f"{selector}{{{attribute}:{DARK[part]}}}"
    style = f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>" * adapts
    opening = f'<svg class="microgradnd" role="img" aria-label="{html.escape(description)}"'
    return re.sub(r"<svg([^>]*)>", lambda found: opening + found[1] + ">" + style, text, count=1)


def _titles_last(svg: str) -> str:
    """The titles of frames over the arrows that cross them, on a ground of the frame's colour."""
    frames, first, rest = svg.partition('class="node')
    titled = re.compile(r'(<path fill="([^"]*)"[^>]*>\n)((?:<text[^\n]*\n)+)')
    ground = r'<text paint-order="stroke" stroke-width="4" stroke="{}"'
    titles = [
        found[3].replace("<text", ground.format(found[2])) for found in titled.finditer(frames)
    ]
    rest, end, _ = rest.rpartition("</g>\n</svg>")
    return titled.sub(r"\1", frames) + first + rest + "".join(titles) + end


def _widened(found: re.Match[str]) -> str:
    """The beginning of a text, made as wide as its box was made for, whatever the font is."""
    attributes, text = found.groups()
    size, font = (re.search(f'font-{key}="([^"]*)"', attributes)[1] for key in ("size", "family"))  # type: ignore[index]
    width = text_width(html.unescape(text), float(size), font, "bold" in attributes)
    fitting = f'textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"'
    return f"<text {fitting} {attributes}>{text}"


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


def page_in_a_cell(page: str, description: str) -> str:
    """A page as a part of a notebook's page; its scripts and styles stay to themselves.

    Notebooks that do not trust who made it leave out the frame, and show the text in it.
    """
    source = page.replace("&", "&amp;").replace("'", "&#39;")
    style = "width:100%;height:36rem;border:0;resize:vertical;overflow:hidden"
    return (
        f'<iframe title="{html.escape(description)}" style="{style}" srcdoc=\'{source}\'>'
        "The page of this graph is shown when the notebook is trusted; .svg is a still picture."
        "</iframe>"
    )


def pdf_of(svg: str) -> bytes:
    """The SVG as a PDF, where Graphviz itself is not installed."""
    typst = needed("typst", "a .pdf needs typst, or Graphviz itself", '"microgradnd[pdf]"')
    page = b"#set page(width: auto, height: auto, margin: 0pt)\n#image(bytes(sys.inputs.svg))"
    pdf: bytes = typst.compile(page, format="pdf", sys_inputs={"svg": svg})
    return pdf
