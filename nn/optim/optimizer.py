"""What all optimisers share: groups of parameters, state that can be saved, and the step itself.

An optimiser is one formula, `change`, for a whole vector of parameters at once. Large parameters
are such a vector each. Small ones are joined into one, so that a layer's bias costs no round of
NumPy calls of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from microgradnd import Tensor
from microgradnd.arrays import Array, in_dtype, on_host, parts_of
from microgradnd.habits import OPTIONS, at_least, instead, option_instead, require
from microgradnd.operators import beside
from microgradnd.program import being_recorded

Group = dict[str, Any]
Parameters: TypeAlias = Iterable[Any]  # Tensors, or their names with them, or groups of them
State = dict[str, Any]
_NOT_NEGATIVE = "lr", "momentum", "weight_decay", "eps", "alpha", "lr_decay", "momentum_decay"
NUMBERS: dict[str, Any] = {"step": int, "mu_product": float}  # in a state; all else is arrays


class Optimizer:
    """The base of all optimisers; a subclass declares its options and its `change`.

    `param_groups` is a list of dictionaries, each with its `params` and its own options, which may
    be changed at any time; `state` has what the optimiser remembers about each parameter.

    Arguments:
        params: parameters, as they are or with their names, or a list of groups of them.
        defaults: the options of each group that has no others, by name.

    >>> class SignDescent(Optimizer):
    ...     def __init__(self, params, lr=0.1):
    ...         super().__init__(params, dict(lr=lr))
    ...     def change(self, values, gradient, state, group):
    ...         return group["lr"] * np.sign(gradient)
    >>> w = Tensor([1.0, -2.0], requires_grad=True)
    >>> np.sum(w**2).backward()
    >>> SignDescent([w]).step()
    >>> w.data
    array([ 0.9, -1.9])
    """

    # Entries; below, the calls cost more than copying into one vector. None: it takes no vectors.
    joined_up_to: int | None = 10_000

    def __init__(self, params: Parameters, defaults: dict[str, Any]) -> None:
        single = "expected an iterable of parameters, got a single one: use [parameter]"
        require(not isinstance(params, Tensor), single, TypeError)
        groups = listed(params)
        used_up = "if it comes from model.parameters(), that was used up already, or there are none"
        require(groups, f"expected parameters, got an empty list; {used_up}")
        itself = any(option is self for option in defaults.values())
        require(not itself, "expected the options by name, such as dict(lr=lr), got locals()")
        self.defaults, self.param_groups = dict(defaults), list[Group]()
        self._joins_all = False
        self._remember({})
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def _remember(self, states: dict[Tensor, State]) -> None:
        """Goes on from these states of the parameters, which are yet to be arranged."""
        self._remembered, self._vectors = states, tuple[_Vector, ...]()
        self._arrangement: tuple[Any, ...] | None = None

    def change(self, values: Array, gradient: Array, state: State, group: Group) -> Array:
        """Returns what is subtracted from the values, as a new array. `state` begins empty."""
        raise NotImplementedError(f"{type(self).__name__} needs a method `change`")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves every parameter that has a gradient, and returns the loss if a closure computes it.

        No array is overwritten: the parameters get new ones, and recorded graphs stay as they were.
        """
        loss, change_of = None, self.change
        if closure is not None:
            found = f"got {type(closure).__name__}; use loss.backward(), then optimizer.step()"
            expected = "expected a function that computes the loss"
            require(callable(closure), f"{expected}, {found}", TypeError)
            loss = closure()
        for vector in self._arranged():
            group, p = self.param_groups[vector.number], vector.alone
            if p is None:
                values = one_vector(p._array for p in vector.parameters)
                gradient = one_vector(p._grad for p in vector.parameters)
            else:
                values, gradient = p._array, p._grad
            if group["maximize"]:
                gradient = -gradient
            change = change_of(values, gradient, vector.state, group)
            news = np.subtract(values, change, change if change.dtype is values.dtype else None)
            if p is not None:
                p.hold(news)
            else:
                for p, part in vector.split(news):
                    p.hold(part)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Deletes the gradients, or sets them to zeros."""
        for p in self._parameters():
            p._grad = None if set_to_none or p._grad is None else np.zeros_like(p._grad)

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _arranged(self) -> tuple[_Vector, ...]:
        """The parameters that have a gradient, in vectors: large ones alone, small ones together
        where group, dtype and number of steps agree; the same vectors as long as they do."""
        arrangement = tuple(  # which replay() need not compare entry by entry, unlike lists
            tuple([(id(p), p._array.dtype) for p in group["params"] if p._grad is not None])
            for group in self.param_groups
        )
        recorded, most = being_recorded(), self.joined_up_to
        if arrangement == self._arrangement and (self._joins_all or not recorded):
            return self._vectors
        call = "call loss.backward() before optimizer.step(), with a loss of these parameters"
        require(any(arrangement), f"no parameter has a gradient: {call}", RuntimeError)
        self._remembered, self._joins_all = self.state, self._joins_all or recorded
        together: dict[Any, list[Tensor]] = {}
        for number, group in enumerate(self.param_groups):
            for p in (p for p in group["params"] if p.grad is not None):
                state = self._remembered.get(p, {})
                large = most is None or p.size > most or not isinstance(p.grad, np.ndarray)
                alone = p.ndim and large and not (self._joins_all and most is not None)
                alike = id(p) if alone else (p.dtype, *map(state.get, NUMBERS), *state)
                together.setdefault((number, alike), []).append(p)
        self._vectors = tuple(
            _Vector(number, tuple(parameters), self._remembered)
            for (number, _), parameters in together.items()
        )
        self._arrangement = arrangement  # last, as Ctrl-C may come at any time
        return self._vectors

    def add_param_group(self, param_group: Group) -> None:
        """Adds parameters with options of their own: `{"params": [...], "lr": 0.01}`."""
        form = "expected a group as a dictionary with a key 'params', such as {'params': [w]}"
        grouped = isinstance(param_group, dict) and "params" in param_group
        require(grouped, f"{form}, got {type(param_group).__name__}", TypeError)
        given = listed(param_group["params"])
        tensors = [p[1] if isinstance(p, tuple) and len(p) == 2 else p for p in given]  # if named
        for name in (param_group.keys() - self.defaults.keys()) & OPTIONS.keys():
            meant = option_instead(name, self.defaults)
            require(not meant, f"a group has no option {name!r}{meant}", TypeError)
        options = {"maximize": False, **self.defaults, **param_group, "params": tensors}
        # NumPy's numbers become Python's, which leave float32 arrays what they are.
        group = {k: v.item() if isinstance(v, np.generic) else v for k, v in options.items()}
        require(tensors, "this group has no parameters")
        leaves = "an optimiser moves leaves made with requires_grad=True, such as a module's"
        moving = any(getattr(p, "requires_grad", True) for p in tensors)
        require(moving, f"none of these parameters requires a gradient: {leaves}")
        seen = {*map(id, self._parameters())}
        for n, p in enumerate(tensors):
            found = f"expected Tensors, got parameter {n}: {type(p).__name__}"
            require(isinstance(p, Tensor), found, TypeError)
            name = f"parameter {n if p.name is None else repr(p.name)}"
            require(p.operation is None, f"{name} was computed: {leaves}")
            require(id(p) not in seen, f"{name} is given twice; it would be moved twice in a step")
            seen.add(id(p))
        self.check(group)
        self.param_groups.append(group)

    def check(self, group: Group) -> None:
        """Raises an error for options that make no sense."""
        at_least(0.0, **{name: group[name] for name in _NOT_NEGATIVE if name in group})
        betas = group.get("betas", (0, 0))
        right = np.shape(betas) == (2,) and all(0 <= beta < 1 for beta in betas)
        require(right, f"betas must be two numbers, at least 0 and below 1, got {betas}")

    def __setattr__(self, name: str, value: Any) -> None:
        groups = vars(self).get("param_groups", ())
        if groups and name in self.defaults and any(group[name] != value for group in groups):
            option = f"optimizer.param_groups[0][{name!r}] = {value!r}"
            raise AttributeError(f"options are in the groups: use {option}")
        super().__setattr__(name, value)

    if not TYPE_CHECKING:  # which knows the attributes

        def __getattr__(self, name: str) -> Any:
            meant = "" if name[0] == "_" else instead(name, dir(type(self)), None)
            if name in vars(self).get("defaults", ()):
                meant = f"; use optimizer.param_groups[0][{name!r}]"
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{meant}")

    @property
    def state(self) -> dict[Tensor, State]:
        """Returns what is remembered about each parameter, such as its momentum."""
        found = dict(self._remembered)
        for vector in self._vectors:
            found |= vector.states()
        return {parameter: state for parameter, state in found.items() if state}

    def state_dict(self) -> dict[str, Any]:
        """Returns copies of options and state; parameters are counted through all groups."""
        states, numbers = self.state, {p: n for n, p in enumerate(self._parameters())}
        groups = [g | {"params": [numbers[p] for p in g["params"]]} for g in self.param_groups]
        state = {n: copy.deepcopy(states[p]) for p, n in numbers.items() if p in states}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a saved state, also from one of PyTorch's."""
        form = isinstance(state_dict, dict) and {"state", "param_groups"} <= state_dict.keys()
        require(form, f"expected an optimiser's state_dict(), got {state_dict!r:.80}", TypeError)
        saved, states, wrong = state_dict["param_groups"], dict[Tensor, State](), list[str]()
        here, there = ([len(g["params"]) for g in each] for each in (self.param_groups, saved))
        require(here == there, f"expected a state of groups of {here} parameters, got {there}")
        numbers = (number for group in saved for number in group["params"])
        for p, number in zip(self._parameters(), numbers, strict=True):
            given, states[p] = state_dict["state"].get(number, {}), {}
            for name, value in given.items():
                if name in NUMBERS:
                    states[p][name] = NUMBERS[name](value)
                elif value is not None:
                    array = np.array(on_host(value), p.dtype)
                    states[p][name] = beside(array, p)
                    where = f"expected {name} of parameter {number} in shape {p.shape}"
                    wrong += [f"{where}, got {array.shape}"] * (array.shape != p.shape)
        require(not wrong, "; ".join(wrong))
        for group, other in zip(self.param_groups, saved, strict=True):
            group |= {name: value for name, value in other.items() if name != "params"}
        self._remember(states)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            options = (f"    {name}: {group[name]}" for name in sorted(group) if name != "params")
            lines += [f"Parameter Group {number}", *options]
        return "\n".join([*lines, ")"])


