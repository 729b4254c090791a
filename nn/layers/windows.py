"""Where a kernel's windows lie on an input: the geometry that convolution and pooling share.

Arrays of shape (N, channels, *spatial) are laid out in memory as (channels, *spatial, N): with the
examples innermost, each operation on windows works on long runs of neighbours in memory.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .layer import Sizes

Around = tuple[tuple[int, int], ...]  # how much is before and behind the input, on each axis


def examples_last(x: Any) -> Any:
    """(N, channels, *spatial) as (channels, *spatial, N)."""
    return x.transpose(*range(1, x.ndim), 0)


def examples_first(x: Any) -> Any:
    """(channels, *spatial, N) as (N, channels, *spatial)."""
    return x.transpose(-1, *range(x.ndim - 1))


class Windows:
    """The windows of a kernel on an input with spatial axes of these sizes; cached by `windows`.

    `count` is the number of windows along each axis. With `ceil_mode` a last window may reach
    beyond the padding, if it begins before its end.
    """

    def __init__(
        self,
        size: Sizes,
        kernel: Sizes,
        stride: Sizes,
        padding: Around,
        dilation: Sizes,
        ceil_mode: bool = False,
    ) -> None:
        count, padded, axes = [], [], zip(size, kernel, stride, padding, dilation, strict=True)
        for n, k, s, (before, behind), d in axes:
            length = (k - 1) * d + 1
            room = n + before + behind - length
            if room < 0 or k < 1:
                what = _by(kernel) + f" with dilation {dilation}" * (set(dilation) != {1})
                where = _by(size) + f" with padding {padding}" * (set(padding) != {(0, 0)})
                raise ValueError(f"a kernel of {what} does not fit an input of {where}")
            steps = -(-room // s) if ceil_mode else room // s
            if ceil_mode and steps * s >= n + before:
                steps -= 1
            count.append(steps + 1)
            padded.append(max(steps * s + length, before + n))
        self.size, self.kernel, self.stride, self.count = size, kernel, stride, tuple(count)
        self.before = tuple(before for before, _ in padding)
        self.entries = math.prod(kernel)
        self._padded = tuple(padded)
        inside = (slice(b, b + n) for b, n in zip(self.before, size, strict=True))
        self._inside = (slice(None), *inside)
        self._places = [  # for each entry of the kernel, the entries under it in all windows
            (slice(None), *map(_steps, start, dilation, stride, count))
            for start in itertools.product(*map(range, kernel))
        ]

    def views(self, x: Any, fill: float = 0) -> list[Any]:
        """For each entry of the kernel, the entries under it: (channels, *count, N)."""
        x = examples_last(x)
        if self._padded != self.size:
            padded = np.full_like(x, fill, shape=(len(x), *self._padded, x.shape[-1]), order="C")
            padded[self._inside] = x
            x = padded
        return [x[place] for place in self._places]

    def add_up(self, parts: Any) -> Any:
        """The dual of `views`: the sum of such parts, each in the place of its entry."""
        channels, *_, examples = parts[0].shape
        total = np.zeros_like(parts[0], shape=(channels, *self._padded, examples), order="C")
        for place, part in zip(self._places, parts, strict=True):
            total[place] += part
        return examples_first(total[self._inside] if self._padded != self.size else total)


windows = functools.lru_cache(maxsize=1024)(Windows)


def _steps(start: int, dilation: int, stride: int, count: int) -> slice:
    first = start * dilation
    return slice(first, first + (count - 1) * stride + 1, stride)


def _by(sizes: Sizes) -> str:
    return " by ".join(map(str, sizes)) if len(sizes) > 1 else f"length {sizes[0]}"


def check_shape(x: Any, axes: int, channels: int | None = None) -> None:
    """Raises an error unless x has so many spatial axes, and so many channels before them."""
    if x.ndim not in (axes + 1, axes + 2) or channels not in (None, x.shape[-axes - 1]):
        spatial = "length" if axes == 1 else "height, width"
        raise ValueError(
            f"expected an input of shape (N, {channels or 'channels'}, {spatial}), or of one "
            f"example without N, got {x.shape}"
        )


def of_examples(function: Callable[..., Any], x: Any, *others: Any, on: Windows, **how: Any) -> Any:
    """Applies a function to all examples, or to a single one that has no axis N."""
    if x.ndim == len(on.size) + 1:
        return function(x[None], *others, on=on, **how)[0]
    return function(x, *others, on=on, **how)
