"""Figures about learning, made by matplotlib: `pip install "microgradnd[plots]"` installs it.

Each function returns its figure: it shows itself in a notebook, and `savefig("name.png")` (or
.pdf, .svg) saves it.
"""

from typing import TYPE_CHECKING

from microgradnd.late import import_late

from ...train.history import History, RateTest

if TYPE_CHECKING:
    from .classifiers import confusion_matrix as confusion_matrix
    from .classifiers import decision_boundaries as decision_boundaries
    from .classifiers import first_layer_weights as first_layer_weights
    from .classifiers import worst_mistakes as worst_mistakes
    from .descent import optimizer_paths as optimizer_paths
else:
    _RARE = "confusion_matrix decision_boundaries first_layer_weights worst_mistakes"
    import_late(__name__, classifiers=_RARE, descent="optimizer_paths")
from .training import gradient_health as gradient_health
from .training import learning_curves as learning_curves
from .training import learning_rates as learning_rates

History.plot = learning_curves
RateTest.plot = learning_rates  # type: ignore[attr-defined]
