"""Learning, looked at: figures of matplotlib's, which `pip install "microgradnd[plots]"` installs.

Each function returns its figure: it shows itself in a notebook, and `savefig("name.png")` (or
.pdf, .svg) makes a file of it.
"""

from .confusion import confusion_matrix
from .descent import optimizer_paths
from .health import gradient_health
from .images import first_layer_weights, worst_mistakes
from .learning import learning_curves
from .plane import decision_boundaries

__all__ = [
    "confusion_matrix",
    "decision_boundaries",
    "first_layer_weights",
    "gradient_health",
    "learning_curves",
    "optimizer_paths",
    "worst_mistakes",
]
