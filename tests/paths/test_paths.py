"""The sum over paths, compared with walks along each of them with derivatives by differences."""

import gc
import random
import re
import weakref
from collections import Counter

import numpy as np
import pytest

from microgradnd import Tensor, gradients, history, no_grad, primitive, scope, trace
from microgradnd.paths.local_derivatives import local_derivatives, sparse_matrix
from microgradnd.paths.search import paths
from tests.numerical import outputs, slope
from tests.properties.programs import NUMPY, program_from


def leaf(values, name=None):
    return Tensor(values, requires_grad=True, name=name)


def named(tensor, name):
    tensor.name = name
    return tensor


softmax = primitive(
    lambda x: np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True),
    lambda g, y, x: y * (g - np.sum(g * y, axis=-1, keepdims=True)),
    name="softmax",
)

both = primitive(
    lambda x: (np.sin(x), x * x + 1),
    lambda g, y, x: g[0] * np.cos(x) + 2 * g[1] * x,
    name="both",
)

# ---- brute force ---------------------------------------------------------------------------------


def local_jacobian(node, position):
    """The derivatives of a node's entries with respect to one argument, by differences."""
    values = list(node.arrays[1:])
    x = np.array(values[position])

    def f(changed):
        replaced = [*values[:position], changed, *values[position + 1 :]]
        made = outputs(node.operation.function(*replaced, **node.keywords))
        return np.concatenate([np.ravel(part) for part in made])

    units = np.eye(x.size).reshape(-1, *x.shape)
    jacobian = np.stack([slope(f, [x], [unit], step=1e-2)[0] for unit in units], axis=1)
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


def flat(step):
    return int(np.ravel_multi_index(step.index, step.tensor.shape)) if step.index else 0


