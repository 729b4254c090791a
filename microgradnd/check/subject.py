"""The function under test with its inputs: called, recorded, moved and put back."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..backward import differentiate
from ..chain_rule import Node, count_uses, leading_to, parents_first, sum_over_paths
from ..context import no_grad, recording_on, trace
from ..operators import plain as values_of
from ..tensor import Tensor, history
from ..transforms import heads_with, recorded_gradients
from ..tree import flatten
from .comparison import typical_size
from .repetition import Luck
from .rules import flat, largest_in, nudged
from .slopes import Along, Array, is_kinked

_EPSILON = float(np.finfo(np.float64).eps)


class Subject:
    """A function and its inputs. Those to be checked are Tensors, the `variables`.

    With `plain` the function is no user of the engine: arrays are handed to it as arrays.
    """

    def __init__(
        self, f: Callable[..., Any], inputs: tuple[Any, ...], generators: Any, plain: bool = False
    ) -> None:
        if not callable(f):
            raise TypeError(f"gradcheck() is of a function, not of {type(f).__name__}")
        self.f = f
        self.called = getattr(f, "__name__", getattr(f, "name", type(f).__name__))
        self.noise = 0.0  # jumps of the outputs below it are rounding
        self._luck = Luck(f, *generators)
        leaves, self._rebuild = flatten(inputs)
        self._closes_over = not _takes(f, len(inputs))
        self.variables: list[Tensor] = []
        self._handed = [self._prepared(leaf, plain) for leaf in leaves]
        self._plain = [
            isinstance(handed, Tensor) and not isinstance(leaf, Tensor) and plain
            for handed, leaf in zip(self._handed, leaves, strict=True)
        ]
        self.names = self._named(len(inputs))
        self.arrays = [variable._data for variable in self.variables]
        self.dtypes = [array.dtype for array in self.arrays]
        self._check_inputs(leaves)
        self.outputs: list[Any] = []  # recorded where the variables are

    # ---- the inputs ------------------------------------------------------------------------------

    def _prepared(self, leaf: Any, plain: bool) -> Any:
        """The Tensor to move if this input is to be checked, or else the input itself."""
        if isinstance(leaf, Tensor):
            if not leaf.requires_grad and not (plain and leaf.dtype.kind == "f"):
                return leaf
            if leaf.operation is not None and self._closes_over:
                raise ValueError(
                    f"{leaf.title} was computed, so moving it would not move what "
                    f"{self.called} closes over: give its leaves"
                )
            variable = leaf if leaf.operation is None else Tensor(leaf._data, requires_grad=True)
        elif not isinstance(leaf, float | np.ndarray | np.generic):
            return leaf
        else:
            array = np.asarray(leaf)
            if array.dtype.kind == "c":
                raise TypeError("gradcheck() is of real inputs, not of complex ones")
            if array.dtype.kind != "f" and isinstance(leaf, np.ndarray | np.generic):
                return leaf
            if self._closes_over:
                raise TypeError(
                    f"{self.called} takes no inputs, so it closes over them: give the Tensors "
                    "that it closes over, whose data can be moved, not arrays"
                )
            variable = Tensor(leaf, requires_grad=True)
        if not any(variable is known for known in self.variables):
            self.variables.append(variable)
        return variable

    def _named(self, count: int) -> list[str]:
        """A name for each variable: its own, or that of f's parameter."""
        try:
            parameters = [
                parameter.name
                for parameter in inspect.signature(self.f).parameters.values()
                if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
            ]
        except (TypeError, ValueError):
            parameters = []
        spelled = (
            parameters
            if not self._closes_over and len(parameters) >= count == len(self._handed)
            else []
        )
        names = []
        for number, variable in enumerate(self.variables):
            place = next(i for i, handed in enumerate(self._handed) if handed is variable)
            names.append(variable.name or (spelled[place] if spelled else f"input {number}"))
        return names

    def _check_inputs(self, leaves: list[Any]) -> None:
        if not self.variables:
            found = ", ".join(
                str(leaf.dtype) if hasattr(leaf, "dtype") else type(leaf).__name__
                for leaf in leaves
            )
            raise TypeError(
                f"gradcheck() has nothing to check ({found or 'no inputs'}): give float arrays, "
                "for example x.astype(float), or Tensors with requires_grad=True"
            )
        if not any(array.size for array in self.arrays):
            raise ValueError("gradcheck() has nothing to check: the inputs are empty")
        for name, array in zip(self.names, self.arrays, strict=True):
            if not isinstance(array, np.ndarray | np.generic):
                raise TypeError(f"gradcheck() needs NumPy's arrays: {name} is {type(array)}")
            if not np.isfinite(array).all():
                raise ValueError(f"the input {name} holds nan or inf: there is no slope to compare")

    # ---- calls -----------------------------------------------------------------------------------

    def _inputs(self) -> tuple[Any, ...]:
        leaves = [
            handed._data if plain else handed
            for handed, plain in zip(self._handed, self._plain, strict=True)
        ]
        return tuple(self._rebuild(leaves))

    def called_with_inputs(self, function: Callable[..., Any]) -> Any:
        """What f, or another function of the same inputs, gives now."""
        try:
            return function() if self._closes_over else function(*self._inputs())
        finally:
            self._luck.restore()

    def _call(self) -> list[Any]:
        return flatten(self.called_with_inputs(self.f))[0]

    def values(self) -> Array:
        """All the entries of what f gives now, in one vector; see `widened`."""
        return flat(tuple(map(values_of, self._call())))

    def recorded(self) -> Array:
        """Run f once for its graph, and make sure that it is a function one can differentiate."""
        values = self.checked_values()
        self.outputs = self._recorded_call()
        self._check_repeated(values, flat(tuple(map(values_of, self.outputs))))
        nodes = history(*(y for y in self.outputs if isinstance(y, Tensor)))
        self.noise = 64 * _EPSILON * max(largest_in(node._data) for node in nodes) if nodes else 0
        return values

    def _recorded_call(self) -> list[Any]:
        """Run f for its graph on copies, out of reach of rules that change what they are handed."""
        self._lent = [np.copy(array) for array in self.arrays]
        with self.with_arrays(self._lent), recording_on(), np.errstate(all="ignore"):
            return self._call()

    def is_disturbed(self) -> bool:
        """Whether the last recorded call's backward passes have changed the inputs."""
        return not all(map(np.array_equal, self._lent, self.arrays))

    def checked_values(self) -> Array:
        """What f gives, once it is clear that f can be called again and again."""
        before = self.snapshot()
        try:
            outputs = self._values_by_output()
        except TypeError:  # perhaps because f takes derivatives itself, and needs its graph for it
            self._quietly = recording_on
            outputs = self._values_by_output()
        for output in outputs:
            if output.dtype.kind not in "fiu":
                found = "None: is a return missing?" if output.item(0) is None else output.dtype
                raise TypeError(f"{self.called} returned {found}; a gradient is of real numbers")
        values = flat(tuple(outputs))
        self.check_unchanged(before, self.called)
        with self._quietly(), np.errstate(all="ignore"):
            self._check_repeated(values, self.values())
        if not values.size:
            raise ValueError(f"{self.called} returned nothing that could have a gradient")
        if not np.isfinite(values).all():
            raise ValueError(f"{self.called} gives nan or inf at these inputs{self._first_nan()}")
        return values

    _quietly: Any = no_grad  # how f is called for its values alone

    def _values_by_output(self) -> list[Array]:
        with self._quietly(), np.errstate(all="ignore"):
            return [np.asarray(values_of(output)) for output in self._call()]

    def _check_repeated(self, values: Array, again: Array) -> None:
        if not np.array_equal(values, again, equal_nan=True):
            raise ValueError(
                f"{self.called} gives different values for the same inputs: if it draws random "
                "numbers, hand over what it draws from with generator=, or seed it inside"
            )

    def _arrays_handed(self) -> list[Any]:
        handed = [leaf for leaf in self._handed if hasattr(leaf, "dtype")]
        return handed if not self._closes_over else list(self.variables)

    def snapshot(self) -> list[Array]:
        """A copy of every array that f may change."""
        return [np.array(values_of(array)) for array in self._arrays_handed()]

    def check_unchanged(self, before: list[Array], who: str) -> None:
        """Refuse who has changed the inputs in place, and put them back."""
        changed = [
            (array, was)
            for array, was in zip(self._arrays_handed(), before, strict=True)
            if not np.array_equal(values_of(array), was, equal_nan=was.dtype.kind == "f")
        ]
        for array, was in changed:
            if isinstance(array, Tensor):
                array._data = was
            else:
                array[...] = was
        if changed:
            raise ValueError(
                f"{who} changes {self._name_of(changed[0][0])} in place, so it cannot be called "
                "again for differences: let it work on a copy"
            )

    def _name_of(self, handed: Any) -> str:
        for name, variable in zip(self.names, self.variables, strict=True):
            if handed is variable:
                return name
        return "an input"

    def _first_nan(self) -> str:
        try:
            with recording_on(), trace(), np.errstate(all="ignore"):
                self._call()
        except FloatingPointError as error:
            return f": {error}"
        return ""

    def traced(self) -> list[Any]:
        """The outputs, recorded with source lines where nothing is nan."""
        try:
            with trace():
                return self._recorded_call()
        except FloatingPointError:
            return self._recorded_call()

    # ---- gradients -------------------------------------------------------------------------------

    def gradients(self, weights: Array) -> list[Array]:
        """For each variable its gradients, one for each row of weights of the outputs."""
        return _gradients(self.outputs, self.variables, weights)

    def gradients_now(self, weights: Array) -> list[Array]:
        """The same for a new graph, where the variables are now."""
        return _gradients(self.outputs_now(), self.variables, weights)

    def outputs_now(self) -> list[Any]:
        """What f gives where the variables are now, with its graph."""
        with recording_on(), np.errstate(all="ignore"):
            return self._call()

    def rounding(self, weights: Array, given: list[Array]) -> Callable[[int], Array]:
        """For the k-th variable, how far its gradient moves when all numbers do by their last bit.

        Those are the variables, and what each path contributes on the way.
        """

        def gradients() -> list[Array]:
            return _gradients(self.outputs_now(), self.variables, weights, _differentiate_roughly)

        beside = functools.cache(lambda: self.a_bit_beside(gradients, given))
        return lambda k: apart(beside()[k], given[k])

    def a_bit_beside(self, gradients: Callable[[], list[Any]], given: list[Any]) -> list[Any]:
        """Gradients got in any way, `given` here, where all variables moved by their last bit."""
        nudged_arrays = [nudged(array) for array in self.arrays]
        with self.with_arrays(nudged_arrays), contextlib.suppress(Exception):
            return gradients()
        return given  # f is not defined there

    def differentiated(self) -> Subject:
        """The subject whose function is a slope of this one's gradient."""
        rng = np.random.default_rng(0)
        weights = rng.normal(size=sum(np.size(values_of(y)) for y in self.outputs))
        directions = [rng.normal(size=variable.shape) for variable in self.variables]

        def derivative() -> Any:
            with recording_on():
                outputs = self._call()
                heads = heads_with(*seeded(outputs, weights))
                slopes = recorded_gradients(heads, self.variables)
                return sum(np.sum(s * d) for s, d in zip(slopes, directions, strict=True))

        subject = Subject(derivative, tuple(self.variables), ())
        subject.called = f"the derivative of {self.called}"
        subject.names = [f"{name}, 2nd order" for name in self.names]
        return subject

    # ---- moving ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def with_arrays(self, arrays: list[Array]) -> Iterator[list[Array]]:
        """Inside, the variables hold these arrays, and afterwards what they held before."""
        before = [variable._data for variable in self.variables]
        try:
            for variable, array in zip(self.variables, arrays, strict=True):
                variable._data = array
            yield arrays
        finally:
            for variable, array in zip(self.variables, before, strict=True):
                variable._data = array

    @contextlib.contextmanager
    def widened(self) -> Iterator[list[Array]]:
        """Inside, the variables hold float64 arrays, which are given, to be moved at will.

        Nothing is recorded, and nobody warns of what is not finite.
        """
        wide = [np.array(array, float, order="C") for array in self.arrays]
        with self._quietly(), np.errstate(all="ignore"), self.with_arrays(wide):
            yield wide

    def is_kinked(self) -> bool:
        """Whether f has no derivative by all the variables together, here."""
        with self.widened() as arrays:
            here = [np.copy(array) for array in arrays]
            weights = np.random.default_rng(0).normal(size=self.values().shape)

            def along(direction: Array) -> Along:
                def values(distance: float) -> Array:
                    end = 0
                    for array, start in zip(arrays, here, strict=True):
                        end += array.size
                        part = direction[end - array.size : end].reshape(array.shape)
                        array[...] = start + distance * typical_size(start) * part
                    try:
                        return np.atleast_1d(weights @ self.values())
                    except Exception:  # whatever somebody's function may raise outside its domain
                        return np.full(1, np.nan)

                return values

            return is_kinked(along, sum(array.size for array in arrays))

    def beside(self, seed: int = 0) -> Subject:
        """This subject a little further on: its variables have to be given its arrays first."""
        rng = np.random.default_rng(seed)
        other = copy.copy(self)
        other.arrays = [
            (a + 1e-3 * typical_size(a) * rng.normal(size=a.shape)).astype(a.dtype)
            for a in self.arrays
        ]
        return other

    def __enter__(self) -> Subject:
        self._around = self.with_arrays(self.arrays)
        self._around.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._around.__exit__(*error)


