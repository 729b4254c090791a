"""Polynomials as NumPy has them: coefficients with the highest power first."""

import numpy as np

from ..arrays import holds
from ..operators import plain, real
from ..primitive import derivative
from ..table import composed


@composed(np.vander)
def vander(x, N=None, increasing=False):
    if N is not None and N < 0:
        raise ValueError(f"vander: the number of columns must be 0 or more, got {N}")
    powers = range(len(x) if N is None else N)
    x = x.astype(np.promote_types(x.dtype, int))
    columns = [x**k for k in (powers if increasing else reversed(powers))]
    return np.stack(columns, axis=1) if columns else np.zeros((len(x), 0))


def _roots_rule(g, y, p):
    """p(r) = 0 at a root r, whatever its coefficients: dr/dpₖ = -rⁿ⁻ᵏ / p'(r)."""
    slopes = np.polyval(np.polyder(p), y)
    if holds(np.any(plain(slopes) == 0)):
        raise ValueError("a root that occurs more than once has no derivative")
    return -(g / slopes) @ np.vander(y, len(p))


def _real_roots(p):
    roots = np.roots(p)
    if roots.dtype.kind == "c":
        raise TypeError("roots: some roots are complex; a gradient needs real ones")
    return roots


derivative(np.roots, _roots_rule, forward=_real_roots)


@composed(np.polymul)
def polymul(a1, a2):
    a1, a2 = np.atleast_1d(a1), np.atleast_1d(a2)
    zeros = (np.append(plain(a[:-1]) == 0, False).argmin() for a in (a1, a2))  # that lead
    return np.convolve(a1, a2)[sum(zeros) :]


@composed(np.polydiv)
def polydiv(u, v):
    u, v = np.atleast_1d(real(u)), np.atleast_1d(real(v))
    quotient, size = [], len(np.polydiv(plain(u), plain(v))[1])  # as NumPy cuts the remainder
    while len(u) >= len(v):
        quotient.append(u[0] / v[0])
        u = np.concatenate([u[: len(v)] - quotient[-1] * v, u[len(v) :]])[1:]
    rest = np.concatenate([np.zeros(max(size - len(u), 0), u.dtype), u[max(len(u) - size, 0) :]])
    return (np.stack(quotient) if quotient else np.zeros(1)), rest
