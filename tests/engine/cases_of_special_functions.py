"""Calls of SciPy's special functions, as in `cases`."""

import numpy as np
from scipy import special

from tests.engine.cases import written

TABLE = """
cbrt exp2 expm1 round erf erfc erfcx erfi dawsn ndtr log_ndtr expit log_expit exp10: F(t) ; F(a)
cosm1 exprel i0 i1 i0e i1e j0 j1: F(t) ; F(a)
log1p gamma rgamma gammaln loggamma psi digamma entr exp1 expi: F(T) ; F(A)
k0 k1 k0e k1e y0 y1 gammasgn: F(T) ; F(A)
erfinv ellipk ellipe: F(t / 2.2) ; F(a / 2.2)
erfcinv ndtri logit: F(t / 4.4 + 0.5) ; F(a / 4.4 + 0.5)
beta betaln xlogy rel_entr kl_div boxcox huber pseudo_huber: F(T, K)
xlog1py: F(k, T)
binom: F(K + 4, L)
exprel: F(small)
ellipk: F(large)
boxcox: F(U, small)
jv yv iv kv ive kve: F(1.5, P) ; F([[0], [2]], K)
yn kn: F([[0], [2]], K)
gammainc gammaincc gammaincinv: F(1.7, s / 4.4 + 0.5)
betainc betaincc betaincinv: F(1.7, 0.6, s / 4.4 + 0.5)
hyp0f1: F(1.3, s / 4.4 + 0.5)
hyp1f1: F(0.7, 1.3, s / 4.4 + 0.5)
hyp2f1: F(0.7, 1.3, 2.1, s / 4.4 + 0.5)
"""
OWN = {"small": np.array([0.0, 1e-9]), "large": np.array([0.0, -3.0])}
CASES = list(written(TABLE, OWN, library=special))