def _takes(f: Callable[..., Any], count: int) -> bool:
    """Whether f can be called with so many arguments, or must be called with none."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*range(count))
    except TypeError:
        try:
            signature.bind()
        except TypeError:
            return True  # neither way: the call itself says what is wrong
        return False
    return True


def apart(one: Array, other: Array) -> Array:
    """How far two gradients are from each other, entry by entry."""
    return np.nan_to_num(np.abs(one - other))  # type: ignore[no-any-return]


def seeded(outputs: list[Any], weights: Array) -> tuple[list[Tensor], list[Array]]:
    """The outputs that have a history, and for each its part of the weights as a gradient."""
    heads, seeds, start = [], [], 0
    for y in outputs:
        size = np.size(values_of(y))
        if isinstance(y, Tensor) and y.requires_grad:
            heads.append(y)
            seeds.append(np.reshape(weights[start : start + size], y.shape))
        start += size
    return heads, seeds


def _gradients(
    outputs: list[Any], variables: list[Tensor], weights: Array, walk: Any = differentiate
) -> list[Array]:
    parts: list[list[Array]] = [[] for _ in variables]
    for row in weights:
        with np.errstate(all="ignore"):
            found = walk(heads_with(*seeded(outputs, row)), set(variables))
        for part, variable in zip(parts, variables, strict=True):
            part.append(found.get(variable, np.zeros(variable.shape)).astype(float))
    return [np.stack(part) for part in parts]


def _differentiate_roughly(heads: dict[Node, Any], targets: set[Node]) -> dict[Node, Any]:
    """The gradients of the targets, if each contribution to one is off by its last bit."""

    def apply_rule(node: Node, position: int, gradient: Any) -> Any:
        rule = node.operation.rules[position]
        return nudged(rule(gradient, *node.arrays, **node.keywords))

    uses = count_uses(heads, leading_to(targets, parents_first(heads)))
    return sum_over_paths(heads, uses, targets, apply_rule)
