"""Write what type checkers and editors read of `nn`: its names, with the options of modules that
take them from their functions at run time.

    python -m tests.stubs
"""

import importlib
import inspect
import pathlib
import types

import nn
from nn.functions import FunctionModule
from nn.layers.layer import Layer

FILES = {
    "nn": "nn/__init__.pyi",
    "nn.data": "nn/data/__init__.pyi",
    "nn.functional": "nn/functional.pyi",
    "nn.look.plots": "nn/look/plots/__init__.pyi",
    "nn.optim": "nn/optim/__init__.pyi",
}
HEAD = '''"""Written by `python -m tests.stubs`."""

from collections.abc import Sequence
from typing import Any

from microgradnd.arrays import ArrayLike
from nn.functions import FunctionModule
from nn.layers.layer import Layer, Size
from nn.layers.resizing import Sizes
'''


def declared(name, kind):
    """The class with its options as attributes and as arguments of its constructor."""
    options, head = kind._options.values(), str(inspect.signature(kind.__init__))
    for annotation in {p.annotation for p in options}:
        head = head.replace(repr(annotation), annotation)
    layer = issubclass(kind, Layer)
    head = head.replace(")", ", *, device: Any = None, dtype: Any = None)" * layer or ")", 1)
    attributes = [f"    {p.name}: {p.annotation}" for p in options]
    learned = kind._learned & inspect.get_annotations(kind).keys()
    attributes += [f"    {name}: Parameter" for name in learned]
    public = {getattr(nn, each) for each in nn.__all__} - {nn.Module}
    nearest = (next((b for b in base.__mro__ if b in public), base) for base in kind.__bases__)
    bases = {base.__name__: base.__module__ for base in nearest}
    known = {*nn.__all__, "Layer", "FunctionModule"}
    lines = [f"from {home} import {base}" for base, home in bases.items() if base not in known]
    lines += [f"class {name}({', '.join(bases)}):", *attributes]
    return "\n".join([*lines, f"    def __init__{head}: ..."])


def stub(package):
    """The text of a package's stub."""
    lines, module = [HEAD], importlib.import_module(package)
    for name in module.__all__:
        thing = getattr(module, name)
        if isinstance(thing, type) and issubclass(thing, FunctionModule):
            lines.append(declared(name, thing))
        elif isinstance(thing, type) and "axes" in vars(thing):
            base = thing.__base__.__name__
            lines.append(f"from {thing.__module__} import {base}\nclass {name}({base}): ...")
        else:
            of_module = isinstance(thing, types.ModuleType)
            home, _, last = (
                thing.__name__.rpartition(".") if of_module else (thing.__module__, "", name)
            )
            lines.append(f"from {home} import {last} as {name}")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    for package, file in FILES.items():
        (pathlib.Path(nn.__file__).parents[1] / file).write_text(stub(package), encoding="utf-8")
