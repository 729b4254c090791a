"""A gradient check of a three-layer network, and the derivative of one weight of a larger one."""

import itertools

import numpy as np

from microgradnd import Tensor, gradcheck

WIDTHS = (10, 20, 20, 3)
BATCH = 5


def network() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Weights and biases, a batch, and its targets."""
    rng = np.random.default_rng(0)
    parameters = []
    for inputs, outputs in itertools.pairwise(WIDTHS):
        parameters += [rng.normal(0, 0.5, (inputs, outputs)), rng.normal(0, 0.5, outputs)]
    return parameters, rng.normal(size=(BATCH, WIDTHS[0])), rng.normal(size=(BATCH, WIDTHS[-1]))


def cost(tanh, x, target, *parameters):
    for weights, biases in zip(parameters[::2], parameters[1::2], strict=True):
        x = tanh(x @ weights + biases)
    return ((x - target) ** 2).sum()


def microgradnd():
    parameters, x, target = network()
    tensors = [Tensor(p, requires_grad=True) for p in parameters]

    def run():
        assert gradcheck(lambda *ps: cost(np.tanh, x, target, *ps), *tensors)
        return []

    return run


def pytorch():
    import torch

    parameters, x, target = network()
    tensors = [torch.tensor(p, requires_grad=True) for p in parameters]
    x, target = torch.tensor(x), torch.tensor(target)

    def run():
        assert torch.autograd.gradcheck(lambda *ps: cost(torch.tanh, x, target, *ps), tensors)
        return []

    return run
