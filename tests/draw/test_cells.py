"""What a notebook's cell shows of a Tensor and of a module."""

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from tests.markup import Markup


def read(shown):
    """What a cell shows of something, whose tags fit together."""
    page = Markup(shown._repr_html_())
    assert page.fits
    return page


@pytest.mark.parametrize(
    "values",
    [
        2.5, [1.0, -2.0, 0.0], [[1.0, np.nan], [np.inf, -1e300]], np.zeros((0, 3)), [[True, False]],
        [[1, -2], [3, 4]], np.arange(24.0).reshape(2, 3, 4), [1 + 2j, -3j], np.float32([1e-8, 1]),
        np.arange(6000.0).reshape(100, 60),
    ],
)  # fmt: skip
def test_each_entry_stands_there_with_all_its_digits(values):
    page = read(Tensor(values))
    array = np.asarray(Tensor(values).numpy())
    titles, shown = page.all("title"), array[(..., *[slice(40)] * array.ndim)]
    assert titles == [repr(entry) for entry in shown.ravel().tolist()]
    assert ("(40, 40) of (100, 60) are shown" in page.text) == (shown.size < array.size)
    assert str(array.shape) in page.text
    assert str(array.dtype) in page.text


def test_the_largest_are_the_strongest_and_signs_differ():
    values = Tensor([4.0, 1.0, -4.0, np.inf, -np.inf, np.nan])
    page = read(values)
    styles = [found["style"] for found in page.attributes if "title" in found]
    assert ["0.70)" in style for style in styles[:3]] == [True, False, True]
    colours = [style.partition("rgba(")[2][:12] for style in styles]
    assert colours[0] == colours[1] != colours[2]
    assert len({*colours[3:]} | {*colours}) == 3


def test_history_and_gradient_are_told_and_text_is_escaped():
    w = Tensor([1.0, 2.0], requires_grad=True, name="<script>w")
    product = w * 3
    np.sum(product).backward()
    for shown in (w, product):
        page = read(shown)
        assert "script" not in page.tags
        assert "<script>w" in page.text
    assert "has a gradient" in read(w).text
    assert "multiply of" in read(product).text
    assert "sum of a result of multiply" in read(np.sum(product)).text


def test_a_module_is_a_tree_of_all_inside_with_shapes_and_counts():
    model = nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.BatchNorm1d(3), nn.ReLU()))
    model[0].requires_grad_(False)
    page = read(model)
    assert page.tags.count("details") == 1 + len([*model.modules()][1:])
    shown = "21 parameters", "15 parameters, frozen", "weight (3, 4) float64", "1: Sequential"
    for words in (*shown, "running_mean"):
        assert words in page.text

    class Odd(nn.Module):
        def extra_repr(self):
            return "<img onerror=1>"

    assert "img" not in read(Odd()).tags