class _Vector:
    """Parameters of the group of this number that are moved at once: one alone in its own shape, or
    several as one vector."""

    def __init__(
        self, number: int, parameters: tuple[Tensor, ...], remembered: dict[Tensor, State]
    ) -> None:
        self.number, self.parameters = number, parameters
        single = len(parameters) == 1 and parameters[0].ndim > 0  # else a vector has an axis
        self.alone = parameters[0] if single else None
        self.state = {**remembered.get(parameters[0], {})}
        for name in self.state.keys() - NUMBERS.keys():  # a model may have got another dtype
            parts = [in_dtype(remembered[p][name], p.dtype) for p in parameters]
            self.state[name] = parts[0] if single else one_vector(parts)

    def split(self, vector: Array) -> Iterable[tuple[Tensor, Array]]:
        """The parameters, each with its part in its shape."""
        if self.alone is not None:
            return ((self.alone, vector),)
        return zip(self.parameters, parts_of(vector, self.parameters), strict=True)

    def states(self) -> dict[Tensor, State]:
        """The state of each parameter; what is remembered per entry has its shape."""
        states: dict[Tensor, State] = {p: {} for p in self.parameters}
        for name, value in self.state.items():
            same = ((p, value) for p in self.parameters)
            for p, part in same if name in NUMBERS else self.split(value):
                states[p][name] = part
        return states


