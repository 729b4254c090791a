"""The corners in which a gradient could be wrong in silence: each is right, or refused by name."""

import contextlib
import inspect
import itertools
import warnings

import numpy as np
import pytest

from microgradnd import (
    Tensor,
    grad,
    hessian,
    jvp,
    no_grad,
    primitive,
    scope,
    value_and_grad,
    vjp,
)
from microgradnd.context import current
from microgradnd.table import table
from tests.numerical import leaf

UFUNCS = [key for key in table if isinstance(key, np.ufunc) and vars(np).get(key.__name__) is key]
UNARY = [ufunc for ufunc in UFUNCS if "d->d" in ufunc.types]
BINARY = [ufunc for ufunc in UFUNCS if "dd->d" in ufunc.types and not ufunc.signature]
DTYPES = [bool, np.uint8, np.int8, np.uint16, np.int32, np.int64, np.float16, np.float32]


def gradient(f, *arguments):
    """The gradient of the sum of f with respect to the first argument."""
    with np.errstate(all="ignore"):
        return grad(lambda *a: np.sum(f(*a)))(*arguments)


# ---- operands of other dtypes --------------------------------------------------------------------


COMPOSED = [
    lambda x, c: np.interp(x, np.sort(c), c), lambda x, c: np.interp(x, np.sort(c), c, period=3),
    np.gradient, np.trapezoid,
]  # fmt: skip
PAIRS = [*itertools.product(BINARY, DTYPES), *itertools.product(COMPOSED, DTYPES[1:])]


@pytest.mark.parametrize(("function", "dtype"), PAIRS, ids=lambda x: x.__name__)
def test_an_operand_of_a_small_dtype_counts_as_its_value(function, dtype):
    values = np.array([0.5, 1.5, 2.5, 0.25])
    operand = np.array([1, 100, 2, 0]).astype(dtype)
    for f in (function, lambda x, c: function(c, x))[: 1 + (function in BINARY)]:
        with np.errstate(all="ignore"):
            expected = f(values, operand.astype(float))
            np.testing.assert_allclose(f(leaf(values), operand).numpy(), expected)
        expected = gradient(f, values, operand.astype(float))
        np.testing.assert_allclose(gradient(f, values, operand), expected, rtol=1e-12)
        if function in BINARY and np.dtype(dtype).kind == "f":  # a Tensor mixed with float64
            small = leaf(operand)
            with np.errstate(all="ignore"):
                np.sum(f(leaf(values), small)).backward()
                wide = gradient(lambda c, x, f=f: f(x, c), operand.astype(float), values)
                np.testing.assert_allclose(small.grad, wide.astype(dtype), rtol=1e-3)
            assert small.grad.dtype == dtype


@pytest.mark.parametrize("ufunc", UNARY, ids=lambda ufunc: ufunc.__name__)
def test_float16_gradients_are_those_of_float64_wherever_float16_can_hold_them(ufunc):
    values = np.array([1e-3, 0.1, 0.5, 0.9, 1.5, 10, 300, 2000, -0.5, -20, -300], np.float16)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        output, exact = ufunc(values), gradient(ufunc, values.astype(float))
        fits = np.isfinite(output) & (np.abs(exact) < 6e4) & (np.abs(exact) > 1e-6)
        small = ufunc(values) == 0
        found = gradient(ufunc, values)
    where = fits & ~small
    if ufunc not in (np.tan, np.tanh, np.expm1, np.spacing, np.cbrt):  # 1 - y² loses digits
        np.testing.assert_allclose(found[where], exact[where], rtol=0.02)


BESIDE = np.zeros((5000, 3), np.float16)


@pytest.mark.parametrize(
    "f", [np.mean, np.std, np.var, np.sum, lambda x: np.sum(BESIDE + x[:3], dtype=float)]
)
def test_reductions_of_many_float16(f):
    values = (np.arange(70_000) % 7).astype(np.float16)
    expected = gradient(f, values.astype(float))
    np.testing.assert_allclose(gradient(f, values), expected, rtol=2e-3, atol=6e-8)


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda a: np.arctan2(a, np.float16(300)), np.float16(300), 1 / 600),
        (lambda a: np.arctan2(a, 1e-170), 1e-170, 5e169),
        (lambda a: np.logaddexp(a, 0.0), np.inf, 1),
        (lambda a: np.logaddexp(a, 1e16), 1e16, 0.5),
        (lambda a: np.logaddexp(0.0, a), -np.inf, 0),
        (lambda a: np.logaddexp2(a, a), np.inf, 1),
        (lambda a: np.logaddexp.reduce(np.stack([a, 0.0])), np.inf, 1),
        (lambda a: np.prod(np.stack([a, a, np.float16(1e-3)]), dtype=float), np.float16(300), 0.6),
        (lambda b: np.fmod(0.9, b), 0.1, -8),
        (lambda b: np.remainder(0.9, b), 0.1, -8),
        (lambda b: b ** np.uint16(0), 2.0, 0),
    ],
)
def test_extremes(f, x, expected):
    assert gradient(f, x) == pytest.approx(expected, rel=1e-3)


