"""Parameters, and the modules that hold them.

A module's attributes are all there is: those that are Parameters are its parameters, those that are
Modules its children. Nothing is kept in a second place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from microgradnd import Tensor, scope

from .hooks import Handle, Hook, call_with_hooks
from .init import outlining

Array = np.ndarray[Any, Any]
_ARRAYS = (Tensor, np.ndarray)
Self = TypeVar("Self", bound="Module")


class Parameter(Tensor):
    """A Tensor that a module learns. As an attribute of a module it is found by `parameters()`.

    Its `name` becomes its place in the model, as in the `state_dict`, unless it was given one.

    >>> from nn.module import Parameter
    >>> Parameter([1.0, 2.0])
    Tensor([1., 2.], requires_grad=True)
    """

    path: str | None = None

    def __init__(self, data: Any, requires_grad: bool = True, name: str | None = None) -> None:
        super().__init__(data, requires_grad, name, copy=not outlining())

    def _place(self, path: str) -> None:
        if self.name == self.path:
            self.name = path
        self.path = path

    def _convert(self, dtype: Any) -> None:
        """Take another dtype, and stay the same Parameter for whoever holds it."""
        Tensor.__init__(self, self.numpy(), self.requires_grad, self.name, dtype)
        if self.grad is not None:
            self.grad = self.grad.astype(dtype)


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict(strict=False)` did not find, and what it could not use."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def _forward_is_missing(self: Module, *inputs: Any, **options: Any) -> Any:
    raise NotImplementedError(f"{type(self).__name__} needs a method forward(self, ...)")


class Module:
    """A part of a network: what it learns, and `forward`, which says what it computes.

    Assign Parameters and other modules to attributes, and they are found by `parameters()`,
    `state_dict()` and the rest. Call the module rather than `forward`: calling opens a scope with
    its name and runs its hooks.

    >>> import numpy as np
    >>> from nn.module import Module, Parameter
    >>> class Scale(Module):
    ...     def __init__(self, factor):
    ...         self.factor = Parameter(factor)
    ...
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> scale = Scale(3.0)
    >>> scale(np.array([1.0, 2.0]))
    Tensor([3., 6.], operation='multiply')
    >>> scale.state_dict()
    {'factor': array(3.)}
    """

    # What a module has before anything is assigned; a subclass need not call super().__init__().
    training: bool = True
    _path: str = ""  # its place in the outermost model, such as "encoder.0"
    _heading: str = ""  # its scope, such as "Linear0"
    _buffers: Mapping[str, bool] = {}  # the names, and whether they are saved
    _hooks: Mapping[int, tuple[str, Hook]] = {}
    _replaced: frozenset[str] = frozenset()  # the parameters that others stand in for just now

    # What the module computes. As a Callable, a subclass may take the arguments it likes.
    forward: Callable[..., Any] = _forward_is_missing

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        with scope(self._heading or type(self).__name__):
            if self._hooks:
                return call_with_hooks(self, inputs, options)
            return self.forward(*inputs, **options)

    def _where(self) -> str:
        """How an error names this module: its place in the model and its class."""
        kind = type(self).__name__
        return f"{self._path} ({kind})" if self._path else kind

    # ---- what it holds ---------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        held = vars(self).get(name)
        for kind in (Parameter, Module):
            if isinstance(held, kind) and not (value is None or isinstance(value, kind)):
                change = f"; to change its values, write {name}.data = ..." * (kind is Parameter)
                raise TypeError(
                    f"{self._where()}.{name} is a {kind.__name__}, and cannot become "
                    f"a {type(value).__name__}{change}"
                )
        foreign = hasattr(value, "__array_function__") and not isinstance(value, Tensor)
        if name in self._buffers and value is not None and not foreign:
            value = np.asarray(value)  # which refuses to drop a gradient
        super().__setattr__(name, value)
        if isinstance(value, Module):
            self._place()
        elif isinstance(value, Parameter) and value.path is None:
            value._place(_join(self._path, name))

    def _place(self) -> None:
        """Tell all that is in this module where it is."""
        for path, module in self.named_modules(self._path):
            key = path.rpartition(".")[2]
            heading = f"{type(module).__name__}{key}" if key.isdigit() else key
            vars(module).update(_path=path, _heading=heading)
        for path, parameter in self.named_parameters(self._path):
            parameter._place(path)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """The same as assigning it to the attribute; None says that there is none."""
        self._check_key(name, Parameter)
        setattr(self, name, param)

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """An array that belongs to the module's state and is not learnt, such as a running mean.

        >>> from nn.module import Module
        >>> counter = Module()
        >>> counter.register_buffer("calls", 0)
        >>> counter.calls += 1
        >>> counter.state_dict()
        {'calls': array(1)}
        """
        if name not in self._buffers:
            self._check_key(name, ())
        super().__setattr__("_buffers", {**self._buffers, name: persistent})
        setattr(self, name, tensor)

    def add_module(self, name: str, module: Module | None) -> None:
        """The same as assigning it to an attribute, also where the name is a number."""
        if not isinstance(module, Module | None):
            raise TypeError(f"{name!r} is to be a Module, not {type(module).__name__}: {module!r}")
        self._check_key(name, Module)
        setattr(self, name, module)

    def _check_key(self, name: str, may_replace: Any) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"{name!r} cannot name a part of {self._where()}: dots join names")
        held = vars(self)[name] if name in vars(self) else getattr(type(self), name, None)
        if held is not None and not isinstance(held, may_replace):
            raise ValueError(f"{type(self).__name__} has an attribute {name!r} already")

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules held directly, each once, with the names of their attributes."""
        seen: set[int] = set()
        for key, child in list(vars(self).items()):
            if isinstance(child, Module) and id(child) not in seen:
                seen.add(id(child))
                yield key, child

    def children(self) -> Iterator[Module]:
        """The modules held directly."""
        return (child for _, child in self.named_children())

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all that it holds, with their paths, each before its children."""
        return self._walk(prefix, set() if remove_duplicate else None)

    def _walk(self, prefix: str, seen: set[int] | None) -> Iterator[tuple[str, Module]]:
        if seen is not None:
            if id(self) in seen:
                return
            seen.add(id(self))
        yield prefix, self
        for key, child in list(vars(self).items()):
            if isinstance(child, Module):
                yield from child._walk(_join(prefix, key), seen)

    def modules(self) -> Iterator[Module]:
        """This module and all that it holds."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The Parameters with their paths; one that is used twice comes once.

        >>> from nn.containers import Sequential
        >>> from nn.layers.dense import Linear
        >>> [name for name, _ in Sequential(Linear(4, 3), Linear(3, 2)).named_parameters()]
        ['0.weight', '0.bias', '1.weight', '1.bias']
        """
        seen: set[int] = set()
        for path, owner, key in self._places(prefix, recurse, remove_duplicate):
            parameter = vars(owner)[key]
            if key not in owner._buffers and id(parameter) not in seen:
                if remove_duplicate:
                    seen.add(id(parameter))
                yield path, parameter

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The Parameters, each once: what an optimiser is given."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Array]]:
        """The buffers with their paths."""
        for path, owner, key in self._places(prefix, recurse, True):
            if key in owner._buffers:
                yield path, vars(owner)[key]

    def buffers(self, recurse: bool = True) -> Iterator[Array]:
        """The buffers."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _places(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = False
    ) -> Iterator[tuple[str, Module, str]]:
        """The path, owner and key of each Parameter and buffer, in the order of a state_dict."""
        modules = self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            keys = [
                key
                for key, value in vars(module).items()
                if isinstance(value, Parameter) or key in module._replaced
            ]
            keys += [key for key in module._buffers if vars(module)[key] is not None]
            for key in keys:
                yield _join(path, key), module, key

    # ---- its state -------------------------------------------------------------------------------

    def state_dict(self, prefix: str = "") -> dict[str, Array]:
        """All parameters and buffers by their paths, as copies: training on leaves them alone."""
        return {
            prefix + path: np.array(_array(vars(owner)[key]))
            for path, owner, key in self._places()
            if owner._buffers.get(key, True)
        }

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Any:
        """Take over a state: arrays, Tensors or PyTorch's tensors by their paths.

        All of it fits, or an error lists everything that does not, and nothing has changed. With
        `strict=False` entries may be missing or left over, and are returned.

        >>> from nn.layers.dense import Linear
        >>> first, second = Linear(3, 2), Linear(3, 2)
        >>> second.load_state_dict(first.state_dict())
        IncompatibleKeys(missing_keys=[], unexpected_keys=[])
        >>> bool((first.weight == second.weight).all())
        True
        """
        places = {p: (o, k) for p, o, k in self._places() if o._buffers.get(k, True)}
        given = {path: _array(value) for path, value in state_dict.items()}
        missing = [path for path in places if path not in given]
        unexpected = [path for path in given if path not in places]
        problems = []
        if strict and missing:
            problems.append(f"missing: {', '.join(missing)}")
        if strict and unexpected:
            problems.append(f"unexpected: {', '.join(unexpected)}")
        for path, (owner, key) in places.items():
            expected = vars(owner)[key].shape
            if path in given and given[path].shape != expected:
                problems.append(f"{path}: expected shape {expected}, found {given[path].shape}")
            if path in given and given[path].dtype.kind not in "biuf":
                problems.append(f"{path}: expected real numbers, found {given[path].dtype}")
        if problems:
            lines = "\n    ".join(problems)
            raise ValueError(f"this state_dict does not fit {self._where()}:\n    {lines}")
        for path, (owner, key) in places.items():
            if path in given:
                held = vars(owner)[key]
                if isinstance(held, Parameter):
                    held.data = given[path]
                else:
                    setattr(owner, key, given[path].astype(held.dtype))
        return IncompatibleKeys(missing, unexpected)

    def astype(self: Self, dtype: Any) -> Self:
        """Convert all parameters and all buffers of floats in place, and return the module.

        >>> import numpy as np
        >>> from nn.layers.dense import Linear
        >>> Linear(3, 2).astype(np.float32)(np.ones((1, 3), np.float32)).dtype
        dtype('float32')
        """
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"parameters are of a float type, which {np.dtype(dtype)} is not")
        for parameter in self.parameters():
            parameter._convert(dtype)
        for _, owner, key in self._places():
            buffer = vars(owner)[key]
            if key in owner._buffers and buffer.dtype.kind == "f":
                setattr(owner, key, buffer.astype(dtype))
        return self

    def float(self: Self) -> Self:
        """Convert to float32."""
        return self.astype(np.float32)

    def double(self: Self) -> Self:
        """Convert to float64."""
        return self.astype(np.float64)

    def half(self: Self) -> Self:
        """Convert to float16."""
        return self.astype(np.float16)

    # ---- what can be asked of all modules at once ------------------------------------------------

    def apply(self: Self, fn: Callable[[Module], Any]) -> Self:
        """Call the function on every module inside, children first, then on this one.

        >>> from nn import init
        >>> from nn.containers import Sequential
        >>> from nn.layers.dense import Linear
        >>> def start(module):
        ...     if isinstance(module, Linear):
        ...         init.zeros_(module.bias)
        >>> Sequential(Linear(4, 2)).apply(start)[0].bias
        Tensor([0., 0.], requires_grad=True, name='0.bias')
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self: Self, mode: bool = True) -> Self:
        """Behave as in training, such as dropping neurons; `eval()` is the opposite."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Behave as when the network is used."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Whether the parameters are learnt: `requires_grad_(False)` freezes them."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    # ---- hooks -----------------------------------------------------------------------------------

    def register_forward_pre_hook(self, hook: Hook) -> Handle:
        """Have `hook(module, inputs)` called before `forward`; what it returns replaces them."""
        return self._register("before", hook)

    def register_forward_hook(self, hook: Hook) -> Handle:
        """Have `hook(module, inputs, output)` called; what it returns replaces the output.

        >>> from nn.layers.dense import Linear
        >>> layer = Linear(3, 2)
        >>> with layer.register_forward_hook(lambda module, inputs, output: print(output.shape)):
        ...     y = layer([1.0, 2.0, 3.0])
        (2,)
        """
        return self._register("after", hook)

    def register_full_backward_hook(self, hook: Hook) -> Handle:
        """Have `hook(module, gradients_of_inputs, gradients_of_output)` called on the way back.

        Both are tuples, with None for an input that has no gradient. A hook changes nothing.

        >>> from nn.layers.dense import Linear
        >>> layer = Linear(3, 2)
        >>> def look(module, of_inputs, of_output):
        ...     print(of_output)
        >>> with layer.register_full_backward_hook(look):
        ...     layer([1.0, 2.0, 3.0]).sum().backward()
        (array([1., 1.]),)
        """
        return self._register("back", hook)

    def _register(self, kind: str, hook: Hook) -> Handle:
        if not callable(hook):
            raise TypeError(f"a hook is a function, not {type(hook).__name__}")
        hooks: Any = vars(self).setdefault("_hooks", {})
        return Handle(hooks, kind, hook)

    # ---- how it looks ----------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands in the brackets of its repr; a subclass says it."""
        return ""

    def __repr__(self) -> str:
        held = [(key, value) for key, value in vars(self).items() if isinstance(value, Module)]
        lines = self.extra_repr().splitlines()
        if not held and len(lines) <= 1:
            return f"{type(self).__name__}({''.join(lines)})"
        lines += [f"({key}): {child!r}" for key, child in held]
        inside = "\n".join(lines).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {inside}\n)"


def zeros(*shape: int) -> Array:
    """An array of zeros in the engine's default dtype, in which parameters are made."""
    zero = Tensor(0.0).numpy()
    return np.broadcast_to(zero, shape) if outlining() else np.zeros(shape, zero.dtype)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _array(value: Any) -> Array:
    """The values of a Tensor, or of anything like an array."""
    return value.numpy() if isinstance(value, Tensor) else np.asarray(value)


def numbers(x: Any, dtype: Any = None) -> Any:
    """The input as a Tensor or an array of floats: whole numbers and lists get the given dtype."""
    if isinstance(x, _ARRAYS) or hasattr(x, "__array_function__"):
        return x.astype(dtype or zeros().dtype) if x.dtype.kind in "biu" else x
    x = np.asarray(x)
    return x.astype(dtype or zeros().dtype) if x.dtype.kind in "biuf" else x