def one_vector(arrays: Iterable[Array]) -> Array:
    return np.concatenate([array.ravel() for array in arrays])


def listed(parameters: Any) -> list[Any]:
    """Parameters, one or several, as a list."""
    found = f"got {type(parameters).__name__}: use model.parameters()"
    right = isinstance(parameters, Iterable) and not callable(parameters)
    require(right, f"expected parameters, {found}", TypeError)
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


def accumulate(state: State, name: str, factor: float, news: Array) -> Any:
    """Computes state[name] ← factor · state[name] + news in place; it begins at 0."""
    if name in state:
        state[name] *= factor
        state[name] += news
    else:
        state[name] = news.copy()
    return state[name]


# ---- clipping, for `nn.utils` ------------------------------------------------------------------


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Shortens the gradients, taken together as one vector, and returns the length they had.

    Arguments:
        parameters: the parameters whose gradients are shortened.
        max_norm: length to which they are shortened if they are longer.
        norm_type: p of the norm, also `inf`.
        error_if_nonfinite: whether to raise an error where the length is inf or nan.

    >>> import nn
    >>> w = Tensor([3.0, 4.0], requires_grad=True)
    >>> np.sum(w * w).backward()
    >>> nn.utils.clip_grad_norm_([w], max_norm=5.0)
    10.0
    >>> w.grad.round(4)
    array([3., 4.])
    """
    moving, p = _with_gradients(parameters), float(norm_type)
    largest = max((float(np.max(np.abs(w.grad))) for w in moving), default=0.0)
    # In float64, relative to the largest entry, so that what is squared does not overflow.
    unit = np.float64(largest if p and 0 < largest < np.inf else 1)
    lengths = [float(np.linalg.norm(np.ravel(w.grad) / unit, p)) for w in moving]
    total = float(unit * np.linalg.norm(lengths, p)) if moving else 0.0
    finite = np.isfinite(total) or not error_if_nonfinite
    require(finite, f"the norm of the gradients is {total}", RuntimeError)
    shrink = float(max_norm) / (total + 1e-6)  # as PyTorch has it, so that no norm divides by 0
    if not shrink >= 1:
        for each in moving:
            each.grad = each.grad * shrink
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clips every entry of the gradients to between -clip_value and clip_value.

    >>> import nn
    >>> w = Tensor([0.1, -4.0], requires_grad=True)
    >>> np.sum(w * w).backward()
    >>> nn.utils.clip_grad_value_([w], clip_value=1.0)
    >>> w.grad
    array([ 0.2, -1. ])
    """
    at_least(0.0, clip_value=clip_value)
    for p in _with_gradients(parameters):
        p.grad = np.clip(p.grad, -float(clip_value), float(clip_value))


def _with_gradients(parameters: Tensor | Iterable[Tensor]) -> list[Any]:
    return [p for p in listed(parameters) if p.grad is not None and p.grad.size]
