"""Training: `fit`, and what it shows on the way."""

from .checkpoint import Callback, Checkpoint, Run
from .fit import fit

__all__ = ["Callback", "Checkpoint", "Run", "fit"]
