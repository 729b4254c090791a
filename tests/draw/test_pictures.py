"""draw: what a picture shows is right, and it stays small."""

import random
import re

import numpy as np
import pytest

from microgradnd import Tensor, history, no_grad, paths, trace
from microgradnd.draw.picture import draw
from tests.draw import graphs
from tests.draw.graphs import by_symbol, encoder, leaf, loop
from tests.misuse import explained
from tests.properties.programs import NUMPY, program_from

heavy = pytest.mark.heavy


NEURON = """\
w (parameter)  2       [0.5, −1]  ∂L/∂w = [−0.2149, −0.3224]
x (input)      2       [2, 3]
v₁ = w·x       scalar  −2         ∂L/∂v₁ = −0.1075
b (parameter)  scalar  0.25       ∂L/∂b = −0.1075
z = v₁ + b     scalar  −1.75      ∂L/∂z = −0.1075
v₃ = −z        scalar  1.75       ∂L/∂v₃ = 0.1075
v₄ = exp(v₃)   scalar  5.755      ∂L/∂v₄ = 0.01867
v₅ = 1 + v₄    scalar  6.755      ∂L/∂v₅ = 0.01867
a = 1 / v₅     scalar  0.148      ∂L/∂a = −0.852
v₇ = a − 1     scalar  −0.852     ∂L/∂v₇ = −0.852
v₈ = v₇²       scalar  0.7258     ∂L/∂v₈ = 0.5
L = v₈ / 2     scalar  0.3629     ∂L/∂L = 1"""


def test_a_picture_in_words():
    assert repr(draw(graphs.neuron())) == NEURON


# ---- what is shown is right ----------------------------------------------------------------------


def check(loss):
    """Values, gradients, the chain rule along the edges, and which edges there are."""
    drawing, nodes = draw(loss), history(loss)
    expected = {}
    if loss.requires_grad:
        loss.backward(retain_grads=True)
        expected = {node: np.asarray(node.grad) for node in nodes if node.grad is not None}
    drawn = {node.key: node for node in drawing.shown.nodes}
    back = {}
    for edge in drawing.shown.edges:
        derivative = edge.derivative
        if derivative is not None and derivative.entries is not None and edge.target in drawn:
            gradient = expected[drawn[edge.target].tensor].reshape(-1)
            with np.errstate(all="ignore"):
                found = gradient @ graphs.dense(**vars(derivative))
                back.setdefault(edge.source, []).append(found)
    for key, node in drawn.items():
        gradient = expected.get(node.tensor)
        if node.value.entries is not None:
            np.testing.assert_array_equal(graphs.array_of(node.value), node.tensor.numpy())
        assert (node.gradient is None) == (gradient is None)
        if gradient is None:
            continue
        assert node.gradient.shape == gradient.shape
        if node.gradient.entries is not None:
            np.testing.assert_allclose(graphs.array_of(node.gradient), gradient)
        found = np.sum(back.get(key, np.nan), axis=0)
        if len(back.get(key, ())) == node.uses and np.isfinite([*gradient.flat, *found.flat]).all():
            tolerance = 1e-4 if gradient.dtype == np.float32 else 1e-9
            np.testing.assert_allclose(found, gradient.reshape(-1), tolerance, tolerance)
    graphs.check_quotient(drawing, nodes)
    assert drawing.dot
    assert sorted(drawing.shown.order) == sorted(item.key for item in drawing.shown.items)
    return drawing


def test_values_gradients_and_local_derivatives_obey_the_chain_rule_on_the_picture():
    w, x = leaf([0.5, -0.7], "w"), leaf([0.3, 1.5], "x")
    y = w * x
    many_uses = np.sum(np.tanh(y) * y / w) + np.max(x) * w[0] + np.sum(np.stack([y, y])[0])
    of_graphs = (graphs.neuron(), graphs.network()[0], graphs.shared()[0], encoder())
    for loss in (*of_graphs, many_uses, loop(3)):
        assert not check(loss).shown.boxes


MANY = (pytest.param(range(i, i + 50), marks=heavy) for i in range(1000, 2000, 50))


@pytest.mark.parametrize("seeds", [range(100), *MANY], ids=str)
def test_pictures_of_random_programs_are_right_and_can_be_rendered(seeds):
    for seed in seeds:
        program = program_from(random.Random(seed))
        drawing = check(program.total([leaf(x) for x in program.inputs()], NUMPY))
        assert seed < 1000 or drawing.svg


