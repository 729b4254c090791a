"""Derived source, run where there is nothing else, and compared with backward() after a change."""

import numpy as np

import nn
from microgradnd import Tensor, derive

RNG = np.random.default_rng(1)


def leaf(*shape, name=None, requires_grad=True):
    return Tensor(RNG.normal(size=shape), requires_grad=requires_grad, name=name)


def run(answer, **values):
    """What the source computes where there is nothing else."""
    made = {}
    exec(answer.source, made)
    with np.errstate(all="ignore"):
        return made["gradients"](**{**answer.values, **values})


def check(loss, leaves, traced, tolerance=1e-12):
    """The source agrees with backward(), also after the leaves have changed."""
    nn.manual_seed(3)
    answer = derive(loss) if traced else derive(loss(), [t for t in leaves if t.requires_grad])
    lines = answer.source.partition(":\n")[2].count("\n") - 1
    assert answer.latex.count("\n") - 1 == lines  # a formula for each line
    free = {id(t): t for t in leaves}
    arguments = {}  # each has the values of one of the leaves
    for name, array in answer.values.items():
        alike = [key for key, t in free.items() if np.array_equal(t.numpy(), array)]
        if alike:  # no constant
            arguments[name] = free.pop(alike[0])
    for _ in range(2):
        for t in arguments.values():
            t.data = t.data * RNG.uniform(0.5, 1, t.shape)
            t.zero_grad()
        nn.manual_seed(3)
        expected = loss()
        expected.backward()
        found = run(answer, **{name: t.numpy() for name, t in arguments.items()})
        np.testing.assert_allclose(found.pop("L"), expected.numpy(), tolerance)
        assert len(found) == sum(t.requires_grad for t in arguments.values())
        for name, gradient in found.items():
            exact = arguments[name[1:]].grad
            size = max(1, np.max(np.abs(exact)))
            np.testing.assert_allclose(gradient, exact, 0, tolerance * size)
