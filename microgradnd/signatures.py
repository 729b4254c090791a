"""Names read from a function: its own, and those of its parameters."""

from __future__ import annotations

import inspect
import linecache
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np


def parameter_names(rules: Any, function: Callable[..., Any]) -> list[str]:
    """The parameters of the rule, or of the function itself, that names most."""
    spelled = [_named(rule)[2:] for rule in rules if rule is not None]
    return max([*spelled, *([] if isinstance(function, np.ufunc) else [_named(function)])], key=len)


def _named(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def inferred_name(function: Callable[..., Any], depth: int) -> str:
    """The function's own name; for a lambda, that of the variable that the caller, so
    many calls away, assigns it to."""
    name = getattr(function, "__name__", type(function).__name__)
    if name != "<lambda>":
        return name
    caller = sys._getframe(depth)
    line = linecache.getline(caller.f_code.co_filename, caller.f_lineno, caller.f_globals)
    assigned = re.match(r"\s*([^\W\d]\w*)\s*(:[^=]*)?=[^=]", line)
    return assigned[1] if assigned else "primitive"
