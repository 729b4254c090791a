"""The sum over paths, compared with walks along each of them with derivatives by differences."""

import random
import re
from collections import Counter

import numpy as np
import pytest

from microgradnd import Tensor, gradients, history, no_grad, primitive, trace
from microgradnd.paths.local_derivatives import sparse_matrix
from microgradnd.paths.search import paths
from tests.draw.graphs import diamonds
from tests.numerical import leaf, outputs, slope
from tests.properties.programs import NUMPY, program_from


def named(tensor, name):
    tensor.name = name
    return tensor


softmax = primitive(
    lambda x: np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True),
    lambda g, y, x: y * (g - np.sum(g * y, axis=-1, keepdims=True)),
    name="softmax",
)
both = primitive(
    lambda x: (np.sin(x), x * x + 1), lambda g, y, x: g[0] * np.cos(x) + 2 * g[1] * x, name="both"
)


unrecorded = primitive(np.square, lambda g, y, x: 2 * np.array(g) * x)
unprobed = primitive(np.square, lambda g, y, x: 2 * np.asarray_chkfinite(g) * x)
repeated = primitive(lambda x: x + np.ones((3, 2, 2)), lambda g, y, x: g.sum(0), kind="elementwise")

# ---- every path, walked ---------------------------------------------------------------------------


def local_jacobian(node, position):
    """The derivatives of a node's entries with respect to one argument, by differences."""
    values = list(node.arrays[1:])
    x = np.array(values[position])

    def f(changed):
        values[position] = changed
        made = outputs(node.operation.function(*values, **node.keywords))
        return np.concatenate([np.ravel(part) for part in made])

    units = np.eye(x.size).reshape(-1, *x.shape)
    jacobian = np.stack([slope(f, [x], [unit])[0] for unit in units], axis=1)
    small = np.abs(jacobian) < 1e-7
    assert np.all(np.abs(jacobian[~small]) > 1e-5)  # or differences could not tell what is zero
    return np.where(small, 0, jacobian)


def every_path(loss, w, place):
    """All paths as pairs: the entries (Tensor, place in flat order) that it passes, its product."""
    edges = {}
    for node in history(loss):
        for position, argument in enumerate(node.arguments):
            if isinstance(argument, Tensor) and argument.requires_grad:
                jacobian = local_jacobian(node, position)
                for i, j in zip(*np.nonzero(jacobian), strict=True):
                    edges.setdefault((argument, j), []).append(((node, i), jacobian[i, j]))
    found, unfinished = [], [((w, place), (), 1.0)]
    while unfinished:
        entry, passed, product = unfinished.pop()
        if entry[0] is loss:
            found.append((passed, product))
        for after, derivative in edges.get(entry, ()):
            unfinished.append((after, (*passed, after), product * derivative))
    return found


MASK = np.array([[True, False], [False, True]])
ONE = [
    np.tanh, np.sin, softmax, np.transpose, unrecorded, unprobed,
    lambda x: repeated(x)[1],
    lambda x: x[[1, 1]],
    lambda x: np.maximum(x, 0.1),
    lambda x: np.cumsum(x, axis=0),
    lambda x: x.reshape(4)[::-1].reshape(2, 2),
    lambda x: np.sum(x, axis=1, keepdims=True) + np.zeros((2, 2)),
    lambda x: np.divide(*both(x)),
    lambda x: np.logaddexp(x, x.T),
]  # fmt: skip
TWO = [
    np.add, np.multiply,
    lambda a, b: a @ b / 2,
    lambda a, b: a / (b * b + 1),
    lambda a, b: a * b[0],
    lambda a, b: np.where(MASK, a, b),
    lambda a, b: np.concatenate([a, b])[1:3],
]  # fmt: skip


def random_graph(seed):
    rng = np.random.default_rng(seed)
    w = leaf(rng.uniform(0.3, 1, (2, 2)) * rng.choice([-1, 1], (2, 2)))
    values = [w]
    for _ in range(rng.integers(3, 7)):
        other = [] if rng.random() < 0.5 else [values[rng.integers(len(values))]]
        functions = TWO if other else ONE
        values.append(functions[rng.integers(len(functions))](values[-1], *other))
    last = np.sum(values[-1] * rng.uniform(0.5, 1, (2, 2)))
    return last + values[rng.integers(len(values))][0, 1], w, int(rng.integers(4))


