"""Accuracy and the confusion matrix against counting one by one."""

import numpy as np
import pytest

from microgradnd import Tensor
from nn import accuracy, confusion_matrix


def counted(outputs, labels):
    matrix = [[0] * 4 for _ in range(4)]
    for row, label in zip(outputs, labels, strict=True):
        matrix[label][max(range(4), key=lambda k: row[k])] += 1
    return matrix


def test_both_count_what_one_counts_by_hand_whatever_the_form(rng):
    outputs, labels = rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
    matrix = counted(outputs, labels)
    expected = sum(matrix[k][k] for k in range(4)) / 50
    hot = np.eye(4)[labels]
    for a in (outputs, outputs.tolist(), Tensor(outputs, requires_grad=True), outputs.argmax(1)):
        for t in (labels.tolist(), labels[:, None], hot, Tensor(labels), labels.astype("u1")):
            assert accuracy(a, t) == pytest.approx(expected)
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
