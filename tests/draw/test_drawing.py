"""draw: what a picture says of a graph is so, it stays small and quick, and nobody can write into it."""

import base64
import json
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import zlib
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest

from microgradnd import Tensor, gradients, history, no_grad, paths, primitive, scope, trace
from microgradnd.draw import rendering
from microgradnd.draw.dot import dot_source
from microgradnd.draw.model import Hop
from microgradnd.draw.numbers import BARS, Numbers, described, rows, statistics, written
from microgradnd.draw.picture import draw
from microgradnd.draw.rendering import RenderingError, programs
from microgradnd.draw.style import DARK, LIGHT
from tests.numerical import slope
from tests.properties.programs import NUMPY, program_from

HOSTILE = "<script>alert(1)</script>"
SVG = "{http://www.w3.org/2000/svg}"


def leaf(data, name=None):
    return Tensor(data, requires_grad=True, name=name)


def neuron():
    """L = ½ (σ(w·x + b) - 1)²"""
    w, b, x = leaf([0.5, -1.0], "w"), leaf(0.25, "b"), Tensor([2.0, 3.0], name="x")
    z = w @ x + b
    z.name = "z"
    a = 1 / (1 + np.exp(-z))
    a.name = "a"
    return (a - 1) ** 2 / 2


def chain(length, start=None):
    y = leaf(0.5, "x") if start is None else start
    for _ in range(length):
        y = np.tanh(y)
    return y


def loop(steps, width=3):
    """A recurrence written out: h ← tanh(W·h + U·x + b)."""
    rng = np.random.default_rng(0)
    w, u = leaf(rng.normal(size=(width, width)), "W"), leaf(rng.normal(size=(width, 2)), "U")
    b, h = leaf(rng.normal(size=width), "b"), Tensor(np.zeros(width), name="h0")
    for t in range(steps):
        h = np.tanh(w @ h + u @ Tensor(rng.normal(size=2), name=f"x{t}") + b)
    return np.sum(h**2)


def scrambled(operations, seed=0):
    """An expression of scalars without any order in it."""
    rng = random.Random(seed)
    found = [leaf(rng.uniform(0.5, 1.5), f"a{i}") for i in range(10)]
    for _ in range(operations):
        a, b = rng.sample(found[-30:], 2)
        found.append((a + b, a - b, np.tanh(a * b))[rng.randrange(3)])
    return sum(found[-5:])


def by_symbol(drawing):
    return {node.symbol: node for node in drawing.model.nodes}


def items(drawing):
    return [*drawing.model.nodes, *drawing.model.boxes]


def parsed(drawing):
    return ElementTree.fromstring(drawing.svg)


def texts(drawing):
    return [text.text for text in parsed(drawing).iter(f"{SVG}text")]


def array_of(numbers):
    return np.array(numbers.entries)


# ---- what is said is so --------------------------------------------------------------------------


def test_values_and_gradients_stand_beside_each_other():
    loss = neuron()
    drawing = draw(loss)
    loss.backward(retain_grads=True)
    for node in drawing.model.nodes:
        np.testing.assert_array_equal(array_of(node.result.numbers), node.tensor.numpy())
        if node.tensor.requires_grad:
            np.testing.assert_allclose(array_of(node.result.gradient), node.tensor.grad)
        else:
            assert node.result.gradient is None
    assert by_symbol(drawing)["w"].result.gradient_name == "∂L/∂w"


def test_drawing_touches_nobodys_grad():
    loss = neuron()
    w = next(node for node in history(loss) if node.name == "w")
    parsed(draw(loss))
    assert all(node.grad is None for node in history(loss))
    w.grad = np.array([7.0, 8.0])
    np.testing.assert_allclose(
        array_of(by_symbol(draw(loss))["w"].result.gradient), gradients(loss, w).numpy()
    )
    np.testing.assert_array_equal(w.grad, [7.0, 8.0])


def test_drawing_under_no_grad_and_trace_is_the_same():
    loss = neuron()
    expected = draw(loss).dot
    with no_grad():
        assert draw(loss).dot == expected
    with trace():
        assert draw(loss).dot == expected


def test_a_change_of_a_parameter_after_the_graph_was_recorded_shows_in_no_gradient():
    w = leaf([1.0, 2.0], "w")
    loss = np.sum(w**2)
    w.data[:] = 100.0
    np.testing.assert_array_equal(array_of(by_symbol(draw(loss))["w"].result.gradient), [2, 4])


def chain_rule_on_the_picture(drawing):
    """At each node the gradients that come back along its edges, added up."""
    nodes = {node.key: node for node in drawing.model.nodes}
    coming_back = {}
    for edge in drawing.model.edges:
        if edge.flows:
            derivative = np.array(edge.derivative.entries)
            back = array_of(nodes[edge.target].result.gradient).reshape(-1) @ derivative
            coming_back[edge.source] = coming_back.get(edge.source, 0) + back
    return [(nodes[key], back) for key, back in coming_back.items()]


