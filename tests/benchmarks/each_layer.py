"""A layer or a loss alone, forward and backward, in float32: ours and PyTorch's, by their names."""

import math
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .layers import in_pytorch


class Case(NamedTuple):
    """A layer of a library, its inputs, and our goal as a multiple of PyTorch's time."""

    make: Callable[[Any], Any]
    shape: tuple[int, ...]  # of the input, which is drawn from normal numbers
    limit: float
    count: int | None = None  # of the numbers from which labels, or rows to look up, are drawn
    looks_up: bool = False
    inputs_in_all: int = 1

    def inputs(self) -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        values, *others = rng.standard_normal((self.inputs_in_all, *self.shape), np.float32)
        if self.count is None:
            return [values, *others]
        numbers = rng.integers(0, self.count, self.shape if self.looks_up else self.shape[:1])
        return [numbers] if self.looks_up else [values, numbers]


def attention(library: Any) -> Any:
    """Attention as it is written by hand: a query, keys and values of shape (N, L, heads, d)."""
    einsum = np.einsum if library.__name__ == "nn" else sys.modules["torch"].einsum

    class Attention(library.Module):
        def forward(self, query: Any, key: Any, value: Any) -> Any:
            scores = einsum("nqhd,nkhd->nhqk", query, key) * (1 / math.sqrt(query.shape[-1]))
            return einsum("nhqk,nkhd->nqhd", library.functional.softmax(scores, -1), value)

    return Attention()


IMAGES = (32, 16, 28, 28)
SERIES = (32, 16, 64)
CASES = {
    "attention by einsum, 8 × 64 × 8 heads × 64": Case(
        attention, (8, 64, 8, 64), 0.8, inputs_in_all=3
    ),
    "cross-entropy, 64 × 10": Case(lambda nn: nn.CrossEntropyLoss(), (64, 10), 1, 10),
    "cross-entropy, 64 × 10,000": Case(lambda nn: nn.CrossEntropyLoss(), (64, 10**4), 0.9, 10**4),
    "Embedding 10,000 × 128, 64 × 64": Case(
        lambda nn: nn.Embedding(10**4, 128), (64, 64), 1.2, 10**4, looks_up=True
    ),
    "BatchNorm2d, 32 × 16 × 28 × 28": Case(lambda nn: nn.BatchNorm2d(16), IMAGES, 1.2),
    "LayerNorm, 256 × 2,048": Case(lambda nn: nn.LayerNorm(2048), (256, 2048), 2.8),
    "Conv2d 16-32, 3 × 3": Case(lambda nn: nn.Conv2d(16, 32, 3, padding=1), IMAGES, 2),
    "MaxPool2d, 32 × 16 × 28 × 28": Case(lambda nn: nn.MaxPool2d(2), IMAGES, 1),
    "Linear 784-100, 64": Case(lambda nn: nn.Linear(784, 100), (64, 784), 1),
    "RNN 64-128, 32 steps, batch 16": Case(lambda nn: nn.RNN(64, 128), SERIES, 1),
    "GRU 64-128, 32 steps, batch 16": Case(lambda nn: nn.GRU(64, 128), SERIES, 1),
}


def _model(case: Case) -> Any:
    import nn

    nn.manual_seed(0)
    return case.make(nn).astype(np.float32)


def _run(model: Any, inputs: list[Any], convert: Callable[[np.ndarray], Any]) -> Any:
    leaves = [*model.parameters(), *(x for x in inputs if getattr(x, "requires_grad", False))]
    output = model(*inputs)
    shape = tuple((output[0] if isinstance(output, tuple) else output).shape)
    gradient = convert(np.random.default_rng(1).standard_normal(shape, np.float32))

    def run():
        for leaf in leaves:
            leaf.grad = None
        output = model(*inputs)
        (output[0] if isinstance(output, tuple) else output).backward(gradient)
        return [leaf.grad for leaf in leaves]

    return run


def ours(case: Case) -> Any:
    from microgradnd import Tensor

    inputs = [Tensor(x, requires_grad=True) if x.dtype.kind == "f" else x for x in case.inputs()]
    return _run(_model(case), inputs, np.array)


def pytorch(case: Case) -> Any:
    import torch

    inputs = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in case.inputs()]
    return _run(in_pytorch(_model(case), case.make(torch.nn)), inputs, torch.tensor)
