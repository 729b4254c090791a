"""What layers share: errors that begin with the layer's name, checks of arguments, and the repr."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeAlias

import numpy as np

from ..module import Module

Size: TypeAlias = int | Sequence[int]  # for all spatial axes, or one for each
Sizes: TypeAlias = tuple[int, ...]  # one for each spatial axis
P = ParamSpec("P")


class Layer(Module):
    """A module whose errors begin with its name.

    >>> import nn
    >>> class Root(Layer):
    ...     def forward(self, x):
    ...         if x < 0:
    ...             raise ValueError(f"expected 0 or more, got {x}")
    ...         return x**0.5
    >>> nn.Sequential(Root())(-1.0)
    Traceback (most recent call last):
    ValueError: 0 (Root): expected 0 or more, got -1.0
    """

    bias: Any
    _named_errors = ValueError, TypeError, IndexError

    # What the repr shows, as PyTorch's does: the attributes without and with their names, and those
    # that it shows where they are not as usual, for a size on each axis.
    _sizes = _named = _usual = ""

    def extra_repr(self) -> str:
        values = vars(self)
        if not isinstance(values.get("bias", True), bool):
            values = {**values, "bias": self.bias is not None}
        shown = [str(values[name]) for name in self._sizes.split()]
        names = self._named.split() if shown or self._named else list(self._option_names)
        for name, usual in (option.split("=") for option in self._usual.split()):
            value = values[name]
            if {*map(str, value if isinstance(value, tuple) else [value])} != {usual}:
                names.append(name)
        return ", ".join(shown + [f"{name}={values[name]}" for name in names])


def sizes(value: Size, axes: int, name: str, least: int = 1) -> Sizes:
    """Returns a number for each spatial axis, from one for all of them or a sequence of them."""
    given: tuple[Any, ...] = tuple(value) if isinstance(value, list | tuple) else (value,) * axes
    if len(given) == 1:
        given *= axes
    whole = [isinstance(n, int | np.integer) and not isinstance(n, bool) for n in given]
    if len(given) != axes or not all(whole) or min(given) < least:
        several = f" (or {axes} of them)" if axes > 1 else ""
        raise ValueError(f"{name} must be a whole number, {least} or more{several}, got {value!r}")
    return tuple(map(int, given))


def probability(name: str, p: float) -> float:
    """Returns p, or raises an error unless it is a probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name} must be a probability, between 0 and 1, got {p!r}")
    return p


def over_axes(
    axes: int, function: Callable[Concatenate[int, P], Any], without: str = ""
) -> Callable[[Callable[[], None]], Callable[P, Any]]:
    """Declares a name and a docstring as the function for so many axes, its first argument."""
    _, *parameters = inspect.signature(function).parameters.values()
    parameters = [parameter for parameter in parameters if parameter.name != without]

    def declare(declared: Callable[[], None]) -> Callable[P, Any]:
        def call(*arguments: P.args, **options: P.kwargs) -> Any:
            return function(axes, *arguments, **options)

        names = functools.WRAPPER_ASSIGNMENTS[:-1]  # without annotations, which the signature has
        functools.update_wrapper(call, declared, names)
        call.__signature__ = inspect.Signature(parameters, return_annotation=Any)  # type: ignore[attr-defined]
        return call

    return declare
