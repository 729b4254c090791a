"""Arrays that stay in a file: rows of them are read when a batch needs them."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradnd.arrays import Array


def in_file(values: Any) -> bool:
    """Whether something is an array outside of memory: np.memmap, or h5py's, zarr's and Dask's."""
    named = all(hasattr(values, name) for name in ("shape", "dtype", "__getitem__", "__len__"))
    plain = isinstance(values, np.ndarray | np.generic) and not isinstance(values, np.memmap)
    return named and not plain


def rows(values: Any, which: Any) -> Array:
    """These rows of an array, as an array in memory: a slice, numbers or booleans say which."""
    if isinstance(values, np.ndarray) or isinstance(which, slice | int | np.integer):
        is_list = isinstance(which, np.ndarray) and which.dtype.kind in "iu"
        return np.asarray(values.take(which, 0) if is_list else values[which])
    numbers = np.arange(len(values))[which]
    once, places = np.unique(numbers, return_inverse=True)  # files take them sorted, each once
    return np.asarray(values[once])[places]


class InFile:
    """Rows of an array that stays where it is, in this order and dtype; they are read when they
    are asked for."""

    def __init__(self, values: Any, dtype: Any = None, which: Array | None = None) -> None:
        self._values, self._which = values, which
        self.dtype = np.dtype(values.dtype if dtype is None else dtype)
        self.shape = (len(values) if which is None else len(which), *values.shape[1:])
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, which: Any) -> Array:
        of_all = which if self._which is None else self._which[which]
        return rows(self._values, of_all).astype(self.dtype, copy=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self[:].astype(dtype or self.dtype, copy=False)

    def part(self, which: Any, dtype: Any = None) -> InFile:
        """Some of these rows, which also stay where they are."""
        numbers = np.arange(len(self)) if self._which is None else self._which
        return InFile(self._values, dtype or self.dtype, numbers[which])
