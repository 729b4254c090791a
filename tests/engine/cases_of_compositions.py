"""Calls of the functions whose derivatives come from others: one or more each, as in `cases`."""

import numpy as np

from tests.engine.cases import values, written

matrix = values(3, 3)
symmetric = matrix + matrix.T + np.diag([0.0, 2.0, 4.0])
edges = np.array([-2.0, -1.0, 0.5, 2.5])
OWN = {
    "symmetric": symmetric,
    "real": symmetric + np.triu(values(3, 3)) * 0.2,  # as are its eigenvalues
    "cubic": np.array([1.0, -6.1, 10.7, -5.2]),
    "with_root_0": np.array([2.0, -3.0, 1.0, 0.0]),
    "divisor": np.array([1.0, -0.4, 0.7]),
    "edges": edges,
}
CONSTANTS = {
    "holes": np.where(np.eye(3, 4, dtype=bool), np.nan, 0.0),
    "inverted": {"method": "inverted_cdf", "weights": np.array([0.4, 2.1, 1.3, 0.9, 2.6])},
    "row": np.array([0.3, -1.4, 1.7, 0.8, -0.6]),
    "table": values(3, 4),
    "bins": edges.tolist(),
    "which": np.array([[0, 1], [1, 0]]),
    "padded": np.array([0.0, 1.0, 0.0, 1.0, 0.0]),
    "twice": lambda x: np.concatenate([x, x[:2]]),
}

