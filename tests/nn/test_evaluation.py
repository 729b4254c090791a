"""Measures of a model's answers, beside scikit-learn's."""

import itertools

import numpy as np
import pytest

import nn
from microgradnd import Tensor, jacobian
from tests.nn.runs import HELD_OUT, small, trained

RNG = np.random.default_rng(0)
SCORES, LABELS = RNG.normal(size=(60, 4)), RNG.integers(0, 4, 60)
CHANCES, YES = np.round(RNG.uniform(size=50), 1), RNG.integers(0, 2, 50)  # with ties


def test_measures_are_those_of_scikit_learn_whatever_the_form():
    metrics = pytest.importorskip("sklearn.metrics")
    chosen, column, hot = SCORES.argmax(axis=1), LABELS[:, None], np.eye(4)[LABELS]
    forms = SCORES, SCORES.tolist(), Tensor(SCORES, requires_grad=True), chosen
    for a, t in itertools.product(
        forms, (LABELS.tolist(), column, hot, Tensor(LABELS), LABELS.astype("u1"))
    ):
        assert nn.accuracy(a, t) == pytest.approx(metrics.accuracy_score(LABELS, chosen))
        expected = metrics.confusion_matrix(LABELS, chosen)
        np.testing.assert_array_equal(nn.confusion_matrix(a, t), expected)
    for name in ("precision", "recall", "f1"):
        ours, theirs = getattr(nn, name), getattr(metrics, f"{name}_score")
        for average in ("macro", "weighted", "none"):
            expected = theirs(LABELS, chosen, average=None if average == "none" else average)
            np.testing.assert_allclose(ours(SCORES, LABELS, average), expected)
            if average != "none":  # without class 1 the average is the same
                apart = [np.where(labels == 0, 0, labels + 1) for labels in (chosen, LABELS)]
                np.testing.assert_allclose(ours(*apart, average), expected)
        assert ours(CHANCES > 0.5, YES > 0, "binary") == pytest.approx(theirs(YES, CHANCES > 0.5))
    two = metrics.top_k_accuracy_score(LABELS, SCORES, k=2)
    assert nn.top_k_accuracy(SCORES, LABELS, k=2) == nn.top_k_accuracy(SCORES, column, k=2) == two
    assert nn.top_k_accuracy(np.full_like(SCORES, np.nan), LABELS, k=2) == 0
    for scores in (CHANCES, (100 * CHANCES).astype(np.uint8)):  # whose negative is none
        assert nn.roc_auc(scores, YES) == pytest.approx(metrics.roc_auc_score(YES, scores))
    with np.errstate(divide="ignore"):
        assert nn.roc_auc(np.log(CHANCES), YES) == nn.roc_auc(CHANCES, YES)  # ties at -inf
    expected = metrics.roc_curve(YES, CHANCES, drop_intermediate=False)
    for mine, other in zip(nn.roc_curve(CHANCES, YES), expected, strict=True):
        np.testing.assert_allclose(mine, other)
    assert nn.r2(CHANCES[:, None], YES) == pytest.approx(metrics.r2_score(YES, CHANCES))
    with pytest.raises(ValueError, match="r2: expected outputs of the targets' shape"):
        nn.r2(SCORES.T, SCORES)


def test_predictions_are_of_the_model_in_eval_mode_batch_by_batch():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    model[1].eval()
    whole = nn.predict(model, SCORES)
    with pytest.raises(ValueError, match="3"):
        nn.predict(model, SCORES[:, :3])
    assert [module.training for module in model.modules()] == [True, True, False, True, True]
    np.testing.assert_allclose(nn.predict(model, SCORES, batch_size=7), whole, rtol=1e-12)
    model.eval()
    np.testing.assert_allclose(model(SCORES).numpy(), whole, rtol=1e-12)
    assert nn.predict(model.astype(np.float32), SCORES).dtype == np.float32
    assert nn.predict(model, SCORES[:0]).shape == (0, 3)
    np.testing.assert_array_equal(nn.predict(np.tanh, SCORES, 7), np.tanh(SCORES))


