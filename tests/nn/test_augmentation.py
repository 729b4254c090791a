"""Changed images against a slow loop over pixels, and by what each change must leave alone."""

import math

import numpy as np
import pytest

from nn import data
from nn.data import Augment, affine, augmentation, elastic, noise, rotate, scale, skew, translate


@pytest.fixture(params=[(6, 7), (28, 28), (5, 5)], ids=str)
def images(request, rng):
    return rng.random((5, *request.param))


def value_at(image, row, column):
    """Between four pixels: each counts by how near it is; outside there are zeros."""
    total = 0.0
    for i in (math.floor(row), math.floor(row) + 1):
        for j in (math.floor(column), math.floor(column) + 1):
            if 0 <= i < image.shape[0] and 0 <= j < image.shape[1]:
                total += image[i, j] * (1 - abs(row - i)) * (1 - abs(column - j))
    return total


def warped(image, source):
    """The image whose pixel (i, j) is that of the given one at source(i, j), one by one."""
    return np.array(
        [[value_at(image, *source(i, j)) for j in range(image.shape[1])]
         for i in range(image.shape[0])]
    )  # fmt: skip


def moved(image, matrix, shift):
    """Each pixel q of the result shows p with q = matrix · p + shift, solved for p pixel by pixel."""
    centre = np.array([image.shape[0] - 1, image.shape[1] - 1]) / 2
    return warped(
        image, lambda i, j: centre + np.linalg.solve(matrix, np.array([i, j]) - centre - shift)
    )


def matrices(degrees=0.0, lean=0.0, factor=1.0):
    a, b = math.radians(degrees), math.radians(lean)
    turn = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    return factor * turn @ np.array([[1, 0], [-math.tan(b), 1]])


def test_affine_maps_are_those_of_a_loop_over_pixels(images, rng):
    matrix, shift = np.eye(2) + 0.4 * rng.normal(size=(5, 2, 2)), 2 * rng.normal(size=(5, 2))
    found = affine(images, matrix, shift)
    for n in range(5):
        np.testing.assert_allclose(found[n], moved(images[n], matrix[n], shift[n]), atol=1e-9)
    np.testing.assert_allclose(
        affine(images, matrix[0])[3], moved(images[3], matrix[0], 0), atol=1e-9
    )


def test_each_change_is_its_affine_map(images):
    amounts = np.array([-20.0, -3.0, 0.0, 11.0, 77.0])
    for change, amount, matrix in (
        (rotate, amounts, lambda x: matrices(degrees=x)),
        (skew, amounts, lambda x: matrices(lean=x)),
        (scale, 1.5 ** (amounts / 20), lambda x: matrices(factor=x)),
    ):
        found = change(images, amount)
        for n in range(5):
            np.testing.assert_allclose(found[n], moved(images[n], matrix(amount[n]), 0), atol=1e-9)
        np.testing.assert_allclose(change(images, amount[1])[1], found[1], atol=1e-12)
    found = translate(images, amounts / 10, 0.25)
    for n in range(5):
        expected = moved(images[n], np.eye(2), [amounts[n] / 10, 0.25])
        np.testing.assert_allclose(found[n], expected, atol=1e-9)


def smoothed(field, sigma):
    """Each entry as the mean of those around it, by a Gaussian cut off at 4 sigma; zeros outside."""
    reach = math.ceil(4 * sigma)
    offsets = range(-reach, reach + 1)
    weights = {k: math.exp(-k * k / (2 * sigma * sigma)) for k in offsets}
    total = sum(weights.values()) ** 2
    result = np.zeros(field.shape)
    for i, j in np.ndindex(field.shape):
        for k in offsets:
            for m in offsets:
                if 0 <= i + k < field.shape[0] and 0 <= j + m < field.shape[1]:
                    result[i, j] += weights[k] * weights[m] * field[i + k, j + m] / total
    return result


@pytest.mark.parametrize("sigma", [0.7, 2.0])
def test_elastic_distortion_is_that_of_a_loop_over_pixels(rng, sigma):
    images = rng.random((3, 9, 7))
    found = elastic(images, alpha=5, sigma=sigma, seed=8)
    drawn = np.random.default_rng(8).uniform(-1, 1, (3, 2, 9, 7))
    for n in range(3):
        down, right = 5 * smoothed(drawn[n, 0], sigma), 5 * smoothed(drawn[n, 1], sigma)
        expected = warped(
            images[n], lambda i, j, down=down, right=right: (i + down[i, j], j + right[i, j])
        )
        np.testing.assert_allclose(found[n], expected, atol=1e-9)


