"""Pictures stay small: scopes, loops and parts fold into boxes, and nothing is lost in them."""

import random
import re
from collections import Counter

import numpy as np
import pytest

from microgradnd import history, scope
from microgradnd.draw.picture import draw
from tests.draw import graphs
from tests.draw.graphs import by_symbol, encoder, leaf, loop, scrambled

heavy = pytest.mark.heavy
FUNCTIONS = [np.sin, np.cos, np.tanh, lambda x: np.exp(np.sin(x)), lambda x: np.sqrt(x * x)]
RNG = random.Random(0)
LARGE = {
    "chain": graphs.chain(500),
    "loop": loop(40),
    "expression": scrambled(500),
    "large expression": scrambled(5000),
    "leaves": np.sum(np.stack([leaf(float(i)) for i in range(3000)])),
    "scopes": graphs.blocks([RNG.choice(FUNCTIONS) for _ in range(150)], "Block{}"),
    "many ways": np.sum(
        np.stack([np.sin(leaf(np.ones(i % 7 + 1))).sum() * i for i in range(1000)])
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_graphs_fold_themselves(name):
    drawing = draw(LARGE[name])
    model = drawing.shown
    assert 2 <= len(model.items) <= 70
    assert model.boxes
    found = sum(bool(node.formula) for node in model.nodes)
    assert found + sum(box.operations for box in model.boxes) == len(drawing.model.graph.operations)


def test_nothing_is_lost_in_a_fold_and_parts_do_not_depend_on_each_other_in_a_circle():
    loss = scrambled(800)
    known = [node for node in history(loss) if node.operation is None and node.requires_grad]
    for limit in (20, 60, 200, 2000):
        drawing = draw(loss, limit=limit)
        shown = [node for node in drawing.shown.nodes if node.kind == "parameter"]
        assert len(shown) + sum(box.parameters for box in drawing.shown.boxes) == len(known)
        graphs.check_quotient(drawing, history(loss))
        place = {key: i for i, key in enumerate(drawing.shown.order)}
        assert all(place[edge.source] < place[edge.target] for edge in drawing.shown.edges)
    assert not drawing.shown.boxes


def test_scopes_fold_by_depth_and_by_name():
    loss = encoder()
    assert {"encoder × 3", "decoder"} <= set(graphs.frames(draw(loss)))
    closed = draw(loss, depth=0)
    assert (graphs.titles(closed), graphs.frames(closed)) == (["encoder × 3", "decoder"], [])
    assert not draw(loss, depth=9).shown.boxes
    assert graphs.titles(draw(loss, fold="Block1")) == ["Block1"]
    assert graphs.titles(draw(loss, fold="decoder.Block3")) == ["Block3"]
    assert len(graphs.titles(draw(loss, fold=["encoder", "Block3"]))) == 2
    assert sum(box.times for box in draw(loss, fold="Block").shown.boxes) == 4
    box = draw(loss, fold="decoder").shown.boxes[0]
    assert (box.operations, box.parameters) == (3, 9)
    np.testing.assert_allclose(graphs.array_of(box.result.gradient), np.ones((2, 3)))
    assert box.about[-1] == "result v₁₂, 2 × 3 float64"


def test_a_part_can_be_drawn_alone():
    loss = encoder()
    drawing = draw(loss, only="decoder")
    kinds = Counter(node.kind for node in drawing.shown.nodes)
    assert kinds == {"operation": 3, "given": 1, "parameter": 1}
    everything = {node.tensor: node.gradient for node in draw(loss).shown.nodes}
    assert all(node.gradient == everything[node.tensor] for node in drawing.shown.nodes)


def test_repeated_blocks_are_one_box_with_their_number():
    (box,) = draw(graphs.blocks([np.tanh] * 12, "Block{}"), depth=0).shown.boxes
    assert (box.title, box.times, box.follows, box.shared) == ("Block0 … Block11", 12, True, 0)
    assert (box.parameters, box.operations) == (12 * 3, 12 * 3)
    for count, found in ((6, []), (7, ["a₀ … a₆ × 7"])):
        assert graphs.titles(draw(np.sum(np.stack(graphs.numbers(count))))) == found
    different = draw(graphs.blocks(FUNCTIONS), depth=0)
    assert [box.times for box in different.shown.boxes] == [1, 1, 1, 1, 1]
    (box,) = draw(graphs.blocks([np.sin, np.cos] * 5), depth=0).shown.boxes
    assert (box.times, box.operations) == (5, 30)


@pytest.mark.parametrize("steps", [5, 20, 41])
def test_a_loop_over_time_with_shared_weights_is_recognised(steps):
    drawing = draw(loop(steps), limit=22)
    (box,) = (box for box in drawing.shown.boxes if box.kind == "repeat")
    one_is_open = f"5 operations × {steps}" in graphs.frames(drawing)
    assert box.times + one_is_open == steps
    assert (box.operations, box.shared, box.follows) == (5 * box.times, 3, True)
    assert "each after the other, with the same weights" in box.about
    assert f" from [5 operations × {box.times}]" in repr(drawing)
    assert steps < 9 or re.search(rf"^\[x₀ … x[₀-₉]+ × {steps}\] +2$", repr(drawing), re.MULTILINE)
    assert {by_symbol(drawing)[name].uses for name in "WUb"} == {steps}
    assert f"used {steps} times" in by_symbol(drawing)["W"].about[0]
    assert not one_is_open or f"{steps} of {steps}" in graphs.frames(drawing)
    assert {f"{turn} of 5" for turn in range(1, 6)} <= set(graphs.frames(draw(loop(5), limit=500)))


def test_scopes_nest_as_deeply_as_one_likes():
    opened = [scope(f"s{i}") for i in range(3000)]
    for each in opened:
        each.__enter__()
    y = np.tanh(leaf(1.0, "x")) * 2
    for each in reversed(opened):
        each.__exit__()
    drawing = draw(y + 1)
    assert len(drawing.shown.items) < 10
    assert drawing.svg


@pytest.mark.parametrize("length", [50_000, pytest.param(1_000_000, marks=heavy)])
def test_a_million_operations_do_not_hang(length):
    assert graphs.titles(draw(graphs.chain(length))) == [f"tanh × {length:,}"]
    rng = random.Random(0)
    y = graphs.chain(length, lambda y: np.tanh(y) if rng.random() < 0.5 else y * 1.01)
    assert len(draw(y).shown.items) <= 70
    with scope("end"):
        y = np.sin(y) * 2
    assert len(draw(y, only="end").shown.items) == 3


LONG = (
    pytest.param(loss, marks=heavy) for loss in (graphs.chain(2000), scrambled(1500), loop(330))
)


@pytest.mark.parametrize("loss", [graphs.chain(500), *LONG])
def test_two_thousand_nodes_can_be_drawn_one_by_one(loss):
    drawing = draw(loss, limit=10_000)
    assert len(drawing.shown.nodes) == len(history(loss))
    assert drawing.svg.count("<text") > 2 * len(history(loss))
