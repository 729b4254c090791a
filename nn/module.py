"""Parameters, and the modules that hold them.

A module's attributes are its only store: those that are Parameters are its parameters, those that
are Modules its children.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np

from microgradnd import Tensor
from microgradnd.arrays import Array, ArrayLike, on_host
from microgradnd.habits import require
from microgradnd.operators import beside
from microgradnd.tree import leaves_of

from .hooks import Hooked
from .init import Parameter as Parameter
from .init import misfits

Self = TypeVar("Self", bound="Module")
Kind = TypeVar("Kind")

_HIDING = list, tuple, dict  # attributes in which parts are not found
# The ids of the Tensors that stand in for Parameters while functional_call runs.
_stand_ins: ContextVar[frozenset[int]] = ContextVar("stand_ins", default=frozenset())


class Module(Hooked):
    """A part of a network: its parameters, and a method `forward` that computes its output.

    Parameters and modules that are assigned to attributes are found. Call the module rather than
    `forward`: the call opens a scope with the module's name and runs its hooks.

    >>> class Scale(Module):
    ...     def __init__(self, factor):
    ...         self.factor = Parameter(factor)
    ...
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> scale = Scale(3.0)
    >>> scale(np.array([1.0, 2.0])), scale.state_dict()
    (Tensor([3., 6.], operation='multiply'), {'factor': array(3.)})
    """

    # What a module has before anything is assigned; a subclass need not call super().__init__().
    training: bool = True
    _buffers: Mapping[str, bool] = {}  # the names, and whether they are saved
    _switches: bool = True  # whether train() and eval() may change what it computes
    _option_names: tuple[str, ...] = ()  # the arguments of the constructor that the repr shows

    def __setattr__(self, name: str, value: Any) -> None:
        held = vars(self).get(name)
        for kind in (Parameter, Module):
            if isinstance(held, kind) and not (value is None or isinstance(value, kind)):
                expected = f"{self._where()}.{name}: expected a {kind.__name__}"
                change = f"; to change its values, write {name}.data = ..." * (kind is Parameter)
                raise TypeError(f"{expected}, got {type(value).__name__}{change}")
        if name in self._formulas:
            raise TypeError(f"{self._where()}.{name} is computed; change what it is computed from")
        if name in self._buffers and value is not None:
            foreign = hasattr(value, "__array_function__") and not isinstance(value, Tensor)
            value = value if foreign else np.array(value)  # which refuses to drop a gradient
        super().__setattr__(name, value)
        if isinstance(value, Module):
            self._place()
        elif isinstance(value, Parameter) and value.path is None:
            value._place(_join(self._path, name))

    def _place(self) -> None:
        """Updates the places and names of all modules and parameters inside."""
        for path, module in self.named_modules(self._path):
            key = path.rpartition(".")[2]
            heading = f"{type(module).__name__}{key}" if key.isdigit() else key
            vars(module).update(_path=path, _heading=heading)
        for path, parameter in self.named_parameters(self._path):
            parameter._place(path)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Assigns a Parameter to an attribute; None if the module has none of this name."""
        self._register(name, param, Parameter)

    def get_submodule(self, target: str) -> Module:
        """Returns the module at a path, such as "encoder.0"."""
        return self._at(target, self.named_modules(remove_duplicate=False))

    def get_parameter(self, target: str) -> Parameter:
        """Returns the parameter at a path, such as "encoder.0.weight"."""
        return self._at(target, self.named_parameters())

    def get_buffer(self, target: str) -> Array:
        """Returns the buffer at a path, such as "encoder.0.running_mean"."""
        return self._at(target, self.named_buffers(remove_duplicate=False))

    def _at(self, target: str, named: Iterable[tuple[str, Kind]]) -> Kind:
        places = dict(named)
        if target not in places:
            raise AttributeError(f"{self._where()} has no {target!r}; it has {', '.join(places)}")
        return places[target]

    def add_module(self, name: str, module: Module | None) -> None:
        """Assigns a module to an attribute, whose name may also be a number."""
        if not isinstance(module, Module | None):  # of a Module no repr is made, which may be long
            raise TypeError(f"{name!r}: expected a Module, got {type(module).__name__}: {module!r}")
        self._register(name, module, Module)

    def register_buffer(self, name: str, tensor: ArrayLike | None, persistent: bool = True) -> None:
        """Adds an array, or None for now, that is not learned, such as a running mean; unless
        `persistent` is False it is part of the `state_dict`."""
        buffers = {**self._buffers, name: persistent}
        self._register(name, tensor, object if name in self._buffers else (), _buffers=buffers)

    def _register(self, name: str, value: Any, may_replace: Any, **more: object) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"{self._where()}: expected a name without dots, got {name!r}")
        held = vars(self)[name] if name in vars(self) else getattr(type(self), name, None)
        if held is not None and not isinstance(held, may_replace):
            raise ValueError(f"{type(self).__name__} already has an attribute {name!r}")
        vars(self).update(more)
        setattr(self, name, value)

    def _held(self, kind: type[Any]) -> dict[str, Any]:
        """The attributes of one kind."""
        return {key: value for key, value in vars(self).items() if isinstance(value, kind)}

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Iterates over the modules held directly, each once, with their names."""
        return _once(self._held(Module).items())

    def children(self) -> Iterator[Module]:
        """Iterates over the modules held directly."""
        return (child for _, child in self.named_children())

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Iterates over this module and all inside, with their paths, each before its children."""
        seen: set[int] = set()

        def walk(path: str, module: Module) -> Iterator[tuple[str, Module]]:
            if not (remove_duplicate and id(module) in seen):
                seen.add(id(module))
                yield path, module
                for key, child in module._held(Module).items():
                    yield from walk(_join(path, key), child)

        return walk(prefix, self)

    def modules(self) -> Iterator[Module]:
        """Iterates over this module and all modules inside."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Iterates over the Parameters with their paths; one that is used twice comes once."""
        places = self._places(prefix, recurse, remove_duplicate)
        named = ((path, held) for path, owner, key, held in places if key not in owner._buffers)
        return _once(named) if remove_duplicate else named

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Iterates over the Parameters, each once; an optimiser takes them. What would be missed,
        such as a layer in a plain list, is refused, unless its name begins with _."""
        whole = not (self._path or _stand_ins.get())  # which knows what other parts hold
        for module in self.modules() if recurse and whole else ():
            for name, value in vars(module).items():
                if isinstance(value, _HIDING) and name[0] != "_":
                    self._check_held(value, f"{module._where()}.{name}")
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def _check_held(self, value: Any, name: str) -> None:
        found = leaves_of(value, first=20, depth=3)  # as the losses of all steps may lie in it
        parts = [part for part in found if isinstance(part, Module | Parameter)]
        if not parts:
            return
        modules, learned = {*map(id, self.modules())}, {id(p) for _, p in self.named_parameters()}
        unknown = [x for x in parts if isinstance(x, Module) and id(x) not in modules]
        switch = any(m.training and m._switches for x in unknown for m in x.modules())
        held = [x for x in parts if isinstance(x, Parameter)]
        held += [p for x in unknown for _, p in x.named_parameters()]
        lost = switch or any(p.requires_grad and id(p) not in learned for p in held)
        here = f"{name}, a plain {type(value).__name__}, would not be trained"
        use = "use nn.ModuleList, nn.ModuleDict or nn.Parameter, or a name that begins with _"
        require(not lost, f"{here} or saved; {use}", TypeError)

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Array]]:
        """Iterates over the buffers with their paths; one that is used twice comes once."""
        places = self._places(prefix, recurse, remove_duplicate)
        named = ((path, held) for path, owner, key, held in places if key in owner._buffers)
        return _once(named) if remove_duplicate else named

    def buffers(self, recurse: bool = True) -> Iterator[Array]:
        """Iterates over the buffers."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _places(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = False
    ) -> Iterator[tuple[str, Module, str, Any]]:
        """Path, owner, key and value of each Parameter and buffer, in the order of a state_dict."""
        modules = self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            held, stand_ins = vars(module), _stand_ins.get()
            keys = [k for k, v in held.items() if isinstance(v, Parameter) or id(v) in stand_ins]
            keys += [key for key in module._buffers if held.get(key) is not None]
            for key in keys:
                yield _join(path, key), module, key, held[key]

    def state_dict(self, prefix: str = "") -> dict[str, Array]:
        """Returns copies of all parameters and buffers by their paths."""
        return {
            prefix + path: np.array(on_host(value))
            for path, owner, key, value in self._places()
            if owner._buffers.get(key, True)
        }

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Any:
        """Copies a state into the module: all of it, or nothing and an error that lists why. Unless
        `strict`, entries may be missing or left over; their names are returned."""
        found = f"expected a dict of arrays, got {type(state_dict).__name__}"
        require(isinstance(state_dict, Mapping), f"{found}; use nn.load(model, path)", TypeError)
        places = {p: (o, k, v) for p, o, k, v in self._places() if o._buffers.get(k, True)}
        given = {path: on_host(value) for path, value in state_dict.items()}
        keys, problems = misfits({path: held for path, (*_, held) in places.items()}, given, strict)
        lines = "\n    ".join(["", *problems])
        require(not problems, f"this state_dict does not fit {self._where()}:{lines}")
        for path, (*_, held) in places.items():
            if path not in given:
                continue
            if isinstance(held, Parameter):
                held.data = given[path]
            else:
                held[...] = beside(given[path].astype(held.dtype), held)
        return keys

    def astype(self: Self, dtype: np.typing.DTypeLike) -> Self:
        """Converts all parameters and all buffers of floats in place, and returns the module."""
        wrong = f"expected a float type for parameters, got {np.dtype(dtype)}"
        require(np.dtype(dtype).kind == "f", wrong, TypeError)
        return self._convert(lambda held: held.astype(dtype) if held.dtype.kind == "f" else held)

    def _convert(self: Self, change: Callable[[Array], Array]) -> Self:
        for _, owner, key, held in self._places():
            if isinstance(held, Parameter):
                held._convert(change)
            else:
                setattr(owner, key, change(held))
        return self

    def to(self: Self, *places: Any, device: Any = None, dtype: Any = None) -> Self:
        """Converts the module to a float type, or moves it to another library's arrays: to a GPU by
        `model.to(cupy.asarray)`, before its optimiser's first step, and back by "cpu".

        >>> from nn.layers.dense import Linear
        >>> Linear(2, 1).to(np.float32).to("cpu").weight.dtype
        dtype('float32')
        """
        for place in (*places, device, dtype):
            if isinstance(place, str) and place != "cpu":
                place = f"{place!r}; on a GPU write model.to(cupy.asarray)"
                raise ValueError(f"expected 'cpu', a float type or a function, got {place}")
            if place == "cpu" or (callable(place) and not isinstance(place, type)):
                self._convert(on_host if place == "cpu" else place)
            elif place is not None:
                self.astype(place)
        return self

    def cpu(self: Self) -> Self:
        """Moves the parameters and buffers back to NumPy's arrays."""
        return self.to("cpu")

    def float(self: Self) -> Self:
        """Converts to float32."""
        return self.astype(np.float32)

    def double(self: Self) -> Self:
        """Converts to float64."""
        return self.astype(np.float64)

    def half(self: Self) -> Self:
        """Converts to float16."""
        return self.astype(np.float16)

    def apply(self: Self, fn: Callable[[Module], object]) -> Self:
        """Calls the function on every module inside, children first, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self: Self, mode: bool = True) -> Self:
        """Switches to training, where dropout drops, for example; `eval()` is the opposite."""
        right = isinstance(mode, bool | np.bool_)
        require(right, f"train() expects True or False, got {mode!r:.40}; use nn.fit", TypeError)
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Switches to use, where nothing is random."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Sets whether the parameters are learned: `requires_grad_(False)` freezes them."""
        for _, parameter in self.named_parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Deletes the gradients of all parameters, or sets them to zeros."""
        for _, p in self.named_parameters():
            p.grad = None if set_to_none or p.grad is None else np.zeros_like(p.grad)

    def extra_repr(self) -> str:
        """Returns what stands in the brackets of the repr: the options; a subclass may say more."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._option_names)

    def __repr__(self) -> str:
        held = self._held(Module)
        lines = self.extra_repr().splitlines()
        if not held and len(lines) <= 1:
            return f"{type(self).__name__}({''.join(lines)})"
        lines += [f"({key}): {child!r}" for key, child in held.items()]
        inside = "\n".join(lines).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {inside}\n)"


