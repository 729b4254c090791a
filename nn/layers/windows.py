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

from microgradnd.habits import require

from ..init import numbers
from .layer import Size, Sizes, sizes

_CACHE = 2**20  # bytes
Around = tuple[tuple[int, int], ...]  # how much is before and behind the input, on each axis


def n_last(x: Any) -> Any:
    """(N, channels, *spatial) as (channels, *spatial, N)."""
    return x.transpose(*range(1, x.ndim), 0)


def n_first(x: Any) -> Any:
    """(channels, *spatial, N) as (N, channels, *spatial)."""
    return x.transpose(-1, *range(x.ndim - 1))


class Windows:
    """The windows of a kernel on an input with spatial axes of these sizes; cached by `windows`.

    `count` is the number of windows along each axis. With `ceil_mode` a last window may reach
    beyond the padding, if it begins before its end.
    """

    def __init__(
        self, size: Sizes, kernel: Size, stride: Size | None, padding: Size | str, dilation: Size,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        axes = len(size)
        self.size, self.kernel = size, sizes(kernel, axes, "kernel_size")
        self.stride = self.kernel if stride is None else sizes(stride, axes, "stride")
        self.dilation = sizes(dilation, axes, "dilation")
        around = padded_by(padding, self.kernel, self.stride, self.dilation)
        count, padded = [], []
        axes_of = zip(size, self.kernel, self.stride, around, self.dilation, strict=True)
        for n, k, s, (before, behind), d in axes_of:
            length = (k - 1) * d + 1
            room = n + before + behind - length
            how = f"input of size {size} with padding {around} and dilation {self.dilation}"
            require(room >= 0 < k, f"a kernel of size {self.kernel} does not fit an {how}")
            steps = min(-(-room // s), (n + before - 1) // s) if ceil_mode else room // s
            count.append(steps + 1)
            padded.append(max(steps * s + length, before + n))
        self.before, self.count = tuple(before for before, _ in around), tuple(count)
        self.entries, self._padded = math.prod(self.kernel), tuple(padded)
        inside = (slice(b, b + n) for b, n in zip(self.before, size, strict=True))
        self._inside = (slice(None), *inside)
        self.places = self._places(slice(0, self.count[0]))

    def _places(self, rows: slice) -> list[tuple[slice, ...]]:
        """For each entry of the kernel, the entries under it in these rows of windows."""
        windows = rows, *(slice(0, n) for n in self.count[1:])
        under = [
            [slice(a.start * s + i * d, (a.stop - 1) * s + i * d + 1, s) for i in range(k)]
            for a, k, s, d in zip(windows, self.kernel, self.stride, self.dilation, strict=True)
        ]
        return [(slice(None), *each) for each in itertools.product(*under)]

    @functools.lru_cache(maxsize=1024)  # noqa: B019  (Windows are kept as long)
    def blocks(self, size: int) -> list[tuple[slice, list[tuple[slice, ...]]]]:
        """Rows of windows that fit into a processor's cache, each with its places; `size` is that
        of an entry of a window, in bytes, for all channels and examples."""
        count, row = self.count[0], size * self.entries * math.prod(self.count[1:])
        step = max(1, _CACHE // max(1, row))
        rows = [slice(first, min(first + step, count)) for first in range(0, count, step)]
        return [(some, self._places(some)) for some in rows]

    def padded(self, x: Any, fill: float = 0) -> Any:
        """(N, channels, *size) as (channels, *size, N), with what is around it."""
        x = n_last(x)
        if self._padded == self.size:
            return x
        padded = np.full_like(x, fill, shape=(len(x), *self._padded, x.shape[-1]), order="C")
        padded[self._inside] = x
        return padded

    def zeros(self, like: Any, channels: int, examples: int) -> Any:
        return np.zeros_like(like, shape=(channels, *self._padded, examples), order="C")

    def inside(self, padded: Any) -> Any:
        return n_first(padded[self._inside] if self._padded != self.size else padded)


_cached = functools.lru_cache(maxsize=1024, typed=True)(Windows)


def windows(size: Sizes, *how: Any) -> Windows:
    """The windows of a kernel, its stride, padding and so on, whose sizes may be lists."""
    return _cached(size, *[tuple(value) if isinstance(value, list) else value for value in how])


def padded_by(padding: Size | str, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Around:
    """How many zeros are before and behind the input, on each spatial axis."""
    if padding == "same":
        require(set(stride) == {1}, f"padding='same' is for stride 1, got {stride}")
        missing = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple((n // 2, n - n // 2) for n in missing)
    known = not isinstance(padding, str) or padding == "valid"
    require(known, f"padding must be a number, 'same' or 'valid', got {padding!r}")
    on_both_sides: Any = 0 if padding == "valid" else padding
    return tuple((n, n) for n in sizes(on_both_sides, len(kernel), "padding", least=0))


def size_of(count: Sizes, kernel: Size, stride: Size, padding: Any, dilation: Size = 1) -> Sizes:
    """The least size of an input that has so many windows."""
    given = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    how = (sizes(n, len(count), name, int(name != "padding")) for name, n in given.items())
    each = zip(count, *how, strict=True)
    return tuple((n - 1) * s - 2 * p + d * (k - 1) + 1 for n, k, s, p, d in each)


def of_examples(function: Callable[..., Any], axes: int, x: Any, *others: Any, **how: Any) -> Any:
    """Applies a function to all examples, or to a single one that has no axis N."""
    if x.ndim == axes + 1:
        return function(x[None], *others, **how)[0]
    return function(x, *others, **how)


def spatial(input: Any, axes: int, channels: int | None = None, dtype: Any = None) -> Any:
    """The input as floats, or an error unless it has so many spatial axes, and so many channels."""
    x = numbers(input, dtype)
    if x.ndim not in (axes + 1, axes + 2) or channels not in (None, x.shape[-axes - 1]):
        places = ("length", "height, width", "depth, height, width")[axes - 1]
        expected = f"an input of shape (N, {channels or 'channels'}, {places})"
        raise ValueError(f"expected {expected}, or of one example without N, got {x.shape}")
    return x
