"""np.linalg: solving, inverting and factorising matrices on the last two axes, and norms.

The rules follow from the product rule, as collected by M. B. Giles, "Collected matrix derivative
results for forward and reverse mode algorithmic differentiation" (2008).
"""

import numpy as np
from numpy import inf

from ..arrays import holds, in_dtype
from ..operators import foreign, plain, real
from ..primitive import derivative, primitive
from ..table import composed, table
from .elementwise import nonzero
from .numpys_own import on_tensors
from .reductions import spread


def T(x):
    return x.swapaxes(-1, -2)


def diagonal(x):
    """Vectors as diagonal matrices."""
    return x[..., None] * foreign(np.eye(x.shape[-1], dtype=x.dtype), x)


def lower_half(x):
    """The gradient of a symmetric matrix of which only the lower triangle is read."""
    return np.tril(x) + np.tril(T(x), -1)


def one_over(x):
    """1/x, and 0 where x is 0."""
    return np.where(x == 0, 0, 1 / np.where(x == 0, 1, x))


def gaps(x):
    """1/(xⱼ - xᵢ) in row i and column j, 0 on the diagonal and where two values coincide."""
    return one_over(x[..., None, :] - x[..., :, None])


def check_determined(values, *gradients):
    """Refuse a gradient with respect to vectors whose values coincide: any turn of them will do."""
    values = plain(values)
    near = values.shape[-1] * np.finfo(values.dtype).eps * np.max(np.abs(values), -1, initial=0)
    close = np.abs(values[..., None, :] - values[..., :, None]) <= near[..., None, None]
    shared = np.sum(close, axis=-1) > 1  # close to another value than itself
    for gradient in gradients:
        columns = np.any(plain(gradient) != 0, axis=-2)
        if holds(np.any(shared[..., : columns.shape[-1]] & columns)):
            raise ValueError(
                "eigenvectors and singular vectors of equal values are not determined, so they "
                "have no derivative; use the values alone (to first order), or separate them"
            )


# ---- inverses and determinants -------------------------------------------------------------------

derivative(np.linalg.inv, lambda g, y, a: -T(y) @ g @ T(y))


@derivative(np.linalg.pinv, forward=lambda a, **options: np.linalg.pinv(a, **options))
def _pinv_rule(g, y, a, rcond=None, *, rtol=None):
    """Golub and Pereyra (1973), for matrices of constant rank."""
    return (
        -T(y) @ g @ T(y)
        + (T(g) - a @ (y @ T(g))) @ (y @ T(y))
        + (T(y) @ y) @ (T(g) - (T(g) @ y) @ a)
    )


def _solve_left(g, y, a, b):
    back = _solve_right(g, y, a, b)
    return -back[..., :, None] * y[..., None, :] if b.ndim == 1 else -back @ T(y)


def _solve_right(g, y, a, b):
    return np.linalg.solve(T(a), g[..., None])[..., 0] if b.ndim == 1 else np.linalg.solve(T(a), g)


_solve = primitive(lambda a, b: np.linalg.solve(a, b), _solve_left, _solve_right, name="solve")
table[np.linalg.solve] = lambda a, b: _solve(real(a), real(b))


def cofactors(a):
    """The signed determinants without row i and column j: d det(A) / dAᵢⱼ."""
    n = a.shape[-1]
    rest = (np.arange(n)[:, None] + np.arange(1, n)) % n  # the others, from the next on
    minors = a[..., rest[:, None, :, None], rest[None, :, None, :]]
    return np.linalg.det(minors) * (-1.0) ** ((n - 1) * np.add.outer(range(n), range(n)))


@derivative(np.linalg.det)
def _det_rule(g, y, a):
    """dL/dA = g · det(A) · A⁻ᵀ; where A is nearly singular, from the cofactors."""
    if a.shape[-1] > 3 and holds(np.all(np.linalg.cond(plain(a)) < 1e6)):
        return (g * y)[..., None, None] * T(np.linalg.inv(a))
    return g[..., None, None] * cofactors(a)


derivative(np.linalg.slogdet, lambda g, y, a: g[1][..., None, None] * T(np.linalg.inv(a)))

# ---- factorisations ------------------------------------------------------------------------------