def test_edges_carry_the_local_derivatives_and_the_chain_rule_holds_on_the_picture():
    w, x = leaf([0.5, -0.7], "w"), leaf([0.3, 1.5], "x")
    y = w * x
    loss = np.sum(np.tanh(y) * y / w) + np.max(x) * w[0] + np.sum(np.stack([y, y])[0])
    drawing = draw(loss)
    assert not drawing.model.boxes
    found = chain_rule_on_the_picture(drawing)
    assert len(found) == sum(node.result.gradient is not None for node in drawing.model.nodes) - 1
    for node, back in found:
        np.testing.assert_allclose(back, array_of(node.result.gradient).reshape(-1), atol=1e-12)


def test_local_derivatives_are_those_of_differences():
    x = leaf([[0.3, -0.4]], "x")
    functions = [np.sin, np.exp, lambda x: x @ np.array([2.0, 3.0]), lambda x: x / np.sum(x**2)]
    for function in functions:
        y = function(x)
        if len(y.parents) == 1 and y.parents[0] is x:
            (edge,) = (e for e in draw(y, gradients=np.ones(y.shape)).model.edges if e.flows)
            for place in range(2):
                direction = np.eye(2)[place].reshape(1, 2)
                (expected,) = slope(lambda x, f=function: f(x), [x.numpy()], [direction])
                found = np.array(edge.derivative.entries)[:, place]
                np.testing.assert_allclose(found, expected.reshape(-1), atol=1e-9)


def test_a_use_twice_is_two_edges():
    x = leaf(3.0, "x")
    edges = draw(x * x).model.edges
    assert [edge.derivative.entries for edge in edges] == [[[3.0]], [[3.0]]]


def test_large_local_derivatives_are_told_by_their_shape():
    w, x = leaf(np.ones((30, 20)), "w"), Tensor(np.ones(20), name="x")
    drawing = draw(np.sum(np.tanh(w @ x)))
    shapes = [edge.derivative.shape for edge in drawing.model.edges if edge.flows]
    assert shapes == [(30, 600), (30, 30), (1, 30)]
    assert {"30 × 600", "diag 30 × 30", "1 × 30"} <= set(texts(drawing))


def check_random_program(seed):
    program = program_from(random.Random(seed))
    leaves = [leaf(x) for x in program.inputs()]
    loss = program.total(leaves, NUMPY)
    drawing = draw(loss)
    expected = {}
    if loss.requires_grad:
        loss.backward(retain_grads=True)
        expected = {node: node.grad for node in history(loss) if node.grad is not None}
    for node in drawing.model.nodes:
        said = node.result.gradient
        assert (said is not None) == (node.tensor in expected)
        if said is not None:
            gradient = np.asarray(expected[node.tensor])
            assert said.shape == gradient.shape
            if said.entries is not None:
                np.testing.assert_allclose(array_of(said), gradient, equal_nan=True)
    check_quotient(drawing, history(loss))
    assert drawing.dot
    assert len(repr(drawing).splitlines()) == len(items(drawing))
    return drawing


def check_quotient(drawing, nodes):
    """The edges of the picture are those of the graph, seen from the outside of its boxes."""
    keys = {node.tensor: node.key for node in drawing.model.nodes}
    ends = Counter((edge.source, edge.target) for edge in drawing.model.edges)
    between = Counter(
        (keys[parent], keys[node])
        for node in nodes
        for parent in node.parents
        if parent in keys and node in keys
    )
    assert all(ends[pair] == count for pair, count in between.items())
    if not drawing.model.boxes:
        tensors = {node.key for node in drawing.model.nodes if isinstance(node.tensor, Tensor)}
        assert sum(ends[pair] for pair in ends if pair[0] in tensors) == sum(between.values())


@pytest.mark.parametrize("block", range(5))
def test_pictures_of_random_programs_are_right(block):
    for seed in range(20 * block, 20 * (block + 1)):
        drawing = check_random_program(seed)
    parsed(drawing)


@pytest.mark.heavy
@pytest.mark.parametrize("block", range(20))
def test_pictures_of_many_random_programs_are_right_and_can_be_rendered(block):
    for seed in range(1000 + 50 * block, 1000 + 50 * (block + 1)):
        parsed(check_random_program(seed))


# ---- arrays in few words -------------------------------------------------------------------------


def test_large_arrays_are_told_by_mean_spread_range_and_histogram(rng):
    array = rng.normal(2.0, 3.0, size=(40, 50))
    numbers = described(array)
    assert numbers.entries is None
    assert numbers.mean == pytest.approx(array.mean())
    assert numbers.spread == pytest.approx(array.std())
    assert (numbers.low, numbers.high) == (array.min(), array.max())
    np.testing.assert_array_equal(numbers.histogram, np.histogram(array, BARS)[0])


def test_very_large_arrays_are_sampled_but_their_range_is_exact(rng):
    array = rng.normal(size=1_000_000)
    array[777_777] = 1e6
    numbers = described(array)
    assert numbers.high == 1e6
    assert described(array[:700_000]).mean == pytest.approx(0, abs=0.02)


def test_what_is_not_finite_is_counted_and_left_out():
    array = np.arange(100.0)
    array[[3, 50, 80]] = np.nan, np.inf, -np.inf
    numbers = described(array)
    assert numbers.not_finite == 3
    assert (numbers.low, numbers.high) == (0, 99)
    assert "3 not finite" in statistics(numbers)


