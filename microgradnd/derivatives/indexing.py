"""Reading entries at an index, and setting them in a copy."""

import operator

import numpy as np

from ..arrays import add_at, is_foreign, kept, operand, own
from ..chain_rule import wide
from ..operators import plain
from ..primitive import Primitive, primitive
from ..table import table


def repeats_nothing(index):
    """Whether an index is made of integers and slices only, and so names no entry twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or (isinstance(part, slice | int | np.integer) and not isinstance(part, bool))
        for part in parts
    )


def _zeros_with(g, like, index):
    """Zeros with g added at the index, once for each time that an entry is named."""
    out = np.zeros_like(like, dtype=wide(g).dtype)
    if type(g) is not type(out) and is_foreign(g) and not is_foreign(out):
        raise TypeError(f"np.zeros_like of {type(g).__name__} is NumPy's: entries have no gradient")
    if repeats_nothing(index):
        parts = index if isinstance(index, tuple) else (index,)
        if None in parts:  # Dask cannot write where the index has new axes
            index = tuple(part for part in parts if part is not None)
            g = g.reshape(out[index].shape)
        out[index] = g
    else:
        out = add_at(out, index, g)
    return out


def _writable(x, values):
    """A copy of x to write the values to, widened where x is not floating-point."""
    return own(x) if x.dtype.kind == "f" else own(x).astype(np.result_type(x, values))


def _with(x, values, index):
    out = _writable(x, values)
    out[index] = values
    return out


def _plus(x, values, index):
    out = _writable(x, values)
    # NumPy 2.4 reads beyond the end of values that have fewer axes than the index: no broadcasting
    return add_at(out, index, np.broadcast_to(values, out[index].shape))


def _last_written(g, x, index):
    """g at the index, but 0 where an entry is named again later, which overwrote the value."""
    read = g[index]
    if repeats_nothing(index):
        return read
    order = np.arange(read.size).reshape(read.shape)
    writer = np.zeros(x.shape, dtype=int)
    writer[index] = order
    return np.where(writer[index] == order, read, 0)


getitem = Primitive(
    lambda x, index: x[index],
    (lambda g, y, x, index: zeros_with(g, like=plain(x), index=index),),
    "getitem",
    "selects",
)
zeros_with = primitive(
    _zeros_with, lambda h, y, g, like, index: h[index], name="zeros_with", kind="routes"
)
with_entries = primitive(
    _with,
    lambda g, y, x, values, index: with_entries(g, 0, index=index),
    lambda g, y, x, values, index: _last_written(g, x, index),
    name="set",
    kind="selects",
)
plus_entries = primitive(
    _plus,
    lambda g, y, x, values, index: g,
    lambda g, y, x, values, index: g[index],
    name="add_at",
    kind="selects",
)


def indices(index):
    """An index with integer arrays in place of Tensors, safe from later changes."""
    if type(index) in (int, slice):  # the usual case
        return index
    if isinstance(index, tuple):
        return tuple(map(indices, index))
    index = plain(index)
    if isinstance(index, list):
        return np.array(index) if index else np.empty(0, int)
    return kept(index)


table[operator.getitem] = lambda x, index: getitem.apply((x,), {"index": indices(index)})
table[operator.setitem] = lambda x, values, index: with_entries.apply(
    (x, operand(values)), {"index": indices(index)}
)
table[operator.iadd] = lambda x, values, index: plus_entries.apply(
    (x, operand(values)), {"index": indices(index)}
)
