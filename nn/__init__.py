"""Neural networks on top of `microgradnd`, with the names, arguments and numbers of `torch.nn`.

Parameters are made in the engine's default dtype, float64; `model.astype(np.float32)` or
`microgradnd.set_default_dtype` is how one trains at full speed.
Examples use the names of their file. Type checkers read the names in `__init__.pyi`, which
`python -m tests.stubs` writes.
"""

# isort: off
# fmt: off
# ruff: noqa: F401
import os
import sys
from typing import NoReturn

import microgradnd
from microgradnd.context import library_folders
from microgradnd.habits import explain_names, instead
from microgradnd.late import import_late, late_module
from microgradnd.program import unchanging

from . import data, functional, init, optim
from .containers import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .files import load, save
from .init import manual_seed
from .layers import utils
from .layers.embedding import one_hot
from .look import module_tree as _module_tree, plots  # how a notebook shows a module
from .module import Module, Parameter, functional_call
from .train.history import History

vars().update(functional._declared(type))  # layers, activations and losses, beside their functions

_HERE = __name__ + "."  # a copy may lie in another package
_FILES = "classics.equations", "classics.networks", "losses.distributions", "train.averaged"
equations, networks, distributions, averaged = (late_module(_HERE + file) for file in _FILES)
_LATE = import_late(__name__, **{
    "classics.backprop_check": "check_backprop",
    "classics.perceptrons": "Perceptron Region Regions",
    "layers.recomputed": "Recomputed", "layers.recurrent": "GRU GRUCell LSTM LSTMCell RNN RNNCell",
    "layers.transformer": """
        Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder
        TransformerEncoderLayer""",
    "look.film": "Film", "look.network_figure": "draw_network", "look.summary": "summary",
    "train.callbacks": "CSVLogger EachStep EarlyStopping OnlyMistakes StepOrJump TensorBoard",
    "train.estimators": "Classifier Regressor",
    "train.evaluation": "evaluate misclassified per_example_gradients predict",
    "train.fit": "find_learning_rate fit", "train.health": "Health TrainingWarning",
    "train.many_cores": "Together random_restarts run_each",
    "train.metrics": """
        accuracy confusion_matrix f1 precision r2 recall roc_auc roc_curve top_k_accuracy""",
    "train.regularisation": "L1 L2 MaxNorm", "train.run": "Callback Checkpoint",
})

# People write `from nn.utils import …` as with torch, wherever the module's file is.
_named = {
    "distributions": distributions, "equations": equations, "networks": networks, "plots": plots,
    "optim.swa_utils": averaged, "utils": utils, "utils.rnn": utils.rnn,
}
sys.modules |= {f"{__name__}.{name}": module for name, module in _named.items()}
vars(optim)["swa_utils"] = averaged
explain_names(averaged, data, distributions, functional, init, optim, utils, utils.rnn)

library_folders.add(os.path.dirname(os.path.abspath(__file__)) + os.sep)
unchanging.add(__name__)  # a replayed step need not look whether a layer is still the same class

_OURS = {name for name, it in vars().items() if callable(it) and it.__module__.startswith(_HERE)}
_MODULES = {"data", "functional", "init", "optim", *(it for it in _named if "." not in it)}
__all__ = sorted({*_OURS, *_LATE, *_MODULES})


def __getattr__(name: str) -> NoReturn:
    meant = instead(name, __all__)
    for module in (functional, microgradnd):
        if name in module.__all__:
            meant = f"; use {module.__name__}.{name}"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{meant}")
