"""Attention and transformers are PyTorch's, with every mask; see also test_layers."""

from itertools import product

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from microgradnd.operators import plain
from nn.functional import scaled_dot_product_attention
from tests.nn.layer_checks import BESIDE, check_against_torch, check_slopes, in_torch, leaves, torch
from tests.nn.test_layers import made

OPEN = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 1, 1]], bool)  # one sees nothing
QKV = (2, 2, 5, 4), (2, 2, 3, 4), (2, 2, 3, 6)
MASKED = {
    "attn_mask": ~OPEN & (np.arange(5) != 2)[:, None],
    "key_padding_mask": np.array([[0, 0, 1], [0, 0, 0]], bool),
}


def cases():
    """A layer or function, its arguments and options, those of its call, and the shapes of inputs."""
    masks = OPEN, np.where(OPEN, 0.3, -2.0), np.broadcast_to(OPEN[None, None], (2, 2, 5, 3))
    for how in ({"is_causal": True}, {"scale": 0.3}, {}, *({"attn_mask": mask} for mask in masks)):
        yield "scaled_dot_product_attention", (), {}, how, *QKV
    shared = (2, 4, 5, 3), (2, 2, 6, 3), (2, 2, 6, 3)
    yield "scaled_dot_product_attention", (), {}, {"enable_gqa": True}, *shared
    for options, mask, average in product(
        (
            {}, {"bias": False, "batch_first": True}, {"add_bias_kv": True, "add_zero_attn": True},
            {"kdim": 3, "vdim": 6}, {"kdim": 3, "vdim": 6, "add_bias_kv": True, "bias": False},
        ),
        ({}, MASKED), (True, False),
    ):  # fmt: skip
        shapes = [(5, 2, 4), (3, 2, options.get("kdim", 4)), (3, 2, options.get("vdim", 4))]
        if "batch_first" in options:
            shapes = [(n, length, size) for length, n, size in shapes]
        more = {**mask, "average_attn_weights": average}
        yield "MultiheadAttention", (4, 2), options, more, *shapes
    for norm_first in (False, True):
        options = {"dropout": 0.0, "norm_first": norm_first}
        yield "TransformerDecoderLayer", (4, 2, 6), options, {}, (5, 2, 4), (3, 2, 4)
    options = {"dim_feedforward": 6, "dropout": 0.0, "batch_first": True}
    mask = {"tgt_mask": nn.Transformer.generate_square_subsequent_mask(3)}
    yield "Transformer", (4, 2, 2, 2), options, mask, (2, 5, 4), (2, 3, 4)


# What PyTorch computed, with random factors and in sum.
VALUES = [
    -7.08868290148, -2.0645539442, -3.00671278192, -5.65924374702, -4.57884122398, -5.65924374702,
    4.49315513321, 3.2017269563, -0.524778855527, 12.4966041867, 10.632979161, -20.7747754275,
    -19.8206955571, -29.1982137986, -29.7313317705, -20.131358236, -22.3447220266, -12.3122338737,
    -16.3084608992, -43.2108390461, -43.7988361156, 16.4781352782, 17.1625326312, 59.8578505182,
    62.0010183308, 38.3574182879, 41.3741604384, 6.21278597179, -16.55974174, 1.88309669193,
]  # fmt: skip
CASES = [*zip(cases(), VALUES, strict=True)]
NAMES = [case[0] for case, _ in CASES]


class Called:
    """A layer or a function with options of its call."""

    def __init__(self, call, options):
        self.call, self.options = call, options
        self.parameters = getattr(call, "parameters", tuple)

    def __call__(self, x, others):
        others = others if isinstance(others, list) else [others]
        return self.call(x, *others, **self.options)


def called(case):
    name, arguments, options, how, *shapes = case
    function = getattr(nn.functional, name, None)
    kind = (lambda: nn.Identity()) if function else getattr(nn, name)
    layer, inputs = made(kind, arguments, options, *shapes)
    return Called(function or layer, how), inputs


@pytest.mark.parametrize(("case", "value"), CASES, ids=NAMES)
def test_values_are_those_that_pytorch_computed(case, value):
    layer, (x, *others) = called(case)
    rng, outputs = np.random.default_rng(1), leaves(layer(x, others))
    total = sum(np.sum(plain(y) * rng.normal(size=y.shape)) for y in outputs)
    assert total == pytest.approx(value, rel=1e-10)
    for parameter in layer.parameters():
        parameter.requires_grad = False
    check_slopes(lambda x, *others: layer(x, [*others]), x, *others)


@BESIDE
@pytest.mark.parametrize(("case", "value"), CASES, ids=NAMES)
def test_attention_is_pytorchs(case, value):
    layer, inputs = called(case)
    theirs = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in case[3].items()}
    function = getattr(torch.nn.functional, case[0], None)
    other = Called(function or in_torch(layer.call, *case[1], **case[2]), theirs)
    check_against_torch(layer, other, *inputs)


def test_a_query_that_sees_nothing_gets_zeros_and_a_decoder_sees_no_later_place(rng):
    q = rng.normal(size=(2, 4, 5, 3))
    x = Tensor(q, requires_grad=True)
    y = scaled_dot_product_attention(x, q, q, np.tri(5, k=-1, dtype=bool))
    np.sum(y * y).backward()
    assert not y.numpy()[..., 0, :].any()
    assert not x.grad[..., 0, :].any()
    model = nn.Transformer(4, 2, 2, 2, dim_feedforward=6, dropout=0.0, batch_first=True)
    src, tgt = rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 3, 4))
    later = tgt + (np.arange(3) == 2)[:, None]
    changed = model(src, later, tgt_is_causal=True) - model(src, tgt, tgt_is_causal=True)
    assert not changed.numpy()[:, :2].any()
    assert changed.numpy()[:, 2].any()
    layer = nn.TransformerEncoderLayer(4, 2, 6, activation=nn.PReLU())
    assert [*layer.state_dict()][-1] == "activation.weight"
