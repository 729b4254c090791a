"""Parameters and how they begin; the seed of all random numbers; networks without values.

The functions whose names end in _ fill a Parameter or an array in place and return it. Names,
arguments and distributions are those of `torch.nn.init`; `generator` is one of NumPy's.

>>> zeros_(np.empty(2)), ones_(np.empty(2)), constant_(np.empty(2), 0.5)
(array([0., 0.]), array([1., 1.]), array([0.5, 0.5]))
>>> _ = manual_seed(0)
>>> w = np.empty((400, 200))        # 200 inputs, 400 outputs
>>> [round(float(fill(w).std() ** 2 * 200), 1) for fill in (xavier_uniform_, xavier_normal_)]
[0.7, 0.7]
>>> [round(float(fill(w).std() ** 2 * 200), 1) for fill in (kaiming_uniform_, kaiming_normal_)]
[2.0, 2.0]
>>> round(float(uniform_(w, 2.0, 3.0).mean()), 1), round(float(normal_(w, mean=5.0).mean()), 1)
(2.5, 5.0)
>>> bool(trunc_normal_(w, a=-1.0, b=1.0).max() <= 1), int(np.count_nonzero(sparse_(w, 0.9)))
(True, 8000)
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

import numpy as np

from microgradnd import Tensor
from microgradnd.arrays import Array, ArrayLike, as_array
from microgradnd.habits import check_choice, require
from microgradnd.operators import beside, plain
from microgradnd.program import holds
from microgradnd.random_state import shared_generators


class _OwnOfEachThread(threading.local):
    """The random generator of the thread that asks: it is equal to it, and has its methods."""

    __class__ = property(lambda self: np.random.Generator)  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        """The first time in a thread: np.random, which takes long to import, is there from now."""
        if name[:2] == "__" or "own" in vars(self):
            raise AttributeError(f"a random generator has no attribute {name!r}")
        self.own = own = np.random.default_rng()
        vars(self).update({name: getattr(own, name) for name in dir(own) if name[0] != "_"})
        return getattr(self, name)

    def __eq__(self, other: object) -> bool:
        return other is self or other is self.own

    def __hash__(self) -> int:
        return hash(self.own)

    def __reduce__(self) -> Any:
        return self.own.__reduce__()


# All of nn draws from it, so that one seed repeats a run, whatever other threads draw meanwhile.
generator = cast("np.random.Generator", _OwnOfEachThread())
shared_generators.append(generator)  # so gradcheck draws the same dropout mask in every call

_outlining: ContextVar[bool] = ContextVar("outlining", default=False)
Fillable = TypeVar("Fillable", Tensor, Array)
Random: TypeAlias = "np.random.Generator | None"
_own = generator

# The gain keeps the spread of the activations from layer to layer under each nonlinearity.
_GAINS: dict[str, float] = dict.fromkeys(("linear", "conv1d", "conv2d", "sigmoid"), 1.0)
_GAINS |= {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}


def manual_seed(seed: int) -> np.random.Generator:
    """Seeds the random numbers of `nn` in this thread: a seed repeats a run, bit for bit.

    >>> manual_seed(0).random() == manual_seed(0).random() != generator.random()
    True
    """
    generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    return generator


@contextmanager
def outline() -> Iterator[None]:
    """Inside, modules have shapes but no values: their parameters are zeros that take no memory."""
    token = _outlining.set(True)
    try:
        yield
    finally:
        _outlining.reset(token)


def zeros(*shape: int) -> Array:
    """Returns zeros in the engine's default dtype, in which parameters are made."""
    zero = as_array(0.0)
    try:
        return np.broadcast_to(zero, shape) if _outlining.get() else np.zeros(shape, zero.dtype)
    except (TypeError, ValueError) as error:
        wrong = f"sizes must be whole numbers, got {', '.join(map(repr, shape))}"
        raise type(error)(f"{wrong}: {error}") from None


def numbers(x: Any, dtype: np.typing.DTypeLike | None = None) -> Any:
    """Returns the input as a Tensor or an array of floats; integers and lists get the dtype."""
    if isinstance(x, Tensor) and x._requires_grad:  # and so it has floats
        return x
    kinds = "biu"
    if not hasattr(x, "__array_function__"):
        x, kinds = np.asarray(one_array(x)), "biuf"
    kind = x.dtype.kind
    if kind != "f" and kind in "USOMm":
        none = x.shape == () and x.item() is None
        found = "None; is a return missing?" if none else f"{x.dtype}; use .astype(float)"
        raise TypeError(f"expected numbers, got {found}")
    return x.astype(dtype or zeros().dtype) if kind in kinds else x


