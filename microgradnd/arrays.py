"""The arrays inside Tensors: how they are made, copied and protected from later changes."""

from __future__ import annotations

import functools
import itertools
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np

from .tree import map_leaves

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
ArrayLike = np.typing.ArrayLike  # what np.asarray takes, and so a Tensor
Function = TypeVar("Function", bound=Callable[..., Any])

_default_dtype: np.dtype[Any] = np.dtype(np.float64)
_NUMPYS = np.ndarray, np.generic  # a union of the two would be made anew in each check


class set_default_dtype:
    """Set the dtype that numbers and lists get in a Tensor, from now on or inside a `with`.

    >>> from microgradnd import Tensor, set_default_dtype
    >>> with set_default_dtype(np.float32):
    ...     Tensor([1, 2]).dtype
    dtype('float32')
    >>> Tensor([1, 2]).dtype
    dtype('float64')
    """

    def __init__(self, dtype: Any) -> None:
        global _default_dtype
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"the default dtype must be a float dtype, got {np.dtype(dtype)}")
        self._before, _default_dtype = _default_dtype, np.dtype(dtype)

    def __enter__(self) -> set_default_dtype:
        return self

    def __exit__(self, *error: object) -> None:
        global _default_dtype
        _default_dtype = self._before


def check_array_like(value: Any) -> None:
    """Refuse arrays that compute otherwise than NumPy's: matrices, masked, sparse and the like."""
    kind = type(value)
    if isinstance(value, np.ndarray):
        known = kind is np.ndarray or kind is np.memmap
    elif isinstance(value, np.generic) or hasattr(kind, "__array_function__"):
        known = True
    else:
        is_array = hasattr(kind, "__array__") and not hasattr(kind, "__array_ufunc__")
        known = not (is_array or hasattr(kind, "__array_priority__"))
    if not known:
        raise TypeError(
            f"expected numbers or a NumPy array, got {kind.__module__}.{kind.__name__}, which "
            "computes in its own way; convert it first, for example with np.asarray(...), "
            "masked.filled(...) or sparse.toarray()"
        )


def as_array(data: Any, dtype: Any = None, copy: bool = True) -> Array:
    """An array for a Tensor: arrays keep their dtype, numbers and lists get the default one."""
    check_array_like(data)
    if isinstance(data, _NUMPYS):
        array = np.array(data, dtype, copy=True if copy else None)
    elif hasattr(data, "__array_function__"):  # another library's array
        array = data if dtype is None else data.astype(dtype)
        array = array.copy() if copy else array
    else:
        array = np.array(data, dtype)
        if dtype is None and array.dtype.kind in "biuf":
            array = array.astype(_default_dtype)
    if array.dtype.kind not in "biufc":
        raise TypeError(
            f"a Tensor holds numbers, got {array.dtype} ({type(data).__name__}); "
            "use an array of floats, integers or booleans"
        )
    return array


def is_numpys(array: Any) -> bool:
    """Whether it is an array or a number of NumPy's own, and not another library's."""
    return isinstance(array, _NUMPYS)


def is_foreign(array: Any) -> bool:
    """Whether it is an array of another library (Tensors, and what replay() records, are not)."""
    kind = type(array)
    own = is_numpys(array) or hasattr(kind, "kept") or hasattr(kind, "requires_grad")
    return not own and hasattr(kind, "__array_function__")


def on_host(array: Any) -> Array:
    """The values as an array of NumPy's; other libraries' arrays have a method for it."""
    if not is_numpys(array) and hasattr(type(array), "__array_function__"):
        for name in ("numpy", "get"):
            if hasattr(array, name):
                return getattr(array, name)()  # type: ignore[no-any-return]
    return np.asarray(array)


def add_at(target: Any, index: Any, values: Any) -> Any:
    """The target with values added at the index, once for each time it names an entry: NumPy's own
    array is changed in place."""
    try:
        np.add.at(target, index, values)
    except TypeError:  # ufuncs of other libraries have no methods
        if is_numpys(target):
            raise
        places = np.arange(target.size, like=target).reshape(target.shape)[index]
        values = np.ravel(np.broadcast_to(values, places.shape))
        sums = np.bincount(np.ravel(places), values, target.size)
        return target + sums.reshape(target.shape).astype(target.dtype)
    return target


