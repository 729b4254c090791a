"""Figures about learning, made by matplotlib: `pip install "microgradnd[plots]"` installs it.

Each function returns its figure: it shows itself in a notebook, and `savefig("name.png")` (or
.pdf, .svg) saves it.
"""

from microgradnd.late import import_late

from ...train.history import History, RateTest
from .training import gradient_health, learning_curves, learning_rates

History.plot = learning_curves
RateTest.plot = learning_rates

__all__ = [
    "gradient_health", "learning_curves", "learning_rates",
    *import_late(
        __name__,
        classifiers="confusion_matrix decision_boundaries first_layer_weights worst_mistakes",
        descent="optimizer_paths",
    ),
]  # fmt: skip
