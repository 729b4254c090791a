"""Nested lists, tuples and dicts as trees of leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

_CONTAINERS = (dict, list, tuple)


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with function(leaf) in place of each leaf; named tuples keep their kind.

    >>> map_leaves(str, {"a": [1, 2], "b": (3,)})
    {'a': ['1', '2'], 'b': ('3',)}
    """
    if isinstance(tree, dict):
        return {key: map_leaves(function, part) for key, part in tree.items()}
    if not isinstance(tree, (list, tuple)):
        return function(tree)
    parts = [
        map_leaves(function, part) if isinstance(part, _CONTAINERS) else function(part)
        for part in tree
    ]
    return parts if type(tree) is list else like_tuple(tree, parts)


def like_tuple(value: Any, parts: Iterable[Any]) -> Any:
    """A list or tuple of the same type, perhaps a named one, with other parts."""
    return getattr(type(value), "_make", type(value))(parts)


def leaves_of(tree: Any, first: int | None = None, depth: int = -1) -> list[Any]:
    """The leaves of a tree; or the first so many of each list, tuple or dict, so many deep.

    >>> leaves_of({"a": [1, 2], "b": (3,)})
    [1, 2, 3]
    """
    if not isinstance(tree, _CONTAINERS):
        return [tree]
    found: list[Any] = []
    for part in islice(tree.values() if isinstance(tree, dict) else tree, first):
        if isinstance(part, _CONTAINERS):
            found += leaves_of(part, first, depth - 1) if depth != 1 else []
        else:
            found.append(part)
    return found


def flatten(tree: Any) -> tuple[list[Any], Callable[[Iterable[Any]], Any]]:
    """The leaves of a tree, and a function that builds the same tree from other leaves.

    >>> leaves, rebuild = flatten({"a": [1, 2], "b": (3,)})
    >>> leaves
    [1, 2, 3]
    >>> rebuild([4, 5, 6])
    {'a': [4, 5], 'b': (6,)}
    """
    leaves: list[Any] = []
    form = map_leaves(leaves.append, tree)

    def rebuild(others: Iterable[Any]) -> Any:
        remaining = iter(others)
        return map_leaves(lambda _: next(remaining), form)

    return leaves, rebuild


def leaves_along(form: Any, tree: Any) -> list[Any]:
    """The leaves of a tree of the same form as another, in that one's order: dicts go by keys.

    >>> leaves_along({"a": 1, "b": (2,)}, {"b": (4,), "a": 3})
    [3, 4]
    """
    if isinstance(form, dict):
        keys, alike = [*form], isinstance(tree, dict) and tree.keys() == form.keys()
    elif isinstance(form, list | tuple):
        keys = [*range(len(form))]
        alike = isinstance(tree, list | tuple) and len(tree) == len(form)
    else:
        return [tree]
    if not alike:
        raise ValueError(f"expected {_outline(form)}, got {_outline(tree)}")
    return [leaf for key in keys for leaf in leaves_along(form[key], tree[key])]


def _outline(tree: Any) -> str:
    parts = ""
    if isinstance(tree, _CONTAINERS):
        parts = f" of {', '.join(map(repr, tree)) if isinstance(tree, dict) else len(tree)}"
    return f"{type(tree).__name__}{parts}"
