"""Changed images against sums of hat functions, and by what each change must leave alone."""

import math

import numpy as np
import pytest

from nn.data import Augment, affine, augmentation, elastic, noise, rotate, scale, skew, translate

EVERYTHING = {
    "rotate": 15, "translate": 2, "scale": 0.1, "skew": 10, "elastic": (34, 4), "noise": 0.02,
}  # fmt: skip


@pytest.fixture(params=[(6, 7), (28, 28), (5, 5)], ids=str)
def images(request, rng):
    return rng.random((5, *request.param))


def warped(image, rows, columns):
    """The values between pixels, of which each counts by how near it is; outside there are zeros."""
    near_rows, near_columns = (
        np.maximum(0, 1 - np.abs(places[..., np.newaxis] - np.arange(side)))
        for places, side in zip((rows, columns), image.shape, strict=True)
    )
    return np.einsum("ijk,ijl,kl->ij", near_rows, near_columns, image)


def moved(image, matrix, shift=0.0):
    """Each pixel q of the result shows p with q = matrix · p + shift, seen from the centre."""
    centre = (np.array(image.shape) - 1) / 2
    places = np.moveaxis(np.indices(image.shape), 0, -1) - centre - shift
    return warped(image, *np.moveaxis(centre + places @ np.linalg.inv(matrix).T, -1, 0))


def matrix_of(degrees=0.0, slant=0.0, factor=1.0):
    a, b = math.radians(degrees), math.radians(slant)
    turn = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    return factor * turn @ np.array([[1, 0], [-math.tan(b), 1]])


AMOUNTS = np.array([-20.0, -3.0, 0.0, 11.0, 77.0])
MATRICES = np.eye(2) + 0.4 * np.random.default_rng(1).normal(size=(5, 2, 2))


CHANGES = [
    (rotate, AMOUNTS, lambda degrees: (matrix_of(degrees=degrees),)),
    (skew, AMOUNTS, lambda slant: (matrix_of(slant=slant),)),
    (scale, 1.5 ** (AMOUNTS / 20), lambda factor: (matrix_of(factor=factor),)),
    (affine, MATRICES, lambda matrix: (matrix,)),
    (lambda x, shift: affine(x, MATRICES[0], shift), MATRICES[:, 0], lambda s: (MATRICES[0], s)),
    (lambda x, down: translate(x, down, 0.25), AMOUNTS / 10, lambda down: (np.eye(2), [down, 0.25])),
]  # fmt: skip


@pytest.mark.parametrize(("change", "amounts", "map_of"), CHANGES)
def test_each_change_is_its_affine_map(images, change, amounts, map_of):
    found = change(images, amounts)
    for image, amount, after in zip(images, amounts, found, strict=True):
        np.testing.assert_allclose(after, moved(image, *map_of(amount)), atol=1e-9)
    np.testing.assert_allclose(change(images, amounts[1])[1], found[1], atol=1e-12)


def smoothed(field, sigma):
    """By a Gaussian cut off at 4 sigma, in both directions; zeros outside."""
    reach = math.ceil(4 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)

    def along(line):
        return np.convolve(line, weights / weights.sum())[reach : reach + len(line)]

    return np.apply_along_axis(along, 0, np.apply_along_axis(along, 1, field))


@pytest.mark.parametrize("sigma", [0.7, 2.0])
def test_elastic_distortion_moves_pixels_by_smoothed_noise(rng, sigma):
    images = rng.random((3, 9, 7))
    found = elastic(images, alpha=5, sigma=sigma, seed=8)
    drawn = np.random.default_rng(8).uniform(-1, 1, (3, 2, 9, 7))
    for image, fields, after in zip(images, drawn, found, strict=True):
        rows, columns = np.indices((9, 7)) + [5 * smoothed(field, sigma) for field in fields]
        np.testing.assert_allclose(after, warped(image, rows, columns), atol=1e-9)
    ramp = np.broadcast_to(np.arange(100.0), (40, 100, 100))  # shows where each pixel comes from
    moves = (elastic(ramp.copy(), 34, 4, seed=0) - ramp)[:, 20:-20, 20:-20]
    assert np.std(moves) == pytest.approx(34 / 24, rel=0.1)  # as documented


def test_no_change_is_a_copy(images):
    for unchanged in (
        rotate(images, 0), skew(images, 0), scale(images, 1), translate(images, 0, 0),
        elastic(images, 0, 4, seed=0), Augment()(images, seed=0),
    ):  # fmt: skip
        np.testing.assert_array_equal(unchanged, images)
        assert unchanged is not images


def test_all_changes_of_place_are_one_interpolation(rng):
    images = rng.random((6, 12, 12))
    found = Augment(rotate=30, translate=2, scale=0.2, skew=20)(images, seed=3)
    drawn = np.random.default_rng(3).uniform(-1, 1, (5, 6))
    for n, (turn, slant, size, down, right) in enumerate(drawn.T):
        matrix = matrix_of(30 * turn, 20 * slant, 1 + 0.2 * size)
        expected = moved(images[n], matrix, [2 * down, 2 * right])
        np.testing.assert_allclose(found[n], expected, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(90, 784), (90, 28, 28), (90, 1, 28, 28), (0, 784)])
def test_shape_and_dtype_stay(rng, shape, dtype):
    images = rng.random(shape).astype(dtype)
    kept, everything = images.copy(), Augment(**EVERYTHING)(images, seed=0)
    for changed in (
        everything, rotate(images, np.float64(5)), translate(images, 1.5, np.zeros(len(images))),
        scale(images, 1.1), elastic(images, np.float64(34), 4), noise(images, np.float64(0.1)),
    ):  # fmt: skip
        assert (changed.shape, changed.dtype) == (shape, dtype)
    flat = Augment(**EVERYTHING)(images.reshape(-1, 784), seed=0)
    np.testing.assert_array_equal(everything.reshape(-1, 784), flat)
    np.testing.assert_array_equal(images, kept)
    place = {name: EVERYTHING[name] for name in ("rotate", "translate", "scale", "skew")}
    double, single = (Augment(**place)(images.astype(d), 0) for d in (np.float64, np.float32))
    np.testing.assert_allclose(single, double, atol=1e-4)


def test_a_generator_makes_new_images_each_time_and_the_same_again(rng, monkeypatch):
    images, augment = rng.random((50, 784)), Augment(**EVERYTHING)
    drawing = np.random.default_rng(6)
    first, second = augment(images, drawing), augment(images, drawing)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(augment(images, seed=6), first)
    same = augment(np.repeat(images[:1], 50, axis=0), 6)
    assert len(np.unique(same, axis=0)) == 50  # each image is changed in its own way
    monkeypatch.setattr(augmentation, "_PIXELS_AT_ONCE", 1)  # one image after the other
    np.testing.assert_allclose(augment(images, seed=6), first, atol=1e-12)


def test_noise_is_normal_around_the_image_and_interpolation_between_the_pixels(rng):
    images = rng.random((200, 784))
    added = Augment(noise=0.1)(images, seed=0) - images
    assert np.mean(added) == pytest.approx(0, abs=0.002)
    assert np.std(added) == pytest.approx(0.1, rel=0.02)
    assert np.mean(np.abs(added) < 0.1) == pytest.approx(0.6827, abs=0.01)
    more = Augment(rotate=40, translate=3, scale=0.3, skew=30, elastic=(30, 3))(images, seed=1)
    assert 0 <= more.min() <= more.max() <= images.max()
