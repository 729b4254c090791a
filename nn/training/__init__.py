"""Training: `fit`, and what it shows on the way."""

from .fit import fit

__all__ = ["fit"]
