"""Recurrent layers repeat their definition. For more, see test_layers."""

import numpy as np
import pytest

from microgradnd import Tensor, history, no_grad
from nn.layers.recurrent import GRU, LSTM, RNN
from tests.nn.layer_checks import leaves

LAYERS = [(LSTM, {}), (GRU, {}), (RNN, {}), (RNN, {"nonlinearity": "relu"})]
INPUTS, HIDDEN, STEPS, N = 3, 4, 5, 2


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def step_of_lstm(x, h, c, w, v, a, b):
    i, f, g, o = np.split(w @ x + a + v @ h + b, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def step_of_gru(x, h, w, v, a, b):
    (r, z, n), (r_h, z_h, n_h) = np.split(w @ x + a, 3), np.split(v @ h + b, 3)
    r, z = sigmoid(r + r_h), sigmoid(z + z_h)
    return (1 - z) * np.tanh(n + r * n_h) + z * h


@pytest.mark.parametrize("layer", [LSTM, GRU, RNN])
def test_it_is_the_definition_repeated(rng, layer):
    net, x = layer(INPUTS, HIDDEN), rng.normal(size=(STEPS, INPUTS))
    weights = list(net.state_dict().values())
    h, c = rng.normal(size=(2, HIDDEN))
    output, last = net(x, (h[None], c[None]) if layer is LSTM else h[None])
    for t in range(STEPS):
        if layer is LSTM:
            h, c = step_of_lstm(x[t], h, c, *weights)
        elif layer is GRU:
            h = step_of_gru(x[t], h, *weights)
        else:
            w, v, a, b = weights
            h = np.tanh(w @ x[t] + a + v @ h + b)
        np.testing.assert_allclose(output[t].numpy(), h, atol=1e-14)
    if layer is LSTM:
        np.testing.assert_allclose(last[1][0].numpy(), c, atol=1e-14)
        last = last[0]
    np.testing.assert_allclose(last[0].numpy(), h, atol=1e-14)


@pytest.mark.parametrize(("layer", "options"), LAYERS)
def test_a_sequence_can_be_read_in_two_halves_and_each_example_alone(rng, layer, options):
    net, x = layer(INPUTS, HIDDEN, 2, **options), rng.normal(size=(6, N, INPUTS))
    whole, last = net(x)
    first_half, between = net(x[:2])
    second_half, end = net(x[2:], between)
    halves = np.concatenate([first_half.numpy(), second_half.numpy()])
    np.testing.assert_allclose(whole.numpy(), halves)
    for a, b in zip(leaves(last), leaves(end), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy())
    for n in range(N):  # examples do not meet
        np.testing.assert_allclose(whole[:, n].numpy(), net(x[:, n])[0].numpy(), atol=1e-15)


def state_of(net, cells):
    """The state of one row of cells, as that of a layer of its own."""
    state = net.state_dict()
    return {k.replace(cells, "l0"): v for k, v in state.items() if k.endswith(cells)}


def test_backwards_is_forwards_on_the_turned_sequence(rng):
    both, one = LSTM(INPUTS, HIDDEN, bidirectional=True), LSTM(INPUTS, HIDDEN)
    one.load_state_dict(state_of(both, "l0_reverse"))
    x = rng.normal(size=(STEPS, N, INPUTS))
    output, (h, c) = both(x)
    turned, (h_one, c_one) = one(x[::-1])
    np.testing.assert_array_equal(output[..., HIDDEN:].numpy(), turned[::-1].numpy())
    np.testing.assert_array_equal(h[1].numpy(), h_one[0].numpy())
    np.testing.assert_array_equal(c[1].numpy(), c_one[0].numpy())


def test_saturated_gates_do_not_overflow():
    net = LSTM(1, 1)
    for parameter in net.parameters():
        parameter.data[...] = 1e4
    for value in (1.0, -9.0):
        output, (_, c) = net(np.full((3, 1, 1), value))
        np.sum(output).backward()
        # all gates open: each step adds 1 to c; all closed: nothing comes in
        np.testing.assert_allclose(c.item(), 3 if value > 0 else 0, atol=1e-12)
        assert all(np.isfinite(p.grad).all() for p in net.parameters())


def test_dropout_acts_between_layers_while_training(rng):
    net, x = GRU(INPUTS, 50, num_layers=2, dropout=0.5), rng.normal(size=(STEPS, N, INPUTS))
    first, second = GRU(INPUTS, 50), GRU(50, 50)
    first.load_state_dict(state_of(net, "l0"))
    second.load_state_dict(state_of(net, "l1"))
    expected = second(first(x)[0].numpy())[0].numpy()
    np.testing.assert_allclose(net.eval()(x)[0].numpy(), expected, atol=1e-14)
    assert not np.allclose(net.train()(x)[0].numpy(), net(x)[0].numpy())
    everything_dropped = GRU(INPUTS, 3, num_layers=2, dropout=1.0)(x)[0].numpy()
    np.testing.assert_array_equal(everything_dropped[:, 0], everything_dropped[:, 1])
    with pytest.warns(UserWarning, match="dropout=0.5 has no effect"):
        LSTM(3, 4, dropout=0.5)


def test_lists_no_examples_and_one_operation_however_long_the_sequence(rng):
    net = RNN(2, 3)
    assert net([[1, 2], [3, 4]])[0].shape == (2, 3)
    x = Tensor(np.zeros((4, 0, 2)), requires_grad=True)
    output, h = net(x)
    assert (output.shape, h.shape) == ((4, 0, 3), (1, 0, 3))
    np.sum(output).backward()
    assert x.grad.shape == x.shape
    with no_grad():
        assert not net(rng.normal(size=(4, 1, 2)))[0].requires_grad
    lengths = {len(history(net(np.zeros((steps, 1, 2)))[0])) for steps in (2, 200)}
    assert len(lengths) == 1
