"""Derived source agrees with backward() on other values: layers, losses, and random programs."""

import itertools
import random

import numpy as np
import pytest

import nn
from microgradnd import Tensor, derive
from microgradnd.program.value import NotDerivableError
from tests.engine import cases, cases_of_compositions
from tests.nn import kinds
from tests.nn.layer_checks import leaves
from tests.numerical import outputs
from tests.properties.programs import NUMPY, program_from

RNG = np.random.default_rng(1)


def leaf(*shape, name=None, requires_grad=True):
    return Tensor(RNG.normal(size=shape), requires_grad=requires_grad, name=name)


def run(answer, **values):
    """What the source computes where there is nothing else."""
    made = {}
    exec(answer.source, made)
    with np.errstate(all="ignore"):
        return made["gradients"](**{**answer.values, **values})


def check(loss, leaves, traced, tolerance=1e-12, moved=None):
    """The source agrees with backward(), also after the leaves have changed: moved, or made smaller."""
    nn.manual_seed(3)
    answer = derive(loss) if traced else derive(loss(), [t for t in leaves if t.requires_grad])
    lines = answer.source.partition(":\n")[2].count("\n") - 1
    assert answer.latex.count("\n") - 1 == lines  # a formula for each line
    free = {id(t): t for t in leaves}
    arguments = {}  # each has the values of one of the leaves
    for name, array in answer.values.items():
        alike = [key for key, t in free.items() if np.array_equal(t.numpy(), array)]
        if alike:  # no constant
            arguments[name] = free.pop(alike[0])
    for _ in range(2):
        for t in arguments.values():
            changed = t.data * RNG.uniform(0.5, 1, t.shape)
            t.data = changed if moved is None else t.data + moved * RNG.normal(size=t.shape)
            t.zero_grad()
        nn.manual_seed(3)
        with np.errstate(all="ignore"):
            expected = loss()
            expected.backward()
        slopes = {
            name: np.zeros_like(t.data) if t.grad is None else t.grad
            for name, t in arguments.items()
        }
        if moved and not all(np.isfinite(slope).all() for slope in slopes.values()):
            return  # moved to where there is no logarithm, say
        found = run(answer, **{name: t.numpy() for name, t in arguments.items()})
        np.testing.assert_allclose(
            found.pop("L"), expected.numpy(), tolerance, tolerance if moved else 0
        )
        assert len(found) == sum(t.requires_grad for t in arguments.values())
        sizes = [np.max(np.abs(slope), initial=1) for slope in slopes.values()]
        for name, gradient in found.items():
            exact = slopes[name[1:]]
            size = max(sizes) if moved else np.max(np.abs(exact), initial=1)
            assert np.asarray(gradient).dtype == exact.dtype
            np.testing.assert_allclose(gradient, exact, 0, tolerance * size)


MODES = pytest.mark.parametrize("traced", [False, True], ids=["recorded", "traced"])

# ---- networks ------------------------------------------------------------------------------------


SINGLE = ["LSTM", "LocalResponseNorm", "BatchNorm1d", "Conv2d, padded"]


@MODES
@pytest.mark.parametrize("name", [*kinds.LAYERS, *(f"{name} in float32" for name in SINGLE)])
def test_layers(name, traced):
    name, _, dtype = name.partition(" in ")
    layer, (x, *others) = kinds.layer(name)
    x = Tensor(x.astype(dtype or float), requires_grad=True, name="x")
    layer.to(x.dtype)
    squashed = lambda: sum(np.sum(np.tanh(y) ** 2) for y in leaves(layer(x, *others)))  # noqa: E731
    check(squashed, [x, *layer.parameters()], traced, 1e-4 if dtype else 1e-12)


@MODES
@pytest.mark.parametrize("name", kinds.LOSSES)
def test_losses(name, traced):
    loss, x, target = kinds.loss(name)
    x = Tensor(x, requires_grad=True, name="x")
    anywhere = 1.0 if "of scores" in name else None  # others must be probabilities, say
    check(lambda: loss(x * 0.9, target), [x], traced, moved=anywhere)


@MODES
@pytest.mark.parametrize("padding", [None, 1])
def test_embeddings(padding, traced):
    words = nn.Embedding(7, 4, padding_idx=padding)
    numbers = np.array([[1, 2, 2], [0, 6, 1]])
    check(lambda: np.sum((words(numbers) + 1) ** 3), list(words.parameters()), traced)


# ---- shapes that agree by accident ---------------------------------------------------------------

BESIDE = [np.greater, np.minimum, np.multiply, np.divide, np.copysign]
ALONG_ROWS = [np.sum, np.prod, np.max, np.min, np.any, np.mean, np.std]


