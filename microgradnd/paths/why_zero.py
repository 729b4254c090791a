"""Why a gradient is zero: where every path from a Tensor to the loss dies, and of what.

No activation is known here by its name, so that a user's own are understood as well.
"""

from __future__ import annotations

import functools
import gc
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Array
from ..backward import differentiate
from ..chain_rule import parents_first, sum_to_shape
from ..context import undisturbed
from ..derivatives.choices import chosen, clipped
from ..operators import plain
from ..table import table
from ..tensor import Tensor
from .local_derivatives import noise, pull, pushing
from .search import check_question, flat_index

End = tuple[str, Tensor, int, Array]  # a cause, a node, the position of its argument, entries of it
Change = Callable[[Any], Any]

WORDS = {  # of each cause; {of} is the operation with a value
    "dead": "dead, {of} and is flat on this side of 0",
    "saturated": "saturated, {of} and has no slope so far from 0",
    "flat": "flat, {of} and its slope at this value is 0",
    "step": "a step, {of} and its slope is 0 everywhere",
    "loser": "not taken, another entry is",
    "masked": "masked, nothing passes here",
    "clipped": "clipped, outside of the bounds",
    "multiplied by 0": "multiplied by 0, the value of the other argument{other}",
    "underflow": "underflow, the product is too small for {dtype} and is rounded to 0",
    "cancel": "contributions cancel, their sum is 0 up to rounding",
    "left out": "left out, other entries are used",
}

# Functions that take one of their arguments, entry by entry, and what becomes of the others.
CHOICES = {
    **{table[f]: "loser" for f in (np.maximum, np.minimum, np.fmax, np.fmin)},
    **{chosen: "masked", table[np.nan_to_num]: "masked", clipped: "clipped"},
}


@dataclass(eq=False)
class Reason:
    """A cause for which paths end, at the operations of one name, line and scope."""

    cause: str
    share: float  # of all ends of paths
    entries: int  # where they end
    text: str
    tensors: tuple[Tensor, ...] = field(repr=False)  # what the operations made


@dataclass(eq=False, repr=False)
class Reasons:
    """Why entries of a gradient are zero, see `why_zero`; `reasons` is empty if none is."""

    title: str
    zeros: int
    size: int
    smallest: float  # of the other entries, in size
    reasons: list[Reason]

    def __repr__(self) -> str:
        others = f"at least {self.smallest:.4g} in size"
        if not self.zeros:
            return f"the gradient of {self.title} is nowhere 0: {others}"
        count = f" in {self.zeros:,} of {self.size:,} entries" if self.size > 1 else ""
        rest = f", and in the others {others}" if self.zeros < self.size else ""
        lines = [f"the gradient of {self.title} is 0{count}{rest}:"]
        return "\n".join([*lines, *(f"{r.share:>6.1%}  {r.text}" for r in self.reasons)])


def why_zero(loss: Tensor, w: Tensor, index: int | tuple[int, ...] | None = None) -> Reasons:
    """Find why entries of the gradient of a loss with respect to w are zero.

    Print the result: it names each operation at which paths from these entries first die, with its
    line under `trace(stop=False)`, the cause, and its share. `reasons` has the same as data, the
    most important first. What is 0 up to rounding counts as 0.

    Arguments:
        loss: a scalar.
        w: a Tensor, a leaf or not.
        index: the index of one entry, as in NumPy; else all that are zero.

    >>> w = Tensor([[1.0, -1.0], [2.0, 0.5]], requires_grad=True, name="w")
    >>> why_zero(np.sum(np.maximum(w @ [1.0, 2.0], 0)), w)
    the gradient of Tensor 'w' is 0 in 2 of 4 entries, and in the others at least 1 in size:
    100.0%  maximum: not taken, another entry is (1 entry)
    """
    check_question("why_zero", loss, w)
    asked = np.ones(w.shape, bool)
    if index is not None:
        asked = (np.arange(w.size) == flat_index(w, index)).reshape(w.shape)
    size = int(asked.sum())
    with undisturbed():
        if w not in set(parents_first([loss])) or not w.requires_grad or not loss.requires_grad:
            return Reasons(w.title, size, size, np.nan, [_unconnected(loss, w)])
        walk = _Walk(loss, w)
        zero = asked & ~walk.alive[w]
        others = np.abs(walk.gradient[asked & ~zero])
        reasons = _grouped(walk.ends(zero)) if zero.any() else []
    return Reasons(w.title, int(zero.sum()), size, min(others.tolist(), default=np.nan), reasons)


