"""What layers share: errors that begin with the layer's name, checks of arguments, and the repr."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from ..module import Module

Size: TypeAlias = int | Sequence[int]  # for all spatial axes, or one for each
Sizes: TypeAlias = tuple[int, ...]  # one for each spatial axis


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

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        try:
            return super().__call__(*inputs, **options)
        except (ValueError, TypeError, IndexError) as error:
            error.args = (f"{self._where()}: {error}", *error.args[1:])
            raise

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
