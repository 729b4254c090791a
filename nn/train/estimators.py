"""Networks as estimators of scikit-learn, for its pipelines, searches and scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import explain_options, require
from microgradnd.late import needed

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
from .many_cores import seeded

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin  # type: ignore
    from sklearn.utils.multiclass import check_classification_targets  # type: ignore
    from sklearn.utils.validation import check_is_fitted, validate_data  # type: ignore
except ModuleNotFoundError:  # an estimator says what to install when it is made
    BaseEstimator, ClassifierMixin, RegressorMixin = (type(kind, (), {}) for kind in "ECR")


@dataclass(eq=False, repr=False)
class _Estimator(BaseEstimator):  # type: ignore[misc]
    """The options of both kinds, and what they do alike."""

    model: Sequence[int] | Callable[[int, int], Module] = (100,)
    _: KW_ONLY
    loss: Callable[[Any, Any], Any] | None = None
    optimizer: Callable[[Any], Optimizer] | None = None
    epochs: int = 100
    batch_size: int | None = 32
    random_state: Any = None

    _loss: ClassVar[Any]

    def __post_init__(self) -> None:
        needed("sklearn", f"nn.{type(self).__name__} needs scikit-learn", "scikit-learn")

    def _checked(self, *examples: Any, **options: Any) -> Any:
        """Examples checked by scikit-learn, with its messages."""
        return validate_data(self, *examples, dtype=zeros().dtype, **options)

    def _learn(self, x: Array, targets: Array, outputs: int) -> None:
        """Make a model and train it. With a random state of its own `nn` keeps its generator's."""
        state = self.random_state
        draw = getattr(state, "randint", getattr(state, "integers", lambda _: state))
        with nullcontext() if state is None else seeded(int(draw(1 << 31))):
            found = f"expected a function of inputs and outputs, got the model {self.model!r}"
            require(not isinstance(self.model, Module), found, TypeError)
            if callable(self.model):
                self.model_ = self.model(x.shape[1], outputs)
            else:
                sizes = pairwise([x.shape[1], *self.model, outputs])
                layers = [layer for pair in sizes for layer in (Linear(*pair), ReLU())]
                self.model_ = Sequential(*layers[:-1])
            optimizer = (self.optimizer or partial(Adam, lr=0.003))(self.model_.parameters())
            self.history_ = fit(
                self.model_, Data(x, targets), loss=self.loss or self._loss(), optimizer=optimizer,
                epochs=self.epochs, batch_size=self.batch_size, progress=False,
            )  # fmt: skip

    def _outputs(self, X: Any) -> Array:
        check_is_fitted(self)
        x = self._checked(X, reset=False)
        return predict(self.model_, x)


_Estimator.__init__ = explain_options(_Estimator.__init__)  # type: ignore[method-assign]


class Classifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
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

    _loss = CrossEntropyLoss

    def fit(self, X: Any, y: Any) -> Classifier:
        """Train a new model, `model_`; `classes_` are the labels, and `history_` how it went."""
        if np.asarray(y).dtype.kind in "OSUT" and y is not None:
            refuse_missing(y)
        x, labels = self._checked(X, y)
        check_classification_targets(labels)
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


class Regressor(RegressorMixin, _Estimator):  # type: ignore[misc]
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

    _loss = MSELoss

    def fit(self, X: Any, y: Any) -> Regressor:
        """Train a new model, `model_`; `history_` is how it went."""
        x, targets = self._checked(X, y, y_numeric=True, multi_output=True)
        self._shape = targets.shape[1:]
        columns = targets.astype(zeros().dtype).reshape(len(targets), -1)
        self._learn(x, columns, columns.shape[1])
        return self

    def predict(self, X: Any) -> Array:
        """Returns the numbers for each example, in the shape of the targets."""
        outputs = self._outputs(X)
        return outputs.reshape(len(outputs), *self._shape)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
