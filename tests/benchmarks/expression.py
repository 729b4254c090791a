"""Thirty elementwise operations on short arrays: what an engine itself costs per operation."""

import numpy as np

from microgradnd import Tensor

OPERATIONS = 30


def expression(numpy, x, y):
    """Thirty operations, operators and functions of the module `numpy`, and the sum of the results."""
    a = numpy.sin(x) * y + numpy.cos(y) / 3.0  # 5 operations
    b = numpy.tanh(a) - 0.5 * x + numpy.exp(-a)  # 6
    c = numpy.sqrt(b * b + 1.0) / (y * y + 2.0)  # 6
    d = (x - y) * numpy.log(c + 2.0)  # 4
    e = numpy.exp(-(d * d)) * (a + b) - c * d  # 7
    return numpy.sum(2.0 * e + x)  # 2


def points() -> tuple[np.ndarray, np.ndarray]:
    x, y = np.random.default_rng(0).standard_normal((2, 10), np.float32)
    return x, y


def microgradnd():
    leaves = [Tensor(values, requires_grad=True) for values in points()]

    def run():
        for leaf in leaves:
            leaf.zero_grad()
        expression(np, *leaves).backward()
        return [leaf.grad for leaf in leaves]

    return run


def replayed():
    from microgradnd import replay

    leaves = [Tensor(values, requires_grad=True) for values in points()]

    def there_and_back():
        for leaf in leaves:
            leaf.zero_grad()
        expression(np, *leaves).backward()

    fast = replay(there_and_back)

    def run():
        fast()
        return [leaf.grad for leaf in leaves]

    return run


def pytorch(compiled=lambda function: function):
    import torch

    leaves = [torch.tensor(values, requires_grad=True) for values in points()]
    value = compiled(lambda x, y: expression(torch, x, y))

    def run():
        for leaf in leaves:
            leaf.grad = None
        value(*leaves).backward()
        return [leaf.grad for leaf in leaves]

    return run


def autograd():
    import autograd.numpy

    gradients = autograd.grad(lambda x, y: expression(autograd.numpy, x, y), (0, 1))
    x, y = points()
    return lambda: gradients(x, y)


def jax():
    import jax

    gradients = jax.jit(jax.grad(lambda x, y: expression(jax.numpy, x, y), (0, 1)))
    x, y = map(jax.numpy.asarray, points())
    return lambda: jax.block_until_ready(gradients(x, y))


def mygrad():
    import mygrad

    leaves = [mygrad.tensor(values) for values in points()]

    def run():
        for leaf in leaves:
            leaf.null_grad()
        expression(mygrad, *leaves).backward()
        return [leaf.grad for leaf in leaves]

    return run
