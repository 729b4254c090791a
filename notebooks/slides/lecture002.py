"""Introduction to Neural Networks: its four parts together."""

from . import (
    lecture002_backpropagation,
    lecture002_batches,
    lecture002_neurons,
    lecture002_regularisation,
)
from .row import Text

TEXT = Text(
    "002",
    "Introduction to Neural Networks",
    [
        *lecture002_neurons.ROWS,
        *lecture002_backpropagation.ROWS,
        *lecture002_batches.ROWS,
        *lecture002_regularisation.ROWS,
    ],
)
