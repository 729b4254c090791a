"""LBFGS: steps as Newton's method would make them, from the last gradients alone."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from microgradnd.arrays import Array, on_host, parts_of
from microgradnd.habits import check_choice, require
from microgradnd.operators import beside, plain
from microgradnd.program import NotReplayableError, being_recorded
from microgradnd.tree import map_leaves

from .algorithms import _WithOptions, without_defaults
from .optimizer import Group, State, one_vector


class _Point(NamedTuple):
    """What was found at w + t · d, on the line of a search."""

    t: float
    loss: Any
    gradient: Array
    slope: Any  # along d


def _lowest(a: _Point, b: _Point, bounds: tuple[float, float]) -> float:
    """Where the cubic with these values and slopes at two points is lowest, within the bounds."""
    a, b = sorted((a, b), key=lambda point: point.t)
    with np.errstate(all="ignore"):
        middle = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
        square = middle**2 - a.slope * b.slope
        if not square >= 0:
            return sum(bounds) / 2
        root = np.sqrt(square)
        part = (b.slope + root - middle) / (b.slope - a.slope + 2 * root)
        return float(min(max(b.t - (b.t - a.t) * part, bounds[0]), bounds[1]))


def _search(
    look: Callable[[float], _Point], start: _Point, t: float, least: float, most: int
) -> _Point:
    """A point that fulfils Wolfe's strong conditions, unless it takes too many looks: the loss is
    lower by a part of what the slope promised, and the slope much flatter."""

    def rises(point: _Point) -> bool:
        return bool(point.loss > start.loss + 1e-4 * point.t * start.slope)

    def flat(point: _Point) -> bool:
        return bool(abs(point.slope) <= -0.9 * start.slope)

    before, now = start, look(t)
    for tried in range(most):  # farther and farther, until a lowest point lies between two
        if rises(now) or (tried > 1 and now.loss >= before.loss):
            break
        if flat(now):
            return now
        if now.slope >= 0:
            break
        bounds = now.t + 0.01 * (now.t - before.t), 10 * now.t
        before, now = now, look(_lowest(before, now, bounds))
    else:
        return min(start, now, key=_loss)
    (low, high), stuck = sorted((before, now), key=_loss), False
    for _ in range(tried, most):  # closer and closer
        left, right = sorted((low.t, high.t))
        if right - left < least:
            break
        t, margin = _lowest(low, high, (left, right)), 0.1 * (right - left)
        at_an_end = min(right - t, t - left) < margin
        if at_an_end and (stuck or not left < t < right):
            t = right - margin if right - t < t - left else left + margin
            at_an_end = False
        stuck, now = at_an_end, look(t)
        if rises(now) or now.loss >= low.loss:
            low, high = sorted((low, now), key=_loss)
        elif flat(now):
            return now
        else:
            low, high = now, low if now.slope * (high.t - low.t) >= 0 else high
    return low


_loss = operator.attrgetter("loss")


@dataclass(eq=False, repr=False)
class LBFGS(_WithOptions):
    """Newton's method with the curvature as the last gradients show it, for losses of all the data.

    `step` takes a function that computes the loss and its gradients.

    Arguments:
        lr: length of a step, as a part of Newton's.
        max_iter: number of steps in a call of `step`.
        max_eval: number of computed losses in a call; 5/4 of `max_iter` unless given.
        tolerance_grad: a call ends where no gradient is larger.
        tolerance_change: a call ends where no parameter changes by more, or the loss does not.
        history_size: number of gradients that are remembered.
        line_search_fn: "strong_wolfe" to search along the line of each step, or None.

    >>> from microgradnd import Tensor
    >>> w = Tensor([3.0, 4.0], requires_grad=True)
    >>> optimizer = LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = np.sum((w - [1.0, 2.0]) ** 4)
    ...     loss.backward()
    ...     return loss
    >>> loss = optimizer.step(closure)
    """

    lr: float = 1
    max_iter: int = 20
    max_eval: int | None = None
    tolerance_grad: float = 1e-7
    tolerance_change: float = 1e-9
    history_size: int = 100
    line_search_fn: str | None = None

    def check(self, group: Group) -> None:
        super().check(group)
        one = "LBFGS has one group of parameters, with the same options for all"
        require(not self.param_groups, one)
        check_choice("line_search_fn", group["line_search_fn"], "strong_wolfe", None)
        if group["max_eval"] is None:
            group["max_eval"] = group["max_iter"] * 5 // 4

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Makes up to `max_iter` steps, and returns the loss there was before them."""
        if closure is None:
            needed = "that calls zero_grad(), computes the loss, calls backward() and returns it"
            raise TypeError(f"LBFGS needs a function {needed}: optimizer.step(closure)")
        searches = "LBFGS searches, and so no two of its steps are alike"
        require(not being_recorded(), searches, NotReplayableError)
        group = self.param_groups[0]
        parameters, small = group["params"], group["tolerance_change"]
        sign = -1 if group["maximize"] else 1
        state = self._remembered.setdefault(parameters[0], {"func_evals": 0, "n_iter": 0})
        last_call = state["func_evals"] + group["max_eval"]
        losses: list[Any] = []

        def move(values: Array) -> None:
            for p, part in zip(parameters, parts_of(values, parameters), strict=True):
                p.hold(part.astype(p.dtype))

        def look(t: float) -> _Point:
            move(x + t * d)
            losses.append(closure())
            state["func_evals"] += 1
            if all(p.grad is None for p in parameters):
                self._arranged()  # raises an error
            gradients = (np.zeros_like(p.data) if p.grad is None else p.grad for p in parameters)
            gradient, loss = sign * one_vector(gradients), sign * float(plain(losses[-1]))
            return _Point(t, np.float64(loss), gradient, np.float64(float(gradient @ d)))

        x = one_vector(map(plain, parameters))
        d = np.zeros_like(x)
        now = look(0.0)
        for n in range(1, group["max_iter"] + 1):
            gradient, last = now.gradient, now.loss
            if not gradient.size or np.max(np.abs(gradient)) <= group["tolerance_grad"]:
                break
            state["n_iter"] += 1
            d = state["d"] = _direction(gradient, state, group["history_size"])
            state |= {"prev_flat_grad": gradient, "prev_loss": float(last)}
            size = float(np.sum(np.abs(gradient)))
            t = state["t"] = group["lr"] * (min(1.0, 1 / size) if state["n_iter"] == 1 else 1)
            x, slope = one_vector(map(plain, parameters)), np.float64(float(gradient @ d))
            if slope > -small:
                break
            if group["line_search_fn"]:
                least, room = small / float(np.max(np.abs(d))), last_call - state["func_evals"]
                now = _search(look, _Point(0.0, last, gradient, slope), t, least, room)
                t = state["t"] = now.t
            elif n < group["max_iter"]:
                now = look(t)
            move(x + t * d)
            little = np.max(np.abs(d)) * t <= small or abs(now.loss - last) < small
            if state["func_evals"] >= last_call or little:
                break
        return losses[0]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict | {"state": {}})  # which has a row for each parameter
        first = self._parameters()[0]

        def array_or_number(value: Any) -> Any:
            if np.ndim(value):
                return beside(np.array(on_host(value)), first)
            return value if isinstance(value, int) else float(value)

        for state in state_dict["state"].values():
            self._remembered[first] = {
                name: map_leaves(array_or_number, value)
                for name, value in state.items()
                if name != "al"  # of PyTorch's, computed anew
            }


def _direction(gradient: Array, state: State, most: int) -> Array:
    """Minus the gradient times the inverse of the curvature, as the last steps have shown it."""
    if state["n_iter"] == 1:
        state |= {"old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1}
        return -gradient
    rise, way = gradient - state["prev_flat_grad"], state["d"] * state["t"]
    kept = state["old_dirs"], state["old_stps"], state["ro"]
    if (product := float(rise @ way)) > 1e-10:
        for values, news in zip(kept, (rise, way, 1 / product), strict=True):
            values[:] = [*values, news][-most:]
        state["H_diag"] = product / float(rise @ rise)
    left, parts = -gradient, []
    for rise, way, ro in reversed([*zip(*kept, strict=True)]):
        parts.append((way @ left) * ro)
        left = left - parts[-1] * rise
    direction: Array = left * state["H_diag"]
    for (rise, way, ro), part in zip(zip(*kept, strict=True), reversed(parts), strict=True):
        direction = direction + (part - (rise @ direction) * ro) * way
    return direction


without_defaults(LBFGS)
