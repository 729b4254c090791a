"""Layers that people train: a step of LeNet-5, and an LSTM there and back, in float32.

Both systems begin with the same parameters, on the same batch.
"""

import numpy as np

from microgradnd import Tensor
from nn import optim
from nn.activations import ReLU
from nn.containers import Sequential
from nn.layers.convolution import Conv2d
from nn.layers.dense import Flatten, Linear
from nn.layers.pooling import MaxPool2d
from nn.layers.recurrent import LSTM
from nn.losses import CrossEntropyLoss
from nn.randomness import manual_seed

RATE = 0.1
IMAGES, CLASSES = 32, 10
STEPS, EXAMPLES, INPUTS, HIDDEN = 32, 16, 64, 128


def in_pytorch(model, twin):
    """PyTorch's twin of a model of ours, with the same parameters."""
    import torch

    twin.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
    return twin


# ---- LeNet-5 -------------------------------------------------------------------------------------


def images() -> tuple[np.ndarray, np.ndarray]:
    """Thirty-two images, and the class of each."""
    rng = np.random.default_rng(0)
    return rng.random((IMAGES, 1, 28, 28), np.float32), rng.integers(0, CLASSES, IMAGES)


def lenet() -> Sequential:
    manual_seed(0)
    return Sequential(
        Conv2d(1, 6, 5, padding=2),
        ReLU(),
        MaxPool2d(2),
        Conv2d(6, 16, 5),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Linear(400, 120),
        ReLU(),
        Linear(120, 84),
        ReLU(),
        Linear(84, CLASSES),
    ).astype(np.float32)


def lenet_step(model, loss_of, optimizer, x, wanted):
    """A step of training: what it gives is the loss and the gradients."""
    parameters = list(model.parameters())

    def step():
        optimizer.zero_grad()
        loss = loss_of(model(x), wanted)
        loss.backward()
        optimizer.step()
        return [loss.item(), *(p.grad for p in parameters)]

    return step


def lenet_microgradnd():
    model, (x, wanted) = lenet(), images()
    optimizer = optim.SGD(model.parameters(), lr=RATE)
    return lenet_step(model, CrossEntropyLoss(), optimizer, Tensor(x), wanted)


def lenet_pytorch():
    import torch
    from torch import nn

    twin = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, CLASSES),
    )
    model, (x, wanted) = in_pytorch(lenet(), twin), map(torch.tensor, images())
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    return lenet_step(model, nn.CrossEntropyLoss(), optimizer, x, wanted)


# ---- LSTM ----------------------------------------------------------------------------------------


def sequences() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.standard_normal((STEPS, EXAMPLES, INPUTS), np.float32)


def lstm() -> LSTM:
    manual_seed(0)
    return LSTM(INPUTS, HIDDEN).astype(np.float32)


def there_and_back(model, x):
    """Forward and backward: what it gives is the loss and the gradients."""
    parameters = list(model.parameters())

    def run():
        model.zero_grad()
        output, _ = model(x)
        loss = (output * output).sum()
        loss.backward()
        return [loss.item(), *(p.grad for p in parameters)]

    return run


def lstm_microgradnd():
    return there_and_back(lstm(), Tensor(sequences()))


def lstm_pytorch():
    import torch

    twin = torch.nn.LSTM(INPUTS, HIDDEN)
    return there_and_back(in_pytorch(lstm(), twin), torch.tensor(sequences()))
