"""One small case of each kind of layer, activation and loss, for the rooms that must take them all."""

import numpy as np

import nn
from nn import losses
from tests.nn import test_functions, test_layers, test_losses

LAYERS = {kind.__name__: cases[0] for kind, cases in test_layers.BY_KIND.items()} | {
    "TransformerEncoderLayer": (nn.TransformerEncoderLayer, (4, 2, 6), {}, (3, 2, 4)),
    "BatchNorm1d of rows": (nn.BatchNorm1d, (3,), {}, (6, 3)),
    "BatchNorm1d, not tracked": (nn.BatchNorm1d, (3,), {"track_running_stats": False}, (6, 3)),
    "Conv2d, padded": (nn.Conv2d, (3, 4, 3), {"padding": 1, "stride": 2}, (2, 3, 8, 8)),
    "LSTM both ways": (nn.LSTM, (3, 4, 2), {"bidirectional": True}, (5, 2, 3)),
    "Flatten": (nn.Flatten, (), {}, (2, 3, 2)),
    "Dropout": (nn.Dropout, (0.3,), {}, (4, 6)),
    "ClassicDropout": (nn.ClassicDropout, (0.3,), {}, (4, 6)),
    "DropConnect": (lambda: nn.DropConnect(nn.Linear(6, 5), 0.3), (), {}, (4, 6)),
    **{
        name: (getattr(nn, name), (), options, (3, 4))
        for name, options in (*test_functions.AS_PYTORCH, ("Step", {}))
    },
}


def layer(name):
    """A layer with unusual parameters, and its inputs."""
    nn.manual_seed(3)
    return test_layers.made(*LAYERS[name])


class Scaled(nn.Module):
    """A layer behind a parameter, so that each can be trained."""

    def __init__(self, layer):
        self.scale, self.layer = nn.Parameter(0.9), layer

    def forward(self, x, *others):
        return self.layer(x * self.scale, *others)


LOSSES = [case for case in test_losses.CASES if "positive" not in case]  # of an input and a target


def loss(name):
    """A loss, its input and its target."""
    kind, options, points, fixed = test_losses.given(name, np.random.default_rng(0))
    return getattr(losses, kind)(**options), *points, *fixed