def whole_numbers(
    x: Any, name: str, stop: float | None = None, error: type[Exception] = ValueError
) -> Array:
    """Returns the input as an array, or raises an error unless it has whole numbers, from 0 to
    `stop` - 1."""
    values: Array = plain(x)
    if not hasattr(values, "dtype"):
        values = np.asarray(values, None if np.size(values) else np.int64)
    if values.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected whole numbers, got {values.dtype}; use .astype(int)")
    if stop is not None and values.size and not holds((values.min() >= 0) & (values.max() < stop)):
        wrong = values[(values < 0) | (values >= stop)].ravel()[0]
        raise error(f"{name}: expected numbers from 0 to {stop - 1}, got {wrong}")
    return values


def check_shapes(right: object, expected: str, *arrays: Any) -> None:
    """Raises an error with the shapes that were expected, and those of the arrays, unless right."""
    if not right:
        found = ", ".join(str(np.shape(array)) for array in arrays)
        raise ValueError(f"expected {expected}, got {found}")


class IncompatibleKeys(NamedTuple):
    """The names that `load_state_dict(strict=False)` did not find, and those it did not use."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def misfits(
    expected: Mapping[str, Any], found: Mapping[str, Any], strict: bool = True
) -> tuple[IncompatibleKeys, list[str]]:
    """Which names differ, and what keeps the arrays found from taking the others' places."""
    missing = [name for name in expected if name not in found]
    unexpected = [name for name in found if name not in expected]
    problems = [
        f"{kind}: {', '.join(names[:20])}" + f" and {len(names) - 20} more" * (len(names) > 20)
        for kind, names in (("missing", missing), ("unexpected", unexpected))
        if strict and names
    ]
    for name, array in ((name, found[name]) for name in expected if name in found):
        if array.shape != (shape := expected[name].shape):
            problems.append(f"{name}: expected shape {shape}, got {array.shape}")
        if array.dtype.kind not in "biuf":
            problems.append(f"{name}: expected real numbers, got {array.dtype}")
    return IncompatibleKeys(missing, unexpected), problems


def one_array(x: Any) -> Any:
    """Returns the input, unless it is a tuple of arrays, which NumPy would stack."""
    if isinstance(x, tuple) and any(hasattr(part, "__array_function__") for part in x):
        some = f"got {len(x)} in a {type(x).__name__}, as an LSTM returns them"
        raise TypeError(f"expected one array, {some}; pick the one that is meant")
    return x


class Parameter(Tensor):
    """A Tensor that is learned: as an attribute of a module it is found by `parameters()`.

    Unless it is given a name, it gets that of its place in the model, as in the `state_dict`.

    >>> Parameter([1.0, 2.0])
    Tensor([1., 2.], requires_grad=True)
    """

    path: str | None = None

    def __init__(self, data: Any, requires_grad: bool = True, name: str | None = None) -> None:
        super().__init__(data, requires_grad, name, copy=not _outlining.get())

    def _place(self, path: str) -> None:
        if self.name == self.path:
            self.name = path
        self.path = path

    def _convert(self, change: Callable[[Array], Array]) -> None:
        """Converts the values in place, so that it stays the same Parameter for its holders."""
        grad = self.grad
        Tensor.__init__(self, change(self._array), self.requires_grad, self.name)
        self.grad = None if grad is None else change(grad)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Returns the factor by which weights before a nonlinearity such as "relu" are enlarged.

    `param` is the slope of "leaky_relu" on the left, 0.01 by default.

    >>> round(calculate_gain("relu") ** 2, 12), calculate_gain("leaky_relu", 1.0)
    (2.0, 1.0)
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    known = ", ".join([*_GAINS, "leaky_relu"])
    expected = f"expected a nonlinearity out of {known}, got {nonlinearity!r}"
    require(nonlinearity in _GAINS, expected)
    return _GAINS[nonlinearity]


def _fill(
    tensor: Fillable, draw: Callable[[np.random.Generator], ArrayLike], source: Any = None
) -> Fillable:
    expected = f"expected a generator such as np.random.default_rng(0), got {source!r}"
    require(source is None or isinstance(source, np.random.Generator), expected, TypeError)
    if not _outlining.get():
        target = tensor.data if isinstance(tensor, Tensor) else tensor
        target[...] = beside(draw(_own if source is None else source), target)
    return tensor


def uniform_(
    tensor: Fillable, a: float = 0.0, b: float = 1.0, generator: Random = None
) -> Fillable:
    """Fills with values drawn evenly between a and b."""
    return _fill(tensor, lambda rng: rng.uniform(a, b, tensor.shape), generator)


def normal_(
    tensor: Fillable, mean: float = 0.0, std: float = 1.0, generator: Random = None
) -> Fillable:
    """Fills with normally distributed values."""
    return _fill(tensor, lambda rng: rng.normal(mean, std, tensor.shape), generator)


def constant_(tensor: Fillable, val: float) -> Fillable:
    """Fills with one value."""
    return _fill(tensor, lambda rng: val)


def zeros_(tensor: Fillable) -> Fillable:
    """Fills with zeros."""
    return constant_(tensor, 0.0)


def ones_(tensor: Fillable) -> Fillable:
    """Fills with ones."""
    return constant_(tensor, 1.0)


