"""Numbers that are changed in a page: it then shows what Python computes from the same numbers."""

import time

import numpy as np
import pytest

import nn
from microgradnd import Tensor, history, paths, primitive
from microgradnd.backward import differentiate
from microgradnd.draw.graph import Graph, Plain
from microgradnd.draw.picture import draw
from tests.draw import graphs, networks
from tests.draw.graphs import leaf
from tests.draw.test_page_functions import near

RNG = np.random.default_rng(0)


def of_layers(layer, *shape, loss=None):
    x = Tensor(RNG.normal(size=shape), name="x")
    loss = loss or (lambda y: np.sum((y[0] if isinstance(y, tuple) else y) ** 2))
    return lambda: loss(layer(x))


def of_labels(count):
    labels = np.arange(count) % 3
    return lambda y: nn.CrossEntropyLoss()(y, labels)


def gpt():
    model, text = networks.GPT(6, 8, 1, 4), np.array([[1, 4, 2, 0]])
    return lambda: nn.CrossEntropyLoss()(model(text)[0], np.array([4, 2, 0, 5]))


def scalars():
    """5,000 operations on numbers, whose rounding does not grow."""
    leaves = graphs.numbers(10)
    step = lambda i, a, b: np.sin(a) if i % 3 else 0.5 * (a + b)  # noqa: E731
    return lambda: sum(graphs.grown(5_000, 60, step, leaves)[-10:])


def of_leaf(values, function):
    w = leaf(values, "w")
    return lambda: np.sum(function(w))


def guarded():
    """Zero times infinity where no path leads."""
    w, b = leaf([1.0, 0.0, 2.0, 0.0], "w"), leaf(2.0, "b")
    mask = np.array([True, False, True, False])

    def loss():
        with np.errstate(divide="ignore"):
            return np.sum(np.where(mask, np.log(np.maximum(w, 0)) * b, 0))

    return loss


NETWORKS = {
    "4-4-2": lambda: graphs.lecture()[0],

    "LeNet": lambda: of_layers(networks.lenet(), 2, 1, 28, 28, loss=of_labels(2)),
    "LSTM": lambda: of_layers(nn.LSTM(3, 4), 8, 2, 3),

    "U-Net": lambda: of_layers(networks.UNet(), 1, 1, 8, 8),

    "GPT": gpt,
    "scalars": scalars,
    "activations": lambda: of_layers(
        nn.Sequential(
            nn.Linear(4, 4), nn.LayerNorm(4), nn.GELU(approximate="tanh"), nn.SiLU(), nn.ELU(),
            nn.Softplus(), nn.LogSoftmax(-1),
        ), 3, 4,
    ),
    "guarded": guarded,
    "a lower bound": lambda: of_leaf([-1.0, 2.0, 3.0], lambda w: np.clip(w, 0, None)),
    "an upper bound": lambda: of_leaf([-1.0, 2.0, 3.0], lambda w: np.clip(w, None, 2.5)),
    "signs of zeros": lambda: of_leaf([0.0, -0.0], lambda w: np.arctan2(w, -1) * [1.0, 2.0]),
}  # fmt: skip

CHANGE = """
for (const [key, entries] of Object.entries(arguments[0])) program.valueOf(key).data.set(entries.map(toNumber));
update();
const numbers = (array) => array && [...array.data].map(String);
return data.nodes.filter(({ key }) => key.startsWith("v")).map(({ key }) =>
  [key, numbers(program.valueOf(key)), numbers(program.gradients.get(key))]);
"""


@pytest.mark.parametrize("name", NETWORKS)
def test_a_changed_network_is_that_of_python(show, name):
    make = NETWORKS[name]()
    drawing = draw(make())
    page = show(drawing)
    assert "stay as they are" not in page.the("#live-note").text
    leaves = {node.key: node.tensor for node in graphs.whole(drawing).nodes}
    rng, changes = np.random.default_rng(1), {}
    for key in page.run("return program.leaves"):
        tensor = leaves[key]
        if not isinstance(tensor, Plain) and name != "guarded":
            tensor.data[...] *= 1 + 0.3 * rng.normal(size=tensor.shape)
            changes[key] = tensor.data.reshape(-1).tolist()
    assert changes or name == "guarded"
    loss = make()
    with np.errstate(all="ignore"):
        gradients = differentiate({loss: loss.seed(None)}, history(loss), retain=True)
    computed = {f"v{number}": node for node, number in Graph([loss]).number.items()}
    shown = page.run(CHANGE, changes)
    assert len(shown) > min(5, len(computed) - 1)
    for key, values, gradient in shown:
        near(values, computed[key].numpy())
        near(gradient, gradients[computed[key]])


