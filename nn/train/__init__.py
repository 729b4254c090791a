"""Training: `fit`, and what may be added to it."""

from typing import TYPE_CHECKING

from microgradnd.late import import_late

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
    from .fit import fit
    from .run import Callback, Run
else:
    import_late(__name__, Callback=".run", Checkpoint=".checkpoint", Run=".run", fit=".fit")

__all__ = ["Callback", "Checkpoint", "Run", "fit"]
