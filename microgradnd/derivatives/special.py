"""The special functions of SciPy, whose ufuncs a Tensor answers to as to NumPy's.

This file is imported when one of them is called on a Tensor; nothing else here needs SciPy.
"""

import functools
import itertools
import math

import numpy as np
from scipy import special

from ..primitive import derivative, primitive
from ..table import table, zero

elementwise = functools.partial(derivative, kind="elementwise")
ROOT_PI, ROOT_2PI = math.sqrt(math.pi), math.sqrt(2 * math.pi)

for twin in ("cbrt", "exp2", "expm1", "log1p"):  # SciPy's own copies of NumPy's functions
    elementwise(getattr(special, twin), *table[getattr(np, twin)].rules)
elementwise(special.round, zero)
elementwise(special.gammasgn, zero)

# ---- the normal distribution, and the logistic one -----------------------------------------------

elementwise(special.erf, lambda g, y, x: g * (2 / ROOT_PI) * np.exp(-x * x))
elementwise(special.erfc, lambda g, y, x: g * (-2 / ROOT_PI) * np.exp(-x * x))
elementwise(special.erfcx, lambda g, y, x: g * (2 * x * y - 2 / ROOT_PI))
elementwise(special.erfi, lambda g, y, x: g * (2 / ROOT_PI) * np.exp(x * x))
elementwise(special.erfinv, lambda g, y, x: g * (ROOT_PI / 2) * np.exp(y * y))
elementwise(special.erfcinv, lambda g, y, x: g * (-ROOT_PI / 2) * np.exp(y * y))
elementwise(special.dawsn, lambda g, y, x: g * (1 - 2 * x * y))
elementwise(special.ndtr, lambda g, y, x: g * np.exp(-x * x / 2) / ROOT_2PI)
elementwise(special.ndtri, lambda g, y, p: g * np.exp(y * y / 2) * ROOT_2PI)
elementwise(
    special.log_ndtr, lambda g, y, x: g * (2 / ROOT_2PI) / special.erfcx(x * -math.sqrt(0.5))
)
elementwise(special.expit, lambda g, y, x: g * y * (1 - y))
elementwise(special.logit, lambda g, y, p: g / (p * (1 - p)))
elementwise(special.log_expit, lambda g, y, x: g * special.expit(-x))

# ---- the gamma family ----------------------------------------------------------------------------

polygamma = primitive(
    lambda x, n: special.polygamma(n, x),
    lambda g, y, x, n: g * polygamma(x, n=n + 1),
    name="polygamma",
    kind="elementwise",
)
psi = special.psi
elementwise(psi, lambda g, y, x: g * polygamma(x, n=1))
elementwise(special.gamma, lambda g, y, x: g * y * psi(x))
elementwise(special.rgamma, lambda g, y, x: -g * y * psi(x))
elementwise(special.gammaln, lambda g, y, x: g * psi(x))
elementwise(special.loggamma, lambda g, y, x: g * psi(x))
elementwise(
    special.beta,
    lambda g, y, a, b: g * y * (psi(a) - psi(a + b)),
    lambda g, y, a, b: g * y * (psi(b) - psi(a + b)),
)
elementwise(
    special.betaln,
    lambda g, y, a, b: g * (psi(a) - psi(a + b)),
    lambda g, y, a, b: g * (psi(b) - psi(a + b)),
)
elementwise(
    special.binom,
    lambda g, y, n, k: g * y * (psi(n + 1) - psi(n - k + 1)),
    lambda g, y, n, k: g * y * (psi(n - k + 1) - psi(k + 1)),
)


def _gamma_density(a, x):
    return np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))


def _beta_density(a, b, x):
    return np.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))


elementwise(special.gammainc, None, lambda g, y, a, x: g * _gamma_density(a, x))
elementwise(special.gammaincc, None, lambda g, y, a, x: -g * _gamma_density(a, x))
elementwise(special.gammaincinv, None, lambda g, y, a, p: g / _gamma_density(a, y))
elementwise(special.betainc, None, None, lambda g, y, a, b, x: g * _beta_density(a, b, x))
elementwise(special.betaincc, None, None, lambda g, y, a, b, x: -g * _beta_density(a, b, x))
elementwise(special.betaincinv, None, None, lambda g, y, a, b, p: g / _beta_density(a, b, y))

