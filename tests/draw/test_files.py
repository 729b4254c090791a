"""Pictures as files and in notebooks: what is in them, and that names cannot inject markup."""

import contextlib
import html
import os
import re
import subprocess
import sys
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest

import nn
from microgradnd import primitive, scope, trace
from microgradnd.draw import image
from microgradnd.draw.image import RenderingError, programs
from microgradnd.draw.picture import draw
from microgradnd.draw.style import DARK, LIGHT
from tests.draw.graphs import MARKUP, encoder, leaf, neuron, size

SVG = "{http://www.w3.org/2000/svg}"
TAGS = {"svg", "g", "title", "path", "polygon", "polyline", "text", "a", "style", "ellipse"}


def parsed(drawing):
    return ElementTree.fromstring(drawing.svg)


def texts(drawing):
    return [text.text for text in parsed(drawing).iter(f"{SVG}text")]


def tooltips(drawing):
    attributes = [pair for element in parsed(drawing).iter() for pair in element.attrib.items()]
    return [value for key, value in attributes if key.endswith("}title")]


# ---- names cannot inject markup ------------------------------------------------------------------

UNPRINTABLE = ["\x00\x01\x1b[31m", "\ud800", "line\nbreak\ttab", "\u202eabc", "x" * 5000, 42]
OPTIONS = [{}, {"depth": 0}, {"direction": "TB", "theme": "dark"}]


@pytest.mark.parametrize("name", MARKUP + UNPRINTABLE)
def test_names_are_shown_as_they_are_or_do_no_harm(name):
    with scope(str(name)):
        y = np.tanh(leaf([1.0, 2.0], name)) * leaf(3.0)
        z = np.sum(primitive(lambda x: x + 1, lambda g, y, x: g, name=str(name))(y))
    z.name = "L"
    for options in [*OPTIONS, {"highlight": str(name)}]:
        drawing = draw(z, **options)
        shown = [text.replace("\xa0", " ") for text in texts(drawing)]
        assert name not in MARKUP or any(name in text for text in shown)
        assert len(drawing.svg) < 60_000
        assert not set("\x00\x1b\ud800\u202e") & set(drawing.svg + repr(drawing) + drawing.dot)
        for element in parsed(drawing).iter():
            assert element.tag.removeprefix(SVG) in TAGS
            assert not any(key.startswith("on") or key.endswith("href") for key in element.attrib)


def test_the_source_line_is_in_the_tooltip_as_it_is():
    with trace():
        y = np.tanh(leaf(1.0, "x"))  # </title><script>alert("&amp;\N")</script>
    drawing = draw(y)
    (line,) = (text for text in tooltips(drawing) if "alert" in text)
    assert '</title><script>alert("&amp;\\N")</script>' in line
    assert "test_files.py" in line
    assert "<script" not in drawing.svg


# ---- files and notebooks -------------------------------------------------------------------------


def test_saves_by_suffix(tmp_path):
    drawing = draw(neuron())
    starts = {".svg": b"<svg", ".png": b"\x89PNG\r\n", ".dot": b"digraph"}
    for suffix, start in (starts | {".html": b"<!DOCTYPE html>"}).items():
        drawing.save(str(tmp_path / f"loss{suffix}"))
        assert (tmp_path / f"loss{suffix}").read_bytes().startswith(start)
    for name in ("loss", "loss.jpg"):
        with pytest.raises(ValueError, match=r"must end in .svg, .png, .pdf, .dot or .html"):
            drawing.save(tmp_path / name)


def unpacked(stream):
    with contextlib.suppress(zlib.error):  # fonts and images have other forms
        return zlib.decompress(stream)
    return b""


def test_a_pdf_without_graphviz_is_made_from_the_svg(tmp_path, monkeypatch):
    pytest.importorskip("typst")
    monkeypatch.setenv("PATH", "")
    drawing = draw(neuron() * leaf(1.0, '$x$ ŷ² #panic("no")'))
    drawing.save(tmp_path / "loss.pdf")
    pdf, attributes = (tmp_path / "loss.pdf").read_bytes(), parsed(drawing).attrib
    assert pdf.startswith(b"%PDF-")
    width, height = (attributes[key].removesuffix("pt").encode() for key in ("width", "height"))
    assert b"/MediaBox[0 0 " + width + b" " + height + b"]" in pdf
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    written = max(map(unpacked, streams), key=len)
    letters = "".join("".join(text.itertext()) for text in parsed(drawing).iter(f"{SVG}text"))
    assert written.count(b"Tj") >= len("".join(letters.split()))
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "microgradnd\[pdf\]"'):
        draw(neuron()).save(tmp_path / "loss.pdf")