class _Walk:
    """A walk from the loss to w that notes where a gradient becomes 0."""

    def __init__(self, loss: Tensor, w: Tensor) -> None:
        self.w = w
        self.linked: dict[Tensor, Any] = {loss: np.ones(loss.shape, bool)}  # entries with any path
        self.alive: dict[Tensor, Array] = {}  # entries whose gradient is not 0
        self.sizes: dict[Tensor, Any] = defaultdict(float)  # of all contributions, added up
        self.uses: list[tuple[Tensor, int, Array, Array, Array]] = []
        found = differentiate({loss: loss.seed(None)}, {w}, visit=self._visit)
        self.gradient = found.get(w, np.zeros(w.shape))
        self._settle(w, self.gradient)

    def _settle(self, node: Tensor, gradient: Any) -> None:
        """Note which entries of a gradient, all parts of which have arrived, are not 0."""
        self.alive[node] = ~(np.abs(gradient) <= _rounding(gradient) * self.sizes[node])

    def _visit(self, node: Tensor, position: int, gradient: Any, contribution: Any) -> Any:
        if node not in self.alive:
            self._settle(node, gradient)
        alive, linked, some = self.alive[node], self.linked[node], noise(node.shape)
        if not alive.all():  # what is 0 but for rounding goes no further
            gradient = np.where(alive, gradient, 0)
            again = pull(node, position, gradient).astype(contribution.dtype)
            # It may be 0 where this is nan: 0 / 0 in a logarithm that no path reaches.
            contribution = np.where(np.isnan(again), contribution, again)
        others = (gradient * noise(node.shape, seed) for seed in (1, 2))  # which cannot cancel
        other = sum(np.abs(pull(node, position, g)) for g in others)
        cancelled = np.abs(contribution) <= _rounding(contribution) * other
        cancelled &= other >= np.finfo(contribution.dtype).tiny
        contribution = np.where(cancelled, 0, contribution)
        parent, reached = node.arguments[position], _reached_back(node, position, linked)
        flat = reached & (pull(node, position, linked * some) == 0)  # no local derivative
        lost = _reached_back(node, position, alive) & (contribution == 0) & ~cancelled & ~flat
        self.uses.append((node, position, cancelled, flat, lost))
        self.linked[parent] = self.linked.get(parent, False) | reached
        self.sizes[parent] += np.abs(contribution)
        return contribution

    def ends(self, zero: Array) -> Iterator[End]:
        """Where the paths from these entries of w end. A position of -1 is the node itself."""
        no_path = zero & ~self.linked.get(self.w, False)
        here: dict[Tensor, Any] = defaultdict(lambda: np.zeros((), bool), {self.w: zero & ~no_path})
        loose = here.copy()
        loose[self.w] = no_path
        for node, position, cancelled, flat, lost in reversed(self.uses):  # from w on
            parent = node.arguments[position]
            yield "cancel", node, position, here[parent] & cancelled
            for dead, passed in (flat, self.linked[node]), (lost, self.alive[node]):
                for cause, found in _causes(node, position, passed, here[parent] & dead):
                    yield cause, node, position, found
            on = here[parent] & ~cancelled & ~lost & ~self._summed_to_zero(parent)
            here[node] = here[node] | _reached_on(node, position, on, alive=True)
            used = _reached_back(node, position, np.ones(node.shape, bool))
            yield "left out", node, position, loose[parent] & ~used
            loose[node] = loose[node] | _reached_on(node, position, loose[parent], alive=False)
        for node in self.alive:
            yield "cancel", node, -1, here[node] & self._summed_to_zero(node)

    def _summed_to_zero(self, node: Tensor) -> Any:
        return ~self.alive[node] & (self.sizes[node] > 0)


