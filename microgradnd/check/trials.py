"""Arguments to try an operation on, when nobody says which."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..primitive import Primitive, each

_SHAPES: dict[int, list[tuple[tuple[int, ...], ...]]] = {
    1: [((),), ((3,),), ((2, 3),), ((3, 3),), ((2, 2, 3),), ((1, 2, 6, 6),)],
    2: [
        ((), ()), ((3,), (3,)), ((2, 3), (2, 3)), ((3, 3), (3, 3)),
        ((2, 3), (3,)), ((2, 1), (1, 3)), ((3,), ()), ((), (2, 3)), ((2, 3), (1, 3)),
        ((2, 3), (3, 4)), ((2, 3), (4, 3)), ((2, 2, 3), (3, 2)), ((1, 2, 6, 6), (2, 2, 3, 3)),
    ],
    3: [
        ((), (), ()), ((2, 3), (2, 3), (2, 3)), ((2, 3), (3,), ()), ((2, 1), (1, 3), (3,)),
        ((2, 3), (4, 3), (4,)), ((2, 3), (3, 4), (4,)), ((3, 3), (3, 3), (3,)),
        ((1, 2, 6, 6), (2, 2, 3, 3), (2,)),
    ],
}  # fmt: skip
_RANGES = ((-1.5, 1.5), (0.1, 0.9), (1.1, 2.0), (-0.9, -0.1))


def trials_of(operation: Primitive) -> Iterator[list[tuple[Any, Any]]]:
    """Lists of arguments that the operation takes, each argument with its rule."""
    count = 2 if isinstance(operation.rules, each) else len(operation.rules)
    shapes = _SHAPES.get(count) or [(s,) * count for s in ((), (3,), (2, 3), (3, 3))]
    rules = [operation.rules[k] for k in range(count)]
    rng = np.random.default_rng(0)
    for combination, (low, high) in itertools.product(shapes, _RANGES):
        arguments = [rng.uniform(low, high, shape) for shape in combination]
        if _takes(operation, arguments):
            yield list(zip(arguments, rules, strict=True))


def _takes(operation: Primitive, arguments: list[Any]) -> bool:
    try:
        with np.errstate(all="ignore"):
            output = operation.function(*arguments)
    except Exception:  # whatever somebody's function may raise
        return False
    parts = output if isinstance(output, tuple) else (output,)
    return all(np.asarray(part).dtype.kind == "f" and np.isfinite(part).all() for part in parts)
