"""A batch whose gradient is added up from its parts makes the step of the whole batch."""

import numpy as np
import pytest

import nn
from nn.optim import SGD
from tests.nn.runs import MOONS, looking, same_end, small, trained
from tests.nn.saved import peak_of


def gradients(model=None, **options):
    """The gradients of the steps of an epoch, and how it ended."""
    seen = []

    def look(run):
        seen.append(np.concatenate([p.grad.ravel() for p in run.model.parameters()]))

    callbacks = [looking(after_backward=look)]
    options = {"epochs": 1, "batch_size": 20, "callbacks": callbacks, **options}
    return seen, trained(model, **options)


LOSSES = {
    "cross entropy": nn.CrossEntropyLoss(),
    "smoothed": nn.CrossEntropyLoss(label_smoothing=0.1),
    "sum": nn.CrossEntropyLoss(weight=np.array([1.0, 5.0]), reduction="sum"),
    "quadratic": nn.QuadraticLoss(),
    "a function": lambda outputs, labels: np.mean(np.sum(outputs**2, axis=1) * (labels + 1)),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_parts_make_the_step_of_the_whole(loss, dtype):
    options = {"loss": LOSSES[loss], "regulariser": nn.L2(0.01), "clip_norm": 0.5}
    parts, (_, history) = gradients(small().astype(dtype), at_once=7, **options)
    whole, (_, expected) = gradients(small().astype(dtype), **options)
    assert len(parts) == len(whole) == 5
    tolerance = {"rtol": 0, "atol": 2e3 * np.finfo(dtype).eps}
    np.testing.assert_allclose(parts, whole, **tolerance)
    np.testing.assert_allclose(history.loss, expected.loss, **tolerance)
    assert history.accuracy == expected.accuracy


def test_one_part_is_the_whole_bit_for_bit():
    assert same_end(trained(at_once=16), trained(replay=False))


@pytest.mark.parametrize("loss", [
    nn.CrossEntropyLoss(weight=np.array([1.0, 5.0])), nn.CrossEntropyLoss(ignore_index=0),
    lambda outputs, labels: np.sum(outputs**2),
    lambda outputs, labels: np.mean((outputs - np.mean(outputs)) ** 2),
])  # fmt: skip
def test_a_loss_that_does_not_add_up_is_refused_and_nothing_is_learnt(loss):
    model = small()
    with pytest.raises(ValueError, match="a mean or a sum over the examples"):
        trained(model, loss=loss, at_once=7)
    assert np.array_equal(model[0].weight.numpy(), small()[0].weight.numpy())


def test_parts_are_even_so_that_none_has_a_single_example():
    sizes = []
    look = lambda module, inputs, outputs: sizes.append(len(outputs))  # noqa: E731
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    with model.register_forward_hook(look):
        trained(model, MOONS[:26], batch_size=26, epochs=1, at_once=5)
    assert sizes == [4, 4, 5, 4, 4, 5]


def test_replay_is_left_out_and_true_warns():
    long = {"epochs": 100, "batch_size": 16, "at_once": 8}
    with pytest.warns(nn.TrainingWarning, match="without replay: at_once= saves memory"):
        warned = trained(replay=True, **long)
    assert same_end(warned, trained(replay="auto", **long))


def test_it_takes_less_memory():
    data = np.random.default_rng(0).normal(size=(512, 50)), np.zeros(512, int)
    wide = nn.Linear(50, 500), nn.Tanh(), nn.Linear(500, 500), nn.Tanh(), nn.Linear(500, 2)
    options = {"optimizer": lambda p: SGD(p, lr=0.1), "epochs": 1, "batch_size": 512}
    peak = lambda n: peak_of(lambda: trained(nn.Sequential(*wide), data, at_once=n, **options))  # noqa: E731
    assert peak(16) < 0.7 * peak(None)


def test_a_loss_that_is_no_number_leaves_the_model_as_it_was():
    model, x = small(), MOONS.inputs.copy()
    x[-1] = np.inf
    with pytest.raises(FloatingPointError, match="the inputs of this batch hold inf"):
        trained(model, (x, MOONS.labels), batch_size=None, at_once=50)
    assert np.array_equal(model[0].weight.numpy(), small()[0].weight.numpy())
