"""Accuracy and the confusion matrix against counting one by one."""

import numpy as np
import pytest

from microgradnd import Tensor
from nn.train.metrics import accuracy, confusion_matrix


@pytest.fixture
def classified(rng):
    return rng.normal(size=(50, 4)), rng.integers(0, 4, 50)


def counted(outputs, labels):
    matrix = [[0] * 4 for _ in range(4)]
    for row, label in zip(outputs, labels, strict=True):
        matrix[label][max(range(4), key=lambda k: row[k])] += 1
    return matrix


def test_both_count_what_one_counts_by_hand(classified):
    outputs, labels = classified
    expected = counted(outputs, labels)
    np.testing.assert_array_equal(confusion_matrix(outputs, labels), expected)
    assert accuracy(outputs, labels) == pytest.approx(sum(expected[k][k] for k in range(4)) / 50)


def test_labels_one_hot_rows_lists_and_tensors_say_the_same(classified):
    outputs, labels = classified
    expected = accuracy(outputs, labels)
    matrix = confusion_matrix(outputs, labels)
    learnt = Tensor(outputs, requires_grad=True)
    chosen = np.argmax(outputs, axis=1)
    for a in (outputs, outputs.tolist(), learnt, chosen):
        for t in (labels, labels.tolist(), np.eye(4)[labels], Tensor(labels), labels.astype("u1")):
            assert accuracy(a, t) == expected
            np.testing.assert_array_equal(confusion_matrix(a, t), matrix)


def test_the_classes_of_images_are_along_axis_1(rng):
    outputs, labels = rng.normal(size=(3, 4, 5, 2)), rng.integers(0, 4, (3, 5, 2))
    flat = np.moveaxis(outputs, 1, -1).reshape(-1, 4)
    assert accuracy(outputs, labels) == accuracy(flat, labels.ravel())
    hot = np.moveaxis(np.eye(4)[labels], -1, 1)
    np.testing.assert_array_equal(confusion_matrix(outputs, hot), counted(flat, labels.ravel()))


def test_a_single_example_and_classes_that_nobody_named():
    assert accuracy([0.1, 0.7, 0.2], 1) == 1
    assert accuracy([0.1, 0.7, 0.2], 2) == 0
    assert confusion_matrix([[0.1, 0.7, 0.2]], [0]).shape == (3, 3)
    np.testing.assert_array_equal(confusion_matrix([1, 0], [1, 1]), [[0, 0], [1, 1]])
    assert confusion_matrix([1, 0], [1, 1], classes=5).shape == (5, 5)
    assert accuracy(np.array([True, False]), np.array([1, 1])) == 0.5


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: accuracy(np.ones((3, 2)), [0, 1]), ValueError, r"accuracy: .*\(3,\).*\(2,\)"),
        (lambda: accuracy(np.ones((3, 2)), [0.0, 1.0, 0.0]), TypeError, "whole .*float64"),
        (lambda: accuracy(np.ones((3, 1)), [0, 1, 0]), ValueError, "outputs > 0.5"),
        (lambda: accuracy(np.array([0.9, 0.2, 0.6]), [1, 0, 1]), ValueError, r"\(\), or one-hot"),
        (lambda: confusion_matrix(np.ones((2, 2)), [0, 5]), ValueError, "from 0 to 1, got 5"),
        (lambda: confusion_matrix([0, 1], [0, -1]), ValueError, "got -1"),
    ],
)
def test_what_cannot_be_told_is_an_error(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