def test_the_derivative_of_a_layer_is_there_however_large_if_it_is_sparse(show):
    x, layer = Tensor(RNG.random((1, 784)), name="x"), nn.Linear(784, 30)
    loss = np.sum(layer(x) ** 2)
    page = show(loss)
    page.pick("W", (29, 783), "L =")
    loss.backward()
    total = page.numbers("#paths-text [data-part=total]")
    np.testing.assert_allclose(total, layer.weight.grad[29, 783], rtol=1e-10)


def test_a_drawn_function_chooses_anew(show):
    """Comparisons and orders that were recorded are computed from the numbers as they are."""

    def function(w):
        return np.sum(np.where(w > 0, w, w * 0.1) * np.array([1.0, 2.0, 4.0]))

    w = leaf([1.0, -2.0, 3.0], "w")
    page = show(function, w)
    w.data[:] = [-1.0, 2.0, -3.0]
    for i, value in enumerate(w.data):
        page.write(f"w[{i}]", value)
    assert page.the("#live-note").text == ""
    loss = function(w)
    loss.backward()
    assert page.text("value", "L") == pytest.approx(loss.item(), rel=1e-12)
    assert [page.text("gradient", f"w[{i}]") for i in range(3)] == w.grad.tolist()


# ---- by hand -------------------------------------------------------------------------------------


def test_all_follows_when_an_entry_is_typed_slid_or_descended(show):
    make, w1, w2 = graphs.lecture()
    page = show(make())

    def agrees():
        w1.zero_grad(), w2.zero_grad()
        loss = make()
        loss.backward()
        assert page.text("value", "L") == pytest.approx(loss.item(), rel=1e-10)
        assert page.text("gradient", "W1[0,1]") == pytest.approx(w1.grad[0, 1], rel=1e-10)
        story = paths(loss, w1, (0, 1))
        page.pick("W₁", (0, 1), "L =")
        total = page.numbers("#paths-text [data-part=total]")
        np.testing.assert_allclose(total, story.total, rtol=1e-10)
        products = page.numbers("#paths-text [data-part=path]")
        np.testing.assert_allclose(products, [p.product for p in story.paths], rtol=1e-10)

    agrees()
    assert len(page.all("[data-entry]")) == 16 + 8 + 4 + 2
    for tensor in (w1, w2):
        for index, value in np.ndenumerate(tensor.data):
            name = f"{tensor.name}[{','.join(map(str, index))}]"
            assert float(page.the(f"[data-entry='{name}']").get_attribute("value")) == value
            assert page.text("gradient", name) == pytest.approx(tensor.grad[index], rel=1e-12)
    first = w1.data[0, 1]
    entry = page.write("W1[0,1]", 1.25)
    w1.data[0, 1] = 1.25
    agrees()
    page.focus(entry)
    page.focus(page.the("#slider"))
    page.press("ARROW_RIGHT")
    w1.data[0, 1] = float(entry.get_attribute("value"))
    assert w1.data[0, 1] > 1.25
    page.actions.drag_and_drop_by_offset(entry, 40, 0).perform()
    w1.data[0, 1] = float(entry.get_attribute("value"))
    agrees()
    page.the("#descend").click()
    for w in (w1, w2):
        w.data -= 0.1 * w.grad
    agrees()
    before = page.text("value", "L")
    page.focus(page.the("#descend-on"))
    page.the("#descend-on").click()
    time.sleep(1)
    page.the("#descend-on").click()
    assert page.text("value", "L") < before
    page.the("#reset").click()
    assert float(entry.get_attribute("value")) == first


