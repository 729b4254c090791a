"""One or more calls of every function that has a derivative: (NumPy's function, call, inputs).

The inputs are drawn so that the call is smooth around them; ties and kinks have tests of their own.
Most calls stand in tables of lines `functions: call ; call`. There F is the function, and each
letter an input, of which SHAPES has the shape; a capital letter is one whose entries are positive.
"""

from __future__ import annotations

import ast
import itertools
import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tests.properties.calls import add_at, set_at

linalg = np.linalg


class Case(NamedTuple):
    function: Any  # NumPy's own
    call: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]
    name: str

    def __repr__(self) -> str:
        return self.name


def values(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Entries all at least a little apart from each other and from whole numbers, in random order."""
    size = int(np.prod(shape))
    spread = np.linspace(low, high, size + 2)[1:-1]
    spread += (high - low) / (size + 2) * rng.uniform(-0.3, 0.3, size)
    near = np.abs(spread - np.round(spread)) < 0.01
    return rng.permutation(spread + near * 0.02).reshape(shape)


rng = np.random.default_rng(7)


def positive(*shape: int) -> np.ndarray:
    return values(*shape, low=0.3, high=3.2)


CHOICES = (np.maximum, np.minimum, np.fmax, np.fmin)
STEPS = (np.fmod, np.mod, np.remainder, np.floor_divide)


def definite(*shape: int) -> np.ndarray:
    a = values(*shape)
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1]) * 2


count = itertools.count()


def case(function: Any, call: Any, *inputs: np.ndarray) -> Case:
    shapes = "x".join(str(x.shape).replace(" ", "") for x in inputs)
    return Case(function, call, inputs, f"{function.__name__}-{next(count)}-{shapes}")


SHAPES = {
    "a": (), "b": (), "e": (0,), "u": (2,), "v": (2,), "k": (3,), "l": (3,), "p": (4,), "x": (5,), "y": (5,), "i": (7,),
    "r": (1, 3), "c": (2, 1), "s": (2, 2), "t": (2, 3), "n": (3, 2), "m": (3, 3), "w": (3, 4), "z": (5, 2), "o": (5, 3),
    "h": (2, 3, 2), "g": (2, 3, 3), "q": (2, 3, 6),
}  # fmt: skip


def written(
    table: str, own: dict[str, np.ndarray] | None = None, /, library: Any = np, **constants: Any
) -> Iterator[Case]:
    """The cases of a table, which has constants, and inputs of its own, by their names."""
    draws = {letter: lambda shape=shape: values(*shape) for letter, shape in SHAPES.items()}
    draws |= {key.upper(): lambda shape=shape: positive(*shape) for key, shape in SHAPES.items()}
    draws |= {name: lambda array=array: array.copy() for name, array in (own or {}).items()}
    for line in table.strip().splitlines():
        functions, _, calls = line.partition(": ")
        for name, call in itertools.product(functions.split(), calls.split(" ; ")):
            function = operator.attrgetter(name)(library)
            there = {node.id for node in ast.walk(ast.parse(call)) if isinstance(node, ast.Name)}
            inputs = [key for key in draws if key in there]
            make = eval(f"lambda F: lambda {', '.join(inputs)}: {call}", vars(np) | constants)
            yield case(function, make(function), *(draws[key]() for key in inputs))


MASK = np.array([[True, False, True], [False, True, False]])
OVER = """F(k) ; F(t) ; F(t, axis=0) ; F(t, axis=-1, keepdims=True) ; F(h, axis=(0, 2))"""
OVER += """ ; F(h, axis=(-1, 0), keepdims=True) ; F(t, keepdims=True)\n"""
ELEMENTWISE = """
negative positive absolute fabs exp exp2 expm1 square sin cos tanh sinh cosh arctan: F(a) ; F(e) ; F(r) ; F(t)
arcsinh deg2rad rad2deg degrees radians sinc cbrt reciprocal nan_to_num copy: F(a) ; F(e) ; F(r) ; F(t)
sign floor ceil trunc rint round around conjugate: F(a) ; F(e) ; F(r) ; F(t)
log log2 log10 log1p sqrt: F(A) ; F(E) ; F(R) ; F(T)
arcsin arccos arctanh tan: F(a / 2.2) ; F(e) ; F(r / 2.2) ; F(t / 2.2)
arccosh: F(A + 1) ; F(E + 1) ; F(R + 1) ; F(T + 1)
power: T**0 ; T**1 ; T**2 ; T**3 ; T**-1 ; T**0.5 ; T**2.0 ; 1**t ; 2**t ; 3**t ; 0.5**t ; t**2 + t**3
power: F(bases, exponents)
square: F(k, dtype=float64)
astype: F(u, float) ; u.astype(float)
where: F(mask, t, k) ; F(t > 0, t**2, exp(t)) ; F(mask, r, 0.0)
select: F([t > 1, t > 0], [t * k, k], 3.0)
clip: F(t, -1.03, 1.04) ; F(t, a_min=0.51, a_max=None) ; F(t, min=-0.5, max=0.6) ; F(t, k - 1, l[:1] + 1)
nan_to_num: F(k, nan=1.0, posinf=3.0)
"""
REDUCTIONS = """
nansum nanmean nanmax nanmin: F(k) ; F(t + holes, axis=1) ; F(t + holes, axis=0, keepdims=True)
sum mean var std: F(t, axis=1, where=rows)
sum prod max min: F(t, axis=1, where=rows, initial=0.7)
var std: F(t, axis=1, ddof=1, keepdims=True) ; F(t, ddof=1) ; F(t, mean=ones(1), axis=0)
sum: F(t, 1, None, None, True) ; F(t, dtype=float64)
prod: F(zero) ; F(zeros, 0) ; F(g, axis=(0, 2))
average: F(t, weights=weights) ; F(t, axis=1, weights=K) ; F(t, 0, weights, returned=True)[0]
quantile: F(w, q=0.4, axis=1, keepdims=True) ; F(h, q=[0.4, 0.7], axis=(0, 2)) ; F(z.T, u / 5 + 0.5, 1)
percentile: F(w, [10, 80], 0)
cumsum cumprod: F(t, None) ; F(t, 0) ; F(t, 1) ; F(z, -1)
cumprod: F(two_zeros)
logaddexp.reduce: F(t, axis=1, where=rows, initial=0.5)
add.reduce multiply.reduce maximum.reduce minimum.reduce logaddexp.reduce: F(n) ; F(n, axis=1, keepdims=True) ; F(n, axis=None)
add.accumulate multiply.accumulate maximum.accumulate minimum.accumulate logaddexp.accumulate: F(z) ; F(t, axis=1)
add.outer multiply.outer maximum.outer minimum.outer logaddexp.outer: F(i[:3], i[3:].reshape(2, 2))
diff gradient trapezoid: F(w, axis=0) ; F(w, axis=1) ; F(w, axis=-1)
diff: F(p, n=2, prepend=1.0, append=[2.0, 3.0]) ; F(p, n=0, prepend=1.0) ; F(t, prepend=c)
gradient: F(w) ; F(x, grid) ; F(x, 0.5, edge_order=2) ; F(z.T, grid, edge_order=2, axis=1)
gradient: F(o.T, 2.0, grid, axis=(0, 1)) ; F(x, nodes)
trapezoid: F(x, nodes) ; F(n, x=grid[:3], axis=0) ; F(t, dx=0.5)
trace: F(w) ; F(w, offset=1) ; F(w, offset=-1, axis1=1, axis2=0) ; F(g, axis1=2, axis2=1)
linalg.norm: F(h)
"""
SHAPED = """
reshape: F(t, (3, 2)) ; t.reshape(6) ; F(t, -1, order="F") ; F(t.T, (2, 3), order="A")
ravel: F(t) ; F(t, "F") ; F(t.T, "K")
transpose: F(t) ; t.T ; t.transpose(1, 0)
permute_dims: F(t, (1, 0))
matrix_transpose: F(t)
swapaxes: F(t, 0, 1)
moveaxis: F(t[None], 0, -1) ; F(t[None], (0, 2), (1, 0))
rollaxis: F(t, 1)
squeeze: F(t[None]) ; F(t[:, None], axis=1)
expand_dims: F(t, (0, 2))
atleast_1d atleast_3d: F(t)
atleast_2d: F(k) ; F(a, t)
atleast_3d: F(k)
broadcast_to: F(t, (4, 2, 3))
broadcast_arrays: F(t, t[0], 1.0)[1]
flip: F(t) ; F(t, 1) ; F(t, (0, 1))
fliplr flipud: F(t)
rot90: F(t) ; F(t, -1, (1, 0))
roll: F(t, 2) ; F(t, (1, 2), (0, 1)) ; F(t, 1, -1)
concatenate: F([t, t * t, ones((1, 3))]) ; F((t, t), axis=None)
concat: F([t, 2 * t], axis=-1)
stack: F([t, t**2], axis=1) ; F([t, ones((2, 3))], -1)
vstack: F([t, k])
hstack: F([t, c]) ; F([k, u])
dstack: F([t, t * 3])
column_stack: F([t, u])
block: F([[t, t * 2], [ones((1, 6))]]) ; F([k, u])
split: F(t, 3, axis=1) ; F(t, [1], axis=-1)
array_split: F(t, 2, axis=1)
hsplit: F(t, 3) ; F(k, 3)
vsplit: F(t, 2)
dsplit: F(t[None], [1, 2])
unstack: F(t, axis=1)
tile: F(t, 2) ; F(t, (2, 1, 2))
repeat: F(t, 2) ; F(t, [1, 0, 3], axis=1)
pad: F(t, 1) ; F(t, ((1, 2), (0, 1)), constant_values=3.0) ; F(t, ((1, 1), (2, 1)), mode="edge")
pad: F(t, ((1, 1), (2, 1)), mode="reflect") ; F(t, ((1, 1), (2, 1)), mode="symmetric")
pad: F(t, ((1, 1), (2, 1)), mode="wrap")
diag: F(t, 1) ; F(k, -1)
diagonal: F(t) ; F(t[None], offset=-1, axis1=1, axis2=2)
diagflat: F(t, 1)
tril triu: F(t) ; F(t, 1)
append: F(t, [1.0]) ; F(t, t, axis=1)
meshgrid: F(k, l) ; F(k, u, indexing="ij", sparse=True)
lib.stride_tricks.sliding_window_view: F(t, 2, axis=1) ; F(t, (2, 2))
take: F(t, [0, 5, 0]) ; F(t, [[0, 2], [2, 2]], axis=1) ; F(t, [-1, 7], axis=1, mode="wrap") ; F(t, 4, mode="clip")
take_along_axis: F(t, array([[0], [2]]), axis=1)
compress: F([True, False, True], t, axis=1) ; t.compress([False, True])
extract: F(t > 0, t)
sort: F(t) ; F(t, axis=None) ; F(t, axis=0)
partition: F(t, 1, axis=1)
"""
PRODUCTS = """
dot: F(a, t)
vdot: F(i[:6], t) ; F(i[:6], n)
inner vecdot: F(k, l) ; F(t, k) ; F(t[:, None], w.T)
vecdot: F(n, k[:, None], axis=0)
tensordot: F(t, n, 1) ; F(g, m[..., None]) ; F(g, n[..., None], ((0, -1), (1, 0))) ; F(u, s, 0)
kron outer: F(k, u) ; F(s, k) ; F(u, t) ; F(a, u)
einsum: F(t, [0, 1], n, [1, 2], [2, 0]) ; F(t, [..., 0])
cross: F(k, l) ; F(t, k) ; F(n, n[:, ::-1] * l[:, None], axis=0) ; F(n, t, axisa=0, axisb=-1, axisc=0)
convolve correlate: F(x, k, "full") ; F(k, x, "full") ; F(p, x[:4], "full") ; F(k[:1], l, "full") ; F(x, u, "full")
convolve correlate: F(x, k, "same") ; F(k, x, "same") ; F(p, x[:4], "same") ; F(k[:1], l, "same") ; F(x, u, "same")
convolve correlate: F(x, k, "valid") ; F(k, x, "valid") ; F(p, x[:4], "valid") ; F(k[:1], l, "valid") ; F(x, u, "valid")
linalg.det: F(of_rank_2) ; F(singular)
linalg.solve: F(definite, k) ; F(definite, [1.0, 2.0, 3.0]) ; F([[2.0, 0.0], [1.0, 3.0]], u)
linalg.cholesky: F(definite, upper=True)
linalg.pinv: F(n) ; F(t) ; F(m) ; F(h)
linalg.svd: F(n, compute_uv=False) ; F(t, compute_uv=False) ; F(m, compute_uv=False) ; F(h, compute_uv=False)
linalg.svd: of_svd(*F(n, False)) ; of_svd(*F(t, False)) ; of_svd(*F(m, False)) ; of_svd(*F(h, False))
linalg.qr: F(n) ; F(t) ; F(m) ; F(h) ; F(n, "r") ; F(t, "r") ; F(m, "r") ; F(h, "r")
linalg.eigh: of_eigh(*F(m)) ; of_eigh(*F(m, UPLO="U"))
linalg.eigvalsh: F(m, "L") ; F(m, "U")
linalg.matrix_power: F(third, -2) ; F(third, -1) ; F(third, 0) ; F(third, 1) ; F(third, 2) ; F(third, 3) ; F(third, 5)
linalg.multi_dot: F([t, n, u])
interp: F(points, at, heights) ; F(points, at, heights, 1.0, 2.0) ; F(points, places, p) ; F(points + 0.1, at, p, period=2.5)
"""


def of_svd(u: Any, s: Any, vt: Any) -> Any:
    """The parts of an SVD that do not depend on the signs NumPy happens to choose."""
    return s, u[..., :, :1] * vt[..., :1, :], u[..., :1] * u[..., :1, :1]


def of_eigh(w: Any, v: Any) -> Any:
    return w, v[:, :1] * v[:1, :1], v[:, 1:2] * v[2:, 1:2]


def make() -> Iterator[Case]:
    zeros, heights = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 3.0]]), values(4)
    rows = np.array([[True, True, False], [True, False, True]])
    grid, at = np.array([0.0, 0.5, 2.0, 2.5, 4.0]), np.array([0.1, 0.7, 1.5, 2.2])
    yield from written(
        ELEMENTWISE,
        {"bases": np.array([0.6, 1.3, 2.2]), "exponents": np.array([0.0, 1.0, -1.0])},
        mask=MASK,
    )
    names = "add subtract multiply divide true_divide maximum minimum fmax fmin logaddexp"
    names += " logaddexp2 arctan2 hypot copysign heaviside"
    pairs = {
        **dict.fromkeys(names.split(), (values, values)),
        **dict.fromkeys(["fmod", "mod", "remainder", "floor_divide"], (values, positive)),
        **dict.fromkeys(["power", "float_power"], (positive, values)),
    }
    no_axes, one, two = (), (3,), (2, 3)
    broadcasts = [(no_axes, no_axes), (one, no_axes), (no_axes, two), (two, one)]
    broadcasts += [((2, 1), (1, 3)), ((0, 2), (2,))]
    for name, (left, right) in pairs.items():
        f = getattr(np, name)
        for a, b in broadcasts:
            x, z = left(*a), right(*b)
            while (f in STEPS and np.any(np.abs(x / z - np.round(x / z)) < 0.03)) or (
                f in CHOICES and np.any(np.abs(x - z) < 0.03)
            ):
                x, z = left(*a), right(*b)  # too near a jump or a tie
            yield case(f, f, x, z)

    over = f"sum mean prod max min amax amin ptp median average: F(a) ; F(r, axis=0) ; {OVER}"
    methods = [
        "linear",
        "lower",
        "higher",
        "midpoint",
        "nearest",
        "hazen",
        "weibull",
        "median_unbiased",
    ]
    of_q = itertools.product((0.3, 0.5, 0.0, 1.0, [0.25, 0.6]), methods)
    orders = ["", *[", 1", ", 2", ", 3", ", 0.5", ", -1", ", -2", ", inf", ", -inf", ", 0"]]
    of_matrices = ["", *[", 'fro'", ", 'nuc'", ", 1", ", -1", ", 2", ", -2", ", inf", ", -inf"]]
    lines = [f"quantile: F(i, q={q}, method={method!r})" for q, method in of_q]
    lines += [f"linalg.norm: F(P{ord}) ; F(T{ord or ', None'}, 1, True)" for ord in orders]
    lines += [
        f"linalg.norm: F(n{o}) ; F(g[:, :2]{o or ', None'}, (2, 0), True)" for o in of_matrices
    ]
    yield from written(
        "\n".join([over, f"var std: {OVER}", REDUCTIONS.strip(), *lines]),
        {"zero": np.array([2.0, 0.0, 3.0]), "zeros": zeros, "nodes": grid + 0.01,
         "two_zeros": np.array([2.0, 0.0, 3.0, 0.0, 1.5])},
        rows=rows, holes=np.where(MASK, np.nan, 0.0), weights=positive(2, 3), grid=grid,
    )  # fmt: skip

    yield from written(SHAPED)
    for index in (
        0, -1, (1, 2), slice(1, None), (slice(None), slice(None, None, -2)), Ellipsis, (..., 1), None, (0, None),
        [0, 0, 1], np.array([[1, 0], [1, 1]]), (np.array([0, 1, 1]), np.array([2, 2, 2])), (slice(None), [2, 2, 0]),
        (np.array([0, 1])[:, None], [0, 2, 0]), MASK, (slice(None), np.array([True, False, True])), (0, [1, 1], None), (True,), [], np.int64(1),
    ):  # fmt: skip
        yield case(_named("getitem"), lambda x, i=index: x[i], values(2, 3))
        yield case(_named("set"), lambda x, i=index: set_at(x, i, x[i] ** 2), values(2, 3))
        yield case(_named("add"), lambda x, i=index: add_at(x, i, x[i] ** 2), values(2, 3))
    yield case(_named("set"), lambda x: set_at(y := np.square(x), (), 0.5) + y, np.array(1.3))
    places, three = np.array([[2, 0, 0], [-3, -3, -2]]), np.array([0.6, 1.3, 2.2])
    yield case(_named("add"), lambda x, v: add_at(x, places, v), three, 2 * three)
    columns = lambda x, v: set_at(x, (slice(None), [0, 0]), v)  # noqa: E731
    yield case(_named("set"), columns, values(2, 3), values(2, 2))
    yield case(_named("set"), lambda x, v: set_at(x, 1, v), values(2, 3), values())
    yield case(_named("set"), lambda x: set_at(x, slice(1, None), [[1.0, 2.0, 3.0]]), values(2, 3))

    # the shapes of both factors, each axis a digit
    factors = "3,3 23,3 3,32 23,34 223,32 23,432 3,232 223,3 2123,332 03,32 20,03"
    for shapes in factors.split():
        a, b = (tuple(map(int, shape)) for shape in shapes.split(","))
        yield case(np.matmul, np.matmul, values(*a), values(*b))
        yield case(np.dot, np.dot, values(*a), values(*b))
    for subscripts, *shapes in (
        ("ij,jk->ik", (2, 3), (3, 2)), ("ij,jk", (2, 3), (3, 2)), ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ij", (2, 3)),
        ("ii->i", (3, 3)), ("ii", (3, 3)), ("iij->j", (2, 2, 3)), ("iii->i", (2, 2, 2)), ("i,i,i->i", (3,), (3,), (3,)),
        ("...ij,...jk->...ik", (2, 2, 3), (3, 2)), ("...i->...", (2, 3)), ("i...,i...->...", (3, 2), (3, 2)), ("bij , bjk -> bik", (2, 2, 3), (2, 3, 2)),
        ("ij,k->i", (2, 3), (2,)), ("i,j->ij", (2,), (3,)), ("ba", (2, 3)), ("...,...", (2, 3), (3,)), (",ij->ij", (), (2, 2)), ("ij,ij->ij", (1, 3), (2, 3)),
        ("ij,jk,kl->il", (2, 3), (3, 2), (2, 2)), ("ij,j->i", (2, 3), (1,)), ("ij,ij->", (2, 3), (1, 3)), ("i->", (0,)),
    ):  # fmt: skip
        arrays = [values(*shape) for shape in shapes]
        for optimize in (False, True):
            einsum = lambda *xs, s=subscripts, o=optimize: np.einsum(s, *xs, optimize=o)  # noqa: E731
            yield case(np.einsum, einsum, *arrays)
    for shape in ((1, 1), (3, 3), (2, 3, 3), (5, 5)):
        square = definite(*shape) + values(*shape) * 0.3
        yield case(linalg.inv, linalg.inv, square)
        yield case(linalg.det, linalg.det, square)
        yield case(linalg.slogdet, lambda x: linalg.slogdet(x)[1], square)
        yield case(linalg.cholesky, linalg.cholesky, definite(*shape))
        yield case(linalg.solve, linalg.solve, square, values(*shape[:-1], 2))
    yield from written(
        PRODUCTS,
        {"definite": definite(3, 3), "third": definite(3, 3) / 3, "places": at,
         "of_rank_2": np.arange(9.0).reshape(3, 3), "points": np.array([-1.0, 0.3, 1.1, 1.9, 3.0]),
         "singular": np.arange(25.0).reshape(5, 5) ** 0.5 * (np.arange(5) > 0)},
        of_svd=of_svd, of_eigh=of_eigh, at=at, heights=heights,
    )  # fmt: skip


def _named(name: str) -> Any:
    marker = lambda: None  # noqa: E731
    marker.__name__ = name
    return marker


CASES = list(make())
