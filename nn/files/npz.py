"""NumPy's .npz: a zip file with an .npy file for each array. Nothing pickled is ever read."""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from .stored import Array, File, Stored

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


def read(file: IO[bytes], size: int) -> File:
    """The arrays of a file of this size, checked but not yet read."""
    try:
        archive = zipfile.ZipFile(file)
        members = archive.infolist()
        if sum(member.compress_size for member in members) > size:
            raise ValueError("its members overlap")
        stored: dict[str, Stored] = {}
        text = None
        for member in members:
            name = member.filename.removesuffix(".npy")
            if member.filename == _TEXT and text is None:
                text = _text(archive, member)
            elif name == member.filename or name in stored:
                raise ValueError(f"{member.filename!r} is no .npy file, or it is there twice")
            else:
                stored[name] = _stored(archive, member)
        return File(stored, text)
    except _DAMAGE as error:
        raise ValueError(f"this is no .npz file, or it is damaged: {error}") from error


# What zipfile, its decompressors and NumPy raise at bytes that they do not understand.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # a method of compression, or encryption
    RuntimeError,
    UnicodeDecodeError,
    OverflowError,
    OSError,
    SyntaxError,
    tokenize.TokenError,
    RecursionError,
)


def _text(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
        raise ValueError(f"{_TEXT} is compressed: nobody knows how long it will be")
    return archive.read(member).decode()


def _stored(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Stored:
    """What an .npy file says about its array, which must fill the file to the last byte."""
    name = member.filename[:-4]
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name}: it is compressed in a way that np.savez does not use")
    with archive.open(member) as stream:
        first = io.BytesIO(stream.read(_LONGEST_HEADER))
    shape, fortran, dtype = _header(first, name)
    begins = first.tell()
    if dtype.hasobject or dtype.kind not in "biufc":
        raise ValueError(f"{name}: arrays of {dtype} hold something other than numbers")
    if member.file_size - begins != math.prod(shape) * dtype.itemsize:
        raise ValueError(
            f"{name}: shape {shape} of {dtype} does not fit its {member.file_size} bytes"
        )

    def values() -> Array:
        try:
            with archive.open(member) as stream:
                stream.read(begins)
                flat = np.frombuffer(bytearray(stream.read(member.file_size - begins)), dtype)
                if flat.size != math.prod(shape) or stream.read(1):  # and so its checksum was seen
                    raise ValueError(f"{name}: there are not as many bytes as there should be")
        except _DAMAGE as error:
            raise ValueError(f"{name}: the file is damaged: {error}") from error
        return flat.reshape(shape, order="F" if fortran else "C")

    return Stored(shape, dtype, values, member.compress_type != zipfile.ZIP_STORED)


def _header(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(stream)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in readers:
            raise ValueError(f"version {version} of the format")
        shape, fortran, dtype = readers[version](stream, max_header_size=_LONGEST_HEADER)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} is no .npy file: {error}") from error
    if any(length < 0 for length in shape):
        raise ValueError(f"{name}: shape {shape} is none")
    return shape, fortran, dtype
