"""sum(tanh(x) · x) over a million entries: what an engine adds where NumPy does the work."""

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


def replayed():
    from microgradnd import replay

    x = Tensor(entries(), requires_grad=True)

    def there_and_back():
        x.zero_grad()
        total(np, x).backward()

    fast = replay(there_and_back)

    def run():
        fast()
        return [x.grad]

    return run


def pytorch():
    import torch

    x = torch.tensor(entries(), requires_grad=True)

    def run():
        x.grad = None
        total(torch, x).backward()
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
