"""Measures of a model's answers, beside scikit-learn's."""

import numpy as np
import pytest

import nn

RNG = np.random.default_rng(0)
SCORES, LABELS = RNG.normal(size=(60, 4)), RNG.integers(0, 4, 60)
CHANCES, YES = np.round(RNG.uniform(size=50), 1), RNG.integers(0, 2, 50)  # with ties


def test_measures_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    chosen = SCORES.argmax(axis=1)
    for ours, theirs in (
        (nn.precision, metrics.precision_score),
        (nn.recall, metrics.recall_score),
        (nn.f1, metrics.f1_score),
    ):
        for average in ("macro", "weighted"):
            assert ours(SCORES, LABELS, average) == pytest.approx(
                theirs(LABELS, chosen, average=average)
            )
        assert ours(CHANCES > 0.5, YES, "binary") == pytest.approx(theirs(YES, CHANCES > 0.5))
        np.testing.assert_allclose(
            ours(SCORES, LABELS, "none"), theirs(LABELS, chosen, average=None)
        )
    assert nn.top_k_accuracy(SCORES, LABELS, k=2) == metrics.top_k_accuracy_score(
        LABELS, SCORES, k=2
    )
    assert nn.roc_auc(CHANCES, YES) == pytest.approx(metrics.roc_auc_score(YES, CHANCES))
    for mine, other in zip(
        nn.roc_curve(CHANCES, YES),
        metrics.roc_curve(YES, CHANCES, drop_intermediate=False),
        strict=True,
    ):
        np.testing.assert_allclose(mine, other)
    assert nn.r2(CHANCES, YES) == pytest.approx(metrics.r2_score(YES, CHANCES))


def test_the_area_is_the_chance_to_rank_a_pair_right():
    yes, no = CHANCES[YES == 1], CHANCES[YES == 0]
    right = np.mean((yes[:, None] > no) + (yes[:, None] == no) / 2)
    assert nn.roc_auc(CHANCES, YES) == pytest.approx(right)


def test_predictions_are_of_the_model_in_eval_mode_batch_by_batch():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    whole = nn.predict(model, SCORES)
    assert model.training
    np.testing.assert_allclose(nn.predict(model, SCORES, batch_size=7), whole, rtol=1e-12)
    model.eval()
    np.testing.assert_allclose(model(SCORES).numpy(), whole, rtol=1e-12)
    assert nn.predict(model.astype(np.float32), SCORES).dtype == np.float32
    assert nn.predict(model, SCORES[:0]).shape == (0, 3)


def test_evaluate_names_each_measure():
    model = nn.Sequential()
    found = nn.evaluate(model, (SCORES, LABELS), ["accuracy", "f1", "top5", nn.CrossEntropyLoss()])
    assert found["accuracy"] == nn.accuracy(SCORES, LABELS)
    assert found["f1"] == nn.f1(SCORES, LABELS)
    assert found["top5"] == 1.0
    assert found["CrossEntropyLoss"] == pytest.approx(
        nn.functional.cross_entropy(SCORES, LABELS).item()
    )
    single = nn.evaluate(model, nn.data.Data(CHANCES[:, None], YES), ["accuracy", "auc"])
    assert single == {"accuracy": np.mean((CHANCES > 0.5) == YES), "auc": nn.roc_auc(CHANCES, YES)}
    assert nn.evaluate(model, (CHANCES[:, None], YES), threshold=2)["accuracy"] == np.mean(YES == 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.evaluate(nn.Sequential(), (SCORES, LABELS), ["f2"]), "got 'f2'"),
        (lambda: nn.precision(SCORES, LABELS, "binary"), "got 'binary' for 4 classes"),
        (lambda: nn.roc_auc([0.1, 0.2], [1, 1]), "both classes"),
        (lambda: nn.predict(nn.Sequential(), SCORES, batch_size=0), "must be 1 or more, got 0"),
    ],
)
def test_misuse_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