def test_local_derivatives_are_written_as_numbers_small_matrices_or_shapes():
    x, w = leaf([1.0, 2.0], "x"), leaf(np.arange(600).reshape(30, 20) / 1e4, "w")
    y = np.tanh(w @ Tensor(np.ones(20)))
    for tensor, lines in (
        (x[0] * 3.0, [["1  0"], ["3"]]),
        (np.sum(np.square(x) + 1.0), [["diagonal", "2", "4"], ["I"], ["1  1"]]),
        (np.sum(-x), [["−I"], ["1  1"]]),
        (np.sum(x * 0.5), [["0.5·I"], ["1  1"]]),
        (np.sum(np.concatenate([x, x, x])), [["matrix 6 × 2"]] * 3 + [["1  1  1  1  1  1"]]),
        (np.sum(np.zeros((0, 2)) @ x), [["matrix 0 × 2"], ["matrix 1 × 0"]]),
        (np.sum(y), [["matrix 30 × 600"], ["diagonal 30 × 30"], ["matrix 1 × 30"]]),
    ):
        edges = draw(tensor).shown.edges
        derivatives = [edge.derivative for edge in edges if edge.flows]
        assert [derivative.lines for derivative in derivatives] == lines


def test_the_bars_of_a_histogram_are_those_of_numpy():
    entries = np.arange(100.0) ** 3
    counts, _ = np.histogram(entries, bins=8)
    bars = re.findall(r'WIDTH="6" HEIGHT="(\d+)"', draw(leaf(entries, "x")).dot)
    assert list(map(int, bars)) == [1 + round(11 * count / counts.max()) for count in counts]


def test_drawing_changes_nothing_and_shows_what_was_recorded():
    loss, w1, _ = graphs.network()
    expected = draw(loss).dot
    assert all(node.grad is None for node in history(loss))
    w1.data[:] = 100.0
    for context in (no_grad(), trace()):
        with context:
            assert draw(loss).dot == expected


def test_gradients_are_those_of_a_scalar_or_a_sum_of_scalars():
    x = leaf([1.0, 2.0], "x")
    of_x = lambda *arguments, **options: by_symbol(draw(*arguments, **options))["x"]  # noqa: E731
    assert of_x(x**2).gradient is of_x(np.sum(x), gradients=False).gradient is None
    assert of_x([np.sum(x), x**2]).gradient is None
    both = of_x([np.sum(x), np.prod(x), np.sum(x)])
    assert (both.gradient.entries, both.gradient_name) == ([4, 3], "∂(v₁ + v₂ + v₃)/∂x")
    assert all(edge.derivative is None for edge in draw(np.sum(x), gradients=False).shown.edges)
    (node,) = draw([x, x]).shown.nodes  # a leaf is a picture as well
    assert node.value.entries == [1, 2]


# ---- highlighting --------------------------------------------------------------------------------


def test_paths_are_drawn_with_their_products_the_thickest_for_the_largest():
    w = leaf(2.0, "w")
    a, b = w * 3, np.square(w)
    a.name, b.name = "a", "b"
    loss = a + 5 * b
    drawing = draw(loss, highlight=paths(loss, w))
    names = {node.key: node.symbol for node in drawing.shown.nodes}
    hops = {(names[hop.source], names[hop.target], hop.derivative) for hop in drawing.shown.hops}
    by_a, by_b = {("w", "a", 3), ("a", "L", 1)}, {("w", "b", 4), ("b", "v₃", 5), ("v₃", "L", 1)}
    assert hops == by_a | by_b
    lines = [line for line in drawing.dot.splitlines() if "penwidth=" in line]
    widths = [float(line.partition("penwidth=")[2].split()[0]) for line in lines]
    assert widths == [5, 5, 5, 1.77, 1.77]  # 20 by way of b, 3 by way of a
    for text in ("path 1: 20 = 5 · 4", "path 2: 3", "∂L/∂w = 23"):
        assert text in drawing.dot
    assert "<BR/>" not in drawing.dot  # a single number has no entries to name


