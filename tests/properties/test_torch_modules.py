"""PyTorch's samples of its own modules: outputs, first and second derivatives of ours beside theirs.

Runs with `pip install torch expecttest` and `pytest -m heavy -s tests/properties/test_torch_modules.py`.
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
