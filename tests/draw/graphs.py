"""Graphs to draw: small and large, in scopes, in loops, in disorder; and what tests ask of a picture."""

import random
import re
from collections import Counter

import numpy as np

from microgradnd import Tensor, scope
from microgradnd.draw.view import View
from tests.numerical import leaf

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028<!-- </text></svg> & &lt; \\N {a|b}"
MARKUP = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</text></svg><b>", "é 日本 ŷ 🙂",
    "a & b &lt; &amp;lt; &#60;", "back\\slash \\N \\G \\n {rec|ord}", "<<b>>", "]]> --> <!--",
]  # fmt: skip


def neuron():
    """L = ½ (σ(w·x + b) - 1)²"""
    w, b, x = leaf([0.5, -1.0], "w"), leaf(0.25, "b"), Tensor([2.0, 3.0], name="x")
    z = w @ x + b
    z.name = "z"
    a = 1 / (1 + np.exp(-z))
    a.name = "a"
    return (a - 1) ** 2 / 2


def lecture():
    """The 4-4-2 network of the lectures: what computes its loss, and its weights."""
    rng = np.random.default_rng(1)
    w1, w2 = leaf(rng.normal(size=(4, 4)), "W1"), leaf(rng.normal(size=(2, 4)), "W2")
    x = Tensor([0.5, -1.0, 0.2, 0.8], name="x")

    def loss():
        with scope("hidden"):
            h = np.tanh(w1 @ x)
        with scope("output"):
            y = np.tanh(w2 @ h)
        return np.sum((y - [1.0, 0.0]) ** 2)

    return loss, w1, w2


def network():
    loss, *weights = lecture()
    return loss(), *weights


def shared():
    """A graph in which several paths meet, and the leaf where they start."""
    a = leaf(0.7, "a")
    b = a * a
    return np.sin(b) * b + a, a


def diamonds(layers):
    """A graph in which each layer doubles the paths, and the leaf where they start."""
    y = x = leaf(0.9, "x")
    for _ in range(layers):
        y = y * 0.5 + np.sin(y)
    return y, x


def chain(length, function=np.tanh):
    y = leaf(0.5, "x")
    for _ in range(length):
        y = function(y)
    return y


def loop(steps, width=3):
    """A recurrence written out: h ← tanh(W·h + U·x + b)."""
    rng = np.random.default_rng(0)
    w, u = leaf(rng.normal(size=(width, width)), "W"), leaf(rng.normal(size=(width, 2)), "U")
    b, h = leaf(rng.normal(size=width), "b"), Tensor(np.zeros(width), name="h0")
    for t in range(steps):
        h = np.tanh(w @ h + u @ Tensor(rng.normal(size=2), name=f"x{t}") + b)
    return np.sum(h**2)


def blocks(functions, name="Block", size=3):
    """Scopes in a row, each with a function of the one before and a parameter of its own."""
    h = Tensor(np.ones(size), name="x")
    for i, function in enumerate(functions):
        with scope(name.format(i)):
            h = function(h * leaf(np.full(size, 0.5), f"{i}.weight")) + h
    return np.sum(h)


def encoder():
    """Three blocks in encoders, and one in a decoder."""
    h = Tensor(np.ones((2, 3)), name="x")
    for i in range(4):
        with scope("encoder" if i < 3 else "decoder"), scope(f"Block{i}"):
            h = np.tanh(h @ leaf(np.eye(3) * 0.5, f"{i}.weight")) + h
    return np.sum(h)


def numbers(count):
    rng = random.Random(0)
    return [leaf(rng.uniform(0.5, 1.5), f"a{i}") for i in range(count)]


def grown(operations, reach, step, leaves):
    """The results of operations without any order: each takes two of the last before it."""
    rng, found = random.Random(0), list(leaves)
    for i in range(operations):
        found.append(step(i, *rng.sample(found[-reach:], 2)))
    return found


def scrambled(operations):
    rng = random.Random(1)
    step = lambda _, a, b: rng.choice([a + b, a - b, np.tanh(a * b)])  # noqa: E731
    return sum(grown(operations, 30, step, numbers(10))[-5:])


# ---- what tests ask of a picture ----------------------------------------------------------------


def by_symbol(drawing):
    return {node.symbol: node for node in drawing.shown.nodes}


def marks(drawing):
    shown = drawing.shown
    return {node.symbol: shown.marks.get(node.key) for node in shown.nodes}


def whole(drawing):
    """What the page shows of it with all groups open."""
    return View(drawing.model, drawing.model.whole, is_page=True)


def array_of(numbers):
    return np.array(numbers.entries).reshape(numbers.shape)


def dense(shape, entries, **_):
    matrix = np.zeros(shape)
    matrix[tuple(entries[:2])] = entries[2]
    return matrix


def size(drawing):
    """The width and the height of a still picture, in points."""
    return [
        *map(float, re.search(r'width="([0-9.]+)pt" height="([0-9.]+)pt"', drawing.svg).groups())
    ]


def titles(drawing):
    return [box.heading for box in drawing.shown.boxes]


def frames(drawing):
    return [frame.heading for frame in drawing.shown.frames]


def check_quotient(drawing, nodes):
    """The edges of the picture are those of the graph, seen from outside its boxes."""
    keys = {node.tensor: node.key for node in drawing.shown.nodes}
    ends = Counter((edge.source, edge.target) for edge in drawing.shown.edges)
    between = Counter(
        (keys[parent], keys[node])
        for node in nodes
        for parent in node.parents
        if parent in keys and node in keys
    )
    assert all(ends[pair] == count for pair, count in between.items())
    if not drawing.shown.boxes:
        recorded = {keys[node] for node in nodes}
        assert sum(ends[pair] for pair in ends if pair[0] in recorded) == sum(between.values())
