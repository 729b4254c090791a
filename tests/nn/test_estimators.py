"""Networks as scikit-learn's estimators: its own checks of them, and its tools around them."""

import sys

import numpy as np
import pytest

import nn

pytest.importorskip("sklearn", minversion="1.6")
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

MOONS = nn.data.moons(200, seed=0)
WORDS = np.where(MOONS.labels, "down", "up")


@pytest.mark.filterwarnings("ignore::nn.TrainingWarning")
@parametrize_with_checks([nn.Classifier(epochs=40), nn.Regressor(epochs=40)])
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::nn.TrainingWarning")
def test_searches_pipelines_and_scores():
    pipeline = make_pipeline(StandardScaler(), nn.Classifier(epochs=20, random_state=0))
    grid = {"classifier__model": [(4,), (32, 32), deep], "classifier__epochs": [1, 30]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(MOONS.inputs, WORDS)
    assert search.best_params_["classifier__epochs"] == 30
    best = search.best_estimator_
    chances, answers = best.predict_proba(MOONS.inputs), best.predict(MOONS.inputs)
    assert best.score(MOONS.inputs, WORDS) == accuracy_score(WORDS, answers) > 0.9
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert (best.classes_[chances.argmax(1)] == answers).all()
    y = 1e4 * MOONS.inputs[:, 0] ** 2
    inner = nn.Regressor(epochs=50, random_state=0)
    regressor = TransformedTargetRegressor(inner, transformer=StandardScaler())
    assert cross_val_score(regressor, MOONS.inputs, y, cv=3).min() > 0.8
    assert (is_classifier(nn.Classifier()), is_regressor(nn.Regressor())) == (True, True)


def deep(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, outputs))


@pytest.mark.parametrize("state", [3, np.random.RandomState, np.random.default_rng])
def test_a_random_state_repeats_and_leaves_that_of_nn(state):
    nn.manual_seed(0)
    before = nn.init.generator.bit_generator.state
    makes = state if callable(state) else lambda _: state
    one, other = (
        nn.Classifier(deep, epochs=2, random_state=makes(5)).fit(MOONS.inputs, WORDS) for _ in "ab"
    )
    found, again = (each.predict_proba(MOONS.inputs) for each in (one, other))
    np.testing.assert_array_equal(found, again)
    assert nn.init.generator.bit_generator.state == before
    if state == 3:
        assert clone(one).get_params() == one.get_params()
    nn.Classifier(epochs=1).fit(MOONS.inputs, WORDS)
    assert nn.init.generator.bit_generator.state != before


class Narrow(nn.Classifier):
    def __init__(self, width=3):
        super().__init__((width,), epochs=1)
        self.width = width


def test_options_of_a_subclass_are_those_of_its_own_making():
    assert clone(Narrow(5)).get_params() == {"width": 5}


def test_several_targets_and_float32_in_silence(capsys):
    y = np.stack([MOONS.inputs[:, 0], MOONS.inputs.sum(axis=1)], axis=1)
    single = lambda i, o: nn.Linear(i, o).astype(np.float32)  # noqa: E731
    regressor = nn.Regressor(single, epochs=200, random_state=0).fit(MOONS.inputs, y)
    assert regressor.predict(MOONS.inputs).dtype == np.float32
    score, expected = regressor.score(MOONS.inputs, y), r2_score(y, regressor.predict(MOONS.inputs))
    assert score == pytest.approx(1, abs=5e-3)
    assert score == pytest.approx(expected, abs=1e-3)
    assert capsys.readouterr() == ("", "")


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"nn\.Classifier needs .*: pip install scikit-learn"
    ):
        nn.Classifier()
