"""What a notebook's cell shows of a Tensor and of a module."""

import html.parser

import numpy as np
import pytest

import nn
from microgradnd import Tensor


class Reader(html.parser.HTMLParser):
    """Reads tags that fit together, the text, and the attributes of the cells."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.cells = [], [], "", []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)
        if tag == "td":
            self.cells.append(dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    "values",
    [
        2.5, [1.0, -2.0, 0.0], [[1.0, np.nan], [np.inf, -1e300]], np.zeros((0, 3)), [[True, False]],
        [[1, -2], [3, 4]], np.arange(24.0).reshape(2, 3, 4), [1 + 2j, -3j], np.float32([1e-8, 1]),
        np.arange(6000.0).reshape(100, 60),
    ],
)  # fmt: skip
def test_each_entry_stands_there_with_all_its_digits(values):
    page = Reader(Tensor(values)._repr_html_())
    array = np.asarray(Tensor(values).numpy())
    titles, shown = [cell["title"] for cell in page.cells], array[(..., *[slice(40)] * array.ndim)]
    assert titles == [repr(entry) for entry in shown.ravel().tolist()]
    assert ("(40, 40) of (100, 60) are shown" in page.text) == (shown.size < array.size)
    assert str(array.shape) in page.text
    assert str(array.dtype) in page.text


def test_the_largest_are_the_strongest_and_signs_differ():
    values = Tensor([4.0, 1.0, -4.0, np.inf, -np.inf, np.nan])
    styles = [cell["style"] for cell in Reader(values._repr_html_()).cells]
    assert ["0.70)" in style for style in styles[:3]] == [True, False, True]
    colours = [style.partition("rgba(")[2][:12] for style in styles]
    assert colours[0] == colours[1] != colours[2]
    assert len({*colours[3:]} | {*colours}) == 3


def test_history_and_gradient_are_told_and_text_is_escaped():
    w = Tensor([1.0, 2.0], requires_grad=True, name="<script>w")
    product = w * 3
    np.sum(product).backward()
    for shown in (w, product):
        page = Reader(shown._repr_html_())
        assert "script" not in page.tags
        assert "<script>w" in page.text
    assert "has a gradient" in Reader(w._repr_html_()).text
    assert "multiply of" in Reader(product._repr_html_()).text
    assert "sum of a result of multiply" in Reader(np.sum(product)._repr_html_()).text


def test_a_module_is_a_tree_of_all_inside_with_shapes_and_counts():
    model = nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.BatchNorm1d(3), nn.ReLU()))
    model[0].requires_grad_(False)
    page = Reader(model._repr_html_())
    assert page.tags.count("details") == 1 + len([*model.modules()][1:])
    shown = "21 parameters", "15 parameters, frozen", "weight (3, 4) float64", "1: Sequential"
    for words in (*shown, "running_mean"):
        assert words in page.text

    class Odd(nn.Module):
        def extra_repr(self):
            return "<img onerror=1>"

    assert "img" not in Reader(Odd()._repr_html_()).tags