def test_paths_lead_from_entry_to_entry_and_from_box_to_box():
    w, x = leaf([[1.0, 2.0], [3.0, 4.0]], "W"), Tensor([5.0, 6.0], name="x")
    h = w @ x
    loss = np.sum(np.stack([h, h * h]))
    drawing = draw(loss, highlight=paths(loss, w, (0, 1)))
    first = [hop for hop in drawing.shown.hops if hop.entry == (0, 1)]
    assert [(hop.next_entry, hop.derivative, len(hop.paths)) for hop in first] == [((0,), 6, 3)]
    assert "[0,1] → [0]" in drawing.dot
    loss = encoder()
    w = next(node for node in history(loss) if node.name == "0.weight")
    model = draw(loss, depth=0, highlight=paths(loss, w, (0, 0))).shown
    keys = {item.key for item in model.items}
    assert model.hops
    assert all({hop.source, hop.target} <= keys and hop.source != hop.target for hop in model.hops)


def test_a_tensor_is_highlighted_with_all_that_depends_on_it():
    loss = graphs.neuron()
    b = next(node for node in history(loss) if node.name == "b")
    marks = graphs.marks(draw(loss, highlight=b))
    assert [marks[name] for name in "bzaLwx"] == ["asked", *["dependent"] * 3, None, None]
    assert len({draw(loss, highlight=asked).dot for asked in ("b", b, [b])}) == 1


def test_a_layer_is_highlighted_by_its_name_and_opened_first():
    shown = draw(encoder(), highlight="Block1").shown
    scoped = [node for node in shown.nodes if node.scope]
    asked = [node for node in scoped if shown.marks.get(node.key) == "asked"]
    assert asked == [node for node in scoped if "Block1" in node.scope]
    shown = draw(encoder(), highlight="decoder", depth=0).shown
    assert [shown.marks.get(box.key) for box in shown.boxes] == [None, "asked"]
    functions = [np.sin, np.cos, np.tanh, lambda x: np.exp(np.sin(x))]
    loss = graphs.blocks([functions[i % 4] for i in range(30)], "Block{}")
    for wanted, limit in (history(loss)[4], None), (history(loss)[-9], 20):
        shown = draw(loss, highlight=wanted, limit=limit).shown
        assert {node.tensor: shown.marks.get(node.key) for node in shown.nodes}[wanted] == "asked"


# ---- what cannot be drawn ------------------------------------------------------------------------

LEAF, (SHARED, START) = leaf([1.0, 2.0], "x"), graphs.shared()
STORY, ENCODER = paths(SHARED, START), encoder()
MISUSE = r"""
draw(ENCODER, depth=-1) ; depth must be 0 or more, got -1
draw(ENCODER, depth=1.5) ; depth must be a whole number, got 1.5
draw(ENCODER, limit=0) ; must be 1 or more
draw(ENCODER, fold="Blok") ; no scope of this graph
draw(ENCODER, only="Decoder") ; its scopes: 'Block0', 'Block1'
draw(ENCODER, direction="RL") ; direction must be None, 'LR' or 'TB', got 'RL'
draw(ENCODER, theme="sepia") ; theme must be 'auto', 'light' or 'dark'
draw(ENCODER, highlight="nobody") ; Tensors are called .*'0.weight'
draw(ENCODER, highlight=graphs.neuron()) ; does not contain this result of divide
draw(ENCODER, highlight=3) ; got int
draw(ENCODER, highlight=STORY) ; another graph
draw(SHARED, highlight=[STORY, STORY]) ; of one entry
draw(LEAF**2, gradients=[1.0, 2.0]) ; TypeError: .*True or False; of an array y draw np.sum
draw(np.ones(2)) ; expected a Tensor.*got ndarray
draw([1, 2]) ; expected a Tensor.*got int
draw([]) ; needs a Tensor
draw(ENCODER, rankdir="LR") ; TypeError: draw has no argument 'rankdir'; use direction=
draw(np.add, 1.0, bogus=1) ; TypeError: draw has no argument 'bogus'$
draw(lambda x: x) ; TypeError: .*missing a required argument: 'x'; use draw\(f, x\) or draw\(model, x\)
draw(lambda x: x.item(), 1.0) ; TypeError: .*a function that returns them, got float
draw(Tensor(1.0), LEAF) ; TypeError: .*draw\(\): arguments belong to a function
"""
test_misuse = explained(MISUSE, globals())
