"""Files of named arrays: written whole or not at all, and read with distrust."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from .stored import Array, File

Path = str | os.PathLike[str]


def write(path: Path, arrays: Mapping[str, Array], text: str | None = None) -> None:
    """Write arrays, and a text beside them, as .npz or .safetensors, as the path ends.

    The path has the old file until it has all of the new one, whatever happens in between.

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from nn.files.atomic import opened, write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "some.npz")
    ...     write(path, {"a": np.arange(3)}, text="counted")
    ...     with opened(path) as file:
    ...         file.arrays["a"].read(), file.text
    (array([0, 1, 2]), 'counted')
    """
    form = _form_of(path)
    real = pathlib.Path(os.path.realpath(path))  # behind a link, not in its place
    part = real.with_name(f".{real.name}.part")
    try:
        with open(part, "wb") as file:
            form.write(file, arrays, text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, real)
    finally:
        part.unlink(missing_ok=True)
    if hasattr(os, "O_DIRECTORY"):  # the new name is to last, too
        folder = os.open(real.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[File]:
    """A file to read from. First comes what it says about its arrays, checked against its size; an
    array is read, and memory taken for it, when it is asked for.

    What is wrong with the file, or turns out to be inside the `with`, is a ValueError that begins
    with its path.
    """
    form = _form_of(path)
    with open(path, "rb") as file:
        try:
            yield form.read(file, os.fstat(file.fileno()).st_size)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: {error}") from error


def _form_of(path: Path) -> Any:
    from . import npz, safetensors  # what they import is slow, and `import nn` is to be quick

    forms = {".npz": npz, ".safetensors": safetensors}
    ending = pathlib.Path(path).suffix
    if ending not in forms:
        raise ValueError(f"{os.fspath(path)}: a path that ends in {' or '.join(forms)} is needed")
    return forms[ending]
