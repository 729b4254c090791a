"""Networks with the methods of scikit-learn's estimators, for its pipelines, searches and scores.

scikit-learn itself is never imported here, but where it asks for the tags of an estimator.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass
from functools import partial
from importlib import import_module
from itertools import pairwise
from typing import Any, ClassVar, TypeVar

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import explain_options, require

from ..containers import Sequential
from ..data import Data
from ..data.examples import refuse_missing
from ..functions import ReLU, softmax
from ..init import zeros
from ..layers.dense import Linear
from ..losses import CrossEntropyLoss, MSELoss
from ..module import Module
from ..optim import Adam, Optimizer
from .evaluation import predict
from .fit import fit
from .independent import seeded
from .metrics import r2

E = TypeVar("E", bound="_Estimator")


@dataclass(eq=False)
class _Estimator:
    """What both kinds share: the options, and the examples checked with scikit-learn's messages."""

    model: Sequence[int] | Callable[[int, int], Module] = (100,)
    _: KW_ONLY
    loss: Callable[[Any, Any], Any] | None = None
    optimizer: Callable[[Any], Optimizer] | None = None
    epochs: int = 100
    batch_size: int | None = 32
    random_state: Any = None

    _loss: ClassVar[Any]
    _kind: ClassVar[str]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Returns the options by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self: E, **params: Any) -> E:
        """Changes options, and returns the estimator."""
        if strange := params.keys() - self.get_params():
            known = ", ".join(self.get_params())
            raise ValueError(f"Invalid parameter {min(strange)!r}; expected one of {known}")
        vars(self).update(params)
        return self

    def __sklearn_tags__(self) -> Any:
        of_sklearn, classifies = import_module("sklearn.utils"), self._kind == "classifier"
        return of_sklearn.Tags(
            estimator_type=self._kind,
            target_tags=of_sklearn.TargetTags(required=True, multi_output=not classifies),
            classifier_tags=of_sklearn.ClassifierTags() if classifies else None,
            regressor_tags=None if classifies else of_sklearn.RegressorTags(),
        )

    def _learn(self, x: Array, targets: Array, outputs: int) -> None:
        """Make a model and train it. With a random state of its own `nn` keeps its generator's."""
        state = self.random_state
        draw = getattr(state, "randint", getattr(state, "integers", lambda _: state))
        with nullcontext() if state is None else seeded(int(draw(1 << 31))):
            inputs = self.n_features_in_ = x.shape[1]
            found = f"expected a function of inputs and outputs, got the model {self.model!r}"
            require(not isinstance(self.model, Module), found, TypeError)
            if callable(self.model):
                self.model_ = self.model(inputs, outputs)
            else:
                sizes = pairwise([inputs, *self.model, outputs])
                layers = [layer for pair in sizes for layer in (Linear(*pair), ReLU())]
                self.model_ = Sequential(*layers[:-1])
            optimizer = (self.optimizer or partial(Adam, lr=0.003))(self.model_.parameters())
            self.history_ = fit(
                self.model_, Data(x, targets), loss=self.loss or self._loss(), optimizer=optimizer,
                epochs=self.epochs, batch_size=self.batch_size, progress=False,
            )  # fmt: skip

    def _outputs(self, X: Any) -> Array:
        name, fitted = type(self).__name__, hasattr(self, "model_")
        first = f"This {name} instance is not fitted yet. Call 'fit' first."
        require(fitted, first, _of_sklearn("NotFittedError", ValueError))
        known, names = list(getattr(self, "feature_names_in_", ())), _names(X)
        match = "The feature names should match those that were passed during fit"
        same = not (known and names) or known == names
        require(same, f"{match}: expected {known}, got {names}")
        x, expected = _table(X), f"{name} is expecting {self.n_features_in_} features as input"
        found = f"X has {x.shape[1]} features, but {expected}"
        require(x.shape[1] == self.n_features_in_, found)
        return predict(self.model_, x)

    def _examples(self, X: Any, y: Any) -> tuple[Array, Array]:
        passed = f"{type(self).__name__} requires y to be passed, but the target y is None"
        require(y is not None, passed)
        x, targets = _table(X), np.asarray(y)
        vars(self).pop("feature_names_in_", None)
        if names := _names(X):
            self.feature_names_in_ = np.array(names, object)
        if targets.ndim == 2 and targets.shape[1] == 1 and self._kind == "classifier":
            warning = _of_sklearn("DataConversionWarning", UserWarning)
            found = "A column-vector y was passed when a 1d array was expected"
            warnings.warn(found, warning, stacklevel=3)
            targets = targets[:, 0]
        real = targets.dtype.kind in "fc"
        require(not real or np.isfinite(targets).all(), "Input y contains NaN or infinity")
        return x, targets


_Estimator.__init__ = explain_options(_Estimator.__init__)  # type: ignore[method-assign]


