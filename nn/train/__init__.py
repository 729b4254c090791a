"""Training: `fit`, and what may be added to it."""

from typing import TYPE_CHECKING

from microgradnd.late import import_late

if TYPE_CHECKING:
    from .fit import fit
    from .run import Callback, Checkpoint, Run
else:
    import_late(__name__, Callback=".run", Checkpoint=".run", Run=".run", fit=".fit")

__all__ = ["Callback", "Checkpoint", "Run", "fit"]
