"""A recorded graph as a program for a browser: calls of few functions, on arrays by their numbers.

What only moves entries is a "pick" of them; sums of products are one "contract".
"""

from __future__ import annotations

import math
import operator
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..arrays import Array
from ..context import undisturbed
from ..draw.graph import Graph
from ..habits import require
from ..tensor import Tensor
from ..tree import map_leaves
from .retraced import Retraced
from .spelled import SPELLED
from .stand_in import Memory, StandIn
from .value import NotDerivableError, Value, arrays_of, changed, part_of, reachable, values_in
from .value_tape import ValueTape, on_tape

MOST_CALLS, MOST_ENTRIES = 30_000, 100_000  # of a program, and of the arrays that it begins with

FOREIGN = ("erf", "expit")  # functions of SciPy's that the page knows
MOVES = {
    np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.squeeze, np.expand_dims,
    np.broadcast_to, np.flip, np.roll, np.rot90, np.tril, np.triu, np.diag, np.diagonal, np.tile,
    np.repeat, np.take, np.concatenate, np.stack, np.pad, np.copy, np.split,
    np.array_split, np.atleast_1d, np.atleast_2d, np.broadcast_arrays, operator.getitem,
    np.lib.stride_tricks.sliding_window_view, np.diagflat, np.rollaxis, np.atleast_3d, np.asarray,
}  # fmt: skip
ROWS = {
    np.sum: "sum", np.prod: "prod", np.any: "any", np.all: "all", np.cumsum: "cumsum",
    np.max: "max", np.min: "min", np.amax: "max", np.amin: "min", np.cumprod: "cumprod",
    np.argmax: "argmax", np.argmin: "argmin", np.argsort: "argsort",
}  # fmt: skip


def browser_program(
    graph: Graph,
    start: Mapping[Tensor, Any],
    leaves: Iterable[Tensor],
    key: Callable[[Tensor], str],
) -> dict[str, Any]:
    """The calls that compute all values and gradients of a graph, as JSON has them.

    Its `items` are arrays and calls; those before `forward` compute the values, which are at
    `places`. Each of its `turns`, in the order of the backward pass, computes what a node adds to
    the gradients of its arguments, by the items `from` its first one to before its `end`; those
    from `linear` on depend on the gradient of the node, the item before.

    Arguments:
        graph: what is computed.
        start: the gradients of its heads from which the backward pass starts.
        leaves: what can change.
        key: what the page calls a node.
    """
    tape, leaves = ValueTape(FOREIGN), list(leaves)
    retraced, items = _Retraced(tape, graph, leaves), _Items(tape)
    with undisturbed(), on_tape(tape):
        for node in graph.number:
            retraced.compute(node)
        made = retraced.made
        items.write(each._array.value for each in made.values())
        forward = len(items.all)
        places = {node: items.item(each._array.value) for node, each in made.items()}
        turns = []
        for node in reversed(graph.number):
            used = enumerate(node._parents)
            positions = [i for i, parent in used if parent is not None and parent.requires_grad]
            if start and node.requires_grad and positions:
                parents: Any = [retraced.argument(node, position)[0] for position in positions]
                turn = {"node": key(node), "to": list(map(key, parents)), "positions": positions}
                turns.append(turn | _turn_back(items, made[node], positions))
    return {
        "items": items.all,
        "forward": forward,
        "places": {key(node): place for node, place in places.items()},
        "start": [[key(head), _as_json(array)] for head, array in start.items()],
        "turns": turns,
        "leaves": [key(leaf) for leaf in leaves if leaf in places],
    }


class _Retraced(Retraced):
    """The graph as it is drawn: leaves of equal values that are drawn as one are one."""

    def __init__(self, tape: ValueTape, graph: Graph, leaves: Iterable[Tensor]) -> None:
        super().__init__(tape, dict.fromkeys(leaves))
        self.graph = graph
        for leaf in self.variables:
            self.leaf(leaf, graph.array(leaf))

    def argument(self, node: Tensor, position: int) -> tuple[Tensor | None, Any]:
        drawn = dict(self.graph.sources(node)).get(position)
        if drawn is None or drawn not in self.variables:
            return super().argument(node, position)
        return drawn, self.graph.array(drawn)


