"""Files of named arrays: written whole or not at all, and read with distrust."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

import numpy as np

from microgradnd.arrays import Array

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
        try:
            return self.values()
        except Exception as error:  # there is no list of what decompressors raise
            raise ValueError(f"{self.name}: the file is damaged: {error}") from error


class File(NamedTuple):
    """The arrays in a file by their names, and the text beside them, if any."""

    arrays: dict[str, Stored]
    text: str | None


def write(path: Path, arrays: Mapping[str, Array], text: str | None = None) -> None:
    """Write arrays, and a text beside them, as .npz or .safetensors, as the path ends.

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from nn.files.named_arrays import opened, write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "some.npz")
    ...     write(path, {"a": np.arange(3)}, text="counted")
    ...     with opened(path) as file:
    ...         file.arrays["a"].read(), file.text
    (array([0, 1, 2]), 'counted')
    """
    form = _form_of(path)
    with replacing(path) as file:
        form.write(file, arrays, text)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A new file to write to. The path keeps the old one until the new one is complete, on disk."""
    real = pathlib.Path(os.path.realpath(path))  # behind a link, not in its place
    part = real.with_name(f".{real.name}.part")
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, real)
    finally:
        part.unlink(missing_ok=True)
    if hasattr(os, "O_DIRECTORY"):  # the new name must last as well
        folder = os.open(real.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def opened(path: Path) -> Iterator[File]:
    """A file to read from: its arrays are checked against its size at once, and read when asked.

    Whatever is wrong with it, also inside the `with`, is a ValueError that begins with the path.
    """
    form = _form_of(path)
    with open(path, "rb") as file:
        try:
            found, text = form.read(file, os.fstat(file.fileno()).st_size)
        except Exception as error:  # there is no list of what zipfile and json raise
            ending = pathlib.Path(path).suffix
            raise ValueError(
                f"{os.fspath(path)}: this is not a {ending} file, or it is damaged: {error}"
            ) from error
        try:
            yield File({name: Stored(name, *entry) for name, entry in found.items()}, text)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: {error}") from error


def _form_of(path: Path) -> Any:
    from . import npz, safetensors  # what they import is slow, and `import nn` should be quick

    forms = {".npz": npz, ".safetensors": safetensors}
    ending = pathlib.Path(path).suffix
    if ending not in forms:
        raise ValueError(f"{os.fspath(path)}: expected a path that ends in {' or '.join(forms)}")
    return forms[ending]
