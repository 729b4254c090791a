"""What is kept of a model and of its training, so that nothing is lost."""

from .models import load, save

__all__ = ["load", "save"]
