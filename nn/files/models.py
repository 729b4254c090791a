"""Saving a model, and loading it again: its numbers only, never code."""

from __future__ import annotations

from typing import Any, TypeVar

from microgradnd.habits import require

from ..init import misfits
from ..module import Module
from .named_arrays import File, Path, opened, write
from .state import pack, unpack

M = TypeVar("M", bound=Module)
_PREPROCESSING = '{"preprocessing": '  # how the text of a file begins that has it


def save(model: Module, path: Path, *preprocessing: Any) -> None:
    """Save a model's parameters and buffers, as .npz or .safetensors, by the path's ending; `pip
    install "microgradnd[safetensors]"` installs what the latter needs.

    Arguments:
        preprocessing: what its inputs go through before, such as `nn.data.Standardise`: anything
            with the methods `state_dict` and `load_state_dict`.

    >>> import pathlib, tempfile
    >>> from nn import Linear
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Linear(3, 2), pathlib.Path(folder, "layer.npz"))
    """
    _in_order(model)
    if not preprocessing:
        write(path, model.state_dict())
        return
    states = [{type(each).__name__: each.state_dict()} for each in preprocessing]
    arrays, text = pack({"preprocessing": states})
    write(path, arrays | {f"model/{n}": a for n, a in model.state_dict().items()}, text)


def _in_order(model: Any) -> None:
    found = f"expected a model, then a path, got {model!r:.80} first"
    require(hasattr(model, "state_dict"), found, TypeError)


def load(model: M, path: Path, *preprocessing: Any) -> M:
    """Load what `save` saved into a model of the same form, and return the model; also checkpoints
    of `fit`, and files that `np.savez` or other libraries wrote.

    All of it fits the model, or a ValueError lists what does not, and the model is as it was.
    Nothing in a file is ever run, and no more memory is taken than the model needs.

    Arguments:
        preprocessing: as many as were saved, which are filled.

    >>> import pathlib, tempfile
    >>> from nn import Linear
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "layer.npz")
    ...     save(Linear(3, 2), path)
    ...     layer = load(Linear(3, 2), path)
    """
    _in_order(model)
    with opened(path) as file:
        found, prefix = file.arrays, "model/"
        if any(name.startswith(prefix) for name in found):  # a checkpoint has more than a model
            found = {n.removeprefix(prefix): a for n, a in found.items() if n.startswith(prefix)}
        _, problems = misfits(model.state_dict(), found)
        what = f"this does not fit {model._where()}:"
        require(not problems, "\n    ".join([what, *problems]))
        state = {name: stored.read() for name, stored in found.items()}
        _load_preprocessing(file, preprocessing)
        model.load_state_dict(state)
    return model


def _load_preprocessing(file: File, preprocessing: tuple[Any, ...]) -> None:
    """Load all of it, or raise an error and leave all as it was."""
    inside = {n: a for n, a in file.arrays.items() if n.startswith("preprocessing/")}
    text = file.text or ""
    given = [type(each).__name__ for each in preprocessing]
    before = [each.state_dict() for each in preprocessing]
    try:  # a state that was made up may raise anything
        has = text.startswith(_PREPROCESSING)
        saved = unpack(text, inside)["preprocessing"] if has else []
        kinds = [" ".join(each) for each in saved]
        found, expected = (", ".join(names) or "none" for names in (given, kinds))
        require(given == kinds, f"expected what was saved, {expected}, got {found}")
        for each, state in zip(preprocessing, saved, strict=True):
            each.load_state_dict(*state.values())
    except Exception as error:
        for each, old in zip(preprocessing, before, strict=True):
            each.load_state_dict(old)
        raise ValueError(f"its preprocessing cannot be loaded: {error}") from error
