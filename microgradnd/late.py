"""Modules, and names of a package, whose files are run when somebody first asks for them.

Others are not everybody's: `needed` imports them, or says how to get them.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from typing import Any


class _Package(types.ModuleType):
    """A package that looks where its late names are, and for their files. A function wins over a
    file of its name.
    """

    _homes: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        if f".{name}" in self._homes.values() and name not in self._homes:
            return importlib.import_module(f".{name}", self.__name__)
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


def needed(name: str, purpose: str, install: str) -> Any:
    """A module that not everybody has; the error where it is missing says what to install.

    >>> needed("not_here", "a .pdf needs not_here", '"microgradnd[pdf]"')
    Traceback (most recent call last):
    ...
    ModuleNotFoundError: a .pdf needs not_here: pip install "microgradnd[pdf]"
    """
    package = name.partition(".")[0]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != package:
            raise
        raise ModuleNotFoundError(f"{purpose}: pip install {install}", name=package) from None


def import_late(package: str, **names_of: str) -> list[str]:
    """Declare for files of a package, such as "draw.picture", the names that it has of them."""
    module = sys.modules[package]
    homes = {name: f".{file}" for file, names in names_of.items() for name in names.split()}
    vars(module)["_homes"] = homes
    module.__class__ = _Package
    return [*homes]
