"""The IDX format, in which MNIST is published: an array as a header and its numbers.

    two zero bytes | type code | number of dimensions | each dimension (4 bytes) | the numbers

All are big-endian; the last dimension varies fastest.
"""

from __future__ import annotations

import gzip
import math
import os
import sys
import zlib
from typing import Any

import numpy as np

from microgradnd.arrays import Array

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Returns the array in a file of the IDX format, gzipped or not.

    The header is checked before memory is allocated: from a damaged file no more is read than its
    header announces.

    >>> import tempfile, pathlib
    >>> from nn.data import read_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "three-shorts"
    ...     size = file.write_bytes(b"\\0\\0\\x0b\\1" + b"\\0\\0\\0\\3" + b"\\0\\1\\0\\2\\1\\0")
    ...     read_idx(file)
    array([  1,   2, 256], dtype=int16)
    """
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        size = None if zipped else file.seek(0, os.SEEK_END)
        file.seek(0)
        try:
            return _read(gzip.GzipFile(fileobj=file) if zipped else file, size)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path} is not a sound IDX file: {error}") from None


def _read(file: Any, size: int | None) -> Array:
    """The array, from a file of this many bytes, or of an unknown number (None)."""
    start = _exactly(4, file, "the magic number has 4 bytes")
    code, dimensions = start[2:]
    if start[:2] != b"\0\0":
        raise ValueError(f"the magic number begins with two zero bytes, got {start[:2].hex(' ')}")
    if code not in TYPES:
        known = ", ".join(f"0x{code:02x}" for code in TYPES)
        raise ValueError(f"the type code is one of {known}, got 0x{code:02x}")
    if dimensions > 64:
        raise ValueError(f"the number of dimensions is 64 at most, got {dimensions}")
    length = 4 * dimensions
    sizes = _exactly(length, file, f"the sizes of {dimensions} dimensions have {length} bytes")
    shape, dtype = tuple(np.frombuffer(sizes, ">u4").tolist()), np.dtype(TYPES[code])
    if math.prod(max(length, 1) for length in shape) * dtype.itemsize > sys.maxsize:
        raise ValueError(f"the dimensions {shape} are beyond any memory")
    expected = math.prod(shape) * dtype.itemsize
    announced = f"the dimensions {shape} of {dtype.name} announce {expected} bytes of numbers"
    if size is not None and size - file.tell() != expected:
        raise ValueError(f"{announced}, got {size - file.tell()}")
    content = _exactly(expected, file, announced)
    if file.read(1):
        raise ValueError(f"{announced}, got more")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _exactly(size: int, file: Any, what: str) -> bytearray:
    content = at_most(size, file)
    if len(content) < size:
        raise ValueError(f"{what}, got {len(content)}")
    return content


def at_most(size: int, file: Any) -> bytearray:
    """Reads bytes into memory that grows with what is there and not with what is announced."""
    content = bytearray()
    while len(content) < size and (chunk := file.read(min(1 << 20, size - len(content)))):
        content += chunk
    return content