# ---- operands that are not plain arrays ----------------------------------------------------------

SUBCLASSES = {
    "matrix": lambda: np.asmatrix(np.eye(2)),
    "masked": lambda: np.ma.masked_array(np.eye(2), np.eye(2)),
    "recarray": lambda: np.eye(2).view(np.recarray),
}
MIXED = [
    *(lambda t, m, u=u: u(t, m) for u in BINARY), *(lambda t, m, u=u: u(m, t) for u in BINARY),
    lambda t, m: t * m, lambda t, m: m * t, lambda t, m: t @ m, lambda t, m: np.where(m > 0, t, m),
    lambda t, m: np.concatenate([t, m]), lambda t, m: np.linalg.solve(m, t),
    lambda t, m: np.einsum("ij,jk", t, m), lambda t, m: np.average(t, weights=m),
    lambda t, m: np.ma.exp(t), lambda t, m: np.ma.where(m > 1, t, m), lambda t, m: Tensor(m),
    lambda t, m: t.at[:].set(m),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("kind", SUBCLASSES)
@pytest.mark.parametrize("f", MIXED)
def test_arrays_that_compute_in_their_own_way_are_refused(f, kind):
    with pytest.raises(TypeError, match=r"computes in its own way|drop the gradient"):
        f(leaf(np.ones((2, 2))), SUBCLASSES[kind]())


def test_a_memory_map_is_a_plain_array(tmp_path):
    mapped = np.memmap(tmp_path / "x", float, "w+", shape=(2,))
    mapped[:] = 3
    assert gradient(lambda x: x * mapped, np.ones(2)).tolist() == [3, 3]


def test_sparse_matrices_and_arrays_without_protocols_are_refused_by_name():
    class Foreign:
        __array_priority__ = 100

        def __rmul__(self, other):
            return other * 3

    for f in (lambda t, x: t * x, lambda t, x: x * t, lambda t, x: Tensor(x)):
        with pytest.raises(TypeError, match=r"Foreign, which computes in its own way.*convert"):
            f(leaf([1.0]), Foreign())


# ---- arguments stay as they were -----------------------------------------------------------------


def options(function):
    try:
        return inspect.signature(function).parameters
    except ValueError:  # functions written in C have none before NumPy 2.4
        return ()


KEYS = [key for key in table if callable(key) and not isinstance(key, np.ufunc)]
WRITERS = [
    (key, name)
    for key in KEYS
    if key is not np.ndarray.astype
    for name in ("overwrite_input", "out", "copy")
    if name in options(key)
]


@pytest.mark.parametrize(("function", "option"), WRITERS, ids=lambda x: getattr(x, "__name__", x))
def test_no_option_writes_into_an_argument(function, option):
    values = np.array([[3.0, 1.0, np.nan], [2.0, 5.0, 4.0]])
    t, spare = leaf(values), np.zeros((2, 3))
    asked = {"overwrite_input": True, "out": spare, "copy": False}[option]
    others = {np.quantile: (0.5,), np.percentile: (50,), np.take: ([0],), np.reshape: ((3, 2),)}
    with contextlib.suppress(TypeError, ValueError):  # refused is as good as harmless
        function(t, *others.get(function, ()), **{option: asked})
    np.testing.assert_array_equal(t.numpy(), values)
    assert not spare.any()


# ---- values that coincide ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.sum(np.linalg.svd(a, compute_uv=False) ** 2),
        lambda a: np.sum(np.linalg.eigvalsh(a) ** 2),
        lambda a: np.linalg.norm(a - np.eye(2)) ** 2,
        lambda a: np.hypot(a[0, 1], a[1, 0]) ** 2,
        lambda a: np.std(np.diagonal(a)) ** 2,
    ],
)
def test_second_derivatives_where_values_coincide_are_right_or_refused(f):
    assert np.isfinite(grad(f)(np.eye(2))).all()
    with pytest.raises(ValueError, match=r"not determined|no second derivative"):
        hessian(f)(np.eye(2))
    assert np.isfinite(hessian(f)(np.array([[2.0, 0.3], [0.4, 1.0]]))).all()


@pytest.mark.parametrize("turn", [0.0, 0.3])  # turned, the values agree but for rounding
def test_vectors_of_equal_values_have_no_derivative(turn):
    q = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    for f in (lambda a: np.linalg.eigh(a)[1], lambda a: np.linalg.svd(a)[0]):
        with pytest.raises(ValueError, match="not determined"):
            gradient(lambda a, f=f: f(a) * np.arange(4.0).reshape(2, 2), q @ np.diag([2, 2]) @ q.T)
    with pytest.raises(ValueError, match="not determined"):  # beside a singular value of 0
        gradient(lambda a: np.linalg.svd(a, False)[0] ** 3, np.outer([1.0, 2, 3], [1.0, 1]))


# ---- NumPy's conventions -------------------------------------------------------------------------


