"""Training: `fit`, and what may be added to it."""

from .checkpoint import Checkpoint
from .fit import fit
from .run import Callback, Run

__all__ = ["Callback", "Checkpoint", "Run", "fit"]
