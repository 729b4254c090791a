"""An array with a history: `Tensor`.

A Tensor made by an operation knows the operation, its parents and the arrays its rules need.
Nothing points the other way, so a graph has no cycles and is freed with its head.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import context
from .arrays import Array, as_array, on_host, own, real_as, unshare
from .backward import differentiate
from .chain_rule import parents_first
from .habits import Absent, explain_attributes, explain_options
from .operators import Operators, beside, plain
from .table import table


class Tensor(Operators):
    """An array that records how it was computed, so that it can be differentiated.

    NumPy's functions, operators and methods work on it and record a graph. `backward()` then
    applies the chain rule and adds the gradients to the `.grad` of the leaves.

    Arguments:
        data: a number, nested lists, an array, or another library's array.
        requires_grad: whether gradients with respect to this Tensor are wanted.
        name: a name for messages and pictures.
        dtype: that of the data by default; numbers and lists get the default dtype, float64.
        copy: whether to copy the data; with False, later changes of your array go unnoticed.

    >>> w = Tensor([[0.1, 0.3], [-0.3, -0.2]], requires_grad=True, name="w")
    >>> x = Tensor([2.0, 5.0], name="x")
    >>> loss = np.sum(np.maximum(w @ x, 0) ** 2)
    >>> loss.backward()
    >>> w.grad
    array([[ 6.8, 17. ],
           [ 0. ,  0. ]])

    What a tool may read of a graph: `name`, `operation` (None for a leaf; it has a `name`, a
    `function`, `rules` and a `kind`), `parents`, `arguments`, `arrays` (what the rules get: the
    output, then the arguments, as they were then), `keywords`, `scope` (names), `opening` (the
    innermost open block, another object each time it is opened), and `line` if the run was traced.
    `history(t)` lists all the Tensors that t was computed from.

    `data` is the array, yours to change: a graph that was recorded before never sees the change.
    (It would see changes through an array kept from an earlier `t.data`, through the array given
    with copy=False, or through an array of another library.)
    """

    __slots__ = (
        "__weakref__", "_array", "_grad", "_keywords", "_parents", "_requires_grad", "_shared",
        "arrays", "line", "name", "opening", "operation",
    )  # fmt: skip

    _grad: Any
    _shared: bool  # whether a graph, or another Tensor, may hold the same array
    name: str | None
    operation: Any
    line: str | None
    _parents: tuple[Tensor | None, ...]
    arrays: tuple[Any, ...]
    _keywords: dict[str, Any]
    opening: context.State | None

    if TYPE_CHECKING:  # operators return Tensors

        def _operator(self, *other: Any) -> Tensor: ...

        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __matmul__ = _operator
        __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __rmatmul__ = _operator
        __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __pos__ = __abs__ = _operator

    @explain_options
    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        name: str | None = None,
        dtype: Any = None,
        copy: bool = True,
    ) -> None:
        if isinstance(data, Tensor):
            data._refuse_to_drop("Tensor(t)", "use t.detach(), or t.copy() to stay in the graph")
            data = data._array
        self._without_history(as_array(data, dtype, copy))
        self._shared = False
        self.name = name
        self.requires_grad = requires_grad

    def _without_history(self, array: Array) -> None:
        self._array, self._shared, self.arrays, self._parents = array, True, (), ()
        self.operation = self._grad = self.line = self.name = self.opening = None
        self._keywords = {}

    # ---- the values ------------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The array inside, to read and to change; `numpy()`, to read only, never copies.

        A graph keeps its own copy, made here the first time after each use.
        """
        if self._shared:
            self._array = own(self._array)
            self._shared = False
        return self._array  # type: ignore[no-any-return]

    @data.setter
    def data(self, value: Any) -> None:
        if value is self._array:  # `w.data -= step` has changed it in place already
            return
        self.hold(beside(Tensor(value, dtype=self.dtype)._array, self._array))

    def hold(self, array: Array) -> None:
        """Take over an array that nobody else holds, cast to this dtype, as the data."""
        held = self._array
        if array.shape != held.shape:
            wrong = f"{self.title}: expected data of shape {held.shape}, got {array.shape}"
            raise ValueError(wrong)
        if isinstance(array, np.generic):
            array = np.asarray(array)
        self._array = array if array.dtype is held.dtype else array.astype(held.dtype)
        self._shared = False

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this Tensor; can be set for a leaf."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if type(wanted) is not bool and type(wanted) is not np.bool_:
            raise ValueError(f"requires_grad must be True or False, got {wanted!r}")
        if self.operation is not None and not wanted:
            raise RuntimeError(f"{self.title} was computed; use detach() to drop its history")
        if wanted and self._array.dtype.kind != "f":
            only = f"{self.title}: only real floating-point Tensors can require a gradient"
            raise TypeError(f"{only}, got {self.dtype}; convert the data, as with dtype=float")
        self._requires_grad = bool(wanted)

    @property
    def grad(self) -> Any:
        """The gradient that backward() adds to, an array of this shape; None until then."""
        if self._grad is None and self.operation is not None:
            hint = "is None; use loss.backward(retain_grads=True)"
            context.warn_user(f"the .grad of {self.title} {hint}", UserWarning)
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        fits = getattr(value, "shape", None) == self._array.shape and not isinstance(value, Tensor)
        if value is not None and not fits:
            expected = f"expected the gradient of {self.title} as a plain array of shape"
            found = f"{type(value).__name__} of shape {np.shape(value)}"
            raise ValueError(f"{expected} {self.shape}, got {found}")
        self._grad = value

    shape = property(lambda self: self._array.shape, doc="The length of each axis.")
    dtype = property(lambda self: self._array.dtype, doc="The type of the entries.")
    ndim = property(lambda self: self._array.ndim, doc="The number of axes.")
    size = property(lambda self: self._array.size, doc="The number of entries.")
    nbytes = property(lambda self: self._array.nbytes, doc="The bytes the entries take.")
    T = property(lambda self: np.transpose(self), doc="The Tensor with its axes reversed.")
    mT = property(lambda self: np.swapaxes(self, -1, -2), doc="The last two axes swapped.")

    # ---- the history -----------------------------------------------------------------------------

    @property
    def parents(self) -> tuple[Tensor, ...]:
        """The Tensors among the arguments that this one was computed from."""
        return tuple(parent for parent in self._parents if parent is not None)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments of the call that made this Tensor: Tensors, and copies of constants."""
        pairs = zip(self._parents, self.arrays[1:], strict=True)
        return tuple(array if parent is None else parent for parent, array in pairs)

    @property
    def keywords(self) -> dict[str, Any]:
        """The options of the call that made this Tensor, such as `axis`."""
        return dict(self._keywords)

    @property
    def scope(self) -> tuple[str, ...]:
        """The names of the scopes in which this Tensor was computed, outermost first."""
        return self.opening.path if self.opening is not None else ()

    def as_recorded(self, array: Array) -> Any:
        """This Tensor as it was when an operation recorded it with `array` inside."""
        if self._array is array:
            return self
        if not self._requires_grad:
            return array
        return table[np.copy].record((self,), (array, array), {}, array, context.current.get())

    @explain_options
    def backward(self, gradient: Any = None, retain_grads: bool = False) -> None:
        """Add the gradients of this Tensor to the `.grad` of the leaves it was computed from.

        Arguments:
            gradient: the gradient of a later result with respect to this Tensor; 1 for a scalar.
            retain_grads: also fill the `.grad` of every Tensor on the way.

        >>> a = Tensor([1.0, 2.0], requires_grad=True)
        >>> (a * a).backward([1.0, 10.0])
        >>> a.grad
        array([ 2., 40.])
        """
        if not self._requires_grad:
            raise RuntimeError(
                f"{self.title} depends on nothing that requires a gradient; "
                "make a leaf with Tensor(..., requires_grad=True) and compute from it"
            )
        found = differentiate({self: self.seed(gradient, copy=False)}, retain=retain_grads)
        for node in found:
            if node._grad is not None:
                found[node] = node._grad + found[node]
        unshare(found)
        for node, summed in found.items():
            node._grad = summed

    def seed(self, gradient: Any, copy: bool = True) -> Any:
        """The gradient that a backward pass starts from, as an array like this one's."""
        if gradient is None:
            if self._array.size != 1:
                raise ValueError(
                    f"{self.title} must be a scalar to start from, got shape {self.shape}; "
                    "reduce it (np.sum), or give its gradient, of the same shape"
                )
            return self._array**0
        seed = Tensor(gradient, copy=copy)._array
        seed = seed if seed.dtype == self.dtype else real_as(self.dtype, seed)
        if seed.shape != self.shape:
            raise ValueError(
                f"{self.title}: expected a gradient of shape {self.shape}, got {seed.shape}"
            )
        return seed

    def zero_grad(self) -> None:
        """Set the gradient to None, so that the next backward() starts anew."""
        self._grad = None

    # ---- leaving the graph, always explicitly ----------------------------------------------------

    def detach(self) -> Tensor:
        """The same values as a Tensor without history."""
        self._shared = True
        if context.everything_is_recorded():
            return table[Tensor.detach](self)  # type: ignore[no-any-return]
        return constant(self._array)

    def numpy(self) -> np.ndarray[Any, Any]:
        """The values as a read-only NumPy array; `.data` can be written."""
        if hasattr(self._array, "numpy"):  # stand-ins of a replay answer themselves
            return self._array.numpy()  # type: ignore[no-any-return]
        view = on_host(self._array).view()
        view.flags.writeable = False
        return view

    def item(self, *index: Any) -> Any:
        """One entry as a Python number."""
        return on_host(self._array).item(*index)

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return on_host(self._array).tolist()

    def _refuse_to_drop(self, what: str, instead: str) -> None:
        if self._requires_grad:
            raise TypeError(f"{what} would silently drop the gradient of {self.title}: {instead}")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        self._refuse_to_drop(
            "turning it into a plain array",
            "use t.numpy() to leave the graph, np.stack([t1, t2]) to join Tensors, "
            "t.at[index].set(values) to set entries, t.detach() for a copy without history",
        )
        values = np.asarray(self.numpy(), dtype)
        return np.array(values) if copy else values

    def __index__(self) -> int:
        return operator.index(self.item())

    def __bool__(self) -> bool:
        return bool(self._array)

    # ---- Python's own protocols ------------------------------------------------------------------

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a Tensor of shape () has no len()")
        return self.shape[0]  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self == value))

    def __getitem__(self, index: Any) -> Tensor:
        return table[operator.getitem](self, index)  # type: ignore[no-any-return]

    def __setitem__(self, index: Any, value: Any) -> None:
        state = context.current.get()
        if self.operation is not None or state is None or state.how.enabled:
            raise TypeError(
                "a recorded Tensor cannot be changed in place; use t.at[index].set(values), which "
                "returns a new one; a leaf can be changed under no_grad() or through t.data[...]"
            )
        self.data[plain(index)] = plain(value)

    def __repr__(self) -> str:
        values = self._array
        if isinstance(values, np.ndarray | np.generic):
            text = np.array2string(np.asarray(values), separator=", ", prefix="Tensor(")
            if not self.size:
                text += f", shape={self.shape}"
        else:
            text = repr(values)
        if self.dtype != np.float64:
            text += f", dtype={self.dtype}"
        if self.operation is not None:
            text += f", operation={self.operation.name!r}"
        elif self._requires_grad:
            text += ", requires_grad=True"
        if self.name is not None:
            text += f", name={self.name!r}"
        return f"Tensor({text})"

    def __format__(self, specification: str) -> str:
        if not specification:
            return str(self)
        if not self.shape:
            return format(self.item(), specification)
        each = {"all": lambda entry: format(entry, specification)}
        return np.array2string(self.numpy(), separator=", ", formatter=each)  # type: ignore

    @property
    def title(self) -> str:
        """How messages name this Tensor."""
        if self.name is not None:
            return f"Tensor {self.name!r}"
        return "this Tensor" if self.operation is None else f"this result of {self.operation.name}"

    def __dir__(self) -> list[str]:
        kind = type(self)
        return [n for n in super().__dir__() if not isinstance(getattr(kind, n, None), Absent)]

    def __reduce__(self) -> Any:
        if self.operation is not None:
            why = "a history cannot be copied or pickled; detach() it first"
            raise TypeError(f"{self.title} was computed, and {why}")
        state = (self._array, self._requires_grad, self.name, self.grad)
        return _restore, (type(self), state, getattr(self, "__dict__", {}))


