"""Reverse-mode automatic differentiation for NumPy.

A `Tensor` records what NumPy does with it; the chain rule, summed over every path, does the rest.
Examples use the names of their file.
"""

from typing import TYPE_CHECKING
from typing import NoReturn as _NoReturn

from . import derivatives as _derivatives  # noqa: F401  (fills the table)
from .arrays import set_default_dtype
from .context import no_grad, scope, trace
from .habits import instead as _instead
from .late import import_late
from .primitive import primitive
from .tensor import Tensor, history
from .transforms import grad, gradients, hessian, hvp, jacobian, jvp, value_and_grad, vjp

if TYPE_CHECKING:
    from .check.gradcheck import gradcheck
    from .draw.picture import draw
    from .paths.search import paths
    from .paths.why_zero import why_zero
    from .program import derive, replay
else:
    _TOOLS = {"check.gradcheck": "gradcheck", "draw.picture": "draw", "paths.search": "paths"}
    import_late(__name__, **_TOOLS, program="derive replay", **{"paths.why_zero": "why_zero"})

__version__ = "0.2.0"
__all__ = [
    "Tensor", "derive", "draw", "grad", "gradcheck", "gradients", "hessian", "history", "hvp",
    "jacobian", "jvp", "no_grad", "paths", "primitive", "replay", "scope", "set_default_dtype",
    "trace", "value_and_grad", "vjp", "why_zero",
]  # fmt: skip


def _as_html(tensor: Tensor) -> str:
    from .text_table import heat_map

    return heat_map(tensor)


Tensor._repr_html_ = _as_html  # type: ignore[attr-defined]


vars().pop("tensor")  # a file's name, which is called from habit: see HABITS


def __getattr__(name: str) -> _NoReturn:
    raise AttributeError(f"module 'microgradnd' has no attribute {name!r}{_instead(name, __all__)}")
