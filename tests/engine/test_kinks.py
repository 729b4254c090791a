"""Where a function has no derivative: ties share evenly, kinks give a slope in between, never nan."""

import numpy as np
import pytest

from microgradnd import Tensor, grad, gradients, hessian, jvp


def gradient(f, x):
    return grad(lambda x: np.sum(f(x)))(np.asarray(x, dtype=float))


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (np.max, [3, 1, 3], [0.5, 0, 0.5]),
        (np.min, [1, 1, 1, 4], [1 / 3, 1 / 3, 1 / 3, 0]),
        (lambda x: np.max(x, axis=1), [[2, 2], [1, 5]], [[0.5, 0.5], [0, 1]]),
        (np.ptp, [1, 4, 4], [-1, 0.5, 0.5]),
        (np.median, [1, 2, 2, 2, 3], [0, 1 / 3, 1 / 3, 1 / 3, 0]),
        (np.median, [1, 2, 2, 3], [0, 0.5, 0.5, 0]),
        (lambda x: np.quantile(x, 0.5), [4, 4, 4], [1 / 3, 1 / 3, 1 / 3]),
        (lambda x: np.maximum(x, 0), [-1, 0, 1], [0, 0.5, 1]),
        (lambda x: np.minimum(x, x * 1.0), [2], [1]),
        (lambda x: np.fmax(x, 2), [1, 2, 3], [0, 0.5, 1]),
        (lambda x: np.clip(x, 0, 1), [-1, 0, 0.5, 1, 2], [0, 0.5, 1, 0.5, 0]),
        (np.abs, [-2, 0, 3], [-1, 0, 1]),
        (np.fabs, [0.0], [0]),
        (lambda x: np.copysign(x, 3), [-2, 0, 2], [-1, 0, 1]),
        (lambda x: np.hypot(x, 0.0), [0, 2], [0, 1]),
        (np.linalg.norm, [0, 0], [0, 0]),
        (np.linalg.norm, [[0, 0], [0, 0]], [[0, 0], [0, 0]]),
        (lambda x: np.linalg.norm(x, 3), [0, 0], [0, 0]),
        (lambda x: np.linalg.norm(x, np.inf), [2, -2], [0.5, -0.5]),
        (lambda x: np.linalg.norm(x, "nuc"), [[1, 0], [0, 1]], [[1, 0], [0, 1]]),
        (np.std, [0.1, 0.1, 0.1], [0, 0, 0]),
        (np.sinc, [0, 1], [0, -1]),
        (lambda x: x**2, [0], [0]),
        (lambda x: x**1, [0], [1]),
        (lambda x: x**0, [0], [0]),
        (lambda x: np.power(x, np.array([0.0, 1.0, 2.0])), [0, 0, 0], [0, 1, 0]),
        (lambda x: 0.0**x, [1, 2], [0, 0]),
        (np.nan_to_num, [np.nan, np.inf, 1], [0, 0, 1]),
        (np.nanmax, [np.nan, 3, 3], [0, 0.5, 0.5]),
        (lambda x: np.fmax(x, 0.0), [np.nan, 1], [0, 1]),
        (lambda x: np.fmax([np.nan, 1.0], x), [2, 0], [1, 0]),
        (np.prod, [0, 0, 3], [0, 0, 0]),
        (np.prod, [0, 2, 3], [6, 0, 0]),
        (np.cumprod, [0, 2, 3], [1 + 2 + 6, 0, 0]),
    ],
)
def test_the_slope_at_a_kink(f, x, expected):
    np.testing.assert_allclose(gradient(f, x), expected, rtol=1e-15)


def test_second_derivatives_at_zero():
    assert hessian(np.sinc)(0.0) == pytest.approx(-(np.pi**2) / 3, rel=1e-14)
    fourth = grad(grad(grad(grad(np.sinc))))
    assert fourth(0.0) == pytest.approx(np.pi**4 / 5, rel=1e-13)
    assert fourth(1e-7) == pytest.approx(np.pi**4 / 5, rel=1e-11)
    assert hessian(lambda x: x**2)(0.0) == 2
    products = hessian(np.prod)(np.array([0.0, 0.0, 3.0]))
    np.testing.assert_array_equal(products, [[0, 3, 0], [3, 0, 0], [0, 0, 0]])


