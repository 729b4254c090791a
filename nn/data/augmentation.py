"""More images from those that exist: moved, turned, slanted, resized, bent, and with noise.

Images have shape (n, 784), (n, h, w) or (n, 1, h, w); results have the same shape and dtype. An
amount is one number, or one for each image. Outside an image there are zeros; between pixels,
values are interpolated linearly in both directions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradnd.arrays import Array, ArrayLike
from microgradnd.habits import require

from .examples import Seed, as_images, generator_from

_PIXELS_AT_ONCE = 1 << 15  # so that what is computed about them stays in a processor's cache


@dataclass(eq=False)
class Augment:
    """Changes each image by random amounts, drawn evenly between two bounds.

    Arguments:
        rotate: the largest turn to either side, in degrees.
        translate: the largest move down, up, left or right, in pixels.
        scale: sizes change by factors between 1 - scale and 1 + scale.
        skew: the largest slant to either side, in degrees.
        elastic: the pair (alpha, sigma) of the function `elastic`.
        noise: standard deviation of the noise that is added to each pixel.

    >>> import nn
    >>> augment = nn.data.Augment(rotate=15, translate=2, elastic=(34, 4), noise=0.02)
    >>> augment(nn.data.digits().test.inputs, seed=0).shape
    (1000, 784)
    """

    rotate: float = 0.0
    translate: float = 0.0
    scale: float = 0.0
    skew: float = 0.0
    elastic: tuple[float, float] = (0.0, 4.0)
    noise: float = 0.0

    def __post_init__(self) -> None:
        require(self.scale < 1, f"sizes change by factors above 0: scale < 1, got {self.scale}")

    def __call__(self, images: Array, seed: Seed = None) -> Array:
        """Returns changed images; with a generator, others at each call."""
        rng = generator_from(seed)
        turn, slant, size, *shift = rng.uniform(-1, 1, (5, len(images)))
        matrix = _affine_matrix(self.rotate * turn, self.skew * slant, 1 + self.scale * size)
        moved = _warp(images, matrix, self.translate * np.transpose(shift), self.elastic, rng)
        return noise(moved, self.noise, rng) if self.noise else moved


def affine(images: Array, matrix: ArrayLike, shift: ArrayLike = (0.0, 0.0)) -> Array:
    """Moves what is at p = (row, column), seen from the centre, to matrix · p + shift.

    >>> affine(np.array([[[1.0, 2.0], [3.0, 4.0]]]), [[0, 1], [1, 0]])  # rows become columns
    array([[[1., 3.],
            [2., 4.]]])
    """
    return _warp(images, np.asarray(matrix, float), np.asarray(shift, float))


def translate(images: Array, down: ArrayLike, right: ArrayLike) -> Array:
    """Moves images by this many pixels, which need not be whole.

    >>> translate(np.array([[[2.0, 4.0]]]), down=0, right=0.5)
    array([[[1., 3.]]])
    """
    return affine(images, np.eye(2), np.stack(np.broadcast_arrays(down, right), axis=-1))


def rotate(images: Array, degrees: ArrayLike) -> Array:
    """Turns images about their centre, to the left.

    >>> rotate(np.array([[[1.0, 2.0], [3.0, 4.0]]]), 90).round(12)
    array([[[2., 4.],
            [1., 3.]]])
    """
    return _warp(images, _affine_matrix(turn=degrees))


def scale(images: Array, factor: ArrayLike) -> Array:
    """Enlarges images from their centre, or shrinks them where the factor is below 1.

    >>> scale(np.array([[[4.0, 8.0]]]), 0.5)
    array([[[2., 4.]]])
    """
    return _warp(images, _affine_matrix(factor=factor))


def skew(images: Array, degrees: ArrayLike) -> Array:
    """Slants images by these degrees to the right, like italic letters.

    >>> skew(np.array([[[0.0, 1.0, 0.0]] * 3]), 45).round(12)
    array([[[0., 0., 1.],
            [0., 1., 0.],
            [1., 0., 0.]]])
    """
    return _warp(images, _affine_matrix(slant=degrees))


def elastic(images: Array, alpha: float, sigma: float, seed: Seed = None) -> Array:
    """Bends images, as the trembling of a hand does.

    Each pixel is taken from a place near its own. How far away is drawn evenly between -1 and 1
    for each pixel and direction, smoothed by a Gaussian of standard deviation `sigma` (with zeros
    around the image), and multiplied by `alpha`. In pixels, these moves have a standard deviation
    of about alpha / (6 sigma), less at the edge.

    >>> elastic(np.ones((5, 28, 28)), alpha=34.0, sigma=4.0).shape
    (5, 28, 28)
    """
    return _warp(images, np.eye(2), elastic=(alpha, sigma), seed=seed)


def noise(images: Array, deviation: float, seed: Seed = None) -> Array:
    """Adds normal noise to each pixel, so that pixels may be below 0 and above 1.

    >>> noise(np.zeros((1, 2, 2)), deviation=0.1).shape
    (1, 2, 2)
    """
    dtype: Any = images.dtype
    drawn: Array = generator_from(seed).standard_normal(images.shape, dtype)
    drawn *= deviation
    drawn += images
    return drawn


def _affine_matrix(turn: ArrayLike = 0.0, slant: ArrayLike = 0.0, factor: ArrayLike = 1.0) -> Any:
    """Slants by these degrees to the right, then turns by these to the left, and enlarges."""
    cos, sin, tan = np.cos(np.radians(turn)), np.sin(np.radians(turn)), np.tan(np.radians(slant))
    entries = np.broadcast_arrays(cos + sin * tan, -sin, sin - cos * tan, cos)
    rows = np.stack(entries, axis=-1) * np.asarray(factor)[..., np.newaxis]
    return rows.reshape(*rows.shape[:-1], 2, 2)


def _warp(
    images: Array, matrix: Array, shift: Any = (0.0, 0.0), elastic: Any = (0.0, 4.0),
    seed: Seed = None,
) -> Array:  # fmt: skip
    """The images after an affine map, and before it an elastic distortion."""
    dtype: Any = images.dtype
    floats = f"images must be float32 or float64, got {dtype}"
    require(dtype in (np.float32, np.float64), floats, TypeError)
    pictures, shift = as_images(images), np.asarray(shift)
    count, height, width = pictures.shape
    for name, found in (("matrix", matrix.shape[:-2]), ("shift", shift.shape[:-1])):
        wrong = f"{count} images need one {name}, or {count}; got an array of {found}"
        require(found in ((), (count,)), wrong)
    # The pixel at q comes from p = matrix⁻¹ · (q - shift), both seen from the centre.
    inverse = np.broadcast_to(np.linalg.inv(matrix), (count, 2, 2))
    offset = np.broadcast_to(-inverse @ shift[..., np.newaxis], (count, 2, 1))
    sources = np.concatenate([inverse, offset], axis=2).astype(dtype)
    centre = np.array([[(height - 1) / 2], [(width - 1) / 2]], dtype)
    places = np.indices((height, width), dtype).reshape(2, -1)
    seen_from_centre = np.concatenate([places - centre, np.ones_like(places[:1])])
    alpha, sigma = elastic
    smooth_down, smooth_across = (_gaussian(side, sigma, dtype) for side in (height, width))
    rng, result = generator_from(seed), np.empty_like(pictures)
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

    rows = []
    for start in (0, width + 3):  # above and below
        at_left, at_right = flat[start:].take(corner), flat[start + 1 :].take(corner)
        rows.append(at_left + right * (at_right - at_left))
    between: Array = rows[0] + down * (rows[1] - rows[0])
    return between.reshape(pictures.shape)


def _gaussian(side: int, sigma: float, dtype: Any) -> Array:
    """The matrix that smooths a column of numbers by a bell that is cut off at 4 sigma."""
    require(sigma > 0, f"sigma, the width of the smoothing, must be above 0, got {sigma}")
    reach = math.ceil(4 * sigma)
    bell = np.exp(-0.5 * (np.arange(max(reach + 1, side)) / sigma) ** 2)
    bell[reach + 1 :] = 0
    distance = np.abs(np.subtract.outer(np.arange(side), np.arange(side)))
    band: Array = bell[distance] / (2 * bell.sum() - 1)
    return band.astype(dtype)
