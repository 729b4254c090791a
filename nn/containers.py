"""Modules that hold others: in a row, in a list, in a dict."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TypeVar, cast

from microgradnd.habits import explain_options, require

from .module import Module, Parameter

Self = TypeVar("Self", bound="_InOrder")


class _Holder(Module):
    """A module that holds others of one kind, or Parameters, as attributes."""

    _kind: type[Any] = Module

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in vars(cls):
            cls.__init__ = explain_options(cls.__init__)  # type: ignore[method-assign]

    def __len__(self) -> int:
        return len(self._held(self._kind))

    def _put(self, key: str, value: Any) -> None:
        self._register(key, self._fitting(value), self._kind)

    def _fitting(self, value: Any) -> Any:
        """What may be held, or an error; an array becomes a Parameter among these."""
        if self._kind is Parameter and not isinstance(value, Parameter | Module):
            return Parameter(value)
        if not isinstance(value, self._kind):
            where = f"{self._kinds()} in a {type(self).__name__}"
            function = callable(value) and not isinstance(value, Module)
            hint = "; use its module, such as nn.ReLU() for F.relu" * function
            hint = f"; use {value.__name__}(...)" if isinstance(value, type) else hint
            hint += "; use Sequential(*modules)" * isinstance(value, list | tuple)
            found = f"{type(value).__name__}: {value!r}"
            raise TypeError(f"expected {where}, got {found}{hint}")
        return value

    def _kinds(self) -> str:
        return f"{self._kind.__name__.lower()}s"


class _InOrder(_Holder):
    """Modules under the names "0", "1", ..., with the methods of a list."""

    _slices_keep_keys = True

    def _hold(self, modules: Iterable[Any]) -> None:
        """Holds these modules, numbered from 0, instead of the present ones."""
        each = f"expected {self._kinds()} in a list, got {type(modules).__name__}"
        hint = f"{each}; use {type(self).__name__}([...])"
        require(isinstance(modules, Iterable), hint, TypeError)
        numbered = {str(place): self._fitting(module) for place, module in enumerate(modules)}
        for key in self._held(self._kind):
            del vars(self)[key]
        vars(self).update(numbered)
        self._place()

    def __iter__(self) -> Iterator[Module]:
        kind = self._kind
        return iter([held for held in vars(self).values() if isinstance(held, kind)])

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, slice):
            return list(self)[index]
        # The modules keep their places in the model, so they are not placed anew.
        part = type(self).__new__(type(self))
        keys = (
            list(self._held(self._kind))[index]
            if self._slices_keep_keys
            else map(str, itertools.count())
        )
        vars(part).update(zip(keys, list(self)[index], strict=False), training=self.training)
        return part

    def __setitem__(self, index: int, module: Any) -> None:
        self._put(list(self._held(self._kind))[index], module)

    def __delitem__(self, index: Any) -> None:
        held = list(self)
        del held[index]
        self._hold(held)

    def append(self: Self, module: Any) -> Self:
        """Adds a module at the end."""
        keys = map(str, itertools.count(len(self)))  # of a slice, the first may be taken
        self._put(next(key for key in keys if key not in self._held(self._kind)), module)
        return self

    def extend(self: Self, modules: Iterable[Any]) -> Self:
        """Adds several modules at the end."""
        for module in list(modules):
            self.append(module)
        return self

    __iadd__ = extend

    def __add__(self: Self, other: Iterable[Any]) -> Self:
        joined = type(self).__new__(type(self))
        joined._hold([*self, *other])
        return joined

    def pop(self, index: int = -1) -> Any:
        """Takes out the module at the index, and returns it; the others are numbered from 0."""
        module = self[index]
        del self[index]
        return module

    def insert(self: Self, index: int, module: Any) -> Self:
        """Inserts a module before the one at the index, and numbers all from 0."""
        held = list(self)
        held.insert(index, module)
        self._hold(held)
        return self


class Sequential(_InOrder):
    """Modules one after the other: each takes the output of the one before it.

    A dict of modules gives them names instead of numbers.

    >>> from nn.layers.dense import Flatten, Linear
    >>> model = Sequential(Flatten(), Linear(4, 3), Linear(3, 2))
    >>> model([[[1.0, 2.0], [3.0, 4.0]]]).shape, model[:1]
    ((1, 2), Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
    ))
    """

    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self._put(name, module)
        else:
            self._hold(modules)

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input


class ModuleList(_InOrder):
    """A list of modules whose parameters are found; a `forward` of your own uses them.

    >>> from nn.layers.dense import Linear
    >>> layers = ModuleList(Linear(4, 4) for _ in range(3))
    >>> len(layers), [name for name, _ in layers.named_parameters()][:2]
    (3, ['0.weight', '0.bias'])
    """

    _slices_keep_keys = False

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        self._hold(() if modules is None else modules)


class ModuleDict(_Holder, MutableMapping[str, Module]):
    """A dict of modules whose parameters are found.

    >>> from nn.layers.dense import Linear
    >>> heads = ModuleDict({"digit": Linear(4, 10), "parity": Linear(4, 2)})
    >>> heads["parity"]
    Linear(in_features=4, out_features=2, bias=True)
    """

    __eq__ = object.__eq__  # a module is equal only to itself, unlike other mappings
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(
        self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None
    ) -> None:
        self.update(() if modules is None else modules)

    def __getitem__(self, key: str) -> Module:
        return cast(Module, self._held(self._kind)[key])

    def __setitem__(self, key: str, module: Any) -> None:
        self._put(key, module)

    def __delitem__(self, key: str) -> None:
        del vars(self)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held(self._kind))


class ParameterList(_InOrder):
    """A list of Parameters that are found; an array becomes one.

    >>> weights = ParameterList([[1.0, 2.0], [0.0, 0.0, 0.0]])
    >>> [name for name, _ in weights.named_parameters()], weights[1].shape
    (['0', '1'], (3,))
    """

    _kind, _slices_keep_keys = Parameter, False

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        self._hold(() if values is None else values)


class ParameterDict(ModuleDict):
    """A dict of Parameters that are found; an array becomes one.

    >>> scales = ParameterDict({"left": [1.0, 1.0]})
    >>> scales["left"]
    Tensor([1., 1.], requires_grad=True, name='left')
    """

    _kind = Parameter

    def __init__(self, parameters: Any = None) -> None:
        super().__init__(parameters)