def test_lists_of_ids_stay_whole_numbers():
    model, ids = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2)), [[0, 1], [4, 2]]
    right = np.mean(nn.predict(model, ids).argmax(axis=1) == [0, 1])
    assert nn.evaluate(model, (ids, [0, 1])) == {"accuracy": right}


def test_evaluate_names_each_measure():
    model = nn.Sequential()
    found = nn.evaluate(model, (SCORES, LABELS), ["accuracy", "f1", "top5", nn.CrossEntropyLoss()])
    assert found["accuracy"] == nn.accuracy(SCORES, LABELS)
    assert found["f1"] == nn.f1(SCORES, LABELS)
    assert found["top5"] == 1.0
    many, right = RNG.normal(size=(60, 9)), RNG.integers(0, 9, 60)
    among = np.mean([label in np.argsort(row)[-5:] for row, label in zip(many, right, strict=True)])
    assert nn.evaluate(model, (many, right), ["top5"]) == {"top5": among}
    cost = nn.functional.cross_entropy(SCORES, LABELS).item()
    assert found["CrossEntropyLoss"] == pytest.approx(cost)
    single = nn.evaluate(model, nn.data.Data(CHANCES[:, None], YES), ["accuracy", "auc"])
    assert single == {"accuracy": np.mean((CHANCES > 0.5) == YES), "auc": nn.roc_auc(CHANCES, YES)}
    column = CHANCES[:, None], YES[:, None] + 0.0  # as BCELoss takes them
    assert nn.evaluate(model, column, ["accuracy", "auc"]) == single
    assert nn.evaluate(model, (CHANCES[:, None], YES), threshold=2)["accuracy"] == np.mean(YES == 0)


def test_gradients_of_examples_are_those_of_a_jacobian():
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 4))
    found = nn.per_example_gradients(model, nn.CrossEntropyLoss(), SCORES, LABELS)
    parameters = {name: p.data for name, p in model.named_parameters()}
    loss = nn.CrossEntropyLoss(reduction="none")
    each = lambda p: loss(nn.functional_call(model, p, SCORES), LABELS)  # noqa: E731
    expected = jacobian(each)(parameters)
    for name, slopes in found.items():
        np.testing.assert_allclose(slopes, expected[name], atol=1e-12)
    assert all(p.grad is None for p in model.parameters())
    none = nn.per_example_gradients(model, nn.CrossEntropyLoss(), SCORES[:0], LABELS[:0])
    assert none["0.bias"].shape == (0, 5)


