"""Arrays that stay in a file: rows of them are read when a batch needs them."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from microgradnd.arrays import Array


def in_file(values: Any) -> bool:
    """Whether something is an array outside of memory: np.memmap, or h5py's, zarr's and Dask's."""
    named = all(hasattr(values, name) for name in ("shape", "dtype", "__getitem__"))
    plain = isinstance(values, np.ndarray | np.generic) and not isinstance(values, np.memmap)
    other = any(hasattr(values, name) for name in ("iloc", "__cuda_array_interface__"))
    return named and not plain and not other and isinstance(values.dtype, np.dtype)


def floats_in(values: Any, dtype: Any) -> Any:
    """Floats in this dtype, if one is given; those in a file stay there, and all else as it is."""
    if dtype is None or values.dtype.kind != "f" or values.dtype == dtype:
        return values
    return InFile(values, dtype) if in_file(values) else values.astype(dtype)


def rows(values: Any, which: Any) -> Array:
    """These rows of an array, in memory: a slice, numbers or booleans say which."""
    numbers = isinstance(which, np.ndarray) and which.dtype.kind in "iu"
    if type(values) is np.ndarray or not in_file(values):
        found: Array = values.take(which, 0) if numbers else values[which]
        return found
    if isinstance(values, np.memmap):
        pages: Any = getattr(values, "_mmap", None)
        if pages is not None and values.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):
            pages.madvise(mmap.MADV_DONTNEED)  # what earlier batches have read need not stay
        return np.asarray(values.take(which, 0) if numbers else values[which])
    if isinstance(which, slice | int | np.integer):
        return np.asarray(values[which])
    sorted_once, places = np.unique(np.arange(values.shape[0])[which], return_inverse=True)
    return np.asarray(values[sorted_once])[places]  # files like them so


class InFile:
    """Rows of an array that stays where it is, in this order and dtype."""

    def __init__(self, values: Any, dtype: Any = None, which: Array | None = None) -> None:
        self._values, self._which = values, which
        self.dtype = np.dtype(values.dtype if dtype is None else dtype)
        self.shape = (values.shape[0] if which is None else len(which), *values.shape[1:])
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, which: Any) -> Array:
        of_all = which if self._which is None else self._which[which]
        return rows(self._values, of_all).astype(self.dtype, copy=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self[:].astype(dtype or self.dtype, copy=False)
