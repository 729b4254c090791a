"""Where a kernel's windows lie on an input: the geometry that convolution and pooling share.

Arrays of shape (N, channels, *spatial) are laid out in memory as (channels, *spatial, N): with the
examples innermost, whatever is done to a window is done to a long run of neighbours in memory.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np

from ..module import Module

Sizes = tuple[int, ...]  # one for each spatial axis


def examples_last(x: Any) -> Any:
    """(N, channels, *spatial) as (channels, *spatial, N)."""
    return x.transpose(*range(1, x.ndim), 0)


def examples_first(x: Any) -> Any:
    """(channels, *spatial, N) as (N, channels, *spatial)."""
    return x.transpose(-1, *range(x.ndim - 1))


class Windows:
    """The windows of a kernel on an input with spatial axes of these sizes.

    The input is seen with `before` zeros in front of it on each axis, and as many behind it as the
    last window needs. `count` is the number of windows along each axis.
    """

    def __init__(
        self,
        size: Sizes,
        kernel: Sizes,
        stride: Sizes,
        before: Sizes,
        dilation: Sizes,
        count: Sizes,
    ) -> None:
        self.size, self.kernel, self.stride, self.before = size, kernel, stride, before
        self.count, self.entries = count, math.prod(kernel)
        covered = [
            (c - 1) * s + (k - 1) * d + 1
            for c, s, k, d in zip(count, stride, kernel, dilation, strict=True)
        ]
        self._padded = tuple(max(c, b + n) for c, b, n in zip(covered, before, size, strict=True))
        inside = (slice(b, b + n) for b, n in zip(before, size, strict=True))
        self._inside = (slice(None), *inside)
        self._bare = self._padded == size
        starts = itertools.product(*map(range, kernel))
        self._places = [  # for each entry of the kernel, what it meets as it moves over the input
            (slice(None), *map(_steps, start, dilation, stride, count)) for start in starts
        ]

    def views(self, x: Any, fill: float = 0) -> list[Any]:
        """For each entry of the kernel, what it meets: (channels, *count, N), one for a window."""
        x = examples_last(x)
        if not self._bare:
            padded = np.full_like(x, fill, shape=(len(x), *self._padded, x.shape[-1]), order="C")
            padded[self._inside] = x
            x = padded
        return [x[place] for place in self._places]

    def add_up(self, parts: Any) -> Any:
        """An input made of parts like the `views`, each added where its entry of the kernel was."""
        channels, *_, examples = parts[0].shape
        total = np.zeros_like(parts[0], shape=(channels, *self._padded, examples), order="C")
        for place, part in zip(self._places, parts, strict=True):
            total[place] += part
        return examples_first(total if self._bare else total[self._inside])


def _steps(start: int, dilation: int, stride: int, count: int) -> slice:
    first = start * dilation
    return slice(first, first + (count - 1) * stride + 1, stride)


@functools.lru_cache(maxsize=1024)
def windows(
    size: Sizes,
    kernel: Sizes,
    stride: Sizes,
    padding: tuple[tuple[int, int], ...],
    dilation: Sizes,
    ceil_mode: bool = False,
) -> Windows:
    """The windows on an input with this padding before and behind it, on each spatial axis.

    With `ceil_mode` a last window may reach beyond the padding, if it begins before its end.
    """
    counts = []
    for n, k, s, (before, behind), d in zip(size, kernel, stride, padding, dilation, strict=True):
        room = n + before + behind - d * (k - 1) - 1
        if room < 0 or k < 1:
            raise ValueError(
                f"a kernel of {_by(kernel)}{_dilated(dilation)} does not fit an input of "
                f"{_by(size)}{_padded(padding)}"
            )
        count = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (count - 1) * s >= n + before:
            count -= 1
        counts.append(count)
    return Windows(size, kernel, stride, tuple(p[0] for p in padding), dilation, tuple(counts))


def _by(sizes: Sizes) -> str:
    return " by ".join(map(str, sizes)) if len(sizes) > 1 else f"length {sizes[0]}"


def _dilated(dilation: Sizes) -> str:
    return f" with dilation {dilation}" if set(dilation) != {1} else ""


def _padded(padding: tuple[tuple[int, int], ...]) -> str:
    return f" with padding {padding}" if set(padding) != {(0, 0)} else ""


def sizes(value: Any, axes: int, name: str, least: int = 1) -> Sizes:
    """A number for each spatial axis, from one for all of them or a sequence of them."""
    given = tuple(value) if isinstance(value, list | tuple) else (value,) * axes
    if len(given) == 1:
        given *= axes
    if len(given) != axes or any(not _is_whole(n) or n < least for n in given):
        raise ValueError(
            f"{name} is a whole number from {least} on"
            + (f", or {axes} of them" if axes > 1 else "")
            + f", not {value!r}"
        )
    return tuple(map(int, given))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_shape(x: Any, axes: int, channels: int | None = None) -> None:
    """An error, unless x has this many spatial axes after the channels, and that many channels."""
    if x.ndim not in (axes + 1, axes + 2) or channels not in (None, x.shape[-axes - 1]):
        spatial = "length" if axes == 1 else "height, width"
        raise ValueError(
            f"expected an input of shape (N, {channels or 'channels'}, {spatial}), or of one "
            f"example without N, found {x.shape}"
        )


class Sliding(Module):
    """A layer that slides windows over its input. Its errors begin with its name."""

    def slide(self, input: Any) -> Any:
        """What it computes; a subclass says it."""
        raise NotImplementedError

    def forward(self, input: Any) -> Any:
        """What it computes."""
        try:
            return self.slide(input)
        except ValueError as error:
            raise ValueError(f"{self._where()}: {error}") from None
