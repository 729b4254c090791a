"""Layers that people train: a step of LeNet-5, and an LSTM forward and backward, in float32.

All systems start from the same parameters. Our layers and PyTorch's have the same names.
"""

import functools
import itertools
from typing import Any

import numpy as np

from .dense import torch_compile

RATE = 0.01
IMAGES, CLASSES = 32, 10
STEPS, EXAMPLES, INPUTS, HIDDEN = 32, 16, 64, 128


def parameters_of(model: Any) -> dict[str, np.ndarray]:
    return {name: np.array(values) for name, values in model.state_dict().items()}


def in_pytorch(model: Any, twin: Any) -> Any:
    """The same model in PyTorch, with the same parameters."""
    import torch

    twin.load_state_dict({k: torch.tensor(v) for k, v in parameters_of(model).items()})
    return twin


# ---- LeNet-5 -------------------------------------------------------------------------------------


def batches(convert: Any = np.asarray) -> Any:
    """Random images and classes, in ever new pairs."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((8, IMAGES, 1, 28, 28), np.float32)
    labels = rng.integers(0, CLASSES, (7, IMAGES))
    return zip(itertools.cycle(map(convert, images)), itertools.cycle(map(convert, labels)))


def lenet(library: Any) -> Any:
    return library.Sequential(
        library.Conv2d(1, 6, 5, padding=2),
        library.ReLU(),
        library.MaxPool2d(2),
        library.Conv2d(6, 16, 5),
        library.ReLU(),
        library.MaxPool2d(2),
        library.Flatten(),
        library.Linear(400, 120),
        library.ReLU(),
        library.Linear(120, 84),
        library.ReLU(),
        library.Linear(84, CLASSES),
    )


def our_lenet() -> Any:
    import nn

    nn.manual_seed(0)
    return lenet(nn).astype(np.float32)


def lenet_step(loss_of, optimizer, parameters, batches, wrapped=lambda step: step):
    """A training step: it returns the loss and the gradients."""

    def step(x, wanted):
        loss = loss_of(x, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step = wrapped(step)
    return lambda: [step(*next(batches)).item(), *(p.grad for p in parameters)]


def lenet_ours(wrapped=lambda step: step):
    import nn

    model, cost = our_lenet(), nn.CrossEntropyLoss()
    optimizer = nn.optim.SGD(model.parameters(), lr=RATE)
    parameters = list(model.parameters())
    loss_of = lambda x, wanted: cost(model(x), wanted)  # noqa: E731
    return lenet_step(loss_of, optimizer, parameters, batches(), wrapped)


def lenet_replayed():
    from microgradnd import replay

    return lenet_ours(replay)


def lenet_pytorch(compiled=lambda function: function):
    import torch

    model, cost = in_pytorch(our_lenet(), lenet(torch.nn)), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    loss_of = compiled(lambda x, wanted: cost(model(x), wanted))
    return lenet_step(loss_of, optimizer, list(model.parameters()), batches(torch.from_numpy))


def lenet_compiled():
    return lenet_pytorch(torch_compile)


def lenet_jax():
    import jax
    from jax import lax

    numpy = jax.numpy

    def loss_of(parameters, x, wanted):
        pairs = iter(zip(parameters[::2], parameters[1::2], strict=True))
        for padding in (2, 0):
            kernel, bias = next(pairs)
            x = lax.conv(x, kernel, (1, 1), [(padding, padding)] * 2) + bias[:, None, None]
            window = (1, 1, 2, 2)
            x = lax.reduce_window(jax.nn.relu(x), -numpy.inf, lax.max, window, window, "VALID")
        x = x.reshape(len(x), -1)
        for weights, bias in pairs:
            x = x @ weights.T + bias
            x = jax.nn.relu(x) if len(bias) != CLASSES else x
        return -numpy.mean(jax.nn.log_softmax(x)[np.arange(len(wanted)), wanted])

    @functools.partial(jax.jit, donate_argnums=0)
    def compiled(parameters, x, wanted):
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, wanted)
        return loss, [p - RATE * g for p, g in zip(parameters, gradients, strict=True)]

    parameters = [numpy.array(values) for values in parameters_of(our_lenet()).values()]
    turns = batches(numpy.asarray)

    def step():
        nonlocal parameters
        loss, parameters = compiled(parameters, *next(turns))
        return [loss.item()]

    return step


# ---- LSTM ----------------------------------------------------------------------------------------


def sequences() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.standard_normal((STEPS, EXAMPLES, INPUTS), np.float32)


def our_lstm() -> Any:
    import nn

    nn.manual_seed(0)
    return nn.LSTM(INPUTS, HIDDEN).astype(np.float32)


def there_and_back(model, x, wrapped=lambda run: run):
    """Forward and backward: it returns the loss and the gradients."""
    parameters = list(model.parameters())

    def pass_(x):
        model.zero_grad()
        output, _ = model(x)
        loss = (output * output).sum()
        loss.backward()
        return loss

    pass_ = wrapped(pass_)
    return lambda: [pass_(x).item(), *(p.grad for p in parameters)]


def lstm_ours():
    return there_and_back(our_lstm(), sequences())


def lstm_replayed():
    from microgradnd import replay

    return there_and_back(our_lstm(), sequences(), replay)


def lstm_pytorch():
    import torch

    twin = torch.nn.LSTM(INPUTS, HIDDEN)
    return there_and_back(in_pytorch(our_lstm(), twin), torch.tensor(sequences()))


def lstm_jax():
    import jax

    def loss_of(parameters, x):
        of_inputs, of_hidden, *biases = parameters

        def cell(state, x):
            hidden, memory = state
            gates = x @ of_inputs.T + hidden @ of_hidden.T + biases[0] + biases[1]
            enter, forget, new, leave = jax.numpy.split(gates, 4, axis=1)
            memory = jax.nn.sigmoid(forget) * memory + jax.nn.sigmoid(enter) * jax.numpy.tanh(new)
            hidden = jax.nn.sigmoid(leave) * jax.numpy.tanh(memory)
            return (hidden, memory), hidden

        start = jax.numpy.zeros((EXAMPLES, HIDDEN))
        _, outputs = jax.lax.scan(cell, (start, start), x)
        return jax.numpy.sum(outputs * outputs)

    compiled = jax.jit(jax.value_and_grad(loss_of))
    parameters = [jax.numpy.array(values) for values in parameters_of(our_lstm()).values()]
    x = jax.numpy.array(sequences())

    def run():
        loss, gradients = compiled(parameters, x)
        return [loss.item(), *gradients]

    return run
