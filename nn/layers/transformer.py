"""Transformers: layers of attention and of two dense layers, stacked."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from microgradnd.arrays import Array, ArrayLike
from microgradnd.habits import require

from .. import init
from ..containers import ModuleList
from ..functions import gelu, relu
from ..init import numbers
from ..module import Module
from .attention import MultiheadAttention
from .dense import Linear
from .dropout import Dropout
from .layer import Layer
from .normalisation import LayerNorm

Activation = str | Callable[[Any], Any]
Mask = ArrayLike | None


class _Block(Layer):
    """Attentions, then two dense layers, each beside a way round it, with a norm."""

    _attentions: tuple[str, ...]

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: Activation = relu, layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True,
    ) -> None:  # fmt: skip
        named: dict[Any, Any] = {"relu": relu, "gelu": gelu}
        function = named.get(activation, activation)
        known = callable(function) and not isinstance(activation, type)
        require(known, f"activation must be 'relu', 'gelu' or a function, got {activation!r}")
        for name in self._attentions:
            how = {"bias": bias, "batch_first": batch_first}
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, **how))
        self.linear1 = Linear(d_model, dim_feedforward, bias)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias)
        self.norm_first, parts = norm_first, range(1, len(self._attentions) + 2)
        for part in parts:
            setattr(self, f"norm{part}", LayerNorm(d_model, layer_norm_eps, bias=bias))
        for part in parts:
            setattr(self, f"dropout{part}", Dropout(dropout))
        self.activation = function

    def _beside(self, part: int, x: Any, compute: Callable[[Any], Any]) -> Any:
        """x plus what is computed from it."""
        norm, drop = vars(self)[f"norm{part}"], vars(self)[f"dropout{part}"]
        return x + drop(compute(norm(x))) if self.norm_first else norm(x + drop(compute(x)))

    def _dense(self, x: Any) -> Any:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Block):
    """Attention of a sequence, (L, N, d_model) or (L, d_model) for one example, to itself, then two
    dense layers; x is added to each one's output. Masks are those of `MultiheadAttention`.

    Arguments:
        d_model: number of entries at each place.
        dim_feedforward: number of neurons between the dense layers.
        dropout: probability with which outputs and weights are dropped in training.
        activation: of these neurons: "relu", "gelu" or a function.
        batch_first: whether inputs have shape (N, L, d_model).
        norm_first: whether the norms come before attention and dense layers, instead of after.

    >>> TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16)(np.zeros((5, 3, 8))).shape
    (5, 3, 8)
    """

    _attentions = ("self_attn",)
    self_attn: MultiheadAttention

    def forward(
        self, src: ArrayLike, src_mask: Mask = None, src_key_padding_mask: Mask = None,
        is_causal: bool = False,
    ) -> Any:  # fmt: skip
        how = src_key_padding_mask, False, src_mask, True, is_causal
        x = numbers(src, self.linear1.weight.dtype)
        x = self._beside(1, x, lambda x: self.self_attn(x, x, x, *how)[0])
        return self._beside(2, x, self._dense)


class TransformerDecoderLayer(_Block):
    """Attention of a sequence to itself, then to the `memory` that an encoder computed, then two
    dense layers. The arguments are those of `TransformerEncoderLayer`.

    >>> layer = TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> layer(np.zeros((5, 3, 8)), np.zeros((7, 3, 8))).shape
    (5, 3, 8)
    """

    _attentions = "self_attn", "multihead_attn"
    self_attn: MultiheadAttention
    multihead_attn: MultiheadAttention

    def forward(
        self, tgt: ArrayLike, memory: ArrayLike, tgt_mask: Mask = None, memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None, memory_key_padding_mask: Mask = None,
        tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        own = tgt_key_padding_mask, False, tgt_mask, True, tgt_is_causal
        other = memory_key_padding_mask, False, memory_mask, True, memory_is_causal
        x = numbers(tgt, self.linear1.weight.dtype)
        x = self._beside(1, x, lambda x: self.self_attn(x, x, x, *own)[0])
        x = self._beside(2, x, lambda x: self.multihead_attn(x, memory, memory, *other)[0])
        return self._beside(3, x, self._dense)


class _Stack(Layer):
    def __init__(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        self.layers = ModuleList(copy.deepcopy(layer) for _ in range(num_layers))
        self.num_layers, self.norm = num_layers, norm

    def _through(self, x: Any, *others: Any) -> Any:
        for layer in self.layers:
            x = layer(x, *others)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """Copies of a layer, one after the other, and a norm after the last if there is one;
    `enable_nested_tensor` and `mask_check` have no effect.

    >>> layer = TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> TransformerEncoder(layer, num_layers=2)(np.zeros((5, 3, 8))).shape
    (5, 3, 8)
    """

    def __init__(
        self, encoder_layer: Module, num_layers: int, norm: Module | None = None,
        enable_nested_tensor: bool = True, mask_check: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(encoder_layer, num_layers, norm)

    def forward(
        self, src: ArrayLike, mask: Mask = None, src_key_padding_mask: Mask = None,
        is_causal: bool | None = None,
    ) -> Any:  # fmt: skip
        return self._through(src, mask, src_key_padding_mask, bool(is_causal))


class TransformerDecoder(_Stack):
    """Copies of a decoder's layer, one after the other; see `TransformerEncoder`.

    >>> layer = TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> TransformerDecoder(layer, num_layers=2)(np.zeros((5, 3, 8)), np.zeros((7, 3, 8))).shape
    (5, 3, 8)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self, tgt: ArrayLike, memory: ArrayLike, tgt_mask: Mask = None, memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None, memory_key_padding_mask: Mask = None,
        tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        masks = tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask
        return self._through(tgt, memory, *masks, bool(tgt_is_causal), memory_is_causal)


class Transformer(Layer):
    """An encoder, and a decoder that attends to what it computes: called with `src` and `tgt`, it
    returns an output for each place of `tgt`. `custom_encoder` and `custom_decoder` are modules in
    place of them; for the other arguments see `TransformerEncoderLayer`.

    >>> model = Transformer(8, 2, 1, 1, dim_feedforward=16)
    >>> mask = Transformer.generate_square_subsequent_mask(5)
    >>> model(np.zeros((7, 3, 8)), np.zeros((5, 3, 8)), tgt_mask=mask).shape
    (5, 3, 8)
    """

    encoder: Module
    decoder: Module

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6,
        num_decoder_layers: int = 6, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: Activation = relu, custom_encoder: Module | None = None,
        custom_decoder: Module | None = None, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True,
    ) -> None:  # fmt: skip
        how: Any = d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps
        how += batch_first, norm_first, bias
        norms = (LayerNorm(d_model, layer_norm_eps, bias=bias) for _ in range(2))
        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*how), num_encoder_layers, next(norms)
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*how), num_decoder_layers, next(norms)
        )
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self, src: ArrayLike, tgt: ArrayLike, src_mask: Mask = None, tgt_mask: Mask = None,
        memory_mask: Mask = None, src_key_padding_mask: Mask = None,
        tgt_key_padding_mask: Mask = None, memory_key_padding_mask: Mask = None,
        src_is_causal: bool | None = None, tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        masks = tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask
        return self.decoder(tgt, memory, *masks, tgt_is_causal, memory_is_causal)

    @staticmethod
    def generate_square_subsequent_mask(sz: int) -> Array:
        """Returns a mask under which each place sees itself and those before it."""
        return np.where(np.tri(sz, dtype=bool), 0.0, -np.inf)
