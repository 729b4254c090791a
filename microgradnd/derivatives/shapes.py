"""Functions that move, repeat and join entries without changing them."""

from functools import partial

import numpy as np

from ..arrays import add_at, in_dtype
from ..chain_rule import wide
from ..operators import array_of, beside, plain
from ..primitive import Primitive, derivative, primitive
from ..table import composed, each, table
from ..tree import leaves_of

routes = partial(derivative, kind="routes")

# ---- one function undoes the other ---------------------------------------------------------------


def _reshape(x, shape, order="C", copy=None):
    return x.reshape(shape, order=order) if order != "C" else x.reshape(shape)


def _unreshape(g, y, x, shape, order="C", copy=None):
    if order == "A":  # the layout that NumPy found in x
        order = "F" if plain(x).flags.fnc else "C"
    return _reshape(g, x.shape, order)


reshaped = Primitive(_reshape, (_unreshape,), "reshape", "routes")


@composed(np.reshape)
def reshape(a, shape, order="C", copy=None):
    return reshaped.apply((a,), {"shape": shape, "order": order})


@routes(
    np.transpose,
    forward=lambda a, axes=None: a.transpose() if axes is None else a.transpose(axes),
)
def _untranspose(g, y, a, axes=None):
    return np.transpose(g) if axes is None else np.transpose(g, np.argsort(np.mod(axes, a.ndim)))


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
table[np.fliplr] = lambda m: np.flip(m, 1)
table[np.flipud] = lambda m: np.flip(m, 0)


# ---- entries that come from anywhere -------------------------------------------------------------


def _gathered(x, source):
    padded = np.concatenate([np.zeros_like(x, shape=(1,)), np.ravel(x)])
    return padded[source]


def _scattered(g, source, shape):
    sums = np.zeros_like(wide(g), shape=(np.prod(shape, dtype=int) + 1,))
    return np.reshape(add_at(sums, np.ravel(source), np.ravel(g))[1:], shape)


scatter = primitive(
    _scattered,
    lambda h, y, g, source, shape: gather(h, source=source),
    name="scatter",
    kind="selects",
)
gather = primitive(
    _gathered,
    lambda g, y, x, source: scatter(g, source=source, shape=x.shape),
    name="gather",
    kind="selects",
)


def moving(function, name=None):
    """The table entry of a function that moves entries, repeats them, or fills in with zeros.

    Called with the numbers 1 to n, laid out like x, it shows where the entries go.
    """

    def rule(g, y, x, **options):
        numbers = np.empty_like(plain(x), dtype=np.intp)
        numbers[...] = beside(np.arange(1, x.size + 1).reshape(x.shape), numbers)
        return scatter(g, source=function(numbers, **options), shape=x.shape)

    return Primitive(function, (rule,), name or function.__name__, "selects")


windows = np.lib.stride_tricks.sliding_window_view
MOVING = np.tile, np.repeat, np.rot90, np.rollaxis, np.diag, np.diagonal, np.diagflat, np.take
MOVING += np.take_along_axis, np.delete, np.resize, np.fft.fftshift, np.fft.ifftshift, windows
for function in MOVING:
    table[function] = moving(function)


def arranged(function, arrays):
    """The entries of several arrays where a function puts those of arrays of numbers."""
    numbers, size = [], 0
    for a in arrays:
        numbers.append(np.reshape(np.arange(size + 1, size + np.size(a) + 1), np.shape(a)))
        size += np.size(a)
    return gather(np.concatenate([np.ravel(a) for a in arrays]), source=function(numbers))


@composed(np.insert)
def insert(arr, obj, values, axis=None):
    put = lambda numbers: np.insert(numbers[0], plain(obj), numbers[1], axis)  # noqa: E731
    return in_dtype(arranged(put, [arr, values]), np.asarray(plain(arr)).dtype)


@composed(np.choose)
def choose(a, choices, out=None, mode="raise"):
    put = lambda numbers: np.choose(plain(a), numbers, mode=mode)  # noqa: E731
    alike = [np.zeros(1, x.dtype) if hasattr(x, "dtype") else x for x in choices]
    return in_dtype(arranged(put, list(choices)), np.choose(0, alike).dtype)


_ravel, _pad = moving(np.ravel), moving(np.pad)
_compress = moving(lambda a, condition, axis=None: np.compress(condition, a, axis), "compress")
_extract = moving(lambda arr, condition: np.extract(condition, arr), "extract")


@composed(np.ravel)
def ravel(a, order="C"):
    return _ravel(a, order=order) if order == "K" else np.reshape(a, -1, order=order)


@composed(np.compress)
def compress(condition, a, axis=None, out=None):
    return _compress(a, condition=condition, axis=axis)


table[np.extract] = lambda condition, arr: _extract(arr, condition=condition)


@composed(np.pad)
def pad(array, pad_width, mode="constant", **options):
    if mode in _BORDERS:
        return _pad_axis_by_axis(array, pad_width, _BORDERS[mode], **options)
    fill = options.pop("constant_values", 0)
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap") or options:
        known = ", ".join(["constant, edge, reflect, symmetric, wrap", *_BORDERS])
        raise TypeError(
            f"pad: mode {mode!r} with {options or 'no options'} has no derivative here; use {known}"
        )
    padded = _pad(array, pad_width=pad_width, mode=mode)
    if mode != "constant" or (np.ndim(fill) == 0 and not np.any(fill)):
        return padded
    border = np.zeros_like(plain(array))
    return padded + np.pad(border, pad_width, constant_values=fill)


