"""Ten networks are drawn as what they are: by their layers, and small enough to be read."""

from pathlib import Path

import numpy as np
import pytest

import nn
from microgradnd import Tensor, draw, scope
from microgradnd.tree import flatten
from tests.draw import graphs, networks
from tests.draw.graphs import by_symbol, leaf

KNOWN = Path(__file__).with_name("networks.txt").read_text("utf-8")
WIDEST = 1_000  # pixels of a notebook's cell


def width(drawing):
    return graphs.size(drawing)[0] * 4 / 3


@pytest.mark.parametrize("name", networks.TEN)
def test_ten_networks(name):
    drawing = networks.TEN[name]()
    expected = KNOWN.partition(f"## {name}\n")[2].partition("\n\n")[0]
    assert networks.lines(drawing.shown) == expected.splitlines()
    assert width(drawing) <= WIDEST


@pytest.mark.parametrize(
    ("layer", "options"),
    [
        (nn.Linear(30, 10, bias=False), "in_features=30, out_features=10, bias=False"),
        (nn.Conv2d(3, 8, (5, 3), stride=2), "3, 8, kernel_size=(5, 3), stride=(2, 2)"),
        (nn.Dropout(0.1), "p=0.1"),
        (nn.Dropout(0.5), ""),
        (nn.BatchNorm2d(8), "8"),
        (nn.MultiheadAttention(32, 4), "embed_dim=32, num_heads=4"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_box_says_what_a_layer_was_made_with_but_not_the_defaults(layer, options):
    assert layer._picture_options() == options


@pytest.mark.parametrize(("layer", "gates"), [(nn.RNN, "h"), (nn.LSTM, "ifgoch"), (nn.GRU, "rznh")])
def test_recurrent_layers_show_their_gates_and_compute_the_same(layer, gates):
    x = networks.normal(4, 3, 3)
    assert {f"{gate}₄" for gate in gates} <= by_symbol(draw(layer(3, 2), x, limit=50)).keys()
    model = layer(3, 2, num_layers=2, bidirectional=True)
    drawing = draw(model, x, gradients=False)
    for found, expected in zip(drawing.model.graph.heads, flatten(model(x))[0], strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy())


def test_the_page_knows_what_layers_were_made_with_although_the_model_is_gone():
    model = graphs.whole(networks.TEN["small GPT"]())
    about = {box.heading: box.about for box in [*model.boxes, *model.frames]}
    assert about["attention: MultiheadAttention"][0] == "embed_dim=32, num_heads=4"
    assert about["head: Linear"][0] == "in_features=32, out_features=65,"


def test_attention_alone_shows_what_it_computes():
    drawing = draw(nn.MultiheadAttention(8, 2), *[networks.normal(5, 2, 8)] * 3)
    assert {"q: query", "k: key", "v: value", "out_proj: Linear"} <= {*graphs.titles(drawing)}
    assert any("softmax" in node.heading for node in drawing.shown.nodes)
    assert width(drawing) <= WIDEST


def test_weights_that_layers_share_stand_outside_of_them():
    first, last = nn.Embedding(50, 16), nn.Linear(16, 50, bias=False)
    last.weight = first.weight
    model = draw(nn.Sequential(first, last), np.arange(6)).shown
    (weight,) = (node for node in model.nodes if node.kind == "parameter")
    uses = {edge.target for edge in model.edges if edge.source == weight.key}
    assert uses == {box.key for box in model.boxes if box.kind == "scope"}
    assert len(uses) == 2


def test_repeated_cells_stay_folded_whatever_the_depth():
    cell, h = nn.LSTMCell(3, 4), None
    for step in range(100):
        h = cell(Tensor(networks.normal(2, 3), name=f"x{step}"), h)
    for options in ({}, {"depth": 0}, {"depth": 1, "values": False}):
        drawing = draw(np.sum(h[0]), **options)
        assert sum(box.times for box in drawing.shown.boxes) >= 98
        assert width(drawing) <= 1.6 * WIDEST
    assert width(draw(graphs.scrambled(5_000), depth=1)) <= WIDEST


def test_scopes_of_users_have_kinds_and_options():
    with scope("first", "Layer", lambda: "ten by ten"):
        y = np.tanh(leaf(np.eye(10), "w") @ np.ones(10))
    (box,) = draw(np.sum(y), depth=0).shown.boxes
    assert (box.heading, box.about[0]) == ("first: Layer", "ten by ten")


def test_indices_are_the_input_and_equal_constants_are_not():
    text = np.array([[1, 2], [3, 4]])
    kinds = {node.symbol: node.kind for node in draw(nn.Embedding(5, 3), text).shown.nodes}
    assert kinds["input"] == "input"
    assert "c₁" not in kinds
    zeros = draw(lambda x: x + np.exp(x) * np.zeros(3), np.zeros(3)).shown.nodes
    assert [node.symbol for node in zeros if node.kind == "constant"] == ["c₁"]


def test_mere_rounding_is_0_and_what_is_small_is_not():
    x, z = leaf([0.1, 0.2, 0.3], "x"), leaf([-40.0, 0.0], "z")
    drawing = draw(np.sum(x) - 0.6)
    assert repr(drawing).splitlines()[-1].split()[:6] == ["L", "=", "v₁", "−", "0.6", "scalar"]
    assert by_symbol(drawing)["L"].value.rounded.keys() == {0}
    assert "1.11e−16" in by_symbol(drawing)["L"].everything
    assert repr(draw(np.sin(leaf(np.pi, "p")))).splitlines()[-1].split()[4] == "0"
    assert "[4.248e−18, 1]" in repr(draw(np.sum(np.exp(z))))
    steep = draw(np.sum(np.arcsin(leaf([0.5, 1.0], "s"))))  # with an infinite derivative
    assert "[0.5236, 1.571]" in repr(steep)
    assert steep._page()
    assert not by_symbol(draw(np.sum(1e-30 * x)))["x"].gradient.rounded
    centred = x - np.mean(x)
    assert by_symbol(draw(np.sum(centred) ** 2))["x"].gradient.rounded.keys() == {0, 1, 2}


def test_what_comes_from_mere_rounding_is_0_further_on_also():
    w = leaf(np.random.default_rng(1).normal(size=(4, 4)), "W")
    y = np.tanh(w @ [0.1, 0.7, 0.3, 1.1])
    y.name = "y"
    nodes = by_symbol(draw(np.sum(y - np.mean(y)) ** 2 + 1e-9 * y[0]))
    assert nodes["y"].gradient.rounded.keys() == {1, 2, 3}
    assert nodes["W"].gradient.rounded.keys() == {*range(4, 16)}
