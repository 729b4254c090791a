"""Nested plain state, such as an optimiser's, as arrays and a text, and back again.

The text is JSON. Tuples, and dictionaries whose keys are not strings, are marked in it; an array
stands in it as its name among the arrays, with the order in which its axes lie in memory: the
order decides how a matrix product rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from microgradnd.arrays import Array, is_foreign, on_host
from microgradnd.habits import require

from .named_arrays import Stored

_MARKS = {"array", "tuple", "pairs"}


def pack(state: Any) -> tuple[dict[str, Array], str]:
    """The arrays in a state by their places in it, and a text with all the rest.

    >>> pack({"a": {"b": np.zeros(2)}, "c": (0.9,)})
    ({'a/b': array([0., 0.])}, '{"a": {"b": {"array": "a/b", "axes": [0]}}, "c": {"tuple": [0.9]}}')
    """
    arrays: dict[str, Array] = {}

    def packed(value: Any, place: str) -> Any:
        value = on_host(value) if is_foreign(value) else value
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, bool | int | float | str | None):
            return value
        if isinstance(value, np.ndarray):
            while place in arrays:  # as "a/b" is, for {"a/b": x, "a": {"b": y}}
                place += "'"
            arrays[place] = value
            strides = [-abs(stride) for stride in value.strides]
            return {"array": place, "axes": np.argsort(strides, kind="stable").tolist()}
        if not isinstance(value, list | tuple | dict):
            found = f"{place}, a {type(value).__name__}: {value!r:.100}"
            raise TypeError(f"a checkpoint cannot hold {found}")
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        inside = [(key, packed(part, f"{place}/{key}".lstrip("/"))) for key, part in pairs]
        if isinstance(value, dict):
            named = all(isinstance(key, str) for key in value) and not value.keys() & _MARKS
            return dict(inside) if named else {"pairs": [list(pair) for pair in inside]}
        parts = [part for _, part in inside]
        return parts if isinstance(value, list) else {"tuple": parts}

    import json  # slow, and `import nn` should be quick

    return arrays, json.dumps(packed(state, ""))


def unpack(text: str, arrays: Mapping[str, Stored]) -> Any:
    """The state that was packed. What is not of that form raises a ValueError."""
    import json

    left = dict(arrays)

    def unpacked(value: Any) -> Any:
        match value:
            case list():
                return [unpacked(part) for part in value]
            case {"array": name}:
                return _laid_out(left.pop(name), value["axes"])  # each may be there once
            case {"tuple": parts}:
                return tuple(unpacked(part) for part in parts)
            case {"pairs": pairs}:
                return {key: unpacked(part) for key, part in pairs}
            case dict():
                return {key: unpacked(part) for key, part in value.items()}
        return value

    try:
        return unpacked(json.loads(text))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"its text is not that of a checkpoint: {error!r}") from error


def _laid_out(stored: Stored, axes: list[int]) -> Array:
    """The array, with its axes lying in memory in this order, the widest strides first."""
    if stored.compressed or sorted(axes) != list(range(len(stored.shape))):
        raise ValueError(f"{stored.name} does not lie in the file as a checkpoint has it")
    return np.array(stored.read().transpose(axes), order="C").transpose(np.argsort(axes))


def check_alike(expected: Any, found: Any, place: str = "", exact: bool = False) -> None:
    """Raise an error where a saved state is of another form than the present one.

    Keys agree, and so does the kind of each entry: a number (or none yet), a text, a list. If
    `exact`, the entries are equal.
    """
    if isinstance(expected, list | tuple) and isinstance(found, list | tuple):
        expected, found = dict(enumerate(expected)), dict(enumerate(found))
    where = f"{place}: " if place else ""
    if isinstance(expected, dict) and isinstance(found, dict):
        wanted, got = (", ".join(map(str, each)) or "nothing" for each in (expected, found))
        require(expected.keys() == found.keys(), f"{where}expected {wanted}, got {got}")
        for key in expected:
            check_alike(expected[key], found[key], f"{place}.{key}".lstrip("."), exact)
        return
    alike = expected == found if exact else _form(expected) is _form(found)
    require(alike, f"{where}expected {expected!r:.200}, got {found!r:.200}")


def _form(value: Any) -> type:
    return float if isinstance(value, bool | int | float | np.generic | None) else type(value)
