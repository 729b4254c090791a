"""The five course texts with their rows."""

from . import (
    lecture000_errors,
    lecture000_gradients,
    lecture001_chain_rule,
    lecture001_example,
    lecture002_backpropagation,
    lecture002_batches,
    lecture002_neurons,
    lecture002_regularisation,
    lecture003_layers,
    lecture003_table,
    lecture004_descent,
    lecture004_overfitting,
)
from .row import Text

TEXTS = (
    Text(
        "000",
        "Image Processing and Machine Learning, lecture 12",
        [*lecture000_gradients.ROWS, *lecture000_errors.ROWS],
    ),
    Text(
        "001",
        "Deep Learning for Computer Vision: backpropagation",
        [*lecture001_chain_rule.ROWS, *lecture001_example.ROWS],
    ),
    Text(
        "002",
        "Introduction to Neural Networks",
        [
            *lecture002_neurons.ROWS,
            *lecture002_backpropagation.ROWS,
            *lecture002_batches.ROWS,
            *lecture002_regularisation.ROWS,
        ],
    ),
    Text(
        "003",
        "Network training, convolutional and recurrent networks",
        [*lecture003_layers.ROWS, *lecture003_table.ROWS],
    ),
    Text(
        "004",
        "Practical Neural Networks, after Nielsen's book",
        [*lecture004_descent.ROWS, *lecture004_overfitting.ROWS],
    ),
)
