"""Handwritten digits: a part of MNIST that ships with this package, and all of it."""

from __future__ import annotations

import gzip
import io
import math
import os
import pathlib
import zlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import require
from microgradnd.late import needed

from ..files.named_arrays import replacing
from ..init import zeros
from .examples import Data

# Of each file the SHA-256 and the size in bytes of its unzipped content.
_FILES = """\
train-images-idx3-ubyte ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db 47040016
train-labels-idx1-ubyte 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5 60008
t10k-images-idx3-ubyte  0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7 7840016
t10k-labels-idx1-ubyte  ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2 10008
"""
FILES = {name: (sha256, int(size)) for name, sha256, size in map(str.split, _FILES.splitlines())}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
PART = pathlib.Path(__file__).parent / "part_of_mnist"


class TrainAndTest(NamedTuple):
    """Data to learn from, and data that learning never sees."""

    train: Data
    test: Data


def digits() -> TrainAndTest:
    """Returns a part of MNIST without a download: of each digit 600 images to learn, 100 to test.

    Each image is a row of 784 grey values from 0 (paper) to 1 (ink), in the default dtype.

    >>> train, test = digits()
    >>> len(train), len(test), test.images.shape
    (6000, 1000, (1000, 28, 28))
    """
    return _read_folder(PART)


def mnist(
    folder: str | os.PathLike[str] | None = None, mirrors: Iterable[str] = MIRRORS
) -> TrainAndTest:
    """Returns MNIST, 60,000 digits to learn from and 10,000 to test, in the form of `digits()`.

    Arguments:
        folder: where the four original files are, gzipped or not. By default it is `mnist` in the
            folder that the environment variable MICROGRADND_DATA names, or else in
            `~/.cache/microgradnd`; files that are missing there are downloaded.
        mirrors: addresses to download from; the first that has the right file is used.

    >>> len(mnist("folder/of/the/files").train)  # doctest: +SKIP
    60000
    """
    if folder is not None:
        return _read_folder(pathlib.Path(folder))
    home = os.environ.get("MICROGRADND_DATA") or "~/.cache/microgradnd"
    cache = pathlib.Path(home).expanduser() / "mnist"
    try:
        for name in _missing(cache):
            _download(name, cache, mirrors)
    except OSError as error:
        raise OSError(
            f"MNIST is not in {cache}, and could not be downloaded:\n{error}\nPut these files "
            f"there, gzipped or not: {', '.join(_missing(cache))}. Or name their folder: "
            "mnist(folder). nn.data.digits() returns a part of MNIST without any download."
        ) from error
    return _read_folder(cache)


def _files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Those of the files that a folder has; some programs that unzip write a dot for a dash."""
    stems = [(name, stem) for name in FILES for stem in (name, name.replace("-idx", ".idx"))]
    paths = [(name, folder / (stem + end)) for name, stem in stems for end in (".gz", "")]
    return {name: path for name, path in paths if path.is_file()}


def _missing(folder: pathlib.Path) -> list[str]:
    return [name for name in FILES if name not in _files(folder)]


def _read_folder(folder: pathlib.Path) -> TrainAndTest:
    if missing := _missing(folder):
        raise FileNotFoundError(f"{folder} has no {', '.join(missing)}, with or without .gz")
    train_images, train_labels, *test = map(_files(folder).__getitem__, FILES)
    return TrainAndTest(_read_examples(train_images, train_labels), _read_examples(*test))


def _read_examples(images_path: pathlib.Path, labels_path: pathlib.Path) -> Data:
    images, labels = read_idx(images_path), read_idx(labels_path)
    for path, array, axes in ((images_path, images, 3), (labels_path, labels, 1)):
        wrong = f"{path} should hold bytes in {axes} dimensions; got {array.dtype} of {array.shape}"
        require(array.ndim == axes and array.dtype == np.uint8, wrong)
    grey = np.divide(images, 255, dtype=zeros().dtype)
    return Data(grey.reshape(len(grey), math.prod(grey.shape[1:])), labels, list("0123456789"))


def _download(name: str, folder: pathlib.Path, mirrors: Iterable[str]) -> None:
    """Downloads a gzipped file from the first mirror that has it, whole, or says what was wrong."""
    import hashlib  # these are slow to import, and seldom needed
    from http.client import HTTPException
    from urllib.request import urlopen

    bars = needed("tqdm", "the progress bar of a download needs tqdm", "tqdm")
    folder.mkdir(parents=True, exist_ok=True)
    (sha256, size), failures = FILES[name], []
    for mirror in mirrors:
        address = f"{mirror.rstrip('/')}/{name}.gz"
        try:
            with urlopen(address, timeout=30) as answer:
                total = int(answer.headers.get("Content-Length") or 0) or None
                with bars.tqdm.wrapattr(answer, "read", total, desc=f"{name}.gz") as source:
                    zipped = _at_most(2 * size + 1000, source)  # gzip takes less for anything
            content = _at_most(size + 1, gzip.GzipFile(fileobj=io.BytesIO(zipped)))
            found = hashlib.sha256(content).hexdigest()
            require(found == sha256, f"the SHA-256 of its content is {found}, not {sha256}")
            with replacing(folder / f"{name}.gz") as file:
                file.write(zipped)
            return
        except (OSError, EOFError, ValueError, zlib.error, HTTPException) as error:
            failures.append(f"{address}: {error}")
    raise OSError("\n".join(failures))


# The IDX format: two zero bytes | type code | number of dimensions | each dimension (4 bytes) | the
# numbers. All are big-endian; the last dimension varies fastest.
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Returns the array in a file of the IDX format, gzipped or not.

    From a damaged file no more is read than its header announces, and no memory is allocated for
    what is not there.

    >>> read_idx(PART / "train-labels-idx1-ubyte.gz").shape
    (6000,)
    """
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            return _array_in(gzip.GzipFile(fileobj=file) if zipped else file)
        except (gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
            raise ValueError(f"{path} is not a sound IDX file: {error}") from None


def _array_in(file: Any) -> Array:
    start = _exactly(4, file, "the magic number has 4 bytes")
    code, dimensions = start[2:]
    found, known = start[:2].hex(" "), ", ".join(f"0x{code:02x}" for code in _TYPES)
    require(found == "00 00", f"the magic number begins with two zero bytes, got {found}")
    require(code in _TYPES, f"the type code is one of {known}, got 0x{code:02x}")
    length = 4 * dimensions
    sizes = _exactly(length, file, f"the sizes of {dimensions} dimensions have {length} bytes")
    shape, dtype = tuple(np.frombuffer(sizes, ">u4").tolist()), np.dtype(_TYPES[code])
    expected = math.prod(shape) * dtype.itemsize
    announced = f"the dimensions {shape} of {dtype.name} announce {expected} bytes of numbers"
    content = _exactly(expected, file, announced)
    require(not file.read(1), f"{announced}, got more")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _exactly(size: int, file: Any, what: str) -> bytearray:
    content = _at_most(size, file)
    require(len(content) == size, f"{what}, got {len(content)}")
    return content


def _at_most(size: int, file: Any) -> bytearray:
    """Reads bytes into memory that grows with what is there and not with what is announced."""
    content = bytearray()
    while len(content) < size and (chunk := file.read(min(1 << 20, size - len(content)))):
        content += chunk
    return content