def _cholesky_rule(g, y, a):
    inner = np.tril(T(y) @ g)
    inner = inner - diagonal(np.diagonal(inner, axis1=-2, axis2=-1)) / 2
    whole = np.linalg.solve(T(y), T(np.linalg.solve(T(y), T(inner))))
    return lower_half((whole + T(whole)) / 2)


_cholesky = primitive(lambda a: np.linalg.cholesky(a), _cholesky_rule, name="cholesky")
table[np.linalg.cholesky] = lambda a, upper=False: T(_cholesky(T(a))) if upper else _cholesky(a)


def _in_eigenvectors(g, y):
    """diag(ḡ_w) + F ∘ (P - VᵀV·diag(P)) with P = Vᵀ ḡ_V, for columns of V of length 1."""
    (g_values, g_vectors), (values, vectors) = g, y
    check_determined(values, g_vectors)
    product = T(vectors) @ g_vectors
    along = np.diagonal(product, axis1=-2, axis2=-1)[..., None, :]  # changes the length alone
    return diagonal(g_values) + gaps(values) * (product - (T(vectors) @ vectors) * along)


@derivative(np.linalg.eigh)
def _eigh_rule(g, y, a, UPLO="L"):
    """A = V·diag(w)·Vᵀ: dL/dA = V (…) Vᵀ."""
    whole = y[1] @ _in_eigenvectors(g, y) @ T(y[1])
    return T(lower_half(T(whole))) if UPLO.upper() == "U" else lower_half(whole)


table[np.linalg.eigvalsh] = lambda a, UPLO="L": np.linalg.eigh(a, UPLO)[0]


def _svd_rule(g, y, a):
    """A = U·diag(s)·Vᵀ (Townsend 2016), Fᵢⱼ = sⱼ / (sⱼ² - sᵢ²).

    The two terms added at the end belong to what U and V do not span if A is not square.
    """
    (g_u, g_s, g_vt), (u, s, vt) = g, y
    outside = np.zeros_like(plain(s), shape=(*s.shape[:-1], int(a.shape[-1] != a.shape[-2])))
    check_determined(np.concatenate([plain(s), outside], -1), g_u, T(g_vt))
    S, v, g_v = s[..., None, :], T(vt), T(g_vt)
    F = gaps(s) * (S * one_over(S + T(S)))
    left, right = T(u) @ g_u, vt @ g_v
    inner = diagonal(g_s) + F * (left - T(left)) - T(F) * (right - T(right))
    outside_u = (g_u - u @ left) * one_over(S) @ vt
    outside_v = u * one_over(S) @ T(g_v - v @ right)
    return u @ inner @ vt + outside_u + outside_v


_svd = primitive(lambda a: np.linalg.svd(a, full_matrices=False), _svd_rule, name="svd")


@composed(np.linalg.svd)
def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    if hermitian:
        raise TypeError("svd(hermitian=True) has no derivative; use np.linalg.eigh")
    if not compute_uv:
        return _svd(a)[1]
    if full_matrices and a.shape[-1] != a.shape[-2]:
        raise TypeError(
            f"svd: the full factors of a matrix of shape {a.shape} are not determined, and have "
            "no derivative; use full_matrices=False"
        )
    return _svd(a)


def _real_eig(a):
    found = np.linalg.eig(a)
    if found.eigenvalues.dtype.kind == "c":
        raise TypeError("eig: the eigenvalues are complex; a gradient needs real ones")
    return found


@derivative(np.linalg.eig, forward=_real_eig)
def _eig_rule(g, y, a):
    """A = V·diag(w)·V⁻¹: dL/dA = V⁻ᵀ (…) Vᵀ."""
    return np.linalg.solve(T(y[1]), _in_eigenvectors(g, y) @ T(y[1]))


table[np.linalg.eigvals] = lambda a: np.linalg.eig(a)[0]


def _qr_rule(g, y, a):
    """A = Q·R: dL/dA = (ḡ_Q + Q·C) R⁻ᵀ, C the lower triangle of R·ḡ_Rᵀ - ḡ_Qᵀ·Q, mirrored."""
    (g_q, g_r), (q, r) = g, y
    m = r @ T(g_r) - T(g_q) @ q
    return T(np.linalg.solve(r, T(g_q + q @ (np.tril(m) + T(np.tril(m, -1))))))


_qr = primitive(lambda a: np.linalg.qr(a), _qr_rule, name="qr")


