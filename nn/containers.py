"""Modules that hold others: in a row, in a list, in a dict."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from .module import Module

Self = TypeVar("Self", bound="_InOrder")


class _InOrder(Module):
    """Modules under the names "0", "1", ..., with what a list of Python can do."""

    _slices_keep_keys = True

    def _held(self) -> list[Module]:
        return [child for child in vars(self).values() if isinstance(child, Module)]

    def _keys(self) -> list[str]:
        return [key for key, child in vars(self).items() if isinstance(child, Module)]

    def _hold(self, modules: Iterable[Any]) -> None:
        """Hold these, numbered anew, instead of those held so far."""
        modules = list(modules)
        for module in modules:
            if not isinstance(module, Module):
                raise TypeError(
                    f"{type(self).__name__} holds modules, not {type(module).__name__}: {module!r}"
                )
        for key in self._keys():
            del vars(self)[key]
        vars(self).update({str(place): module for place, module in enumerate(modules)})
        self._place()

    def __len__(self) -> int:
        return len(self._held())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._held())

    def __contains__(self, module: object) -> bool:
        return any(child is module for child in self._held())

    def __getitem__(self: Self, index: Any) -> Any:
        if isinstance(index, slice):
            # The modules keep their places: they still belong to this one.
            part = type(self).__new__(type(self))
            keys = self._keys()[index] if self._slices_keep_keys else map(str, range(len(self)))
            vars(part).update(zip(keys, self._held()[index], strict=False), training=self.training)
            return part
        return self._held()[self._position(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(self._keys()[self._position(index)], module)

    def __delitem__(self, index: Any) -> None:
        held = self._held()
        del held[index if isinstance(index, slice) else self._position(index)]
        self._hold(held)

    def _position(self, index: Any) -> int:
        place, count = operator.index(index), len(self)
        if not -count <= place < count:
            raise IndexError(f"{self._where()} holds {count} modules: there is no [{place}]")
        return place

    def append(self: Self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self: Self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self: Self, index: int, module: Module) -> Self:
        """Put a module before the one at the index, and number them anew."""
        held = self._held()
        held.insert(index, module)
        self._hold(held)
        return self


class Sequential(_InOrder):
    """Modules one after the other: each gets what the one before it gave.

    >>> from nn.containers import Sequential
    >>> from nn.layers.dense import Flatten, Linear
    >>> model = Sequential(Flatten(), Linear(4, 3), Linear(3, 2))
    >>> model([[[1.0, 2.0], [3.0, 4.0]]]).shape
    (1, 2)
    >>> model[1:]
    Sequential(
      (1): Linear(in_features=4, out_features=3, bias=True)
      (2): Linear(in_features=3, out_features=2, bias=True)
    )

    An OrderedDict, or any dict, of modules gives them names instead of numbers.
    """

    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            self._hold(modules)

    def forward(self, x: Any) -> Any:
        for module in self._held():
            x = module(x)
        return x


class ModuleList(_InOrder):
    """A list of modules whose parameters are found; how they are used is up to `forward`.

    >>> from nn.containers import ModuleList
    >>> from nn.layers.dense import Linear
    >>> layers = ModuleList(Linear(4, 4) for _ in range(3))
    >>> len(layers), [name for name, _ in layers.named_parameters()][:2]
    (3, ['0.weight', '0.bias'])
    """

    _slices_keep_keys = False

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self._hold(modules)


class ModuleDict(Module):
    """A dict of modules whose parameters are found.

    >>> from nn.containers import ModuleDict
    >>> from nn.layers.dense import Linear
    >>> heads = ModuleDict({"digit": Linear(4, 10), "parity": Linear(4, 2)})
    >>> heads["parity"]
    Linear(in_features=4, out_features=2, bias=True)
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        self.update(modules)

    def __getitem__(self, key: str) -> Module:
        child = vars(self).get(key)
        if not isinstance(child, Module):
            raise KeyError(f"{self._where()} holds {', '.join(self) or 'nothing'}, and no {key!r}")
        return child

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __len__(self) -> int:
        return len(list(self.keys()))

    def __iter__(self) -> Iterator[str]:
        return self.keys()

    def __contains__(self, key: object) -> bool:
        return isinstance(vars(self).get(key), Module)  # type: ignore[call-overload]

    def keys(self) -> Iterator[str]:
        """The names."""
        return (key for key, _ in self.items())

    def values(self) -> Iterator[Module]:
        """The modules."""
        return (child for _, child in self.items())

    def items(self) -> Iterator[tuple[str, Module]]:
        """The names and the modules."""
        held = list(vars(self).items())
        return ((key, child) for key, child in held if isinstance(child, Module))

    def pop(self, key: str) -> Module:
        """Take a module out."""
        child = self[key]
        del vars(self)[key]
        return child

    def clear(self) -> None:
        """Take all modules out."""
        for key in list(self):
            del vars(self)[key]

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Put in the modules of a dict, or of pairs of a name and a module."""
        for key, module in dict(modules).items():
            self[key] = module