def _rounding(values: Any) -> float:
    """How large, beside its terms, a sum may be that is 0 but for rounding."""
    return 500 * float(np.finfo(values.dtype).eps)


def _grouped(ends: Iterator[End]) -> list[Reason]:
    groups = defaultdict(list)
    for cause, node, position, entries in ends:
        if count := int(entries.sum()):
            name = node.operation.name if node.operation else node.title
            place = "the gradient of " * (position < 0) + name
            place += f" in {'.'.join(node.scope)}" * bool(node.scope)
            groups[cause, place, node.line].append((count, node, position, entries))
    total = sum(count for group in groups.values() for count, *_ in group)
    reasons = []
    for (cause, place, line), group in groups.items():
        count = sum(count for count, *_ in group)
        what = WORDS[cause].format_map(_words_for(*group[0][1:]))
        text = f"{place}: {what} ({count:,} {'entry' if count == 1 else 'entries'})"
        text += f"\n        {line}" * bool(line)
        nodes = tuple(node for _, node, *_ in group)
        reasons.append(Reason(cause, count / total, count, text, nodes))
    return sorted(reasons, key=lambda reason: -reason.entries)


def _words_for(node: Tensor, position: int, entries: Array) -> dict[str, str]:
    if position < 0:
        return {}
    x, others = node.arrays[position + 1], node.arguments
    first = tuple(np.argwhere(entries)[0])
    of = f"{node.operation.name} of {x[first]:.4g}"
    if x.shape == node.shape and node.operation.kind == "elementwise":
        of = f"{node.operation.name}({x[first]:.4g}) is {node.numpy()[first]:.4g}"
    other = getattr(others[1 - position], "name", None) if len(others) == 2 else None
    return {"of": of, "other": f" {other}" if other else "", "dtype": str(x.dtype)}


# ---- causes --------------------------------------------------------------------------------------


def _causes(node: Tensor, position: int, passed: Array, dead: Array) -> Iterator[tuple[str, Array]]:
    """Each cause for which dead entries of an argument get nothing of what a node's entries pass
    to its rule, with the entries."""
    g = passed * noise(node.shape)
    x = node.arrays[position + 1]
    beside = 1e-3 * (1 + np.abs(x))
    near, far = np.clip(np.abs(x), 1e-3, 1) * noise(x.shape), 2 * noise(x.shape)

    def slope(own: Change = lambda x: x, others: Change = lambda x: x) -> Any:
        """Where the argument has a local derivative other than 0 after these changes."""
        arguments = [(others, own)[k == position](x) for k, x in enumerate(node.arrays[1:])]
        try:
            output = node.operation.function(*arguments, **node.keywords)
            return pull(node, position, g, (output, *arguments)) != 0
        except Exception:  # whatever a function may raise for values that nobody meant for it
            return np.zeros(x.shape, bool)

    def tests() -> Iterator[tuple[str, Any]]:
        """In turn; an entry belongs to the first that it passes."""
        yield "underflow", pull(node, position, g) != 0
        if node.operation.kind == "selects":
            yield CHOICES.get(node.operation, "loser"), True
        yield "flat", slope(lambda x: x + beside) & slope(lambda x: x - beside)
        yield "saturated", slope(lambda x: np.clip(x, -1, 1) * 0.3)
        right = slope(lambda x: near) | slope(lambda x: far)
        left = slope(lambda x: -near) | slope(lambda x: -far)
        yield "flat", right & left
        yield "dead", right | left
        for kinds in ("f", "biuf"):  # labels must stay what they are, a mask must not
            yield "multiplied by 0", slope(others=functools.partial(_changed, kinds))
        yield "masked" if node.operation.kind != "elementwise" else "step", True

    for cause, passes in tests() if dead.any() else ():
        if (found := dead & passes).any():
            yield cause, found
            if not (dead := dead & ~found).any():
                return


