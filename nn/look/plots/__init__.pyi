"""Written by `python -m tests.stubs`."""

from collections.abc import Sequence
from typing import Any

from microgradnd.arrays import ArrayLike
from nn.functions import FunctionModule
from nn.layers.layer import Layer, Size
from nn.layers.resizing import Sizes

from nn.look.plots.training import gradient_health as gradient_health
from nn.look.plots.training import learning_curves as learning_curves
from nn.look.plots.training import learning_rates as learning_rates
from nn.look.plots.classifiers import confusion_matrix as confusion_matrix
from nn.look.plots.classifiers import decision_boundaries as decision_boundaries
from nn.look.plots.classifiers import first_layer_weights as first_layer_weights
from nn.look.plots.classifiers import worst_mistakes as worst_mistakes
from nn.look.plots.descent import optimizer_paths as optimizer_paths
