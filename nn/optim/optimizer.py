"""What all optimisers share: groups of parameters, state that can be saved, and the step itself.

An optimiser is one formula, `change`, for a whole vector of parameters at once. Large parameters
are such a vector each. Small ones are joined into one, so that a layer's bias costs no round of
NumPy calls of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import Any

import numpy as np

from microgradnd import Tensor
from microgradnd.replay import being_recorded

Array = Any
Group = dict[str, Any]
State = dict[str, Any]


class Optimizer:
    """The base of all optimisers: a new one says its options and its `change`.

    >>> import numpy as np
    >>> from microgradnd import Tensor
    >>> class SignDescent(Optimizer):
    ...     def __init__(self, params, lr=0.1):
    ...         super().__init__(params, dict(lr=lr))
    ...     def change(self, values, gradient, state, group):
    ...         return group["lr"] * np.sign(gradient)
    >>> w = Tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = SignDescent([w])
    >>> np.sum(w**2).backward()
    >>> optimizer.step()
    >>> w.data
    array([ 0.9, -1.9])

    `param_groups` is a list of dictionaries, each with its `params` and its own options, which may
    be changed at any time; `state` has what the optimiser remembers about each parameter.
    """

    joined_up_to = 10_000  # entries: below it, the calls cost more than copying into one vector

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "an optimiser takes an iterable of parameters, not a single one: write [parameter]"
            )
        groups = list(params)
        if not groups:
            raise ValueError(
                "an optimiser got an empty list of parameters; if it comes from "
                "model.parameters(), that was used up already, or the model has none"
            )
        self.defaults = defaults
        self.param_groups: list[Group] = []
        self._remembered: dict[Tensor, State] = {}
        self._vectors: tuple[_Single | _Joined, ...] = ()
        self._arrangement: tuple[tuple[int, ...], ...] | None = None
        self._joins_all = False
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    # ---- one step --------------------------------------------------------------------------------

    def change(self, values: Array, gradient: Array, state: State, group: Group) -> Array:
        """What to subtract from the values, as a new array. `state` is empty at the first step."""
        raise NotImplementedError(f"{type(self).__name__} needs a method `change`")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient. A closure computes the loss, and is returned.

        No array is overwritten: the parameters get new ones, and recorded graphs stay as they were.
        """
        loss = None if closure is None else closure()
        vectors = self._arranged()
        gradients = [vector.gradient() for vector in vectors]  # or an error, before any has moved
        for vector, gradient in zip(vectors, gradients, strict=True):
            group, values = vector.group, vector.values()
            if group["maximize"]:
                gradient = -gradient
            change = self.change(values, gradient, vector.state, group)
            vector.hold(np.subtract(values, change, out=change))
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None if set_to_none or p.grad is None else np.zeros_like(p.grad)

    def _arranged(self) -> tuple[_Single | _Joined, ...]:
        """The parameters that have a gradient, in vectors; the same ones as long as they do."""
        arrangement = tuple(
            tuple([id(p) for p in group["params"] if p.grad is not None])
            for group in self.param_groups
        )
        if arrangement != self._arrangement or (being_recorded() and not self._joins_all):
            if not any(arrangement):
                raise RuntimeError(
                    "no parameter has a gradient: call loss.backward() before optimizer.step(), "
                    "with a loss that was computed from these parameters"
                )
            self._remembered = self.state
            self._joins_all = self._joins_all or being_recorded()
            self._vectors = tuple(v for g in self.param_groups for v in self._vectors_of(g))
            self._arrangement = arrangement
        return self._vectors

    def _vectors_of(self, group: Group) -> list[_Single | _Joined]:
        """Large parameters alone; small ones together where dtype and number of steps agree."""
        alone: list[_Single | _Joined] = []
        together: dict[Any, list[Tensor]] = {}
        for p in (p for p in group["params"] if p.grad is not None):
            numpys = isinstance(p.grad, np.ndarray)
            if p.ndim and not self._joins_all and (p.size > self.joined_up_to or not numpys):
                alone.append(_Single(p, group, self._remembered))
            else:
                state = self._remembered.get(p, {})
                together.setdefault((p.dtype, state.get("step"), *state), []).append(p)
        return alone + [_Joined(small, group, self._remembered) for small in together.values()]

    # ---- groups and state ------------------------------------------------------------------------

    @property
    def state(self) -> dict[Tensor, State]:
        """What is remembered about each parameter, such as its momentum."""
        found = dict(self._remembered)
        for vector in self._vectors:
            found.update(vector.states())
        return {parameter: state for parameter, state in found.items() if state}

    def add_param_group(self, param_group: Group) -> None:
        """Train more parameters, with options of their own: `{"params": [...], "lr": 0.01}`."""
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise TypeError(
                "parameter groups are dictionaries with a key 'params', such as "
                f"{{'params': [w], 'lr': 0.1}}; found {type(param_group).__name__}"
            )
        params = param_group["params"]
        listed = [params] if isinstance(params, Tensor) else list(params)
        group: Group = {"params": [p[1] if _is_named(p) else p for p in listed]}
        options = {"maximize": False, **self.defaults, **param_group}
        group |= {name: _plain(value) for name, value in options.items() if name != "params"}
        if not group["params"]:
            raise ValueError("this group has no parameters")
        if not any(getattr(p, "requires_grad", True) for p in group["params"]):
            raise ValueError(
                "none of these parameters requires a gradient: an optimiser moves leaves made with "
                "requires_grad=True, such as the parameters of a module"
            )
        seen = {id(p) for other in self.param_groups for p in other["params"]}
        for position, p in enumerate(group["params"]):
            _check_parameter(p, position)
            if id(p) in seen:
                raise ValueError(
                    f"{_called(p, position)} is given twice; it would be moved twice in a step"
                )
            seen.add(id(p))
        self.check(group)
        self.param_groups.append(group)

    def check(self, group: Group) -> None:
        """Refuse options that make no sense."""
        for name in ("lr", "momentum", "weight_decay", "eps", "alpha", "lr_decay"):
            if not group.get(name, 0) >= 0:
                raise ValueError(f"{name} must be 0 or more, not {group[name]}")
        for beta in group.get("betas", ()):
            if not 0 <= beta < 1:
                raise ValueError(f"betas must be at least 0 and less than 1, not {group['betas']}")

    def state_dict(self) -> dict[str, Any]:
        """Options and state, parameters counted from 0 through all groups; arrays are copied."""
        states = self.state
        numbers = {p: number for number, p in enumerate(self._parameters())}
        return {
            "state": {
                number: {name: _own(value) for name, value in states[p].items()}
                for p, number in numbers.items()
                if p in states
            },
            "param_groups": [
                {**group, "params": [numbers[p] for p in group["params"]]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state, also from one of PyTorch's."""
        saved, parameters = state_dict["param_groups"], self._parameters()
        here = [len(group["params"]) for group in self.param_groups]
        there = [len(group["params"]) for group in saved]
        if here != there:
            raise ValueError(
                f"the saved state has groups of {there} parameters, this optimiser of {here}"
            )
        numbers = [number for group in saved for number in group["params"]]
        remembered, wrong = {}, []
        for number, p in zip(numbers, parameters, strict=True):
            saved_state = state_dict["state"].get(number, {})
            entries = [(name, value) for name, value in saved_state.items() if value is not None]
            remembered[p] = {name: _loaded(name, value, p) for name, value in entries}
            wrong += [
                f"{name} of parameter {number} has shape {np.shape(value)}, it has {p.shape}"
                for name, value in entries
                if name != "step" and np.shape(value) != p.shape
            ]
        if wrong:
            raise ValueError("; ".join(wrong))
        for group, other in zip(self.param_groups, saved, strict=True):
            group |= {name: value for name, value in other.items() if name != "params"}
        self._remembered, self._vectors, self._arrangement = remembered, (), None

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            options = (f"    {name}: {group[name]}" for name in sorted(group) if name != "params")
            lines += [f"Parameter Group {number}", *options]
        return "\n".join([*lines, ")"])


class _Single:
    """A parameter that is moved by itself, in its own shape, with its state."""

    def __init__(self, parameter: Tensor, group: Group, remembered: dict[Tensor, State]) -> None:
        self.parameter, self.group = parameter, group
        self.state = remembered.get(parameter, {})

    def gradient(self) -> Array:
        """The gradient, not to be changed."""
        return _gradient(self.parameter)

    def values(self) -> Array:
        """The parameter, not to be changed."""
        return _values(self.parameter)

    def hold(self, values: Array) -> None:
        """Hand the new values over."""
        self.parameter.hold(values)

    def states(self) -> dict[Tensor, State]:
        """The state of each parameter."""
        return {self.parameter: self.state}


class _Joined:
    """Small parameters that are moved as one vector, with their state as vectors too."""

    def __init__(
        self, parameters: list[Tensor], group: Group, remembered: dict[Tensor, State]
    ) -> None:
        self.parameters, self.group = tuple(parameters), group
        first, *others = (remembered.get(p, {}) for p in parameters)
        self.state = {
            name: value if name == "step" else _join([value, *(state[name] for state in others)])
            for name, value in first.items()
        }

    def gradient(self) -> Array:
        """The gradients as one vector."""
        return _join(map(_gradient, self.parameters))

    def values(self) -> Array:
        """The parameters as one vector."""
        return _join(map(_values, self.parameters))

    def hold(self, values: Array) -> None:
        """Hand the new values over, each parameter its part."""
        for parameter, part in zip(self.parameters, self._split(values), strict=True):
            parameter.hold(part)

    def states(self) -> dict[Tensor, State]:
        """The state of each parameter; what is remembered per entry is in its shape."""
        states: dict[Tensor, State] = {p: {} for p in self.parameters}
        for name, value in self.state.items():
            parts = repeat(value) if name == "step" else self._split(value)
            for state, part in zip(states.values(), parts, strict=False):
                state[name] = part
        return states

    def _split(self, vector: Array) -> Iterator[Array]:
        start = 0
        for p in self.parameters:
            yield vector[start : start + p.size].reshape(p.shape)
            start += p.size


def _join(arrays: Iterable[Array]) -> Array:
    return np.concatenate([array.ravel() for array in arrays])


def _values(parameter: Tensor) -> Array:
    # `numpy()` copies nothing, but is for NumPy's own arrays.
    numpys = isinstance(parameter.grad, np.ndarray)
    return parameter.numpy() if numpys else parameter.data


def _gradient(parameter: Tensor) -> Array:
    gradient = parameter.grad
    if getattr(gradient, "shape", None) != parameter.shape or isinstance(gradient, Tensor):
        raise ValueError(
            f"the gradient of {_called(parameter)} must be a plain array of shape "
            f"{parameter.shape}; found {type(gradient).__name__} of shape {np.shape(gradient)}"
        )
    return gradient


def _own(value: Any) -> Any:
    return value.copy() if hasattr(value, "copy") else value


def _loaded(name: str, value: Any, parameter: Tensor) -> Any:
    """A number of steps, or a saved array (or tensor of PyTorch's) in the parameter's dtype."""
    return int(value) if name == "step" else np.array(np.asarray(value), parameter.dtype)


def _is_named(parameter: Any) -> bool:
    """Whether this is a pair, as `named_parameters()` gives them."""
    return isinstance(parameter, tuple) and len(parameter) == 2 and isinstance(parameter[0], str)


def _plain(option: Any) -> Any:
    """A number of NumPy's as Python's, which leaves float32 arrays what they are."""
    return option.item() if isinstance(option, np.generic) else option


def _check_parameter(parameter: Any, position: int) -> None:
    if not isinstance(parameter, Tensor):
        raise TypeError(
            f"an optimiser moves Tensors; parameter {position} is a {type(parameter).__name__}"
        )
    if parameter.operation is not None:
        raise ValueError(
            f"{_called(parameter, position)} was computed: an optimiser moves leaves made with "
            "requires_grad=True, such as the parameters of a module"
        )


def _called(parameter: Tensor, position: int | None = None) -> str:
    number = "a parameter" if position is None else f"parameter {position}"
    return f"parameter {parameter.name!r}" if parameter.name else number
