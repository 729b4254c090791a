"""draw_network: neurons at their places, with the numbers that the network really has."""

import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from microgradnd import Tensor, set_default_dtype
from microgradnd.draw.numbers import written
from nn.containers import Sequential
from nn.functions import ReLU, Sigmoid, Softmax, Tanh
from nn.layers.dense import Flatten, Identity, Linear
from nn.layers.dropout import Dropout
from nn.look.network_figure import draw_network

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture):
    """What is written, and where its middle is."""
    found = ElementTree.fromstring(picture.svg).iter(f"{SVG}text")
    places = {t.text: np.array([t.get("x"), t.get("y")], float) for t in found}
    return {text.replace("\xa0", " ").strip(): place for text, place in places.items()}


def with_values(model, scale=1.0):
    rng = np.random.default_rng(0)
    for parameter in model.parameters():
        parameter.data[...] = scale * rng.normal(size=parameter.shape)
    return model


def network():
    return with_values(Sequential(Linear(3, 4), Tanh(), Linear(4, 2), Softmax(-1)))


def dense(*sizes, scale=1.0):
    return with_values(Sequential(*itertools.starmap(Linear, itertools.pairwise(sizes))), scale)


def edges(picture):
    """The colour and width of each connection, by its ends."""
    found = {}
    for source, target, look in re.findall(r'"?(\w+)"? -> (\w+) \[(.*)\]', picture.dot):
        colour = re.search(r'color="(#\w+)"', look)[1]
        width = re.search(r"penwidth=([0-9.]+)", look)
        found[source, target] = colour, float(width[1]) if width else None
    return found


def colour_of(value):
    return "#0071b1" if value >= 0 else "#d45d00"


def test_every_connection_has_the_sign_and_the_size_of_its_weight_and_neurons_their_outputs():
    model, x = network(), [1.0, -2.0, 0.5]
    picture = draw_network(model, x)
    assert repr(picture) == "<network of 3, 4 and 2 neurons>"
    found = edges(picture)
    assert len(found) == 3 * 4 + 4 * 2
    for column, layer in enumerate((model[0], model[2])):
        weight, widths = layer.weight.numpy(), {}
        for (j, i), value in np.ndenumerate(weight):
            colour, widths[j, i] = found[f"n{column}_{i}", f"n{column + 1}_{j}"]
            assert colour == colour_of(value)
        in_order = sorted(widths, key=lambda place: abs(weight[place]))
        assert sorted(widths, key=widths.get) == in_order
        assert widths[in_order[-1]] == 3.5
    inputs = re.findall(r'fillcolor="(#.{6}).*pos="0.0,(\S+)!" shape=c', picture.dot)
    assert [colour for colour, _ in inputs] == [colour_of(value) for value in x]
    assert [float(height) for _, height in inputs] == [60, 0, -60]  # the first is on top
    for sign, text in ((1, "positive"), (-1, "negative")):
        assert f'"{colour_of(sign)}" POINT-SIZE="9">■ {text} weight<' in picture.dot
    shown = {"3 inputs", "4 neurons", "2 neurons", "Tanh", "Softmax"}
    values = *x, *model[1](model[0](x)).numpy(), *model(x).numpy()
    biases = *model[0].bias.numpy(), *model[2].bias.numpy()
    shown |= {written(v, 2) for v in values} | {f"b {written(v, 2)}" for v in biases}
    assert shown <= {*(places := texts(picture))}
    assert np.all(np.abs(places["Tanh"] - places["4 neurons"]) < [30, 20])


@pytest.mark.parametrize("batch", [False, True])
def test_gradients_on_request_are_those_of_backward(batch):
    model, x = network(), np.array([1.0, -2.0, 0.5])
    x = x[None] if batch else x

    def loss(a):
        return np.sum((a - np.array([1.0, 0.0])) ** 2)

    picture = draw_network(model, x, loss=loss)
    assert all(parameter.grad is None for parameter in model.parameters())
    h = model[1](model[0](Tensor(x)))
    a = model[3](model[2](h))
    loss(a).backward(retain_grads=True)
    shown = {written(v, 2) for v in (*h.grad.reshape(-1), *a.grad.reshape(-1))}
    shown |= {written(v, 3) for v in model[2].weight.grad.reshape(-1)}  # eight, written out
    assert shown <= {*texts(picture)}
    assert "positive ∂L/∂w" in " ".join(texts(picture))
    found = edges(picture)
    for (j, i), value in np.ndenumerate(model[0].weight.grad):
        assert found[f"n0_{i}", f"n1_{j}"][0] == colour_of(value)


def nodes(picture):
    """What is drawn of each neuron and each text, by their names."""
    groups = ElementTree.fromstring(picture.svg).iter(f"{SVG}g")
    nodes = (group for group in groups if group.get("class", "").startswith("node"))
    return {node.findtext(f"{SVG}title"): node for node in nodes}


def drawn(picture):
    """Where neurons and labels on connections are drawn: their left, top, right, bottom."""
    circles, labels = [], []
    for name, node in nodes(picture).items():
        if (ellipse := node.find(f".//{SVG}ellipse")) is not None:
            x, y, a, b = (float(ellipse.get(key)) for key in ("cx", "cy", "rx", "ry"))
            circles.append(np.array([x - a, y - b, x + a, y + b]))
        elif name.startswith("on_"):
            points = node.find(f".//{SVG}polygon").get("points")
            corners = np.array([point.split(",") for point in points.split()], float)
            labels.append(np.concatenate([corners.min(0), corners.max(0)]))
    return circles, labels