def check_all_paths(seed):
    loss, w, place = random_graph(seed)
    expected = every_path(loss, w, place)
    story = paths(loss, w, divmod(place, 2), limit=7)
    products = np.array([product for _, product in expected])
    shown = [path.product for path in story.paths]
    close = 1e-7 * (1 + np.sum(np.abs(products)))
    assert story.count == len(expected)
    assert story.total == pytest.approx(np.sum(products), abs=close)
    assert story.rest == pytest.approx(np.sum(products) - sum(shown), abs=close)
    np.testing.assert_allclose(np.abs(shown), -np.sort(-np.abs(products))[:7], atol=close)
    there = Counter(passed for passed, _ in expected)
    by_entries = {passed: product for passed, product in expected if there[passed] == 1}
    for path in story.paths:
        flat = lambda step: np.ravel_multi_index(step.index, step.tensor.shape)  # noqa: E731
        passed = tuple((step.tensor, flat(step)) for step in path.steps)
        there[passed] -= 1
        assert there[passed] >= 0  # no path twice
        assert by_entries.get(passed, path.product) == pytest.approx(path.product, abs=close)
        assert path.product == pytest.approx(np.prod([step.derivative for step in path.steps]))
    return story.count


def test_the_paths_are_those_of_brute_force():
    counts = [check_all_paths(seed) for seed in range(60)]
    assert max(counts) > 80  # the graphs were interesting
    assert sum(count > 7 for count in counts) > 20  # the limit mattered
    assert 0 in counts or 1 in counts


# ---- sums and numbers of paths -------------------------------------------------------------------


MANY = (pytest.param(range(i, i + 100), marks=pytest.mark.heavy) for i in range(1000, 11000, 100))


@pytest.mark.parametrize("seeds", [range(200), *MANY], ids=str)
def test_totals_are_the_gradients_of_random_programs(seeds):
    for seed in seeds:
        program, rng = program_from(random.Random(seed)), np.random.default_rng(seed)
        leaves = [leaf(x) for x in program.inputs()]
        try:
            loss = program.total(leaves, NUMPY)
            leaves = [w for w in leaves if w in set(history(loss)) and w.size]
            expected = [gradients(loss, w).numpy() for w in leaves]
        except (TypeError, ValueError) as error:
            if re.search("would overwrite|are not determined", str(error)):
                continue
            raise
        for w, gradient in zip(leaves, expected, strict=True):
            index = tuple(int(rng.integers(size)) for size in w.shape)
            story = paths(loss, w, index, limit=3)
            scale = max(1, np.max(np.abs(gradient)))
            assert abs(story.total - gradient[index]) < 1e-9 * scale
            shown = [path.product for path in story.paths]
            scale += sum(map(abs, shown))
            assert abs(sum(shown) + story.rest - story.total) < 1e-9 * scale
            assert str(story)
            assert story.latex()


# What paths finds from the entry of x: the total and the number of paths.
M = [True, False]
ENTRIES = {
    "twice an argument": (lambda x: x[0] * x[0], 0, 2, 2),
    "one entry is as good as a scalar": (lambda x: np.reshape(np.sum(x**4), (1, 1)), -1, 32, 1),
    "blocked": (lambda x: np.sum(np.maximum(-x, 0)), 1, 0, 0),
    "not taken": (lambda x: np.sum(np.where(M, 0, np.log(x - 1))), 0, 0, 0),
    "taken beside what is not": (lambda x: np.sum(np.where(M, 0, np.log(x - 1))), 1, 1, 1),
    "the other one is infinite": (lambda x: np.sum(np.sqrt(x - 1)), 1, 0.5, 1),
    "several outputs": (lambda x: np.divide(*both(x))[1], 1, np.cos(2) / 5 - np.sin(2) / 25 * 4, 2),
}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize(("f", "index", "total", "count"), ENTRIES.values(), ids=ENTRIES)
def test_totals_and_counts(f, index, total, count):
    x = leaf([1.0, 2.0])
    story = paths(f(x), x, index)
    assert (story.total, story.count) == (pytest.approx(total), count)


def test_paths_are_sorted_and_start_anywhere():
    x = leaf(3.0)
    assert [path.product for path in paths(x * x + x, x).paths] == [3, 3, 1]
    h = x * x
    loss = h * h
    assert paths(loss, h).total == 18
    story, blocked = paths(loss, loss), paths(np.maximum(-x, 0), x)
    assert (story.total, story.count, story.paths[0].steps) == (1, 1, ())
    assert (blocked.paths, blocked.rest) == ([], 0)
    assert str(blocked) == "∂L/∂w₁ = 0: there is no path on which no local derivative is 0"
    assert blocked.latex().splitlines()[2] == "&= 0"
    # One logit is so large that 1 - y is 0 there: its own derivative is zero, the others are not.
    logits = leaf(np.tile([50.0, 0.0, 1.0], (8, 1)))  # many rows: entries are probed together
    loss = np.sum(softmax(logits) * np.array([2.0, 0.0, 0.0]))
    assert [paths(loss, logits, (5, i)).count for i in range(3)] == [0, 1, 1]


