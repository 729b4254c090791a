"""Files of named arrays: written whole or not at all, and read with distrust. Nothing is unpickled.

An .npz is a zip file with an .npy file for each array. A .safetensors file is the length of a
header, the header in JSON, and the arrays without gaps; the header has for each array its dtype,
its shape, and where its bytes begin and end.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, NamedTuple

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import require

# Modules that are slow to import are imported in functions: `import nn` should be quick.
Path = str | os.PathLike[str]


@dataclass(eq=False, repr=False)
class Stored:
    """An array that is still in a file: what is known about it before memory is taken for it."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    length: int  # in bytes
    compressed: bool
    values: Callable[[], Array]

    def __post_init__(self) -> None:
        """The guard against headers that lie: an array must fill its bytes to the last one."""
        shape, dtype = self.shape, self.dtype
        whole = len(shape) <= 64 and all(type(n) is int and 0 <= n < 1 << 63 for n in shape)
        size = math.prod(shape) * dtype.itemsize if whole else -1
        fills = dtype.kind in "biufc" and size == self.length
        require(fills, f"expected numbers of {self.length} bytes, got {shape} of {dtype}")

    def read(self) -> Array:
        """The array itself; bytes that nobody understands raise a ValueError."""
        with _refused_as(f"{self.name}: the file is damaged"):
            return self.values()


class File(NamedTuple):
    """The arrays in a file by their names, and the text beside them, if any."""

    arrays: dict[str, Stored]
    text: str | None


def write(path: Path, arrays: Mapping[str, Array], text: str | None = None) -> None:
    """Write arrays, and a text beside them, as .npz or .safetensors, as the path ends."""
    write_form, _ = _FORMS[_ending(path)]
    with replacing(path) as file:
        write_form(file, arrays, text)


@contextmanager
def opened(path: Path) -> Iterator[File]:
    """A file to read from: its arrays are checked against its size at once, and read when asked.

    Whatever is wrong with it, also inside the `with`, is a ValueError that begins with the path.
    """
    _, read_form = _FORMS[ending := _ending(path)]
    with open(path, "rb") as file, _refused_as(os.fspath(path), ValueError):
        with _refused_as(f"this is not a {ending} file, or it is damaged"):
            found = read_form(file, os.fstat(file.fileno()).st_size)
        yield found


@contextmanager
def _refused_as(what: str, kind: type[Exception] = Exception) -> Iterator[None]:
    """Inside, an error becomes a ValueError that begins with these words."""
    try:  # there is no list of what zipfile, json and decompressors raise
        yield
    except kind as error:
        raise ValueError(f"{what}: {error}") from error


