"""The experiment with bent digits: they are bent and yet the same digits, and a network learns."""

import numpy as np
import pytest

import nn
from nn.data import Augment


@pytest.fixture(scope="module")
def elastic(script):
    return script("elastic")


@pytest.fixture
def quick(script, tmp_path):
    return script("experiment").Experiment("elastic", folder=tmp_path)


def test_the_quick_form_learns(elastic, quick, tmp_path):
    elastic.elastic(quick)
    bent, straight = quick.rows
    assert (bent["what"], straight["what"]) == ("with distortions", "without")
    assert bent["test_accuracy"] > 0.93
    assert straight["test_accuracy"] > 0.95
    assert bent["training_accuracy"] < straight["training_accuracy"]  # bent digits are harder
    assert bent["minutes"] > 0 < bent["minutes_of_a_processor"]
    left = sorted(file.name for file in tmp_path.iterdir())
    assert left == ["elastic-images.png", "elastic-mistakes.png", "elastic.png"]


def test_the_last_epoch_counts_and_not_the_best(elastic, quick, monkeypatch):
    history = nn.History()
    for accuracy in (0.5, 0.75, 0.625):
        history.append(loss=1.0, accuracy=accuracy, validation_accuracy=accuracy - 0.125)
    given = []

    def trained(model, train, test, epochs, distortions):
        given.append((len(train), len(test), distortions))
        return history

    monkeypatch.setattr(elastic, "trained", trained)
    elastic.elastic(quick)
    assert [row["test_accuracy"] for row in quick.rows] == [0.5, 0.5]
    assert given == [(6000, 1000, elastic.DISTORTIONS), (6000, 1000, None)]


def test_distorted_digits_are_others_and_yet_the_same(elastic):
    some = nn.data.digits().test[:200]
    images = some.inputs
    for seed in (0, 1):
        changed = elastic.DISTORTIONS(images, seed=seed)
        assert np.abs(changed - images).mean(axis=1).min() > 0.01
        alike = np.corrcoef(changed, images)[:200, 200:]
        same_digit = some.labels[np.argmax(alike, axis=1)] == some.labels
        assert (
            same_digit.mean() > 0.5
        )  # by chance it would be a tenth, and so it is if they are mush
        assert np.diag(alike).max() < 0.99
        ink = changed.sum(axis=1) / images.sum(axis=1)
        assert 0.8 < np.median(ink) < 1.25
    assert not np.array_equal(changed, elastic.DISTORTIONS(images, seed=0))


def bend(images):
    """How far, in pixels, the line through the middles of the rows is from a straight one."""
    bends = []
    for image in images:
        rows = np.flatnonzero(image.sum(axis=1) > 1)
        middles = image[rows] @ np.arange(28) / image[rows].sum(axis=1)
        bends.append(np.std(middles - np.polyval(np.polyfit(rows, middles, 1), rows)))
    return np.median(bends)


def test_a_straight_line_is_bent(elastic):
    lines = np.zeros((100, 28, 28))
    lines[:, 3:-3, 13:15] = 1.0
    ours = elastic.DISTORTIONS
    affine = Augment(ours.rotate, ours.translate, ours.scale, ours.skew)
    assert bend(affine(lines, seed=0)) < 0.1
    assert bend(ours(lines, seed=0)) > 0.25


def test_the_picture_begins_each_row_with_an_original(elastic):
    train = nn.data.digits().train.map(lambda rows: rows.reshape(-1, 1, 28, 28))
    figure = elastic.beside_originals(train, rows=3, columns=4)
    shown = np.array([axes.images[0].get_array() for axes in figure.axes]).reshape(3, 4, 28, 28)
    for digit, row in enumerate(shown):
        same = np.all(train.inputs[:, 0] == row[0], axis=(1, 2))
        assert train.labels[same].tolist() == [digit]
        assert len({image.tobytes() for image in row}) == 4
