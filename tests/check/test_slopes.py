"""Slopes by differences: they err by less than they say."""

import math

import numpy as np
import pytest

from microgradnd.check.slopes import careful_slopes, quick_slope

SMOOTH = [
    (math.sin, math.cos, 0.3),
    (math.exp, math.exp, 3.0),
    (math.log, lambda x: 1 / x, 1e-6),
    (lambda x: math.sin(1000 * x), lambda x: 1000 * math.cos(1000 * x), 1.0),
    (lambda x: 1e8 + x * x, lambda x: 2 * x, 3.0),
    (lambda x: x**3, lambda x: 3 * x * x, 0.0),
    (lambda x: 5.0, lambda x: 0.0, 1.0),
    (lambda x: math.tanh(x) * 1e-9, lambda x: 1e-9 / math.cosh(x) ** 2, 0.2),
    (lambda x: (1 + x) ** 0.5, lambda x: 0.5 / (1 + x) ** 0.5, 1e-12),
]


@pytest.mark.parametrize(("f", "slope", "x"), SMOOTH)
def test_a_measured_slope_errs_by_less_than_it_says(f, slope, x):
    def along(t):
        try:
            return np.array([f(x + t)])
        except ValueError:
            return np.array([np.nan])

    slopes = careful_slopes(along, abs(x) or 1.0, abs(x))
    for value, error in slopes.at(0):
        assert abs(value - slope(x)) <= 10 * error + 1e-9 * abs(slope(x))
    assert slopes.through.error[0] <= 1e-5 * max(abs(slope(x)), abs(f(x)), 1e-6)


def test_the_quick_slope_is_good_to_nine_digits_and_sees_a_bend():
    slope, bend = quick_slope(lambda t: np.sin([0.3 + t]), 1.0, np.sin([0.3]))
    assert abs(slope.value[0] - math.cos(0.3)) < 1e-9
    assert bend[0] < 1e-4
    assert quick_slope(lambda t: np.abs([t]), 1.0, np.zeros(1))[1][0] == pytest.approx(2)


def test_steps_are_as_wide_as_the_numbers_and_each_output_has_its_own_slope():
    slopes = careful_slopes(lambda t: np.sin([1 + 1e-6 * t]), 1e6, 1e6)
    assert slopes.through.error[0] < 1e-12
    slopes = careful_slopes(lambda t: np.array([abs(t) ** 0.5, t + 1, np.sign(t)]), 1.0, 0.0)
    np.testing.assert_allclose(slopes.right.value, [np.inf, 1, np.inf])
    np.testing.assert_allclose(slopes.left.value, [-np.inf, 1, np.inf])