def test_a_rate_is_found_and_all_is_put_back():
    model = nn.Sequential(nn.Embedding(5, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    optimizer = nn.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    before, random = model.state_dict(), nn.init.generator.bit_generator.state
    data = nn.data.Data(np.arange(100) % 5, np.arange(100) % 5 % 2)
    centred = nn.BatchNorm1d(2, affine=False)
    loss = nn.Sequential(centred)
    loss.forward = lambda scores, labels: nn.functional.cross_entropy(centred(scores), labels)
    state = loss.state_dict()
    test = nn.find_learning_rate(model, data, loss=loss, optimizer=optimizer)
    np.testing.assert_equal(loss.state_dict(), state)
    assert 1e-3 < test.best < 3
    assert (optimizer.param_groups[0]["lr"], optimizer.state) == (0.3, {})
    assert nn.init.generator.bit_generator.state == random
    np.testing.assert_equal(model.state_dict(), before)
    assert all(p.grad is None for p in model.parameters())


def test_a_rate_test_is_the_loop_by_hand():
    rates, losses, batches = np.geomspace(1e-3, 1e3, 60), [], HELD_OUT.batches(16)
    loss, options = nn.CrossEntropyLoss(), {"lowest": 1e-3, "highest": 1e3, "steps": 60}
    by_hand, model = small(dropout=0.5), small(dropout=0.5)
    model[2].eval()
    sgd = [nn.optim.SGD(each.parameters(), momentum=0.9) for each in (by_hand, model)]
    nn.manual_seed(3)
    endless = itertools.chain.from_iterable(batches for _ in itertools.count())
    for rate, (x, y) in zip(rates, endless, strict=False):
        sgd[0].param_groups[0]["lr"] = rate
        cost = loss(by_hand(x), y)
        sgd[0].zero_grad()
        cost.backward()
        sgd[0].step()
        losses.append(cost.item())
    fading = [0.9 ** np.arange(n)[::-1] for n in range(1, 61)]
    smooth = [np.average(losses[: len(w)], weights=w) for w in fading]
    ends = next(n for n in range(60) if smooth[n] > 4 * min(smooth[: n + 1]))
    nn.manual_seed(3)
    test = nn.find_learning_rate(
        model, HELD_OUT, loss=loss, optimizer=sgd[1], batch_size=16, **options
    )
    np.testing.assert_array_equal(test.rates, rates[:ends])
    np.testing.assert_allclose(test.losses, smooth[:ends], rtol=1e-12)
    assert test.best == rates[np.argmin(smooth[:ends])] / 10
    assert [module.training for module in model.modules()] == [True, True, True, False, True]


def ones(outputs, labels):
    return np.mean(np.argmax(outputs, axis=1))


def test_metrics_of_held_out_data_are_in_the_history_also_of_a_run_that_asks_for_others(tmp_path):
    options = {"validation": HELD_OUT, "metrics": ["f1", "auc", ones], "epochs": 4}
    path = tmp_path / "run.npz"
    model, history = trained(**options, checkpoint=path)
    expected = nn.evaluate(model, HELD_OUT, ["f1", "auc", ones])
    assert {name: values[-1] for name, values in history.metrics.items()} == expected
    assert all(len(values) == 4 for values in history.metrics.values())
    assert "f1 0." in repr(history)
    more = options | {"metrics": ["f1", "recall"], "epochs": 5}
    model, history = trained(**more, checkpoint=path, resume=True)
    assert np.isnan(history.metrics["recall"]).tolist() == [True] * 4 + [False]


@pytest.mark.parametrize("length", [6, 5])  # 5 words: nothing shows which axis has the classes
def test_a_loss_with_the_classes_on_the_last_axis_has_no_accuracy(length):
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5))
    words = np.arange(4 * length).reshape(4, length) % 5

    def loss(outputs, labels):
        return nn.functional.cross_entropy(outputs.reshape(-1, 5), labels.ravel())

    adam = nn.optim.Adam(model.parameters(), lr=0.1)
    history = nn.fit(model, (words, words), loss=loss, optimizer=adam, epochs=9, progress=False)
    assert history.loss[-1] < history.loss[0] / 2
    assert not history.accuracy


def test_the_classes_of_images_are_along_axis_1(rng):
    outputs, labels = rng.normal(size=(3, 4, 5, 2)), rng.integers(0, 4, (3, 5, 2))
    flat = np.moveaxis(outputs, 1, -1).reshape(-1, 4)
    assert nn.accuracy(outputs, labels) == nn.accuracy(flat, labels.ravel())
    hot = np.moveaxis(np.eye(4)[labels], -1, 1)
    expected = nn.confusion_matrix(flat, labels.ravel())
    np.testing.assert_array_equal(nn.confusion_matrix(outputs, hot), expected)


def test_a_single_example_and_classes_that_nobody_named():
    assert nn.accuracy([0.1, 0.7, 0.2], 1) == 1
    assert nn.accuracy([0.1, 0.7, 0.2], 2) == 0
    assert nn.confusion_matrix([[0.1, 0.7, 0.2]], [0]).shape == (3, 3)
    np.testing.assert_array_equal(nn.confusion_matrix([1, 0], [1, 1]), [[0, 0], [1, 1]])
    assert nn.confusion_matrix([1, 0], [1, 1], classes=5).shape == (5, 5)
    assert nn.accuracy(np.array([True, False]), np.array([1, 1])) == 0.5


def test_folds_hold_out_each_example_once():
    folds = list(nn.data.Data(np.arange(62.0), np.arange(62)).folds(5, seed=0))
    assert sorted(np.concatenate([out.inputs for _, out in folds])) == list(range(62))
    assert [len(out) for _, out in folds] == [13, 13, 12, 12, 12]
    for train, out in folds:
        assert sorted([*train.labels, *out.inputs]) == list(range(62))