@composed(np.linalg.qr)
def qr(a, mode="reduced"):
    rows, columns = a.shape[-2:]
    if mode not in ("reduced", "complete", "r") or (mode == "complete" and rows > columns):
        raise TypeError(f"qr: mode {mode!r} has no derivative for shape {a.shape}; use 'reduced'")
    q, r = factors = _qr(a[..., :rows])
    if columns > rows:  # the columns beyond the square only enter R
        factors = type(factors)(q, np.concatenate([r, T(q) @ a[..., rows:]], axis=-1))
    return factors[1] if mode == "r" else factors


# ---- equations -----------------------------------------------------------------------------------


@composed(np.linalg.lstsq)
def lstsq(a, b, rcond=None):
    dtype = np.result_type(plain(real(a)), plain(real(b)))
    a, b = in_dtype(real(a), dtype), in_dtype(real(b), dtype)
    rank, size = np.linalg.lstsq(plain(a), plain(b), rcond)[2], min(a.shape)
    if rank < size:
        raise ValueError(f"lstsq: the rank is {rank}, not {size}, and may change: no derivative")
    x = np.linalg.pinv(a) @ b
    residuals = np.atleast_1d(np.sum((b - a @ x) ** 2, axis=0))
    return x, residuals[: len(residuals) * (a.shape[0] > size)], rank, np.linalg.svdvals(a)


@composed(np.linalg.tensorsolve)
def tensorsolve(a, b, axes=None):
    a = a if axes is None else np.moveaxis(a, axes, range(-len(axes), 0))
    a, shape = real(a), a.shape[np.ndim(b) :]
    return np.reshape(np.linalg.solve(np.reshape(a, (np.size(b), -1)), np.ravel(b)), shape)


# ---- norms ---------------------------------------------------------------------------------------


def _euclidean(x, axis=None, keepdims=False):
    x = np.abs(x) if x.dtype.kind == "c" else x
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


euclidean = primitive(
    _euclidean,
    lambda g, y, x, axis=None, keepdims=False: (
        spread(g, x, axis, keepdims) * x / (nonzero(spread(y, x, axis, keepdims)) if x.size else 1)
    ),
    name="norm",
)


def _power_rule(g, y, x, order, axis=None, keepdims=False):
    """|x|ᵖ⁻¹ / yᵖ⁻¹; a norm that is 0 has no slope, and 0 is a subgradient."""
    g, y = (spread(each, x, axis, keepdims) for each in (g, y))
    size = np.where(y == 0, 1, y)
    slope = np.sign(x) * np.abs(x) ** (order - 1) * size ** (1 - order)
    return g * np.where(y == 0, 0, slope)


def _order_rule(g, y, x, order, axis=None, keepdims=False):
    """y / p · Σ rᵖ log r, where r = |x| / y."""
    size = spread(y, x, axis, keepdims)
    shares = np.abs(x) / np.where(size == 0, 1, size)
    logs = np.log(np.where(shares == 0, 1, shares))
    return g * y / order * np.sum(shares**order * logs, axis=axis, keepdims=keepdims)


_power_norm = primitive(
    lambda x, order, **along: np.sum(np.abs(x) ** order, **along) ** (1 / order),
    _power_rule,
    _order_rule,
    name="norm",
)


_numpys_norm = on_tensors(np.linalg.norm)


@composed(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    x, along = real(x), {"axis": axis, "keepdims": keepdims}
    axes = x.ndim if axis is None else np.size(axis)
    learned = getattr(ord, "requires_grad", False)
    if learned and axes != 1:
        raise TypeError("norm: the order of a matrix norm has no derivative")
    usual = isinstance(ord, str) or ord in (None, 0, 1, 2, inf, -inf)
    if learned or (axes == 1 and not usual):
        return _power_norm(x, ord, **along)
    if ord == 0 and axes == 1:
        return np.sum(np.nan_to_num(np.abs(np.sign(x)), nan=1.0), **along)
    if (ord is None and axis is None) or (axes, ord) in ((1, None), (1, 2), (2, None), (2, "fro")):
        return euclidean(x, **along)
    return _numpys_norm(x, ord, **along)


@composed(np.linalg.cond)
def cond(x, p=None):
    if p in (None, 2, -2):
        s = np.linalg.svdvals(real(x))
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return np.linalg.matrix_norm(x, ord=p) * np.linalg.matrix_norm(np.linalg.inv(x), ord=p)