def test_odd_arrays_are_described_without_warnings():
    for array in (
        np.full(50, np.nan),
        np.zeros((0, 3)),
        np.full(99, 1e308),
        np.array([1e308, -1e308] * 30),
        np.ones(99, np.float16),
        np.arange(60),
        np.ones(60, bool),
        np.ones(60, complex),
        np.float64(3),
    ):
        numbers = described(array)
        assert numbers.shape == array.shape
        assert all(isinstance(line, str) for line in statistics(numbers) + rows(numbers))


def test_foreign_arrays_are_not_looked_into():
    dask = pytest.importorskip("dask.array")
    x = Tensor(dask.ones((300, 4)), requires_grad=True, name="x")
    drawing = draw(x.sum(), gradients=False)
    assert by_symbol(drawing)["x"].result.numbers == Numbers((300, 4), "float64")


def test_numbers_are_short_and_true():
    for value in (0.0, -0.0, 1.0, -2.5, 1 / 3, 1e-9, -1.5e300, 12345678.0, 7, -3):
        text = written(value)
        assert float(text.replace("−", "-")) == pytest.approx(value, rel=1e-3)
        assert len(text) <= 10
    assert written(float("nan")) == "nan"
    assert rows(described(np.array([1.0, -1e-18, 0.25]))) == ["     1", "-1e-18", "  0.25"]


# ---- names and formulas --------------------------------------------------------------------------


def formulas(tensor):
    return [node.formula for node in draw(tensor).model.nodes if node.formula]


def test_formulas_are_written_as_in_books():
    w, x, b = leaf(np.ones((2, 2)), "W1"), Tensor([1.0, 2.0], name="x"), leaf(1.0, "b")
    for tensor, formula in (
        (w @ x, "W₁·x"),
        (x + b, "x + b"),
        (b - 2, "b − 2"),
        (b - (-2), "b − (−2)"),
        (w * w, "W₁ * W₁"),
        (3 * b, "3·b"),
        (b**2, "b²"),
        (b**-1, "b⁻¹"),
        (b**12, "b¹²"),
        (b**2.5, "b^2.5"),
        (-b, "−b"),
        (np.sqrt(b), "√b"),
        (np.exp(b), "exp(b)"),
        (np.log(b), "ln(b)"),
        (np.sum(w), "Σ W₁"),
        (np.sum(w, axis=0), "Σ W₁ (axis 0)"),
        (np.mean(w), "mean W₁"),
        (w.T, "W₁ᵀ"),
        (w[0, 1:], "W₁[0, 1:]"),
        (w[..., None], "W₁[…, None]"),
        (np.maximum(w, 0), "max(W₁, 0)"),
        (np.concatenate([w, w]), "[W₁, W₁]"),
        (np.cumsum(w, axis=1), "cumsum(W₁, axis 1)"),
    ):
        assert formulas(tensor)[-1] == formula


def test_activations_and_layers_have_their_formulas():
    from nn.functions import relu, sigmoid
    from nn.layers.dense import Linear

    z = leaf([1.0], "z")
    assert formulas(sigmoid(z)) == ["σ(z)"]
    assert formulas(relu(z)) == ["max(z, 0)"]
    assert formulas(Linear(1, 2)(z)) == ["W·z + b"]


def test_functions_of_ones_own_are_called_by_their_names():
    softplus = primitive(lambda x: np.logaddexp(0, x), lambda g, y, x: g / (1 + np.exp(-x)))
    add = primitive(lambda x: x + 1, lambda g, y, x: g, name="add")  # with one argument
    x = leaf(1.0, "x")
    assert formulas(softplus(x)) == ["softplus(x)"]
    assert formulas(add(x)) == ["add(x)"]


def test_what_has_no_name_gets_one_that_nobody_has():
    v1, x1 = leaf(1.0, "v1"), leaf(2.0, "x1")
    loss = np.sum(np.tanh(v1 * x1) * Tensor([1.0, 2.0]) * np.array([3.0, 4.0]) + leaf(3.0))
    symbols = [node.symbol for node in draw(loss).model.nodes]
    assert len(set(symbols)) == len(symbols)
    assert {"v₁", "x₁", "L", "w₁"} <= set(symbols)


def test_parameters_inputs_and_constants_are_marked_apart():
    w, x = leaf([1.0, 2.0], "w"), Tensor([1.0, 2.0], name="x")
    drawing = draw(np.sum(w * x * np.array([3.0, 4.0]) + Tensor(5.0)))
    kinds = {node.symbol: node.kind for node in drawing.model.nodes if not node.formula}
    assert kinds == {"w": "parameter", "x": "input", "x₁": "input", "5": "constant"}
    for colour in ("parameter", "input", "constant", "operation", "head"):
        assert LIGHT[colour] in drawing.dot
    assert any("parameter, 2 float64" in text for text in texts(drawing))


def test_where_a_run_was_traced_the_source_line_is_told():
    with trace():
        y = np.tanh(leaf(1.0, "x"))
    (node,) = (node for node in draw(y).model.nodes if node.formula)
    assert "test_drawing.py" in node.line
    assert "test_drawing.py" in draw(y).svg


