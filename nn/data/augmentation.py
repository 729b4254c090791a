"""More images from those there are: moved, turned, leaned, resized, bent, and with noise.

Images are of shape (n, 784) or (n, h, w), or (n, 1, h, w) for convolutions, and come back in the
same shape and dtype. What one number says may also be said by one for each image. Around an image
there are zeros; a pixel from between pixels is interpolated linearly in both directions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .arrays import Array, as_images
from .seeds import Seed, generator_from

_PIXELS_AT_ONCE = 1 << 15  # so that what is computed about them stays in a processor's cache


class Augment:
    """Changes each image by an amount of its own, drawn evenly from between two bounds.

    Images are turned by up to `rotate` degrees to either side, moved by up to `translate` pixels up
    or down and left or right, enlarged or made smaller by up to the factor 1 ± `scale`, and leaned
    by up to `skew` degrees to either side. `elastic` is the pair (alpha, sigma) of the function
    `elastic`, and `noise` the standard deviation of what is added to each pixel. All changes of
    place are done in one: pixels are interpolated once.

    >>> import numpy as np
    >>> from nn.data import Augment, digits
    >>> augment = Augment(rotate=15, translate=2, scale=0.1, skew=10, elastic=(34, 4), noise=0.02)
    >>> images = digits().test.inputs[:10]
    >>> more = augment(images, seed=0)
    >>> more.shape, bool(np.array_equal(more, augment(images, seed=0)))
    ((10, 784), True)
    """

    def __init__(
        self,
        rotate: float = 0.0,
        translate: float = 0.0,
        scale: float = 0.0,
        skew: float = 0.0,
        elastic: tuple[float, float] = (0.0, 4.0),
        noise: float = 0.0,
    ) -> None:
        if min(rotate, translate, scale, skew, noise) < 0 or scale >= 1 or skew >= 90:
            raise ValueError(
                "bounds are 0 or more, scale below 1 and skew below 90 degrees; found "
                f"{rotate=}, {translate=}, {scale=}, {skew=}, {noise=}"
            )
        self.rotate, self.translate, self.scale, self.skew = rotate, translate, scale, skew
        self.elastic, self.noise = elastic, noise

    def __call__(self, images: Array, seed: Seed = None) -> Array:
        """Changed images, new ones at each call with a generator."""
        rng = generator_from(seed)
        turn, lean, size, *shift = rng.uniform(-1, 1, (5, len(images)))
        matrix = (
            _rotation(self.rotate * turn)
            @ _skew(self.skew * lean)
            @ _scaling(1 + self.scale * size)
        )
        moved = _warp(images, matrix, self.translate * np.transpose(shift), self.elastic, rng)
        return noise(moved, self.noise, rng) if self.noise else moved


def affine(images: Array, matrix: Any, shift: Any = (0.0, 0.0)) -> Array:
    """What is at p = (row, column), seen from the centre, goes to matrix · p + shift.

    >>> import numpy as np
    >>> from nn.data.augmentation import affine
    >>> affine(np.array([[[1.0, 2.0], [3.0, 4.0]]]), [[0, 1], [1, 0]])  # rows become columns
    array([[[1., 3.],
            [2., 4.]]])
    """
    return _warp(images, np.asarray(matrix, float), np.asarray(shift, float))


def translate(images: Array, down: Any, right: Any) -> Array:
    """Moved by so many pixels, which need not be whole.

    >>> import numpy as np
    >>> from nn.data.augmentation import translate
    >>> translate(np.array([[[1.0, 2.0], [3.0, 4.0]]]), down=0, right=0.5)
    array([[[0.5, 1.5],
            [1.5, 3.5]]])
    """
    shift = np.stack(np.broadcast_arrays(np.asarray(down, float), right), axis=-1)
    return affine(images, np.eye(2), shift)


def rotate(images: Array, degrees: Any) -> Array:
    """Turned about the centre, to the left.

    >>> import numpy as np
    >>> from nn.data.augmentation import rotate
    >>> rotate(np.array([[[1.0, 2.0], [3.0, 4.0]]]), 90).round(12)
    array([[[2., 4.],
            [1., 3.]]])
    """
    return affine(images, _rotation(degrees))


def scale(images: Array, factor: Any) -> Array:
    """Enlarged by the factor from the centre, or made smaller where it is below 1.

    >>> import numpy as np
    >>> from nn.data.augmentation import scale
    >>> scale(np.array([[[4.0, 4.0], [8.0, 8.0]]]), 2)
    array([[[5., 5.],
            [7., 7.]]])
    """
    return affine(images, _scaling(factor))


def skew(images: Array, degrees: Any) -> Array:
    """Leaned to the right, as italic letters are.

    >>> import numpy as np
    >>> from nn.data.augmentation import skew
    >>> bar = np.zeros((1, 3, 3))
    >>> bar[0, :, 1] = 1.0
    >>> skew(bar, 45).round(12)
    array([[[0., 0., 1.],
            [0., 1., 0.],
            [1., 0., 0.]]])
    """
    return affine(images, _skew(degrees))


def elastic(images: Array, alpha: float, sigma: float, seed: Seed = None) -> Array:
    """Bent, as by the trembling of the muscles of a hand.

    Each pixel is taken from a place next to its own. How far away is drawn evenly between -1 and 1
    for each pixel and direction, smoothed by a Gaussian of standard deviation `sigma` (with zeros
    around the image), and multiplied by `alpha`. In pixels, this gives moves with a standard
    deviation of about alpha / (6 sigma), less at the edge.

    >>> import numpy as np
    >>> from nn.data import elastic
    >>> elastic(np.ones((2, 28, 28)), alpha=34, sigma=4, seed=0).shape
    (2, 28, 28)
    """
    return _warp(images, np.eye(2), np.zeros(2), (alpha, sigma), seed)


def noise(images: Array, deviation: float, seed: Seed = None) -> Array:
    """With normal noise added to each pixel, so that pixels may be below 0 and above 1.

    >>> import numpy as np
    >>> from nn.data.augmentation import noise
    >>> noise(np.zeros((2, 784), np.float32), 0.1, seed=0).dtype
    dtype('float32')
    """
    drawn = generator_from(seed).standard_normal(images.shape, _dtype(images))
    drawn *= deviation
    drawn += images
    return drawn


def _rotation(degrees: Any) -> Array:
    angle = np.radians(degrees)
    return _matrices(np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle))


def _scaling(factor: Any) -> Array:
    return _matrices(factor, 0.0, 0.0, factor)


def _skew(degrees: Any) -> Array:
    return _matrices(1.0, 0.0, -np.tan(np.radians(degrees)), 1.0)


def _matrices(*entries: Any) -> Array:
    """From the four entries of one matrix, or those of one for each image."""
    entries = np.broadcast_arrays(*entries)
    return np.stack(entries, axis=-1).reshape(*entries[0].shape, 2, 2)


def _warp(
    images: Array,
    matrix: Array,
    shift: Array,
    elastic: tuple[float, float] = (0.0, 4.0),
    seed: Seed = None,
) -> Array:
    """The images after an affine map, and before it an elastic distortion."""
    dtype, pictures = _dtype(images), as_images(images)
    count, height, width = pictures.shape
    for name, given in (("matrix", matrix.shape[:-2]), ("shift", shift.shape[:-1])):
        if given not in ((), (count,)):
            found = " x ".join(map(str, given))
            raise ValueError(f"{count} images take one {name}, or {count}; found {found}")
    if not np.all(np.linalg.det(matrix)):
        raise ValueError("no image is left by a map that is flat: its determinant is 0")
    # The pixel at q comes from p = matrix⁻¹ · (q - shift), both seen from the centre.
    inverse = np.broadcast_to(np.linalg.inv(matrix), (count, 2, 2))
    offset = np.broadcast_to(-inverse @ shift[..., np.newaxis], (count, 2, 1))
    sources = np.concatenate([inverse, offset], axis=2).astype(dtype)
    centre = np.array([[(height - 1) / 2], [(width - 1) / 2]], dtype)
    places = np.indices((height, width), dtype).reshape(2, -1)
    seen_from_centre = np.concatenate([places - centre, np.ones_like(places[:1])])
    alpha, sigma = elastic
    smooth_down, smooth_across = (_gaussian(side, sigma, dtype) for side in (height, width))
    rng = generator_from(seed)
    result = np.empty_like(pictures)
    for part in _parts(count, height * width):
        positions = sources[part] @ seen_from_centre + centre
        if alpha:
            drawn = rng.random((len(positions), 2, height, width), dtype) * 2 - 1
            positions += alpha * (smooth_down @ drawn @ smooth_across).reshape(positions.shape)
        result[part] = _interpolated(pictures[part], positions)
    return result.reshape(images.shape)


def _interpolated(pictures: Array, positions: Array) -> Array:
    """The values at these (row, column) between pixels: positions are (n, 2, pixels)."""
    count, height, width = pictures.shape
    padded = np.zeros((count, height + 3, width + 3), pictures.dtype)
    padded[:, 1:-2, 1:-2] = pictures
    row = np.clip(positions[:, 0] + 1, 0, height + 1)
    column = np.clip(positions[:, 1] + 1, 0, width + 1)
    top, left = np.floor(row), np.floor(column)
    down, right = row - top, column - left
    first = np.arange(count)[:, np.newaxis] * padded[0].size
    corner = first + top.astype(np.intp) * (width + 3) + left.astype(np.intp)
    flat = padded.ravel()

    def along_row(start: int) -> Array:
        at_left, at_right = flat[start:].take(corner), flat[start + 1 :].take(corner)
        return at_left + right * (at_right - at_left)

    above, below = along_row(0), along_row(width + 3)
    return (above + down * (below - above)).reshape(pictures.shape)


def _gaussian(side: int, sigma: float, dtype: Any) -> Array:
    """The matrix that smooths so many numbers: a banded one, symmetric."""
    if not sigma > 0:
        raise ValueError(f"sigma, the width of the smoothing, is above 0, not {sigma}")
    reach = math.ceil(4 * sigma)
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    distance = np.abs(np.subtract.outer(np.arange(side), np.arange(side)))
    band = np.exp(-0.5 * (distance / sigma) ** 2) / weight.sum()
    return np.where(distance <= reach, band, 0).astype(dtype)


def _parts(count: int, pixels: int) -> Iterator[slice]:
    step = max(1, _PIXELS_AT_ONCE // pixels)
    return (slice(start, start + step) for start in range(0, count, step))


def _dtype(images: Array) -> Any:
    if images.dtype not in (np.float32, np.float64):
        raise TypeError(f"images are changed as float32 or float64, found {images.dtype}")
    return images.dtype