def test_elastic_moves_have_the_deviation_that_is_promised():
    ramp = np.broadcast_to(np.arange(100.0), (40, 100, 100))  # shows where each pixel comes from
    moves = (elastic(ramp.copy(), 34, 4, seed=0) - ramp)[:, 20:-20, 20:-20]
    assert np.std(moves) == pytest.approx(34 / 24, rel=0.1)


# ---- properties ----------------------------------------------------------------------------------


def test_nothing_asked_is_nothing_done(images):
    for unchanged in (
        rotate(images, 0), skew(images, 0), scale(images, 1), translate(images, 0, 0),
        elastic(images, 0, 4, seed=0), Augment()(images, seed=0),
    ):  # fmt: skip
        np.testing.assert_array_equal(unchanged, images)
        assert unchanged is not images
    assert not np.array_equal(Augment(rotate=1)(images, seed=0), images)


def test_quarter_turns_are_those_of_numpy(rng):
    for side in (5, 28):
        images = rng.random((3, side, side))
        for turns in range(-3, 4):
            np.testing.assert_allclose(
                rotate(images, 90 * turns), np.rot90(images, turns, axes=(1, 2)), atol=1e-10
            )


def test_whole_moves_are_those_of_numpy_and_go_down_and_right(rng):
    images = np.pad(rng.random((4, 10, 12)), ((0, 0), (3, 3), (3, 3)))
    np.testing.assert_allclose(translate(images, 2, -3), np.roll(images, (2, -3), axis=(1, 2)))
    assert not translate(images, 100, 0).any()


def test_what_stays_inside_keeps_its_mass(rng):
    images = np.pad(rng.random((4, 10, 12)), ((0, 0), (4, 4), (4, 4)))
    mass = images.sum(axis=(1, 2))
    shifts = rng.uniform(-3, 3, (2, 4))
    np.testing.assert_allclose(translate(images, *shifts).sum(axis=(1, 2)), mass)


def test_a_change_taken_back_shows_the_image_again():
    smooth = np.exp(-0.5 * ((np.indices((41, 41)) - 20) ** 2).sum(axis=0) / 16)[np.newaxis]
    off_centre = translate(smooth, 3, 4)
    for there, back in (
        (rotate(off_centre, 25), lambda x: rotate(x, -25)),
        (skew(off_centre, 12), lambda x: skew(x, -12)),
        (scale(off_centre, 1.25), lambda x: scale(x, 0.8)),
    ):
        assert np.abs(there - off_centre).max() > 0.1
        np.testing.assert_allclose(back(there), off_centre, atol=0.04)  # interpolation blurs


def test_interpolation_stays_between_the_pixels(images):
    more = Augment(rotate=40, translate=3, scale=0.3, skew=30, elastic=(30, 3))(images, seed=1)
    assert 0 <= more.min() <= more.max() <= images.max()


# ---- Augment -------------------------------------------------------------------------------------

EVERYTHING = {
    "rotate": 15, "translate": 2, "scale": 0.1, "skew": 10, "elastic": (34, 4), "noise": 0.02,
}  # fmt: skip


def test_all_changes_of_place_are_one_interpolation(rng):
    images = rng.random((6, 12, 12))
    found = Augment(rotate=30, translate=2, scale=0.2, skew=20)(images, seed=3)
    drawn = np.random.default_rng(3).uniform(-1, 1, (5, 6))
    for n, (turn, lean, size, down, right) in enumerate(drawn.T):
        matrix = matrices(30 * turn, 20 * lean, 1 + 0.2 * size)
        expected = moved(images[n], matrix, [2 * down, 2 * right])
        np.testing.assert_allclose(found[n], expected, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(90, 784), (90, 28, 28), (90, 1, 28, 28)])
def test_shape_and_dtype_stay(rng, shape, dtype):
    images = rng.random(shape).astype(dtype)
    kept = images.copy()
    flat = Augment(**EVERYTHING)(images.reshape(90, 784), seed=0)
    for changed in (
        Augment(**EVERYTHING)(images, seed=0),
        rotate(images, np.float64(5)), translate(images, 1.5, np.zeros(90)), scale(images, 1.1),
        skew(images, 5), elastic(images, np.float64(34), 4), noise(images, np.float64(0.1)),
    ):  # fmt: skip
        assert changed.shape == shape
        assert changed.dtype == dtype
    np.testing.assert_array_equal(Augment(**EVERYTHING)(images, seed=0).reshape(90, 784), flat)
    np.testing.assert_array_equal(images, kept)