# ---- gradients of what ---------------------------------------------------------------------------


def test_gradients_start_from_a_scalar_a_sum_of_scalars_or_what_is_given():
    x = leaf([1.0, 2.0], "x")
    assert by_symbol(draw(x**2))["x"].result.gradient is None
    given = draw(x**2, gradients=[1.0, 10.0])
    np.testing.assert_array_equal(array_of(by_symbol(given)["x"].result.gradient), [2, 40])
    both = draw([np.sum(x), np.prod(x)])
    np.testing.assert_array_equal(array_of(by_symbol(both)["x"].result.gradient), [3, 2])
    assert by_symbol(both)["x"].result.gradient_name == "∂(v₁ + v₂)/∂x"
    without = draw(np.sum(x), gradients=False)
    assert all(node.result.gradient is None for node in without.model.nodes)
    assert all(edge.derivative is None for edge in without.model.edges)
    with pytest.raises(ValueError, match="has shape"):
        draw(x**2, gradients=[1.0, 2.0, 3.0])


def test_values_can_be_left_out():
    drawing = draw(neuron(), values=False, gradients=False)
    assert all(node.result.numbers.entries is None for node in drawing.model.nodes)
    assert "0.5" not in drawing.dot.replace("0.55", "")


@pytest.mark.parametrize("tensor", [leaf([1.0, 2.0], "x"), Tensor(2.0), Tensor(3.0) * 2])
def test_a_leaf_is_a_picture_too(tensor):
    (node,) = draw(tensor).model.nodes
    np.testing.assert_array_equal(array_of(node.result.numbers), tensor.numpy())
    parsed(draw(tensor))


# ---- folding -------------------------------------------------------------------------------------


def test_small_graphs_are_drawn_entirely():
    loss = neuron()
    drawing = draw(loss)
    assert len(drawing.model.nodes) == len(history(loss))
    assert not drawing.model.boxes


@pytest.mark.parametrize(
    "loss",
    [
        chain(500),
        loop(40),
        scrambled(500),
        scrambled(5000),
        np.sum(np.stack([leaf(float(i)) for i in range(3000)])),
        np.sum(np.stack([np.sin(leaf(np.ones(i % 7 + 1))).sum() * i for i in range(1000)])),
    ],
    ids=["chain", "loop", "expression", "large expression", "leaves", "many ways"],
)
def test_large_graphs_fold_themselves(loss):
    drawing = draw(loss)
    assert 2 <= len(items(drawing)) <= 70
    assert drawing.model.boxes
    operations = [node for node in drawing.model.nodes if node.formula]
    hidden = sum(box.operations for box in drawing.model.boxes)
    assert len(operations) + hidden == drawing.model.operations
    parsed(drawing)


def test_nothing_is_lost_in_a_fold():
    loss = scrambled(800)
    for limit in (20, 60, 200, 2000):
        drawing = draw(loss, limit=limit)
        leaves = [node for node in drawing.model.nodes if node.kind == "parameter"]
        hidden = sum(box.parameters for box in drawing.model.boxes)
        known = [node for node in history(loss) if node.operation is None and node.requires_grad]
        assert len(leaves) + hidden == len(known)
        check_quotient(drawing, history(loss))
    assert not drawing.model.boxes


def test_parts_do_not_depend_on_each_other_in_a_circle():
    drawing = draw(scrambled(800))
    following = {}
    for edge in drawing.model.edges:
        following.setdefault(edge.source, set()).add(edge.target)
    waiting = Counter(target for targets in following.values() for target in targets)
    ready = [item.key for item in items(drawing) if not waiting[item.key]]
    for key in ready:
        for target in following.get(key, ()):
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    assert len(ready) == len(items(drawing))


def model_in_scopes():
    x = Tensor(np.ones((2, 3)), name="x")
    h = x
    for i in range(4):
        with scope("encoder" if i < 3 else "decoder"), scope(f"Block{i}"):
            w = leaf(np.eye(3) * 0.5, f"{i}.weight")
            h = np.tanh(h @ w) + h
    return np.sum(h)


def titles(drawing):
    return [box.title for box in drawing.model.boxes]


def frames(drawing):
    found = [drawing.model.frame]
    for frame in found:
        found.extend(frame.frames)
    return [frame.title for frame in found[1:]]


def test_scopes_fold_by_depth():
    loss = model_in_scopes()
    assert {"encoder × 3", "decoder"} <= set(frames(draw(loss)))
    nothing_open = draw(loss, depth=0)
    assert titles(nothing_open) == ["encoder", "decoder"]
    assert [box.times for box in nothing_open.model.boxes] == [3, 1]
    assert not frames(nothing_open)
    assert not draw(loss, depth=9).model.boxes


def test_scopes_fold_by_name():
    loss = model_in_scopes()
    assert titles(draw(loss, fold="Block1")) == ["Block1"]
    assert titles(draw(loss, fold="decoder.Block3")) == ["Block3"]
    assert len(titles(draw(loss, fold=["encoder", "Block3"]))) == 2
    assert sum(box.times for box in draw(loss, fold="Block").model.boxes) == 4
    with pytest.raises(ValueError, match="no scope of this graph"):
        draw(loss, fold="Blok")


