"""The IDX format, in which MNIST is published: an array as a header and its numbers.

    two zero bytes | type code | number of dimensions | each dimension (4 bytes) | the numbers

All are big-endian; the last dimension varies fastest.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import sys
import zlib
from typing import IO, Any

import numpy as np

Array = np.ndarray[Any, Any]
TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CHUNK = 1 << 20


def read_idx(path: str | os.PathLike[str]) -> Array:
    """The array in a file of the IDX format, gzipped or not.

    The header is held against what follows it before room is made for that: from a damaged file no
    more is read than its header announces.

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
        file.seek(0)
        if not zipped:
            return _read(file, path, os.fstat(file.fileno()).st_size)
        try:
            return _read(gzip.GzipFile(fileobj=file), path)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from error


def _read(file: IO[bytes] | gzip.GzipFile, path: Any, size: int | None = None) -> Array:
    """The array, from a file of that many bytes, or of None knows how many."""
    try:
        shape, dtype = _header(file)
        expected = math.prod(shape) * dtype.itemsize
        if size is not None:
            _check(size - file.tell(), shape, dtype)
        content = _at_most(file, expected + 1)
        _check(len(content), shape, dtype)
    except ValueError as error:
        raise ValueError(f"{path} is no sound IDX file: {error}") from None
    numbers = np.frombuffer(content, dtype).reshape(shape)
    return numbers.astype(dtype.newbyteorder("="), copy=False)


def _header(file: IO[bytes] | gzip.GzipFile) -> tuple[tuple[int, ...], np.dtype[Any]]:
    magic = file.read(4)
    if len(magic) < 4:
        raise ValueError(f"the magic number has 4 bytes, found {len(magic)}")
    if magic[:2] != b"\0\0":
        raise ValueError(f"the magic number begins with two zero bytes, found {magic[:2].hex(' ')}")
    code, dimensions = magic[2], magic[3]
    if code not in TYPES:
        known = ", ".join(f"0x{code:02x}" for code in TYPES)
        raise ValueError(f"the type code is one of {known}, found 0x{code:02x}")
    if dimensions > 64:
        raise ValueError(f"the number of dimensions is 64 at most, found {dimensions}")
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise ValueError(
            f"the sizes of {dimensions} dimensions have {4 * dimensions} bytes, found {len(sizes)}"
        )
    shape, dtype = struct.unpack(f">{dimensions}I", sizes), np.dtype(TYPES[code])
    if math.prod(max(length, 1) for length in shape) * dtype.itemsize > sys.maxsize:
        raise ValueError(f"the dimensions {shape} are beyond any memory")
    return shape, dtype


def _check(found: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    expected = math.prod(shape) * dtype.itemsize
    if found != expected:
        raise ValueError(
            f"the dimensions {shape} of {dtype.name} announce {expected} bytes of numbers, "
            f"found {'more' if found > expected else found}"
        )


def _at_most(file: IO[bytes] | gzip.GzipFile, size: int) -> bytearray:
    """The next bytes, in room that grows with what is there and not with what is announced."""
    content = bytearray()
    while len(content) < size and (chunk := file.read(min(_CHUNK, size - len(content)))):
        content += chunk
    return content