def _statistic(function, a, width, stat_length=None):
    """A border of one statistic of the entries next to it; NumPy's is that of all by default."""
    entries = a if stat_length is None else a[:stat_length]
    return np.repeat(function(entries, axis=0, keepdims=True), width, axis=0)


def _ramp(a, width, end_values=0):
    return np.linspace(end_values, a[0], width, endpoint=False)


_STATISTICS = {"mean": np.mean, "median": np.median, "maximum": np.max, "minimum": np.min}
_BORDERS = {name: partial(_statistic, f) for name, f in _STATISTICS.items()}
_BORDERS["linear_ramp"] = _ramp


def _pad_axis_by_axis(array, pad_width, border, **options):
    def pairs(value):
        if isinstance(value, dict):  # of axes
            value = [value.get(i, value.get(i - array.ndim, 0)) for i in range(array.ndim)]
            value = [np.broadcast_to(width, 2) for width in value]
        return np.broadcast_to(np.asarray(value), (array.ndim, 2)).tolist()

    sides = {name: pairs(value) for name, value in options.items()}
    for axis, (before, after) in enumerate(pairs(pad_width)):
        a = np.moveaxis(array, axis, 0)
        first, last = ({name: side[axis][k] for name, side in sides.items()} for k in (0, 1))
        low, high = border(a, before, **first), border(a[::-1], after, **last)[::-1]
        array = np.moveaxis(np.concatenate([low, a, high]), 0, axis)
    return array


# ---- joining -------------------------------------------------------------------------------------


def _slice(position, g, y, *arrays, axis):
    """The slice of the gradient that belongs to one of the arrays that were joined."""
    start = sum(array.shape[axis] for array in arrays[:position])
    slices = [slice(None)] * g.ndim
    slices[axis] = slice(start, start + arrays[position].shape[axis])
    return g[tuple(slices)]


joined = Primitive(
    lambda *arrays, axis: np.concatenate(arrays, axis=axis), each(_slice), "concatenate", "selects"
)


@composed(np.concatenate)
def concatenate(arrays, axis=0, out=None, dtype=None, casting="same_kind"):
    arrays = list(map(array_of, arrays))
    if axis is None:
        arrays, axis = [np.ravel(array) for array in arrays], 0
    value = joined.apply(arrays, {"axis": axis})
    return value if dtype is None else value.astype(dtype)


@composed(np.stack)
def stack(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    arrays = list(arrays)
    if len({np.shape(array) for array in arrays}) > 1:
        shapes = ", ".join(str(np.shape(array)) for array in arrays)
        raise ValueError(f"stack: expected equal shapes, got {shapes}")
    return np.concatenate([np.expand_dims(array, axis) for array in arrays], axis=axis, dtype=dtype)


@composed(np.block)
def block(arrays):
    """Lists joined along the last axis where they are innermost, along the one before around it."""
    depth, ndim = _depth(arrays), max(map(np.ndim, leaves_of(arrays)))
    ndim = max(depth, ndim)

    def joined(nested, axis):
        if isinstance(nested, list):
            return np.concatenate([joined(inner, axis + 1) for inner in nested], axis)
        return np.reshape(nested, (1,) * (ndim - np.ndim(nested)) + np.shape(nested))

    return joined(arrays, -depth)


def _depth(nested):
    return 1 + max(map(_depth, nested)) if isinstance(nested, list) else 0


# ---- splitting and arranging ---------------------------------------------------------------------


def _split(function, ary, indices_or_sections, axis=0):
    """NumPy splits a row of numbers, which shows the slices to take."""
    rows = function(np.arange(ary.shape[axis]), indices_or_sections)
    before = (slice(None),) * (axis % ary.ndim)
    slices = [slice(row[0], row[-1] + 1) if len(row) else slice(0, 0) for row in rows]
    return [ary[(*before, part)] for part in slices]


table[np.split] = partial(_split, np.split)
table[np.array_split] = partial(_split, np.array_split)


@composed(np.broadcast_arrays)
def broadcast_arrays(*arrays, subok=False):
    shape = np.broadcast_shapes(*(np.shape(array) for array in arrays))
    return tuple(np.broadcast_to(array, shape) for array in arrays)


@composed(np.full_like)
def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None):
    made = np.zeros_like(plain(a), dtype=dtype, shape=shape)
    return np.broadcast_to(fill_value, made.shape).astype(made.dtype)


@composed(np.meshgrid)
def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    rows = np.meshgrid(*map(range, map(np.size, xi)), sparse=True, indexing=indexing)
    grids = [np.reshape(x, row.shape) for x, row in zip(xi, rows, strict=True)]
    return tuple(grids) if sparse else broadcast_arrays(*grids)


# ---- functions of slices -------------------------------------------------------------------------


@composed(np.apply_along_axis)
def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    rows = np.moveaxis(arr, axis, -1)
    around = rows.shape[:-1]
    results = [func1d(rows[place], *args, **kwargs) for place in np.ndindex(*around)]
    whole = np.reshape(np.stack(results), (*around, *np.shape(results[0])))
    inner, axis = range(len(around), whole.ndim), axis % arr.ndim
    return np.moveaxis(whole, list(inner), [axis + i for i in range(len(inner))])