explain_attributes(Tensor)


def constant(value: Any) -> Tensor:
    """A Tensor that was computed, without history: of its `arrays` there is the output alone."""
    made = object.__new__(Tensor)
    made._without_history(value if hasattr(value, "dtype") else np.asarray(value))
    if made._array.dtype == object:
        raise TypeError("expected numbers beside a Tensor, got objects; use floats and np.stack")
    made.arrays = (made._array,)
    made._requires_grad = False
    return made


def _restore(kind: type[Tensor], state: tuple[Any, ...], attributes: dict[str, Any]) -> Tensor:
    """A pickled or copied leaf."""
    restored = kind.__new__(kind)
    data, requires_grad, name, grad = state
    restored._without_history(own(data))
    restored._shared, restored._requires_grad, restored.name = False, requires_grad, name
    restored._grad = grad
    for name, value in attributes.items():
        setattr(restored, name, value)
    return restored


def history(*heads: Tensor) -> list[Tensor]:
    """All Tensors that the heads were computed from, parents first, heads last.

    >>> x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> [t.operation.name if t.operation else t.name for t in history(np.sum(x * x))]
    ['x', 'multiply', 'sum']
    """
    for head in heads:
        if not isinstance(head, Tensor):
            raise TypeError(f"history() expected Tensors, got {type(head).__name__}")
    return parents_first(heads)