def test_shows_itself_in_notebooks():
    drawing = draw(neuron())
    bundle = drawing._repr_mimebundle_()
    assert bundle["image/svg+xml"] == drawing.svg
    source = re.search(r"<iframe [^>]* srcdoc='([^']*)'>", bundle["text/html"])[1]
    assert html.unescape(source) == drawing._page()
    assert "base64" not in bundle["text/html"].replace("sha256", "")
    assert parsed(drawing).attrib["aria-label"] == "Computation graph of L: 9 operations"
    assert "∂L/∂w" in texts(drawing)
    with_gradient = [node for node in drawing.shown.nodes if node.gradient is not None]
    assert sum("∂L/∂" in text for text in tooltips(drawing)) == len(with_gradient)


def test_directions_and_themes():
    (wide, low), (narrow, high) = (size(draw(neuron(), direction=each)) for each in ("LR", "TB"))
    assert wide > low
    assert narrow < high
    assert "prefers-color-scheme" not in draw(neuron(), theme="light").svg
    assert LIGHT["text"] not in draw(neuron(), theme="dark").svg
    style, drawn = draw(encoder(), highlight="Block1", fold="decoder").svg.split("</style>")
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]+|[a-z]+)"', drawn))
    used -= {"none", "transparent"}
    assert used <= {*LIGHT.values(), "white"}
    assert all(f'[fill="{colour}"]' in style for colour in used)
    assert len(set(LIGHT.values())) == len(LIGHT)  # or a dark rule would hit two parts


def luminance(colour):
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_all_text_has_the_contrast_that_wcag_asks_for(colours):
    grounds = ("page", "operation", "head", "parameter", "input", "constant", "box", "frame")
    for text in ("text", "faint", "gradient", "derivative"):
        for ground in grounds:
            dark, light = sorted((luminance(colours[text]), luminance(colours[ground])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


# ---- programs that draw --------------------------------------------------------------------------


def test_a_picture_whose_lines_end_as_on_windows_is_the_same(monkeypatch):
    drawing, made = draw(encoder()), image.rendered
    expected = drawing.svg
    monkeypatch.setattr(image, "rendered", lambda *of: made(*of).replace(b"\n", b"\r\n"))
    assert drawing.svg == expected


@pytest.mark.skipif(os.name != "posix", reason="the program is a script of the shell")
def test_a_dot_on_the_path_comes_first_and_is_replaced_if_it_fails(tmp_path, monkeypatch):
    def put(script):
        (tmp_path / "dot").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "dot").chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    put('cat > /dev/null; echo "<svg $1></svg>"')
    assert programs()[0] == str(tmp_path / "dot")
    assert "-Tsvg" in draw(neuron()).svg
    put("echo no such format >&2; exit 1")
    parsed(draw(neuron()))
    monkeypatch.setattr(image, "programs", lambda: [str(tmp_path / "dot")])
    with pytest.raises(RenderingError, match="no such format"):
        parsed(draw(neuron()))
    put("exec sleep 60")
    monkeypatch.setattr(image, "PATIENCE", 0.2)
    with pytest.raises(RenderingError, match=r"did not finish within .* seconds: draw less"):
        parsed(draw(neuron()))


def test_only_one_program_is_needed_and_the_error_says_which(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    drawing = draw(neuron())
    parsed(drawing)
    monkeypatch.setattr(image, "programs", list)
    with pytest.raises(RenderingError, match="pip install graphviz-pure"):
        drawing.save(tmp_path / "loss.svg")
    drawing.save(tmp_path / "loss.dot")
    assert (tmp_path / "loss.dot").read_text("utf-8") == drawing.dot
    bundle = drawing._repr_mimebundle_()
    assert "pip install graphviz-pure" in bundle["text/plain"]
    assert bundle["text/html"].startswith("<iframe")  # the page needs none
    assert "image/svg+xml" not in bundle
    assert {*nn.draw_network(nn.Linear(2, 2))._repr_mimebundle_()} == {"text/plain"}


def test_nothing_is_imported_before_something_is_drawn():
    code = (
        "import sys, numpy; before = {*sys.modules}; import microgradnd.draw.picture; "
        "assert not {'graphviz', 'subprocess', 'importlib.metadata'} & ({*sys.modules} - before)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