def test_a_part_can_be_drawn_alone():
    loss = model_in_scopes()
    drawing = draw(loss, only="decoder")
    assert len([node for node in drawing.model.nodes if node.formula]) == 3
    given = [node for node in drawing.model.nodes if node.kind == "given"]
    assert len(given) == 1
    everything = {node.tensor: node.result.gradient for node in draw(loss).model.nodes}
    for node in drawing.model.nodes:
        assert node.result.gradient == everything[node.tensor]
    with pytest.raises(ValueError, match="its scopes: 'Block0', 'Block1'"):
        draw(loss, only="Decoder")


def test_a_closed_box_shows_its_result_with_its_gradient():
    loss = model_in_scopes()
    box = draw(loss, fold="decoder").model.boxes[0]
    loss.backward(retain_grads=True)
    result = history(loss)[-2]
    np.testing.assert_array_equal(array_of(box.result.numbers), result.numpy())
    np.testing.assert_array_equal(array_of(box.result.gradient), result.grad)
    assert (box.operations, box.parameters) == (3, 9)


def test_repeated_blocks_are_one_box_with_their_number():
    h = Tensor(np.ones(3), name="x")
    for i in range(12):
        with scope(f"Block{i}"):
            h = np.tanh(leaf(np.eye(3), f"{i}.w") @ h) + h
    drawing = draw(np.sum(h), depth=0)
    (box,) = drawing.model.boxes
    assert (box.title, box.times, box.follows, box.shared) == ("Block0 … 11", 12, True, 0)
    assert box.parameters == 12 * 9
    assert any("Block0 … 11 × 12" in text for text in texts(drawing))


def test_blocks_that_are_not_alike_are_not_put_together():
    h = Tensor(np.ones(3), name="x")
    for function in (np.sin, np.cos, np.tanh, np.exp):
        with scope("Block"):
            h = function(h) * leaf(1.0)
    assert [box.times for box in draw(np.sum(h), depth=0).model.boxes] == [1, 1, 1, 1]


def test_blocks_that_take_turns_are_repeated_together():
    h = leaf(np.ones(3), "x")
    for _ in range(5):
        for function in (np.sin, np.cos):
            with scope(function.__name__):
                h = function(h) * leaf(1.0)
    (box,) = draw(np.sum(h), depth=0).model.boxes
    assert (box.times, box.operations) == (5, 20)


def test_a_loop_over_time_with_shared_weights_is_recognised():
    for steps in (5, 20, 41):
        drawing = draw(loop(steps), limit=22)
        (box,) = (box for box in drawing.model.boxes if box.kind == "repeat")
        one_is_open = f"× {steps}" in frames(drawing)
        assert box.times + one_is_open == steps
        assert (box.operations, box.shared) == (5 * box.times, 3)
        assert box.follows
        uses = {node.symbol: node.uses for node in drawing.model.nodes}
        assert uses["W"] == uses["U"] == uses["b"] == steps
        said = " ".join(texts(drawing))
        assert "each after the other, with the same weights" in said
        assert f"used {steps} times" in said
        if one_is_open:
            assert f"{steps} of {steps}" in frames(drawing)


def test_an_open_loop_numbers_its_turns():
    assert {f"{turn} of 5" for turn in range(1, 6)} <= set(frames(draw(loop(5), limit=500)))


def test_a_run_that_is_wired_differently_is_no_repetition():
    rng = random.Random(1)
    found = [leaf(1.0) for _ in range(5)]
    for _ in range(300):
        found.append(rng.choice(found) + rng.choice(found))
    drawing = draw(sum(found), limit=30)
    assert all(box.operations <= 400 for box in drawing.model.boxes if box.kind == "repeat")
    assert not any(box.kind == "repeat" and box.times > 310 for box in drawing.model.boxes)


def test_scopes_nest_as_deeply_as_one_likes():
    x = leaf(1.0, "x")
    opened = [scope(f"s{i}") for i in range(3000)]
    for each in opened:
        each.__enter__()
    y = np.tanh(x) * x
    for each in reversed(opened):
        each.__exit__()
    drawing = draw(y + 1)
    assert len(items(drawing)) < 10
    parsed(drawing)


def test_fifty_thousand_operations_are_no_burden():
    drawing = draw(chain(50_000))
    (box,) = drawing.model.boxes
    assert (box.title, box.times) == ("tanh", 50_000)
    assert "tanh × 50,000" in texts(drawing)


@pytest.mark.heavy
def test_a_million_operations_do_not_hang():
    assert len(items(draw(chain(1_000_000)))) <= 70
    y = leaf(0.5, "x")
    rng = random.Random(0)
    for _ in range(1_000_000):
        y = np.tanh(y) if rng.random() < 0.5 else y * 1.01
    assert len(items(draw(y))) <= 70
    with scope("end"):
        y = np.sin(y) * 2
    assert len(items(draw(y, only="end"))) == 3