# ---- logarithms, exponentials, entropies ---------------------------------------------------------

elementwise(special.xlogy, lambda g, y, a, b: g * np.log(b), lambda g, y, a, b: g * a / b)
elementwise(special.xlog1py, lambda g, y, a, b: g * np.log1p(b), lambda g, y, a, b: g * a / (1 + b))
elementwise(special.entr, lambda g, y, x: -g * (np.log(x) + 1))
elementwise(
    special.rel_entr, lambda g, y, a, b: g * (np.log(a / b) + 1), lambda g, y, a, b: -g * a / b
)
elementwise(
    special.kl_div, lambda g, y, a, b: g * np.log(a / b), lambda g, y, a, b: g * (1 - a / b)
)
elementwise(special.exp10, lambda g, y, x: g * y * math.log(10))
elementwise(special.cosm1, lambda g, y, x: -g * np.sin(x))
elementwise(special.exprel, lambda g, y, x: g * special.hyp1f1(2.0, 3.0, x) / 2)
elementwise(special.expi, lambda g, y, x: g * np.exp(x) / x)
elementwise(special.exp1, lambda g, y, x: -g * np.exp(-x) / x)
elementwise(
    special.boxcox,  # (xᵖ - 1) / p; hyp1f1(2, 3, t) / 2 is the slope of (eᵗ - 1) / t
    lambda g, y, x, p: g * x ** (p - 1),
    lambda g, y, x, p: g * np.log(x) ** 2 * special.hyp1f1(2.0, 3.0, p * np.log(x)) / 2,
)

# ---- robust losses -------------------------------------------------------------------------------

elementwise(
    special.huber,
    lambda g, y, delta, r: g * np.maximum(np.abs(r) - delta, 0),
    lambda g, y, delta, r: g * np.clip(r, -delta, delta),
)
elementwise(
    special.pseudo_huber,
    lambda g, y, delta, r: g * (2 * y / delta - (r * r / delta) / np.hypot(1, r / delta)),
    lambda g, y, delta, r: g * r / np.hypot(1, r / delta),
)

# ---- hypergeometric functions, elliptic integrals ------------------------------------------------

elementwise(
    special.hyp1f1,
    None,
    None,
    lambda g, y, a, b, x: g * a / b * special.hyp1f1(a + 1, b + 1, x),
)
elementwise(
    special.hyp2f1,
    None,
    None,
    None,
    lambda g, y, a, b, c, x: g * a * b / c * special.hyp2f1(a + 1, b + 1, c + 1, x),
)
elementwise(special.hyp0f1, None, lambda g, y, v, x: g / v * special.hyp0f1(v + 1, x))
elementwise(special.ellipk, lambda g, y, m: g * math.pi / 8 * special.hyp2f1(1.5, 1.5, 2.0, m))
elementwise(special.ellipe, lambda g, y, m: -g * math.pi / 8 * special.hyp2f1(0.5, 1.5, 2.0, m))

# ---- Bessel functions ----------------------------------------------------------------------------

for bessel, below, above in (
    (special.jv, 0.5, -0.5),
    (special.yv, 0.5, -0.5),
    (special.yn, 0.5, -0.5),
    (special.iv, 0.5, 0.5),
    (special.kv, -0.5, -0.5),
    (special.kn, -0.5, -0.5),
):
    elementwise(
        bessel,
        None,
        lambda g, y, v, x, f=bessel, a=below, b=above: g * (a * f(v - 1, x) + b * f(v + 1, x)),
    )
for scaled, sign in ((special.ive, 1), (special.kve, -1)):  # e⁻ˣ·Iᵥ (for x > 0) and eˣ·Kᵥ
    elementwise(
        scaled,
        None,
        lambda g, y, v, x, f=scaled, s=sign: (
            g * s * ((f(v - 1, x) + f(v + 1, x)) / 2 - (np.sign(x) if s > 0 else 1) * y)
        ),
    )
for name, order in itertools.product(("jv", "yv", "iv", "kv", "ive", "kve"), (0, 1)):
    rule, of_order = table[getattr(special, name)].rules[1], name.replace("v", str(order))
    elementwise(getattr(special, of_order), lambda g, y, x, rule=rule, n=order: rule(g, y, n, x))
