"""What there is: each function of NumPy's (and of SciPy's special ones), and whether it has
derivatives. `python -m microgradnd.coverage` prints the page; it is made from the table.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

import numpy as np

from .derivatives.values import PLAIN
from .primitive import Primitive
from .table import each, refused, table
from .text_table import text_table

MODULES = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft}


def coverage() -> list[tuple[str, str]]:
    """Returns each public function and what it does on Tensors.

    >>> dict(coverage())["np.arctan2"]
    'derivatives with respect to a, b'
    """
    modules, rows = dict(MODULES), []
    with contextlib.suppress(ImportError):
        modules["scipy.special"] = importlib.import_module("scipy.special")
        importlib.import_module("microgradnd.derivatives.special")
    for prefix, module in modules.items():
        for name, function in sorted(vars(module).items()):
            public = callable(function) and not isinstance(function, type) and name[0] != "_"
            if public and (prefix != "scipy.special" or isinstance(function, np.ufunc)):
                rows.append((f"{prefix}.{name}", _verdict(function)))
    return rows


def _verdict(function: Any) -> str:
    entry = table.get(function)
    if function in refused:
        return f"none: it {refused[function]}"
    if function in PLAIN:
        return "none needed: booleans, indices or shapes, as plain arrays"
    if entry is None:
        takes_arrays = isinstance(function, np.ufunc) or hasattr(function, "_implementation")
        return "none here" if takes_arrays else "takes no Tensor"
    if not isinstance(entry, Primitive):
        return "derivatives, through the functions it is composed of"
    if isinstance(entry.rules, each):
        return "derivatives with respect to each argument"
    ruled = [name for name, rule in zip(entry.names, entry.rules, strict=False) if rule is not None]
    return f"derivatives with respect to {', '.join(ruled)}" if ruled else "derivatives, all zero"


def main() -> None:
    """Prints the page."""
    print("Derivatives are of any order; the tests check value, first and second order.\n")
    print(*text_table([("function", "on Tensors"), *coverage()]), sep="\n")


if __name__ == "__main__":
    main()
