"""What layers share: errors that begin with the layer's name, checks of arguments, and the repr."""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import re
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

import numpy as np

from microgradnd import set_default_dtype
from microgradnd.habits import explain_options

from .. import init
from ..init import zeros
from ..module import Module, Parameter

Size: TypeAlias = int | Sequence[int]  # for all spatial axes, or one for each
Sizes: TypeAlias = tuple[int, ...]  # one for each spatial axis
P = ParamSpec("P")
Kind = TypeVar("Kind", bound="Layer")


def _with_place(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that takes `device` and `dtype` also."""

    explained = explain_options(init)

    @functools.wraps(init)
    def initialise(
        self: Module, *given: Any, device: Any = None, dtype: Any = None, **more: Any
    ) -> None:
        with contextlib.nullcontext() if dtype is None else set_default_dtype(dtype):
            explained(self, *given, **more)
        self.to(device=device)

    return initialise


class Layer(Module):
    """A module whose errors begin with its name. Its constructor takes also `dtype`, the float type
    of its parameters, and `device`, "cpu" or a function such as `cupy.asarray`.

    >>> import nn
    >>> nn.Sequential(nn.Linear(2, 3))([1.0])
    Traceback (most recent call last):
    ValueError: 0 (Linear): linear expects an input of shape (..., 2), got (1,)
    """

    bias: Any
    axes: int  # the spatial ones, in a class for so many of them

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = _with_place(cls.__init__)  # type: ignore[method-assign]

    _named_errors = ValueError, TypeError, IndexError

    _inputs: int  # of a unit

    def _learn(self, **shapes: Sizes | None) -> None:
        """Makes parameters of these shapes, or none, with the values that they begin with."""
        for name, shape in shapes.items():
            vars(self).pop(name, None)  # an option `bias` came before the weight
            setattr(self, name, None if shape is None else Parameter(zeros(*shape)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Starts anew: all parameters uniform between ±1/√(number of inputs of a unit)."""
        for parameter in self.parameters(recurse=False):
            bound = 1 / math.sqrt(self._inputs) if self._inputs else 0
            init.uniform_(parameter, -bound, bound)

    # What the repr shows, as PyTorch's does: the attributes without and with their names, and those
    # that it shows where they are not as usual, for a size on each axis.
    _sizes = _named = _usual = ""

    def extra_repr(self) -> str:
        values = dict(vars(self))
        if not isinstance(values.get("bias", True), bool):
            values["bias"] = self.bias is not None
        shown = [str(values[name]) for name in self._sizes.split()]
        names = self._named.split() if shown or self._named else list(self._option_names)
        for name, usual in (option.split("=") for option in self._usual.split()):
            value = values[name]
            if {*map(str, value if isinstance(value, tuple) else [value])} != {usual}:
                names.append(name)
        return ", ".join(shown + [f"{name}={values[name]}" for name in names])


def sizes(value: Size, axes: int, name: str, least: int = 1) -> Sizes:
    """Returns a number for each spatial axis, from one for all of them or a sequence of them."""
    given: tuple[Any, ...] = tuple(value) if isinstance(value, list | tuple) else (value,)
    given = given * axes if len(given) == 1 else given
    whole = [isinstance(n, int | np.integer) and not isinstance(n, bool) for n in given]
    if len(given) != axes or not all(whole) or min(given) < least:
        several = f" (or {axes} of them)" if axes > 1 else ""
        raise ValueError(f"{name} must be a whole number, {least} or more{several}, got {value!r}")
    return tuple(map(int, given))


def probability(name: str, p: float) -> float:
    """Returns p, or raises an error unless it is a probability."""
    if not isinstance(p, Real) or not 0 <= p <= 1:
        raise ValueError(f"{name} must be a probability, between 0 and 1, got {p!r}")
    return p


def over_axes(
    function: Callable[Concatenate[int, P], Any], not_in_1d: str = ""
) -> tuple[Callable[P, Any], ...]:
    """Returns a function as three, for one, two and three spatial axes: its first argument."""
    _, *parameters = inspect.signature(function).parameters.values()
    function.__qualname__ = function.__name__[1:]  # in errors

    def declare(axes: int) -> Callable[P, Any]:
        def call(*arguments: P.args, **options: P.kwargs) -> Any:
            return function(axes, *arguments, **options)

        call.__module__, call.__doc__ = function.__module__, function.__doc__
        call.__name__ = call.__qualname__ = f"{function.__name__[1:]}{axes}d"
        shown = [p for p in parameters if axes > 1 or p.name != not_in_1d]
        call.__signature__ = inspect.Signature(shown, return_annotation=Any)  # type: ignore[attr-defined]
        return explain_options(call)

    return declare(1), declare(2), declare(3)


def for_axes(
    kind: type[Kind], name: str = "", **attributes: Any
) -> tuple[type[Kind], type[Kind], type[Kind]]:
    """Returns a class of layers as three, for one, two and three spatial axes: its `axes`."""

    def declare(axes: int) -> type[Kind]:
        named = re.sub(r"`_(\w+)`", rf"`\g<1>{axes}d`", kind.__doc__ or "")
        held = {"__module__": kind.__module__, "__doc__": named, "axes": axes, **attributes}
        return type(f"{name or kind.__name__[1:]}{axes}d", (kind,), held)

    return declare(1), declare(2), declare(3)
