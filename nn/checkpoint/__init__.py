"""What is kept of a model and of its training, so that nothing is lost."""

from .models import load, save
from .run import Callback, Checkpoint, Run

__all__ = ["Callback", "Checkpoint", "Run", "load", "save"]