def reduce(ufunc: Any, x: Any, **options: Any) -> Any:
    """ufunc.reduce, which is quicker than NumPy's function, and that one for other libraries."""
    try:
        return ufunc.reduce(x, **options)
    except TypeError:
        if is_numpys(x):
            raise
        functions: dict[Any, Any] = {np.maximum: np.max, np.add: np.sum, np.logical_and: np.all}
        return functions[ufunc](x, **options)


def over_rows(ufunc: Any, x: Any) -> Any:
    """The sums or the maxima along the last axis, which stays: many short rows are quick."""
    ours = type(x) is np.ndarray
    if x.ndim and x.size and in_rows(x):
        if ours and ufunc is np.maximum:
            return largest(x)
        if ufunc is np.add and x.dtype == np.float32:  # of float64 every digit may count
            if ours or not is_foreign(x):
                return x @ _ones(x.shape[-1])
            return x @ np.ones_like(x, shape=(x.shape[-1], 1))
    return reduce(ufunc, x, axis=-1, keepdims=True)


def dots_of_rows(a: Any, b: Any) -> Any:
    """np.vecdot, without an array of the products; CuPy has the matrix product alone."""
    if is_foreign(getattr(a, "_array", a)):
        return (a[..., None, :] @ b[..., None])[..., 0, 0]
    return np.vecdot(a, b)


def in_rows(x: Any) -> bool:
    """Whether it lies in memory row by row, in rows that a product adds up about as well as reduce.

    What is made of one that lies otherwise would lie otherwise, and so may be rounded otherwise,
    than what a replay makes. Other libraries may not tell.
    """
    flags = getattr(x, "flags", None)
    return x.shape[-1] <= 2**14 and (flags is None or bool(flags.c_contiguous))


def largest(x: Array, out: Array | None = None) -> Array:
    """The maxima along the last axis, which stays; argmax is faster, as it takes several entries at
    once."""
    places = x.argmax(-1, keepdims=True)
    starts = _starts if places.size < 5000 else _starts.__wrapped__  # long ones are not kept
    places += starts(*x.shape)
    return x.take(places, None, out if out is None else out.reshape(places.shape), "clip")


@functools.lru_cache(maxsize=1024)
def _starts(*shape: int) -> Array:
    """The place of each row's first entry."""
    return np.arange(0, math.prod(shape), shape[-1]).reshape(*shape[:-1], 1)


@functools.lru_cache(maxsize=1024)
def _ones(rows: int) -> Array:
    return np.ones((rows, 1), np.float32)


def in_short_buffers(function: Function) -> Function:
    """The function of an array, computed in buffers of 1,008 entries instead of 8,192.

    NumPy first copies rows that are broadcast, or part of longer ones, into its buffer, if two or
    more of them fit. With rows of 512 entries or more, which now do not, that takes up to three
    times as long as the computation.
    """

    @functools.wraps(function)
    def computed(array: Any, *others: Any, **options: Any) -> Any:
        if array.size <= 2**16:  # not worth the change
            return function(array, *others, **options)
        with np.errstate():  # which restores the size
            np.setbufsize(1008)
            return function(array, *others, **options)

    return cast(Function, computed)


def real_as(dtype: Any, values: Any) -> Array:
    """A gradient or velocity as an array of a real dtype."""
    array = as_array(values)
    if array.dtype.kind == "c":
        raise TypeError(f"expected real numbers of dtype {dtype}, got {array.dtype}")
    return array if array.dtype == dtype else array.astype(dtype)


def own(a: Array) -> Array:
    """A copy that nobody else holds; always an array, never a scalar."""
    # Arrays of a step that replay() records have a method for it.
    return np.array(a) if isinstance(a, _NUMPYS) else getattr(a, "own", a.copy)()