@pytest.mark.parametrize(
    "loss",
    [
        chain(500),
        pytest.param(chain(2000), marks=pytest.mark.heavy),
        pytest.param(scrambled(1500), marks=pytest.mark.heavy),
        pytest.param(loop(330), marks=pytest.mark.heavy),
    ],
)
def test_two_thousand_nodes_can_be_drawn_one_by_one(loss):
    drawing = draw(loss, limit=10_000)
    assert len(drawing.model.nodes) == len(history(loss))
    assert len(list(parsed(drawing).iter(f"{SVG}text"))) > 2 * len(history(loss))


# ---- highlighting --------------------------------------------------------------------------------


def two_paths():
    w = leaf(2.0, "w")
    a, b = w * 3, np.square(w)
    a.name, b.name = "a", "b"
    return w, a + 5 * b


def test_paths_are_drawn_with_their_products_the_thickest_for_the_largest():
    w, loss = two_paths()
    story = paths(loss, w)
    drawing = draw(loss, highlight=story)
    names = {node.key: node.symbol for node in drawing.model.nodes}
    hops = {(names[hop.source], names[hop.target], hop.derivative) for hop in drawing.model.hops}
    assert hops == {
        ("w", "a", 3), ("a", "L", 1), ("w", "b", 4), ("b", "v₃", 5), ("v₃", "L", 1),
    }  # fmt: skip
    widths = {
        paths_on: float(
            re.search(rf"{hop.source} -> {hop.target} \[.*penwidth=([0-9.]+)", drawing.dot)[1]
        )
        for hop in drawing.model.hops
        for paths_on in hop.paths
    }
    assert story.paths[0].product == 20
    assert widths[0] > widths[1]
    said = texts(drawing)
    assert any("path 1: 20 = 5 · 4" in text for text in said)
    assert any("path 2: 3" in text for text in said)
    assert any("∂L/∂w = 23" in text for text in said)


def test_paths_through_entries_are_apart_where_the_entries_are():
    w, x = leaf([[1.0, 2.0], [3.0, 4.0]], "W"), Tensor([5.0, 6.0], name="x")
    h = w @ x
    loss = np.sum(np.stack([h, h * h]))
    story = paths(loss, w, (0, 1))
    drawing = draw(loss, highlight=story)
    assert story.count == 3
    first = [hop for hop in drawing.model.hops if hop.entry == (0, 1)]
    assert [(hop.next_entry, hop.derivative, len(hop.paths)) for hop in first] == [((0,), 6, 3)]
    assert "[0,1] → [0]" in texts(drawing)


def test_paths_are_drawn_across_closed_boxes_too():
    loss = model_in_scopes()
    w = next(node for node in history(loss) if node.name == "0.weight")
    drawing = draw(loss, depth=0, highlight=paths(loss, w, (0, 0)))
    keys = {item.key for item in items(drawing)}
    assert drawing.model.hops
    assert all({hop.source, hop.target} <= keys for hop in drawing.model.hops)
    assert all(isinstance(hop, Hop) and hop.source != hop.target for hop in drawing.model.hops)
    parsed(drawing)


def test_a_tensor_is_highlighted_with_all_that_depends_on_it():
    loss = neuron()
    b = next(node for node in history(loss) if node.name == "b")
    marks = {node.symbol: node.mark for node in draw(loss, highlight=b).model.nodes}
    assert marks["b"] == "asked"
    assert marks["z"] == marks["a"] == marks["L"] == "dependent"
    assert marks["w"] == marks["x"] == marks["v₁"] == ""
    assert (
        draw(loss, highlight="b").dot
        == draw(loss, highlight=b).dot
        == draw(loss, highlight=[b]).dot
    )


def test_a_layer_is_highlighted_by_its_name():
    drawing = draw(model_in_scopes(), highlight="Block1")
    inside = [node for node in drawing.model.nodes if "Block1" in node.scope]
    assert inside
    assert all(node.mark == "asked" for node in inside)
    others = [node for node in drawing.model.nodes if node.scope and node not in inside]
    assert not any(node.mark for node in others)
    closed = draw(model_in_scopes(), highlight="decoder", depth=0)
    assert [box.mark for box in closed.model.boxes] == ["", "asked"]


def test_what_is_highlighted_is_opened_first():
    h = Tensor(np.ones(3), name="x")
    for i in range(30):
        with scope(f"Block{i}"):
            for function in (np.sin, np.cos, np.tanh, np.exp)[i % 4 :]:
                h = function(h * leaf(1.0))
    loss = np.sum(h)
    for wanted in (history(loss)[4], history(loss)[-9]):
        nodes = {node.tensor: node.mark for node in draw(loss, highlight=wanted).model.nodes}
        assert nodes.get(wanted) == "asked"


def test_what_cannot_be_highlighted_is_an_error():
    loss, other = neuron(), neuron()
    with pytest.raises(ValueError, match="no scope or Tensor has this name"):
        draw(loss, highlight="nobody")
    with pytest.raises(ValueError, match="does not contain Tensor 'w'"):
        draw(loss, highlight=history(other)[0])
    with pytest.raises(ValueError, match="another graph"):
        draw(loss, highlight=paths(other, history(other)[0], 0))
    with pytest.raises(TypeError, match="not int"):
        draw(loss, highlight=3)