def test_single_precision_gives_the_same_images(rng):
    images = rng.random((20, 28, 28))
    place = {name: EVERYTHING[name] for name in ("rotate", "translate", "scale", "skew")}
    np.testing.assert_allclose(
        Augment(**place)(images.astype(np.float32), seed=0), Augment(**place)(images, seed=0),
        atol=1e-4,
    )  # fmt: skip


def test_a_generator_gives_new_images_each_time_and_the_same_again(rng):
    images, augment = rng.random((50, 784)), Augment(**EVERYTHING)
    drawing, again = np.random.default_rng(6), np.random.default_rng(6)
    first, second = augment(images, drawing), augment(images, drawing)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(augment(images, again), first)
    np.testing.assert_array_equal(augment(images, again), second)
    same = augment(np.repeat(images[:1], 50, axis=0), 6)
    assert len(np.unique(same, axis=0)) == 50  # each image is changed in its own way


def test_images_do_not_depend_on_how_many_are_computed_at_once(rng, monkeypatch):
    images, augment = rng.random((50, 28, 28)), Augment(**EVERYTHING)
    together = augment(images, seed=2)
    monkeypatch.setattr(augmentation, "_PIXELS_AT_ONCE", 1)
    np.testing.assert_allclose(augment(images, seed=2), together, atol=1e-12)


def test_noise_is_normal_around_the_image(rng):
    images = rng.random((200, 784))
    added = Augment(noise=0.1)(images, seed=0) - images
    assert np.mean(added) == pytest.approx(0, abs=0.002)
    assert np.std(added) == pytest.approx(0.1, rel=0.02)
    assert np.mean(np.abs(added) < 0.1) == pytest.approx(0.6827, abs=0.01)


def test_bounds_are_kept_and_reached():
    point = np.zeros((2000, 41, 41))
    point[:, 20, 20] = 1
    after = Augment(translate=3)(point, seed=0)
    rows, columns = np.tensordot(after, np.indices((41, 41)) - 20, axes=((1, 2), (1, 2))).T
    for away in (rows, columns):
        assert 2.95 < away.max() <= 3 + 1e-9
        assert -3 - 1e-9 <= away.min() < -2.95
        assert np.std(away) == pytest.approx(3 / math.sqrt(3), rel=0.05)


def test_no_images_are_no_images():
    assert Augment(**EVERYTHING)(np.zeros((0, 784)), seed=0).shape == (0, 784)


def test_changed_digits_are_still_digits():
    train, test = data.digits()

    def right(inputs):
        """How often the nearest image of the training set is of the same digit."""
        away = np.sum(train.inputs**2, axis=1) - 2 * inputs @ train.inputs.T
        return np.mean(train.labels[np.argmin(away, axis=1)] == test.labels)

    changed = Augment(rotate=10, translate=1, scale=0.1, skew=10, elastic=(20, 4))(test.inputs, 0)
    assert right(test.inputs) > 0.9
    assert 0.8 < right(changed) < right(test.inputs)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Augment(rotate=-1), "rotate=-1"),
        (lambda: Augment(scale=1.0), r"scale=1\.0"),
        (lambda: Augment(skew=90), "skew=90"),
        (lambda: elastic(np.zeros((1, 4)), 1, 0), "must be above 0, got 0"),
        (lambda: rotate(np.zeros((1, 7)), 1), r"shape \(1, 7\) are not square images"),
        (lambda: rotate(np.zeros((1, 3, 4, 4)), 1), r"shape \(1, 3, 4, 4\) are not square images"),
        (lambda: rotate(np.zeros((1, 4), np.uint8), 1), "float32 or float64, got uint8"),
        (lambda: noise(np.zeros((1, 4), np.uint8), 1), "float32 or float64, got uint8"),
        (lambda: rotate(np.zeros((2, 4)), [1, 2, 3]), r"2 images need one matrix, or 2; got 3"),
        (lambda: translate(np.zeros((2, 4)), 1, [1, 2, 3]), "2 images need one shift, or 2; got 3"),
        (lambda: scale(np.zeros((2, 4)), 0), "must not have determinant 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        wrong()
