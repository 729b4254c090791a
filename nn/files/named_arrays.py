"""Files of named arrays: written whole or not at all, and read with distrust. Nothing is unpickled.

An .npz is a zip file with an .npy file for each array; .safetensors files are read and written by
the package of that name.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO, Any, NamedTuple

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import require
from microgradnd.late import needed

# Modules that are slow to import are imported in functions: `import nn` should be quick.
Path = str | os.PathLike[str]


class Stored(NamedTuple):
    """An array that is still in a file: what is known about it before memory is taken for it."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    compressed: bool
    values: Callable[[], Array]

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
        found.arrays.clear()  # Windows replaces no file that is still mapped


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
    if ending == ".safetensors":
        _safetensors()
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
            # The guard against headers that lie: an array must fill its bytes to the last one.
            whole = len(shape) <= 64 and all(type(n) is int and 0 <= n < 1 << 63 for n in shape)
            size = math.prod(shape) * dtype.itemsize if whole else -1
            length = member.file_size - start.tell()
            fills = dtype.kind in "biufc" and size == length
            require(fills, f"expected numbers of {length} bytes, got {shape} of {dtype}")
            stored[name] = Stored(name, shape, dtype, compressed, partial(values, member))
    return File(stored, text)


_DTYPES = {"BOOL": "?", "F16": "f2", "F32": "f4", "F64": "f8", "C64": "c8"} | {
    f"{kind}{8 * size}": f"{kind.lower()}{size}" for kind in "IU" for size in (1, 2, 4, 8)
}


def _safetensors() -> Any:
    purpose = ".safetensors files need safetensors"
    return needed("safetensors.numpy", purpose, '"microgradnd[safetensors]"')


def _write_safetensors(file: IO[bytes], arrays: Mapping[str, Array], text: str | None) -> None:
    require("__metadata__" not in arrays, "an array in a .safetensors file cannot be __metadata__")
    in_rows = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    file.write(_safetensors().save(in_rows, None if text is None else {"text": text}))


def _read_safetensors(file: IO[bytes], size: int) -> File:
    content = _safetensors().safe_open(file.name, "numpy")
    stored: dict[str, Stored] = {}
    for name in list(content.keys()):
        part = content.get_slice(name)
        code, shape = part.get_dtype(), tuple(part.get_shape())
        require(code in _DTYPES, f"{name}: expected one of {', '.join(_DTYPES)}, got {code}")
        read = partial(content.get_tensor, name)
        stored[name] = Stored(name, shape, np.dtype(_DTYPES[code]), False, read)
    return File(stored, (content.metadata() or {}).get("text"))


_FORMS = {
    ".npz": (_write_npz, _read_npz),
    ".safetensors": (_write_safetensors, _read_safetensors),
}
