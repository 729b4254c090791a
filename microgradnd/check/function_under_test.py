"""The function under test with its inputs: called, recorded, differentiated and moved."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays import Array
from ..backward import differentiate
from ..context import holding, trace
from ..habits import require
from ..operators import plain
from ..random_state import Snapshot, common_generators, is_generator, shared_generators
from ..tensor import Tensor
from ..transforms import recorded_gradients
from ..tree import flatten
from .comparison import Claim, is_float, widened
from .rule import closed_over, flat, is_recorded


class FunctionUnderTest:
    """A function and its inputs; those to be checked are Tensors, the `variables`."""

    def __init__(
        self,
        f: Callable[..., Any],
        inputs: tuple[Any, ...],
        generator: Any = None,
        as_arrays: bool = False,
    ) -> None:
        require(callable(f), f"gradcheck() expected a function, got {type(f).__name__}", TypeError)
        self.f = f
        self.title = getattr(f, "__name__", getattr(f, "name", type(f).__name__))
        around = [*flatten(generator)[0], *closed_over(f)]
        random = [*common_generators(), *shared_generators, *filter(is_generator, around)]
        self._random, self._is_first_call = Snapshot(random), True
        models = [thing for thing in around if callable(getattr(thing, "buffers", None))]
        self._buffers = [(b, b.copy()) for model in models for b in model.buffers()]

        self._leaves, self._rebuild = flatten(inputs)
        self.form = inputs[0] if len(inputs) == 1 else inputs
        self.as_arrays = as_arrays
        closes_over = _parameters(f, inputs) is None and _parameters(f, ()) is not None
        self._inputs = [self._prepared(leaf, closes_over) for leaf in self._leaves]
        self.variables: list[Tensor] = list(dict.fromkeys(filter(self._is_checked, self._inputs)))
        self.arrays: list[Array] = [plain(variable) for variable in self.variables]
        if closes_over:
            self._rebuild = lambda _: ()
        parameters = _parameters(f, self._rebuild(self._inputs)) or {}
        named = {id(value): name for name, value in parameters.items()}
        self.names = [
            variable.name or named.get(id(variable), f"input {k}")
            for k, variable in enumerate(self.variables)
        ]
        if not self.variables:
            kinds = [str(getattr(leaf, "dtype", type(leaf).__name__)) for leaf in self._leaves]
            raise TypeError(
                f"gradcheck() has nothing to check ({', '.join(kinds) or 'no inputs'}): use float "
                "arrays, for example x.astype(float), Tensors with requires_grad=True, or all "
                "parameters of a model, *model.parameters()"
            )
        entries = sum(array.size for array in self.arrays)
        require(entries, "gradcheck() has nothing to check: the inputs are empty")
        for name, array in zip(self.names, self.arrays, strict=True):
            found = f"input {name}: expected NumPy's array, got {type(array)}"
            require(isinstance(array, np.ndarray | np.generic), found, TypeError)
            found = f"the input {name} holds nan or inf: there is no slope to compare"
            require(np.isfinite(array).all(), found)

    def _is_checked(self, value: Any) -> bool:
        if not isinstance(value, Tensor):
            return False
        return value.requires_grad or (self.as_arrays and value.dtype.kind == "f")

    def _prepared(self, leaf: Any, closes_over: bool) -> Any:
        """The Tensor to move if this input is to be checked, or else the input itself."""
        is_leaf = isinstance(leaf, Tensor) and leaf.operation is None
        if is_leaf or not (isinstance(leaf, float) or is_float(leaf) or self._is_checked(leaf)):
            return leaf
        if closes_over:
            found = leaf.title if isinstance(leaf, Tensor) else type(leaf).__name__
            raise TypeError(
                f"{self.title} takes no inputs, so it closes over them: expected the leaves "
                f"that it closes over, Tensors whose data can be moved, got {found}"
            )
        return Tensor(plain(leaf), requires_grad=True)

    # ---- calls -----------------------------------------------------------------------------------

    def call(self, function: Callable[..., Any], careful: str = "") -> Any:
        """The result of f, or of another function of the same inputs, where the variables are.

        Refused if it changes them in place; a careful call, which names the function, sees it all.
        """
        before = list(map(plain, self.variables))
        held = list(map(np.copy, before)) if careful else before
        try:
            with holding(self.variables, held):
                pairs = zip(self._inputs, self._leaves, strict=True)
                as_given = (x if isinstance(leaf, Tensor) else plain(x) for x, leaf in pairs)
                result = function(*self._rebuild(as_given if self.as_arrays else self._inputs))
                after = list(map(plain, self.variables))  # copies, perhaps, made by .data
        finally:
            if self._is_first_call:  # the later ones draw from the same generators
                states = self._random.states
                self._random.states = {g: states[g] for g in self._random.moved()}
                self._is_first_call = False
            self._random.restore()
            for buffer, was in self._buffers:
                buffer[...] = was
        for name, was, *now in zip(self.names, before, held, after, strict=True) if careful else ():
            changed = f"{careful} changes {name} in place, so it cannot be called again"
            unchanged = all(np.array_equal(was, array) for array in now)
            require(unchanged, f"{changed} for differences: let it work on a copy")
        return result

    def outputs(self) -> list[Any]:
        """The outputs of f where the variables are, Tensors or whatever f returns."""
        return flatten(self.call(self.f))[0]

    def values(self) -> Array:
        """All entries of the outputs in one vector."""
        return flat(list(map(plain, self.outputs())))

    def checked_values(self) -> Array:
        """The values of f, once it is clear that f can be called again and again."""
        result = self.call(self.f, careful=self.title)
        outputs = list(map(np.asarray, map(plain, flatten(result)[0])))
        for output in outputs:
            if output.dtype.kind not in "fiu":
                found = "None: is a return missing?" if output.item(0) is None else output.dtype
                raise TypeError(f"{self.title} returned {found}; a gradient is of real numbers")
        values = flat(outputs)
        require(
            np.array_equal(values, self.values(), equal_nan=True),
            f"{self.title} returns different values for the same inputs: if it draws random "
            "numbers, pass what it draws from as generator=, or seed it inside; it must not "
            "change what it computes with",
        )
        require(values.size, f"{self.title} returned nothing that could have a gradient")
        if not np.isfinite(values).all():
            text = f"{self.title} gives nan or inf at these inputs"
            try:
                with trace():
                    self.outputs()
            except FloatingPointError as error:
                text += f": {error}"
            raise ValueError(text)
        return values

    # ---- derivatives -----------------------------------------------------------------------------

    def vector(self) -> Any:
        """All entries of the outputs in one vector, with their history."""
        return np.concatenate([np.ravel(output) for output in self.outputs()])

    @contextlib.contextmanager
    def on_copies(self) -> Iterator[list[Array]]:
        """Inside, the variables hold copies of their arrays, which no graph shares."""
        copies = [np.copy(plain(variable)) for variable in self.variables]
        with holding(self.variables, copies):
            yield copies

    def gradients(self, weights: Array, change: Any = None) -> list[Array]:
        """Gradients by row of weights, the results of rules after this change."""
        before, rows = list(map(plain, self.variables)), []
        visit = (lambda *use: change(use[-1])) if change else None
        with self.on_copies() as copies:
            vector = self.vector()
            for row in weights:
                found = differentiate(heads(vector, row), set(self.variables), visit=visit)
                rows.append([plain(found.get(x, np.zeros(x.shape))) for x in self.variables])
        unchanged = all(map(np.array_equal, copies, before))
        require(unchanged, "a rule changes the inputs in place", RuntimeError)
        return [np.stack(parts).astype(float) for parts in zip(*rows, strict=True)]

    @contextlib.contextmanager
    def claim(self, weights: Array) -> Iterator[Claim]:
        """Inside, the variables hold float64 arrays, and their gradients are a claim to compare."""
        wide = [widened(array) for array in self.arrays]
        with holding(self.variables, wide):
            yield Claim(wide, weights, self.values, functools.partial(self.gradients, weights))

    def derivative(self) -> FunctionUnderTest:
        """A slope of this function's gradient, as a function of the same variables."""
        rng = np.random.default_rng(0)
        weights = rng.normal(size=self.values().size)
        directions = [rng.normal(size=variable.shape) for variable in self.variables]

        def slope() -> Any:
            slopes = recorded_gradients(heads(self.vector(), weights), self.variables)
            return sum(np.sum(s * d) for s, d in zip(slopes, directions, strict=True))

        function = FunctionUnderTest(slope, tuple(self.variables))
        function.title = f"the derivative of {self.title}"
        function.names = [f"{name}, 2nd order" for name in self.names]
        return function


def heads(vector: Any, weights: Any) -> dict[Any, Any]:
    """Where a backward pass starts: nowhere, if nothing was recorded."""
    return {vector: weights.astype(vector.dtype)} if is_recorded(vector) else {}


def _parameters(f: Callable[..., Any], inputs: Any) -> dict[str, Any] | None:
    """The inputs by the names of f's parameters; None if f does not take them, as is known."""
    try:
        return inspect.signature(f).bind(*inputs).arguments
    except ValueError:  # not written in Python
        return {}
    except TypeError:
        return None