@pytest.mark.parametrize("order", "CFAK")
@pytest.mark.parametrize("layout", ["C", "F", "swapped", "reversed", "F, all reversed"])
def test_orders_are_those_of_the_array_in_memory(order, layout):
    base = np.arange(24.0).reshape(2, 3, 4)
    array = {
        "C": base,
        "F": np.asfortranarray(base),
        "swapped": np.ascontiguousarray(base.swapaxes(0, 1)).swapaxes(0, 1),
        "reversed": base[::-1],
        "F, all reversed": np.asfortranarray(base)[::-1, ::-1, ::-1],
    }[layout]
    t = Tensor(array, requires_grad=True, copy=False)
    flat, weights = np.ravel(t, order=order), np.arange(24.0) ** 2
    np.testing.assert_array_equal(flat.numpy(), np.ravel(array, order=order))
    np.sum(flat * weights).backward()
    expected = weights[np.argsort(flat.numpy())][np.ravel(array).astype(int)]
    np.testing.assert_array_equal(np.ravel(t.grad), expected)


@pytest.mark.parametrize("axis", [0, -1, None])
@pytest.mark.parametrize(
    "f", [np.sum, np.prod, np.max, np.min, np.nansum, np.nanmean, np.cumsum, np.cumprod]
)
def test_reductions_of_a_number_along_its_only_axis(f, axis):
    t = leaf(2.0)
    np.sum(f(t, axis=axis)).backward()
    assert t.grad == 1


@pytest.mark.parametrize("ord", [None, 1, 2, np.inf, "fro", "nuc"])
def test_norms_of_empty_matrices(ord):
    expected = None
    with contextlib.suppress(ValueError):  # until NumPy 2.3
        expected = np.linalg.norm(np.ones((0, 3)), ord)
    assert expected is None or np.linalg.norm(leaf(np.ones((0, 3))), ord).item() == expected


def test_lists_of_tensors_beside_a_tensor_keep_their_gradient():
    x = np.array([0.0, 1.0, 3.0])
    for f in (
        lambda a, x: np.polyfit(x, [a, a * a, 2 * a], 1),
        lambda a, x: np.polyfit([a, a * a, 5 * a], x, 1, w=[a, 1, 2]),
        lambda a, x: np.cov([a, a * a, 2 * a], x),
    ):
        found = grad(lambda a, f=f: np.sum(f(a, Tensor(x)) ** 2))(1.5)
        low, high = (np.sum(f(a, x) ** 2) for a in (1.5 - 1e-6, 1.5 + 1e-6))
        np.testing.assert_allclose(found, (high - low) / 2e-6, rtol=1e-6)


# ---- transforms, contexts, messages --------------------------------------------------------------


def test_forward_mode_follows_no_path_that_reverse_mode_does_not():
    with np.errstate(all="ignore"):
        _, pushed = jvp(lambda x: np.cbrt(np.diag(x)), np.array([1.0, 8.0]), np.array([1.0, 1.0]))
    np.testing.assert_allclose(pushed, np.diag([1 / 3, 1 / 12]))


@pytest.mark.parametrize("blocks", [*itertools.product([no_grad(), scope("a")], repeat=2)])
def test_blocks_of_generators_that_take_turns_close_in_any_order(blocks):
    def inside(block):
        with block:
            yield

    first, second = map(inside, blocks)
    next(first), next(second)
    first.close()
    y, in_scope = leaf(1.0) * 1, isinstance(blocks[1], scope)
    assert (y.requires_grad, y.scope) == (in_scope, ("a",) * in_scope)
    second.close()
    assert current.get() is None


# ---- found by trying to break it -----------------------------------------------------------------


def test_results_of_transforms_belong_to_the_caller():
    assert value_and_grad(np.sum)(np.ones(3))[1].flags.writeable
    y, pull = vjp(np.exp, np.array([0.0, 1.0]))
    y[...] = 77
    np.testing.assert_allclose(pull(np.ones(2))[0], np.exp([0, 1]))
    one, other = grad(lambda a, b: np.sum((a + b) ** 2), (0, 1))(np.ones(2), np.ones(2))
    one *= 0.1
    assert other.tolist() == [4, 4]


def test_tensors_are_found_wherever_they_stand():
    slope = gradient(lambda x: np.full_like(x, np.sum(x)) * x, np.array([1.0, 2.0]))
    assert slope.tolist() == [6, 6]
    t, objects = leaf([1.0, 2.0]), np.empty(2, object)
    objects[0], objects[1] = t[0], t[1]
    scaled = primitive(lambda x, k: x * k[0], lambda g, y, x, k: g * k[0], None, name="scaled")
    for f in (
        lambda: np.full_like(t, [t[0], t[1]]),
        lambda: np.nan_to_num(t, nan=[t[0]]),
        lambda: scaled(t, [t]),
        lambda: Tensor([1.0, 1.0]) * objects,
        lambda: t * objects,
    ):
        with pytest.raises(TypeError, match=r"drop the gradient|got objects"):
            f()


def test_common_values_come_from_the_argument_with_a_gradient():
    t, others = np.array([2.0, 3.0]), [1.0, 2.0]
    for common in (lambda x: np.intersect1d(others, x), lambda x: np.intersect1d(x, others, True)):
        assert gradient(common, t).tolist() == [1, 0]
    assert gradient(lambda x: np.union1d(others, x), t).tolist() == [1, 1]
