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
    >>> from nn.layers.layer import Layer
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

    def _shown(self, sizes: str, named: str = "", **usual: Any) -> str:
        """The sizes, the named options, and those that are not as usual, as PyTorch shows them."""
        values = vars(self)
        if not isinstance(values.get("bias", True), bool):
            values = {**values, "bias": self.bias is not None}
        shown = [str(values[name]) for name in sizes.split()]
        unusual = [name for name, value in usual.items() if values[name] != value]
        return ", ".join(shown + [f"{name}={values[name]}" for name in [*named.split(), *unusual]])


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
