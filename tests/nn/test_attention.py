"""Attention and transformers are PyTorch's, with every mask; see also test_layers."""

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from nn.functional import scaled_dot_product_attention
from tests.nn.layer_checks import check_against_torch, in_torch

torch = pytest.importorskip("torch")
SHAPES = [(2, 2, 5, 4), (2, 2, 3, 4), (2, 2, 3, 6)]
OPEN = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 1, 1]], bool)  # one sees nothing
MASKS = [None, OPEN, np.where(OPEN, 0.3, -2.0), np.broadcast_to(OPEN[None, None], (2, 2, 5, 3))]


@pytest.mark.parametrize(
    "options", [{"is_causal": True}, {"scale": 0.3}] + [{"attn_mask": m} for m in MASKS]
)
def test_attention_is_pytorchs(options, rng):
    theirs = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    function = torch.nn.functional.scaled_dot_product_attention
    check_against_torch(
        lambda q, kv: scaled_dot_product_attention(q, *kv, **options),
        lambda q, kv: function(q, *kv, **theirs),
        *(rng.normal(size=shape) for shape in SHAPES),
    )


def test_heads_may_share_keys_and_a_query_that_sees_nothing_gets_zeros(rng):
    q = rng.normal(size=(2, 4, 5, 3))
    k, v = rng.normal(size=(2, 2, 2, 6, 3))
    y = scaled_dot_product_attention(q, k, v, enable_gqa=True)
    for head in range(4):
        alone = scaled_dot_product_attention(q[:, head], k[:, head // 2], v[:, head // 2])
        np.testing.assert_allclose(y[:, head], alone, atol=1e-14)
    x = Tensor(q, requires_grad=True)
    y = scaled_dot_product_attention(x, q, q, np.tri(5, k=-1, dtype=bool))
    np.sum(y * y).backward()
    assert not y.numpy()[..., 0, :].any()
    assert not x.grad[..., 0, :].any()


class With:
    """A layer with options of its call."""

    def __init__(self, layer, **options):
        self.layer, self.options, self.parameters = layer, options, layer.parameters

    def __call__(self, x, others):
        return self.layer(x, *(others if isinstance(others, list) else [others]), **self.options)


HOW = [
    {}, {"bias": False, "batch_first": True}, {"add_bias_kv": True, "add_zero_attn": True},
    {"kdim": 3, "vdim": 6}, {"kdim": 3, "vdim": 6, "add_bias_kv": True, "bias": False},
]  # fmt: skip


@pytest.mark.parametrize("masked", [{}, {"attn_mask": ~OPEN | np.eye(5, 3, dtype=bool)}])
@pytest.mark.parametrize("options", HOW)
def test_heads_are_pytorchs(options, masked, rng):
    layer = nn.MultiheadAttention(4, 2, **options)
    theirs = in_torch(layer, 4, 2, **options)
    mask = {"attn_mask": ~OPEN & (np.arange(5) != 2)[:, None]} if masked else {}
    mask |= {"key_padding_mask": np.array([[0, 0, 1], [0, 0, 0]], bool)} if masked else {}
    for more in ({}, {"average_attn_weights": False}):
        mine = mask | more
        others = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in mine.items()}
        sizes = (5, 4), (3, layer.kdim), (3, layer.vdim)
        q, k, v = (rng.normal(size=(2, *size)) for size in sizes)
        if not layer.batch_first:
            q, k, v = (x.swapaxes(0, 1).copy() for x in (q, k, v))
        check_against_torch(With(layer, **mine), With(theirs, **others), q, k, v)


def test_a_transformer_is_pytorchs_and_its_decoder_sees_no_later_place(rng):
    how = {"dim_feedforward": 6, "dropout": 0.0, "batch_first": True}
    model = nn.Transformer(4, 2, 2, 2, **how)
    src, tgt = rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 3, 4))
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    theirs = in_torch(model, 4, 2, 2, 2, **how)
    theirs = With(theirs, tgt_mask=torch.tensor(mask))
    check_against_torch(With(model, tgt_mask=mask), theirs, src, tgt)
    later = tgt.copy()
    later[:, 2] += 1
    changed = model(src, later, tgt_is_causal=True).numpy() - model(src, tgt, tgt_mask=mask).numpy()
    assert not changed[:, :2].any()
    assert changed[:, 2].any()
