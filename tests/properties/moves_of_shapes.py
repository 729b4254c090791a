"""Moves of a draft: functions that change shapes, join, pick and sort entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.properties.calls import V
from tests.properties.drafts import Draft, Shape, named, some_axes

# ---- shapes --------------------------------------------------------------------------------------


def another_shape(d: Draft, size: int) -> Any:
    n = d.choice(n for n in range(1, size + 1) if size % n == 0)
    return d.choice([(n, size // n), (n, -1), -1, (size,), (1, n, -1), (size // n, 1, n)])


def order_of(d: Draft, count: int) -> Shape:
    return tuple(d.random.sample(range(count), count))


def with_axis(d: Draft, x: Any, argument: Callable[[int], Any]) -> Any:
    """An argument for the length of some axis, and the axis."""
    axis = d.axis(x.ndim)
    return argument(x.shape[axis]), axis


def repeats(d: Draft, size: int) -> Any:
    return d.choice([2, d.constants().integers(0, 3, size) | (np.arange(size) == 0)])


def widths(d: Draft, ndim: int) -> Any:
    return [(d.upto(0, 1), d.upto(0, 1)) for _ in range(ndim)]


LAYOUTS: dict[str, Callable[[Draft, Any], tuple[Any, ...]]] = {
    "reshape": lambda d, x: (another_shape(d, x.size), d.choice("CF")),
    "ravel": lambda d, x: (d.choice("CF"),),
    "transpose": lambda d, x: d.choice([(), (order_of(d, x.ndim),)]),
    "swapaxes": lambda d, x: (d.axis(x.ndim), d.axis(x.ndim)),
    "moveaxis": lambda d, x: (d.axis(x.ndim), d.axis(x.ndim)),
    "rollaxis": lambda d, x: (d.axis(x.ndim), d.upto(0, x.ndim)),
    "expand_dims": lambda d, x: (d.axis(x.ndim + 1),),
    "broadcast_to": lambda d, x: ((d.upto(1, 2), *x.shape),),
    "flip": lambda d, x: (some_axes(d, x.ndim),),
    "roll": lambda d, x: (d.upto(-2, 2), d.choice([None, d.axis(x.ndim)])),
    "tile": lambda d, x: (d.choice([2, (2, 1), (1, 2)]),),
    "repeat": lambda d, x: with_axis(d, x, lambda size: repeats(d, size)),
    "pad": lambda d, x: (widths(d, x.ndim), d.choice(["constant", "edge", "symmetric", "wrap"])),
    "diagflat": lambda d, x: (d.upto(-1, 1),),
    "lib.stride_tricks.sliding_window_view": lambda d, x: with_axis(d, x, lambda n: d.upto(1, n)),
    **dict.fromkeys(["squeeze", "flipud", "atleast_1d", "atleast_2d"], lambda d, x: ()),
    "atleast_3d": lambda d, x: (),
}
LAYOUTS_OF_MATRICES: dict[str, Callable[[Draft, Any], tuple[Any, ...]]] = {
    "rot90": lambda d, x: (d.upto(-1, 3), d.choice([(0, 1), (1, 0)])),
    "tril": lambda d, x: (d.upto(-1, 1),),
    "triu": lambda d, x: (d.upto(-1, 1),),
    "diagonal": lambda d, x: (0, *order_of(d, x.ndim)[:2]),
    "trace": lambda d, x: (d.upto(0, 1), *order_of(d, x.ndim)[:2]),
    **dict.fromkeys(["fliplr", "matrix_transpose"], lambda d, x: ()),
}


def layout(d: Draft) -> V:
    table, ndim = d.choice([(LAYOUTS, 1)] * 3 + [(LAYOUTS_OF_MATRICES, 2)])
    v, name = d.pick(ndim), d.choice(table)
    return d.do(f"np.{name}", v, *table[name](d, d[v]))


def join(d: Draft) -> V:
    """Values of one shape joined, or of shapes that differ along the axis."""
    v = d.pick(least_ndim=1)
    shape, axis = d.of(v), d.axis(d[v].ndim)
    name = d.choice(named("concatenate stack append vstack hstack dstack column_stack"))
    if name in ("np.concatenate", "np.append"):
        other = list(shape)
        other[axis] = d.upto(1, 3)
        pair = [v, d.operand(tuple(other)) if d.upto(0, 3) == 0 else d.of_shape(tuple(other))]
        axis = d.choice([axis, None])
        return d.do(name, *pair, axis=axis) if name == "np.append" else d.do(name, pair, axis=axis)
    parts = [v, *(d.of_shape(shape) for _ in range(d.upto(0, 2)))]
    return d.do(name, parts, axis=axis) if name == "np.stack" else d.do(name, parts)


def block(d: Draft) -> V:
    m, n, k = (d.upto(1, 2) for _ in "mnk")
    rows = [[d.of_shape((m, n)), d.of_shape((m, k))], [d.of_shape((1, k)), d.operand((1, n))]]
    return d.do("np.block", rows)


def parts(d: Draft) -> list[V]:
    """A function of several results, each of which goes on."""
    v = d.pick(least_ndim=1)
    axis = d.axis(d[v].ndim)
    name = d.choice(named("array_split split broadcast_arrays meshgrid unstack"))
    if name == "np.array_split":
        made = d.do(name, v, min(2, d.of(v)[axis]), axis=axis)
    elif name == "np.split":
        made = d.do(name, v, [1] if d.of(v)[axis] > 1 else 1, axis=axis)
    elif name == "np.unstack":
        made = d.do(name, v, axis=axis)
    elif name == "np.broadcast_arrays":
        made = d.do(name, v, d.of_shape(d.partner(v)))
    else:
        pair = d.of_shape(d.shape(1, 1)), d.of_shape(d.shape(1, 1))
        made = d.do(name, *pair, indexing=d.choice(["xy", "ij"]), sparse=d.maybe())
    return [d.do("operator.getitem", made, i) for i in range(len(d[made]))]


# ---- entries -------------------------------------------------------------------------------------


def slices(d: Draft, size: int) -> Any:
    """A slice that is not empty."""
    start = d.upto(0, size - 1)
    everything, reversed_ = slice(None), slice(None, None, -1)
    return d.choice([everything, reversed_, slice(start, None), slice(None, start + 1)])


def random_index(d: Draft, shape: Shape) -> Any:
    """An index that names at least one entry: basic, of integers, or a mask."""
    kind = d.choice(["basic", "integers", "mask", "mixed"])
    rng = d.constants()
    if kind == "mask":
        return np.asarray(rng.integers(0, 2, shape) > 0) | (np.indices(shape).sum(axis=0) == 0)
    if kind == "integers" and shape:
        which = d.shape(1, 2)
        count = d.upto(1, len(shape))
        index = tuple(rng.integers(-size, size, which) for size in shape[:count])
        return index if count > 1 or d.maybe() else index[0]
    if kind == "mixed" and shape:
        index = [slices(d, size) for size in shape]
        axis = d.upto(0, len(shape) - 1)
        size = shape[axis]
        mask = (rng.integers(0, 2, size) > 0) | (np.arange(size) == 0)
        index[axis] = d.choice([rng.integers(-size, size, d.upto(1, 4)), mask])
        if d.maybe():
            index.insert(d.upto(0, len(index)), None)
        return tuple(index)
    index = [d.choice([slices(d, size), d.upto(-size, size - 1)]) for size in shape]
    if d.maybe():
        start = d.upto(0, len(index))
        index[start : d.upto(start, len(index))] = [Ellipsis]
    elif d.maybe():
        index = index[: d.upto(0, len(index))]
    if d.maybe():
        index.insert(d.upto(0, len(index)), None)
    return tuple(index)


def entries(d: Draft) -> V:
    v = d.pick()
    return d.do("operator.getitem", v, random_index(d, d.of(v)))


def changed_entries(d: Draft) -> V:
    v = d.pick()
    index = random_index(d, d.of(v))
    shape = np.shape(d[v][index])
    new = d.operand() if d.upto(0, 3) == 0 else d.of_shape(d.choice([shape, shape[1:], ()]))
    return d.do(d.choice(["set_at", "add_at"]), v, index, new)


def take(d: Draft) -> V:
    v = d.pick(least_ndim=1)
    axis = d.axis(d[v].ndim)
    size = d.of(v)[axis]
    if d.maybe():
        return d.do("np.take", v, d.constants().integers(-size, size, d.shape(0, 2)), axis=axis)
    kept = (d.constants().integers(0, 2, size) > 0) | (np.arange(size) == 0)
    return d.do("np.compress", kept, v, axis=axis)


def sorted_entries(d: Draft) -> V:
    v = d.pick(least_ndim=1)
    axis = d.axis(d[v].ndim)
    name = d.choice(named("sort argsort partition"))
    if name == "np.sort":
        return d.do(name, v, axis=d.choice([axis, None]))
    if name == "np.argsort":
        order = d.do(name, v, axis=axis)
        return d.do("np.take_along_axis", d.of_shape(d.of(v)), order, axis)
    k = d.upto(0, d.of(v)[axis] - 1)
    return d.do("np.take", d.do(name, v, k, axis=axis), k, axis=axis)  # the others lie anywhere


def interpolation(d: Draft) -> V:
    points = [np.array([-1.6, -0.3, 0.7, 1.9]), np.array([0, 1, 2, 5], "u1")]
    points = points[0] if d.program.tied else d.choice(points)  # at a point, the slope jumps
    return d.do("np.interp", d.pick(), points, d.operand((4,)) if d.maybe() else d.of_shape((4,)))


MOVES = [
    *[layout] * 6,
    *[join, join, block, parts],
    *[entries] * 3,
    *[changed_entries, changed_entries, take, sorted_entries, sorted_entries, interpolation],
]
