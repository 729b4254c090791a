"""Recurrent layers: RNN, LSTM and GRU, stacked, in one or both directions; and a step of each."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np

from microgradnd.arrays import ArrayLike
from microgradnd.context import everything_is_recorded
from microgradnd.habits import check_choice, require

from ..init import check_shapes, numbers
from ..module import Parameter
from .dense import linear
from .dropout import dropout
from .layer import Layer, probability, sizes
from .recurrence import Cell, gru, lstm, rnn_relu, rnn_tanh
from .sequences import PackedSequence


class _Recurrent(Layer):
    """The parameters of recurrent layers, and how sequences pass through them."""

    _cell: Cell

    weight_ih_l0: Parameter
    _sizes = "input_size hidden_size"
    _usual = "proj_size=0 num_layers=1 bias=True batch_first=False dropout=0.0 bidirectional=False"

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
        proj_size: int = 0,
    ) -> None:  # fmt: skip
        sizes(hidden_size, 1, "hidden_size")
        fits = 0 <= proj_size < hidden_size and not (proj_size and len(self._cell.states) == 1)
        require(fits, f"proj_size must be 0, or less than hidden_size in an LSTM: {proj_size}")
        sizes(num_layers, 1, "num_layers")
        self.dropout = float(probability("dropout", dropout))
        if dropout and num_layers == 1:
            idle = f"dropout={dropout} has no effect: it acts between layers, and there is one"
            warnings.warn(idle, stacklevel=3)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.proj_size, self._outputs = proj_size, proj_size or hidden_size
        self._inputs, rows, inputs = hidden_size, self._cell.gates * hidden_size, input_size
        found = dict[str, Any]()
        for layer in range(num_layers):
            shapes = {"weight_ih": (rows, inputs), "weight_hh": (rows, self._outputs)}
            shapes["weight_hr"] = proj_size, hidden_size
            for name in itertools.chain(*self._names(layer)):
                found[name] = shapes.get(name[:9], (rows,))
            inputs = self._units
        self._learn(**found)

    @property
    def _units(self) -> int:
        return self._outputs * (1 + self.bidirectional)

    def _names(self, layer: int) -> list[list[str]]:
        """The names of a layer's parameters, for each direction."""
        kinds = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"][: 4 if self.bias else 2]
        kinds += ["weight_hr"] * bool(self.proj_size)
        ends = [f"l{layer}", f"l{layer}_reverse"][: 1 + self.bidirectional]
        return [[f"{kind}_{end}" for kind in kinds] for end in ends]

    def flatten_parameters(self) -> None:
        """Does nothing; programs for a GPU call it."""

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """Returns the outputs for every step, and the last states."""
        packed = input if isinstance(input, PackedSequence) else None
        x = numbers(packed.data if packed else input, self.weight_ih_l0.dtype)
        shape, size = "N, steps" if self.batch_first else "steps, N", self.input_size
        fits = x.ndim in ((2,) if packed else (2, 3)) and x.shape[-1] == size
        shapes = f"({shape}, {size}), or (steps, {size}) of one example"
        check_shapes(fits, f"an input of shape {shapes}", x)
        alone = x.ndim == 2 and not packed  # one example, without an axis that numbers it
        if not packed:
            x = x[:, None] if alone else x.swapaxes(0, 1) if self.batch_first else x
        require(len(x), f"expected at least one step, got {x.shape}")
        runs = packed._replace(data=x).runs() if packed else [x]  # with as many examples each
        rows = self.num_layers * (1 + self.bidirectional)
        states = self._first_states(hx, x.dtype, rows, *() if alone else runs[0].shape[1:2])
        states = [state[:, None] for state in states] if alone else states
        order, back = (packed.sorted_indices, packed.unsorted_indices) if packed else (None, None)
        if order is not None and hx is not None:
            states = [state[:, order] for state in states]
        last: list[list[Any]] = []
        for layer in range(self.num_layers):
            if layer:
                runs = [dropout(x, self.dropout, self.training) for x in runs]
            outputs: list[Any] = []
            for names in self._names(layer):
                first = [state[len(last)] for state in states]
                output, ends = self._through(runs, names, first, backwards=bool(outputs))
                outputs.append(output)
                last.append(ends)
            both = zip(*outputs, strict=True)
            runs = [np.concatenate(each, axis=2) for each in both] if self.bidirectional else output
        ends = [np.stack(state) for state in zip(*last, strict=True)]
        if packed:
            x = packed._replace(data=np.concatenate([x.reshape(-1, x.shape[2]) for x in runs]))
            ends = ends if back is None else [end[:, back] for end in ends]
        elif alone:
            x, ends = runs[0][:, 0], [end[:, 0] for end in ends]
        else:
            x = runs[0].swapaxes(0, 1) if self.batch_first else runs[0]
        return x, tuple(ends) if len(self._cell.states) > 1 else ends[0]

    def _through(
        self, runs: list[Any], names: list[str], states: list[Any], backwards: bool
    ) -> tuple[list[Any], list[Any]]:
        """The outputs of one row of cells, and its last states.

        Each run has the first n examples: the others have ended, or backwards have not begun, and
        keep the states that they have.
        """
        turned, found = np.flip if backwards else lambda x, axis: x, []
        for x in runs[::-1] if backwards else runs:
            n = x.shape[1]
            now = states if n == len(states[0]) else [state[:n] for state in states]
            output, *ends = self._pass(turned(x, axis=0), names, now)
            if now is not states:
                pairs = zip(ends, states, strict=True)
                ends = [np.concatenate([end, state[n:]]) for end, state in pairs]
            states = ends
            found.append(turned(output, axis=0))
        return found[::-1] if backwards else found, states

    def _pass(self, x: Any, names: list[str], first: list[Any]) -> list[Any]:
        """The outputs of one row of cells, (steps, N, hidden), and its last states."""
        weight, w, *biases = (getattr(self, name) for name in names[: 4 if self.bias else 2])
        outside, within = biases or [np.zeros(len(w), w.dtype)] * 2
        if biases and not self._cell.bias_within:
            outside = np.add(*biases)
        others = [within] if self._cell.bias_within else []
        if self.proj_size or everything_is_recorded():
            onto = getattr(self, names[-1]) if self.proj_size else None
            driven = linear(x, weight, outside if biases else None)
            output, states = self._cell.steps(driven, w, first, onto, *others)
            return [output, *states]
        y = self._cell.walk(x, weight, outside, w, *first, *others)
        output = y[: len(x)].swapaxes(1, 2)
        return [output, output[-1], *(y[-1].T for _ in first[1:])]

    def _first_states(self, given: Any, dtype: Any, *shape: int) -> list[Any]:
        """The states before the first step, (*shape, hidden) each, or zeros."""
        count = len(self._cell.states)
        shapes = [(*shape, size) for size in (self._outputs, self.hidden_size)][:count]
        if given is None:
            return [np.zeros(expected, dtype) for expected in shapes]
        states = [numbers(state, dtype) for state in (given if count > 1 else [given])]
        require(len(states) == count, f"expected a pair of states (h, c), got {len(states)}")
        for expected, state in zip(shapes, states, strict=True):
            check_shapes(state.shape == expected, f"a first state of shape {expected}", state)
        return states


