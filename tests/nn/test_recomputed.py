"""A block that is computed again has the results, the slopes and the state of one that is not."""

import gc
import weakref

import numpy as np
import pytest

import nn
from microgradnd import Tensor, gradients
from microgradnd.backward import differentiate
from microgradnd.tree import leaves_of
from tests.nn.runs import trained
from tests.nn.saved import peak_of


def test_training_has_the_same_bits():
    def end(wrap):
        nn.manual_seed(0)
        more = nn.BatchNorm1d(9), nn.Tanh(), nn.Dropout(0.3), nn.Linear(9, 6)
        blocks = (wrap(nn.Sequential(nn.Linear(size, 9), *more)) for size in (2, 6))
        model, history = trained(nn.Sequential(*blocks, nn.Linear(6, 2)), replay=False)
        state = [*map(np.array, model.state_dict().values())]
        return [*state, history.loss, nn.init.generator.random()]

    np.testing.assert_equal(end(nn.Recomputed), end(nn.Sequential))


def test_a_backward_pass_twice_and_frozen_parameters():
    layer = nn.Recomputed(nn.Linear(3, 2))
    layer.block.bias.requires_grad = False
    y = np.sum(layer(np.ones((4, 3))))
    y.backward()
    y.backward()
    assert layer.block.weight.grad.tolist() == [[8, 8, 8]] * 2
    assert layer.block.bias.grad is None


def test_walks_that_ask_for_other_parts_share_nothing():
    layer = nn.Recomputed(nn.Linear(3, 2))
    y, one = layer(np.ones((4, 3))), np.ones((4, 2))
    weight, bias = layer.block.weight, layer.block.bias
    assert differentiate({y: one}, {weight})[weight].tolist() == [[4, 4, 4]] * 2
    assert differentiate({y: 5 * one}, {bias})[bias].tolist() == [20, 20]


class Padded(nn.Module):
    def __init__(self):
        self.words, self.linear = nn.Embedding(6, 3), nn.Linear(3, 2)

    def forward(self, x, words, more):
        y = self.linear(self.words(words)) * x[:, :2]
        return np.where(more["mask"][:, None], y, more["other"])


class Several(nn.Module):
    def __init__(self):
        self.linear = nn.Linear(3, 2)

    def forward(self, x):
        return {"y": self.linear(x), "nothing": None, "more": [x * 2, 3.0]}


def words_and_more(x):
    return np.arange(4), {"mask": np.arange(4) > 1, "other": x[:, 1:] ** 2}


@pytest.mark.parametrize(("make", "others", "change"), [
    (lambda: nn.utils.spectral_norm(nn.Linear(3, 2)), lambda x: (), lambda block: None),
    (lambda: nn.BatchNorm1d(3).eval(), lambda x: (), lambda block: block.running_var.fill(9)),
    (Padded, words_and_more, lambda block: None),
    (lambda: nn.LSTM(3, 2), lambda x: (), lambda block: None),  # it returns (y, (h, c))
    (Several, lambda x: (), lambda block: None),
])  # fmt: skip
def test_slopes_of_both_orders_are_those_of_the_block_and_of_the_buffers_it_had(
    make, others, change
):
    found = []
    for wrap in (lambda block: block, nn.Recomputed):
        nn.manual_seed(0)
        block, x = make(), Tensor(np.arange(12.0).reshape(4, 3), requires_grad=True)
        returned = leaves_of(wrap(block)(x, *others(x)))
        y = sum(np.sum(part**2) for part in returned if part is not None)
        change(block)
        leaves = [x, *block.parameters()]
        slopes = gradients(y, leaves)
        curved = gradients(sum(np.sum(slope**2) for slope in slopes), leaves)
        found.append([part.numpy() for part in (y, *slopes, *curved)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize(("block", "change"), [
    (nn.BatchNorm1d(3), nn.Module.eval),
    (nn.Linear(3, 2).requires_grad_(False), lambda block: block.weight.data.fill(9)),
])  # fmt: skip
def test_a_block_that_returns_something_else_is_refused(block, change):
    y = nn.Recomputed(block)(Tensor(np.arange(12.0).reshape(4, 3), requires_grad=True))
    change(block)
    with pytest.raises(RuntimeError, match="something else when called again"):
        np.sum(y).backward()


def test_a_tensor_from_elsewhere_that_requires_a_gradient_is_refused():
    block, shared = nn.Linear(3, 2), nn.Linear(3, 2)
    block.forward = lambda x: nn.functional.linear(x, block.weight + shared.weight)
    layer, x = nn.Recomputed(block), np.ones((4, 3))
    with pytest.raises(RuntimeError, match="neither its Parameter nor its input; make it one"):
        layer(x)
    shared.requires_grad_(False)
    np.sum(layer(x)).backward()
    block.shared = shared.requires_grad_()
    np.sum(layer(x)).backward()
    assert shared.weight.grad.tolist() == [[4, 4, 4]] * 2


def test_nothing_is_kept_alive_by_second_derivatives():
    layer = nn.Recomputed(nn.Linear(3, 2))
    x = Tensor(np.ones((4, 3)), requires_grad=True)
    gc.disable()
    try:
        y = layer(x)
        watched = weakref.ref(y)
        slope = gradients(np.sum(y**2), [x])[0]
        np.sum(slope**2).backward()
        del y, slope
        assert watched() is None
    finally:
        gc.enable()


def test_it_takes_less_memory():
    layers = nn.Linear(50, 50), nn.Tanh(), nn.Linear(50, 50), nn.Tanh()
    peaks = []
    for wrap in (nn.Recomputed, nn.Sequential):
        model = nn.Sequential(*(wrap(nn.Sequential(*layers)) for _ in range(20)))
        peaks.append(peak_of(lambda model=model: np.sum(model(np.ones((500, 50)))).backward()))
    assert peaks[0] < 0.5 * peaks[1]
