"""Saving a model, and loading it again: its numbers only, never code."""

from __future__ import annotations

from typing import TypeVar

from ..module import Module, misfits
from .named_arrays import Path, opened, write

M = TypeVar("M", bound=Module)


def save(model: Module, path: Path) -> None:
    """Save a model's parameters and buffers, as .npz or .safetensors, as the path ends.

    >>> import pathlib, tempfile
    >>> from nn import Linear
    >>> layer, other = Linear(3, 2), Linear(3, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "layer.npz")
    ...     save(layer, path)
    ...     (load(other, path).weight.numpy() == layer.weight).all().item()
    True
    """
    write(path, model.state_dict())


def load(model: M, path: Path) -> M:
    """Load what `save` saved into a model of the same form, and return the model. Checkpoints of
    `fit` may be loaded as well, and files that `np.savez` or other libraries wrote.

    All of it fits the model, or a ValueError lists what does not, and the model is as it was.
    Nothing in a file is ever run, and no more memory is taken than the model needs.

    >>> import pathlib, tempfile
    >>> from nn import Linear
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "layer.safetensors")
    ...     save(Linear(3, 2), path)
    ...     load(Linear(3, 4), path)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: ...layer.safetensors: this does not fit Linear:
        weight: expected shape (4, 3), got (2, 3)
        bias: expected shape (4,), got (2,)
    """
    with opened(path) as file:
        found, prefix = file.arrays, "model/"
        if any(name.startswith(prefix) for name in found):  # a checkpoint has more than a model
            found = {n.removeprefix(prefix): a for n, a in found.items() if n.startswith(prefix)}
        _, problems = misfits(model.state_dict(), found)
        if problems:
            raise ValueError("\n    ".join([f"this does not fit {model._where()}:", *problems]))
        model.load_state_dict({name: stored.read() for name, stored in found.items()})
    return model