def _ending(path: Path) -> str:
    ending = os.path.splitext(path)[1]
    pickled = "; a .pt file is a pickle: use model.load_state_dict(torch.load(path))"
    hint = pickled * (ending in (".pt", ".pth"))
    expected = f"expected a path that ends in {' or '.join(_FORMS)}{hint}"
    require(ending in _FORMS, f"{os.fspath(path)}: {expected}")
    return ending


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A new file to write to. The path keeps the old one until the new one is complete, on disk.

    Each writer has a file of its own: of several that save at once, the last one's is complete. Who
    may read the old file may read the new one, and nobody else.
    """
    real = os.path.realpath(path)  # behind a link, not in its place
    folder, name = os.path.split(real)
    if not os.path.exists(folder):
        raise FileNotFoundError(2, "No such folder", folder)
    part = os.path.join(folder, f".{name}.{os.urandom(4).hex()}.part")
    try:
        with open(part, "xb") as file:
            if os.path.exists(real):
                os.chmod(part, os.stat(real).st_mode & 0o777)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, real)
    finally:
        with suppress(FileNotFoundError):
            os.remove(part)


_TEXT = "text.json"
_LONGEST_NPY_HEADER = 1 << 12  # bytes, of a shape and a dtype


def _write_npz(file: IO[bytes], arrays: Mapping[str, Array], text: str | None) -> None:
    """As `np.savez` does; the same arrays make the same bytes."""
    import zipfile

    with zipfile.ZipFile(file, "w") as archive:
        if text is not None:
            archive.writestr(zipfile.ZipInfo(_TEXT), text)
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def _read_npz(file: IO[bytes], size: int) -> File:
    import zipfile

    archive = zipfile.ZipFile(file)
    members = archive.infolist()
    require(sum(each.compress_size for each in members) <= size, "its members overlap")

    def values(member: zipfile.ZipInfo) -> Array:
        with archive.open(member) as whole:  # read to its end, and so its checksum is compared
            return np.lib.format.read_array(whole, allow_pickle=False)

    stored: dict[str, Stored] = {}
    text = None
    for member in members:
        with _refused_as(member.filename):
            name, ending = member.filename[:-4], member.filename[-4:]  # a name may be empty
            compressed = member.compress_type != zipfile.ZIP_STORED
            if compressed:
                usual = member.compress_type == zipfile.ZIP_DEFLATED and ending == ".npy"
                require(usual, "it is compressed in a way that NumPy never uses")
            else:
                whole = member.file_size == member.compress_size
                require(whole, "its length is not as announced")
            if member.filename == _TEXT and text is None:
                text = archive.read(member).decode()
                continue
            single = ending == ".npy" and name not in stored
            require(single, "it is not an .npy file, or it is there twice")
            with archive.open(member) as stream:
                start = io.BytesIO(stream.read(_LONGEST_NPY_HEADER))  # however long it claims to be
            version, _ = np.lib.format.read_magic(start)
            require(version in (1, 2), f"expected version 1 or 2 of the format, got {version}")
            shape, _, dtype = getattr(np.lib.format, f"read_array_header_{version}_0")(start)
            length, read = member.file_size - start.tell(), partial(values, member)
            stored[name] = Stored(name, shape, dtype, length, compressed, read)
    return File(stored, text)


_CODES = ["BOOL", "U8", "I8", "U16", "I16", "F16", "U32", "I32", "F32", "U64", "I64", "F64"]
_KINDS = ["?", "u1", "i1", "<u2", "<i2", "<f2", "<u4", "<i4", "<f4", "<u8", "<i8", "<f8"]
_DTYPES = dict(zip(_CODES, map(np.dtype, _KINDS), strict=True))
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_LONGEST_HEADER = 100_000_000  # bytes, as in other readers


def _write_safetensors(file: IO[bytes], arrays: Mapping[str, Array], text: str | None) -> None:
    """The widest types first, so that each array lies at a multiple of its width."""
    import json

    header: dict[str, Any] = {} if text is None else {"__metadata__": {"text": text}}
    little = {n: np.asarray(a, np.asarray(a).dtype.newbyteorder("<")) for n, a in arrays.items()}
    ordered = sorted(little.items(), key=lambda pair: -pair[1].itemsize)
    end = 0
    for name, array in ordered:
        fits = array.dtype in _NAMES and name != "__metadata__"
        require(fits, f"{name}: a .safetensors file has no place for {array.dtype}")
        begin, end, dtype = end, end + array.nbytes, _NAMES[array.dtype]
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [begin, end]}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    file.write(len(encoded).to_bytes(8, "little") + encoded)
    for _, array in ordered:
        file.write(array.tobytes())


def _read_safetensors(file: IO[bytes], size: int) -> File:
    import json

    length = int.from_bytes(file.read(8), "little")
    fits = length <= min(size - 8, _LONGEST_HEADER)
    require(fits, f"a header of {length} bytes does not fit into {size}")
    header = json.loads(file.read(length))  # an array named twice leaves a gap
    text = header.pop("__metadata__", {}).get("text", "")
    require(isinstance(text, str), "its __metadata__ must map strings to strings")

    def values(shape: list[int], dtype: np.dtype[Any], begin: int) -> Array:
        file.seek(8 + length + begin)
        array = np.fromfile(file, dtype, math.prod(shape)).reshape(shape)
        odd = dtype.kind == "b" and (array.view("u1") > 1).any()
        require(not odd, "a boolean is a byte 0 or 1")
        return array.astype(dtype.newbyteorder("="), copy=False)

    stored: dict[str, Stored] = {}
    places = []
    for name, entry in header.items():
        with _refused_as(name):
            code, shape, (begin, end) = (entry[k] for k in ("dtype", "shape", "data_offsets"))
            formed = type(shape) is list and type(begin) is type(end) is int
            require(formed, f"expected numbers as shape and data_offsets, got {entry!r:.200}")
            require(code in _DTYPES, f"expected one of {', '.join(_DTYPES)}, got {code}")
            dtype = _DTYPES[code]
            read = partial(values, shape, dtype, begin)
            stored[name] = Stored(name, (*shape,), dtype, end - begin, False, read)
            places.append((begin, end))
    places.sort()
    begins, ends, room = [b for b, _ in places], [e for _, e in places], size - 8 - length
    fill = f"its arrays overlap, leave a gap or do not fill {room} bytes: {places!r:.200}"
    require([*begins, room] == [0, *ends], fill)
    return File(stored, text or None)


_FORMS = {
    ".npz": (_write_npz, _read_npz),
    ".safetensors": (_write_safetensors, _read_safetensors),
}
