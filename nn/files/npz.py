"""NumPy's .npz: a zip file with an .npy file for each array. Nothing pickled is ever read."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from microgradnd.arrays import Array

_TEXT = "text.json"
_LONGEST_HEADER = 1 << 12  # bytes, of a shape and a dtype


def write(file: IO[bytes], arrays: Mapping[str, Array], text: str | None) -> None:
    """Write arrays as `np.savez` does. The same arrays make the same bytes."""
    with zipfile.ZipFile(file, "w") as archive:
        if text is not None:
            archive.writestr(zipfile.ZipInfo(_TEXT), text)
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def read(file: IO[bytes], size: int) -> tuple[dict[str, Any], str | None]:
    """Each array's shape, dtype and so on, checked against the file's size, and the text."""
    archive = zipfile.ZipFile(file)
    members = archive.infolist()
    if sum(member.compress_size for member in members) > size:
        raise ValueError("its members overlap")
    stored: dict[str, Any] = {}
    text = None
    for member in members:
        name, end = member.filename[:-4], member.filename[-4:]
        plain = member.compress_type == zipfile.ZIP_STORED
        if plain and member.file_size != member.compress_size:
            raise ValueError(f"{member.filename}: its length is not as announced")
        if not plain and (member.compress_type != zipfile.ZIP_DEFLATED or end != ".npy"):
            raise ValueError(
                f"{member.filename} is compressed in a way that nn and NumPy never use"
            )
        if member.filename == _TEXT and text is None:
            text = archive.read(member).decode()
        elif end != ".npy" or name in stored:
            raise ValueError(f"{member.filename!r} is not an .npy file, or it is there twice")
        else:
            try:
                stored[name] = _entry(archive, member)
            except Exception as error:
                raise ValueError(f"{name}: {error}") from error
    return stored, text


def _entry(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    """What an .npy file declares: its array must fill the file to the last byte."""
    with archive.open(member) as stream:
        start = io.BytesIO(stream.read(_LONGEST_HEADER))  # however long it claims to be
    version = np.lib.format.read_magic(start)[0]
    reads = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    if version not in reads:
        raise ValueError(f"expected version 1 or 2 of the format, got {version}")
    shape, _, dtype = reads[version](start)
    if dtype.kind not in "biufc":
        raise ValueError(f"expected an array of numbers, got {dtype}")
    if member.file_size - start.tell() != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"shape {shape} of {dtype} does not fit its {member.file_size} bytes")

    def values() -> Array:
        with archive.open(member) as whole:  # read to its end, and so its checksum is compared
            return np.lib.format.read_array(whole, allow_pickle=False)

    return shape, dtype, member.compress_type != zipfile.ZIP_STORED, values
