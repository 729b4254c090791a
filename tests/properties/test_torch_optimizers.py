"""PyTorch's configurations of its own optimisers: where ours are after the same steps.

Runs with `pip install torch expecttest` and `pytest -m heavy -s tests/properties/test_torch_optimizers.py`.
"""

from collections import Counter

import numpy as np
import pytest

import nn
from microgradnd import Tensor

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="PyTorch's configurations need it")
pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]


def check(kind, theirs, options, seed):
    rng = np.random.default_rng(seed)
    start = [rng.normal(size=shape) for shape in ((3, 4), (5, 2))]
    w = [Tensor(array, requires_grad=True) for array in start]
    v = [torch.tensor(array, requires_grad=True) for array in start]

    def closure(optimizer, parameters, tanh, step):
        optimizer.zero_grad()
        each = ((p - np.cos(step)) ** 2 + 0.1 * tanh(p) * p for p in parameters)
        loss = sum(y.sum() + (y[1:] * y[:-1]).sum() / 9 for y in each)
        loss.backward()
        return loss

    sides = (kind(w, **options), w, np.tanh), (theirs(v, **options), v, torch.tanh)
    for step in range(3 if kind is nn.optim.LBFGS else 60):  # each of these makes 20 steps
        for side in sides:
            side[0].step(lambda side=side, step=step: closure(*side, step))
    for p, q in zip(w, v, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=0, atol=1e-12)


def test_configurations_of_pytorchs_optimisers(monkeypatch):
    from torch.testing._internal.common_optimizers import optim_db

    # PyTorch computes Muon's polynomial in bfloat16, and NAdam's product in its default dtype.
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    torch.set_default_dtype(torch.float64)
    passed, reasons = Counter(), {}
    for info in optim_db:
        name = info.optim_cls.__name__
        for seed, given in enumerate(
            info.optim_inputs_func("cpu") if hasattr(nn.optim, name) else ()
        ):
            options = {k: x.item() if hasattr(x, "item") else x for k, x in given.kwargs.items()}
            try:
                check(getattr(nn.optim, name), info.optim_cls, options, seed)
                passed[name] += 1
            except Exception as error:
                reasons[name, given.desc] = f"{type(error).__name__}: {error}"
    torch.set_default_dtype(torch.float32)
    print(f"\n{passed.total()} of {passed.total() + len(reasons)} configurations: {passed}")
    assert not reasons
