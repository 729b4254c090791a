"""Cells of recurrent layers, for one step at a time."""

from __future__ import annotations

from typing import Any

from microgradnd.arrays import ArrayLike

from ..init import numbers
from ..module import Parameter
from .recurrent import GRU, LSTM, RNN, _Recurrent


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
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            expected = f"(N, {self.input_size}), or ({self.input_size},) of one example"
            raise ValueError(f"expected an input of shape {expected}, got {x.shape}")
        several, alone = self._states > 1, x.ndim == 1
        if hx is not None:  # as a recurrent layer of one row of cells takes them
            given = [numbers(state, x.dtype)[None] for state in (hx if several else [hx])]
            hx = given if several else given[0]
        x = x[None, None] if alone else x[None]
        first = [state[0] for state in self._first_states(hx, x, alone)]
        _, *ends = self._pass(x, self._names(0)[0], first)
        ends = [end[0] for end in ends] if alone else ends
        return tuple(ends) if several else ends[0]


class RNNCell(_Cell):
    """One step of an `RNN`, for inputs of shape (N, input_size) and states (N, hidden_size).

    >>> cell, h = RNNCell(2, 20), None
    >>> for x in ([0.0, 1.0], [2.0, 3.0], [4.0, 5.0]):
    ...     h = cell(x, h)
    >>> h.shape
    (20,)
    """

    _cells, _step = RNN._cells, RNN._step
    _usual = "bias=True nonlinearity=tanh"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh"
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias)


class LSTMCell(_Cell):
    """One step of an `LSTM`; called with an input and a pair (h, c), it returns the next pair.

    >>> h, c = LSTMCell(2, 20)([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    >>> h.shape, c.shape
    ((3, 20), (3, 20))
    """

    _cells, _step, _gates, _states = staticmethod(LSTM._cells), LSTM._step, 4, 2


class GRUCell(_Cell):
    """One step of a `GRU`.

    >>> GRUCell(2, 20)([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]).shape
    (3, 20)
    """

    _cells, _step, _gates, _bias_within = staticmethod(GRU._cells), GRU._step, 3, True
