"""PyTorch's samples of its own modules and optimisers: ours beside theirs.

Of modules the outputs, first and second derivatives, of optimisers where they are after the same steps.
Runs with `pip install torch expecttest` and `pytest -m heavy -s tests/properties/test_torch_nn.py`.
"""

import operator
import re
from collections import Counter

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from microgradnd.tree import map_leaves
from tests.nn.layer_checks import check_orders, leaves

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="PyTorch's samples need it")
pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

LEFT_OUT = re.compile(r"Lazy|Fractional|LPPool|LinearCross")
TWICE = torch.nn.attention.SDPBackend.MATH  # the attention that can be differentiated twice
# PyTorch has no second derivative of these, or one that is off by 1e-10.
ONCE = "MultiLabelMarginLoss", "MultiMarginLoss", "BCELoss", "CTCLoss"
# An empty batch in training, and the mean of no label.
REFUSED = "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "CrossEntropyLoss"
LAYER = (
    "self_attn.embed_dim self_attn.num_heads linear1.out_features dropout.p activation norm1.eps "
    "self_attn.batch_first norm_first self_attn.in_proj_bias"
)


def translated(thing):
    """An argument as ours: arrays, our functions, our layer; in place of theirs."""
    if isinstance(thing, torch.nn.TransformerEncoderLayer):
        *given, bias = operator.attrgetter(*LAYER.split())(thing)
        return nn.TransformerEncoderLayer(*map(translated, given), bias=bias is not None)
    if isinstance(thing, torch.Tensor):
        return thing.detach().numpy()
    return getattr(nn.functional, thing.__name__) if callable(thing) else thing


def call(module, given, leaf):
    arguments = map_leaves(leaf, [list(given.args), given.kwargs])
    if type(module).__name__ == "CTCLoss":  # PyTorch's gradient is right before a log_softmax alone
        x = arguments[0][0]
        arguments[0][0] = (nn.functional if isinstance(x, Tensor) else torch).log_softmax(x, 2)
    return leaves(module(*arguments[0], **arguments[1]))


def check(info, sample, training):
    given = sample.constructor_input
    options = {k: v for k, v in given.kwargs.items() if k not in ("device", "dtype")}
    theirs = info.module_cls(*given.args, **options).double().train(training)
    arguments = map_leaves(translated, [list(given.args), options])
    mine = getattr(nn, info.module_cls.__name__)(*arguments[0], **arguments[1]).train(training)
    mine.load_state_dict(theirs.state_dict())
    ours, others = [], []

    def leaf(x):
        if not isinstance(x, torch.Tensor) or not x.requires_grad:
            return translated(x)
        if not any(x is other for other in others):
            others.append(x)
            ours.append(Tensor(translated(x), requires_grad=True))
        return next(mine for mine, other in zip(ours, others, strict=True) if x is other)

    found = call(mine, sample.forward_input, leaf)
    expected = call(theirs, sample.forward_input, lambda x: x)
    ours, others = [*ours, *mine.parameters()], [*others, *theirs.parameters()]
    twice = info.supports_gradgrad and info.module_cls.__name__ not in ONCE
    check_orders(found, expected, ours, others, orders=1 + twice)


def test_samples_of_pytorchs_modules():
    from torch.testing._internal.common_modules import module_db

    passed, failed, reasons = Counter(), Counter(), {}
    for info in module_db:
        name = info.module_cls.__name__
        torch.manual_seed(0)
        modes = (True, False)[: 1 + info.train_and_eval_differ]  # as PyTorch's tests do
        for training in modes if not LEFT_OUT.search(name) else ():
            how = torch.float64, True, training
            for sample in info.module_inputs_func(info, "cpu", *how):
                try:
                    with np.errstate(all="ignore"), torch.nn.attention.sdpa_kernel(TWICE):
                        check(info, sample, training)
                    passed[name] += 1
                except Exception as error:  # noqa: PERF203
                    failed[name] += 1
                    reasons.setdefault(name, f"{type(error).__name__}: {error}"[:600])
    for name, reason in reasons.items():
        print(f"{name}: {failed[name]} of {failed[name] + passed[name]}: {reason}\n")
    print(f"{passed.total()} of {passed.total() + failed.total()} samples")
    assert failed <= Counter(REFUSED)


# ---- optimisers ----------------------------------------------------------------------------------


def check_steps(kind, theirs, options, seed):
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
                check_steps(getattr(nn.optim, name), info.optim_cls, options, seed)
                passed[name] += 1
            except Exception as error:
                reasons[name, given.desc] = f"{type(error).__name__}: {error}"
    torch.set_default_dtype(torch.float32)
    print(f"\n{passed.total()} of {passed.total() + len(reasons)} configurations: {passed}")
    assert not reasons
