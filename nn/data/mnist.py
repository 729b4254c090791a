"""Handwritten digits: a part of MNIST that ships with this package, and all of it."""

from __future__ import annotations

import math
import os
import pathlib
import sys
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..init import zeros
from .examples import Data
from .idx import at_most, read_idx

# Of each file the SHA-256 and the size in bytes of its unzipped content.
_FILES = """
train-images-idx3-ubyte ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db 47040016
train-labels-idx1-ubyte 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5 60008
t10k-images-idx3-ubyte  0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7 7840016
t10k-labels-idx1-ubyte  ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2 10008
"""
FILES = {
    name: (sha256, int(size)) for name, sha256, size in map(str.split, _FILES.strip().splitlines())
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)


class TrainAndTest(NamedTuple):
    """Data to learn from, and data that learning never sees.

    >>> from nn.data import digits
    >>> train, test = digits()
    >>> len(train), len(test)
    (6000, 1000)
    """

    train: Data
    test: Data


def digits() -> TrainAndTest:
    """Returns a part of MNIST without a download: of each digit 600 images to learn, 100 to test.

    Each image is a row of 784 grey values from 0 (paper) to 1 (ink), in the default dtype.

    >>> from nn.data import digits
    >>> train, test = digits()
    >>> train
    Data(6000 examples of shape (784,), 10 classes)
    >>> train.images.shape
    (6000, 28, 28)
    """
    return _read(pathlib.Path(__file__).parent / "part_of_mnist")


def mnist(
    folder: str | os.PathLike[str] | None = None, mirrors: Iterable[str] = MIRRORS
) -> TrainAndTest:
    """Returns MNIST, 60,000 digits to learn from and 10,000 to test, in the form of `digits()`.

    Arguments:
        folder: where the four original files are, gzipped or not. By default it is `mnist` in the
            folder that the environment variable MICROGRADND_DATA names, or else in the user's
            cache; files that are missing there are downloaded.
        mirrors: addresses to download from; the first that has the right file is used.

    >>> from nn.data import mnist
    >>> mnist("nowhere")
    Traceback (most recent call last):
        ...
    FileNotFoundError: nowhere has no train-images-idx3-ubyte, train-labels-idx1-ubyte, \
t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, with or without .gz
    """
    if folder is not None:
        return _read(pathlib.Path(folder))
    cache = _cache() / "mnist"
    try:
        for name in _missing(cache):
            _download(f"{name}.gz", cache, mirrors, *FILES[name])
    except OSError as error:
        raise OSError(
            f"MNIST is not in {cache}, and could not be downloaded:\n{error}\n"
            f"Put these files there, gzipped or not: {', '.join(_missing(cache))}. "
            "Or name their folder: mnist(folder). "
            "nn.data.digits() returns a part of MNIST without any download."
        ) from error
    return _read(cache)


def _cache() -> pathlib.Path:
    """Where downloaded data is kept."""
    if chosen := os.environ.get("MICROGRADND_DATA"):
        return pathlib.Path(chosen)
    home = pathlib.Path.home()
    if sys.platform == "win32":
        usual = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        usual = home / "Library" / "Caches"
    else:
        usual = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
    return pathlib.Path(usual) / "microgradnd"


def _found(folder: pathlib.Path, name: str) -> pathlib.Path | None:
    """The file of this name in the folder; some programs that unzip write a dot for a dash."""
    dotted = name.replace("-idx", ".idx")
    candidates = [folder / (stem + end) for stem in (name, dotted) for end in ("", ".gz")]
    return next((path for path in candidates if path.is_file()), None)


def _missing(folder: pathlib.Path) -> list[str]:
    return [name for name in FILES if _found(folder, name) is None]


def _read(folder: pathlib.Path) -> TrainAndTest:
    if missing := _missing(folder):
        raise FileNotFoundError(f"{folder} has no {', '.join(missing)}, with or without .gz")
    paths = [path for name in FILES if (path := _found(folder, name))]
    return TrainAndTest(_examples(*paths[:2]), _examples(*paths[2:]))


def _examples(images_path: pathlib.Path, labels_path: pathlib.Path) -> Data:
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or images.dtype != np.uint8:
        raise ValueError(
            f"{images_path} should hold images, bytes in 3 dimensions; "
            f"got {images.dtype} of shape {images.shape}"
        )
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise ValueError(
            f"{labels_path} should hold {len(images)} labels, one byte each; "
            f"got {labels.dtype} of shape {labels.shape}"
        )
    pixels = math.prod(images.shape[1:])
    grey = np.divide(images, 255, dtype=zeros().dtype).reshape(len(images), pixels)
    return Data(grey, labels, [str(digit) for digit in range(10)])


# ---- download ------------------------------------------------------------------------------------


def _download(
    name: str, folder: pathlib.Path, mirrors: Iterable[str], sha256: str, size: int
) -> None:
    """Downloads a gzipped file from the first mirror that has it, whole or not at all.

    If no mirror has the right file, an OSError says what was wrong at each.
    """
    import hashlib  # slow to import, and seldom needed
    from http.client import HTTPException

    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.{os.getpid()}.part"
    failures = []
    for mirror in mirrors:
        address = f"{mirror.rstrip('/')}/{name}"
        try:
            zipped, content = _fetch(address, size)
            found = hashlib.sha256(content).hexdigest()
            if found != sha256:
                raise ValueError(f"the SHA-256 of its content is {found}, not {sha256}")
            part.write_bytes(zipped)
            os.replace(part, folder / name)
            return
        except (OSError, ValueError, zlib.error, HTTPException) as error:
            failures.append(f"{address}: {error}")
        finally:
            part.unlink(missing_ok=True)
    raise OSError("\n".join(failures))


def _fetch(address: str, size: int) -> tuple[bytes, bytes]:
    """A gzipped file and its content, which must have at most this size."""
    from urllib.request import urlopen

    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    longest = 2 * size + 1000  # far more than gzip takes for anything
    with urlopen(address, timeout=30) as answer:
        total = int(answer.headers.get("Content-Length") or 0) or None
        with tqdm.wrapattr(answer, "read", total, desc=address.rpartition("/")[2]) as source:
            zipped = at_most(longest + 1, source)
    unzip = zlib.decompressobj(wbits=zlib.MAX_WBITS + 16)
    content = unzip.decompress(zipped, size + 1)
    if len(zipped) > longest or len(content) > size or unzip.unused_data:
        raise ValueError(f"it is longer than its {size} bytes of content")
    if not unzip.eof:
        raise ValueError(f"it ended early, after {len(content)} of {size} bytes of content")
    return bytes(zipped), content
