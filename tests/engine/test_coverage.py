"""Every function of NumPy is there, or the error says why not."""

import operator
import subprocess
import sys

import numpy as np
import pytest

from microgradnd import Tensor, grad, jacobian
from microgradnd.coverage import coverage
from microgradnd.table import refused, replacement
from tests.engine.test_derivatives import CASES


def test_no_function_of_numpy_is_missing():
    """A new version of NumPy shows here what it brought."""
    missing = [name for name, verdict in coverage() if verdict == "none here"]
    assert [name for name in missing if name.startswith("np.")] == []


def test_every_function_with_derivatives_is_differentiated_in_a_case():
    tried = {case.function for case in CASES if callable(case.function)}
    found = [name for name, verdict in coverage() if verdict.startswith("derivatives")]
    names = [name[3:] for name in found if name.startswith("np.")]
    assert [name for name in names if operator.attrgetter(name)(np) not in tried] == []


@pytest.mark.parametrize("function", refused, ids=lambda function: function.__name__)
def test_what_is_refused_says_why(function):
    with pytest.raises(TypeError, match=f"{function.__name__} {refused[function].split(';')[0]}"):
        replacement(function, {})


def test_an_unknown_function_is_refused_by_name():
    special = pytest.importorskip("scipy.special")
    with pytest.raises(TypeError, match="the ufunc lpmv has no derivative here"):
        special.lpmv(1, 2, Tensor(0.5, requires_grad=True))


def test_an_argument_without_a_rule_is_refused_by_name():
    special = pytest.importorskip("scipy.special")
    for f in (special.jv, special.gammainc, special.kn):
        with pytest.raises(TypeError, match=f"{f.__name__} has no derivative .* argument 0"):
            f(Tensor(1.0, requires_grad=True), 2.0)


def test_the_tail_of_log_ndtr_keeps_its_digits():
    special = pytest.importorskip("scipy.special")
    slope = grad(special.log_ndtr)(np.float32(-1000))  # -x - 1/x + ... for x far below 0
    assert slope == pytest.approx(1000.001, rel=1e-6)


def test_scipy_is_imported_only_by_its_user():
    program = "import sys, nn, microgradnd.coverage; assert 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


# ---- SciPy's solvers -----------------------------------------------------------------------------


def test_least_squares_and_differential_equations_take_a_jacobian():
    integrate, optimize = map(pytest.importorskip, ("scipy.integrate", "scipy.optimize"))

    def circle(x):
        return np.stack([x[0] ** 2 + x[1] ** 2 - 4, x[0] - x[1]])

    found = optimize.least_squares(circle, [1.0, 2.0], jac=jacobian(circle))
    np.testing.assert_allclose(found.x, np.sqrt([2, 2]))

    def stiff(t, y):
        return np.stack([-1000 * y[0] + y[1], -y[1]])

    options = {"method": "BDF", "jac": jacobian(stiff, 1), "rtol": 1e-8}
    solved = integrate.solve_ivp(stiff, (0, 1), [1.0, 1.0], **options)
    np.testing.assert_allclose(solved.y[1, -1], np.exp(-1), rtol=1e-5)
