"""Nested plain state, such as an optimiser's, as arrays and a text, and back again.

The text is JSON. Tuples, and dictionaries whose keys are no strings, are marked in it; an array
stands in it as its place among the arrays, with the order in which its axes lie in memory: the
order decides how a matrix product rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .stored import Array, Stored

_PLAIN = (bool, int, float, str, type(None))


def pack(state: Any) -> tuple[dict[str, Array], str]:
    """The arrays in a state by their places in it, and a text with all the rest.

    >>> import numpy as np
    >>> from nn.files.state import pack
    >>> pack({"weights": {"0": np.zeros(2)}, "betas": (0.9, 0.999)})
    ({'weights/0': array([0., 0.])}, '{"weights": {"0": {"array": "weights/0", "axes": [0]}}, \
"betas": {"tuple": [0.9, 0.999]}}')
    """
    import json  # slow, and not always needed

    arrays: dict[str, Array] = {}
    return arrays, json.dumps(_packed(state, "", arrays))


def unpack(text: str, arrays: Mapping[str, Stored]) -> Any:
    """The state that was packed. What is not of that form raises a ValueError."""
    import json

    try:
        return _unpacked(json.loads(text), dict(arrays))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"its text is not that of a checkpoint: {error!r}") from error


def unlike(expected: Any, found: Any, place: str = "") -> str | None:
    """Where a saved state is of another form than the present one, or None.

    Keys agree, and so does the kind of each entry: a number (or none yet), a text, a list.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        if expected.keys() != found.keys():
            return f"{place or 'it'} has {_keys(found)} where {_keys(expected)} are expected"
        pairs = [(f"{place}.{key}".lstrip("."), expected[key], found[key]) for key in expected]
    elif isinstance(expected, list | tuple) and isinstance(found, list | tuple):
        if len(expected) != len(found):
            return f"{place} has {len(found)} entries where {len(expected)} are expected"
        pairs = [
            (f"{place}[{i}]", *pair) for i, pair in enumerate(zip(expected, found, strict=True))
        ]
    else:
        if _kind(expected) == _kind(found):
            return None
        return f"{place} is {found!r:.50} where {expected!r:.50} is expected"
    return next((where for pair in pairs if (where := unlike(pair[1], pair[2], pair[0]))), None)


def _packed(value: Any, place: str, arrays: dict[str, Array]) -> Any:
    def inside(key: Any, part: Any) -> Any:
        return _packed(part, f"{place}/{key}".lstrip("/"), arrays)

    if isinstance(value, np.generic) and not isinstance(value, _PLAIN):
        value = value.item()
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, np.ndarray):
        while place in arrays:  # as "a/b" is, for {"a/b": x, "a": {"b": y}}
            place += "'"
        arrays[place] = value
        strides = [-abs(stride) for stride in value.strides]
        return {"array": place, "axes": np.argsort(strides, kind="stable").tolist()}
    if isinstance(value, list):
        return [inside(i, part) for i, part in enumerate(value)]
    if isinstance(value, tuple):
        return {"tuple": [inside(i, part) for i, part in enumerate(value)]}
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and not value.keys() & {
            "array",
            "tuple",
            "pairs",
        }:
            return {key: inside(key, part) for key, part in value.items()}
        return {"pairs": [[key, inside(key, part)] for key, part in value.items()]}
    raise TypeError(f"a checkpoint cannot hold {place}, a {type(value).__name__}: {value!r:.100}")


def _unpacked(value: Any, arrays: dict[str, Stored]) -> Any:
    if isinstance(value, list):
        return [_unpacked(part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return _laid_out(arrays.pop(value["array"]), value["axes"])  # each can be there once
    if "tuple" in value:
        return tuple(_unpacked(part, arrays) for part in value["tuple"])
    if "pairs" in value:
        return {key: _unpacked(part, arrays) for key, part in value["pairs"]}
    return {key: _unpacked(part, arrays) for key, part in value.items()}


def _laid_out(stored: Stored, axes: list[int]) -> Array:
    """The array, with its axes lying in memory in this order, the widest strides first."""
    if stored.compressed or sorted(axes) != list(range(len(stored.shape))):
        raise ValueError("an array in it does not lie there as a checkpoint has it")
    return np.array(stored.read().transpose(axes), order="C").transpose(np.argsort(axes))


def _kind(value: Any) -> type:
    if isinstance(value, bool | int | float | np.generic | None):
        return float
    return type(value)


def _keys(state: dict[Any, Any]) -> str:
    return ", ".join(map(str, state)) or "nothing"
