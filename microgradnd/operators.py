"""The operators of a Tensor and its methods with NumPy's names, each an entry of the table."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from . import context
from .arrays import check_array_like, is_foreign
from .habits import option_instead
from .table import explained, full_name, replacement, table
from .tree import leaves_of, map_leaves


def plain(value: Any) -> Any:
    """The value with arrays in place of Tensors, also in nested lists, tuples and dicts."""
    if isinstance(value, Operators):
        return value._array
    return map_leaves(plain, value) if isinstance(value, (list, tuple, dict)) else value


def foreign(constant: Any, like: Any) -> Any:
    """A constant of a rule as an array of the same library as `like`."""
    like = plain(like)
    return constant if isinstance(like, np.generic) else np.asarray(constant, like=like)


def beside(constant: Any, like: Any) -> Any:
    """A constant as it is, unless it is to stand beside an array of another library."""
    like = plain(like)
    moves = is_foreign(like) and not isinstance(constant, Operators)
    return foreign(constant, like) if moves else constant


def moved(values: Any, lists: bool = False) -> Any:
    """The values with NumPy's arrays (and lists of numbers) as those of the other library among
    them; None where that changes nothing. Libraries that compute with both are never asked."""
    values = [np.asarray(x) if type(x) in (list, tuple) else x for x in values] if lists else values
    like = next(filter(is_foreign, map(plain, leaves_of(values))), None)
    changed = []

    def move(value: Any) -> Any:
        array = plain(value)
        if not isinstance(array, np.ndarray) or getattr(value, "requires_grad", False):
            return value
        there = foreign(array, like)
        if isinstance(there, np.ndarray):
            return value
        changed.append(there)
        return there if array is value else type(value)(there, name=value.name, copy=False)

    found = None if like is None else map_leaves(move, values)
    return found if changed else None


def array_of(value: Any) -> Any:
    """A Tensor or an array as it is, numbers and lists as an array, lists of Tensors stacked."""
    if isinstance(value, list | tuple) and any(isinstance(x, Operators) for x in leaves_of(value)):
        value = np.stack(list(map(array_of, value)))
    if not isinstance(value, Operators):
        check_array_like(value)
    return value if hasattr(value, "ndim") else np.asarray(value)


def real(value: Any, *beside: Any) -> Any:
    """A Tensor or an array of floats as it is; numbers, lists, integers and booleans as floats, of
    the dtype in which NumPy computes with them beside the other values."""
    value = array_of(value)
    if value.dtype.kind not in "biu":
        return value
    dtypes = [array_of(other).dtype for other in beside]
    if dtypes and all(dtype.kind in "biu" for dtype in dtypes):  # integers all of them
        return value
    floats = [dtype for dtype in dtypes if dtype.kind not in "biu"] or [np.dtype(float)]
    return value.astype(np.result_type(value.dtype, np.float16, *floats))


def _operators(function: Any, compute: Callable[[Any, Any], Any]) -> tuple[Any, Any, Any]:
    """The operator, its reflected and its in-place form."""

    def forward(self: Any, other: Any) -> Any:
        return table[function].between(self, other, compute)

    def reflected(self: Any, other: Any) -> Any:
        return table[function].between(other, self, compute)

    return forward, reflected, _in_place(compute)


def _in_place(compute: Callable[[Any, Any], Any]) -> Any:
    """`w += x`: a new value, except that a leaf that requires a gradient stays the leaf."""

    def method(self: Any, other: Any) -> Any:
        if self.operation is not None or not self._requires_grad:
            return compute(self, other)
        state = context.current.get()
        if state is None or state.how.enabled:
            raise TypeError(
                f"cannot change {self.title} in place, a leaf that requires a gradient; "
                "update it under no_grad() or through .data, or write w = w + x"
            )
        self.hold(compute(self._array, plain(other)))
        return self

    return method


def _unary(function: Any) -> Any:
    """An operator of one argument."""
    return lambda self: table[function].of_one(self)


def _shown(function: Any, compute: Callable[..., Any]) -> Any:
    """A comparison or a logical operator: a plain array; for a picture, a Tensor."""

    def method(self: Any, *other: Any) -> Any:
        state = context.current.get()
        if state is not None and state.how.enabled is context.EVERYTHING:
            return table[function](self, *other)
        try:
            return compute(self._array, *plain(other))
        except TypeError:
            if (both := moved((self._array, *plain(other)))) is None:
                raise
            return compute(*both)

    return method


def _conversion(kind: Any) -> Any:
    """The conversion to one of Python's numbers, which has no gradient."""

    def convert(self: Any) -> Any:
        instead = "use t.item() to leave the graph, np.exp for math.exp"
        self._refuse_to_drop(f"{kind.__name__}()", instead)
        return kind(self.item())

    return convert


def _method(function: Any) -> Callable[..., Any]:
    """One of NumPy's functions as a method."""

    def method(self: Any, *arguments: Any, **keywords: Any) -> Any:
        try:
            return replacement(function, keywords)(self, *arguments, **keywords)
        except TypeError as error:
            if "unexpected keyword argument" in str(error):
                meant = option_instead(min(keywords), ("axis", "keepdims"))
                raise TypeError(f"{error}{meant}") from None
            raise

    method.__name__ = function.__name__
    method.__doc__ = f"The method form of np.{function.__name__}."
    return method


