"""Images of one's own: a folder for each class, whose name is that of the class."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import check_choice, require
from microgradnd.late import needed

from ..files.named_arrays import Path
from ..init import zeros
from .examples import Data


def images(
    folder: Path, size: int | tuple[int, int] | None = None, channels: int = 3,
    classes: Sequence[str] = (),
) -> Data:  # fmt: skip
    """Returns the images in a folder that has a folder for each class, with entries from 0 to 1.

    The inputs have the shape (N, channels, height, width). Files that are no images by their names
    are left out. Pillow reads the images: `pip install "microgradnd[images]"` installs it.

    Arguments:
        size: height and width, to which images are resized; by default all must have the same.
        channels: 3 for colours, 1 for grey values.
        classes: the names of the classes; by default those of the folders in alphabetical order.

    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, colour in ("day", "white"), ("night", "black"):
    ...         pathlib.Path(folder, name).mkdir()
    ...         Image.new("RGB", (5, 4), colour).save(pathlib.Path(folder, name, "1.png"))
    ...     skies = images(folder)
    >>> skies, skies.classes, skies.inputs.mean(axis=(1, 2, 3))
    (Data(2 examples of shape (3, 4, 5), 2 classes), ('day', 'night'), array([1., 0.]))
    """
    Image = needed("PIL.Image", "nn.data.images needs Pillow", '"microgradnd[images]"')
    check_choice("channels", channels, 1, 3)
    home, endings = pathlib.Path(folder), Image.registered_extensions()
    known = {ending for ending, form in endings.items() if form in Image.OPEN}  # not only written
    folders = sorted(f for f in home.iterdir() if f.is_dir() and not f.name.startswith("."))
    files, labels = list[pathlib.Path](), list[str]()
    for each in folders:
        found = sorted(
            file for file in each.rglob("*")
            if file.suffix.lower() in known and not file.name.startswith(".")
        )  # fmt: skip
        require(bool(found), f"{each}: expected images of the class {each.name!r}, got none")
        files += found
        labels += [each.name] * len(found)
    require(len(files) > 0, f"{home}: expected a folder of images for each class, got none")
    inputs = np.empty(0)
    for number, file in enumerate(files):
        pixels = _pixels(file, channels, size)
        if not number:
            inputs = np.empty((len(files), *pixels.shape), zeros().dtype)
        like = f"expected the shape of {files[0].name}, {inputs.shape[1:]}, got {pixels.shape}"
        require(pixels.shape == inputs.shape[1:], f"{file}: {like}; use size=(height, width)")
        np.divide(pixels, 255, out=inputs[number])
    return Data(inputs, labels, classes)


def _pixels(file: pathlib.Path, channels: int, size: int | Sequence[int] | None) -> Array:
    """The bytes of an image, of shape (channels, height, width)."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            deep = image.mode[0] in "IF"
            require(not deep, f"expected 8 bits for each value, got the mode {image.mode}")
            upright = ImageOps.exif_transpose(image).convert("RGB" if channels == 3 else "L")
        if size is not None:
            height, width = size if isinstance(size, Sequence) else (size, size)
            upright = upright.resize((width, height), Image.Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{file}: {error}") from None
    return np.asarray(upright).reshape(*upright.size[::-1], channels).transpose(2, 0, 1)