def overlap(a, b):
    return bool(np.all(np.maximum(a[:2], b[:2]) < np.minimum(a[2:], b[2:])))


@pytest.mark.parametrize("widest", [3, 5, 10])
@pytest.mark.parametrize("size", range(1, 12))
def test_weights_are_legible_or_left_out(size, widest):
    """In layers of all sizes beside each other: few connections have labels, which cover nothing."""
    sizes = [size, *itertools.chain(*((other, size) for other in range(1, 12)))]
    model = dense(*sizes, scale=-1e-8 if size % 2 else 1)
    circles, labels = drawn(draw_network(model, widest=widest))
    pairs = *itertools.combinations(labels, 2), *itertools.product(labels, circles)
    assert not any(overlap(*pair) for pair in pairs)
    rows = [min(other, widest) for other in sizes]  # of which one stands for those left out
    neurons = [row - (row < other) for row, other in zip(rows, sizes, strict=True)]
    pairs = zip(itertools.pairwise(rows), itertools.pairwise(neurons), strict=True)
    assert len(labels) == sum(n * m for (high, wide), (n, m) in pairs if high * wide <= 16)


def test_a_single_neuron_shows_what_goes_on_in_it():
    neuron = Sequential(Linear(2, 1), Sigmoid())
    neuron[0].weight.data[...], neuron[0].bias.data[...] = [[0.5, -1.25]], 0.75
    picture = draw_network(neuron, [2.0, 3.0], loss=lambda a: np.sum((a - 1) ** 2) / 2)
    z = 0.5 * 2 - 1.25 * 3 + 0.75
    a = 1 / (1 + np.exp(-z))
    of_a = a - 1  # dL/da, and so on by hand
    of_z = of_a * a * (1 - a)
    places = texts(picture)
    lines = [edges(picture)[source, "sum"] for source in ("x₁", "1", "x₂")]
    assert [colour for colour, _ in lines] == [colour_of(value) for value in (0.5, 0.75, -1.25)]
    assert np.all(np.diff([width for _, width in lines]) > 0.5)
    in_turn = [places[text][0] for text in ("x₁ = 2", "Σ", "σ", "output")]
    assert np.all(np.diff(in_turn) > 50)
    assert {
        "x₁ = 2", "x₂ = 3", "w₁ = 0.5", "w₂ = −1.25", "b = 0.75", "Σ", "σ",
        f"z = {written(z)}", f"a = {written(a)}",
        f"∂L/∂a = {written(of_a)}", f"∂L/∂z = {written(of_z)}", f"∂L/∂b = {written(of_z)}",
        f"∂L/∂w₁ = {written(of_z * 2)}", f"∂L/∂w₂ = {written(of_z * 3)}",
    } <= {*places}  # fmt: skip


def test_what_is_not_there_is_not_drawn_and_weights_may_be_frozen():
    found = texts(draw_network(Linear(2, 1, bias=False)))
    assert {"x₁", "x₂", "Σ", "output"} <= {*found}
    assert not any(text.startswith(("b", "z", "a", "∂")) for text in found)
    with set_default_dtype(np.float32):
        model = Sequential(Identity(), Linear(2, 3), Dropout(0.5), ReLU(), Sequential(Linear(3, 1)))
    model.requires_grad_(False)
    picture = draw_network(model.eval(), [1, 2], loss=np.sum)
    assert repr(picture) == "<network of 2, 3 and 1 neurons>"
    assert "Dropout" not in picture.dot
    assert texts(picture)
    shared = Sigmoid()
    picture = draw_network(Sequential(Linear(2, 3), shared, Linear(3, 1), shared), [1, 2])
    assert picture.dot.count(">Sigmoid<") == 2
    found = texts(draw_network(Sequential(Linear(2, 3, bias=False), Linear(3, 7))))
    assert not any(text.startswith("b ") for text in found)  # of seven neurons they are too many


@pytest.mark.parametrize("x", [None, np.random.default_rng(0).random((1, 28, 28))])
def test_of_wide_layers_the_middle_is_left_out(x):
    model = Sequential(Flatten(), Linear(784, 30), Sigmoid(), Linear(30, 10), Sigmoid())
    picture = draw_network(model, x)
    assert len(edges(picture)) == 9 * 9 + 9 * 10
    assert {("n0_0", "n1_0"), ("n0_783", "n1_29")} <= {*edges(picture)}
    assert {"784 inputs", "30 neurons", "10 neurons"} <= set(texts(picture))
    assert [f"left_out{column}_0" in picture.dot for column in range(3)] == [True, True, False]
    assert "left_out0_0" in draw_network(Sequential(Linear(11, 1))).dot


@pytest.mark.parametrize(
    ("sizes", "x"), [((2, 2, 1), [-1.5e-34, 0.0123]), ((3, 1), [-0.6429, 0.07143, -1.234e-10])]
)
def test_what_is_written_in_a_neuron_does_not_stick_out(sizes, x):
    for node in nodes(draw_network(dense(*sizes), x, loss=lambda a: -1.5e-12 * np.sum(a))).values():
        if (circle := node.find(f".//{SVG}ellipse")) is not None:
            wide = [float(text.get("textLength")) for text in node.iter(f"{SVG}text")]
            assert max(wide, default=0) < 2 * float(circle.get("rx")) - 2


def test_it_is_light_or_dark():
    for theme, dark, light in (("auto", True, True), ("light", False, True), ("dark", True, False)):
        svg = draw_network(network(), theme=theme).svg
        assert ("prefers-color-scheme" in svg) == (dark and light)
        assert ("#16191d" in svg) == dark
