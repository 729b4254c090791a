"""What is drawn as an input is the input."""

import numpy as np
import pytest

import nn
from microgradnd import Tensor, draw, no_grad, scope
from tests.draw.graphs import leaf

X = np.random.default_rng(0).normal(size=(2, 3))


def lines(drawing):
    """The heading of each node, of leaves with the kind."""
    nodes = {node.key: node for node in drawing.shown.nodes}
    found = [nodes[key] for key in drawing.shown.order if key in nodes]
    return [n.heading if n.formula else f"{n.symbol} ({n.kind})" for n in found]


class Residual(nn.Module):
    def __init__(self):
        self.inner = nn.Linear(3, 3, bias=False)

    def forward(self, x):
        return x + nn.functional.relu(self.inner(x))


SMALL = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
CASES = {
    "without gradient": (lambda x: np.mean(nn.functional.layer_norm(x, (3,)) ** 2), (Tensor(X, name="x"),),
        "x (input); v₁ = (x − mean) / deviation; v₂ = v₁²; L = mean v₂"),
    "first layer without parameters": (SMALL, (np.ones((3, 2, 2)),), "input (input); v₁ = reshape input; W (parameter); z = W·v₁"),
    "integers": (SMALL, (np.ones((3, 2, 2), np.uint8),),
        "input (input); v₁ = reshape input; v₂ = astype(v₁); W (parameter); z = W·v₂"),
    "first skip": (Residual(), (X,), "x (input); W (parameter); z = W·x; a = max(z, 0); v₃ = x + a"),
    "divisor of a pool": (nn.AvgPool1d(2, ceil_mode=True), (X[None],),
        "input (input); v₁ = sum_windows(input); c₁ (constant); v₂ = v₁ / c₁"),
    "used twice": (lambda a: a * np.exp(a), (X,), "a (input); v₁ = exp(a); v₂ = a * v₁"),
    "comparisons": (lambda x: np.where(x > 0, x, 0) * np.less_equal(x, 1), (X,),
        "x (input); v₁ = x > 0; v₂ = where(v₁, x, 0); v₃ = x ≤ 1; v₄ = v₂ * v₃"),
    "an array twice": (lambda a, b: a @ X.T + b @ X.T, (np.ones(3), np.arange(3.0)),
        "a (input); c₁ (constant); v₁ = a·c₁; b (input); v₂ = b·c₁; v₃ = v₁ + v₂"),
    "equal inputs": (lambda a, b: a * b, (Tensor([1.0, 2.0], name="a"), Tensor([1.0, 2.0], name="b")),
        "a (input); b (input); v₁ = a * b"),
    "several, one a number": (lambda a, b: np.sum(a * b) + 1, (X, 2.0), "a (input); b (input); v₁ = a·b; v₂ = Σ v₁; L = v₂ + 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_function_is_drawn_from_its_arguments_on(case):
    function, arguments, expected = CASES[case]
    drawing = draw(function, *arguments)
    assert lines(drawing) == expected.split("; ")
    inputs = [node for node in drawing.shown.nodes if node.kind == "input"]
    for argument, node in zip(arguments, inputs, strict=True):
        assert np.array_equal(drawing.model.graph.array(node.tensor), argument)


def test_outside_of_a_picture_nothing_more_is_recorded():
    x, inside = Tensor(X), []
    with no_grad(), scope("s"):
        draw(lambda x: inside.append(x * 2) or inside[0], x)
    assert (x**2).operation is None
    (found,) = inside
    assert (found.operation.name, found.scope, found.requires_grad) == ("multiply", ("s",), False)
    with pytest.raises(RuntimeError, match="depends on nothing that requires a gradient"):
        np.sum(found).backward()


def test_the_states_of_an_lstm_are_constants_and_shown_once():
    leaves = {line for line in lines(draw(nn.LSTM(3, 2), X)) if "(input)" in line or "(con" in line}
    assert leaves == {"input (input)", "c₃ (constant)"}  # after the cells of two steps


def test_what_was_computed_is_never_called_an_input():
    x, w = Tensor(X, name="x"), leaf(np.ones((2, 3)), "w")
    loss = np.sum(w * (x * 2) + w * np.exp(x).detach() + w * x + w * X.T.T + w * (X + 1))
    found = [line for line in lines(draw(loss)) if " = " not in line]
    assert found == ["w (parameter)", "x₁ (given)", "x₂ (given)", "x (input)", "c₁ (constant)"]


def test_comparisons_stay_arrays_that_combine():
    x = Tensor(X, requires_grad=True)
    expected = np.sum(X, where=((X > 0) & ~(X > 0.3)) | (X != X) ^ (X < -1))
    choose = lambda x: np.sum(x[((x > 0) & ~(x > 0.3)) | (x != x) ^ (x < -1)])  # noqa: E731
    for value in choose(x), draw(choose, x).model.graph.heads[0]:
        assert value.item() == pytest.approx(expected)
    assert isinstance(x > 0, np.ndarray)
    assert isinstance(np.greater(x, 0), np.ndarray)


def test_masks_and_what_was_detached_are_drawn_with_all_that_they_came_from():
    def function(x, noise):
        made = np.tanh(noise * leaf(np.ones(3), "w"))
        mask = ~(x == 0) & (x < 1) | np.isnan(x)
        return np.sum(np.where(mask, x, 0.1 * x) * made.detach())

    drawing = draw(function, leaf([0.5, -1.0, 3.0], "x"), np.array([1.0, 2.0, 3.0]))
    nodes = drawing.shown.nodes
    assert {node.symbol: node.kind for node in nodes if node.kind != "operation"} == {
        "x": "parameter", "noise": "input", "w": "parameter",
    }  # fmt: skip
    shown = {"equal", "invert", "less", "bitwise_and", "isnan", "bitwise_or", "detach"}
    assert shown < {node.operation for node in nodes}
    flowing = {edge.target for edge in drawing.shown.edges if edge.flows}
    carrying = {node.operation for node in nodes if node.key in flowing}
    assert carrying == {"tanh", "multiply", "where", "sum"}
