"""Training: `fit`, and what may be added to it."""

from typing import TYPE_CHECKING

from microgradnd.late import import_late

if TYPE_CHECKING:
    from .fit import fit
    from .run import Callback, Checkpoint, Run
else:
    import_late(__name__, fit="fit", run="Callback Checkpoint Run")

__all__ = ["Callback", "Checkpoint", "Run", "fit"]