class Classifier(_Estimator):
    """A network that classifies, as an estimator of scikit-learn.

    Arguments:
        model: the sizes of hidden layers, between which there is ReLU, or a function of the numbers
            of inputs and classes that makes a model, whose outputs are scores.
        loss: a loss; by default `CrossEntropyLoss()`.
        optimizer: a function of the parameters; by default Adam with the rate 0.003.
        epochs, batch_size: as for `fit`.
        random_state: a number, or a generator of NumPy, for the same result each time.

    >>> import nn
    >>> moons = nn.data.moons(200, seed=0)
    >>> x, y = moons.inputs, np.where(moons.labels, "down", "up")
    >>> classifier = nn.Classifier(random_state=0).fit(x, y)
    >>> classifier.score(x, y) > 0.9, classifier.predict([[0.0, 1.0]])
    (True, array(['up'], dtype='<U4'))
    """

    _loss, _kind = CrossEntropyLoss, "classifier"

    def fit(self, X: Any, y: Any) -> Classifier:
        """Train a new model, `model_`; `classes_` are the labels, and `history_` how it went."""
        x, labels = self._examples(X, y)
        whole = labels.dtype.kind != "f" or np.all(labels == np.floor(labels))
        require(whole, "Unknown label type: continuous. Use nn.Regressor to predict numbers")
        flat = f"y should be a 1d array of labels, got shape {labels.shape}"
        require(labels.ndim == 1, flat)
        if labels.dtype.kind in "OSUT":
            refuse_missing(y)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        self._learn(x, numbers, len(self.classes_))
        return self

    def predict(self, X: Any) -> Array:
        """Returns the class of each example."""
        chosen = self._outputs(X).argmax(axis=1)
        return np.asarray(self.classes_[chosen])

    def predict_proba(self, X: Any) -> Array:
        """Returns the probability of each class, in the order of `classes_`."""
        return np.asarray(softmax(self._outputs(X), 1))

    def score(self, X: Any, y: Any) -> float:
        """Returns the share of examples whose class is right."""
        chosen, right = self.predict(X), np.asarray(y)
        found = f"expected {len(chosen)} labels, got an array of shape {right.shape}"
        require(right.size == len(chosen), found)
        return float(np.mean(chosen == right.ravel()))


class Regressor(_Estimator):
    """A network that predicts numbers, as an estimator of scikit-learn.

    Targets are used as they are: scale those that are far from 1, for example by scikit-learn's
    `TransformedTargetRegressor`. Arguments are those of `Classifier`; the loss is by default
    `MSELoss()`.

    >>> import nn
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> regressor = nn.Regressor((16,), random_state=0).fit(x, x[:, 0] ** 2)
    >>> regressor.score(x, x[:, 0] ** 2) > 0.9, regressor.predict(x).shape
    (True, (50,))
    """

    _loss, _kind = MSELoss, "regressor"

    def fit(self, X: Any, y: Any) -> Regressor:
        """Train a new model, `model_`; `history_` is how it went."""
        x, targets = self._examples(X, y)
        targets = targets.astype(zeros().dtype)
        self._shape = targets.shape[1:]
        columns = targets.reshape(len(targets), -1)
        self._learn(x, columns, columns.shape[1])
        return self

    def predict(self, X: Any) -> Array:
        """Returns the numbers for each example, in the shape of the targets."""
        outputs = self._outputs(X)
        return outputs.reshape(len(outputs), *self._shape)

    def score(self, X: Any, y: Any) -> float:
        """Returns R², the share of the targets' variance that is explained."""
        return r2(self.predict(X), y)


def _of_sklearn(name: str, otherwise: Any) -> Any:
    """A class of scikit-learn's, if it has been imported."""
    return getattr(sys.modules.get("sklearn.exceptions"), name, otherwise)


def _names(X: Any) -> list[str]:
    """The names of a table's columns, if all of them have one."""
    columns = list(getattr(X, "columns", ()))
    return columns if all(isinstance(name, str) for name in columns) else []


def _table(X: Any) -> Array:
    """X as a table of finite numbers; the messages are those that scikit-learn's users know."""
    sparse = "sparse data is not supported; use X.toarray()"
    require(not hasattr(X, "toarray"), sparse, TypeError)
    x = np.asarray(X)
    require(x.dtype.kind != "c", f"Complex data not supported\n{x!r:.200}")
    require(x.ndim == 2, f"Expected 2D array, got shape {x.shape}. Reshape your data")
    for size, what in zip(x.shape, ("sample", "feature"), strict=True):
        require(size, f"0 {what}(s) (shape={x.shape}) while a minimum of 1 is required.")
    x = x.astype(zeros().dtype, copy=False)
    require(np.isfinite(x).all(), "Input X contains NaN or infinity")
    return x
