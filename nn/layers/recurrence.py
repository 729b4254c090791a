"""Recurrence: cells that read a sequence from its first step to its last, as one operation.

A `Cell` has a step, which defines it, and the walk through all steps, which on arrays is computed
in place, forwards and back through time. The walk of x, (steps, N, inputs), a weight for it, a
bias, w, and first states h (and c) returns the outputs h of all steps, then the last c: (steps, H,
N), or one more. `driven` = weight · x + bias is what comes to the gates from outside, computed for
all steps at once; each step adds w · h, where h is the last output and w has shape (gates · H, H).
First states have shape (N, H). Inside, a column belongs to an example and a row to a unit, so that
each part is one piece of memory.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np

from microgradnd import Tensor, scope, vjp
from microgradnd.arrays import in_short_buffers, is_foreign, reduce
from microgradnd.chain_rule import wide
from microgradnd.context import everything_is_recorded
from microgradnd.habits import require
from microgradnd.operators import beside
from microgradnd.primitive import Primitive
from microgradnd.table import together

from ..functions import sigmoid
from .dense import linear


class Cell:
    """A kind of cell, from its step and both ways on arrays.

    `step` takes what drives the gates from outside and from within, and the states, and returns
    values by name, among them the next states. `forwards` takes `driven`, (steps, gates · H, N), w,
    and the others, and returns the walk, then what the way `back` needs, which returns the
    gradients with respect to `driven` and to w · h, a row for each step and example, and those with
    respect to h and the others. Derivatives of derivatives are those of the steps.
    """

    def __init__(
        self, name: str, step: Any, forwards: Any, back: Any, gates: int = 1, states: str = "h",
        bias_within: bool = False,
    ) -> None:  # fmt: skip
        self._step, self._forwards, self._back = step, forwards, back
        self.gates, self.states = gates, states  # how many blocks of rows the weights have
        self.bias_within = bias_within  # whether the bias of w · h is a last argument of the walk
        of_others = map(itemgetter, range(1, 2 + len(states) + bias_within))
        back_walk = in_short_buffers(self._walk_back)
        rules = together(back_walk, _of_x, _of_weight, _of_bias, *of_others)
        self.walk = Primitive(in_short_buffers(self._walk), rules, name, keeps=True)

    def steps(
        self, driven: Any, w: Any, states: list[Any], onto: Any = None, within: Any = None
    ) -> tuple[Any, list[Any]]:
        """All outputs and the last states, each step in a scope of its own, as operations that a
        picture shows; h is projected onto the rows of a matrix, if there is one."""
        outputs = []
        for number in range(1, len(driven) + 1):
            with scope(f"step{number}"):
                driving = states[0] @ w.T
                driving = driving if within is None else driving + within
                known = self._step(driven[number - 1], driving, *states)
                if onto is not None:
                    known["h"] = known["h"] @ onto.T
                outputs.append(known["h"][None])
            for name, value in known.items():
                if isinstance(value, Tensor) and everything_is_recorded():
                    value.name = f"{name}{number}"
            states = [known[name] for name in self.states]
        return np.concatenate(outputs), states

    def _by_steps(self, driven: Any, w: Any, *others: Any) -> Any:
        count = len(self.states)
        output, states = self.steps(driven, w, list(others[:count]), None, *others[count:])
        return np.concatenate([output.swapaxes(1, 2), *(state.T[None] for state in states[1:])])

    def _walk(self, x: Any, weight: Any, bias: Any, w: Any, *others: Any) -> tuple[Any, ...]:
        given = x, weight, bias, w, *others
        if any(isinstance(each, Tensor) for each in given):
            return (self._by_steps(linear(x, weight, bias), w, *others),)
        for array in filter(is_foreign, given):
            probe = np.zeros_like(array, shape=(2,))
            part = probe[:1]
            part += 1  # as the cells write: through slices
            found = f"{type(array).__module__}.{type(array).__name__}; use np.asarray(array)"
            views = f"expected NumPy-like arrays whose slices are views, got {found}"
            require(probe[0] == 1, views, TypeError)
        steps, n, inputs = x.shape
        one_more = np.ones_like(x, shape=(steps, inputs + 1, n))  # an input that is always 1
        one_more[:, :inputs] = x.swapaxes(1, 2)
        driven = np.concatenate([weight, bias[:, None]], axis=1) @ one_more
        dtype = np.result_type(driven.dtype, *(each.dtype for each in (w, *others)))
        used = (driven, w, *others)
        same = (each if each.dtype == dtype else each.astype(dtype) for each in used)
        return self._forwards(*same)  # type: ignore[no-any-return]

    def _walk_back(
        self, g: Any, y: Any, x: Any, weight: Any, bias: Any, w: Any, h: Any, *others: Any
    ) -> Any:
        """What gives the gradients with respect to x, weight and bias; then those of the others."""
        if any(isinstance(each, Tensor) for each in (g, x, weight, bias, w, h, *others)):
            of_driven, *more = vjp(self._by_steps, linear(x, weight, bias), w, h, *others)[1](g)
            return (_rows(of_driven), x, weight), *more
        before = np.concatenate([h.T[None], y[0][: len(x) - 1]])
        of_driven, delta, *of_others = self._back(g, y, before, w, *others)
        of_w = delta.T @ _steps_as_rows(before)  # dL/dw = Σ delta · hᵀ, over steps and examples
        return (of_driven, x, weight), of_w, *of_others


def _of_x(walked: Any) -> Any:
    delta, x, weight = walked[0]
    return (delta @ weight).reshape(x.shape)


def _of_weight(walked: Any) -> Any:
    delta, x, _ = walked[0]
    return delta.T @ _rows(x)


def _of_bias(walked: Any) -> Any:
    delta, *_ = walked[0]
    return np.sum(wide(delta), axis=0)


def _rows(array: Any) -> Any:
    """(steps, N, units) with a row for each step and example."""
    steps, n, units = array.shape
    return array.reshape(steps * n, units)


def _steps_as_rows(matrices: Any) -> Any:
    """From (steps, units, N) a row for each step and example."""
    return _rows(matrices.swapaxes(1, 2))


def _backwards(*arrays: Any) -> Any:
    """Their entries together, from the last step to the first."""
    return zip(*(array[::-1] for array in arrays), strict=True)


def _gates(array: Any, hidden: int) -> Any:
    """(steps, gates · H, N) as (gates, steps, H, N)."""
    steps, rows, n = array.shape
    return array.reshape(steps, rows // hidden, hidden, n).swapaxes(0, 1)


# ---- plain cells: h ← tanh(driven + w · h), or relu ----------------------------------------------


def _plain_cell(name: str, activation: Any, slope: Any) -> Cell:
    """`slope` is that of the activation, from its output."""

    def step(x: Any, driving: Any, h: Any) -> dict[str, Any]:
        return {"h": activation(x + driving)}

    def forwards(driven: Any, w: Any, h: Any) -> Any:
        h = h.T
        for z in driven:
            z += w @ h
            h = activation(z, out=z)
        return (driven,)

    def back(g: Any, kept: Any, before: Any, w: Any) -> Any:
        delta, dh = slope(kept[0]), np.zeros_like(g[0])
        for of_y, dz in _backwards(g, delta):
            dh += of_y
            dz *= dh
            dh = w.T @ dz
        rows = _steps_as_rows(delta)
        return rows, rows, dh.T

    return Cell(name, step, forwards, back)


rnn_tanh = _plain_cell("rnn_tanh", np.tanh, lambda h: 1 - h * h)
rnn_relu = _plain_cell(
    "rnn_relu", lambda z, **how: np.maximum(z, 0, **how), lambda h: (h > 0).astype(h.dtype)
)


# ---- LSTM: i, f, o = sigmoid(z), g = tanh(z);  c ← f·c + i·g;  h ← o·tanh(c) ---------------------


def _lstm_step(x: Any, driving: Any, h: Any, c: Any) -> dict[str, Any]:
    i, f, g, o = np.split(x + driving, 4, axis=1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    c = f * c + i * g
    return {"i": i, "f": f, "g": g, "o": o, "c": c, "h": o * np.tanh(c)}


def _lstm_forwards(gates: Any, w: Any, h: Any, c: Any) -> Any:
    (steps, _, n), hidden = gates.shape, w.shape[1]
    # sigmoid(z) = ½ + ½ tanh(½z), so one tanh serves all four gates
    half = beside(np.repeat([0.5, 0.5, 1, 0.5], hidden).astype(w.dtype), w)
    w = (w * half[:, None]).reshape(4, hidden, hidden)  # small products are faster than a large one
    y, cells, tanh_c = (
        np.empty_like(gates, shape=(length, hidden, n)) for length in (steps + 1, steps, steps)
    )
    h, c = h.T, c.T
    i_and_f, parts = gates[:, : 2 * hidden], _gates(gates, hidden)
    for sigmoids in (i_and_f, parts[3]):
        sigmoids *= 0.5
    for z, first_two, i, f, g, o, now, t, out in zip(
        gates, i_and_f, *parts, cells, tanh_c, y[:steps], strict=True
    ):
        z += (w @ h).reshape(z.shape)
        np.tanh(z, out=z)
        for sigmoids in (first_two, o):
            sigmoids *= 0.5
            sigmoids += 0.5
        c = np.multiply(f, c, out=now)
        c += i * g
        h = np.multiply(o, np.tanh(c, out=t), out=out)
    y[steps] = c
    return y, gates, cells, tanh_c


def _lstm_back(of: Any, kept: Any, before: Any, w: Any, c: Any) -> Any:
    (_, gates, cells, tanh_c), hidden = kept, w.shape[1]
    i, f, g, o = _gates(gates, hidden)
    delta, c_before = np.empty_like(gates), np.concatenate([c.T[None], cells[:-1]])
    of_i, of_f, of_g, of_o = parts = _gates(delta, hidden)
    # dz = (dc, dc, dc, dh) · delta at first
    for part, x, factor in ((of_i, i, g), (of_f, f, c_before), (of_o, o, tanh_c)):
        np.subtract(1, x, out=part)
        part *= x
        part *= factor
    np.multiply(g, g, out=of_g)
    np.subtract(1, of_g, out=of_g)
    of_g *= i
    slope = 1 - tanh_c * tanh_c
    slope *= o
    dh, dc, w = np.zeros_like(of[0]), of[-1].copy(), w.reshape(4, hidden, hidden).swapaxes(1, 2)
    by_gate = parts.swapaxes(0, 1)
    for g, a, three, last, dz, kept in _backwards(of[:-1], slope, by_gate[:, :3], of_o, by_gate, f):
        dh += g
        dc += dh * a
        three *= dc
        last *= dh
        dh = reduce(np.add, w @ dz, axis=0)
        dc *= kept
    rows = _steps_as_rows(delta)
    return rows, rows, dh.T, dc.T


lstm = Cell("lstm", _lstm_step, _lstm_forwards, _lstm_back, gates=4, states="hc")


# ---- GRU: r, u = sigmoid(driven + m);  n = tanh(driven + r·m);  h ← n + u·(h - n) ----------------
# Here m = w · h + b, of which each gate has its block; b is apart since r multiplies it also.


def _gru_step(x: Any, driving: Any, h: Any) -> dict[str, Any]:
    (r, z, n), (of_r, of_z, of_n) = (np.split(part, 3, axis=1) for part in (x, driving))
    r, z = sigmoid(r + of_r), sigmoid(z + of_z)
    n = np.tanh(n + r * of_n)
    return {"r": r, "z": z, "n": n, "h": (1 - z) * n + z * h}


def _gru_forwards(gates: Any, w: Any, h: Any, b: Any) -> Any:
    (steps, _, examples), hidden, h = gates.shape, w.shape[1], h.T
    y, m = (np.empty_like(gates, shape=(steps, hidden, examples)) for _ in range(2))
    first_two, b = gates[:, : 2 * hidden], b[:, None]
    for both, r, u, n, of_n, out in zip(first_two, *_gates(gates, hidden), m, y, strict=True):
        z = w @ h
        z += b
        both += z[: 2 * hidden]
        both *= 0.5  # sigmoid(z) = ½ + ½ tanh(½z)
        np.tanh(both, out=both)
        both *= 0.5
        both += 0.5
        of_n[...] = z[2 * hidden :]
        n += r * of_n
        np.tanh(n, out=n)
        h = np.multiply(u, h - n, out=out)
        h += n
    return y, gates, m


def _gru_back(of: Any, kept: Any, before: Any, w: Any, b: Any) -> Any:
    (_, gates, m), hidden = kept, w.shape[1]
    r, u, n = _gates(gates, hidden)
    # dz = (dh, dh, dh) · delta at first, and n is driven by dh · of_n
    of_n, delta = (1 - u) * (1 - n * n), np.empty_like(gates)
    of_r, of_u, of_m = _gates(delta, hidden)
    np.multiply(of_n, r, out=of_m)
    np.multiply(of_m, m * (1 - r), out=of_r)
    np.multiply(before - n, u * (1 - u), out=of_u)
    dh = np.zeros_like(of[0])
    parts = delta.reshape(len(of), 3, *dh.shape)
    for of_y, dn, all_three, dz, stays in _backwards(of, of_n, parts, delta, u):
        dh += of_y
        dn *= dh
        all_three *= dh
        dh *= stays
        dh += w.T @ dz
    rows = _steps_as_rows(delta)
    of_driven = np.concatenate([rows[:, : 2 * hidden], _steps_as_rows(of_n)], axis=1)
    return of_driven, rows, dh.T, np.sum(wide(rows), axis=0)


gru = Cell("gru", _gru_step, _gru_forwards, _gru_back, gates=3, bias_within=True)
