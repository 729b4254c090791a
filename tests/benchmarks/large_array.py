"""sum(tanh(x) · x) over a million entries: what an engine adds where NumPy has the work."""

import numpy as np

from microgradnd import Tensor

SIZE = 1_000_000


def total(numpy, x):
    return numpy.sum(numpy.tanh(x) * x)


def entries() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(SIZE)


def numpy_by_hand():
    x = entries()

    def run():
        y = np.tanh(x)
        np.sum(y * x)
        return [y + x * (1 - y * y)]

    return run


def microgradnd():
    x = Tensor(entries(), requires_grad=True)

    def run():
        x.zero_grad()
        total(np, x).backward()
        return [x.grad]

    return run


def autograd():
    import autograd.numpy

    x, gradient = entries(), autograd.grad(lambda x: total(autograd.numpy, x))
    return lambda: [gradient(x)]


def mygrad():
    import mygrad

    x = mygrad.tensor(entries())

    def run():
        x.null_grad()
        total(mygrad, x).backward()
        return [x.grad]

    return run
