"""draw: what a picture shows is right, and it stays small."""

import random
from collections import Counter

import numpy as np
import pytest

from microgradnd import Tensor, history, no_grad, paths, primitive, scope, trace
from microgradnd.draw.numbers import BARS, Numbers, described, in_a_line, rows, statistics, written
from microgradnd.draw.picture import draw
from microgradnd.draw.style import LIGHT
from microgradnd.draw.words import about, derivative_lines, heading
from tests.draw.graphs import blocks, chain, encoder, leaf, loop, network, neuron, scrambled, shared
from tests.properties.programs import NUMPY, program_from

heavy = pytest.mark.heavy


def by_symbol(drawing):
    return {node.symbol: node for node in drawing.model.nodes}


def array_of(numbers):
    return np.array(numbers.entries).reshape(numbers.shape)


def dense(derivative):
    matrix = np.zeros(derivative.shape)
    at_rows, at_columns, values = derivative.entries
    matrix[at_rows, at_columns] = values
    return matrix


def titles(drawing):
    return [heading(box) for box in drawing.model.boxes]


def frames(drawing):
    return [heading(frame) for frame in drawing.model.frames]


# ---- a few pictures in full ----------------------------------------------------------------------

BARE = {"gradients": False, "values": False}
GOLDEN = {
    "neuron": (neuron, {}, """
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
L = v₈ / 2     scalar  0.3629     ∂L/∂L = 1"""),
    "loop": (lambda: loop(20), {"limit": 16, **BARE}, """
W (parameter)                 3 × 3
h₀ (input)                    3
U (parameter)                 3 × 2
[x₀ … x₁₉ × 20]               2
b (parameter)                 3
v₉₅ from [5 operations × 19]  3
v₉₆ = W·v₉₅                   3
v₉₇ = U·x₁₉                   3
v₉₈ = v₉₆ + v₉₇               3
v₉₉ = v₉₈ + b                 3
v₁₀₀ = tanh(v₉₉)              3
v₁₀₁ = v₁₀₀²                  3
L = Σ v₁₀₁                    scalar"""),
    "modules": (encoder, {"depth": 0, **BARE}, """
x (input)              2 × 3
v₉ from [encoder × 3]  2 × 3
v₁₂ from [decoder]     2 × 3
L = Σ v₁₂              scalar"""),
    "expression": (lambda: scrambled(40), {"limit": 8, **BARE}, """
[41 operations]
v₄₄ from [3 operations]  scalar
v₄₅ = tanh(v₄₄)          scalar
v₄₆ = v₄₁ + v₄₅          scalar
v₄₈ from [2 operations]  scalar
v₄₉ = v₄₆ + v₄₈          scalar
v₅₁ from [2 operations]  scalar
L = v₄₉ + v₅₁            scalar"""),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_pictures_in_words(name):
    graph, options, expected = GOLDEN[name]
    assert repr(draw(graph(), **options)).splitlines() == expected.strip("\n").splitlines()


# ---- what is shown is right ----------------------------------------------------------------------


def check(loss):
    """Values, gradients, the chain rule along the edges, and which edges there are."""
    drawing, nodes = draw(loss), history(loss)
    expected = {}
    if loss.requires_grad:
        loss.backward(retain_grads=True)
        expected = {node: node.grad for node in nodes if node.grad is not None}
    drawn = {node.key: node for node in drawing.model.nodes}
    back = {}
    for edge in drawing.model.edges:
        derivative = edge.derivative
        if derivative is not None and derivative.entries is not None and edge.target in drawn:
            gradient = np.asarray(expected[drawn[edge.target].tensor])
            with np.errstate(all="ignore"):
                back.setdefault(edge.source, []).append(gradient.reshape(-1) @ dense(derivative))
    for key, node in drawn.items():
        assert (node.gradient is not None) == (node.tensor in expected)
        if isinstance(node.tensor, Tensor) and node.value.entries is not None:
            np.testing.assert_array_equal(array_of(node.value), node.tensor.numpy())
        if node.tensor not in expected:
            continue
        gradient = np.asarray(expected[node.tensor])
        assert node.gradient.shape == gradient.shape
        if node.gradient.entries is not None:
            np.testing.assert_allclose(array_of(node.gradient), gradient)
        if len(back.get(key, ())) == node.uses > 0 and np.isfinite(gradient).all():
            found = np.sum(back[key], axis=0)
            if np.isfinite(found).all():
                tolerance = 1e-4 if gradient.dtype == np.float32 else 1e-9
                np.testing.assert_allclose(found, gradient.reshape(-1), tolerance, tolerance)
    check_quotient(drawing, nodes)
    assert drawing.dot
    assert sorted(drawing.model.order) == sorted(item.key for item in drawing.model.items)
    return drawing


def check_quotient(drawing, nodes):
    """The edges of the picture are those of the graph, seen from outside its boxes."""
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


def test_values_gradients_and_local_derivatives_obey_the_chain_rule_on_the_picture():
    w, x = leaf([0.5, -0.7], "w"), leaf([0.3, 1.5], "x")
    y = w * x
    many_uses = np.sum(np.tanh(y) * y / w) + np.max(x) * w[0] + np.sum(np.stack([y, y])[0])
    for loss in (neuron(), network()[0], shared()[0], many_uses, loop(3), encoder()):
        assert not check(loss).model.boxes


@pytest.mark.parametrize(
    ("first", "number"),
    [
        *((20 * i, 20) for i in range(5)),
        *(pytest.param(1000 + 50 * i, 50, marks=heavy) for i in range(20)),
    ],
)
def test_pictures_of_random_programs_are_right_and_can_be_rendered(first, number):
    for seed in range(first, first + number):
        program = program_from(random.Random(seed))
        drawing = check(program.total([leaf(x) for x in program.inputs()], NUMPY))
        assert number < 50 or drawing.svg


def test_local_derivatives_are_written_as_numbers_small_matrices_or_shapes():
    x, w = leaf([1.0, 2.0], "x"), leaf(np.ones((30, 20)), "w")
    y = np.tanh(w @ Tensor(np.ones(20)))
    for tensor, lines in (
        (x[0] * 3.0, [["1  0"], ["3"]]),
        (np.square(x) + 1.0, [["diag", "2", "4"], ["I"]]),
        (-x, [["−I"]]),
        (x * 0.5, [["0.5·I"]]),
        (np.sum(np.concatenate([x, x, x])), [["6 × 2"]] * 3 + [["1  1  1  1  1  1"]]),
        (np.sum(np.zeros((0, 2)) @ x), [["0 × 2"], ["1 × 0"]]),
        (np.sum(y), [["30 × 600"], ["diag 30 × 30"], ["1 × 30"]]),
    ):
        model = draw(tensor, gradients=np.ones(tensor.shape)).model
        derivatives = [edge.derivative for edge in model.edges if edge.flows]
        assert [derivative_lines(derivative) for derivative in derivatives] == lines


def test_drawing_changes_nothing_and_is_the_same_under_no_grad_and_trace():
    loss, w, _ = network()
    expected = draw(loss).dot
    assert all(node.grad is None for node in history(loss))
    w.grad = np.full((4, 4), 7.0)
    with no_grad():
        assert draw(loss).dot == expected
    with trace():
        assert draw(loss).dot == expected
    np.testing.assert_array_equal(w.grad, np.full((4, 4), 7.0))
    w.grad = None


def test_what_was_recorded_is_shown_even_if_the_weights_have_changed():
    w = leaf([1.0, 2.0], "w")
    loss = np.sum(w**2)
    w.data[:] = 100.0
    node = by_symbol(draw(loss))["w"]
    np.testing.assert_array_equal(array_of(node.value), [1, 2])
    np.testing.assert_array_equal(array_of(node.gradient), [2, 4])


def test_gradients_start_from_a_scalar_a_sum_of_scalars_or_what_is_given():
    x = leaf([1.0, 2.0], "x")
    gradient = lambda *arguments, **options: by_symbol(draw(*arguments, **options))["x"].gradient  # noqa: E731
    assert gradient(x**2) is gradient(np.sum(x), gradients=False) is None
    np.testing.assert_array_equal(array_of(gradient(x**2, gradients=[1.0, 10.0])), [2, 40])
    both = draw([np.sum(x), np.prod(x), np.sum(x)])
    np.testing.assert_array_equal(array_of(by_symbol(both)["x"].gradient), [4, 3])
    assert by_symbol(both)["x"].gradient_name == "∂(v₁ + v₂ + v₃)/∂x"
    assert all(edge.derivative is None for edge in draw(np.sum(x), gradients=False).model.edges)
    for wrong, message in (([x**2], r"shape \(2,\), got \(3,\)"), ([[x, x**2]], "of one Tensor")):
        with pytest.raises(ValueError, match=message):
            draw(*wrong, gradients=[1.0, 2.0, 3.0])
    y = np.sum(x)
    assert repr(draw([y, y])) == repr(draw(y))


@pytest.mark.parametrize("tensor", [leaf([1.0, 2.0], "x"), Tensor(2.0), Tensor(3.0) * 2])
def test_a_leaf_is_a_picture_as_well(tensor):
    (node,) = draw(tensor).model.nodes
    np.testing.assert_array_equal(array_of(node.value), tensor.numpy())


# ---- arrays in few words -------------------------------------------------------------------------


def test_large_arrays_are_summarised_by_mean_spread_range_and_histogram(rng):
    array = rng.normal(2.0, 3.0, size=(40, 50))
    numbers = described(array)
    assert numbers.entries is None
    assert (numbers.mean, numbers.spread) == pytest.approx((array.mean(), array.std()))
    assert (numbers.low, numbers.high) == (array.min(), array.max())
    np.testing.assert_array_equal(numbers.histogram, np.histogram(array, BARS)[0])
    large = rng.normal(size=1_000_000)
    large[777_777] = 1e6
    assert described(large).high == 1e6  # exact, although the rest is of a sample
    assert described(large[:700_000]).mean == pytest.approx(0, abs=0.02)


def test_what_is_not_finite_is_counted_and_left_out():
    array = np.arange(100.0)
    array[[3, 50, 80]] = np.nan, np.inf, -np.inf
    numbers = described(array)
    assert (numbers.not_finite, numbers.low, numbers.high) == (3, 0, 99)
    assert "3 not finite" in statistics(numbers)


@pytest.mark.parametrize(
    "array",
    [
        np.full(50, np.nan), np.zeros((0, 3)), np.full(99, 1e308), np.array([1e308, -1e308] * 30),
        np.ones(99, np.float16), np.arange(60), np.ones(60, bool), np.ones(60, complex),
        np.float64(3), np.ones((2, 2, 2)), np.ones((2, 2), complex),
    ],
)  # fmt: skip
def test_odd_arrays_are_described_without_warnings(array):
    numbers = described(array)
    assert numbers.shape == array.shape
    assert all(
        isinstance(line, str) for line in [*statistics(numbers), *rows(numbers), in_a_line(numbers)]
    )


def test_foreign_arrays_are_not_looked_into():
    dask = pytest.importorskip("dask.array")
    x = Tensor(dask.ones((300, 4)), requires_grad=True, name="x")
    assert by_symbol(draw(x.sum()))["x"].value == Numbers((300, 4), "float64")


def test_numbers_are_short_and_true():
    for value in (0.0, -0.0, 1.0, -2.5, 1 / 3, 1e-9, -1.5e300, 12345678.0, 7, -3):
        text = written(value)
        assert float(text.replace("−", "-")) == pytest.approx(value, rel=1e-3)
        assert len(text) <= 10
    assert written(float("nan")) == "nan"
    assert rows(described(np.array([1.0, -1e-18, 0.25]))) == ["     1", "-1e-18", "  0.25"]
    assert rows(described(np.array([[1, 20], [3, 4]]))) == [" 1  20", " 3   4"]
    assert in_a_line(described(np.array([[1, 20], [3, 4]]))) == "[[1, 20], [3, 4]]"


# ---- names and formulas --------------------------------------------------------------------------


def formula(tensor):
    return [node.formula for node in draw(tensor).model.nodes if node.formula][-1]


def test_formulas_are_written_as_in_books():
    import nn

    w, x, b = leaf(np.ones((2, 2)), "W1"), Tensor([1.0, 2.0], name="x"), leaf(1.0, "b")
    z = leaf([1.0], "z")
    softplus = primitive(lambda x: np.logaddexp(0, x), lambda g, y, x: g / (1 + np.exp(-x)))
    add = primitive(lambda x: x + 1, lambda g, y, x: g, name="add")  # with one argument
    for tensor, expected in (
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
        (np.einsum("ij,j->i", w, x), "einsum(ij, j → i: W₁, x)"),
        (nn.functional.sigmoid(z), "σ(z)"),
        (nn.functional.relu(z), "max(z, 0)"),
        (nn.Linear(1, 2)(z), "W·z + b"),
        (softplus(b), "softplus(b)"),
        (add(b), "add(b)"),
    ):
        assert formula(tensor) == expected


def test_what_has_no_name_gets_one_that_nothing_else_has():
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
    assert about(by_symbol(drawing)["w"]) == ["parameter, 2 float64"]


# ---- folding -------------------------------------------------------------------------------------


def leaves(number):
    return np.sum(np.stack([leaf(float(i)) for i in range(number)]))


def many_ways():
    return np.sum(np.stack([np.sin(leaf(np.ones(i % 7 + 1))).sum() * i for i in range(1000)]))


@pytest.mark.parametrize(
    "loss",
    [chain(500), loop(40), scrambled(500), scrambled(5000), leaves(3000), many_ways()],
    ids=["chain", "loop", "expression", "large expression", "leaves", "many ways"],
)
def test_large_graphs_fold_themselves(loss):
    model = draw(loss).model
    assert 2 <= len(model.items) <= 70
    assert model.boxes
    operations = [node for node in model.nodes if node.formula]
    assert len(operations) + sum(box.operations for box in model.boxes) == model.operations


def test_nothing_is_lost_in_a_fold_and_parts_do_not_depend_on_each_other_in_a_circle():
    loss = scrambled(800)
    known = [node for node in history(loss) if node.operation is None and node.requires_grad]
    for limit in (20, 60, 200, 2000):
        drawing = draw(loss, limit=limit)
        shown = [node for node in drawing.model.nodes if node.kind == "parameter"]
        assert len(shown) + sum(box.parameters for box in drawing.model.boxes) == len(known)
        check_quotient(drawing, history(loss))
        place = {key: i for i, key in enumerate(drawing.model.order)}
        assert all(place[edge.source] < place[edge.target] for edge in drawing.model.edges)
    assert not drawing.model.boxes


def test_scopes_fold_by_depth_and_by_name():
    loss = encoder()
    assert {"encoder × 3", "decoder"} <= set(frames(draw(loss)))
    closed = draw(loss, depth=0)
    assert (titles(closed), frames(closed)) == (["encoder × 3", "decoder"], [])
    assert not draw(loss, depth=9).model.boxes
    assert titles(draw(loss, fold="Block1")) == ["Block1"]
    assert titles(draw(loss, fold="decoder.Block3")) == ["Block3"]
    assert len(titles(draw(loss, fold=["encoder", "Block3"]))) == 2
    assert sum(box.times for box in draw(loss, fold="Block").model.boxes) == 4
    box = draw(loss, fold="decoder").model.boxes[0]
    assert (box.operations, box.parameters) == (3, 9)
    np.testing.assert_allclose(array_of(box.result.gradient), np.ones((2, 3)))
    assert about(box)[-1] == "result v₁₂, 2 × 3 float64"


def test_a_part_can_be_drawn_alone():
    loss = encoder()
    drawing = draw(loss, only="decoder")
    kinds = Counter(node.kind for node in drawing.model.nodes)
    assert kinds == {"operation": 3, "given": 1, "parameter": 1}
    everything = {node.tensor: node.gradient for node in draw(loss).model.nodes}
    assert all(node.gradient == everything[node.tensor] for node in drawing.model.nodes)


def test_repeated_blocks_are_one_box_with_their_number():
    (box,) = draw(blocks([np.tanh] * 12, "Block{}"), depth=0).model.boxes
    assert (box.title, box.times, box.follows, box.shared) == ("Block0 … 11", 12, True, 0)
    assert (box.parameters, box.operations) == (12 * 3, 12 * 3)
    assert heading(box) == "Block0 … 11 × 12"
    different = draw(blocks([np.sin, np.cos, np.tanh, np.exp]), depth=0)
    assert [box.times for box in different.model.boxes] == [1, 1, 1, 1]
    (box,) = draw(blocks([np.sin, np.cos] * 5), depth=0).model.boxes
    assert (box.times, box.operations) == (5, 30)


@pytest.mark.parametrize("steps", [5, 20, 41])
def test_a_loop_over_time_with_shared_weights_is_recognised(steps):
    drawing = draw(loop(steps), limit=22)
    (box,) = (box for box in drawing.model.boxes if box.kind == "repeat")
    one_is_open = f"5 operations × {steps}" in frames(drawing)
    assert box.times + one_is_open == steps
    assert (box.operations, box.shared, box.follows) == (5 * box.times, 3, True)
    assert "each after the other, with the same weights" in about(box)
    assert {by_symbol(drawing)[name].uses for name in "WUb"} == {steps}
    assert f"used {steps} times" in about(by_symbol(drawing)["W"])[0]
    assert not one_is_open or f"{steps} of {steps}" in frames(drawing)
    assert {f"{turn} of 5" for turn in range(1, 6)} <= set(frames(draw(loop(5), limit=500)))


def test_a_run_that_is_wired_differently_is_not_a_repetition():
    rng = random.Random(1)
    found = [leaf(1.0) for _ in range(5)]
    for _ in range(300):
        found.append(rng.choice(found) + rng.choice(found))
    repeats = [box for box in draw(sum(found), limit=30).model.boxes if box.kind == "repeat"]
    assert all(box.operations <= 400 and box.times <= 310 for box in repeats)


def test_scopes_nest_as_deeply_as_one_likes():
    opened = [scope(f"s{i}") for i in range(3000)]
    for each in opened:
        each.__enter__()
    y = np.tanh(leaf(1.0, "x")) * 2
    for each in reversed(opened):
        each.__exit__()
    drawing = draw(y + 1)
    assert len(drawing.model.items) < 10
    assert drawing.svg


def test_fifty_thousand_operations_are_no_burden():
    (box,) = draw(chain(50_000)).model.boxes
    assert heading(box) == "tanh × 50,000"


@heavy
def test_a_million_operations_do_not_hang():
    assert len(draw(chain(1_000_000)).model.items) <= 70
    y = leaf(0.5, "x")
    rng = random.Random(0)
    for _ in range(1_000_000):
        y = np.tanh(y) if rng.random() < 0.5 else y * 1.01
    assert len(draw(y).model.items) <= 70
    with scope("end"):
        y = np.sin(y) * 2
    assert len(draw(y, only="end").model.items) == 3


@pytest.mark.parametrize(
    "loss",
    [
        chain(500),
        *(pytest.param(loss, marks=heavy) for loss in (chain(2000), scrambled(1500), loop(330))),
    ],
)
def test_two_thousand_nodes_can_be_drawn_one_by_one(loss):
    drawing = draw(loss, limit=10_000)
    assert len(drawing.model.nodes) == len(history(loss))
    assert drawing.svg.count("<text") > 2 * len(history(loss))


# ---- highlighting --------------------------------------------------------------------------------


def test_paths_are_drawn_with_their_products_the_thickest_for_the_largest():
    w = leaf(2.0, "w")
    a, b = w * 3, np.square(w)
    a.name, b.name = "a", "b"
    loss = a + 5 * b
    drawing = draw(loss, highlight=paths(loss, w))
    names = {node.key: node.symbol for node in drawing.model.nodes}
    hops = [(names[hop.source], names[hop.target], hop.derivative) for hop in drawing.model.hops]
    assert set(hops) == {
        ("w", "b", 4),
        ("b", "v₃", 5),
        ("v₃", "L", 1),
        ("w", "a", 3),
        ("a", "L", 1),
    }
    lines = [line for line in drawing.dot.splitlines() if "class=path" in line]
    widths = [float(line.partition("penwidth=")[2].split()[0]) for line in lines]
    assert min(widths[:3]) > max(widths[3:])  # 20 by way of b, 3 by way of a
    for text in ("path 1: 20 = 5 · 4", "path 2: 3", "∂L/∂w = 23"):
        assert text in drawing.dot


def test_paths_through_entries_are_apart_where_the_entries_are():
    w, x = leaf([[1.0, 2.0], [3.0, 4.0]], "W"), Tensor([5.0, 6.0], name="x")
    h = w @ x
    loss = np.sum(np.stack([h, h * h]))
    drawing = draw(loss, highlight=paths(loss, w, (0, 1)))
    first = [hop for hop in drawing.model.hops if hop.entry == (0, 1)]
    assert [(hop.next_entry, hop.derivative, len(hop.paths)) for hop in first] == [((0,), 6, 3)]
    assert "[0,1] → [0]" in drawing.dot


def test_paths_are_drawn_across_closed_boxes():
    loss = encoder()
    w = next(node for node in history(loss) if node.name == "0.weight")
    model = draw(loss, depth=0, highlight=paths(loss, w, (0, 0))).model
    keys = {item.key for item in model.items}
    assert model.hops
    assert all({hop.source, hop.target} <= keys and hop.source != hop.target for hop in model.hops)


def test_a_tensor_is_highlighted_with_all_that_depends_on_it():
    loss = neuron()
    b = next(node for node in history(loss) if node.name == "b")
    marks = {node.symbol: node.mark for node in draw(loss, highlight=b).model.nodes}
    assert {name: marks[name] for name in ("b", "z", "a", "L", "w", "x", "v₁")} == {
        "b": "asked", **dict.fromkeys(["z", "a", "L"], "dependent"), **dict.fromkeys(["w", "x", "v₁"], ""),
    }  # fmt: skip
    assert len({draw(loss, highlight=asked).dot for asked in ("b", b, [b])}) == 1


def test_a_layer_is_highlighted_by_its_name_and_opened_first():
    model = draw(encoder(), highlight="Block1").model
    marked = {node.mark == "asked" for node in model.nodes if "Block1" in node.scope}
    assert marked == {True}
    assert not any(node.mark for node in model.nodes if node.scope and "Block1" not in node.scope)
    assert [box.mark for box in draw(encoder(), highlight="decoder", depth=0).model.boxes] == [
        "",
        "asked",
    ]
    functions = [np.sin, np.cos, np.tanh, lambda x: np.exp(np.sin(x))]
    loss = blocks([functions[i % 4] for i in range(30)], "Block{}")
    for wanted in (history(loss)[4], history(loss)[-9]):
        marks = {node.tensor: node.mark for node in draw(loss, highlight=wanted).model.nodes}
        assert marks.get(wanted) == "asked"


# ---- what cannot be drawn ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": -1}, r"draw\(depth=...\): must be 0 or more, got -1"),
        ({"depth": 1.5}, r"draw\(depth=1.5\): must be a whole number"),
        ({"limit": 0}, "must be 1 or more"),
        ({"limit": "x"}, "must be a whole number"),
        ({"fold": [3]}, "names of scopes, got int"),
        ({"fold": "Blok"}, "no scope of this graph"),
        ({"only": "Decoder"}, "its scopes: 'Block0', 'Block1'"),
        ({"direction": "RL"}, "choose 'LR' or 'TB'"),
        ({"theme": "sepia"}, "choose 'auto' or 'light' or 'dark'"),
        ({"highlight": "nobody"}, "Tensors are called .*'0.weight'"),
        ({"highlight": neuron()}, "does not contain this result of divide"),
        ({"highlight": 3}, "got int"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        draw(encoder(), **options)


def test_takes_only_tensors_and_paths_of_the_same_graph():
    for nothing in (3, np.ones(2), [1, 2], "w"):
        with pytest.raises(TypeError, match="expected a Tensor"):
            draw(nothing)
    with pytest.raises(ValueError, match="needs a Tensor"):
        draw([])
    loss, a = shared()
    with pytest.raises(ValueError, match="another graph"):
        draw(neuron(), highlight=paths(loss, a))
    with pytest.raises(ValueError, match="of one entry"):
        draw(loss, highlight=[paths(loss, a), paths(loss, a)])
