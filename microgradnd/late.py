"""Modules, and names of a package, whose files are run when somebody first asks for them."""

from __future__ import annotations

import importlib.util
import sys
import types
from typing import Any


class _Package(types.ModuleType):
    """A package that looks where its late names are. A function wins over a file of its name."""

    _homes: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        if name not in self._homes:
            return super().__getattribute__(name)  # an error
        found = getattr(importlib.import_module(self._homes[name], self.__name__), name)
        vars(self)[name] = found
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in self._homes and isinstance(value, types.ModuleType)):  # on its import
            super().__setattr__(name, value)

    def __reduce__(self) -> Any:  # a function that names it can be sent to another process
        return importlib.import_module, (self.__name__,)

    def __dir__(self) -> list[str]:
        return [*vars(self), *self._homes]


def late_module(name: str) -> types.ModuleType:
    """A module whose file is run when somebody first looks into it."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    package, _, last = name.rpartition(".")
    setattr(sys.modules[package], last, module)
    return module


def import_late(package: str, **homes: str) -> None:
    """Declare names of a package by the files, relative to it, that have them."""
    module = sys.modules[package]
    vars(module)["_homes"] = homes
    module.__class__ = _Package
