"""Recurrent layers: RNN, LSTM and GRU, stacked, in one direction or in both."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from .. import init
from ..init import numbers, zeros
from ..module import Module, Parameter
from .dense import linear
from .dropout import dropout
from .recurrence import gru, lstm, rnn_relu, rnn_tanh


class _Recurrent(Module):
    """What the three have in common: their parameters, and how sequences pass through them."""

    _gates = 1  # blocks of rows in the weights
    _states = 1  # of a cell: h, or h and c

    weight_ih_l0: Parameter

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        for name, size in (("hidden_size", hidden_size), ("num_layers", num_layers)):
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"{name} is a whole number from 1 on, not {size!r}")
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout is a probability, between 0 and 1, not {dropout!r}")
        if dropout and num_layers == 1:
            warnings.warn(
                f"dropout={dropout} has no effect: it acts between layers, and there is one",
                stacklevel=3,
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional = bidirectional
        rows = self._gates * hidden_size
        for layer in range(num_layers):
            inputs = hidden_size * self._directions if layer else input_size
            for name in self._names(layer):
                setattr(self, f"weight_ih_{name}", Parameter(zeros(rows, inputs)))
                setattr(self, f"weight_hh_{name}", Parameter(zeros(rows, hidden_size)))
                if bias:
                    setattr(self, f"bias_ih_{name}", Parameter(zeros(rows)))
                    setattr(self, f"bias_hh_{name}", Parameter(zeros(rows)))
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _names(self, layer: int) -> list[str]:
        """How the names of a layer's parameters end, for each direction."""
        return [f"l{layer}", f"l{layer}_reverse"][: self._directions]

    def reset_parameters(self) -> None:
        """Start anew: uniform between ±1/√hidden_size, the biases too."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def connections(self, output_shape: tuple[int, ...]) -> tuple[int, int]:
        """Returns how many connections have a weight, and how many a bias, for one example."""
        steps = math.prod(output_shape) // (self.hidden_size * self._directions)
        weights = sum(p.size for name, p in self.named_parameters() if name.startswith("weight"))
        return steps * weights, steps * (sum(p.size for p in self.parameters()) - weights)

    def extra_repr(self) -> str:
        """The sizes, and the options that are not the usual ones."""
        text = f"{self.input_size}, {self.hidden_size}"
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        for name, value in (usual | {"bidirectional": False}).items():
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        return text

    # ---- how sequences pass through --------------------------------------------------------------

    def _pass(self, x: Any, name: str, *first: Any) -> tuple[Any, ...]:
        """The outputs of one row of cells, (steps, N, hidden), and its last states."""
        raise NotImplementedError

    def _run(self, input: Any, first: Any) -> tuple[Any, list[Any]]:
        """The outputs of the last layer, and the last states of all, as PyTorch shapes them."""
        x = numbers(input, self.weight_ih_l0.dtype)
        self._check_input(x)
        alone = x.ndim == 2  # one example, without an axis that numbers it
        if alone:
            x = x[:, None]
        elif self.batch_first:
            x = x.swapaxes(0, 1)
        states = self._first_states(first, x, alone)
        last: list[list[Any]] = []
        for layer in range(self.num_layers):
            if layer:
                x = dropout(x, self.dropout, self.training)
            outputs = []
            for backwards, name in enumerate(self._names(layer)):
                given = [state[len(last)] for state in states]
                output, *ends = self._pass(_turned(x, backwards), name, *given)
                outputs.append(_turned(output, backwards))
                last.append(ends)
            x = np.concatenate(outputs, axis=2) if self.bidirectional else outputs[0]
        ends = [np.stack(state) for state in zip(*last, strict=True)]
        if alone:
            return x[:, 0], [end[:, 0] for end in ends]
        return (x.swapaxes(0, 1) if self.batch_first else x), ends

    def _driven(self, x: Any, name: str, bias: Any) -> Any:
        """What drives the cells from outside: x · weight_ihᵀ + bias, for all steps at once."""
        steps, n, inputs = x.shape
        w = getattr(self, f"weight_ih_{name}")
        return linear(x.reshape(steps * n, inputs), w, bias).reshape(steps, n, w.shape[0])

    def _biases(self, name: str) -> tuple[Any, Any]:
        """The bias from outside and that of the cells."""
        return getattr(self, f"bias_ih_{name}"), getattr(self, f"bias_hh_{name}")

    # ---- what it is given ------------------------------------------------------------------------

    def _check_input(self, x: Any) -> None:
        axes = "N, steps" if self.batch_first else "steps, N"
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            raise ValueError(
                f"{self._where()}: expected an input of shape ({axes}, {self.input_size}), or "
                f"(steps, {self.input_size}) of one example, found {x.shape}"
            )
        if x.shape[1 if self.batch_first and x.ndim == 3 else 0] == 0:
            raise ValueError(f"{self._where()}: expected at least one step, found {x.shape}")

    def _first_states(self, given: Any, x: Any, alone: bool) -> list[Any]:
        """The states before the first step, (layers · directions, N, hidden) each, or zeros."""
        rows, n = self.num_layers * self._directions, x.shape[1]
        if given is None:
            return [np.zeros((rows, n, self.hidden_size), x.dtype)] * self._states
        states = list(given) if self._states > 1 else [given]
        if len(states) != self._states:
            raise ValueError(
                f"{self._where()}: expected a pair of states (h, c), found {len(states)}"
            )
        states = [numbers(state, x.dtype) for state in states]
        expected = (rows, self.hidden_size) if alone else (rows, n, self.hidden_size)
        for state in states:
            if state.shape != expected:
                raise ValueError(
                    f"{self._where()}: expected a first state of shape {expected}, found "
                    f"{state.shape}"
                )
        return [state[:, None] for state in states] if alone else states


def _turned(x: Any, backwards: int) -> Any:
    """The steps in the order in which a row of cells reads them."""
    return np.flip(x, axis=0) if backwards else x


class RNN(_Recurrent):
    """The plain recurrent layer: h ← tanh(W_ih · x + b_ih + W_hh · h + b_hh), or relu of it.

    Inputs have shape (steps, N, input_size), or (N, steps, input_size) with `batch_first`, or
    (steps, input_size) for one example. Given those, and perhaps first states of shape
    (num_layers · directions, N, hidden_size), it gives the outputs of its last layer for every
    step, and the last state of each layer and direction. With `bidirectional` a second row of cells
    reads backwards, and its outputs stand behind those of the first.

    >>> import numpy as np
    >>> from nn.layers.recurrent import RNN
    >>> output, h = RNN(10, 20)(np.zeros((5, 3, 10)))
    >>> output.shape, h.shape
    ((5, 3, 20), (1, 3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        if nonlinearity not in _PLAIN_CELLS:
            raise ValueError(f"nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        how = bias, batch_first, dropout, bidirectional
        super().__init__(input_size, hidden_size, num_layers, *how)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """The outputs for every step, and the last states."""
        output, (h,) = self._run(input, hx)
        return output, h

    def _pass(self, x: Any, name: str, *first: Any) -> tuple[Any, ...]:
        bias = np.add(*self._biases(name)) if self.bias else None
        driven = self._driven(x, name, bias)
        cells = _PLAIN_CELLS[self.nonlinearity]
        output = cells(driven, getattr(self, f"weight_hh_{name}"), *first).swapaxes(1, 2)
        return output, output[-1]


_PLAIN_CELLS = {"tanh": rnn_tanh, "relu": rnn_relu}


class LSTM(_Recurrent):
    """Long short-term memory: cells c that gates i, f and o open and close, read out as h.

    i, f, o = sigmoid(W_ih · x + b_ih + W_hh · h + b_hh) and g = tanh of the same, each with its own
    rows of the weights, in the order i, f, g, o; then c ← f·c + i·g and h ← o·tanh(c). Shapes are
    those of `RNN`; the states are a pair (h, c).

    >>> import numpy as np
    >>> from nn.layers.recurrent import LSTM
    >>> output, (h, c) = LSTM(10, 20, num_layers=2)(np.zeros((5, 3, 10)))
    >>> output.shape, h.shape, c.shape
    ((5, 3, 20), (2, 3, 20), (2, 3, 20))
    """

    _gates, _states = 4, 2

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, tuple[Any, Any]]:
        """The outputs for every step, and the last states (h, c)."""
        output, (h, c) = self._run(input, hx)
        return output, (h, c)

    def _pass(self, x: Any, name: str, *first: Any) -> tuple[Any, ...]:
        bias = np.add(*self._biases(name)) if self.bias else None
        driven = self._driven(x, name, bias)
        y = lstm(driven, getattr(self, f"weight_hh_{name}"), *first)
        output = y[:, -self.hidden_size :].swapaxes(1, 2)
        return output, output[-1], y[-1, -2 * self.hidden_size : -self.hidden_size].T


class GRU(_Recurrent):
    """The gated recurrent unit: gates r and z decide what of h is used and what of it stays.

    With m = W_hh · h + b_hh: r, z = sigmoid(W_ih · x + b_ih + m), n = tanh(W_ih · x + b_ih + r·m),
    each with its own rows of the weights, in the order r, z, n; then h ← (1 - z)·n + z·h. Shapes
    are those of `RNN`.

    >>> import numpy as np
    >>> from nn.layers.recurrent import GRU
    >>> output, h = GRU(10, 20, bidirectional=True)(np.zeros((5, 3, 10)))
    >>> output.shape, h.shape
    ((5, 3, 40), (2, 3, 20))
    """

    _gates = 3

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """The outputs for every step, and the last states."""
        output, (h,) = self._run(input, hx)
        return output, h

    def _pass(self, x: Any, name: str, *first: Any) -> tuple[Any, ...]:
        w = getattr(self, f"weight_hh_{name}")
        outside, inside = self._biases(name) if self.bias else (None, np.zeros(len(w), w.dtype))
        y = gru(self._driven(x, name, outside), w, *first, inside)
        output = y[:, -self.hidden_size :].swapaxes(1, 2)
        return output, output[-1]
