"""Early stopping, starts, accepted and rejected steps, and training on mistakes."""

import itertools

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from nn import EarlyStopping, OnlyMistakes, StepOrJump, misclassified, random_restarts
from nn.optim import SGD, Adam
from tests.nn.runs import HELD_OUT, MOONS, equal, looking, small, still, trained


def valued(values):
    """Puts other values in the history's validation loss, and marks the weights with the epoch."""

    def change(run):
        run.history.validation_loss[-1] = values[run.epoch - 1]
        run.model[0].bias.data[...] = run.epoch

    return looking(after_epoch=change)


@pytest.mark.parametrize(("values", "patience", "minimum", "epochs", "best"), [
    ([3, 2, 1, 2, 2, 2, 2], 2, 0.0, 5, 3),
    ([3, 2, 2, 1, 2, 2, 2], 2, 0.0, 6, 4),
    ([3, 2, 2, 2, 2, 2, 2], 2, 0.0, 4, 2),
    ([3, 2.9, 2.8, 2, 1.95, 1.9, 1], 2, 0.5, 3, 1),
    ([3, 2, 1, 0.5, 0.4, 0.3, 0.2], 1, 0.0, 7, 7),
    ([3, float("nan"), float("nan"), 1, 1, 1, 1], 2, 0.0, 3, 1),
])  # fmt: skip
@pytest.mark.parametrize("restore", [True, False])
def test_early_stopping(values, patience, minimum, epochs, best, restore):
    callbacks = [valued(values), EarlyStopping(patience, minimum, restore=restore)]
    model, history = trained(epochs=7, validation=HELD_OUT, callbacks=callbacks)
    assert len(history) == epochs
    assert (model[0].bias.numpy() == (best if restore else epochs)).all()
    assert bool(history.stopped) == (epochs < 7)
    assert str(best) in history.stopped or epochs == 7


@pytest.mark.parametrize("measure", ["accuracy", "f1"])
def test_an_accuracy_and_a_metric_should_rise(measure):
    options = {"validation": HELD_OUT, "metrics": ["f1"], "epochs": 200}
    _, history = trained(**options, callbacks=[EarlyStopping(2, measure=measure)])
    values = history.metrics.get(measure, history.accuracy)
    assert len(history) == int(np.argmax(values)) + 3 < 200


def test_only_mistakes_of_the_model_in_use_are_trained():
    data, wrong, seen = nn.data.moons(2500, seed=3), [], []

    def expect(run):
        outputs = run.model.eval()(data.inputs).numpy()
        wrong.append(np.flatnonzero(outputs.argmax(axis=1) != data.labels))

    def compare(run):
        assert run.sums.numbers()[1] == len(wrong[-1])
        rows = {tuple(row) for x in seen for row in x.tolist()}
        assert rows == {tuple(row) for row in data.inputs[wrong[-1]].tolist()}
        seen.clear()

    model = small(dropout=0.5)
    callbacks = [OnlyMistakes(), looking(before_epoch=expect, after_epoch=compare)]
    with model.register_forward_hook(
        lambda m, x, y: seen.append(np.asarray(x[0])) if m.training else None
    ):
        trained(model, data, callbacks=callbacks, epochs=4)
    assert len(wrong) == 4


def test_a_mistake_of_a_single_logit_has_the_wrong_sign():
    model, x = nn.Linear(1, 1), np.array([[0.3], [-0.3], [2.0], [-0.1]])
    model.load_state_dict({"weight": [[1.0]], "bias": [0.0]})
    options = {"loss": nn.BCEWithLogitsLoss(), "optimizer": still, "epochs": 1}
    _, history = trained(model, (x, np.sign(x) == 1), callbacks=[OnlyMistakes()], **options)
    assert history.stopped == "the model gets every example right"


def test_a_selection_of_batches_drops_its_last_examples_as_the_batches_do():
    sizes = []
    choose = looking(before_epoch=lambda run: run.select(np.arange(50 if run.epoch else 10)))
    look = looking(after_step=lambda run: sizes.append(run.sums.numbers()[1]))
    trained(data=MOONS.batches(20, drop_last=True), callbacks=[choose, look], epochs=2)
    assert sizes == [10, 20, 40]  # less than a batch is one


@pytest.mark.parametrize(("kind", "lr"), [(SGD, 5.0), (Adam, 1.0)])
def test_step_or_jump_is_the_strategy_by_hand(kind, lr):
    """A step is kept if and only if the cost falls; else every weight jumps a little."""
    by_hand, loss = small(), nn.CrossEntropyLoss()
    strategy, found = StepOrJump(kind(by_hand.parameters(), lr=lr), scale=0.01), set()
    nn.manual_seed(4)
    for x, y in itertools.chain(*(MOONS.batches(16) for _ in range(5))):
        before = [p.numpy().copy() for p in by_hand.parameters()]
        attempt = strategy.step(lambda: loss(by_hand(x), y))  # noqa: B023
        found.add(attempt.accepted)
        assert attempt.accepted == (attempt.after < attempt.before)
        if attempt.accepted:
            assert loss(by_hand(x), y).item() == attempt.after
        else:  # back, and a little away from where it was
            for p, was in zip(by_hand.parameters(), before, strict=True):
                assert 0 < np.max(np.abs(p.numpy() - was)) < 0.06
    assert found == {True, False}
    jumps = lambda parameters: StepOrJump(kind(parameters, lr=lr), scale=0.01)  # noqa: E731
    assert equal(trained(optimizer=jumps, seed=4, epochs=5)[0], by_hand)


def test_a_jump_is_judged_with_the_same_dropout():
    attempts = []

    class Watched(StepOrJump):
        def step(self, cost):
            attempts.append(super().step(cost))
            return attempts[-1]

    model = small(dropout=0.5).astype(np.float32)
    trained(model, optimizer=lambda parameters: Watched(still(parameters), scale=0.0))
    assert len(attempts) == 18
    assert all(attempt.before == attempt.after for attempt in attempts)
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("costs", "best"), [([np.nan, 2.0, np.nan, 1.0, np.nan], 3), ([np.nan] * 2, 0), ([5.0, 5.0], 0)]
)
def test_a_restart_that_failed_is_never_the_best(costs, best):
    numbers, found = iter(range(9)), iter(costs)
    restarts = [lambda: next(numbers), lambda model: None, lambda model: next(found)]
    assert random_restarts(*restarts, len(costs))[:2] == (best, best)


def test_misclassified_examples(rng):
    scores, labels, model = rng.normal(size=(30, 4)), rng.integers(0, 4, 30), nn.Sequential()
    expected = np.flatnonzero(scores.argmax(axis=1) != labels).tolist()
    for targets in (labels, labels * 1.0, labels[:, None], np.eye(4)[labels], Tensor(labels)):
        assert misclassified(model, scores, targets).tolist() == expected
    chances, yes = rng.random(30), rng.integers(0, 2, 30)
    for threshold in (0.5, 0.2):
        expected = np.flatnonzero((chances > threshold) != yes).tolist()
        for x, y in ((chances, yes), (chances[:, None], yes[:, None] * 1.0)):
            assert misclassified(model, x, y, threshold).tolist() == expected
