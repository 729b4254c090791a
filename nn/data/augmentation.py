"""More images from those that exist: moved, turned, slanted, resized, bent, and with noise.

Images have shape (n, 784), (n, h, w) or (n, 1, h, w); results have the same shape and dtype. An
amount is one number, or one for each image. Outside an image there are zeros; between pixels,
values are interpolated linearly in both directions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microgradnd.arrays import Array

from .examples import Seed, as_images, generator_from

_PIXELS_AT_ONCE = 1 << 15  # so that what is computed about them stays in a processor's cache


class Augment:
    """Changes each image by random amounts, drawn evenly between two bounds.

    All changes of place are one: pixels are interpolated once.

    Arguments:
        rotate: the largest turn to either side, in degrees.
        translate: the largest move down, up, left or right, in pixels.
        scale: sizes change by factors between 1 - scale and 1 + scale.
        skew: the largest slant to either side, in degrees.
        elastic: the pair (alpha, sigma) of the function `elastic`.
        noise: standard deviation of the noise that is added to each pixel.

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
                "bounds must be 0 or more, scale below 1 and skew below 90 degrees; got "
                f"{rotate=}, {translate=}, {scale=}, {skew=}, {noise=}"
            )
        self.rotate, self.translate, self.scale, self.skew = rotate, translate, scale, skew
        self.elastic, self.noise = elastic, noise

    def __call__(self, images: Array, seed: Seed = None) -> Array:
        """Returns changed images; with a generator, others at each call."""
        rng = generator_from(seed)
        turn, slant, size, *shift = rng.uniform(-1, 1, (5, len(images)))
        matrix = (
            _rotation(self.rotate * turn)
            @ _skew(self.skew * slant)
            @ _scaling(1 + self.scale * size)
        )
        moved = _warp(images, matrix, self.translate * np.transpose(shift), self.elastic, rng)
        return noise(moved, self.noise, rng) if self.noise else moved


def affine(images: Array, matrix: Any, shift: Any = (0.0, 0.0)) -> Array:
    """Moves what is at p = (row, column), seen from the centre, to matrix · p + shift.

    >>> import numpy as np
    >>> from nn.data import affine
    >>> affine(np.array([[[1.0, 2.0], [3.0, 4.0]]]), [[0, 1], [1, 0]])  # rows become columns
    array([[[1., 3.],
            [2., 4.]]])
    """
    return _warp(images, np.asarray(matrix, float), np.asarray(shift, float))


def translate(images: Array, down: Any, right: Any) -> Array:
    """Moves images by this many pixels, which need not be whole.

    >>> import numpy as np
    >>> from nn.data import translate
    >>> translate(np.array([[[1.0, 2.0], [3.0, 4.0]]]), down=0, right=0.5)
    array([[[0.5, 1.5],
            [1.5, 3.5]]])
    """
    shift = np.stack(np.broadcast_arrays(np.asarray(down, float), right), axis=-1)
    return affine(images, np.eye(2), shift)


def rotate(images: Array, degrees: Any) -> Array:
    """Turns images about their centre, to the left.

    >>> import numpy as np
    >>> from nn.data import rotate
    >>> rotate(np.array([[[1.0, 2.0], [3.0, 4.0]]]), 90).round(12)
    array([[[2., 4.],
            [1., 3.]]])
    """
    return affine(images, _rotation(degrees))


def scale(images: Array, factor: Any) -> Array:
    """Enlarges images from their centre, or shrinks them where the factor is below 1.

    >>> import numpy as np
    >>> from nn.data import scale
    >>> scale(np.array([[[4.0, 4.0], [8.0, 8.0]]]), 2)
    array([[[5., 5.],
            [7., 7.]]])
    """
    return affine(images, _scaling(factor))


def skew(images: Array, degrees: Any) -> Array:
    """Slants images to the right, like italic letters.

    >>> import numpy as np
    >>> from nn.data import skew
    >>> skew(np.array([[[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]]), 45).round(12)
    array([[[0., 0., 1.],
            [0., 1., 0.],
            [1., 0., 0.]]])
    """
    return affine(images, _skew(degrees))