def eye_(tensor: Fillable) -> Fillable:
    """Fills a matrix with ones on the diagonal, so that a Linear layer returns its input.

    >>> eye_(np.zeros((2, 3)))
    array([[1., 0., 0.],
           [0., 1., 0.]])
    """
    check_shapes(len(tensor.shape) == 2, "a matrix", tensor)
    return _fill(tensor, lambda rng: np.eye(*tensor.shape))


def xavier_uniform_(tensor: Fillable, gain: float = 1.0, generator: Random = None) -> Fillable:
    """Xavier (Glorot): uniform with variance 2 gain² / (inputs + outputs)."""
    return _around_zero(tensor, gain * math.sqrt(2 / sum(_fans(tensor))), generator)


def xavier_normal_(tensor: Fillable, gain: float = 1.0, generator: Random = None) -> Fillable:
    """Xavier (Glorot): normal with variance 2 gain² / (inputs + outputs)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Fillable, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Random = None,
) -> Fillable:  # fmt: skip
    """He (Kaiming): uniform with variance gain² / inputs, or outputs with mode "fan_out"; the gain
    is that of the nonlinearity, where `a` is the slope of "leaky_relu" on the left."""
    return _around_zero(tensor, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def kaiming_normal_(
    tensor: Fillable, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Random = None,
) -> Fillable:  # fmt: skip
    """He (Kaiming): normal with variance gain² / inputs; arguments as in `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def trunc_normal_(
    tensor: Fillable, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
    generator: Random = None,
) -> Fillable:  # fmt: skip
    """Fills with normally distributed values between a and b: those outside are drawn again."""
    fits = a < b and a - 9 * std < mean < b + 9 * std
    require(fits, f"trunc_normal_: no values from {a} to {b} at mean {mean} and std {std}")

    def draw(rng: np.random.Generator) -> Array:
        values = np.asarray(rng.normal(mean, std, tensor.shape))
        while (outside := (values < a) | (values > b)).any():
            values[outside] = rng.normal(mean, std, np.count_nonzero(outside))
        return values

    return _fill(tensor, draw, generator)


def dirac_(tensor: Fillable, groups: int = 1) -> Fillable:
    """Fills kernels with a one in the middle, so that a convolution returns its channels.

    >>> dirac_(np.zeros((1, 1, 3)))
    array([[[0., 1., 0.]]])
    """
    outputs, inputs, *kernel = tensor.shape
    check_shapes(kernel and outputs % groups == 0, f"kernels for {groups} groups", tensor)
    values, place = np.zeros(tensor.shape), np.arange(outputs)
    place = place[place % (outputs // groups) < inputs]
    values[(place, place % (outputs // groups), *(n // 2 for n in kernel))] = 1
    return _fill(tensor, lambda rng: values)


def sparse_(
    tensor: Fillable, sparsity: float, std: float = 0.01, generator: Random = None
) -> Fillable:
    """Fills a matrix with normally distributed values, and a fraction of each column with zeros."""
    check_shapes(len(tensor.shape) == 2, "a matrix", tensor)
    rows, columns = tensor.shape

    def draw(rng: np.random.Generator) -> Array:
        order = rng.permuted(np.tile(np.arange(rows)[:, None], columns), axis=0)
        values = rng.normal(0, std, order.shape)
        return np.where(order < math.ceil(sparsity * rows), 0, values)

    return _fill(tensor, draw, generator)


def orthogonal_(tensor: Fillable, gain: float = 1.0, generator: Random = None) -> Fillable:
    """Fills with orthonormal rows, or columns where there are fewer of them, times the gain.

    >>> w = orthogonal_(np.zeros((2, 5)))
    >>> bool(np.allclose(w @ w.T, np.eye(2)))
    True
    """
    rows, columns = tensor.shape[0], _fans(tensor)[0]
    if not rows or not columns:
        return tensor

    def draw(rng: np.random.Generator) -> Array:
        q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diagonal(r))  # without it some orthogonal matrices would be more likely
        return gain * (q if rows >= columns else q.T).reshape(tensor.shape)

    return _fill(tensor, draw, generator)


def _fans(tensor: Tensor | Array) -> tuple[int, int]:
    """How many inputs an output has, and how many outputs an input: of a convolution, in all."""
    check_shapes(len(tensor.shape) >= 2, "two axes or more (outputs, inputs)", tensor)
    outputs, inputs, *kernel = tensor.shape
    return inputs * math.prod(kernel), outputs * math.prod(kernel)


def _around_zero(tensor: Fillable, std: float, generator: Random) -> Fillable:
    """Uniform around 0, with this standard deviation."""
    return uniform_(tensor, -math.sqrt(3) * std, math.sqrt(3) * std, generator)


def _kaiming_std(tensor: Tensor | Array, a: float, mode: str, nonlinearity: str) -> float:
    check_choice("mode", mode, "fan_in", "fan_out")
    fan = _fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


_fillers = (name for name in dir() if name[-1] == "_" != name[0])
__all__ = ["calculate_gain", "manual_seed", *_fillers]