MASK = np.array([[True, False], [False, True]])
ONE = [
    np.tanh, np.sin, softmax, np.transpose,
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
        if rng.random() < 0.5:
            values.append(ONE[rng.integers(len(ONE))](values[-1]))
        else:
            other = values[rng.integers(len(values))]
            values.append(TWO[rng.integers(len(TWO))](values[-1], other))
    loss = (
        np.sum(values[-1] * rng.uniform(0.5, 1, (2, 2))) + values[rng.integers(len(values))][0, 1]
    )
    return loss, w, int(rng.integers(4))


def check_all_paths(seed):
    loss, w, place = random_graph(seed)
    expected = every_path(loss, w, place)
    story = paths(loss, w, tuple(map(int, np.unravel_index(place, (2, 2)))), limit=7)

    products = np.array([product for _, product in expected])
    largest = -np.sort(-np.abs(products))[:7]
    close = 1e-7 * (1 + np.sum(np.abs(products)))
    assert story.count == len(expected)
    assert abs(story.total - np.sum(products)) < close
    np.testing.assert_allclose([abs(path.product) for path in story.paths], largest, atol=close)
    shown = sum(path.product for path in story.paths)
    assert abs(story.rest - (np.sum(products) - shown)) < close

    there = Counter(passed for passed, _ in expected)
    by_entries = {passed: product for passed, product in expected if there[passed] == 1}
    for path in story.paths:
        passed = tuple((step.tensor, flat(step)) for step in path.steps)
        assert there[passed] > 0
        there[passed] -= 1  # no path twice
        assert abs(by_entries.get(passed, path.product) - path.product) < close
        assert path.product == pytest.approx(np.prod([step.derivative for step in path.steps]))
    return story.count


def test_brute_force():
    counts = [check_all_paths(seed) for seed in range(60)]
    assert max(counts) > 80  # the graphs were interesting
    assert sum(count > 7 for count in counts) > 20  # the limit mattered
    assert 0 in counts or 1 in counts


# ---- sums ----------------------------------------------------------------------------------------


def check_random_program(seed):
    program = program_from(random.Random(seed))
    leaves = [leaf(x) for x in program.inputs()]
    try:
        loss = program.total(leaves, NUMPY)
        gradients(loss, [w for w in leaves if w in set(history(loss))])
    except (TypeError, ValueError) as error:
        if re.search("would overwrite|are not determined", str(error)):
            return
        raise
    rng = np.random.default_rng(seed)
    for w in leaves:
        if w not in set(history(loss)) or not w.size:
            continue
        index = tuple(int(rng.integers(size)) for size in w.shape)
        gradient = gradients(loss, w).numpy()
        story = paths(loss, w, index, limit=3)
        scale = max(1, np.max(np.abs(gradient)))
        assert abs(story.total - gradient[index]) < 1e-9 * scale
        shown = [path.product for path in story.paths]
        scale += sum(map(abs, shown))
        assert abs(sum(shown) + story.rest - story.total) < 1e-9 * scale
        assert str(story)
        assert story.latex()


def test_totals_are_the_gradients_of_random_programs():
    for seed in range(200):
        check_random_program(seed)


@pytest.mark.heavy
@pytest.mark.parametrize("start", range(1000, 11000, 100))
def test_totals_are_the_gradients_of_many_random_programs(start):
    for seed in range(start, start + 100):
        check_random_program(seed)


# What paths finds from the entry of x: the total and the number of paths.
M = [True, False]
ENTRIES = {
    "twice an argument": (lambda x: x[0] * x[0], 0, 2, 2),
    "and a third time": (lambda x: x[0] * x[0] * x[0], 0, 3, 3),
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
    story = paths(loss, loss)
    assert (story.total, story.count, story.paths[0].steps) == (1, 1, ())
    blocked = paths(np.maximum(-x, 0), x)
    assert (blocked.paths, blocked.rest) == ([], 0)
    assert str(blocked) == "∂L/∂w = 0: there is no path on which no local derivative is 0"
    assert blocked.latex().splitlines()[2] == "&= 0"


def test_infinite_derivatives_are_refused_by_name():
    x = leaf([0.0, 4.0])
    with pytest.raises(FloatingPointError, match=r"sqrt: .* derivative of entry \(0,\).*inf"):
        paths(np.sum(np.sqrt(x)), x, 0)


def test_what_is_zero_in_a_saturated_softmax():
    # One logit is so large that 1 - y is 0 there: its own derivative is zero, the others are not.
    x = leaf([50.0, 0.0, 1.0])
    y = np.exp(x.numpy() - 50)
    y /= y.sum()
    loss = softmax(x)[0] * 2
    assert 1 - y[0] == 0
    assert [paths(loss, x, i).count for i in range(3)] == [0, 1, 1]
    assert paths(loss, x, 2).total == pytest.approx(-2 * y[0] * y[2])
    tall = leaf(np.stack([x.numpy()] * 8))  # many rows, so that entries are probed together
    loss = np.sum(softmax(tall) * np.array([2.0, 0.0, 0.0]))
    assert [paths(loss, tall, (5, i)).count for i in range(3)] == [0, 1, 1]


def test_changes_of_data_and_contexts_do_not_matter():
    w = leaf([1.0, 2.0])
    loss = np.sum(w**3)
    w.data[...] = 100.0
    for context in (no_grad(), trace()):
        with context:
            assert paths(loss, w, 1).total == 12
    assert w.grad is None


def test_other_arrays():
    values = np.random.default_rng(0).normal(size=(3, 4))

    def story(w):
        return paths(np.mean(np.tanh(w @ w.T)), w, (1, 2))

    expected, narrow = story(leaf(values)), story(leaf(values.astype(np.float32)))
    assert narrow.total == pytest.approx(expected.total, rel=1e-5)
    assert type(narrow.total) is float
    lazy = story(leaf(pytest.importorskip("dask.array").from_array(values)))
    assert (lazy.total, lazy.count) == pytest.approx((expected.total, expected.count))


# ---- numbers of paths ----------------------------------------------------------------------------


def diamonds(layers):
    x = z = leaf(1.0)
    for _ in range(layers):
        z = np.sin(z) + z / 2
    return z, x


@pytest.mark.parametrize("layers", [1, 2, 133, 1000])
def test_diamonds(layers):
    loss, x = diamonds(layers)
    story = paths(loss, x)
    assert story.count == 2**layers
    assert story.total == pytest.approx(gradients(loss, x).item())
    assert len(story.paths) == min(10, 2**layers)
    assert sum(path.product for path in story.paths) + story.rest == pytest.approx(story.total)


def test_counts_are_exact():
    x = z = leaf(1.0)
    for _ in range(300):
        z = 0.3 * z + 0.3 * z + 0.3 * z
    story = paths(z, x)
    assert (story.count, story.total) == (3**300, pytest.approx(0.9**300))
    assert len({tuple(map(id, path.steps)) for path in story.paths}) == 10
    rng = np.random.default_rng(0)
    h = x = leaf(rng.normal(size=10))
    for _ in range(41):
        h = rng.normal(size=(10, 10)) / 3 @ h
    story = paths(np.sum(h), x, 0)
    assert story.count == 10**41
    assert "the sum over 1.000e+41 paths" in str(story)
    assert r"1.000 \cdot 10^{41}\text{ more paths}" in story.latex()


def test_chains_of_any_depth():
    x = z = leaf(1.0)
    for _ in range(20_000):
        z = z * 1.0001
    story = paths(z, x)
    assert story.count == 1
    assert story.total == pytest.approx(1.0001**20_000)
    assert len(story.paths[0].steps) == 20_000
    assert "… 19,988 more factors …" in str(story)
    assert f" {1.0001**19_988:.4g} " in str(story)
    assert len(str(story)) < 2000


@pytest.mark.heavy
def test_a_deep_chain_of_diamonds():
    loss, x = diamonds(25_000)
    assert paths(loss, x, limit=2).count == 2**25_000


def test_a_weight_of_the_digit_recogniser():
    rng, batch = np.random.default_rng(0), 10
    digits = rng.uniform(0.1, 1, (batch, 784))
    hidden, output = leaf(rng.normal(size=(30, 784)) / 28), leaf(rng.normal(size=(10, 30)))
    right = np.eye(10)[rng.integers(10, size=batch)]
    activations = 1 / (1 + np.exp(-(digits @ hidden.T)))
    loss = np.mean(np.sum((softmax(activations @ output.T) - right) ** 2, axis=1))
    story = paths(loss, hidden, (3, 400))
    assert story.count == batch * 10 * 10  # through every logit and every entry of the softmax
    assert story.total == pytest.approx(gradients(loss, hidden).numpy()[3, 400])
    assert paths(loss, output, (7, 3)).count == batch * 10


def test_limits_and_a_rest_that_is_precise_though_small():
    x = leaf([1.0, 2.0, 3.0])
    loss = np.sum(x * x) * np.sum(x)
    everything, nothing = paths(loss, x, 0, limit=100), paths(loss, x, 0, limit=0)
    assert (len(everything.paths), everything.count, everything.rest) == (3, 3, 0)
    assert (nothing.paths, nothing.rest) == ([], nothing.total)
    assert str(nothing).splitlines()[-1] == "∂L/∂w[0] = 26 (of 3 more paths)"
    x = leaf(1.0)
    story = paths(x * 3.0 + x * 1e-30 + x * 2e-30, x, limit=1)
    assert story.total == 3
    assert story.rest == pytest.approx(3e-30)


# ---- local derivatives ---------------------------------------------------------------------------


MATRICES = [  # and how many probes they may take
    (np.eye(1000), 25),
    (np.eye(1000)[::-1][:300], 25),
    (np.kron(np.eye(64), np.ones((5, 8)) * np.arange(1, 9)), 30),
    (np.ones((20, 30)), 50),
    (np.zeros((5, 9)), 16),
    (np.ones((1, 1)), 1),
    (np.zeros((0, 3)), 0),
    (np.random.default_rng(0).normal(size=(7, 5)) * (np.arange(35).reshape(7, 5) % 3 == 0), 12),
]


@pytest.mark.parametrize(("matrix", "most"), MATRICES)
def test_a_matrix_is_found_by_few_probes(matrix, most):
    probes = 0

    def apply(v):
        nonlocal probes
        probes += 1
        touched = np.isnan(v) @ (matrix != 0).T > 0
        return np.where(touched, np.nan, matrix @ np.nan_to_num(v))

    rows, columns, values = sparse_matrix(apply, matrix.shape[1], matrix.shape[0])
    found = np.zeros(matrix.shape)
    found[rows, columns] = values
    np.testing.assert_array_equal(found, matrix)
    assert len(rows) == np.count_nonzero(matrix)
    assert probes <= most


CALLS = [
    lambda x: x @ np.arange(1.0, 13).reshape(3, 4),
    lambda x: np.sum(x, axis=0),
    lambda x: np.tile(x, (2, 3)),
    lambda x: np.maximum(x, 0.5),
    lambda x: np.add(x, np.ones((4, 2, 3))),
    lambda x: np.max(x, axis=1),
    lambda x: np.einsum("ij,kj->ik", x, np.ones((4, 3))),
    softmax,
    primitive(lambda x: x * x, lambda g, y, x: 2 * np.array(g) * x),  # not to be recorded
    primitive(lambda x: x + np.ones((5, 2, 3)), lambda g, y, x: g.sum(0), kind="elementwise"),
]


@pytest.mark.parametrize("live", [[0], [1, 4], [0, 1, 2, 3, 4, 5]])
@pytest.mark.parametrize("f", CALLS)
def test_local_derivatives(f, live):
    x = leaf(np.random.default_rng(0).uniform(0.1, 1, (2, 3)))
    y = f(x)
    expected = local_jacobian(y, 0)[:, live]
    outputs_found, places, values = local_derivatives(y, 0, np.array(live))
    found = np.zeros(expected.shape)
    found[outputs_found, places] = values
    np.testing.assert_allclose(found, expected, atol=1e-8)
    assert len(values) == np.count_nonzero(expected)


# ---- the worked example of the lecture -----------------------------------------------------------

W1 = np.array(
    [[0.1, 0.3, 0.8, -0.4], [-0.3, -0.2, 0.5, 0.5], [-0.3, 0, 0.5, 0.4], [0.2, 0.5, -0.9, 0.7]]
)
W2 = np.array([[0.5, 0.8, 0.2, 0.4], [0.5, 0.2, 0.3, -0.5]])
X, Y = np.array([2.0, 5.0, 3.0, 3.0]), np.array([1.0, 0.0])


def lecture(last):
    """h = σ(W₁x), ŷ = softmax(W₂h), L = Σ(y - ŷ)², as the slides have it."""
    w1, w2 = leaf(W1, "W1"), leaf(W2, "W2")
    h = named(1 / (1 + np.exp(-named(w1 @ X, "a1"))), "h")
    prediction = named(last(named(w2 @ h, "a2")), "ŷ")
    return np.sum((Y - prediction) ** 2), w1, w2


def spelled_out(a):
    powers = named(np.exp(a), "e")
    return powers / named(np.sum(powers), "s")


def test_how_an_operation_is_spelled_decides_its_paths():
    loss, w1, w2 = lecture(spelled_out)
    last, first = paths(loss, w2, (0, 1)), paths(loss, w1, (2, 0))
    assert (last.count, first.count) == (3, 6)
    assert (last.total, first.total) == pytest.approx((-0.13038, 0.00316), abs=1e-5)
    loss, w1, w2 = lecture(softmax)
    assert (paths(loss, w2, (0, 1)).count, paths(loss, w1, (2, 0)).count) == (2, 4)
    assert paths(loss, w1, (2, 0)).total == pytest.approx(first.total)
    assert str(last) == (
        "∂L/∂W₂[0,1] is the sum over 3 paths:\n"
        "\n"
        "  1.  ∂L/∂ŷ[0] · ∂ŷ[0]/∂e[0] · ∂e[0]/∂a₂[0] · ∂a₂[0]/∂W₂[0,1]\n"
        "      -0.4593  ·   0.1469    ·    5.246     ·     0.8022      = -0.2838\n"
        "  2.  ∂L/∂ŷ[0] · ∂ŷ[0]/∂s · ∂s/∂e[0] · ∂e[0]/∂a₂[0] · ∂a₂[0]/∂W₂[0,1]\n"
        "      -0.4593  · -0.1131  ·    1     ·    5.246     ·     0.8022      = 0.2187\n"
        "  3.  ∂L/∂ŷ[1] · ∂ŷ[1]/∂s · ∂s/∂e[0] · ∂e[0]/∂a₂[0] · ∂a₂[0]/∂W₂[0,1]\n"
        "       0.4593  · -0.03373 ·    1     ·    5.246     ·     0.8022      = -0.06519\n"
        "\n"
        "∂L/∂W₂[0,1] = -0.2838 + 0.2187 - 0.06519 = -0.1304"
    )


# ---- names and writing ---------------------------------------------------------------------------


def names(story):
    return [step.name for step in story.paths[0].steps]


def test_names_come_from_the_user_then_scope_and_function():
    w = leaf(0.5)
    with scope("encoder"), scope("deep"):
        a = np.tanh(w)
    story = paths(named(np.tanh(np.tanh(a)), "b") * 2, w)
    assert [story.start.name, *names(story)] == ["w", "encoder.deep.tanh", "tanh", "b", "L"]


def test_names_are_unique_and_the_same_in_every_story_of_a_loss():
    u, v = leaf(0.5, "x"), leaf(0.7, "x")
    taken = named(np.log2(np.tanh(u) + np.tanh(v)), "tanh1")
    loss = np.log2(np.log2(taken + 9))
    rest = ["add1", "tanh1", "add2", "log2", "L"]
    for number, start in enumerate((u, v), 1):
        story = paths(loss, start)
        assert [story.start.name, *names(story)] == [f"x{number}", f"tanh{number + 1}", *rest]
    twice = paths(np.log2(np.log2(np.log2(u + 2))) + 1, u)
    assert names(twice)[1:4] == ["log2_1", "log2_2", "log2_3"]
    assert "∂log2₃/∂log2₂" in str(twice)
    assert r"\mathrm{log2}_{3}" in twice.latex()


# Entries without names are written where paths part or meet, and those that are only rearranged
# are not.
WRITTEN = [
    (lambda x: np.sum(np.exp(np.sin(x))), "∂L/∂exp[0] · ∂exp[0]/∂sin[0] · ∂sin[0]/∂x[0]"),
    (lambda x: np.sum(named(np.exp(np.sin(x)), "h")), "∂L/∂h[0] · ∂h[0]/∂x[0]"),
    (lambda x: np.sum(named(np.exp(y := np.sin(x)) * y, "h")), "∂h[0]/∂sin[0] · ∂sin[0]/∂x[0]"),
    (lambda x: np.sum(named(np.exp(np.sin(x) + np.cos(x)), "h")), "∂h[0]/∂add[0] · ∂add[0]/∂x[0]"),
    (lambda x: np.exp(np.sin(x[None].T)[0, 0]), "∂L/∂sin[0,0] · ∂sin[0,0]/∂x[0]"),
    (lambda x: np.exp(named(x[None].T, "turned")[0, 0]), "∂turned[0,0]/∂x[0]"),
]


@pytest.mark.parametrize(("f", "text"), WRITTEN)
def test_which_entries_are_written(f, text):
    x = leaf([0.5, 0.25], "x")
    story = paths(f(x), x, 0)
    assert text in str(story)
    assert (story.start.tensor, story.start.index, story.end.index) == (x, (0,), ())
    assert story.paths[0].steps[-1].tensor is story.end.tensor


def test_lines_stay_short_and_numbers_stand_below_their_factors():
    x = leaf(np.full((2, 2), 0.5), "a rather long name")
    h = x
    for i in range(9):
        h = named(np.sin(h), f"layer {i}")
    text = str(paths(np.sum(h), x, (1, 0)))
    rows = text.splitlines()[2:-2]
    assert all(len(row) <= 115 for row in rows)
    for above, below in zip(rows[::2], rows[1::2], strict=True):
        dots = [i for i, c in enumerate(above) if c == "·"]
        assert all(below[i] == "·" for i in dots)


def test_wide_letters_and_accents_are_measured():
    x = leaf([0.5], "日本")
    h = named(np.sin(x), "x\u0302")
    rows = str(paths(np.sum(h) * 2, x, 0)).splitlines()
    assert rows[2] == "  1.  ∂L/∂x\u0302[0] · ∂x\u0302[0]/∂日本[0]"
    assert rows[3] == "         2     ·     0.8776     = 1.755"


HOSTILE = r"""a<img src=x onerror=alert(1)>&lt;$1${}%#_^~\end{aligned}\input" """ + "\n\x00\x1b[31m"


def test_hostile_names():
    x = leaf([0.5, 2.0], HOSTILE)
    with scope("<b>"):
        h = np.tanh(x)
    story = paths(named(np.sum(h * h), "L"), x, 0)
    text = str(story)
    assert not {"\x00", "\x1b"} & set(text)
    assert len(text.splitlines()) < 14
    latex = story.latex()
    bare = re.sub(r"\\[{}$&#%_ ]", "", latex)  # what is escaped does nothing
    assert not set("$%#~^") & set(bare)
    assert bare.count("{") == bare.count("}")
    assert re.findall(r"\\end\b", latex) == [r"\end"]
    assert r"\input" not in latex
    assert not re.search("<[a-zA-Z/!?]|&[a-zA-Z#]", latex)  # neither a tag nor an entity
    assert story._repr_latex_() == rf"$\displaystyle {latex}$"


def test_latex():
    x = leaf([[0.5, 2.0]], "W_1")
    y = named(np.sin(x), "ŷ")
    assert paths(np.sum(y) * 1e-7, x, (0, 1)).latex() == (
        "\\begin{aligned}\n"
        "\\frac{\\partial L}{\\partial W_{1}[0,1]}\n"
        "&= \\underbrace{\\frac{\\partial L}{\\partial \\hat{y}[0,1]}}_{1 \\cdot 10^{-7}} \\cdot "
        "\\underbrace{\\frac{\\partial \\hat{y}[0,1]}{\\partial W_{1}[0,1]}}_{-0.4161} \\\\\n"
        "&= -4.161 \\cdot 10^{-8}\n"
        "\\end{aligned}"
    )


# ---- what it asks for, and what it leaves behind -------------------------------------------------


ERRORS = [
    (lambda x, y, loss: paths(y, x, 0), ValueError, r"multiply has shape \(2,\): reduce it"),
    (lambda x, y, loss: paths(2.0, x, 0), TypeError, "loss must be a Tensor, got float"),
    (lambda x, y, loss: paths(loss, np.ones(2), 0), TypeError, "w must be a Tensor, got ndarray"),
    (lambda x, y, loss: paths(loss, leaf(1.0)), ValueError, "does not depend on this Tensor"),
    (lambda x, y, loss: paths(x[0], y, 0), ValueError, "getitem does not depend on"),
    (lambda x, y, loss: paths(loss, Tensor(1.0)), ValueError, "does not require a gradient"),
    (lambda x, y, loss: paths(loss, x), IndexError, r"'x' has shape \(2,\).*no entry \(\)"),
    (lambda x, y, loss: paths(loss, x, (0, 1)), IndexError, r"no entry \(0, 1\)"),
    (lambda x, y, loss: paths(loss, x, 2), IndexError, "there is no entry 2"),
    (lambda x, y, loss: paths(loss, x, -3), IndexError, "there is no entry -3"),
    (lambda x, y, loss: paths(loss, x, slice(1)), TypeError, "one entry, got slice"),
    (lambda x, y, loss: paths(loss, x, 0.0), TypeError, "one entry, got 0.0"),
    (lambda x, y, loss: paths(loss, x, True), TypeError, "one entry, got True"),
    (lambda x, y, loss: paths(loss, x, 0, limit=-1), ValueError, "0 or more, got -1"),
    (lambda x, y, loss: paths(loss, x, 0, limit=1.5), TypeError, "float"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    x = leaf([1.0, 2.0], "x")
    y = x * x
    with pytest.raises(error, match=message):
        call(x, y, np.sum(y))


def test_indices_are_numpys():
    x = leaf(np.arange(1.0, 7).reshape(2, 3))
    assert paths(np.sum(x * x), x, (np.int64(1), -1)).start.index == (1, 2)


def test_a_story_leaves_no_cycles():
    gc.collect()
    gc.disable()
    try:
        x = leaf([1.0, 2.0])
        loss = np.sum(np.tanh(x) @ np.ones((2, 3)))
        story = paths(loss, x, 0)
        seen = weakref.ref(loss)
        del loss, story
        assert seen() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_rule_that_refuses_nan_is_probed_entry_by_entry():
    def rule(g, y, x):
        if not np.isfinite(g).all():
            raise ValueError("expected finite entries")
        return 2 * np.array(g) * x

    x = leaf([1.0, 2.0, 3.0])
    picky = primitive(np.square, rule, name="picky")
    assert [paths(np.sum(picky(x)), x, i).total for i in range(3)] == [2, 4, 6]
