"""Attention: each place of a sequence takes from the others what it asks for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microgradnd import scope
from microgradnd.arrays import ArrayLike
from microgradnd.habits import at_least, explain_options, require
from microgradnd.operators import plain
from microgradnd.program import holds

from .. import init
from ..functions import softmax
from ..init import check_shapes, numbers, zeros
from ..module import Parameter
from .dense import Linear, linear
from .dropout import dropout
from .layer import Layer, probability

QKV = "query", "key", "value"


def _attention_weights(q: Any, k: Any, mask: Any, scale: float | None = None) -> Any:
    """softmax(q kᵀ / √d + mask), with zeros for a query that may see nothing."""
    scores = (q * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)) @ k.swapaxes(-1, -2)
    if mask is None:
        return softmax(scores, -1)
    blind = np.all(plain(mask) == -np.inf, axis=-1, keepdims=True)
    if not holds(np.any(blind)):
        return softmax(scores + mask, -1)
    return softmax(scores + np.where(blind, scores.dtype.type(0), mask), -1) * ~blind


def _added(mask: Any, dtype: Any, closed: bool) -> Any:
    """A mask as numbers to be added: -inf where a boolean one closes, which is this value."""
    if mask is None:
        return None
    mask = mask if hasattr(mask, "dtype") else np.asarray(mask)
    expected = "expected a mask of booleans, or of floats to be added"
    require(mask.dtype.kind in "bf", f"{expected}, got {mask.dtype}", TypeError)
    shut = np.where(plain(mask) == closed, -np.inf, 0) if mask.dtype.kind == "b" else mask
    return shut.astype(dtype)


def _causal(queries: int, keys: int, dtype: Any) -> Any:
    return _added(np.tri(queries, keys, dtype=bool), dtype, closed=False)


@explain_options
def scaled_dot_product_attention(
    query: ArrayLike, key: ArrayLike, value: ArrayLike, attn_mask: ArrayLike | None = None,
    dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:  # fmt: skip
    """Computes softmax(q kᵀ / √d) v: for each query an average of the values.

    Arguments:
        query: q, of shape (..., L, d).
        key: k, of shape (..., S, d).
        value: v, of shape (..., S, dᵥ).
        attn_mask: of shape (..., L, S): True where a key may be seen, or numbers that are added.
        dropout_p: probability with which weights are dropped.
        is_causal: whether query i sees the keys up to i alone.
        scale: what is multiplied instead of 1 / √d.
        enable_gqa: whether several heads of q share one of k and v, along axis -3.

    >>> scaled_dot_product_attention([[9.0], [9.0]], [[9.0], [0.0]], [[1.0], [2.0]])
    array([[1.],
           [1.]])
    """
    q = numbers(query)
    k, v = numbers(key, q.dtype), numbers(value, q.dtype)
    if enable_gqa:
        fits = all(min(q.ndim, x.ndim) > 2 and q.shape[-3] % x.shape[-3] == 0 for x in (k, v))
        check_shapes(fits, "heads of q a multiple of those of k and v", q, k, v)
        k, v = (np.repeat(x, q.shape[-3] // x.shape[-3], axis=-3) for x in (k, v))
    fits = q.shape[-1] == k.shape[-1] and k.shape[-2] == v.shape[-2]
    check_shapes(fits, "query (..., L, d), key (..., S, d) and value (..., S, dv)", q, k, v)
    either = not is_causal or attn_mask is None
    require(either, "expected an attn_mask or is_causal=True, got both")
    mask = _added(attn_mask, q.dtype, closed=False)
    mask = _causal(q.shape[-2], k.shape[-2], q.dtype) if is_causal else mask
    return dropout(_attention_weights(q, k, mask, scale), dropout_p) @ v


def _in_heads(x: Any, shape: Any, kind: str) -> Any:
    with scope(kind[0], kind):
        return x.reshape(shape).swapaxes(1, 2)


def _longer(x: Any, last: Any) -> Any:
    """Sequences with one more place, which is the same in all."""
    return np.concatenate([x, np.broadcast_to(last, (len(x), 1, x.shape[2]))], axis=1)


class MultiheadAttention(Layer):
    """Attention in several heads, each with its own products of query, key and value.

    Called with a query, a key and a value, (L, N, embed_dim) or (L, embed_dim) for one example, it
    returns the output and the weights, (N, L, S), averaged over the heads. In masks True closes:
    `attn_mask` of shape (L, S) or (N · num_heads, L, S), `key_padding_mask` (N, S). Masks of
    numbers are added to the scores.

    Arguments:
        embed_dim: number of entries at each place, for all heads together.
        dropout: probability with which weights are dropped in training.
        add_bias_kv: whether a learned key and value are added to the others.
        add_zero_attn: whether a key and value of zeros are added to the others.
        kdim, vdim: number of entries of a key and a value, if it is not embed_dim.
        batch_first: whether inputs and output have shape (N, L, embed_dim).

    >>> x = np.zeros((5, 2, 8))
    >>> output, weights = MultiheadAttention(embed_dim=8, num_heads=4)(x, x, x)
    >>> output.shape, weights.shape
    ((5, 2, 8), (2, 5, 5))
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True,
        add_bias_kv: bool = False, add_zero_attn: bool = False, kdim: int | None = None,
        vdim: int | None = None, batch_first: bool = False,
    ) -> None:  # fmt: skip
        at_least(1, embed_dim=embed_dim, num_heads=num_heads)
        fits = embed_dim % num_heads == 0
        require(fits, f"embed_dim={embed_dim} must be divisible by num_heads={num_heads}")
        self.embed_dim, self.num_heads, self.batch_first = embed_dim, num_heads, batch_first
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.dropout, self.add_zero_attn = probability("dropout", dropout), add_zero_attn
        self.head_dim, columns = embed_dim // num_heads, (embed_dim, self.kdim, self.vdim)
        if set(columns) == {embed_dim}:
            self.in_proj_weight = Parameter(zeros(3 * embed_dim, embed_dim))
        else:
            for name, n in zip("qkv", columns, strict=True):
                setattr(self, f"{name}_proj_weight", Parameter(zeros(embed_dim, n)))
        self.in_proj_bias = Parameter(zeros(3 * embed_dim)) if bias else None
        self.bias_k = Parameter(zeros(1, 1, embed_dim)) if add_bias_kv else None
        self.bias_v = Parameter(zeros(1, 1, embed_dim)) if add_bias_kv else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias)
        self.reset_parameters()

    def _picture_options(self) -> str:
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}"

    def reset_parameters(self) -> None:
        """Starts anew: Xavier's distribution for the weights, zeros for the biases."""
        for name, parameter in self.named_parameters():
            if name.endswith("proj_weight"):
                init.xavier_uniform_(parameter)
            elif name in ("bias_k", "bias_v"):
                init.xavier_normal_(parameter)
            elif name.endswith("bias"):
                init.zeros_(parameter)

    def forward(
        self, query: ArrayLike, key: ArrayLike, value: ArrayLike,
        key_padding_mask: ArrayLike | None = None, need_weights: bool = True,
        attn_mask: ArrayLike | None = None, average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:  # fmt: skip
        """Returns the output and the weights, or None for them unless `need_weights`."""
        dtype = self.out_proj.weight.dtype
        alone = np.ndim(query) == 2  # one example, without an axis that numbers it
        inputs = {id(x): numbers(x, dtype) for x in (query, key, value)}
        axes = "(N, L, ...)" if self.batch_first else "(L, N, ...)"
        for name, x in inputs.items():
            check_shapes(x.ndim == 3 - alone, f"inputs of shape {axes}, or (L, ...)", x)
            inputs[name] = x[None] if alone else x if self.batch_first else x.swapaxes(0, 1)
        q, k, v = self._projected([inputs[id(x)] for x in (query, key, value)])
        (n, queries, _), keys = q.shape, k.shape[1]
        expected = "a value for each key, and as many examples in query, key and value"
        check_shapes(k.shape == v.shape and len(k) == n, expected, query, key, value)
        if self.bias_k is not None:
            k, v = _longer(k, self.bias_k), _longer(v, self.bias_v)
        if self.add_zero_attn:
            k, v = _longer(k, np.zeros(1, dtype)), _longer(v, np.zeros(1, dtype))
        mask = self._mask(attn_mask, key_padding_mask, (n, queries, keys), k.shape[1] - keys, dtype)
        if is_causal and attn_mask is None:
            mask = (0 if mask is None else mask) + _causal(queries, k.shape[1], dtype)
        heads = n, -1, self.num_heads, self.head_dim
        q, k, v = (_in_heads(x, heads, kind) for x, kind in zip((q, k, v), QKV, strict=True))
        weights = _attention_weights(q, k, mask)
        weights = dropout(weights, self.dropout, self.training)
        y = weights @ v
        with scope("joined", "heads"):
            y = y.swapaxes(1, 2).reshape(n, queries, self.embed_dim)
        y = self.out_proj(y)
        y = y[0] if alone else y if self.batch_first else y.swapaxes(0, 1)
        if not need_weights:
            return y, None
        weights = np.mean(weights, axis=1) if average_attn_weights else weights
        return y, weights[0] if alone else weights

    def connections(self, output_shape: tuple[int, ...]) -> tuple[int, int]:
        """Returns how many connections before the last projection have a weight, or a bias."""
        sizes = {name: p.size for name, p in self.named_parameters(recurse=False)}
        places, bias = math.prod(output_shape[:-1]), sizes.get("in_proj_bias", 0)
        weights = sum(size for name, size in sizes.items() if name.endswith("proj_weight"))
        return places * weights, places * bias

    def _projected(self, inputs: list[Any]) -> Any:
        """Query, key and value times their weights; one product if they are the same."""
        together, bias = getattr(self, "in_proj_weight", None), self.in_proj_bias
        if together is not None and inputs[0] is inputs[1] is inputs[2]:
            return np.split(linear(inputs[0], together, bias), 3, axis=-1)
        if together is not None:
            weights = np.split(together, 3)
        else:
            weights = [getattr(self, f"{name}_proj_weight") for name in "qkv"]
        biases = [None] * 3 if bias is None else np.split(bias, 3)
        return [linear(*each) for each in zip(inputs, weights, biases, strict=True)]

    def _mask(
        self, attention: Any, padding: Any, shape: tuple[int, int, int], more: int, dtype: Any
    ) -> Any:
        """Both masks as one that is added to scores of shape (N, heads, L, S)."""
        (n, queries, keys), heads, total = shape, self.num_heads, None
        for name, given, views in (  # the shapes that a mask may have, and those it then gets
            ("attn_mask", attention, {(queries, keys): (1, 1, queries, keys),
                                      (n * heads, queries, keys): (n, heads, queries, keys)}),
            ("key_padding_mask", padding, {(n, keys): (n, 1, 1, keys),
                                           (keys,) if n == 1 else (n, keys): (n, 1, 1, keys)}),
        ):  # fmt: skip
            if (mask := _added(given, dtype, closed=True)) is not None:
                expected = f"{name} of shape {' or '.join(map(str, views))}"
                check_shapes(mask.shape in views, expected, mask)
                mask = mask.reshape(views[mask.shape])
                mask = np.pad(mask, [(0, 0)] * 3 + [(0, more)]) if more else mask
                total = mask if total is None else total + mask
        return total
