"""One or more calls of every function that has a derivative: (NumPy's function, call, inputs).

The inputs are drawn so that the call is smooth around them; ties and kinks have tests of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tests.properties.calls import add_at, set_at

linalg = np.linalg
windows = np.lib.stride_tricks.sliding_window_view


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


def inside(*shape: int) -> np.ndarray:
    return values(*shape, low=-0.9, high=0.9)


CHOICES = (np.maximum, np.minimum, np.fmax, np.fmin)
STEPS = (np.fmod, np.mod, np.remainder, np.floor_divide)


def definite(*shape: int) -> np.ndarray:
    a = values(*shape)
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1]) * 2


count = itertools.count()


def case(function: Any, call: Any, *inputs: np.ndarray) -> Case:
    name = getattr(function, "__name__", None) or f"{function[0].__name__}.{function[1]}"
    shapes = "x".join(str(x.shape).replace(" ", "") for x in inputs)
    return Case(function, call, inputs, f"{name}-{next(count)}-{shapes}")


def calls(function: Any, inputs: list[np.ndarray], *options: Any) -> Iterator[Case]:
    """A case for each of the options, which stand behind the inputs: by position, or by name."""
    for given in options or ((),):
        more, named = ((), given) if isinstance(given, dict) else (given, {})
        call = lambda *xs, more=more, named=named: function(*xs, *more, **named)  # noqa: E731
        yield case(function, call, *inputs)


def make() -> Iterator[Case]:
    # ---- elementwise: 0-d, empty, one and two axes; on the values where each is defined
    anywhere = "negative positive absolute fabs exp exp2 expm1 square sin cos tanh sinh cosh arctan"
    anywhere += " arcsinh deg2rad rad2deg degrees radians sinc cbrt reciprocal nan_to_num copy"
    anywhere += " sign floor ceil trunc rint round around conjugate"
    domains = {
        **dict.fromkeys(anywhere.split(), values),
        **dict.fromkeys(["log", "log2", "log10", "log1p", "sqrt"], positive),
        **dict.fromkeys(["arcsin", "arccos", "arctanh", "tan"], inside),
        "arccosh": lambda *shape: positive(*shape) + 1,
    }
    for name, draw in domains.items():
        f = getattr(np, name)
        for shape in ((), (0,), (1, 3), (2, 3)):
            yield case(f, f, draw(*shape))

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
    for b in (0, 1, 2, 3, -1, 0.5, 2.0):
        yield case(np.power, lambda x, b=b: x**b, positive(2, 3))
        if b:
            yield case(np.power, lambda x, b=b: abs(b) ** x, values(2, 3))
    yield case(np.power, lambda x: x**2 + x**3, values(2, 3))
    yield case(np.power, np.power, np.array([0.6, 1.3, 2.2]), np.array([0.0, 1.0, -1.0]))
    yield from calls(np.square, [values(3)], {"dtype": np.float64})
    yield case(getattr(np, "astype", np.copy), lambda x: x.astype(float), values(2))

    # ---- choices
    m = np.array([[True, False, True], [False, True, False]])
    yield case(np.where, lambda a, b: np.where(m, a, b), values(2, 3), values(3))
    yield case(np.where, lambda a: np.where(a > 0, a**2, np.exp(a)), values(2, 3))
    yield case(np.where, lambda a: np.where(m, a, 0.0), values(1, 3))
    select = lambda a, b: np.select([a > 1, a > 0], [a * b, b], 3.0)  # noqa: E731
    yield case(np.select, select, values(2, 3), values(3))
    bounds = (-1.03, 1.04), {"a_min": 0.51, "a_max": None}, {"min": -0.5, "max": 0.6}
    yield from calls(np.clip, [values(2, 4)], *bounds)
    yield from calls(np.clip, [values(2, 3), values(3) - 1, values(1) + 1])
    yield from calls(np.nan_to_num, [values(3)], {"nan": 1.0, "posinf": 3.0})

    # ---- reductions
    over = [
        ((), {}), ((3,), {}), ((2, 3), {}), ((2, 3), {"axis": 0}), ((1, 3), {"axis": 0}),
        ((2, 3), {"axis": -1, "keepdims": True}), ((2, 3, 2), {"axis": (0, 2)}),
        ((2, 3, 2), {"axis": (-1, 0), "keepdims": True}), ((2, 3), {"keepdims": True}),
    ]  # fmt: skip
    names = "sum mean prod var std max min amax amin ptp median average"
    for name in names.split():
        f = getattr(np, name)
        for shape, options in over:
            if name in ("var", "std") and shape in ((), (1, 3)):
                continue  # no deviation: a kink for std
            yield case(f, lambda x, f=f, options=options: f(x, **options), values(*shape))
    for f in (np.nansum, np.nanmean, np.nanmax, np.nanmin):
        hole = np.where(m, np.nan, 0.0)
        yield case(f, lambda x, f=f: f(x), values(3))
        yield case(f, lambda x, f=f, hole=hole: f(x + hole, axis=1), values(2, 3))
        yield case(f, lambda x, f=f, hole=hole: f(x + hole, axis=0, keepdims=True), values(2, 3))
    rows = np.array([[True, True, False], [True, False, True]])
    chosen, start = {"axis": 1, "where": rows}, {"axis": 1, "where": rows, "initial": 0.7}
    for f in (np.sum, np.mean, np.var, np.std):
        yield from calls(f, [values(2, 3)], chosen)
    for f in (np.sum, np.prod, np.max, np.min):
        yield from calls(f, [values(2, 3)], start)
    spreads = {"axis": 1, "ddof": 1, "keepdims": True}, {"ddof": 1}, {"mean": np.ones(1), "axis": 0}
    for f in (np.var, np.std):
        yield from calls(f, [values(2, 3)], *spreads)
    yield from calls(np.sum, [values(2, 3)], (1, None, None, True), {"dtype": np.float64})
    yield from calls(np.prod, [np.array([2.0, 0.0, 3.0])])
    yield from calls(np.prod, [np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 3.0]])], (0,))
    yield from calls(np.prod, [values(2, 3, 3)], {"axis": (0, 2)})
    w = positive(2, 3)
    yield from calls(np.average, [values(2, 3)], {"weights": w})
    yield case(np.average, lambda x, w: np.average(x, axis=1, weights=w), values(2, 3), positive(3))
    yield case(np.average, lambda x: np.average(x, 0, w, returned=True)[0], values(2, 3))
    methods = "linear lower higher midpoint nearest hazen weibull median_unbiased"
    for q in (0.3, 0.5, 0.0, 1.0, [0.25, 0.6]):
        yield from calls(
            np.quantile, [values(7)], *({"q": q, "method": k} for k in methods.split())
        )
    yield from calls(np.quantile, [values(3, 4)], {"q": 0.4, "axis": 1, "keepdims": True})
    yield from calls(np.quantile, [values(3, 2, 4)], {"q": [0.4, 0.7], "axis": (0, 2)})
    yield from calls(np.quantile, [values(2, 5), inside(2) / 2 + 0.5], (1,))
    yield from calls(np.percentile, [values(3, 4)], ([10, 80], 0))
    for axis in (None, 0, 1, -1):
        yield from calls(np.cumsum, [values(2, 3)], (axis,))
        yield from calls(np.cumprod, [values(2, 5)], (axis,))
    yield from calls(np.cumprod, [np.array([2.0, 0.0, 3.0, 0.0, 1.5])])
    logsumexp = lambda x: np.logaddexp.reduce(x, axis=1, where=rows, initial=0.5)  # noqa: E731
    yield case((np.logaddexp, "reduce"), logsumexp, values(2, 3))
    for ufunc in (np.add, np.multiply, np.maximum, np.minimum, np.logaddexp):
        yield case((ufunc, "reduce"), lambda x, u=ufunc: u.reduce(x), values(3, 2))
        for options in ({"axis": 1, "keepdims": True}, {"axis": None}):
            reduce = lambda x, u=ufunc, o=options: u.reduce(x, **o)  # noqa: E731
            yield case((ufunc, "reduce"), reduce, values(3, 2))
        yield case((ufunc, "accumulate"), lambda x, u=ufunc: u.accumulate(x), values(5, 2))
        yield case((ufunc, "accumulate"), lambda x, u=ufunc: u.accumulate(x, axis=1), values(2, 3))
        both = values(7)  # no two of them near each other
        yield case((ufunc, "outer"), ufunc.outer, both[:3], both[3:].reshape(2, 2))
    for f in (np.diff, np.gradient, np.trapezoid):
        yield from calls(f, [values(3, 4)], {"axis": 0}, {"axis": 1}, {"axis": -1})
    ends = {"n": 2, "prepend": 1.0, "append": [2.0, 3.0]}, {"n": 0, "prepend": 1.0}
    yield from calls(np.diff, [values(4)], *ends)
    yield case(np.diff, lambda x, y: np.diff(x, prepend=y), values(2, 3), values(2, 1))
    grid = np.array([0.0, 0.5, 2.0, 2.5, 4.0])
    yield from calls(np.gradient, [values(3, 4)])
    yield from calls(np.gradient, [values(5)], (grid,))
    yield case(np.gradient, lambda x: np.gradient(x, 0.5, edge_order=2), values(5))
    yield case(np.gradient, lambda x: np.gradient(x, grid, edge_order=2, axis=1), values(2, 5))
    yield case(np.gradient, lambda x: np.gradient(x, 2.0, grid, axis=(0, 1)), values(3, 5))
    yield from calls(np.gradient, [values(5), grid + 0.01])
    yield from calls(np.trapezoid, [values(5), grid + 0.01])
    yield from calls(np.trapezoid, [values(3, 2)], {"x": grid[:3], "axis": 0})
    yield from calls(np.trapezoid, [values(2, 3)], {"dx": 0.5})
    moved = {"offset": -1, "axis1": 1, "axis2": 0}
    yield from calls(np.trace, [values(3, 4)], {}, {"offset": 1}, moved)
    yield from calls(np.trace, [values(2, 3, 3)], {"axis1": 2, "axis2": 1})
    for ord in (None, 1, 2, 3, 0.5, -1, -2, np.inf, -np.inf, 0):
        yield from calls(linalg.norm, [positive(4)], (ord,))
        yield from calls(linalg.norm, [positive(2, 3)], (ord, 1, True))
    for ord in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        yield from calls(linalg.norm, [values(3, 2)], (ord,))
        yield from calls(linalg.norm, [values(2, 2, 3)], (ord, (2, 0), True))
    yield from calls(linalg.norm, [values(2, 2, 2)])

    # ---- shapes
    one = [
        (np.reshape, lambda x: np.reshape(x, (3, 2))), (np.reshape, lambda x: x.reshape(6)),
        (np.reshape, lambda x: np.reshape(x, -1, order="F")), (np.reshape, lambda x: np.reshape(x.T, (2, 3), order="A")),
        (np.ravel, np.ravel), (np.ravel, lambda x: np.ravel(x, "F")), (np.ravel, lambda x: np.ravel(x.T, "K")),
        (np.transpose, np.transpose), (np.transpose, lambda x: x.T), (np.transpose, lambda x: x.transpose(1, 0)),
        (np.permute_dims, lambda x: np.permute_dims(x, (1, 0))), (np.matrix_transpose, np.matrix_transpose),
        (np.swapaxes, lambda x: np.swapaxes(x, 0, 1)), (np.moveaxis, lambda x: np.moveaxis(x[None], 0, -1)),
        (np.moveaxis, lambda x: np.moveaxis(x[None], (0, 2), (1, 0))), (np.rollaxis, lambda x: np.rollaxis(x, 1)),
        (np.squeeze, lambda x: np.squeeze(x[None])), (np.squeeze, lambda x: np.squeeze(x[:, None], axis=1)),
        (np.expand_dims, lambda x: np.expand_dims(x, (0, 2))), (np.atleast_1d, np.atleast_1d),
        (np.atleast_2d, lambda x: np.atleast_2d(x[0])), (np.atleast_3d, np.atleast_3d),
        (np.atleast_3d, lambda x: np.atleast_3d(x[0])), (np.atleast_2d, lambda x: np.atleast_2d(x[0, 0], x)),
        (np.broadcast_to, lambda x: np.broadcast_to(x, (4, 2, 3))), (np.broadcast_arrays, lambda x: np.broadcast_arrays(x, x[0], 1.0)[1]),
        (np.flip, np.flip), (np.flip, lambda x: np.flip(x, 1)), (np.flip, lambda x: np.flip(x, (0, 1))), (np.fliplr, np.fliplr),
        (np.flipud, np.flipud), (np.rot90, np.rot90), (np.rot90, lambda x: np.rot90(x, -1, (1, 0))),
        (np.roll, lambda x: np.roll(x, 2)), (np.roll, lambda x: np.roll(x, (1, 2), (0, 1))), (np.roll, lambda x: np.roll(x, 1, -1)),
        (np.concatenate, lambda x: np.concatenate([x, x * x, np.ones((1, 3))])), (np.concatenate, lambda x: np.concatenate((x, x), axis=None)),
        (np.concat, lambda x: np.concat([x, 2 * x], axis=-1)), (np.stack, lambda x: np.stack([x, x**2], axis=1)),
        (np.stack, lambda x: np.stack([x, np.ones((2, 3))], -1)), (np.vstack, lambda x: np.vstack([x, x[0]])),
        (np.hstack, lambda x: np.hstack([x, x[:, :1]])), (np.hstack, lambda x: np.hstack([x[0], x[1, :1]])),
        (np.dstack, lambda x: np.dstack([x, x * 3])), (np.column_stack, lambda x: np.column_stack([x, x[:, 0]])),
        (np.block, lambda x: np.block([[x, x * 2], [np.ones((1, 6))]])), (np.block, lambda x: np.block([x[0], x[1]])),
        (np.split, lambda x: np.split(x, 3, axis=1)), (np.split, lambda x: np.split(x, [1], axis=-1)),
        (np.array_split, lambda x: np.array_split(x, 2, axis=1)), (np.hsplit, lambda x: np.hsplit(x, 3)), (np.hsplit, lambda x: np.hsplit(x[0], 3)),
        (np.vsplit, lambda x: np.vsplit(x, 2)), (np.dsplit, lambda x: np.dsplit(x[None], [1, 2])),
        (np.tile, lambda x: np.tile(x, 2)), (np.tile, lambda x: np.tile(x, (2, 1, 2))), (np.repeat, lambda x: np.repeat(x, 2)),
        (np.repeat, lambda x: np.repeat(x, [1, 0, 3], axis=1)), (np.pad, lambda x: np.pad(x, 1)),
        (np.pad, lambda x: np.pad(x, ((1, 2), (0, 1)), constant_values=3.0)), (np.diag, lambda x: np.diag(x, 1)), (np.diag, lambda x: np.diag(x[0], -1)),
        (np.diagonal, np.diagonal), (np.diagonal, lambda x: np.diagonal(x[None], offset=-1, axis1=1, axis2=2)), (np.diagflat, lambda x: np.diagflat(x, 1)),
        (np.tril, np.tril), (np.triu, lambda x: np.triu(x, 1)), (np.append, lambda x: np.append(x, [1.0])), (np.append, lambda x: np.append(x, x, axis=1)),
        (np.meshgrid, lambda x: np.meshgrid(x[0], x[1])), (np.meshgrid, lambda x: np.meshgrid(x[0], x[:, 0], indexing="ij", sparse=True)),
        (windows, lambda x: windows(x, 2, axis=1)), (windows, lambda x: windows(x, (2, 2))),
        # ---- indexing
        (np.take, lambda x: np.take(x, [0, 5, 0])), (np.take, lambda x: np.take(x, [[0, 2], [2, 2]], axis=1)),
        (np.take, lambda x: np.take(x, [-1, 7], axis=1, mode="wrap")), (np.take, lambda x: np.take(x, 4, mode="clip")),
        (np.take_along_axis, lambda x: np.take_along_axis(x, np.array([[0], [2]]), axis=1)),
        (np.compress, lambda x: np.compress([True, False, True], x, axis=1)), (np.compress, lambda x: x.compress([False, True])),
        (np.extract, lambda x: np.extract(x > 0, x)), (np.sort, np.sort), (np.sort, lambda x: np.sort(x, axis=None)), (np.sort, lambda x: np.sort(x, axis=0)),
        (np.partition, lambda x: np.partition(x, 1, axis=1)),
    ]  # fmt: skip
    one += [
        (np.pad, lambda x, mode=mode: np.pad(x, ((1, 1), (2, 1)), mode=mode))
        for mode in ("edge", "reflect", "symmetric", "wrap")
    ]
    one.append((np.unstack, lambda x: np.unstack(x, axis=1)))
    for index in (
        0, -1, (1, 2), slice(1, None), (slice(None), slice(None, None, -2)), Ellipsis, (..., 1), None, (0, None),
        [0, 0, 1], np.array([[1, 0], [1, 1]]), (np.array([0, 1, 1]), np.array([2, 2, 2])), (slice(None), [2, 2, 0]),
        (np.array([0, 1])[:, None], [0, 2, 0]), m, (slice(None), np.array([True, False, True])), (0, [1, 1], None), (True,), [], np.int64(1),
    ):  # fmt: skip
        one.append(("getitem", lambda x, index=index: x[index]))
        one.append(("set", lambda x, index=index: set_at(x, index, x[index] ** 2)))
        one.append(("add", lambda x, index=index: add_at(x, index, x[index] ** 2)))
    for function, call in one:
        key = function if callable(function) else _named(function)
        yield case(key, call, values(2, 3))
    for shape_a, shape_b in (((3,), (2,)), ((2, 2), (3,)), ((2,), (2, 3)), ((), (2,))):
        yield case(np.kron, np.kron, values(*shape_a), values(*shape_b))
        yield case(np.outer, np.outer, values(*shape_a), values(*shape_b))
    yield case(_named("set"), lambda x: set_at(y := np.square(x), (), 0.5) + y, np.array(1.3))
    places, three = np.array([[2, 0, 0], [-3, -3, -2]]), np.array([0.6, 1.3, 2.2])
    yield case(_named("add"), lambda x, v: add_at(x, places, v), three, 2 * three)
    marker = _named("set")
    columns = lambda x, v: set_at(x, (slice(None), [0, 0]), v)  # noqa: E731
    yield case(marker, columns, values(2, 3), values(2, 2))
    yield case(marker, lambda x, v: set_at(x, 1, v), values(2, 3), values())
    yield case(marker, lambda x: set_at(x, slice(1, None), [[1.0, 2.0, 3.0]]), values(2, 3))

    # ---- products: the shapes of both factors, each axis a digit
    factors = "3,3 23,3 3,32 23,34 223,32 23,432 3,232 223,3 2123,332 03,32 20,03"
    for shapes in factors.split():
        a, b = (tuple(map(int, shape)) for shape in shapes.split(","))
        yield case(np.matmul, np.matmul, values(*a), values(*b))
        yield case(np.dot, np.dot, values(*a), values(*b))
    yield from calls(np.dot, [values(), values(2, 3)])
    for a, b in (((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (4, 3))):
        yield case(np.vdot, np.vdot, values(6), values(2, 3))
        yield case(np.inner, np.inner, values(*a), values(*b))
        yield case(np.vecdot, np.vecdot, values(*a), values(*b))
    yield from calls(np.vecdot, [values(3, 2), values(3, 1)], {"axis": 0})
    yield from calls(np.tensordot, [values(2, 3), values(3, 2)], (1,))
    yield from calls(np.tensordot, [values(2, 2, 3), values(2, 3, 2)])
    yield from calls(np.tensordot, [values(2, 4, 3), values(3, 2, 2)], (((0, -1), (1, 0)),))
    yield from calls(np.tensordot, [values(2), values(2, 2)], (0,))
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
    listed = lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0])  # noqa: E731
    yield case(np.einsum, listed, values(2, 3), values(3, 2))
    yield from calls(np.einsum, [values(2, 3)], ([..., 0],))
    for shape in ((3,), (2, 3)):
        yield from calls(np.cross, [values(*shape), values(3)])
    yield from calls(np.cross, [values(3, 2), values(3, 2)], {"axis": 0})
    yield from calls(np.cross, [values(3, 2), values(2, 3)], {"axisa": 0, "axisb": -1, "axisc": 0})
    for a, b in ((5, 3), (3, 5), (4, 4), (1, 3), (5, 2)):
        for f in (np.convolve, np.correlate):
            yield from calls(f, [values(a), values(b)], ("full",), ("same",), ("valid",))
    for shape in ((1, 1), (3, 3), (2, 3, 3), (5, 5)):
        square = definite(*shape) + values(*shape) * 0.3
        yield case(linalg.inv, linalg.inv, square)
        yield case(linalg.det, linalg.det, square)
        yield case(linalg.slogdet, lambda x: linalg.slogdet(x)[1], square)
        yield case(linalg.cholesky, linalg.cholesky, definite(*shape))
        yield case(linalg.solve, linalg.solve, square, values(*shape[:-1], 2))
    yield case(linalg.det, linalg.det, np.arange(9.0).reshape(3, 3))  # of rank 2
    yield case(linalg.det, linalg.det, np.arange(25.0).reshape(5, 5) ** 0.5 * (np.arange(5) > 0))
    yield case(linalg.solve, linalg.solve, definite(3, 3), values(3))
    yield case(linalg.solve, lambda a: linalg.solve(a, [1.0, 2.0, 3.0]), definite(3, 3))
    yield case(linalg.solve, lambda b: linalg.solve([[2.0, 0.0], [1.0, 3.0]], b), values(2))
    yield from calls(linalg.cholesky, [definite(3, 3)], {"upper": True})
    for shape in ((3, 2), (2, 3), (3, 3), (2, 3, 2)):
        yield from calls(linalg.pinv, [values(*shape)])
        yield from calls(linalg.svd, [values(*shape)], {"compute_uv": False})
        yield case(linalg.svd, _gauge_svd, values(*shape))
        yield from calls(linalg.qr, [values(*shape)], (), ("r",))
    square = values(3, 3)  # not symmetric, though it is called so
    for uplo in ("L", "U"):
        yield case(linalg.eigh, lambda x, u=uplo: _gauge_eigh(x, u), square)
        yield from calls(linalg.eigvalsh, [square], (uplo,))
    yield from calls(
        linalg.matrix_power, [definite(3, 3) / 3], *((n,) for n in (-2, -1, 0, 1, 2, 3, 5))
    )
    chain = lambda a, b, c: linalg.multi_dot([a, b, c])  # noqa: E731
    yield case(linalg.multi_dot, chain, values(2, 3), values(3, 2), values(2))
    at, heights = np.array([0.1, 0.7, 1.5, 2.2]), values(4)
    x = np.array([-1.0, 0.3, 1.1, 1.9, 3.0])
    yield from calls(np.interp, [x], (at, heights), (at, heights, 1.0, 2.0))
    yield from calls(np.interp, [x, at, heights])
    yield case(np.interp, lambda x, fp: np.interp(x, at, fp, period=2.5), x + 0.1, heights)


def _named(name: str) -> Any:
    marker = lambda: None  # noqa: E731
    marker.__name__ = name
    return marker


def _gauge_svd(x: Any) -> Any:
    """The parts of an SVD that do not depend on the signs NumPy happens to choose."""
    u, s, vt = linalg.svd(x, full_matrices=False)
    return s, u[..., :, :1] * vt[..., :1, :], u[..., :1] * u[..., :1, :1]


def _gauge_eigh(x: Any, uplo: str) -> Any:
    w, v = linalg.eigh(x, UPLO=uplo)
    return w, v[:, :1] * v[:1, :1], v[:, 1:2] * v[2:, 1:2]


CASES = list(make())
