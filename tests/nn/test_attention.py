"""Attention and transformers are PyTorch's, with every mask, and as defined; see also test_layers."""

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from nn.functional import scaled_dot_product_attention
from tests.nn.layer_checks import BESIDE, check_against_torch, in_torch, torch

SHAPES = [(2, 2, 5, 4), (2, 2, 3, 4), (2, 2, 3, 6)]
OPEN = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 1, 1]], bool)  # one sees nothing
MASKS = [None, OPEN, np.where(OPEN, 0.3, -2.0), np.broadcast_to(OPEN[None, None], (2, 2, 5, 3))]


@BESIDE
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


@BESIDE
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


def test_each_head_averages_the_values_that_its_masks_leave_open(rng):
    layer = nn.MultiheadAttention(6, 2)
    layer.in_proj_bias.data, layer.out_proj.bias.data = rng.normal(size=18), rng.normal(size=6)
    q, k, v = (rng.normal(size=(length, 2, 6)) for length in (5, 3, 3))
    padding = np.array([[0, 0, 1], [0, 0, 0]], bool)
    found, _ = layer(q, k, v, padding, attn_mask=~(opened := OPEN | (np.arange(3) == 0)))
    weights, biases = (np.split(p.numpy(), 3) for p in (layer.in_proj_weight, layer.in_proj_bias))
    for n in range(2):
        parts = [x[:, n] @ w.T + b for x, w, b in zip((q, k, v), weights, biases, strict=True)]
        heads = []
        for head in (slice(0, 3), slice(3, 6)):
            query, key, value = (part[:, head] for part in parts)
            likely = np.exp(query @ key.T / np.sqrt(3)) * (opened & ~padding[n])
            heads.append(likely / likely.sum(axis=1, keepdims=True) @ value)
        expected = layer.out_proj(np.concatenate(heads, axis=1)).numpy()
        np.testing.assert_allclose(found[:, n].numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_block_adds_what_each_part_computes_from_what_is_there(norm_first, rng):
    block = nn.TransformerDecoderLayer(4, 2, 6, dropout=0.0, norm_first=norm_first)
    x, memory = rng.normal(size=(5, 2, 4)), rng.normal(size=(3, 2, 4))
    parts = (
        (block.norm1, lambda x: block.self_attn(x, x, x)[0]),
        (block.norm2, lambda x: block.multihead_attn(x, memory, memory)[0]),
        (block.norm3, lambda x: block.linear2(np.maximum(block.linear1(x), 0))),
    )
    y = x
    for norm, part in parts:
        y = y + part(norm(y)) if norm_first else norm(y + part(y))
    np.testing.assert_allclose(block(x, memory).numpy(), y.numpy(), rtol=1e-12)


def test_a_transformer_is_pytorchs_and_its_decoder_sees_no_later_place(rng):
    how = {"dim_feedforward": 6, "dropout": 0.0, "batch_first": True}
    model = nn.Transformer(4, 2, 2, 2, **how)
    src, tgt = rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 3, 4))
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    if torch:
        theirs = With(in_torch(model, 4, 2, 2, 2, **how), tgt_mask=torch.tensor(mask))
        check_against_torch(With(model, tgt_mask=mask), theirs, src, tgt)
    later = tgt.copy()
    later[:, 2] += 1
    changed = model(src, later, tgt_is_causal=True).numpy() - model(src, tgt, tgt_mask=mask).numpy()
    assert not changed[:, :2].any()
    assert changed[:, 2].any()
