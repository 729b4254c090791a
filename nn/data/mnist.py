"""Handwritten digits: a part of MNIST that ships with this package, and all of it."""

from __future__ import annotations

import math
import os
import pathlib
import sys
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..module import zeros
from .arrays import Data
from .idx import read_idx

# The SHA-256 of each file's unzipped content, and its size in bytes.
FILES = {
    "train-images-idx3-ubyte": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        47_040_016,
    ),
    "train-labels-idx1-ubyte": (
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        60_008,
    ),
    "t10k-images-idx3-ubyte": (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        7_840_016,
    ),
    "t10k-labels-idx1-ubyte": (
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        10_008,
    ),
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
    """A part of MNIST that needs no download: of each digit 600 images to learn from, 100 to test.

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
    """MNIST: 60,000 digits to learn from and 10,000 to test, in the form of `digits()`.

    The folder holds the four original files, gzipped or not. Without a folder, they are looked for
    in `mnist` in the folder that the environment variable MICROGRADND_DATA names, or else in the
    user's cache, and if they are not there, downloaded to it.

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
    if missing := _missing(cache):
        from .download import download  # its libraries are slow to import, and seldom needed

        try:
            for name in missing:
                download(f"{name}.gz", cache, mirrors, *FILES[name])
        except OSError as error:
            raise OSError(
                f"MNIST is not in {cache}, and could not be downloaded:\n{error}\n"
                f"Put these files there, gzipped or not: {', '.join(_missing(cache))}. "
                "Or tell where they are: mnist(folder). "
                "nn.data.digits() has a part of MNIST without any download."
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
            f"found {images.dtype} of shape {images.shape}"
        )
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise ValueError(
            f"{labels_path} should hold {len(images)} labels, one byte each; "
            f"found {labels.dtype} of shape {labels.shape}"
        )
    pixels = math.prod(images.shape[1:])
    grey = np.divide(images, 255, dtype=zeros().dtype).reshape(len(images), pixels)
    return Data(grey, labels, [str(digit) for digit in range(10)])