TABLE = """
real imag angle real_if_close spacing fix i0: F(w)
i0: F(x + 6)
ldexp: F(x, arange(5))
nextafter: F(x, 9.0)
modf: F(x)
divmod: F(x, 0.7)
frexp: F(x)[0]
cumulative_sum cumulative_prod: F(x) ; F(w, axis=1, include_initial=True)
linspace logspace: F(u, v, 4) ; F(a, b, 3, False) ; F(u, k[:, None], 4, axis=1)
linspace: F(a, 3.3, 4, retstep=True)
logspace: F(0.3, 1.5, 4, base=A) ; F(a, 1.5, 4, base=K)
geomspace: F(U, V, 4) ; F(-A, -B)
ediff1d: F(x, to_end=u, to_begin=1.5)
unwrap: F(4 * x) ; F(4 * w, axis=0, period=5.0) ; F(4 * x, period=A)
add.reduceat: F(x, [0, 3, 1, 4]) ; F(w, [2, 0], axis=1)
nanprod nanvar nanstd nanmedian: F(w + holes) ; F(w + holes, axis=1, keepdims=True)
nancumsum nancumprod: F(w + holes) ; F(w + holes, axis=0)
nanvar: F(w + holes, axis=0, ddof=1)
nanquantile: F(w + holes, [0.3, 0.8], axis=0) ; F(w + holes, [[0.3, 0.8]], axis=0)
nanpercentile: F(w + holes, 35)
nanmedian: F(w, 0, None, False, True)
quantile: F(x, 0.4, **inverted) ; F(x, [0.2, 0.9], **inverted)
percentile: F(x, 36, **inverted) ; F(x, [18, 81], **inverted)
quantile: F(w, u / 5 + 0.5, axis=0) ; F(arange(5), u / 5 + 0.5)
percentile: F(row, U * 20)
cov: F(table, aweights=P) ; F(w) ; F(x) ; F(w.T, rowvar=False, bias=True) ; F(x, y, ddof=0)
cov: F(w, fweights=[1, 3, 2, 1], aweights=[0.5, 1.0, 2.0, 0.7])
corrcoef: F(w) ; F(x) ; F(x, y)
bincount: F(array([0, 2, 2, 5, 1]), x, minlength=8)
histogram: F(row, 4, weights=X)[0] ; F(row, 4, weights=X, density=True)[0]
histogram: F(row, bins, weights=X)[0] ; F(row, bins, weights=X, density=True)[0]
histogram: F(x, 3, density=True) ; F(row, edges, density=True)
histogram: F(full((3, 4), 2.0), 3, weights=w)[0]
histogram_bin_edges: F(x, 4) ; F(x, "auto")
histogram2d: F(row, row**2, 3, weights=X)[0] ; F(row, row**2, 3, weights=X, density=True)[0]
histogram2d: F(x, x**2, [edges, 3], density=True)
histogramdd: F([x, y], 3)[1] ; F(x, 3)[1] ; F(table.T, 3, weights=P)[0]
delete: F(x, [0, 3]) ; F(w, 1, 0)
insert: F(x, [1, 3], u) ; F(w, 2, k, axis=1)
resize: F(x, (3, 4)) ; F(w, 5)
append: F([x[0], x[1]], u)
fft.fftshift fft.ifftshift: F(x) ; F(w, 1)
choose: F(which, [s, s * s]) ; F(which + 3, [s, 2 * s], mode="wrap")
pad: F(w, ((1, 2), (0, 3)), "mean") ; F(w, ((1, 2), (0, 3)), "median") ; F(x, 2, "mean", stat_length=2)
pad: F(w, ((1, 2), (0, 3)), "maximum") ; F(w, ((1, 2), (0, 3)), "minimum")
pad: F(w, ((1, 2), (0, 3)), "linear_ramp") ; F(x, 2, "linear_ramp", end_values=(0.5, 3.0))
apply_along_axis: F(lambda each: outer(each, each), 0, w) ; F(sum, 1, w)
apply_over_axes: F(sum, h, [0, 2])
piecewise: F(x, [x < 0, x > 1], [square, 0.5, sin]) ; F(x, x > 0.5, [sin, cos])
trim_zeros: F(x * padded) ; F(x * padded, "f")
partition: F(w, 2, axis=None)
full_like: F(x, sum(x))
unique: F(twice(x)) ; F(twice(x), return_counts=True)[0] ; F(twice(w), axis=0)
unique_values: sort(F(twice(x)))
unique_all unique_counts unique_inverse: F(twice(x)).values
union1d setxor1d: F(x, append(row[:2], 19.5))
setdiff1d: F(x, [9.5])
intersect1d: F(x, twice(x))
linalg.matmul: F(m, n)
linalg.outer: F(x, k)
linalg.trace: F(g) ; F(m, offset=1)
linalg.diagonal: F(g) ; F(m, offset=-1)
linalg.matrix_transpose linalg.svdvals: F(w) ; F(h)
linalg.tensordot: F(t, n, axes=1)
linalg.vecdot: F(w, p) ; F(w, k[:, None], axis=0)
linalg.cross: F(t, k)
linalg.norm: F(P, A + 1)
linalg.lstsq: F(o, x)[0] ; F(o, z)[1] ; F(w, ones(3))[3]
linalg.tensorsolve: F(q, t) ; F(q.reshape(2, 3, 2, 3), t, axes=(0, 1))
linalg.tensorinv: F(q) ; F(m, 1)
linalg.eigvals: F(real)
linalg.eig: (F(real)[0], F(real)[1] ** 2)
inner: F(w, 2.0)
interp: F(x, [1.5], [2.0]) ; F(1.0, [1.5], k[:1])
var: F(w[:1], axis=0)
polyval: F(k, w)
vander: F(x) ; F(x, 3, True)
poly: F(x) ; F(symmetric)
roots: sort(F(cubic)) ; sort(F(with_root_0))
polyadd polysub polymul: F(x, k)
polydiv: F(x, divisor)
polyder: F(x) ; F(x, 2)
polyint: F(x) ; F(x, 2, 0.5) ; F(x, 2, k)
polyfit: F(x, y, 2) ; F(x, z, 1) ; F(x, y, 1, w=[0.4, 2.1, 1.3, 0.9, 2.6])
polyfit: F(range(5), [2, 3, 4, 6, 7], 1, w=X)
linalg.vector_norm: F(w, ord=1) ; F(w, ord=1, axis=1, keepdims=True) ; F(w, ord=2)
linalg.vector_norm: F(w, ord=2, axis=1, keepdims=True) ; F(w, ord=3.5) ; F(w, ord=3.5, axis=1, keepdims=True)
linalg.vector_norm: F(w, ord=inf) ; F(w, ord=inf, axis=1, keepdims=True) ; F(w, ord=-inf)
linalg.vector_norm: F(w, ord=-inf, axis=1, keepdims=True)
linalg.matrix_norm: F(g, ord="fro") ; F(g, ord="nuc") ; F(g, ord=1) ; F(g, ord=-1) ; F(g, ord=2)
linalg.matrix_norm: F(g, ord=-2) ; F(g, ord=inf) ; F(g, ord=-inf)
linalg.cond: F(m) ; F(m, "fro") ; F(m, "nuc") ; F(m, 1) ; F(m, -1) ; F(m, 2) ; F(m, -2) ; F(m, inf) ; F(m, -inf)
"""
if hasattr(np, "matvec"):  # from NumPy 2.2 on
    TABLE += "matvec: F(h, u) ; F(m, t)\nvecmat: F(k, h)\n"
CASES = list(written(TABLE, OWN, **CONSTANTS))
