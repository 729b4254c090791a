"""The functions of `nn` under the names they have in `torch.nn.functional`.

>>> import nn.functional as F
>>> F.relu([-1.0, 2.0])
array([0., 2.])
"""

from importlib import import_module as _import_module
from types import FunctionType as _Function

_FILES = """functions.pieces functions.similarity functions.smooth layers.attention
    layers.convolution layers.dense layers.dropout layers.embedding layers.normalisation
    layers.padding layers.pooling layers.resizing losses.distances losses.likelihoods
    losses.margins"""
_OTHERS = {"along", "flatten", "quadratic_loss", "sigmoid_cross_entropy", "step"}  # not PyTorch's


def _declared(kind: type) -> dict[str, object]:
    """The public functions, or classes, of these files."""
    found = dict[str, object]()
    for path in _FILES.split():
        file = _import_module(f".{path}", __package__)
        # isinstance would ask nn's generator for its class, and import all of np.random for it.
        named = ((name, it) for name, it in vars(file).items() if issubclass(type(it), kind))
        own = ((name, it) for name, it in named if it.__module__ == file.__name__)
        found |= {name: it for name, it in own if name[0] != "_" and name not in _OTHERS}
    return found


vars().update(_declared(_Function))
__all__ = sorted(_declared(_Function))
