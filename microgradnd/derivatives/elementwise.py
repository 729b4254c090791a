"""Functions that treat each entry by itself."""

import functools
import math

import numpy as np

from ..arrays import holds
from ..operators import plain
from ..primitive import Primitive, derivative, primitive
from ..table import table, zero

elementwise = functools.partial(derivative, kind="elementwise")
LN2, LN10 = math.log(2), math.log(10)


# ---- arithmetic ----------------------------------------------------------------------------------

elementwise(np.add, lambda g, y, a, b: g, lambda g, y, a, b: g)
elementwise(np.subtract, lambda g, y, a, b: g, lambda g, y, a, b: -g)
elementwise(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
elementwise(np.true_divide, lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)
elementwise(np.remainder, lambda g, y, a, b: g, lambda g, y, a, b: -g * (a // b))
elementwise(np.fmod, lambda g, y, a, b: g, lambda g, y, a, b: -g * np.rint((a - y) / b))
elementwise(np.negative, lambda g, y, x: -g)
elementwise(np.positive, lambda g, y, x: g)
elementwise(np.ldexp, lambda g, y, x, i: np.ldexp(g, i), None, forward=lambda x, i: np.ldexp(x, i))
elementwise(np.nextafter, lambda g, y, a, b: g, zero)
elementwise(np.reciprocal, lambda g, y, x: -g * y * y)
elementwise(np.square, lambda g, y, x: 2 * g * x)
elementwise(np.sqrt, lambda g, y, x: g / (2 * y))
elementwise(np.cbrt, lambda g, y, x: g / (3 * y * y))


def lowered(a, b):
    """aᵇ⁻¹ for b·aᵇ⁻¹, but 1 where a and b are both 0, so that the product is 0 and not 0·∞."""
    if type(b) in (int, float) and b != 0:
        return a if b == 2 else a ** (b - 1)
    both = (a == 0) & (b == 0)
    return np.where(both, 1, a) ** np.where(both, 0, b - 1)


for power in (np.power, np.float_power):
    elementwise(
        power,
        lambda g, y, a, b: g * b * lowered(a, b),
        lambda g, y, a, b: g * y * np.log(np.where(a == 0, 1, a)),
    )

# ---- exponentials and logarithms -----------------------------------------------------------------

elementwise(np.exp, lambda g, y, x: g * y)
elementwise(np.exp2, lambda g, y, x: g * y * LN2)
elementwise(np.expm1, lambda g, y, x: g * (y + 1))
elementwise(np.log, lambda g, y, x: g / x)
elementwise(np.log2, lambda g, y, x: g / (x * LN2))
elementwise(np.log10, lambda g, y, x: g / (x * LN10))
elementwise(np.log1p, lambda g, y, x: g / (1 + x))


def share(exp, add, a, b, y):
    """exp(a) / (exp(a) + exp(b)), also where y = add(a, b) is infinite or has lost b - a."""
    at_infinity = np.where(a == b, 0.5, a == y)
    return np.where(np.isfinite(y), exp(-add(0.0, b - a)), at_infinity)


for add, exp in ((np.logaddexp, np.exp), (np.logaddexp2, np.exp2)):
    elementwise(
        add,
        lambda g, y, a, b, add=add, exp=exp: g * share(exp, add, a, b, y),
        lambda g, y, a, b, add=add, exp=exp: g * share(exp, add, b, a, y),
    )

# ---- angles --------------------------------------------------------------------------------------

elementwise(np.sin, lambda g, y, x: g * np.cos(x))
elementwise(np.cos, lambda g, y, x: -g * np.sin(x))
elementwise(np.tan, lambda g, y, x: g * (1 + y * y))
elementwise(np.arcsin, lambda g, y, x: g / np.sqrt((1 - x) * (1 + x)))
elementwise(np.arccos, lambda g, y, x: -g / np.sqrt((1 - x) * (1 + x)))
elementwise(np.arctan, lambda g, y, x: g / np.hypot(1, x) / np.hypot(1, x))
elementwise(
    np.arctan2,
    lambda g, y, a, b: g * (b / np.hypot(a, b)) / np.hypot(a, b),
    lambda g, y, a, b: -g * (a / np.hypot(a, b)) / np.hypot(a, b),
)
for degrees in (np.degrees, np.rad2deg):
    elementwise(degrees, lambda g, y, x: g * (180 / math.pi))
for radians in (np.radians, np.deg2rad):
    elementwise(radians, lambda g, y, x: g * (math.pi / 180))

elementwise(np.sinh, lambda g, y, x: g * np.cosh(x))
elementwise(np.cosh, lambda g, y, x: g * np.sinh(x))
elementwise(np.tanh, lambda g, y, x: g * (1 - y * y))
elementwise(np.arcsinh, lambda g, y, x: g / np.hypot(1, x))
elementwise(np.arccosh, lambda g, y, x: g / np.sqrt(x - 1) / np.sqrt(x + 1))
elementwise(np.arctanh, lambda g, y, x: g / ((1 - x) * (1 + x)))

# ---- kinks: where there is no derivative, one of the slopes in between ---------------------------


def _no_second_derivative(g, y, size):
    if holds(np.any(plain(size) == 0)):
        raise ValueError("where it is 0 it has a kink: no second derivative")
    return g


nonzero = primitive(  # size, but 1 where it is 0, for a quotient whose numerator is 0 there too
    lambda size: np.where(size == 0, size.dtype.type(1), size),
    _no_second_derivative,
    name="a norm, hypot or std",
    kind="elementwise",
)


elementwise(np.absolute, lambda g, y, x: g * np.sign(x))
elementwise(np.fabs, lambda g, y, x: g * np.sign(x))
elementwise(np.copysign, lambda g, y, a, b: g * np.sign(a) * np.copysign(1, b), zero)
elementwise(np.hypot, lambda g, y, a, b: g * a / nonzero(y), lambda g, y, a, b: g * b / nonzero(y))

# ---- real and imaginary parts: what has a gradient is real ---------------------------------------

elementwise(np.conjugate, lambda g, y, x: g)
elementwise(np.real, lambda g, y, val: g)
elementwise(np.real_if_close, lambda g, y, a, tol=100: g)
elementwise(np.imag, zero)
elementwise(np.angle, zero)

# ---- steps: the derivative is zero ---------------------------------------------------------------

for step in (np.sign, np.floor, np.ceil, np.trunc, np.rint, np.spacing, np.round, np.around):
    elementwise(step, zero)
elementwise(np.floor_divide, zero, zero)
elementwise(np.heaviside, zero, lambda g, y, x, at_zero: g * (x == 0))
table[np.fix] = lambda x, out=None: np.trunc(x)

# ---- in two parts --------------------------------------------------------------------------------

table[np.divmod] = lambda a, b: (np.floor_divide(a, b), np.remainder(a, b))
derivative(np.modf, lambda g, y, x: g[0])
derivative(np.frexp, lambda g, y, x: np.ldexp(g[0], -y[1]))

# ---- others --------------------------------------------------------------------------------------


def _i0_derivative(x, order):
    """The derivative of the given order of I₀(x) = ∫ exp(x cos θ) dθ / π over 0 … π.

    The sum over equidistant angles converges faster than any power, as the integrand is periodic.
    """
    cosines = np.cos((np.arange(500) + 0.5) * (math.pi / 500))
    return np.mean(cosines**order * np.exp(x[..., None] * cosines), axis=-1)


i0_derivative = primitive(
    _i0_derivative,
    lambda g, y, x, order: g * i0_derivative(x, order=order + 1),
    name="i0_derivative",
    kind="elementwise",
)
elementwise(np.i0, lambda g, y, x: g * i0_derivative(x, order=1))


def _sinc_derivative(x, order):
    """The derivative of the given order of sinc(x) = sin(πx)/(πx) = ∫₀¹ cos(πxt) dt.

    From x·sinc(x) = sin(πx)/π: x·sinc⁽ᵏ⁾ + k·sinc⁽ᵏ⁻¹⁾ = πᵏ⁻¹ sin(πx + kπ/2), upwards in k. Near
    0, where that cancels, the series sinc⁽ᵏ⁾(x) = Σ πⁿ cos(nπ/2) xⁿ⁻ᵏ / ((n - k)! (n + 1)).
    """
    near = np.abs(x) < 0.5 + order / 4
    away = np.where(near, 1.0, x)
    value = np.sinc(away)
    for k in range(1, order + 1):
        wave = math.pi ** (k - 1) * np.sin(math.pi * away + k * math.pi / 2)
        value = (wave - k * value) / away
    inside = np.where(near, x, 0.0)
    series = np.zeros_like(value)
    for n in range(order + order % 2, order + 60 + 6 * order, 2):
        coefficient = (-1) ** (n // 2) * math.pi**n / (math.factorial(n - order) * (n + 1))
        series = series + coefficient * inside ** (n - order)
    return np.where(near, series, value)


sinc_derivative = primitive(
    _sinc_derivative,
    lambda g, y, x, order: g * sinc_derivative(x, order=order + 1),
    name="sinc_derivative",
    kind="elementwise",
)
elementwise(np.sinc, lambda g, y, x: g * sinc_derivative(x, order=1))


def _cast_rule(g, y, x, dtype, order="K", casting="unsafe", subok=True, copy=True, device=None):
    return g


_cast = Primitive(
    lambda x, dtype, device=None, **o: x.astype(dtype, **o), (_cast_rule,), "astype", "elementwise"
)
table[np.ndarray.astype] = table[np.astype] = _cast
derivative(np.copy, lambda g, y, a, order="K", subok=False: g, kind="elementwise")
