"""The .safetensors format: the length of a header, the header in JSON, and then the arrays.

The header gives for each array its dtype, its shape, and where its bytes begin and end among those
that follow the header. They are little-endian, and lie one after the other without gaps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from .stored import Array, File, Stored

_DTYPES = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}
_TEXT = "text"
_LONGEST_HEADER = 100_000_000  # bytes, as in other readers


def write(file: IO[bytes], arrays: Mapping[str, Array], text: str | None) -> None:
    """Write arrays, the widest types first, so that each lies at a multiple of its width."""
    header: dict[str, Any] = {} if text is None else {"__metadata__": {_TEXT: text}}
    little = {
        name: np.asarray(array, np.asarray(array).dtype.newbyteorder("<"))
        for name, array in arrays.items()
    }
    ordered = sorted(little, key=lambda name: -little[name].itemsize)
    end = 0
    for name in ordered:
        array, begin = little[name], end
        if array.dtype not in _NAMES or name == "__metadata__":
            raise ValueError(f"{name}: a .safetensors file has no place for {array.dtype}")
        end += array.nbytes
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    file.write(len(encoded).to_bytes(8, "little") + encoded)
    for name in ordered:
        file.write(little[name].tobytes())


def read(file: IO[bytes], size: int) -> File:
    """The arrays of a file of this size, checked but not yet read."""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, _LONGEST_HEADER):
        raise ValueError(
            f"this is no .safetensors file, or it is damaged: a header of {length} bytes does not "
            f"fit into {size}"
        )
    header = _header(file.read(length))
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("its __metadata__ is to be a map of texts")
    stored, ends = {}, [0]
    starts = sorted((_entry(name, entry), name) for name, entry in header.items())
    for (begin, end), name in starts:
        if begin != ends[-1]:
            raise ValueError(f"{name}: its bytes begin at {begin}, and not where others end")
        ends.append(end)
        stored[name] = _stored(file, name, header[name], 8 + length + begin, end - begin)
    if 8 + length + ends[-1] != size:
        raise ValueError(f"{size - 8 - length} bytes of arrays are there, {ends[-1]} announced")
    return File({name: stored[name] for name in header}, metadata.get(_TEXT))


def _header(encoded: bytes) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a name stands in its header twice")
        return dict(pairs)

    try:
        header = json.loads(encoded, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is no JSON: {error}") from error
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    return header


def _entry(name: str, entry: Any) -> tuple[int, int]:
    """Where the bytes of an array begin and end, from an entry of the right form."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        numbers = (*shape, begin, end)
        whole = type(shape) is list and all(type(n) is int and 0 <= n < 1 << 63 for n in numbers)
    except (TypeError, ValueError, KeyError):
        whole, dtype = False, ""
    if not whole or not isinstance(dtype, str) or len(shape) > 64 or begin > end:
        raise ValueError(f"{name}: the header must give its dtype, shape and data_offsets")
    if dtype not in _DTYPES:
        raise ValueError(f"{name}: NumPy has no dtype {dtype}; it has {', '.join(_DTYPES)}")
    if end - begin != math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize:
        raise ValueError(f"{name}: {end - begin} bytes for shape {tuple(shape)} of {dtype}")
    return begin, end


def _stored(file: IO[bytes], name: str, entry: Any, start: int, count: int) -> Stored:
    shape, dtype = tuple(entry["shape"]), np.dtype(_DTYPES[entry["dtype"]])

    def values() -> Array:
        file.seek(start)
        held = bytearray(file.read(count))
        if len(held) != count:
            raise ValueError(f"{name}: the file ends in the middle of it")
        if dtype.kind == "b" and any(held.translate(None, b"\0\1")):
            raise ValueError(f"{name}: a truth is 0 or 1")
        return np.frombuffer(held, dtype).astype(dtype.newbyteorder("="), copy=False).reshape(shape)

    return Stored(shape, dtype, values)
