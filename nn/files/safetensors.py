"""The .safetensors format: the length of a header, the header in JSON, and then the arrays.

The header has for each array its dtype, its shape, and where its bytes begin and end among those
that follow the header. They are little-endian, and lie one after the other without gaps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import partial
from typing import IO, Any

import numpy as np

from microgradnd.arrays import Array

_DTYPES = {"BOOL": np.dtype("?")} | {
    f"{kind.upper()}{8 * size}": np.dtype(f"<{kind}{size}")
    for kind in "uif"
    for size in (1, 2, 4, 8)
    if (kind, size) != ("f", 1)  # which NumPy does not have
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_TEXT = "text"
_LONGEST_HEADER = 100_000_000  # bytes, as in other readers


def write(file: IO[bytes], arrays: Mapping[str, Array], text: str | None) -> None:
    """Write arrays, the widest types first, so that each lies at a multiple of its width."""
    header: dict[str, Any] = {} if text is None else {"__metadata__": {_TEXT: text}}
    little = {n: np.asarray(a, np.asarray(a).dtype.newbyteorder("<")) for n, a in arrays.items()}
    ordered = sorted(little.items(), key=lambda pair: -pair[1].itemsize)
    end = 0
    for name, array in ordered:
        if array.dtype not in _NAMES or name == "__metadata__":
            raise ValueError(f"{name}: a .safetensors file has no place for {array.dtype}")
        begin, end = end, end + array.nbytes
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    file.write(len(encoded).to_bytes(8, "little") + encoded)
    for _, array in ordered:
        file.write(array.tobytes())


def read(file: IO[bytes], size: int) -> tuple[dict[str, Any], str | None]:
    """Each array's shape, dtype and so on, checked against the file's size, and the text."""
    length = int.from_bytes(file.read(8), "little")
    if length > min(size - 8, _LONGEST_HEADER):
        raise ValueError(f"a header of {length} bytes does not fit into {size}")
    header = json.loads(file.read(length))  # an array named twice leaves a gap
    text = header.pop("__metadata__", {}).get(_TEXT, "")
    if not isinstance(text, str):
        raise ValueError("its __metadata__ must map strings to strings")
    places = {name: _place(name, entry) for name, entry in header.items()}
    covered = 0
    for begin, end in sorted((begin, end) for _, _, begin, end in places.values()):
        if begin != covered:
            raise ValueError(f"its arrays overlap or leave a gap: {begin} comes after {covered}")
        covered = end
    if covered != size - 8 - length:
        raise ValueError(f"expected {covered} bytes of arrays, got {size - 8 - length}")

    def values(shape: tuple[int, ...], dtype: np.dtype[Any], begin: int) -> Array:
        file.seek(8 + length + begin)
        array = np.fromfile(file, dtype, math.prod(shape)).reshape(shape)
        if dtype.kind == "b" and (array.view("u1") > 1).any():
            raise ValueError("a boolean is a byte 0 or 1")
        return array.astype(dtype.newbyteorder("="), copy=False)

    found = {
        name: (shape, dtype, False, partial(values, shape, dtype, begin))
        for name, (shape, dtype, begin, _) in places.items()
    }
    return found, text or None


def _place(name: str, entry: Any) -> tuple[tuple[int, ...], np.dtype[Any], int, int]:
    """The shape and dtype of an array, and where its bytes begin and end."""
    match entry:
        case {"dtype": str(code), "shape": [*shape], "data_offsets": [begin, end]}:
            whole = all(type(n) is int and 0 <= n < 1 << 63 for n in (*shape, begin, end))
            width = _DTYPES[code].itemsize if code in _DTYPES and whole and len(shape) <= 64 else 0
            if width and end - begin == math.prod(shape) * width:
                return tuple(shape), _DTYPES[code], begin, end
    raise ValueError(
        f"{name}: expected a dtype of {', '.join(_DTYPES)}, a shape, and data_offsets that fit it, "
        f"got {entry!r:.200}"
    )
