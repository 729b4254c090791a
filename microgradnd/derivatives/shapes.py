"""Functions that move, repeat and join entries without changing them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..operators import plain
from ..primitive import Primitive, derivative, each, primitive
from ..table import composed, table

routes = functools.partial(derivative, kind="routes")

# ---- one function undoes the other ---------------------------------------------------------------


def _reshape(x: Any, shape: Any, order: str = "C", copy: Any = None) -> Any:
    return x.reshape(shape, order=order) if order != "C" else x.reshape(shape)


def _unreshape(g: Any, y: Any, x: Any, shape: Any, order: str = "C", copy: Any = None) -> Any:
    if order == "A":  # the layout that NumPy found in x
        order = "F" if plain(x).flags.fnc else "C"
    return _reshape(g, x.shape, order)


reshaped = Primitive(_reshape, (_unreshape,), "reshape", "routes")


@composed(np.reshape)
def reshape(a: Any, shape: Any = None, order: str = "C", newshape: Any = None, copy: Any = None) -> Any:
    return reshaped.apply((a,), {"shape": newshape if shape is None else shape, "order": order})


def _untranspose(g: Any, y: Any, a: Any, axes: Any = None) -> Any:
    return np.transpose(g) if axes is None else np.transpose(g, np.argsort(np.mod(axes, a.ndim)))


routes(
    np.transpose,
    _untranspose,
    forward=lambda a, axes=None: a.transpose() if axes is None else a.transpose(axes),
)
routes(
    np.swapaxes,
    lambda g, y, a, axis1, axis2: np.swapaxes(g, axis1, axis2),
    forward=lambda a, axis1, axis2: a.swapaxes(axis1, axis2),
)
routes(np.moveaxis, lambda g, y, a, source, destination: np.moveaxis(g, destination, source))
routes(np.squeeze, lambda g, y, a, axis=None: g.reshape(a.shape))
routes(np.expand_dims, lambda g, y, a, axis: g.reshape(a.shape))
routes(np.broadcast_to, lambda g, y, array, shape, subok=False: g)  # summed back by the engine
routes(np.flip, lambda g, y, m, axis=None: np.flip(g, axis))
routes(np.roll, lambda g, y, a, shift, axis=None: np.roll(g, np.negative(shift), axis))
routes(np.tril, lambda g, y, m, k=0: np.tril(g, k))
routes(np.triu, lambda g, y, m, k=0: np.triu(g, k))
if hasattr(np, "matrix_transpose"):
    table[np.matrix_transpose] = table[np.linalg.matrix_transpose] = lambda x: np.swapaxes(x, -1, -2)


@composed(np.fliplr)
def fliplr(m: Any) -> Any:
    return np.flip(m, 1)


@composed(np.flipud)
def flipud(m: Any) -> Any:
    return np.flip(m, 0)


# ---- entries that come from anywhere ---------------------------------------------------------------


def _gathered(x: Any, source: Any) -> Any:
    padded = np.concatenate([np.zeros_like(x, shape=(1,)), np.ravel(x)])
    return padded[source]


def _scattered(g: Any, source: Any, shape: tuple[int, ...]) -> Any:
    sums = np.zeros_like(g, shape=(np.prod(shape, dtype=int) + 1,))
    np.add.at(sums, np.ravel(source), np.ravel(g))
    return np.reshape(sums[1:], shape)


scatter = primitive(
    _scattered, lambda h, y, g, source, shape: gather(h, source=source), name="scatter", kind="routes"
)
gather = primitive(
    _gathered, lambda g, y, x, source: scatter(g, source=source, shape=x.shape), name="gather", kind="selects"
)


def moving(function: Any, name: str | None = None) -> Primitive:
    """The entry for a function that only moves entries, repeats them, or fills in with zeros.

    Where they go is found by handing it numbers instead of values: 1 to n, laid out like x.
    """

    def rule(g: Any, y: Any, x: Any, **options: Any) -> Any:
        numbers = np.empty_like(plain(x), dtype=np.intp)
        numbers[...] = np.arange(1, x.size + 1).reshape(x.shape)
        return scatter(g, source=function(numbers, **options), shape=x.shape)

    return Primitive(function, (rule,), name or function.__name__, "selects")


windows = np.lib.stride_tricks.sliding_window_view
for function in (
    np.tile,
    np.repeat,
    np.rot90,
    np.rollaxis,
    np.diag,
    np.diagonal,
    np.diagflat,
    np.take,
    np.take_along_axis,
    windows,
):
    table[function] = moving(function)

_ravel, _pad = moving(np.ravel), moving(np.pad)
_compress = moving(lambda a, condition, axis=None: np.compress(condition, a, axis), "compress")
_extract = moving(lambda arr, condition: np.extract(condition, arr), "extract")


@composed(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    return np.reshape(a, -1, order=order) if order in ("C", "F") else _ravel(a, order=order)


@composed(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None, out: None = None) -> Any:
    return _compress(a, condition=condition, axis=axis)


@composed(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    return _extract(arr, condition=condition)


@composed(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    fill = options.pop("constant_values", 0)
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap") or options:
        raise TypeError(
            f"pad: mode {mode!r} with {options or 'no options'} has no derivative here; there are "
            "constant (constant_values=), edge, reflect, symmetric and wrap"
        )
    padded = _pad.apply((array,), {"pad_width": pad_width, "mode": mode})
    if mode != "constant" or (np.ndim(fill) == 0 and not np.any(fill)):
        return padded
    border = np.zeros(np.shape(array), array.dtype)
    return padded + np.pad(border, pad_width, constant_values=fill)


# ---- joining ---------------------------------------------------------------------------------------


def _part(position: int, g: Any, y: Any, *arrays: Any, axis: int) -> Any:
    """The slice of the gradient that belongs to one of the arrays that were joined."""
    start = sum(array.shape[axis] for array in arrays[:position])
    slices = [slice(None)] * g.ndim
    slices[axis] = slice(start, start + arrays[position].shape[axis])
    return g[tuple(slices)]


joined = Primitive(
    lambda *arrays, axis: np.concatenate(arrays, axis=axis), each(_part), "concatenate", "selects"
)


@composed(np.concatenate)
def concatenate(
    arrays: Any, axis: int | None = 0, out: None = None, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    arrays = [array if hasattr(array, "ndim") else np.asarray(array) for array in arrays]
    if axis is None:
        arrays, axis = [np.ravel(array) for array in arrays], 0
    value = joined.apply(arrays, {"axis": axis})
    return value if dtype is None else value.astype(dtype)


@composed(np.stack)
def stack(arrays: Any, axis: int = 0, out: None = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    arrays = list(arrays)
    if len({np.shape(array) for array in arrays}) > 1:
        raise ValueError(f"stack: the shapes differ: {', '.join(str(np.shape(a)) for a in arrays)}")
    return np.concatenate([np.expand_dims(array, axis) for array in arrays], axis=axis, dtype=dtype)


@composed(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    return np.concatenate([np.atleast_2d(array) for array in tup], axis=0, dtype=dtype)


@composed(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    arrays = [np.atleast_1d(array) for array in tup]
    return np.concatenate(arrays, axis=0 if arrays and arrays[0].ndim == 1 else 1, dtype=dtype)


@composed(np.dstack)
def dstack(tup: Any) -> Any:
    return np.concatenate([np.atleast_3d(array) for array in tup], axis=2)


@composed(np.column_stack)
def column_stack(tup: Any) -> Any:
    columns = [array if np.ndim(array) > 1 else np.reshape(array, (-1, 1)) for array in tup]
    return np.concatenate(columns, axis=1)


@composed(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return np.concatenate([arr, values], axis=axis)


@composed(np.block)
def block(arrays: Any) -> Any:
    ndim = max(_depth(arrays), *(np.ndim(leaf) for leaf in _blocks(arrays)))
    return _assembled(arrays, _depth(arrays), ndim)


def _depth(nested: Any) -> int:
    return 1 + max(map(_depth, nested)) if isinstance(nested, list) else 0


def _blocks(nested: Any) -> list[Any]:
    return [leaf for inner in nested for leaf in _blocks(inner)] if isinstance(nested, list) else [nested]


def _assembled(nested: Any, level: int, ndim: int) -> Any:
    if not isinstance(nested, list):
        return np.reshape(nested, (1,) * (ndim - np.ndim(nested)) + np.shape(nested))
    return np.concatenate([_assembled(inner, level - 1, ndim) for inner in nested], axis=-level)


# ---- splitting and arranging -------------------------------------------------------------------------


def _split_with(function: Any, fixed_axis: int | None = None) -> Any:
    """np.split and its family: NumPy splits a row of numbers, and the slices are taken from that."""

    def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
        axis = axis if fixed_axis is None else 0 if fixed_axis == 1 and ary.ndim == 1 else fixed_axis
        rows = function(np.arange(ary.shape[axis]), indices_or_sections)
        before = (slice(None),) * (axis % ary.ndim)
        return [ary[(*before, slice(row[0], row[-1] + 1) if len(row) else slice(0, 0))] for row in rows]

    return split


table[np.split] = _split_with(np.split)
table[np.array_split] = _split_with(np.array_split)
table[np.vsplit] = _split_with(np.split, 0)
table[np.hsplit] = _split_with(np.split, 1)
table[np.dsplit] = _split_with(np.split, 2)


def unstack(x: Any, /, *, axis: int = 0) -> Any:
    return tuple(np.moveaxis(x, axis, 0))


if hasattr(np, "unstack"):
    table[np.unstack] = unstack


def _at_least(ndim: int, shape: Any) -> Any:
    def at_least(*arrays: Any) -> Any:
        grown = tuple(a if np.ndim(a) >= ndim else np.reshape(a, shape(np.shape(a))) for a in arrays)
        return grown[0] if len(grown) == 1 else grown

    return at_least


table[np.atleast_1d] = _at_least(1, lambda shape: (1,))
table[np.atleast_2d] = _at_least(2, lambda shape: (1, *shape) if shape else (1, 1))
table[np.atleast_3d] = _at_least(
    3, lambda shape: {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}[len(shape)]
)


@composed(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*(np.shape(array) for array in arrays))
    return tuple(np.broadcast_to(array, shape) for array in arrays)


@composed(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing is 'xy' or 'ij', not {indexing!r}")
    places = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        places[:2] = 1, 0
    grids = [
        np.reshape(x, [-1 if axis == place else 1 for axis in range(len(xi))])
        for x, place in zip(xi, places, strict=True)
    ]
    return tuple(grids) if sparse else broadcast_arrays(*grids)
