"""Calls of SciPy's special functions, as in `cases`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import special

from tests.engine.cases import Case, case, inside, positive, values

ANYWHERE = "cbrt exp2 expm1 round erf erfc erfcx erfi dawsn ndtr log_ndtr expit log_expit exp10"
ANYWHERE += " cosm1 exprel i0 i1 i0e i1e j0 j1"
POSITIVE = "log1p gamma rgamma gammaln loggamma psi digamma entr exp1 expi k0 k1 k0e k1e"
POSITIVE += " y0 y1 gammasgn"
INSIDE = "erfinv ellipk ellipe"
FRACTIONS = "erfcinv ndtri logit"
POSITIVE_PAIRS = "beta betaln xlogy rel_entr kl_div boxcox huber pseudo_huber"
OF_ORDER = "jv yv iv kv ive kve"
FIXED = {  # what stands before the argument with a derivative
    "gammainc": (1.7,), "gammaincc": (1.7,), "gammaincinv": (1.7,), "betainc": (1.7, 0.6),
    "betaincc": (1.7, 0.6), "betaincinv": (1.7, 0.6), "hyp0f1": (1.3,), "hyp1f1": (0.7, 1.3),
    "hyp2f1": (0.7, 1.3, 2.1),
}  # fmt: skip


def make() -> Iterator[Case]:
    fraction = lambda *shape: (inside(*shape) + 1) / 2  # noqa: E731
    on = {ANYWHERE: values, POSITIVE: positive, INSIDE: inside, FRACTIONS: fraction}
    for names, draw in on.items():
        for name in names.split():
            f = getattr(special, name)
            yield case(f, f, draw(2, 3))
            yield case(f, f, draw())
    for name in POSITIVE_PAIRS.split():
        f = getattr(special, name)
        yield case(f, f, positive(2, 3), positive(3))
    yield case(special.xlog1py, special.xlog1py, values(3), positive(2, 3))
    yield case(special.binom, special.binom, positive(3) + 4, positive(3))
    yield case(special.exprel, special.exprel, np.array([0.0, 1e-9]))
    yield case(special.ellipk, special.ellipk, np.array([0.0, -3.0]))
    yield case(special.boxcox, special.boxcox, positive(2), np.array([0.0, 1e-9]))
    for name in OF_ORDER.split():
        f = getattr(special, name)
        yield case(f, lambda x, f=f: f(1.5, x), positive(4))
        yield case(f, lambda x, f=f: f([[0], [2]], x), positive(3))
    for f in (special.yn, special.kn):
        yield case(f, lambda x, f=f: f([[0], [2]], x), positive(3))
    for name, before in FIXED.items():
        f = getattr(special, name)
        yield case(f, lambda x, f=f, before=before: f(*before, x), fraction(2, 2))


CASES = list(make())