class Operators:
    """The operators and methods of a Tensor. `_array` is the array inside."""

    __slots__ = ()

    _array: Any

    __add__, __radd__, __iadd__ = _operators(np.add, operator.add)
    __sub__, __rsub__, __isub__ = _operators(np.subtract, operator.sub)
    __mul__, __rmul__, __imul__ = _operators(np.multiply, operator.mul)
    __truediv__, __rtruediv__, __itruediv__ = _operators(np.true_divide, operator.truediv)
    __floordiv__, __rfloordiv__, __ifloordiv__ = _operators(np.floor_divide, operator.floordiv)
    __mod__, __rmod__, __imod__ = _operators(np.remainder, operator.mod)
    __pow__, __rpow__, __ipow__ = _operators(np.power, operator.pow)
    __matmul__, __rmatmul__, __imatmul__ = _operators(np.matmul, operator.matmul)
    __neg__, __pos__, __abs__ = map(_unary, (np.negative, np.positive, np.absolute))
    __round__ = _method(np.round)
    __eq__, __ne__ = _shown(np.equal, operator.eq), _shown(np.not_equal, operator.ne)
    __lt__, __le__ = _shown(np.less, operator.lt), _shown(np.less_equal, operator.le)
    __gt__ = _shown(np.greater, operator.gt)
    __ge__ = _shown(np.greater_equal, operator.ge)
    __and__ = __rand__ = _shown(np.bitwise_and, operator.and_)
    __or__ = __ror__ = _shown(np.bitwise_or, operator.or_)
    __xor__ = __rxor__ = _shown(np.bitwise_xor, operator.xor)
    __invert__ = _shown(np.invert, operator.invert)
    __float__, __int__, __complex__ = map(_conversion, (float, int, complex))
    __hash__ = object.__hash__

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    sum, mean, prod = _method(np.sum), _method(np.mean), _method(np.prod)
    var, std = _method(np.var), _method(np.std)
    max, min, argmax, argmin = map(_method, (np.max, np.min, np.argmax, np.argmin))
    all, any, argsort, nonzero = map(_method, (np.all, np.any, np.argsort, np.nonzero))
    cumsum, cumprod, clip, round = map(_method, (np.cumsum, np.cumprod, np.clip, np.round))
    dot, trace, diagonal = _method(np.dot), _method(np.trace), _method(np.diagonal)
    swapaxes, squeeze, ravel = _method(np.swapaxes), _method(np.squeeze), _method(np.ravel)
    take, repeat, copy = map(_method, (np.take, np.repeat, np.copy))
    astype, conj, conjugate = map(_method, (np.ndarray.astype, np.conjugate, np.conjugate))
    real, imag = property(lambda self: np.real(self)), property(lambda self: np.imag(self))

    def compress(self, condition: Any, axis: int | None = None) -> Any:
        """The slices along the axis where the condition holds: np.compress."""
        return table[np.compress](condition, self, axis=axis)

    def flatten(self, order: str = "C") -> Any:
        """All entries along one axis: np.ravel."""
        if not isinstance(order, str):
            raise TypeError(f"order must be 'C', 'F', 'A' or 'K', got {order}; use nn.Flatten")
        return table[np.ravel](self, order)

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """The same entries in another shape, given as a tuple or as separate integers."""
        wanted = shape[0] if len(shape) == 1 else shape
        return table[np.reshape](self, wanted, order=order)

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order, reversed by default."""
        wanted = None if not axes else axes[0] if len(axes) == 1 else axes
        return table[np.transpose](self, wanted)

    # ---- NumPy's protocols -----------------------------------------------------------------------

    __array_priority__ = 1000  # for array libraries that look at this first

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if method == "__call__":
            if not keywords and (entry := table.get(ufunc)):
                return (entry if len(inputs) > 1 else getattr(entry, "of_one", entry))(*inputs)
            dtype = keywords.pop("dtype", None)
            if dtype is not None:  # NumPy casts the arguments
                inputs = tuple(x.astype(dtype) if hasattr(x, "astype") else x for x in inputs)
            if unknown := keywords.keys() - {"out", "axis"}:
                name = min(unknown)
                found = f"{full_name(ufunc)}({name}=) is not supported on Tensors"
                raise TypeError(found + option_instead(name, ()))
        plain_call = method == "__call__" and not (keywords and (ufunc, method) in table)
        key = ufunc if plain_call else (ufunc, method)
        return replacement(key, keywords)(*inputs, **keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        try:
            return replacement(function, keywords)(*args, **keywords)
        except (ValueError, IndexError, KeyError) as error:
            raise explained(error, full_name(function), args) from error

    # ---- entries -------------------------------------------------------------------------------

    @property
    def at(self) -> _At:
        """`t.at[index].set(values)` and `.add(values)`: a new Tensor with entries set or added to.

        Unlike `t[index] = values`, differentiable with respect to both t and the values.

        >>> from microgradnd import Tensor
        >>> Tensor([1.0, 2.0, 3.0]).at[1:].set(0.0)
        Tensor([1., 0., 0.])
        """
        return _At(self)


class _At:
    """The value of `t.at`, and of `t.at[index]`, which sets or adds values there."""

    def __init__(self, tensor: Any, index: Any = ...) -> None:
        self._tensor, self._index = tensor, index

    def __getitem__(self, index: Any) -> _At:
        return _At(self._tensor, index)

    def set(self, values: Any) -> Any:
        """The Tensor with these values at the index; of repeated entries the last counts."""
        return table[operator.setitem](self._tensor, values, self._index)

    def add(self, values: Any) -> Any:
        """The Tensor with these values added at the index, once for each time an entry occurs."""
        return table[operator.iadd](self._tensor, values, self._index)