def _changed(kinds: str, x: Any) -> Any:
    is_number = isinstance(x, int | float) or getattr(x, "dtype", np.dtype(object)).kind in kinds
    return noise(np.shape(x)) if is_number else x


# ---- which entries depend on which ---------------------------------------------------------------


def _is_by_entry(node: Tensor) -> bool:
    return node.operation.kind == "elementwise" or node.operation in CHOICES


def _reached_back(node: Tensor, position: int, mask: Array) -> Array:
    """The argument's entries on which a node's entries in the mask depend, whatever the values."""
    shape = node.arrays[position + 1].shape
    if _is_by_entry(node):
        return sum_to_shape(mask.astype(float), shape) != 0  # type: ignore[no-any-return]
    try:  # a nan is seen even behind a factor of 0
        return np.isnan(pull(node, position, np.where(mask, np.nan, 0.0)))
    except Exception:  # a user's rule may refuse nan
        return np.full(shape, mask.any())


def _reached_on(node: Tensor, position: int, mask: Array, alive: bool) -> Array:
    """The node's entries that depend on an argument's entries in the mask, whatever the values; or
    those that are alive, with a local derivative other than 0."""
    if not alive and _is_by_entry(node):
        return np.broadcast_to(mask, node.shape)
    if mask.any() and (push := pushing(node, position)):
        found: Array = push(np.where(mask, noise(mask.shape) if alive else np.nan, 0.0)) != 0
        return found
    return np.full(node.shape, mask.any() and pull(node, position, noise(node.shape)).any())


# ---- no path at all ------------------------------------------------------------------------------


_WAYS_OUT = "(by detach(), numpy() or data, or under no_grad())"


def _unconnected(loss: Tensor, w: Tensor) -> Reason:
    """Why no path from w to the loss was recorded."""
    cause, about = "not recorded", w
    if not w.requires_grad:
        text = f"{w.title} does not require a gradient; make it with requires_grad=True"
    elif taken := _taken_out(loss, w):
        cause, (about, place) = "detached", taken
        text = f"the values of {about.title} are a constant{place}: they left the graph {_WAYS_OUT}"
    elif not loss.requires_grad:
        about = loss
        text = f"{loss.title} has no history: it was computed under no_grad() or detached, or from "
        text += "nothing that requires a gradient"
    else:
        cause = "not connected"
        leaves = [t.title for t in parents_first([loss]) if t.requires_grad and not t.operation]
        text = f"{loss.title} was computed from {', '.join(leaves[:5])}, and not from {w.title}, "
        text += f"or its values left the graph on the way {_WAYS_OUT}"
    return Reason(cause, 1.0, w.size, text, (about,))


def _taken_out(loss: Tensor, w: Tensor) -> tuple[Tensor, str] | None:
    """A Tensor computed from w whose values are a constant of the loss, and the place."""
    alive = [t for t in gc.get_objects() if issubclass(type(t), Tensor) and t.requires_grad]
    held = [(loss, loss._array)] * (not loss.requires_grad)
    held += [(t, plain(x)) for t in parents_first([loss]) for x in t.arguments]
    for node, value in held:
        for t in (w, *alive):
            like = t._array is value or (
                np.size(value) == t.size
                and len(np.unique(value)) > 1  # else zeros beside zeros
                and np.array_equal(np.ravel(value), np.ravel(t._array))
            )
            if like and w in (history := set(parents_first([t]))) and loss not in history:
                place = f" in {node.operation.name}" if node.operation else ""
                return t, place + f", {node.line}" * bool(node.line)
    return None