# ---- nobody can write into a picture -------------------------------------------------------------

NAMES = [
    HOSTILE,
    '"><img src=x onerror=alert(1)>',
    "</text></svg><b>",
    "a & b &lt; &amp;lt; &#60;",
    "back\\slash \\N \\G \\n {rec|ord}",
    "<<b>>",
    "]]> --> <!--",
    "é 日本 ŷ 🙂",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_as_they_are(name):
    with scope(name):
        y = np.tanh(leaf([1.0, 2.0], name)) * leaf(3.0)
        z = primitive(lambda x: x + 1, lambda g, y, x: g, name=name)(y)
    for drawing in (
        draw(np.sum(z)),
        draw(np.sum(z), depth=0),
        draw(np.sum(z), highlight=name),
        draw(np.sum(z), direction="TB", theme="dark"),
    ):
        root = parsed(drawing)  # it is well-formed
        plain_spaces = [text.replace("\xa0", " ") for text in texts(drawing)]
        assert any(name in text for text in plain_spaces)
        for element in root.iter():
            tag = element.tag.removeprefix(SVG)
            assert tag in {
                "svg",
                "g",
                "title",
                "path",
                "polygon",
                "polyline",
                "text",
                "a",
                "style",
                "ellipse",
            }
            assert not any(
                key.lower().startswith("on") or key.endswith("href") for key in element.attrib
            )
        assert "<script" not in drawing.svg
        assert "<img" not in drawing.svg


@pytest.mark.parametrize(
    "name", ["\x00\x01\x1b[31m", "\ud800", "line\nbreak\ttab", "\u202eabc", "x" * 5000]
)
def test_what_cannot_be_shown_does_no_harm(name):
    with scope(name):
        y = np.tanh(leaf(1.0, name)) * 2
    for drawing in (draw(y), draw(y, depth=0)):
        parsed(drawing)
        assert len(drawing.svg) < 60_000
        assert not set("\x00\x1b\ud800\u202e") & set(drawing.svg + repr(drawing) + drawing.dot)


def test_a_name_that_is_no_string_is_shown():
    parsed(draw(leaf(1.0, name=42) * 2))


def test_the_source_line_is_shown_as_it_is():
    with trace():
        y = np.tanh(leaf(1.0, "x"))  # </title><script>alert("&amp;\N")</script>
    svg = draw(y).svg
    assert "<script" not in svg
    (title,) = {
        value
        for element in parsed(draw(y)).iter()
        for key, value in element.attrib.items()
        if key.endswith("title") and "alert" in value
    }
    assert '</title><script>alert("&amp;\\N")</script>' in title


# ---- files and notebooks -------------------------------------------------------------------------


def test_saves_by_suffix(tmp_path):
    drawing = draw(neuron())
    for suffix, start in ((".svg", b"<svg"), (".png", b"\x89PNG\r\n"), (".pdf", b"%PDF-")):
        drawing.save(tmp_path / f"loss{suffix}")
        assert (tmp_path / f"loss{suffix}").read_bytes().startswith(start)
    drawing.save(str(tmp_path / "loss.dot"))
    assert (tmp_path / "loss.dot").read_text().startswith("digraph")
    ElementTree.parse(tmp_path / "loss.svg")
    for name in ("loss", "loss.jpg"):
        with pytest.raises(ValueError, match=r"must end in .svg, .png, .pdf"):
            drawing.save(tmp_path / name)


def test_the_pdf_is_well_formed_and_says_what_the_picture_says(tmp_path, monkeypatch):
    monkeypatch.setattr(rendering.shutil, "which", lambda name: None)  # not the one of Graphviz
    draw(neuron()).save(tmp_path / "loss.pdf")
    pdf = (tmp_path / "loss.pdf").read_bytes()
    table = int(re.search(rb"startxref\n(\d+)\n", pdf)[1])
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n", pdf[table:])]
    assert len(places) == 4
    for number, place in enumerate(places, 1):
        assert pdf[place:].startswith(f"{number} 0 obj".encode())
    stream = re.search(rb"/Length (\d+) /Filter /FlateDecode >>\nstream\n", pdf)
    content = zlib.decompress(pdf[stream.end() : stream.end() + int(stream[1])]).decode("ascii")
    assert content.count("q\n") == content.count("\nQ")
    words = [
        "".join(
            bytes.fromhex(code).decode("latin-1") for code in re.findall(r"<([0-9a-f]*)>", line)
        )
        for line in content.splitlines()
        if line.startswith("BT")
    ]
    assert "w" in words
    assert any("1 + b" in word for word in words)
    assert any(word.startswith("\xb6L/\xb6w") for word in words)  # ∂ as the font Symbol has it


def test_shows_itself_in_notebooks():
    drawing = draw(neuron())
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/svg+xml", "text/html"}
    assert bundle["image/svg+xml"].startswith("<svg")
    assert drawing._repr_svg_() == bundle["image/svg+xml"]
    assert drawing._repr_html_() == bundle["text/html"]
    encoded = re.search(r'src="data:image/svg\+xml;base64,([^"]*)"', bundle["text/html"])[1]
    assert base64.b64decode(encoded).decode() == drawing.svg
    assert bundle["text/plain"] == repr(drawing)


def test_shows_itself_as_text_in_the_order_of_computing():
    lines = repr(draw(neuron())).splitlines()
    names = [re.split(r" =| \(", line)[0] for line in lines]
    assert {"w", "x", "b", "z", "a", "L"} <= set(names)
    assert names.index("w") < names.index("z") < names.index("a") < names.index("L")
    assert any("∂L/∂b = " in line for line in lines)


def test_every_node_can_be_pointed_at_and_the_picture_has_a_description():
    drawing = draw(neuron())
    root = parsed(drawing)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "Computation graph of L: 9 operations"
    described_nodes = [
        value
        for element in root.iter()
        for key, value in element.attrib.items()
        if key.endswith("}title") and "∂L/∂" in value
    ]
    assert len(described_nodes) == sum(n.result.gradient is not None for n in drawing.model.nodes)


def test_directions_and_themes():
    drawing = draw(neuron())
    width, height = (
        float(parsed(drawing).attrib[key].removesuffix("pt")) for key in ("width", "height")
    )
    assert width > height
    root = parsed(draw(neuron(), direction="TB"))
    assert float(root.attrib["height"].removesuffix("pt")) > float(
        root.attrib["width"].removesuffix("pt")
    )
    assert "prefers-color-scheme:dark" in drawing.svg
    assert "prefers-color-scheme" not in draw(neuron(), theme="light").svg
    dark = draw(neuron(), theme="dark").svg
    assert DARK["page"] in dark
    assert LIGHT["text"] not in dark
    for option in ({"direction": "RL"}, {"theme": "sepia"}):
        with pytest.raises(ValueError, match="choose"):
            draw(neuron(), **option)


def test_every_colour_of_a_light_picture_has_its_dark_one():
    svg = draw(model_in_scopes(), highlight="Block1", fold="decoder").svg
    style, drawn = svg.split("</style>")
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]+|[a-z]+)"', drawn)) - {
        "none",
        "transparent",
    }
    assert used <= {*LIGHT.values(), "white"}
    assert all(f'[fill="{colour}"]' in style for colour in used)
    assert set(LIGHT) == set(DARK)
    assert len(set(LIGHT.values())) == len(LIGHT)  # or one could not be told from another