FITS = """
const width = (element) => element.getBBox().width;
return [...document.querySelectorAll("#graph .item text")].every((text) =>
    width(text) < width(text.closest(".item").querySelector("rect")));
"""


def test_the_picture_follows(show):
    w = leaf([2.0, 3.0], "w")
    page = show(w[0] * w[1])
    page.write("w[0]", -123.456789)
    assert "−370.4" in [t.text for t in page.all("#graph text")]
    assert page.run(FITS)


def test_empty_arrays_stay_empty(show):
    page = show(np.sum(leaf(np.zeros((0, 3)), "e")) + np.sum(leaf([1.0, 2.0], "w")))
    for _ in range(2):
        assert "∂L/∂e = []" in [t.text for t in page.all("#graph text")]
        page.the("#descend").click()
    assert page.complaints() == []


def checked_sum(x):
    """A function that refuses what is no array, without a message."""
    if not isinstance(x, np.ndarray):
        raise TypeError
    return x.sum()


def test_what_the_page_does_not_know_stays_still_and_says_so(show):
    odd = primitive(lambda x: np.array(sum(map(float, x))), lambda g, y, x: g * np.ones_like(x))
    strict = primitive(checked_sum, lambda g, y, x: g * np.ones_like(x))
    w = leaf([1.0, 2.0], "w")
    changed = leaf([1.0, 2.0], "u")
    first = np.sum(changed * 2)
    changed.data[0] = 5
    determinant, mean = np.linalg.det(leaf(np.eye(2) * 2, "A")), np.mean(w, dtype=np.float64)
    for loss in (odd(w) * 2, strict(w) * 2, determinant, mean, first + np.sum(changed * 3)):
        page = show(loss)
        assert "stay as they are" in page.the("#live-note").text
        assert not page.all("[data-entry]")
        assert page.text("value", "L") == loss.item()
        page.press(*"nnp")
    v = leaf([0.5, 2.0], "v")
    page = show(np.sum(np.logaddexp2(v, 0)))
    assert "logaddexp2 is not among the functions" in page.the("#live-note").text
    page.run("goTo(lastStep)")
    expected = 2**v.data / (2**v.data + 1)
    np.testing.assert_allclose(page.numbers(".part [data-part=product]"), expected, rtol=1e-12)
    for options in ({"values": False}, {"gradients": False}):
        page = show(np.sum(w * w), **options)
    page.write("w[0]", 3)
    assert page.text("value", "L") == 13
    assert not page.the("#descend").is_enabled()


def test_float32_and_second_use_and_large_arrays(show):
    w = leaf(RNG.normal(size=(12, 12)).astype(np.float32), "w")
    page = show(np.sum(w @ w))
    index = page.the("[data-leaf=w] label input")
    index.clear()
    index.send_keys("3,4")
    page.write("w[3,4]", 7)
    w.data[3, 4] = 7
    loss = np.sum(w @ w)
    loss.backward()
    assert page.text("value", "L") == pytest.approx(loss.item(), rel=1e-4)
    assert page.text("gradient", "w[3,4]") == pytest.approx(w.grad[3, 4], rel=1e-4)


@pytest.mark.parametrize("first", [-1, 0, np.nan])
@np.errstate(all="ignore")
def test_paths_through_what_is_not_finite_have_no_sum_as_in_python(show, first):
    x = leaf([0.25, 1.0, 4.0], "x")
    page = show(np.sum(3 * np.sqrt(x)))
    x.data[0] = first
    page.run("program.valueOf('x1').data[0] = toNumber(arguments[0]); update()", str(first))
    loss = np.sum(3 * np.sqrt(x))
    for fresh in (False, True):
        page = show(loss) if fresh else page
        page.pick("x", (0,), "L =")
        with pytest.raises(FloatingPointError, match="so the paths have no sum"):
            paths(loss, x, 0)
        assert page.the("#paths-text").text.endswith("so the paths have no sum.")
        page.pick("x", (1,), "L =")
        total = page.numbers("#paths-text [data-part=total]")
        np.testing.assert_allclose(total, paths(loss, x, 1).total)
