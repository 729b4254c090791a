"""Recurrence: cells that read a sequence from its first step to its last, as one operation.

`lstm(driven, w, h, c)`, `gru` and the plain cells return the trajectory: all values of the cells,
of shape (steps, parts · H, N), with the outputs h as the last part. `driven` is their input, of
shape (steps, N, gates · H), computed for all steps at once; at each step they add w · h, where h is
their last output and w has shape (gates · H, H). Inside, a column belongs to an example and a row
to a unit, so that each part is one piece of memory. First states h and c have shape (N, H).

Each kind of cell is a function forwards, on arrays, and one back through time, on arrays or
Tensors. The trajectory holds all that the way back needs and is differentiable, so the way back is
differentiable also.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from microgradnd import primitive
from microgradnd.operators import beside
from microgradnd.program import being_recorded


def _recurrence(name: str, forwards: Callable[..., Any], back: Callable[..., Any]) -> Any:
    """A kind of cell as a function (driven, w, h, *others) with derivatives.

    `back` returns the gradients with respect to `driven` and to w · h at each step, with a row for
    each step and example, and those with respect to h and the others. As one walk through time
    computes them all, the arguments are joined into one vector, which needs one rule.
    """

    def rule(g: Any, y: Any, vector: Any, parted: Any) -> Any:
        _, w, h, *others = parted(vector)
        h_before = _before(h, y[:, -w.shape[1] :])
        of_driven, delta, *of_others = back(g, y, w, h_before, *others)
        of_w = delta.T @ _rows(h_before)  # dL/dw = Σ delta · hᵀ, over steps and examples
        return _joined([of_driven, of_w, *of_others])

    def walked(vector: Any, *, parted: Any) -> Any:
        if not (isinstance(vector, np.ndarray) or being_recorded()):
            _check_views(vector)
        return forwards(*parted(vector))

    walk = primitive(walked, rule, name=name)

    def trajectory(*arguments: Any) -> Any:
        return walk(_joined(arguments), parted=_parting(*(array.shape for array in arguments)))

    return trajectory


def _check_views(array: Any) -> None:
    """Raises an error for arrays whose slices are copies: the cells write through slices."""
    probe = np.zeros_like(array, shape=(2,))
    part = probe[:1]
    part += 1
    if probe[0] != 1:
        found = f"{type(array).__module__}.{type(array).__name__}; use np.asarray(array)"
        raise TypeError(f"expected NumPy-like arrays whose slices are views, got {found}")


def _joined(arrays: Any) -> Any:
    return np.concatenate([array.reshape(array.size) for array in arrays])


@functools.lru_cache(maxsize=1024)
def _parting(*shapes: tuple[int, ...]) -> Callable[[Any], list[Any]]:
    """A function that takes a vector apart into arrays of these shapes."""
    ends = list(itertools.accumulate(map(math.prod, shapes)))
    places = list(zip([0, *ends], ends, shapes, strict=False))
    return lambda vector: [vector[a:b].reshape(shape) for a, b, shape in places]


def _parts(y: Any, hidden: int) -> list[Any]:
    """The parts of a trajectory, or of its gradient, each with a row for every hidden unit."""
    return [y[:, i : i + hidden] for i in range(0, y.shape[1], hidden)]


def _before(first: Any, states: Any) -> Any:
    """The state before each step."""
    return np.concatenate([first.T[None], states[:-1]])


def _rows(matrices: Any) -> Any:
    """From (steps, rows, N) the columns of all steps as rows below each other."""
    steps, rows, n = matrices.shape
    return matrices.swapaxes(1, 2).reshape(steps * n, rows)


def _in_order(found: list[Any]) -> Any:
    """The same from a list of matrices, of the last step first."""
    return _rows(np.stack(found[::-1]))


def _plain_cell(activation: Any, slope: Any) -> tuple[Any, Any]:
    """h ← tanh(driven + w · h), or relu; `slope` is that of the activation, from its output."""

    def forwards(driven: Any, w: Any, h: Any) -> Any:
        y, h = np.empty_like(driven.swapaxes(1, 2), order="C"), h.T
        for z, given in zip(y, driven, strict=True):
            np.matmul(w, h, out=z)
            z += given.T
            h = activation(z, out=z)
        return y

    def back(g: Any, y: Any, w: Any, h_before: Any) -> Any:
        slopes, found = slope(y), []
        dh: Any = 0
        for t in reversed(range(len(y))):
            dz = (g[t] + dh) * slopes[t]
            dh = w.T @ dz
            found.append(dz)
        delta = _in_order(found)
        return delta, delta, dh.T

    return forwards, back


rnn_tanh = _recurrence("rnn_tanh", *_plain_cell(np.tanh, lambda h: 1 - h * h))
rnn_relu = _recurrence(
    "rnn_relu", *_plain_cell(lambda z, out: np.maximum(z, 0, out=out), lambda h: h > 0)
)


# ---- LSTM: i, f, o = sigmoid(z), g = tanh(z);  c ← f·c + i·g;  h ← o·tanh(c) ---------------------


def _lstm_forwards(driven: Any, w: Any, h: Any, c: Any) -> Any:
    (steps, n, _), hidden = driven.shape, w.shape[1]
    # sigmoid(z) = ½ + ½ tanh(½z), so one tanh serves all four gates
    half = beside(np.repeat([0.5, 0.5, 1, 0.5], hidden).astype(w.dtype), w)
    driven, w = driven * half, w * half[:, None]
    y, h, c = np.empty_like(driven, shape=(steps, 6 * hidden, n)), h.T, c.T
    for part, given in zip(y, driven, strict=True):
        z, i_and_f = part[: 4 * hidden], part[: 2 * hidden]
        i, f, g, o, c_next, h_next = part.reshape(6, hidden, n)
        np.matmul(w, h, out=z)
        z += given.T
        np.tanh(z, out=z)
        for gates in (i_and_f, o):
            gates *= 0.5
            gates += 0.5
        c = np.multiply(f, c, out=c_next)
        c += i * g
        h = np.tanh(c, out=h_next)
        h *= o
    return y


def _lstm_back(of: Any, y: Any, w: Any, h_before: Any, c: Any) -> Any:
    hidden = w.shape[1]
    i, f, g, o, cells, _ = _parts(y, hidden)
    of_i, of_f, of_g, of_o, of_c, of_h = _parts(of, hidden)
    tanh_c = np.tanh(cells)
    c_slope = o * (1 - tanh_c * tanh_c)
    slopes = i * (1 - i), f * (1 - f), 1 - g * g, o * (1 - o)
    by_state, directly = (  # dz = (dc, dc, dc, dh) · by_state + directly
        np.concatenate([x * slope for x, slope in zip(factors, slopes, strict=True)], axis=1)
        for factors in ((g, _before(c, cells), i, tanh_c), (of_i, of_f, of_g, of_o))
    )
    dh: Any = 0
    dc: Any = 0
    found, turned = [], w.T.copy()  # the products below are faster with rows in one piece
    for t in reversed(range(len(y))):
        dh = dh + of_h[t]
        dc = dc + of_c[t]
        dc += dh * c_slope[t]
        dz = np.concatenate([dc, dc, dc, dh]) * by_state[t]
        dz += directly[t]
        dh, dc = turned @ dz, dc * f[t]
        found.append(dz)
    delta = _in_order(found)
    return delta, delta, dh.T, dc.T


lstm = _recurrence("lstm", _lstm_forwards, _lstm_back)


# ---- GRU: r, u = sigmoid(driven + m);  n = tanh(driven + r·m);  h ← n + u·(h - n) ----------------
# Here m = w · h + b, of which each gate has its block; b is apart since r multiplies it also.


def _gru_forwards(driven: Any, w: Any, h: Any, b: Any) -> Any:
    (steps, examples, _), hidden = driven.shape, w.shape[1]
    y, h = np.empty_like(driven, shape=(steps, 5 * hidden, examples)), h.T
    for part, given in zip(y, driven, strict=True):
        gates = part[: 2 * hidden]
        r, u, n, m, h_next = part.reshape(5, hidden, examples)
        z = w @ h
        z += b[:, None]
        np.add(z[: 2 * hidden], given.T[: 2 * hidden], out=gates)
        gates *= 0.5  # sigmoid(z) = ½ + ½ tanh(½z)
        np.tanh(gates, out=gates)
        gates *= 0.5
        gates += 0.5
        m[...] = z[2 * hidden :]
        np.multiply(r, m, out=n)
        n += given.T[2 * hidden :]
        np.tanh(n, out=n)
        h = np.multiply(u, h - n, out=h_next)
        h += n
    return y


def _gru_back(of: Any, y: Any, w: Any, h_before: Any, b: Any) -> Any:
    hidden = w.shape[1]
    r, u, n, m, _ = _parts(y, hidden)
    of_r, of_u, of_n, of_m, of_h = _parts(of, hidden)
    r_slope, u_slope, n_slope = r * (1 - r), u * (1 - u), 1 - n * n
    # n is driven by dh · n_by_h + n_directly, which goes on to m and r
    n_by_h, n_directly = (1 - u) * n_slope, of_n * n_slope
    # dz = (dh, dh, dh) · by_h + directly
    by_h = np.concatenate([n_by_h * m * r_slope, (h_before - n) * u_slope, n_by_h * r], axis=1)
    directly = np.concatenate(
        [(n_directly * m + of_r) * r_slope, of_u * u_slope, n_directly * r + of_m], axis=1
    )
    dh: Any = 0
    found, found_n = [], []
    for t in reversed(range(len(y))):
        dh = dh + of_h[t]
        dz = np.concatenate([dh, dh, dh]) * by_h[t] + directly[t]
        found.append(dz)
        found_n.append(dh * n_by_h[t] + n_directly[t])
        dh = dh * u[t] + w.T @ dz
    delta = _in_order(found)
    of_driven = np.concatenate([delta[:, : 2 * hidden], _in_order(found_n)], axis=1)
    return of_driven, delta, dh.T, np.sum(delta, axis=0)


gru = _recurrence("gru", _gru_forwards, _gru_back)