def luminance(colour):
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_all_text_is_readable(colours):
    """The contrast that WCAG asks for, 4.5 to 1."""
    filled = ["page", "operation", "head", "parameter", "input", "constant", "box", "frame"]
    for text in ("text", "faint", "gradient", "derivative"):
        for ground in filled:
            light, dark = sorted((luminance(colours[text]), luminance(colours[ground])))[::-1]
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def test_takes_only_tensors():
    for nothing in (3, np.ones(2), [1, 2], "w"):
        with pytest.raises(TypeError, match="draw"):
            draw(nothing)
    with pytest.raises(ValueError, match="needs a Tensor"):
        draw([])


# ---- programs that draw --------------------------------------------------------------------------


def test_a_dot_on_the_path_comes_first(tmp_path, monkeypatch):
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\ncat > /dev/null\necho "<svg $1></svg>"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert programs()[0] == str(program)
    assert "-Tsvg" in draw(neuron()).svg


def test_one_that_fails_is_replaced_by_the_next(tmp_path, monkeypatch):
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho no such format >&2\nexit 1\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    parsed(draw(neuron()))
    monkeypatch.setattr(rendering, "_ported", lambda: None)
    with pytest.raises(RenderingError, match="no such format"):
        parsed(draw(neuron()))


def test_nothing_is_needed_on_the_path(monkeypatch):
    monkeypatch.setenv("PATH", "")
    parsed(draw(neuron()))


def test_without_any_program_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(rendering, "programs", list)
    drawing = draw(neuron())
    with pytest.raises(RenderingError, match="pip install graphviz-pure"):
        drawing.save(tmp_path / "loss.svg")
    drawing.save(tmp_path / "loss.dot")
    assert (tmp_path / "loss.dot").read_text() == drawing.dot
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert "pip install graphviz-pure" in bundle["text/plain"]
    assert drawing._repr_svg_() is None
    assert drawing._repr_html_() is None


def test_nothing_is_imported_before_something_is_drawn():
    code = (
        "import sys, numpy; before = {*sys.modules}; import microgradnd.draw.picture; "
        "assert not {'graphviz', 'subprocess', 'importlib.metadata'} & ({*sys.modules} - before)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_itself_draws_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(rendering, "_ported", lambda: None)
    for drawing in (draw(neuron()), draw(model_in_scopes(), depth=1), draw(loop(20))):
        parsed(drawing)
    drawing.save(tmp_path / "loss.pdf")


def test_dot_is_understood_by_graphviz_without_complaint():
    source = dot_source(draw(model_in_scopes()).model, "LR", LIGHT)
    done = subprocess.run(
        [programs()[0], "-Tjson"],
        input=source.encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    names = {each["name"] for each in json.loads(done.stdout)["objects"]}
    assert {"cluster_" + frame.key for frame in draw(model_in_scopes()).model.frame.frames} <= names
