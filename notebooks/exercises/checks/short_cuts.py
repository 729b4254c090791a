"""What an answer may not be made of. It guards against short cuts, not against an attacker."""

import ast

from .worker import MAY_IMPORT

_NOT_NEEDED = {
    "eval", "exec", "compile", "open", "__import__", "globals", "input", "breakpoint",
    "get_ipython",
}  # fmt: skip

_COMPLEX = {"complex", "complex64", "complex128", "cdouble", "imag"}
_LONG = {"longdouble", "float128", "clongdouble"}


def short_cut(cell: str) -> str | None:
    """Which short cut a cell takes, in words; None if it takes none, or is not Python at all."""
    try:
        tree = ast.parse(cell)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # the process that runs it will say so
    for node in ast.walk(tree):
        for module in _imported(node):
            if module.partition(".")[0] not in MAY_IMPORT:
                return (
                    f"it imports {module}: an answer is written with NumPy alone, and works its "
                    "derivative out"
                )
        if _names(node, _LONG):
            return "an answer has no need of more digits than float64 has"
        if _names(node, _COMPLEX) or isinstance(getattr(node, "value", None), complex):
            return (
                "a step along the imaginary axis is a way of taking differences: derive the "
                "formula instead"
            )
        if isinstance(node, ast.Name) and node.id in _NOT_NEEDED:
            return f"an answer has no need of {node.id}"
    return None


def _names(node: ast.AST, kinds: set[str]) -> bool:
    """Whether one of these kinds of numbers is asked for, by its name or as a text."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value in kinds
    return (getattr(node, "id", None) or getattr(node, "attr", None)) in kinds


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["." * node.level + (node.module or "")]
    return []
