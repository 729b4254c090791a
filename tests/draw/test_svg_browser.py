"""Pictures in a real browser: texts keep inside their boxes, and nothing wide is cut off."""

import contextlib

import numpy as np
import pytest

from microgradnd import Tensor, scope
from microgradnd.draw.image import Image
from microgradnd.draw.picture import draw
from nn.containers import Sequential
from nn.layers.dense import Linear
from nn.layers.recurrent import LSTM
from nn.look.network_figure import draw_network
from tests.draw import networks
from tests.draw.graphs import chain, leaf, size


@pytest.fixture
def embed(chromium, tmp_path):
    """Opens a page with this in it."""

    def opened(content, width=1000):
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        path = tmp_path / "page.html"
        path.write_text(f"<!doctype html><meta charset='utf-8'>{content}", encoding="utf-8")
        chromium.set_window_size(width, 800)
        chromium.get(path.as_uri())
        return chromium.execute_script

    return opened


MARGINS = """
return [...document.querySelectorAll(arguments[0])].flatMap((node) => {
  const box = node.querySelector("path, polygon, ellipse").getBBox();
  return [...node.querySelectorAll("text")].map((text) => {
    const { x, y, width, height } = text.getBBox();
    const right = box.x + box.width - x - width, bottom = box.y + box.height - y - height;
    return [text.textContent, Math.min(x - box.x, right, y - box.y, bottom)];
  });
});
"""


@pytest.mark.parametrize("font", ["Arial", "'DejaVu Sans'", "Verdana", "monospace"])
def test_no_text_touches_the_border_of_its_box(embed, font):
    """Also where the font is wider than the one that the boxes were made for."""
    names = ["x", "weight", "WWWWWWWW", "a name that is longer than others", "ŷ", "θ₁", "∂f/∂x"]
    names.append("e\u0301 with a y\u0302")
    first, second, *leaves = (leaf(np.full(3, -1.5e-10), name) for name in names)
    with scope("A closed box"):
        y = np.tanh(first) * second
    for other in leaves:
        y = y * other + np.array([1.0, 2.0, 3.0])
    y = np.tanh(Tensor(np.random.default_rng(0).normal(size=(300, 3)), name="images") @ y)
    for drawing in (draw(np.sum(y)), draw(np.sum(y), fold="A closed box", theme="light")):
        margins = embed(drawing.svg.replace("Arial, 'Liberation Sans', Helvetica", font))
        margins = dict(margins(MARGINS, "g.node:has(path)"))  # all that has a border
        assert len(margins) > 30
        assert min(margins.values()) > 3, min(margins, key=margins.get)


def test_numbers_in_neurons_do_not_stick_out(embed):
    model = Sequential(Linear(2, 3), Linear(3, 1))
    picture = draw_network(model, [-1.5e-34, 0.0123], loss=lambda y: -1.5e-12 * np.sum(y))
    margins = embed(picture.svg)(MARGINS, "g.node:has(ellipse)")
    assert len(margins) == 2 + 2 * 4  # all but the inputs with gradients
    assert min(margin for _, margin in margins) > 1


CROSSED = """
const points = [...document.querySelectorAll(".edge path")].flatMap((path) =>
  Array.from({ length: 60 }, (_, i) => path.getPointAtLength((i / 60) * path.getTotalLength())));
const last = [...document.querySelectorAll(".edge")].at(-1);
const isOver = (text) =>
  !["none", undefined].includes(text.closest(".node")?.querySelector("path, polygon")?.getAttribute("fill")) &&
  last.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;
return [...document.querySelectorAll(".microgradnd text")].filter((text) => {
  if (isOver(text)) return false;
  const { x, y, width, height } = text.getBBox();
  return points.some((p) => p.x > x && p.x < x + width && p.y > y + 3 && p.y < y + height - 3);
}).map((text) => text.textContent);
"""


@pytest.mark.parametrize("name", [name for name in networks.TEN if "operations" not in name])
def test_no_arrow_crosses_the_title_of_a_frame_or_what_stands_beside_one(embed, name):
    assert embed(networks.TEN[name]().svg)(CROSSED) == []


def test_layers_stand_below_each_other_and_no_staircase_makes_them_tiny():
    for framed in (True, False):
        h = leaf(np.ones(3), "x")
        for i in range(12):
            with scope(f"layer{i}") if framed else contextlib.nullcontext():
                h = np.tanh(leaf(np.full((3, 3), 0.3), f"W{i}") @ h)
        width, height = size(draw(np.sum(h)))
        assert width < 700
        assert height > 3_000
    width, height = size(draw(LSTM(3, 4), networks.normal(3, 2, 3), limit=2_000))
    assert height > 2 * width


# What there is around an output in notebooks.
CELL = "<div style='display:table;table-layout:fixed;width:100%;overflow:hidden'><div style='display:table-row'>{}</div></div>"
SEEN = """
const image = document.querySelector("img"), holder = image.parentElement;
holder.scrollLeft = 1e6;
const right = image.getBoundingClientRect().right, shown = holder.getBoundingClientRect().right;
return [right, shown, document.documentElement.scrollWidth, innerWidth, image.width, image.naturalWidth];
"""


@pytest.mark.parametrize("holder", ["{}", CELL])
@pytest.mark.parametrize("window", [500, 1000])
@pytest.mark.parametrize("length", [1, 3, 40])
def test_a_picture_is_made_smaller_or_scrolled_but_never_cut(embed, length, window, holder):
    y = chain(length, np.sin)
    y.name = '"><b>&amp;</b>'
    drawing = draw(y, direction="LR", limit=100)
    run = embed(holder.format(Image._cell(drawing, drawing.svg)), window)
    assert y.name in run("return document.querySelector('img').alt")
    assert run("return document.querySelector('b')") is None
    right, shown, page, wide, width, natural = run(SEEN)
    assert right <= shown + 1 <= wide + 1  # its end can be seen
    assert page <= wide
    expected = min(natural, max(0.6 * natural, wide - 16))  # the margins of the page
    assert width == pytest.approx(expected, abs=2)  # no smaller than it can be read
