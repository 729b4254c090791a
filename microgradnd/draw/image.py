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
RESOLUTION = 192  # of a .png, in dots per inch
AS_LAID_OUT = "-Kneato", "-n2", "-Goutputorder=edgesfirst"  # nodes over edges


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


def rendered(source: str, form: str) -> bytes:
    """The picture as "svg", "png" or "pdf"."""
    failures = []
    options = [f"-T{form}", *([f"-Gdpi={RESOLUTION}"] if form == "png" else [])]
    has_frames = "subgraph" in source
    for program in programs():
        made, wrong = _run(program, ["-Tdot"] if has_frames else options, source)
        if has_frames and made:
            made, wrong = _run(program, [*options, *AS_LAID_OUT], _titles_last(made.decode()))
        if made:
            return made
        failures.append(f"{program}: {wrong}")
    if failures:
        raise RenderingError("\n".join(["no picture could be made", *failures]))
    raise RenderingError(
        "a picture needs Graphviz: `pip install graphviz-pure`, or install Graphviz from "
        "https://graphviz.org/download so that `dot` is on the PATH. Saving as .dot needs neither"
    )


def _run(program: str, options: list[str], source: str) -> tuple[bytes, str]:
    """What a program makes of a source, and what it says."""
    import subprocess

    command = [program, *options]
    try:
        done = subprocess.run(
            command, input=source.encode(), capture_output=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise RenderingError(
            f"{program} did not finish within {PATIENCE} seconds: draw less, with a smaller "
            "limit= or depth=, or only= some scopes"
        ) from None
    made = done.stdout if done.returncode == 0 else b""
    return made, done.stderr.decode(errors="replace").strip()[-500:]


# A frame in a layout, an attribute to the line: its colour, its title, and where that stands.
_FRAME = re.compile(
    r'(subgraph .*\n.*graph \[(?:.*,\n)*?.*fillcolor="(.*)",\n(?:.*,\n)*?)'
    r'.*label=<(.*)>,\n((?:.*,\n)*?.*lp="(.*)",\n)'
)


def _titles_last(layout: str) -> str:
    """The titles of frames as nodes, over the arrows that cross them, on the frame's colour."""
    titles = []
    for place, (_, colour, title, _, at) in enumerate(_FRAME.findall(layout)):
        plain = 'BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"'
        label = f'<<TABLE {plain} BGCOLOR="{colour}"><TR><TD>{title}</TD></TR></TABLE>>'
        titles.append(f'title{place} [label={label} pos="{at}" fontsize=10 tooltip=" "]\n')
    rest, end, _ = _FRAME.sub(r'\1label="",\n\4', layout).rpartition("}")
    return rest + "".join(titles) + end


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
    text = re.sub(r"<!--.*?-->\n?", "", text[text.index("<svg") :], flags=re.DOTALL)
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
