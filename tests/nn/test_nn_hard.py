"""nn where a script for PyTorch, or an unlucky input, failed once."""

import numpy as np
import pytest

import nn
from microgradnd import hessian


def test_frozen_parameters_are_left_where_they_are():
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))
    model[0].weight.requires_grad = False
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
    before = model.state_dict()
    np.sum(model(np.ones((2, 3)))).backward()
    optimizer.step()
    after = model.state_dict()
    np.testing.assert_array_equal(before["0.weight"], after["0.weight"])
    assert (before["2.weight"] != after["2.weight"]).any()


def test_named_parameters_are_parameters():
    model = nn.Linear(2, 1)
    named = nn.optim.Adam(model.named_parameters(), lr=0.1)
    assert named.param_groups[0]["params"] == list(model.parameters())


def test_a_hessian_over_a_dict_of_parameters():
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    x = np.random.default_rng(0).normal(size=(4, 2))
    cost = lambda p: np.mean(nn.functional_call(model, p, x) ** 2)  # noqa: E731
    blocks = hessian(cost)(model.state_dict())
    assert blocks["0.weight"]["2.bias"].shape == (2, 2, 1)
    for a in blocks:
        for b in blocks:
            first, second = (model.state_dict()[name].ndim for name in (b, a))
            across = blocks[b][a].transpose(*range(first, first + second), *range(first))
            np.testing.assert_allclose(blocks[a][b], across, atol=1e-12)


def test_inplace_is_taken_and_changes_nothing():
    x = np.array([-1.0, 2.0])
    np.testing.assert_array_equal(nn.functional.relu(x, inplace=True), [0, 2])
    np.testing.assert_array_equal(nn.Dropout(0.5, inplace=True).eval()(x), x)
    np.testing.assert_array_equal(x, [-1, 2])
    assert nn.functional.linear(input=np.ones((1, 2)), weight=np.ones((1, 2))).item() == 2


@pytest.mark.parametrize("number", [np.float64(0.1), np.array(0.1)[()]])
def test_numbers_of_numpy_keep_float32(number):
    nn.manual_seed(0)
    model = nn.Linear(3, 2).astype(np.float32)
    optimizer = nn.optim.SGD(model.parameters(), lr=number, momentum=number, weight_decay=number)
    np.sum(model(np.ones((2, 3), np.float32))).backward()
    nn.utils.clip_grad_norm_(model.parameters(), number)
    nn.utils.clip_grad_value_(model.parameters(), number)
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    optimizer.step()
    states = [s["momentum_buffer"].dtype for s in optimizer.state.values()]
    assert set(states) == {np.dtype(np.float32)}


@pytest.mark.parametrize("seed", range(4))
def test_saturated_outputs_are_no_reason_to_cry_wrong(seed):
    nn.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(1))
    x = 1e4 * np.random.default_rng(seed).normal(size=(6, 4))
    assert nn.check_backprop(model, nn.CrossEntropyLoss(), x, [0, 1, 2, 0, 1, 2])


def test_tied_weights_are_refused_by_name():
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    model = nn.Sequential(first, nn.Tanh(), second)
    with pytest.raises(TypeError, match=r"2 \(Linear\).*shares its weight"):
        nn.check_backprop(model, nn.MSELoss(), np.ones((2, 4)), np.ones((2, 4)))


@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.QuadraticLoss(), nn.L1Loss(), nn.accuracy])
def test_no_examples_have_no_average(loss):
    with pytest.raises(ValueError, match="example"):
        loss(np.zeros((0, 3)), np.zeros((0, 3)))


def test_points_that_are_nowhere_are_refused():
    with pytest.raises(ValueError, match="finite"):
        nn.Perceptron().fit([[np.nan], [2.0]], [1, 0])


def test_a_prefix_ends_in_its_own_dot():
    assert list(nn.Linear(2, 1).state_dict(prefix="a.")) == ["a.weight", "a.bias"]
