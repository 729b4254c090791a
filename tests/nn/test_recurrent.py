"""Recurrent layers far out, with dropout, of lists and of nothing. For more, see test_layers."""

import numpy as np
import pytest

from microgradnd import Tensor, history, no_grad
from nn.layers.recurrent import GRU, LSTM, RNN


def state_of(net, cells):
    """The state of one row of cells, as that of a layer of its own."""
    state = net.state_dict()
    return {k.replace(cells, "l0"): v for k, v in state.items() if k.endswith(cells)}


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
    net, x = GRU(3, 50, num_layers=2, dropout=0.5), rng.normal(size=(5, 2, 3))
    first, second = GRU(3, 50), GRU(50, 50)
    first.load_state_dict(state_of(net, "l0"))
    second.load_state_dict(state_of(net, "l1"))
    expected = second(first(x)[0].numpy())[0].numpy()
    np.testing.assert_allclose(net.eval()(x)[0].numpy(), expected, atol=1e-14)
    assert not np.allclose(net.train()(x)[0].numpy(), net(x)[0].numpy())
    everything_dropped = GRU(3, 3, num_layers=2, dropout=1.0)(x)[0].numpy()
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


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_finer_first_states_make_finer_outputs_as_numpys_arrays_do(kind, rng):
    net, x = kind(2, 3), rng.normal(size=(4, 1, 2))
    first = rng.normal(size=(2, 1, 1, 3))
    states = [Tensor(h, requires_grad=True) for h in first]
    states = states if kind is LSTM else states[0]
    expected, _ = net(x, states)
    output, _ = net.astype(np.float32)(x.astype(np.float32), states)
    assert output.dtype == np.float64
    np.testing.assert_allclose(output.numpy(), expected.numpy(), atol=1e-6)
    np.sum(output).backward()
    assert {p.grad.dtype for p in net.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_a_long_sequence_of_half_precision_adds_up_its_biases_gradients(kind):
    net, found = kind(2, 3).astype(np.float16), []
    for dtype in np.float16, np.float32:
        net = net.astype(dtype)
        net.zero_grad()
        np.sum(net(np.full((5000, 1, 2), 0.01, dtype))[0].astype(np.float32)).backward()
        found.append([net.bias_ih_l0.grad, net.bias_hh_l0.grad])
    np.testing.assert_allclose(found[0], found[1], rtol=0.01, atol=2)


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_coarse_weights_and_first_states_are_multiplied_as_finely_as_the_inputs(kind, rng):
    coarse, fine = (kind(2, 3, bias=False) for _ in range(2))
    x, first = rng.normal(size=(1, 1, 2)), rng.normal(size=(2, 1, 1, 3)).astype(np.float16)
    fine.load_state_dict(coarse.to(np.float16).state_dict())
    states = tuple(first) if kind is LSTM else first[0]
    found, expected = (net(x, states)[0].numpy() for net in (coarse, fine))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