# ---- the branch not taken ------------------------------------------------------------------------

GUARDED = """
np.where(x > 0, np.log(x), 0) ; [0, -1, 2] ; [0, 0, 0.5]
np.where(x > 0, np.sqrt(x), 0) ; [0, -1, 4] ; [0, 0, 0.25]
np.where(x != 0, np.sin(x) / x, 1) ; [0, np.pi] ; [0, -1 / np.pi]
np.where(x > 0, x**0.5, x) ; [0, 4] ; [1, 0.25]
np.where(x < 700, np.exp(x), x) ; [1e4, 0] ; [1, 1]
np.where(x[:, 0] > 0, np.sum(np.log(x), axis=1), 0) ; [[0, 0], [1, 2]] ; [[0, 0], [1, 0.5]]
np.where(x > 0, np.log(x.reshape(2, 2)).reshape(4), 0) ; [0, 1, 0, 2] ; [0, 1, 0, 0.5]
np.where(x > 0, np.tanh(np.log(np.sqrt(x))) * np.log(x), x**2) ; [0, 1] ; [0, 0]
np.clip(np.log(x), -10, 10) ; [0, 1] ; [0, 1]
np.maximum(np.log(x), -10) ; [0, 1] ; [0, 1]
np.select([x > 0, x < -1], [np.log(x), np.sqrt(-x)], 0) ; [0, 2, -4] ; [0, 0.5, -0.25]
np.log(x)[1:] ; [0, 4] ; [0, 0.25]
np.where(np.sum(x) > 0, np.convolve(np.log(x), x)[0], np.sum(x)) ; [0, -1] ; [1, 1]
np.minimum(np.sign(np.log(x)), x) ; [0, 4] ; [0, 0]
np.max(x, axis=1)[1:] ; [[1, np.nan], [1, 3]] ; [[0, 0], [0, 1]]
np.nansum(np.median(x, axis=1)) ; [[1, np.nan], [1, 3]] ; [[0, 0], [0.5, 0.5]]
np.logaddexp.reduce(x, axis=1)[1:] ; [[1, np.nan], [2, 2]] ; [[0, 0], [0.5, 0.5]]
np.nansum(np.nanvar(x, axis=1, ddof=1)) ; [[1, np.nan], [1, 3]] ; [[0, 0], [-2, 2]]
np.nansum(np.nanstd(x, axis=1, ddof=1)) ; [[1, np.nan], [1, 3]] ; [[0, 0], [-(0.5**0.5), 0.5**0.5]]
"""


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("line", GUARDED.strip().splitlines())
def test_nan_does_not_leak_from_the_branch_not_taken(line):
    formula, at, slopes = line.split(" ; ")
    f, x, expected = eval(f"lambda x: {formula}"), np.asarray(eval(at), float), eval(slopes)
    np.testing.assert_allclose(gradient(f, x), expected, rtol=1e-14)
    _, forward = jvp(f, (x,), (np.ones_like(x),))
    assert np.isfinite(forward).all()
    assert np.sum(forward) == pytest.approx(np.sum(expected))
    assert np.isfinite(hessian(lambda x: np.sum(f(x)))(x)).all()
    leaf = Tensor(x, requires_grad=True)
    assert np.isfinite(gradients(np.sum(f(leaf)), leaf).numpy()).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_nan_on_the_branch_taken_is_not_hidden():
    """√x² at 0 has the one-sided slope 1; by the chain rule it is 0 · ∞, of which nobody knows."""
    taken = gradient(lambda x: np.where(x >= 0, np.sqrt(x) ** 2, 0), [0.0])
    assert np.isnan(taken).all()
    both = gradient(lambda x: np.where(x > 0, np.log(x), 0) + np.sqrt(x) ** 2, [0.0])
    assert np.isnan(both).all()