@pytest.mark.parametrize("f", BESIDE)
@pytest.mark.parametrize("g", ALONG_ROWS)
def test_what_is_made_of_rows_is_not_taken_for_that_of_columns(f, g):
    for size in (2, 2, 2, 12):
        x, y = (Tensor(RNG.uniform(1, 2, (size, size)), name=name) for name in "xy")
        w = leaf(size, size, name="w")
        kept = lambda w, x, y: np.sum(w * f(x, g(y, axis=1, keepdims=True)))  # noqa: E731
        put = lambda w, x, y: np.sum(w * f(x, np.expand_dims(g(y, axis=1), 1)))  # noqa: E731
        values = {"x": RNG.normal(size=x.shape), "y": RNG.normal(size=x.shape)}
        expected = f(values["x"], g(values["y"], axis=1, keepdims=True))
        for each in kept, put:
            found = run(derive(each, w, x, y), **values)
            np.testing.assert_allclose(found["dw"], expected, 1e-12)


@pytest.mark.parametrize("dtype", [bool, np.uint8, int, np.float32, complex])
@pytest.mark.parametrize("function", [lambda a, b: a.T * b, lambda a, b: a[0] * b[:, :1]])
def test_symmetric_arguments(function, dtype):
    w, equal = leaf(2, 2, name="w"), np.zeros((2, 2), dtype)
    answer = derive(lambda w, a, b: np.sum(w * np.abs(function(a, b))), w, equal, equal)
    a, b = (RNG.integers(0, 9, (2, 2)).astype(dtype) for _ in range(2))
    expected = np.abs(function(a, b)).astype(float)
    np.testing.assert_allclose(run(answer, a=a, b=b)["dw"], expected, 1e-6)


# ---- choices that are made from data -------------------------------------------------------------

OTHERS = {
    "order": lambda x: x.reshape(-1)[::-1].reshape(x.shape),
    "signs": np.negative,
    "jumps": lambda x: 3 * x,
    "ties": lambda x: np.round(2 * x) / 2,
    "zeros": lambda x: x * (np.arange(x.size).reshape(x.shape) % 2),
    "nan": lambda x: np.where(np.arange(x.size).reshape(x.shape) % 3, x, np.nan),
    "one value": lambda x: np.full_like(x, 1.5),
}
# The call itself has a mask of the data, or its data decide which entries there are.
RECORDED = {
    "where", "select", "extract", "piecewise", "trim_zeros", "nanmedian", "nanquantile",
    "nanpercentile", "unique", "unique_values", "unique_all", "unique_counts", "unique_inverse",
    "union1d", "setdiff1d", "setxor1d", "intersect1d",
}  # fmt: skip


@np.errstate(all="ignore")
@pytest.mark.filterwarnings("ignore:.*(empty|All-NaN|Degrees of freedom)")
@pytest.mark.parametrize("case", [*cases.CASES, *cases_of_compositions.CASES], ids=repr)
def test_choices_are_made_again_or_said_to_be_recorded(case):
    weights = [
        Tensor(np.cos(np.arange(y.size) + 1.0).reshape(y.shape), name=f"u{i}")
        for i, y in enumerate(outputs(case.call(*map(Tensor, case.inputs))))
    ]

    def loss_at(inputs):
        xs = [Tensor(x, requires_grad=True, name=f"x{i}") for i, x in enumerate(inputs)]
        made = outputs(case.call(*xs))
        if [y.shape for y in made if isinstance(y, Tensor)] != [u.shape for u in weights]:
            raise ValueError("data decide what is returned")
        pairs = zip(made, weights, strict=True)
        return xs, sum(np.sum(y * u) for y, u in pairs if y.requires_grad)

    xs, loss = loss_at(case.inputs)
    try:
        answer = derive(loss, xs)
    except NotDerivableError:
        return
    for change in OTHERS.values():
        inputs = list(map(change, case.inputs))
        try:
            others, loss = loss_at(inputs)
            loss.backward()
        except (ArithmeticError, TypeError, ValueError):  # not everywhere defined
            continue
        exact = [loss.numpy(), *(0 if x.grad is None else x.grad for x in others)]
        if not all(np.isfinite(each).all() for each in exact):
            continue
        try:
            found = answer(**{x.name: value for x, value in zip(xs, inputs, strict=True)})
        except np.linalg.LinAlgError:  # the slope of a determinant divides by it
            continue
        size = max(1, *(np.max(np.abs(each), initial=0) for each in exact))
        near = [
            np.allclose(mine, theirs, 1e-8, 1e-8 * size)
            for mine, theirs in zip(found.values(), exact, strict=True)
        ]
        said = case.name.partition("-")[0] in RECORDED and "as recorded" in answer.source
        assert said or all(near)


# ---- programs ------------------------------------------------------------------------------------


def check_program(seed, traced):
    drawn = (program_from(random.Random(seed + 10_000 * k)) for k in itertools.count())
    program = next(program for program in drawn if not program.tied)  # at kinks rounding decides
    leaves = [Tensor(x, requires_grad=True, name=f"x{k}") for k, x in enumerate(program.inputs())]
    moved = 0.1 if traced else 1e-6  # choices that were recorded stay
    check(lambda: program.total(leaves, NUMPY), leaves, traced, moved=moved)


@MODES
@pytest.mark.parametrize("seed", range(20))
def test_random_programs(seed, traced):
    check_program(seed, traced)


@pytest.mark.heavy
@MODES
@pytest.mark.parametrize("start", range(100, 1100, 50))
def test_many_random_programs(start, traced):
    for seed in range(start, start + 50):
        check_program(seed, traced)