def test_contexts_other_arrays_and_later_changes_of_data_do_not_matter():
    values = np.random.default_rng(0).normal(size=(3, 4))
    lazy, found = pytest.importorskip("dask.array").from_array(values), []
    for data in (values, values.astype(np.float32), lazy):
        w = leaf(data)
        loss = np.mean(np.tanh(w @ w.T))
        w.data = values * 100
        for context in (no_grad(), trace()):
            with context:
                found.append(paths(loss, w, (1, 2)))
        assert w.grad is None
    assert {(story.count, type(story.total)) for story in found} == {(found[0].count, float)}
    assert [story.total for story in found] == pytest.approx([found[0].total] * 6, rel=1e-5)


@pytest.mark.parametrize("layers", [1, 133, 1000, pytest.param(25_000, marks=pytest.mark.heavy)])
def test_diamonds(layers):
    loss, x = diamonds(layers)
    story = paths(loss, x)
    assert story.count == 2**layers
    assert story.total == pytest.approx(gradients(loss, x).item())
    assert len({tuple(map(id, path.steps)) for path in story.paths}) == min(10, 2**layers)
    assert sum(path.product for path in story.paths) + story.rest == pytest.approx(story.total)
    if layers == 133:
        assert "the sum over 1.089e+40 paths" in str(story)
        assert r"1.089 \cdot 10^{40}\text{ more paths}" in story.latex()


def test_chains_of_any_depth():
    x = z = leaf(1.0)
    for _ in range(20_000):
        z = z * 1.0001
    story = paths(z, x)
    assert (story.count, len(story.paths[0].steps)) == (1, 20_000)
    assert story.total == pytest.approx(1.0001**20_000)
    assert f" {1.0001**19_988:.4g} " in str(story)
    assert "… 19,988 more factors …" in str(story)
    assert len(str(story)) < 2000


def test_limits_and_a_rest_that_is_precise_though_small():
    x = leaf([1.0, 2.0, 3.0])
    loss = np.sum(x * x) * np.sum(x)
    everything, nothing = paths(loss, x, 0, limit=100), paths(loss, x, 0, limit=0)
    assert (len(everything.paths), everything.count, everything.rest) == (3, 3, 0)
    assert (nothing.paths, nothing.rest) == ([], nothing.total)
    assert str(nothing).splitlines()[-1] == "∂L/∂w₁[0] = 26 (of 3 more paths)"
    one, two = (str(paths(loss, x, 0, limit=limit)) for limit in (1, 2))
    assert "the sum over 3 paths, of which this is the largest:" in one
    assert one.endswith("= 14 + 12 (of 2 more paths) = 26")
    assert two.endswith("+ 6 (of 1 more path) = 26")
    x = leaf(1.0)
    story = paths(x * 3.0 + x * 1e-30 + x * 2e-30, x, limit=1)
    assert (story.total, story.rest) == (3, pytest.approx(3e-30))


# ---- local derivatives ---------------------------------------------------------------------------

MATRICES = [  # and how many probes they may take
    (np.eye(1000), 25), (np.eye(1000)[::-1][:300], 25), (np.ones((20, 30)), 50),
    (np.kron(np.eye(64), np.ones((5, 8)) * np.arange(1, 9)), 30),
    (np.zeros((5, 9)), 16), (np.ones((1, 1)), 1), (np.zeros((0, 3)), 0),
    (np.random.default_rng(0).normal(size=(7, 5)) * (np.arange(35).reshape(7, 5) % 3 == 0), 12),
]  # fmt: skip


@pytest.mark.parametrize(("matrix", "most"), MATRICES)
def test_a_matrix_is_found_by_few_probes(matrix, most):
    probes = []

    def apply(v):
        probes.append(v)
        touched = np.isnan(v) @ (matrix != 0).T > 0
        return np.where(touched, np.nan, matrix @ np.nan_to_num(v))

    def one_by_one(v):
        assert np.count_nonzero(v) <= 1
        return matrix @ v

    refusing = lambda v: matrix @ np.asarray_chkfinite(v)  # noqa: E731
    for each in (one_by_one, refusing, apply)[matrix.size > 9000 :]:
        *places, values = sparse_matrix(each, *matrix.shape[::-1])
        found = np.zeros(matrix.shape)
        found[tuple(places)] = values
        np.testing.assert_array_equal(found, matrix)
        assert len(values) == np.count_nonzero(matrix)
    assert len(probes) <= most
