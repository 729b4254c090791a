"""Figures about learning, made by matplotlib: `pip install "microgradnd[plots]"` installs it.

Each function returns its figure: it shows itself in a notebook, and `savefig("name.png")` (or
.pdf, .svg) saves it.
"""

from ...train.history import History
from .classifiers import (
    confusion_matrix,
    decision_boundaries,
    first_layer_weights,
    worst_mistakes,
)
from .training import gradient_health, learning_curves, optimizer_paths

History.plot = learning_curves

__all__ = [
    "confusion_matrix",
    "decision_boundaries",
    "first_layer_weights",
    "gradient_health",
    "learning_curves",
    "optimizer_paths",
    "worst_mistakes",
]