class _PlainCells(_Recurrent):
    nonlinearity: str

    @property
    def _cell(self) -> Cell:  # type: ignore[override]
        return rnn_tanh if self.nonlinearity == "tanh" else rnn_relu


class RNN(_PlainCells):
    """The plain recurrent layer: h ← tanh(W_ih · x + b_ih + W_hh · h + b_hh), or relu of it.

    Called with inputs, (steps, N, input_size) or (steps, input_size) for one example, or a
    `nn.utils.rnn.PackedSequence`, and perhaps first states, (num_layers · directions, N,
    hidden_size), it returns the outputs of its last layer for every step, and the last states.

    Arguments:
        hidden_size: number of cells in a layer.
        num_layers: number of layers; each reads the outputs of the one before.
        nonlinearity: "tanh" or "relu"; only `RNN` has it.
        bias: whether the two b are added.
        batch_first: whether inputs and outputs have shape (N, steps, ...).
        dropout: probability with which the outputs between layers are dropped in training.
        bidirectional: whether a second row of cells in each layer reads backwards.

    >>> output, h = RNN(10, 20)(np.zeros((5, 3, 10)))
    >>> output.shape, h.shape
    ((5, 3, 20), (1, 3, 20))
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh",
        bias: bool = True, batch_first: bool = False, dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:  # fmt: skip
        check_choice("nonlinearity", nonlinearity, "tanh", "relu")
        self.nonlinearity = nonlinearity
        how = bias, batch_first, dropout, bidirectional
        super().__init__(input_size, hidden_size, num_layers, *how)


class LSTM(_Recurrent):
    """Long short-term memory: i, f, o = sigmoid(W_ih · x + b_ih + W_hh · h + b_hh), g = tanh of the
    same, each with its own rows, in the order i, f, g, o; then c ← f·c + i·g and h ← o·tanh(c).

    Shapes and arguments are those of `RNN`; the states are a pair (h, c). With a `proj_size`, h is
    multiplied by a matrix of that many rows, before it goes on.

    >>> output, (h, c) = LSTM(10, 20, num_layers=2)(np.zeros((5, 3, 10)))
    >>> output.shape, h.shape, c.shape
    ((5, 3, 20), (2, 3, 20), (2, 3, 20))
    """

    _cell = lstm


class GRU(_Recurrent):
    """The gated recurrent unit: with m = W_hh · h + b_hh, r, z = sigmoid(W_ih · x + b_ih + m) and
    n = tanh(W_ih · x + b_ih + r·m), each with its own rows, in the order r, z, n; then
    h ← (1 - z)·n + z·h. Shapes and arguments are those of `RNN`.

    >>> output, h = GRU(10, 20, bidirectional=True)(np.zeros((5, 3, 10)))
    >>> output.shape, h.shape
    ((5, 3, 40), (2, 3, 20))
    """

    _cell = gru


class _Cell(_Recurrent):
    weight_ih: Parameter
    _usual = "bias=True"

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__(input_size, hidden_size, bias=bias)

    def _names(self, layer: int) -> list[list[str]]:
        return [["weight_ih", "weight_hh", "bias_ih", "bias_hh"][: 4 if self.bias else 2]]

    def forward(self, input: ArrayLike, hx: Any = None) -> Any:
        """Returns the states after one step."""
        x = numbers(input, self.weight_ih.dtype)
        shapes = f"(N, {self.input_size}), or ({self.input_size},) of one example"
        fits = x.ndim in (1, 2) and x.shape[-1] == self.input_size
        check_shapes(fits, f"an input of shape {shapes}", x)
        states = self._first_states(hx, x.dtype, *x.shape[:-1])
        alone = x.ndim == 1
        x, *states = (each[None] for each in (x, *states)) if alone else (x, *states)
        _, *states = self._pass(x[None], self._names(0)[0], states)
        states = [state[0] for state in states] if alone else states
        return tuple(states) if len(states) > 1 else states[0]


class RNNCell(_Cell, _PlainCells):
    """One step of an `RNN`, for inputs of shape (N, input_size) and states (N, hidden_size).

    >>> cell, h = RNNCell(2, 20), None
    >>> for x in ([0.0, 1.0], [2.0, 3.0], [4.0, 5.0]):
    ...     h = cell(x, h)
    >>> h.shape
    (20,)
    """

    _usual = "bias=True nonlinearity=tanh"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh"
    ) -> None:
        check_choice("nonlinearity", nonlinearity, "tanh", "relu")
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias)


class LSTMCell(_Cell):
    """One step of an `LSTM`; called with an input and a pair (h, c), it returns the next pair.

    >>> h, c = LSTMCell(2, 20)([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    >>> h.shape, c.shape
    ((3, 20), (3, 20))
    """

    _cell = lstm


class GRUCell(_Cell):
    """One step of a `GRU`.

    >>> GRUCell(2, 20)([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]).shape
    (3, 20)
    """

    _cell = gru