def functional_call(
    model: Module, parameters: Mapping[str, Any], *inputs: Any, **options: Any
) -> Any:
    """Computes `model(*inputs)` with other parameters or buffers, by their paths: a model becomes a
    function of its parameters, for grad, hessian and the other transforms.

    >>> from microgradnd import grad
    >>> from nn.layers.dense import Linear
    >>> layer, x = Linear(2, 1), np.array([3.0, 4.0])
    >>> loss = lambda parameters: np.sum(functional_call(layer, parameters, x))
    >>> grad(loss)({"weight": np.zeros((1, 2)), "bias": np.zeros(1)})
    {'weight': array([[3., 4.]]), 'bias': array([1.])}
    """
    places = {path: (vars(owner), key, held) for path, owner, key, held in model._places()}
    unknown = ", ".join(repr(path) for path in parameters if path not in places)
    require(not unknown, f"{model._where()} has no {unknown}; it has {', '.join(places)}")
    by_id = {id(places[path][2]): value for path, value in parameters.items()}
    changes = [  # a Parameter that is used in several places is replaced in all of them
        (attributes, key, own, _stand_in(own, parameters.get(path, by_id[id(own)]), path))
        for path, (attributes, key, own) in places.items()
        if id(own) in by_id
    ]
    token = _stand_ins.set(_stand_ins.get() | {id(value) for *_, value in changes})
    try:
        for attributes, key, _, value in changes:
            attributes[key] = value
        return model(*inputs, **options)
    finally:
        for attributes, key, own, _ in changes:
            attributes[key] = own
        _stand_ins.reset(token)


def _stand_in(own: Any, value: Any, path: str) -> Any:
    """A Tensor in place of a Parameter, or an array in place of a buffer, which may be changed."""
    if not isinstance(own, Tensor) or not isinstance(value, Tensor):
        value = Tensor(value) if isinstance(own, Tensor) else np.array(value)
    if value.shape != own.shape:
        raise ValueError(f"{path}: expected shape {own.shape}, got {value.shape}")
    return value


def _once(named: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Leaves out what came before under another name."""
    first: dict[int, tuple[str, Any]] = {}
    for name, thing in named:
        first.setdefault(id(thing), (name, thing))
    return iter(first.values())


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