def _turn_back(items: _Items, made: Tensor, positions: list[int]) -> dict[str, Any]:
    """What a node adds to the gradients of its arguments at these positions."""
    seed = items.tape.see(np.ones(made.shape, made.dtype), fixed=False)
    products = []
    for position in positions:
        product = made.operation.rules[position](seed, *made.arrays, **made._keywords)
        if not isinstance(product, StandIn):
            shape = np.broadcast_shapes(np.shape(product), made.arrays[position + 1].shape)
            product = items.tape.see(np.array(np.broadcast_to(product, shape)))
        products.append(product.value)
    first, linear = len(items.all), {seed.value}
    for value in reachable(products, items.place):
        if value in linear or not linear.isdisjoint(value.used()):
            linear.add(value)
        else:
            items.write([value])
    items.place[seed.value] = items.add("seed")
    middle = len(items.all)
    items.write(products)
    return {
        "kind": made.operation.kind or "",
        "from": first,
        "linear": middle,
        "end": len(items.all),
        "products": [items.place[product] for product in products],
    }


class _Items:
    """Values of a tape as items: arrays, and calls of functions on the items before them."""

    def __init__(self, tape: ValueTape) -> None:
        self.tape = tape
        self.all: list[list[Any]] = []
        self.place: dict[Value, int] = {}
        self._room = MOST_ENTRIES

    def write(self, ends: Iterable[Value]) -> None:
        for value in reachable(ends, self.place):
            if not isinstance(value.array, tuple | list):
                self.item(value)

    def add(self, name: str, *arguments: int, **options: Any) -> int:
        wrong = f"it takes more than {MOST_CALLS:,} calls"
        require(len(self.all) < MOST_CALLS, wrong, NotDerivableError)
        self.all.append([name, arguments, options] if options else [name, arguments])
        return len(self.all) - 1

    def _constant(self, array: Any) -> int:
        array = np.asarray(array)
        require(array.dtype.kind in "biuf", f"a page has no {array.dtype}", NotDerivableError)
        content = _as_json(array)
        self._room -= array.size if "packed" in content else 1
        wrong = f"its arrays have more than {MOST_ENTRIES:,} entries"
        require(self._room >= 0, wrong, NotDerivableError)
        return self.add("array", **content)

    def item(self, value: Any) -> int:
        """The place of a value, or of a number."""
        if not isinstance(value, Value):
            value = Value(np.asarray(value), fixed=True)
        if value not in self.place:
            try:
                self.place[value] = self._written(value)
            except TypeError:
                raise _unknown(value.function, " with these options") from None
        return self.place[value]

    def _written(self, value: Value) -> int:
        function, arguments, options = value.function, value.arguments, value.keywords
        is_full = function is np.full_like and not values_in(arguments[1:])
        if function is None or value.fixed or is_full:
            return self._constant(value.array)
        if function in SPELLED:
            given, named = map_leaves(self._seen, [tuple(arguments), options])
            result = self.tape.valued(SPELLED[function](*given, **named))
            self.write([result])
            return self.item(result)
        if function is changed:
            return self._changed(*arguments)
        if function is np.einsum:
            return self._contracted(value.shape, *arguments, **options)
        if function in ROWS:
            usual = {"axis": -1} if function is np.argsort and not arguments[1:] else {}
            return self._over_rows(ROWS[function], value.shape, *arguments, **(usual | options))
        if function in MOVES:
            return self._moved(value)
        name = str(getattr(function, "__name__", function))
        of_entries = isinstance(function, np.ufunc) and function.signature is None
        known = getattr(np, name, None) is function or name in FOREIGN
        if function is np.where or (of_entries and known and not options):
            name = "logical_not" if name == "invert" and value.dtype == bool else name
            return self.add(name, *map(self.item, arguments))  # the page says if it knows it not
        raise _unknown(function)

    def _seen(self, leaf: Any) -> Any:
        return StandIn(self.tape, Memory(leaf)) if isinstance(leaf, Value) else leaf

    def _contracted(
        self, shape: tuple[int, ...], formula: str, *factors: Value, optimize: Any = None
    ) -> int:
        """np.einsum as loops over the `out` axes of the result, then over those that are summed:
        their `sizes`, and the `strides` along them of each factor."""
        terms, _, result = formula.replace(" ", "").partition("->")
        require("->" in formula, "einsum without -> is not among what it knows", NotDerivableError)
        parts = terms.split(",")
        ranks = [len(part.replace("...", "")) for part in parts]
        more = [factor.ndim - rank for factor, rank in zip(factors, ranks, strict=True)]
        letters = [part.replace("...", _dots(n)) for part, n in zip(parts, more, strict=True)]
        out = result.replace("...", _dots(max(more)))
        sizes: dict[str, int] = {}
        for axes, factor in zip(letters, factors, strict=True):
            for letter, size in zip(axes, factor.shape, strict=True):
                sizes[letter] = size if sizes.get(letter, 1) == 1 else sizes[letter]
        loops = list(dict.fromkeys([*out, *sizes]))
        loop_sizes, strides = [sizes[letter] for letter in loops], []
        for axes, factor in zip(letters, factors, strict=True):
            at = list(map(loops.index, axes))
            part = np.einsum(np.empty(factor.shape, np.int8), at, sorted({*at}))
            part = np.expand_dims(part, [k for k in range(len(loops)) if k not in at])
            strides.append(np.broadcast_to(part, loop_sizes).strides)  # of one byte an entry
        options = {"shape": shape, "sizes": loop_sizes, "out": len(out), "strides": strides}
        return self.add("contract", *map(self.item, factors), **options)

    def _over_rows(
        self,
        name: str,
        shape: tuple[int, ...],
        a: Value,
        axis: Any = None,
        keepdims: Any = None,
        dtype: Any = None,
        kind: str | None = None,
    ) -> int:
        """A function along some axes, which are brought to the end."""
        wrong = f"{name} of integers is not among the functions that it knows"
        require(np.dtype(dtype).kind == "f", wrong, NotDerivableError)
        axes = np.lib.array_utils.normalize_axis_tuple(
            tuple(range(a.ndim)) if axis is None else axis, a.ndim
        )
        places = np.arange(a.array.size).reshape(a.shape)
        places = np.moveaxis(places, axes, range(-len(axes), 0))
        kept = a.ndim - len(axes)
        places = places.reshape(math.prod(places.shape[:kept]), math.prod(places.shape[kept:]))
        rows = self.at(self.item(a), a.shape, places)
        if name not in ("cumsum", "cumprod", "argsort"):
            return self.add(name, rows, shape=shape)
        back = np.argsort(places.reshape(-1)).reshape(shape)
        return self.at(self.add(name, rows), places.shape, back)

    # ---- moving entries --------------------------------------------------------------------------

    def _moved(self, value: Value) -> int:
        """A call that only moves entries: found by moving their places."""
        which, whole, made = None, value.arguments[0], value.array
        if value.function is operator.getitem and isinstance(whole.array, tuple | list):
            value, which = value.arguments  # one of several results
        function, (first, *others), options = value.function, value.arguments, value.keywords
        if function not in MOVES:
            raise _unknown(function)
        places: dict[Value, Array] = {}
        count = 1
        for each in dict.fromkeys(values_in(first)):
            places[each] = np.arange(count, count + each.array.size).reshape(each.shape)
            count += each.array.size
        moved = map_leaves(lambda leaf: places.get(leaf, leaf) if values_in(leaf) else leaf, first)
        result = function(moved, *arrays_of(others), **arrays_of(options))
        result = np.asarray(result if which is None else result[which])
        before = np.concatenate([[0], *(np.ravel(each.array) for each in places)])
        if not np.array_equal(before.take(result, mode="clip"), made, equal_nan=True):
            raise _unknown(function, " with these options")
        parts = list(map(self.item, places))
        whole = parts[0] if len(parts) == 1 else self.add("join", *parts)
        shape = next(iter(places)).shape if len(parts) == 1 else (count - 1,)
        if all(each.fixed for each in values_in([others, options])):
            return self.at(whole, shape, result - 1)
        wrong = "it picks entries at computed places"
        require(function is operator.getitem, wrong, NotDerivableError)
        (index,) = others
        return self.add("pick", whole, self._places(shape, index, result - 1))

    def _places(self, shape: tuple[int, ...], index: Any, known: Array) -> int:
        """The places in flat order of entries at indices on the first axes, as they are known."""
        if all(each.fixed for each in values_in([index])):
            return self._indices(known)
        parts = index if isinstance(index, tuple) else (index,)
        place: Any = 0
        for part, size in zip(map(self._seen, parts), shape, strict=False):
            place = place * size + np.where(part < 0, part + size, part)
        rest = shape[len(parts) :]
        inner = np.arange(math.prod(rest)).reshape(rest)
        place = place[(..., *[None] * len(rest))] * math.prod(rest) + inner
        is_right = np.array_equal(place.array, known)
        require(is_right, "it picks entries at computed places", NotDerivableError)
        return self.item(self.tape.valued(place))

    def at(self, whole: int, shape: Any, places: Array) -> int:
        """The entries at these places in flat order; at -1 is a 0."""
        size = math.prod(shape)
        if places.shape == tuple(shape) and np.array_equal(places.reshape(-1), np.arange(size)):
            return whole
        if not places.size:
            return self._constant(np.zeros(places.shape))
        return self.add("pick", whole, self._indices(places))

    def _indices(self, places: Array) -> int:
        """Places as an array; where they lie regularly, as the first one and strides."""
        if not places.size or places.min() < 0:
            return self._constant(places)
        first = int(places.flat[0])
        seconds = [places.take(min(1, size - 1), axis) for axis, size in enumerate(places.shape)]
        strides = [int(second.flat[0]) - first for second in seconds]
        if not np.array_equal(first + np.tensordot(strides, np.indices(places.shape), 1), places):
            return self._constant(places)
        return self.add("array", shape=places.shape, first=first, strides=strides)

    def _changed(self, whole: Value, path: Any, function: Any, index: Any, new: Any = 0) -> int:
        """A copy in which entries were set, or added to."""
        adds = function == np.add.at
        wrong = "it changes an array in a way that it does not know"
        require(adds or function is operator.setitem, wrong, NotDerivableError)
        fixed = all(value.fixed for value in values_in(path))
        require(fixed, "it changes an array at computed places", NotDerivableError)
        part = part_of(np.arange(whole.array.size).reshape(whole.shape), path)
        at = part[arrays_of(index)]
        own = new.shape if isinstance(new, Value) else np.shape(new)
        spread = np.broadcast_to(np.arange(math.prod(own)).reshape(own), at.shape)
        entries = self.at(self.item(new), own, spread)
        places = self._places(whole.shape, index, at)
        return self.add("add_at" if adds else "put", self.item(whole), places, entries)


def _dots(axes: int) -> str:
    """What stands for the axes of an ellipsis, of which the last ones belong together."""
    return "9876543210"[10 - axes :]


def _unknown(function: Any, how: str = "") -> NotDerivableError:
    name = getattr(function, "__name__", function)
    return NotDerivableError(f"{name}{how} is not among the functions that it knows")


def _as_json(array: Any) -> dict[str, Any]:
    """An array as JSON has it: its bytes as float64, in base64; or one for all equal entries."""
    flat = np.ravel(np.asarray(array, np.float64))
    bits = flat.view(np.int64)  # 0 and −0 are not the same
    if flat.size > 1 and np.isfinite(flat[0]) and np.all(bits == bits[0]):
        return {"shape": np.shape(array), "all": float(flat[0])}
    return {"shape": np.shape(array), "packed": b64encode(flat.astype("<f8").tobytes()).decode()}