def holds(condition: Any) -> bool:
    """Returns whether a condition is true, for an `if` that checks data: a replay looks again, and
    where the answer differs it runs the step itself.

    >>> holds(1 < 2)
    True
    """
    return condition.holds() if hasattr(type(condition), "holds") else bool(condition)


def check_again(name: str, first: Any, again: Any) -> None:
    """Refuse slopes of a function that returns something else when it is called again."""
    if isinstance(first, _NUMPYS):
        size = np.max(np.abs(first), initial=0, where=np.isfinite(first))
        if not np.allclose(again, first, 0.01, 0.01 * size, equal_nan=True):
            raise RuntimeError(f"{name} returned something else when called again")


def is_alone(holder: Any, key: Any) -> bool:
    """Whether nobody but the dict or list holds the array holder[key], or what it is a view of."""
    if sys.getrefcount(holder[key]) != _ALONE:
        return False
    array = holder[key]
    return isinstance(array, np.ndarray) and (array.base is None or _is_all_of_its_own(array))


def _is_all_of_its_own(view: Any) -> bool:
    """Whether it is another form of a whole array, which only this view holds."""
    whole = type(view.base) is np.ndarray and view.base.base is None and view.flags.writeable
    return whole and view.size == view.base.size and _holders_of_base(view) == _ONE_VIEW


def _holders_of_base(view: Any) -> int:
    base = view.base
    return sys.getrefcount(base)


def unshare(arrays: dict[Any, Any]) -> None:
    """Copy those of the arrays that somebody else holds."""
    for key in arrays:  # none gets a name here: until Python 3.13 that counts as one more holder
        alone = sys.getrefcount(arrays[key]) == _ALONE
        if not alone or type(arrays[key]) is not np.ndarray or arrays[key].base is not None:
            arrays[key] = arrays[key] if is_alone(arrays, key) else own(arrays[key])


_held = {0: np.zeros(0)}
_ALONE = sys.getrefcount(_held[0])  # the reference count of a value that only a dict holds
_ONE_VIEW = _holders_of_base(np.zeros(1)[:])


_PLAIN = frozenset((int, float, bool, str, type(None)))


def holds_no_array(value: Any) -> bool:
    """Whether it is no array of any library and holds none, and so may be kept as it is."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind is tuple:
        return _PLAIN.issuperset(map(type, value))
    array = hasattr(kind, "__array_function__") or hasattr(kind, "kept")
    return not (array or isinstance(value, list | tuple | dict))


def kept(value: Any) -> Any:
    """A constant argument as a graph keeps it: a copy, so that later changes go unnoticed."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("expected an array of numbers, got objects; join Tensors with np.stack")
        return value.copy()
    if holds_no_array(value):
        return value
    if hasattr(type(value), "kept"):  # an array of a step that replay() records
        return value.kept()
    if is_foreign(value):
        return value.copy()
    return map_leaves(kept, value) if isinstance(value, list | tuple | dict) else value


def operand(value: Any, dtype: Any = None) -> Any:
    """A constant operand as a graph keeps it: lists become arrays, arrays are cast to the dtype.

    A rule then computes in the dtype of the operation, where integers would overflow.
    """
    if not hasattr(type(value), "__array_ufunc__"):  # lists, buffers, ranges
        return np.array(value, dtype)
    return kept(value) if dtype is None else in_dtype(kept(value), dtype)


def in_dtype(value: Any, dtype: Any) -> Any:
    """An array or Tensor cast to the dtype, and anything else as it is."""
    if not hasattr(type(value), "dtype"):  # of the type: a number that replay() records is asked
        return value
    return value if value.dtype is dtype or value.dtype == dtype else value.astype(dtype)


def parts_of(vector: Any, like: Sequence[Any]) -> list[Any]:
    """The parts of a vector that holds arrays of these shapes one after the other."""
    ends = itertools.accumulate(array.size for array in like)
    sized = zip(like, ends, strict=True)
    return [vector[end - array.size : end].reshape(array.shape) for array, end in sized]