def elastic(images: Array, alpha: float, sigma: float, seed: Seed = None) -> Array:
    """Bends images, as the trembling of a hand does.

    Each pixel is taken from a place near its own. How far away is drawn evenly between -1 and 1
    for each pixel and direction, smoothed by a Gaussian of standard deviation `sigma` (with zeros
    around the image), and multiplied by `alpha`. In pixels, these moves have a standard deviation
    of about alpha / (6 sigma), less at the edge.

    >>> import numpy as np
    >>> from nn.data import elastic
    >>> elastic(np.ones((2, 28, 28)), alpha=34, sigma=4, seed=0).shape
    (2, 28, 28)
    """
    return _warp(images, np.eye(2), np.zeros(2), (alpha, sigma), seed)


def noise(images: Array, deviation: float, seed: Seed = None) -> Array:
    """Adds normal noise to each pixel, so that pixels may be below 0 and above 1.

    >>> import numpy as np
    >>> from nn.data import noise
    >>> noise(np.zeros((2, 784), np.float32), 0.1, seed=0).dtype
    dtype('float32')
    """
    drawn: Array = generator_from(seed).standard_normal(images.shape, _dtype(images))
    drawn *= deviation
    drawn += images
    return drawn


def _rotation(degrees: Any) -> Any:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.multiply.outer(cosine, np.eye(2)) + np.multiply.outer(sine, [[0, -1], [1, 0]])


def _scaling(factor: Any) -> Any:
    return np.multiply.outer(factor, np.eye(2))


def _skew(degrees: Any) -> Any:
    return np.eye(2) - np.multiply.outer(np.tan(np.radians(degrees)), [[0, 0], [1, 0]])


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
    for name, found in (("matrix", matrix.shape[:-2]), ("shift", shift.shape[:-1])):
        if found not in ((), (count,)):
            numbers = " x ".join(map(str, found))
            raise ValueError(f"{count} images need one {name}, or {count}; got {numbers}")
    if not np.all(np.linalg.det(matrix)):
        raise ValueError("the matrix must not have determinant 0: no image would be left")
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
    step = max(1, _PIXELS_AT_ONCE // (height * width))
    for part in (slice(start, start + step) for start in range(0, count, step)):
        positions = sources[part] @ seen_from_centre + centre
        if alpha:
            drawn = rng.random((len(positions), 2, height, width), dtype) * 2 - 1
            positions += alpha * (smooth_down @ drawn @ smooth_across).reshape(positions.shape)
        result[part] = _interpolated(pictures[part], positions)
    return result.reshape(images.shape)


def _interpolated(pictures: Array, positions: Array) -> Array:
    """The values at these (row, column) between pixels: positions are (n, 2, pixels)."""
    count, height, width = pictures.shape
    padded = np.pad(pictures, ((0, 0), (1, 2), (1, 2)))
    row = np.clip(positions[:, 0] + 1, 0, height + 1)
    column = np.clip(positions[:, 1] + 1, 0, width + 1)
    top, left = np.floor(row), np.floor(column)
    down, right = row - top, column - left
    first = np.arange(count)[:, np.newaxis] * padded[0].size
    corner = first + top.astype(np.intp) * (width + 3) + left.astype(np.intp)
    flat = padded.ravel()

    def along_row(start: int) -> Any:
        at_left, at_right = flat[start:].take(corner), flat[start + 1 :].take(corner)
        return at_left + right * (at_right - at_left)

    above, below = along_row(0), along_row(width + 3)
    between: Array = above + down * (below - above)
    return between.reshape(pictures.shape)


def _gaussian(side: int, sigma: float, dtype: Any) -> Array:
    """The matrix that smooths a column of numbers: a banded one, symmetric."""
    if not sigma > 0:
        raise ValueError(f"sigma, the width of the smoothing, must be above 0, got {sigma}")
    reach = math.ceil(4 * sigma)
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    distance = np.abs(np.subtract.outer(np.arange(side), np.arange(side)))
    band = np.exp(-0.5 * (distance / sigma) ** 2) / weight.sum()
    return np.where(distance <= reach, band, 0).astype(dtype)


def _dtype(images: Array) -> Any:
    if images.dtype not in (np.float32, np.float64):
        raise TypeError(f"images must be float32 or float64, got {images.dtype}")
    return images.dtype
