"""Training: fit beside a loop written by hand, and runs that are killed and go on."""

import inspect
import itertools
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from nn.files import load
from nn.train import Callback, Checkpoint, fit
from nn.train.callbacks import EachStep, EarlyStopping
from nn.train.health import TrainingWarning
from nn.train.history import History
from nn.train.strategies import OnlyMistakes, Restarts, StepOrJump

MOONS = nn.data.moons(90, seed=0)
HELD_OUT = nn.data.moons(60, seed=1)


def small(seed=0, dropout=0.0):
    nn.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 2))


def trained(model=None, data=MOONS, **options):
    """A model and the history of its training, with usual options."""
    model = model or small()
    options = {
        "loss": nn.CrossEntropyLoss(),
        "optimizer": nn.optim.Adam(model.parameters(), lr=0.02),
        "epochs": 3,
        "batch_size": 16,
        "progress": False,
        **options,
    }
    if callable(options["optimizer"]):
        options["optimizer"] = options["optimizer"](model.parameters())
    return model, fit(model, data, **options)


def equal(one, other):
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(np.array_equal(first[k], second[k]) for k in first)


def measures(history):
    return {name: a.tolist() for name, a in history.arrays().items() if name != "seconds"}


class At(Callback):
    """Calls a function after so many steps."""

    def __init__(self, step, function):
        self.step, self.function = step, function

    def after_step(self, run):
        if run.step == self.step:
            self.function()


# ---- what fit does -------------------------------------------------------------------------------


def test_fit_is_the_loop_by_hand():
    by_hand, batches = small(dropout=0.3), MOONS.batches(16)
    loss, optimizer = nn.CrossEntropyLoss(), nn.optim.SGD(by_hand.parameters(), 0.1, momentum=0.9)
    schedule = nn.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    penalty, constraint = nn.L2(0.01), nn.MaxNorm(1.5)
    nn.manual_seed(3)
    losses = []
    for _ in range(4):
        total = 0.0
        for x, y in batches:
            term = loss(by_hand(x), y)
            optimizer.zero_grad()
            (term + penalty(by_hand)).backward()
            nn.utils.clip_grad_norm_(by_hand.parameters(), 0.5)
            optimizer.step()
            constraint(by_hand)
            total += term.item() * len(x)
        losses.append(total / len(MOONS))
        schedule.step()

    model = small(dropout=0.3)
    optimizer = nn.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    _, history = trained(
        model,
        optimizer=optimizer,
        schedule=nn.optim.lr_scheduler.ExponentialLR(optimizer, 0.9),
        regulariser=nn.L2(0.01),
        constraint=nn.MaxNorm(1.5),
        clip_norm=0.5,
        epochs=4,
        seed=3,
    )
    assert equal(model, by_hand)
    assert history.loss == losses
    assert history.rate == pytest.approx([0.1, 0.09, 0.081, 0.0729], rel=1e-15)


def test_a_seed_repeats_a_run_and_another_does_not():
    runs = [trained(small(), seed=seed, validation=HELD_OUT) for seed in (1, 1, 2)]
    assert equal(runs[0][0], runs[1][0])
    assert measures(runs[0][1]) == measures(runs[1][1])
    assert not equal(runs[0][0], runs[2][0])


def test_it_learns_what_can_be_learnt():
    model, history = trained(epochs=60, validation=HELD_OUT)
    assert history.validation_accuracy[-1] > 0.9
    assert history.loss[-1] < history.loss[0] / 3
    assert not model.training


def test_the_measures_are_those_of_the_model_in_use():
    model, history = trained(small(dropout=0.5), validation=HELD_OUT, seed=0)
    outputs = model(HELD_OUT.inputs)
    assert history.validation_accuracy[-1] == nn.accuracy(outputs, HELD_OUT.labels)
    loss = nn.CrossEntropyLoss()(outputs, HELD_OUT.labels).item()
    assert history.validation_loss[-1] == pytest.approx(loss, rel=1e-14)
    assert len(history) == len(history.seconds) == len(history.rate) == 3


def test_the_accuracy_of_an_epoch_is_that_of_its_batches():
    model = small()
    optimizer = nn.optim.SGD(model.parameters(), lr=0.0)  # and so the model stays what it is
    _, history = trained(model, optimizer=optimizer, epochs=1, batch_size=1)
    assert history.accuracy == [nn.accuracy(model(MOONS.inputs), MOONS.labels)]


ROWS = np.array([[0.0], [1.0], [2.0], [3.0]])


@pytest.mark.parametrize(
    ("labels", "outputs", "loss", "expected"),
    [
        ([0, 1, 1, 0], 2, nn.CrossEntropyLoss(), True),
        ([[1.0, 0], [0, 1], [0, 1], [1, 0]], 2, nn.QuadraticLoss(), True),
        ([[1.0], [0.0], [0.0], [1.0]], 1, nn.BCEWithLogitsLoss(), True),
        ([[1.0, 0.5], [0, 1], [0, 1], [1, 0]], 2, nn.MSELoss(), False),
        ([[1.5], [0.0], [0.0], [1.0]], 1, nn.MSELoss(), False),
    ],
    ids=["labels", "one-hot", "yes or no", "two numbers", "a number"],
)
def test_accuracy_where_targets_are_right_or_wrong(labels, outputs, loss, expected):
    model = nn.Linear(1, outputs)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.0)
    _, history = trained(model, (ROWS, np.array(labels)), loss=loss, optimizer=optimizer, epochs=1)
    assert bool(history.accuracy) == expected
    if expected:
        scores, labels = model(ROWS).numpy(), np.array(labels)
        chosen = scores.argmax(1) if outputs > 1 else scores[:, 0] > 0
        right = labels if labels.ndim == 1 else labels.argmax(1) if outputs > 1 else labels[:, 0]
        assert history.accuracy == [np.mean(chosen == right)]


def test_numbers_come_in_the_type_of_the_model():
    seen = set()
    model = small().astype(np.float32)
    with model.register_forward_hook(lambda m, x, y: seen.add((x[0].dtype, y.dtype))):
        trained(model, validation=HELD_OUT)
    assert seen == {(np.dtype("float32"), np.dtype("float32"))}
    assert MOONS.inputs.dtype == np.float64


def test_a_validated_model_is_not_in_training():
    modes = []
    model = small()
    with model.register_forward_hook(lambda m, x, y: modes.append((m.training, y.requires_grad))):
        trained(model, MOONS[:20], epochs=2, batch_size=10, validation=HELD_OUT)
    assert modes == [(True, True)] * 2 + [(False, False)] + [(True, True)] * 2 + [(False, False)]


def test_batches_may_be_made_by_oneself():
    sizes = []
    model = small()
    with model.register_forward_hook(lambda m, x, y: sizes.append(len(y))):
        trained(model, MOONS.batches(40, drop_last=True, seed=1), epochs=2)
    assert sizes == [40] * 4


def test_inputs_are_augmented_and_the_data_is_not():
    before, seen = MOONS.inputs.copy(), []

    def bigger(x):
        seen.append(x)
        return 100 * x

    model = small()
    with model.register_forward_hook(lambda m, x, y: seen.append(x[0].numpy())):
        trained(model, augment=bigger, epochs=1)
    assert all(np.array_equal(100 * x, y) for x, y in zip(seen[::2], seen[1::2], strict=True))
    assert np.array_equal(MOONS.inputs, before)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"data": [1, 2, 3]}, TypeError, "pair of inputs and labels"),
        ({"epochs": -1}, ValueError, "-1"),
        ({"resume": True}, ValueError, "checkpoint"),
        ({"checkpoint": "run.pickle"}, ValueError, "npz"),
        ({"callbacks": [EarlyStopping()]}, ValueError, "validation="),
        ({"clip_norm": 0}, ValueError, "above 0"),
    ],
)
def test_errors_say_what_to_do(options, error, words):
    with pytest.raises(error, match=words):
        trained(**options)


def test_no_epochs_change_nothing():
    model, history = trained(epochs=0)
    assert equal(model, small())
    assert len(history) == 0


# ---- schedules -----------------------------------------------------------------------------------


def test_one_cycle_and_warm_ups_go_on_after_each_step():
    rates, model = [], small()
    steps = 2 * 6

    class Rates(Callback):
        def after_backward(self, run):
            rates.append(run.optimizer.param_groups[0]["lr"])

    optimizer = nn.optim.SGD(model.parameters(), lr=0.5)
    schedule = nn.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, steps, cycle_momentum=False)
    expected = [schedule.rates(t)[0] for t in range(steps)]
    trained(model, optimizer=optimizer, schedule=schedule, epochs=2, callbacks=[Rates()])
    assert rates == expected

    rates.clear()
    optimizer = nn.optim.SGD(model.parameters(), lr=0.5)
    warm_up = nn.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=10)
    expected = [warm_up.rates(t)[0] for t in range(steps)]
    trained(model, optimizer=optimizer, schedule=EachStep(warm_up), epochs=2, callbacks=[Rates()])
    assert rates == pytest.approx(expected, rel=1e-14)


def test_a_plateau_is_judged_by_the_validation_loss():
    model = small()
    optimizer = nn.optim.SGD(model.parameters(), lr=0.0)
    plateau = nn.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    _, history = trained(model, optimizer=optimizer, schedule=plateau, validation=HELD_OUT)
    assert plateau.best == history.validation_loss[0] != history.loss[0]


# ---- early stopping and strategies ---------------------------------------------------------------


class Values(Callback):
    """Puts other values in the history's validation loss, and marks the weights with the epoch."""

    def __init__(self, values):
        self.values = values

    def after_epoch(self, run):
        run.history.validation_loss[-1] = self.values[run.epoch - 1]
        run.model[0].bias.data[...] = run.epoch


@pytest.mark.parametrize(
    ("values", "patience", "minimum", "epochs", "best"),
    [
        ([3, 2, 1, 2, 2, 2, 2], 2, 0.0, 5, 3),
        ([3, 2, 2, 1, 2, 2, 2], 2, 0.0, 6, 4),
        ([3, 2.9, 2.8, 2, 1.95, 1.9, 1], 2, 0.5, 3, 1),
        ([3, 2, 1, 0.5, 0.4, 0.3, 0.2], 1, 0.0, 7, 7),
        ([3, float("nan"), float("nan"), 1, 1, 1, 1], 2, 0.0, 3, 1),
    ],
)
def test_early_stopping(values, patience, minimum, epochs, best):
    stopping = EarlyStopping(patience, minimum)
    model, history = trained(epochs=7, validation=HELD_OUT, callbacks=[Values(values), stopping])
    assert len(history) == epochs
    assert (model[0].bias.numpy() == best).all()
    assert bool(history.stopped) == (epochs < 7)
    assert str(best) in history.stopped or epochs == 7


def test_an_accuracy_is_to_rise():
    stopping = EarlyStopping(2, measure="accuracy")
    _, history = trained(epochs=200, callbacks=[stopping])
    best = int(np.argmax(history.accuracy))
    assert len(history) == best + 3 < 200


def test_restarts_end_with_the_best_start():
    starts = itertools.count(1)

    def start(model):
        model[0].weight.data[...] = next(starts)

    values = [9, 9, 2, 9, 1, 3]  # judged after epochs 2, 4 and 6
    model, history = trained(
        epochs=6,
        validation=HELD_OUT,
        optimizer=lambda parameters: nn.optim.SGD(parameters, lr=0.0),
        callbacks=[Values(values), Restarts(2, start)],
    )
    assert len(history) == 6
    assert (model[0].weight.numpy() == 2).all()


def test_restarts_draw_new_weights_and_forget_momentum_and_schedule():
    seen, model = [], small()
    optimizer = nn.optim.Adam(model.parameters(), lr=0.02)
    plateau = nn.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=10)
    decay = nn.optim.lr_scheduler.StepLR(optimizer, 1)

    class Look(Callback):
        def before_epoch(self, run):
            state = run.optimizer.state_dict()["state"]
            rate = run.optimizer.param_groups[0]["lr"]
            seen.append((run.model[0].weight.numpy().copy(), len(state), rate))

    for schedule in (plateau, decay):
        callbacks = [Restarts(2), Look()]
        options = {"optimizer": optimizer, "schedule": schedule, "validation": HELD_OUT}
        trained(model, epochs=5, callbacks=callbacks, seed=0, **options)
        weights, counts, rates = zip(*seen, strict=True)
        assert len({weight.tobytes() for weight in weights}) == 5
        assert max(abs(weight).max() for weight in weights[2::2]) <= 1 / np.sqrt(2)
        assert counts[2::2] == (0, 0)
        assert rates[::2] == (0.02, 0.02, 0.02)
        optimizer.param_groups[0]["lr"] = 0.02
        seen.clear()
    assert rates[1] == pytest.approx(0.002)


def test_only_mistakes_are_trained():
    seen, wrong = [], []
    model = small()

    class Look(Callback):
        def before_epoch(self, run):
            wrong.append(set(np.flatnonzero(predictions(run.model) != MOONS.labels)))

        def after_epoch(self, run):
            rows = {tuple(row) for x in seen for row in x.tolist()}
            assert rows == {tuple(MOONS.inputs[i].tolist()) for i in wrong[-1]}
            seen.clear()

        def after_step(self, run):
            seen.append(last[0])

    last = [None]

    def keep(module, inputs, output):
        last[0] = np.asarray(inputs[0])

    with model.register_forward_hook(keep):
        trained(model, callbacks=[OnlyMistakes(), Look()], epochs=4)
    assert len(wrong) == 4


def test_mistakes_are_those_of_the_model_in_use_among_much_data():
    seen, data = [], nn.data.moons(2500, seed=3)

    class Look(Callback):
        def after_epoch(self, run):
            seen.append(run.sums.examples)

    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(0.9), nn.Linear(8, 2))
    optimizer = nn.optim.SGD(model.parameters(), lr=0.0)
    trained(model, data, callbacks=[OnlyMistakes(), Look()], optimizer=optimizer, epochs=1)
    wrong = nn.misclassified(model, data.inputs, data.labels)
    assert seen == [len(wrong)]

    order = np.argsort(~np.isin(np.arange(2500), wrong), kind="stable")[::-1]  # the wrong ones last
    rows = []
    with model.register_forward_hook(
        lambda m, x, y: rows.append(np.asarray(x[0])) if m.training else None
    ):
        trained(model, data[order], callbacks=[OnlyMistakes()], optimizer=optimizer, epochs=1)
    found = {tuple(row) for x in rows for row in x.tolist()}
    assert found == {tuple(row) for row in data.inputs[wrong].tolist()}


def predictions(model):
    copy = small()
    copy.load_state_dict(model.state_dict())
    return copy.eval()(MOONS.inputs).numpy().argmax(1)


def test_step_or_jump_is_the_strategy_by_hand():
    by_hand, loss = small(), nn.CrossEntropyLoss()
    strategy = StepOrJump(nn.optim.SGD(by_hand.parameters(), lr=3.0), scale=0.1)
    nn.manual_seed(4)
    attempts = [
        strategy.step(lambda x=x, y=y: loss(by_hand(x), y))
        for _ in range(3)
        for x, y in MOONS.batches(16)
    ]
    assert len({attempt.accepted for attempt in attempts}) == 2

    model = small()
    strategy = StepOrJump(nn.optim.SGD(model.parameters(), lr=3.0), scale=0.1)
    trained(model, optimizer=strategy, seed=4)
    assert equal(model, by_hand)


def test_a_jump_is_judged_with_the_same_dropout():
    model = small(dropout=0.5)
    attempts = []

    class Watched(StepOrJump):
        def step(self, cost):
            attempts.append(super().step(cost))
            return attempts[-1]

    trained(model, optimizer=Watched(nn.optim.SGD(model.parameters(), lr=0.0), scale=0.0))
    assert all(attempt.before == attempt.after for attempt in attempts)


# ---- Ctrl-C --------------------------------------------------------------------------------------


def test_ctrl_c_finishes_the_step_and_returns_what_was_learned(tmp_path):
    path = tmp_path / "run.npz"
    interrupt = At(8, lambda: os.kill(os.getpid(), signal.SIGINT))
    model, history = trained(callbacks=[interrupt], checkpoint=path, seed=0)
    assert history.interrupted
    assert len(history) == 1  # of 6 steps each
    assert equal(load(small(7), path), model)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    model, history = trained(callbacks=[At(0, None)], checkpoint=path, resume=True)
    assert not history.interrupted
    assert equal(model, trained(seed=0)[0])


def test_ctrl_c_twice_does_not_wait_for_the_step():
    reached = []

    def impatient():
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            reached.append(True)
            time.sleep(0.001)

    _, history = trained(callbacks=[At(8, impatient)])
    assert history.interrupted
    assert len(reached) < 2


def interrupt():
    raise KeyboardInterrupt


def test_an_interrupt_from_within():
    model, history = trained(callbacks=[At(8, interrupt)])
    assert history.interrupted
    assert len(history) == 1
    assert not model.training


def test_fit_runs_in_other_threads():
    found = []
    thread = threading.Thread(target=lambda: found.append(trained(seed=0)[0]))
    thread.start()
    thread.join()
    assert equal(found[0], trained(seed=0)[0])


# ---- a loss that is no number --------------------------------------------------------------------


class Broken(nn.Module):
    """Gives the inputs, from some call on with a mistake."""

    def __init__(self, call, mistake):
        self.calls, self.call, self.mistake = 0, call, mistake
        self.register_buffer("seen", 0.0)

    def forward(self, x):
        self.calls += self.training
        self.seen += 1.0
        return self.mistake(x) if self.calls >= self.call else x


def with_mistake(call, mistake):
    nn.manual_seed(0)
    return nn.Sequential(
        nn.Linear(2, 8), nn.Sequential(nn.Tanh(), Broken(call, mistake)), nn.Linear(8, 2)
    )


@pytest.mark.parametrize(
    ("mistake", "where"),
    [
        (lambda x: np.log(x - x), "log in 1.1 (Broken) gave inf"),
        (lambda x: x * np.where(x.numpy() > 0, np.nan, 1.0), "multiply in 1.1 (Broken) gave nan"),
        # its value is 0, its slope infinite
        (lambda x: x + np.sqrt(np.abs(x - x)), "the gradient of sqrt in 1.1 (Broken) is inf"),
        (lambda x: x + np.sqrt(x - x), "the gradient of sqrt in 1.1 (Broken) is inf"),
    ],
)
def test_a_loss_that_is_no_number(mistake, where):
    model = with_mistake(9, mistake)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(FloatingPointError) as caught:
        trained(model, optimizer=optimizer, seed=0)
    assert f"step 9 (epoch 2, batch 3): {where}" in str(caught.value)
    twin = with_mistake(10**9, mistake)
    optimizer = nn.optim.SGD(twin.parameters(), lr=0.1)
    trained(twin, optimizer=optimizer, callbacks=[At(8, interrupt)], seed=0)
    assert equal(model, twin)


def test_a_gradient_that_breaks_in_the_last_step_is_found():
    model = with_mistake(6, lambda x: x + np.sqrt(x - x))
    with pytest.raises(FloatingPointError, match=r"step 6 \(epoch 1, batch 6\)"):
        trained(model, epochs=1)
    assert all(np.isfinite(array).all() for array in model.state_dict().values())


def test_a_step_that_is_too_long():
    model = nn.Linear(2, 1)
    x = np.full((4, 2), 1e150)  # the slope of the absolute error too, and times the rate it is inf
    optimizer = nn.optim.SGD(model.parameters(), lr=1e200)
    exploded = pytest.warns(TrainingWarning, match="explodes")
    with exploded, pytest.raises(FloatingPointError, match=r"too long for the weights"):
        trained(model, (x, np.zeros((4, 1))), loss=nn.L1Loss(), optimizer=optimizer)


@pytest.mark.parametrize("which", ["inputs", "targets"])
def test_data_with_nan(which):
    x, y = np.ones((40, 2)), np.ones((40, 1))
    (x if which == "inputs" else y)[33] = np.nan
    model = nn.Linear(2, 1)
    with pytest.raises(FloatingPointError, match=f"epoch 1, batch .*the {which} of this batch"):
        trained(model, (x, y), loss=nn.MSELoss())
    assert np.isfinite(model.weight.numpy()).all()


def test_a_model_that_begins_with_nan():
    model = small()
    model[3].bias.data[0] = np.nan
    with pytest.raises(FloatingPointError, match=r"began with nan or inf in 3\.bias"):
        trained(model)


def line_with(text, code):
    """How the line with this text is named, as an error is to name it."""
    lines, first = inspect.getsourcelines(code)
    (number,) = (i for i, line in enumerate(lines, first) if text in line)
    return f"{__file__}, line {number}: {lines[number - first].strip()}"


def explanation(model, data=MOONS, **options):
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(FloatingPointError) as caught:
        trained(model, data, optimizer=optimizer, seed=0, **options)
    return str(caught.value)


def test_the_line_is_named_in_which_the_users_module_calls_a_layer():
    class Calls(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            larger = x * 1e200
            return self.layer(larger)

    model = Calls()
    model.layer.weight.data[:] = 1e200
    said = explanation(model)
    assert f"linear in layer (Linear) gave inf at {line_with('self.layer(', Calls)}. " in said


def test_the_line_is_named_that_spoils_a_gradient():
    def loss(outputs, labels):
        inside = np.sum(outputs * 0.0, axis=1)
        return np.mean(np.sqrt(inside)) + nn.CrossEntropyLoss()(outputs, labels)

    with pytest.warns(TrainingWarning, match="explodes"):
        said = explanation(small(), loss=loss)
    assert f"the gradient of sqrt is inf at {line_with('np.sqrt', loss)}. " in said


def test_the_line_of_a_loss_function_and_of_a_regulariser_is_named():
    def loss(outputs, labels):
        chosen = outputs[np.arange(len(labels)), labels]
        return -np.mean(np.log(chosen - chosen))

    said = explanation(small(), loss=loss)
    assert f"log gave inf at {line_with('np.log', loss)}. " in said

    def regulariser(model):
        return np.sum(0.0 * model[0].weight + 1e308)

    said = explanation(small(), regulariser=regulariser)
    assert f"sum gave inf at {line_with('np.sum', regulariser)}. " in said


def test_an_infinity_that_does_no_harm_is_not_blamed():
    class Masks(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            x = self.layer(x)
            safe = np.where(x.numpy() > 1e9, np.log(x * 0.0), x)  # -inf, and not chosen
            return np.log(safe * 0.0)

    said = explanation(Masks())
    assert f"gave inf at {line_with('return', Masks.forward)}. " in said


def test_no_line_is_named_where_none_is_the_users():
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].weight.data[:] = 1e200
    said = explanation(model, (np.full((40, 2), 1e200), np.zeros(40, int)))
    assert "linear in 0 (Linear) gave inf. The model" in said


def test_whoever_profiles_goes_on_profiling():
    def mine(*_):
        pass

    sys.setprofile(mine)
    try:
        explanation(small(), loss=lambda outputs, labels: np.log(np.sum(outputs) * 0.0))
        assert sys.getprofile() is mine
    finally:
        sys.setprofile(None)


# ---- runs that go on -----------------------------------------------------------------------------


def everything(seed, path, resume, extra=(), epochs=4):
    """A run with whatever has state."""
    nn.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2)
    )
    optimizer = nn.optim.Adam(model.parameters(), lr=0.05)
    schedule = nn.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3], 0.5)
    history = fit(
        model,
        MOONS.batches(16, seed=seed + 1),
        loss=nn.CrossEntropyLoss(),
        optimizer=optimizer,
        schedule=schedule,
        epochs=epochs,
        validation=HELD_OUT,
        callbacks=[EarlyStopping(3), *extra],
        checkpoint=Checkpoint(path, steps=1),
        resume=resume,
        progress=False,
    )
    return model, history, optimizer


class Killed(Exception):  # noqa: N818
    pass


def kill():
    raise Killed


@pytest.mark.parametrize("form", [".npz", ".safetensors"])
@pytest.mark.parametrize("steps", [[1], [6], [7], [5, 11, 12, 17]])
def test_a_run_that_goes_on_ends_where_it_would_have_ended(tmp_path, steps, form):
    whole = everything(0, tmp_path / f"whole{form}", False, [At(0, None)])
    path = tmp_path / f"parts{form}"
    for step in steps:  # callbacks are called before the checkpoint of their step is written
        first = step == steps[0]
        with pytest.raises(Killed):
            everything(0 if first else 5, path, not first, [At(step, kill)])
    parts = everything(9, path, True, [At(0, None)])
    assert equal(whole[0], parts[0])
    assert measures(whole[1]) == measures(parts[1])
    first, second = whole[2].state_dict(), parts[2].state_dict()
    assert first["param_groups"] == second["param_groups"]
    for number, state in first["state"].items():
        assert all(np.array_equal(state[k], second["state"][number][k]) for k in state)


def test_more_epochs_may_be_added(tmp_path):
    whole = everything(0, tmp_path / "whole.npz", False, epochs=4)
    everything(0, tmp_path / "parts.npz", False, epochs=2)
    parts = everything(1, tmp_path / "parts.npz", True, epochs=4)
    assert equal(whole[0], parts[0])
    assert measures(whole[1]) == measures(parts[1])


def test_a_run_that_is_over_stays_so(tmp_path):
    path = tmp_path / "run.npz"
    whole = everything(0, path, False)
    again = everything(1, path, True)
    assert equal(whole[0], again[0])
    assert measures(whole[1]) == measures(again[1])


def test_only_mistakes_go_on_in_the_middle_of_an_epoch(tmp_path):
    def run(name, seed, resume, step):
        model = small(seed)
        options = {"checkpoint": Checkpoint(tmp_path / name, steps=1), "resume": resume}
        callbacks = [OnlyMistakes(), At(step, kill)]
        optimizer = nn.optim.SGD(model.parameters(), lr=0.05)
        return trained(
            model, callbacks=callbacks, optimizer=optimizer, batch_size=2, epochs=3, **options
        )

    whole = run("whole.npz", 0, False, 0)
    with pytest.raises(Killed):
        run("parts.npz", 0, False, 5)
    parts = run("parts.npz", 1, True, 0)
    assert equal(whole[0], parts[0])
    assert measures(whole[1]) == measures(parts[1])


def test_a_run_is_not_overwritten_by_mistake(tmp_path):
    path = tmp_path / "run.npz"
    trained(checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="resume=True"):
        trained(checkpoint=path)
    assert path.read_bytes() == before


def test_without_a_file_a_run_begins(tmp_path):
    model, _ = trained(checkpoint=tmp_path / "run.npz", resume=True, seed=0)
    assert equal(model, trained(seed=0)[0])


def test_a_checkpoint_holds_the_model(tmp_path):
    model, _ = trained(checkpoint=tmp_path / "run.npz")
    assert equal(load(small(1), tmp_path / "run.npz"), model)


def test_a_broken_model_is_not_kept(tmp_path):
    path = tmp_path / "run.npz"
    model = with_mistake(9, lambda x: x + np.sqrt(x - x))
    with pytest.raises(FloatingPointError):
        trained(model, checkpoint=Checkpoint(path, steps=1))
    kept = load(with_mistake(0, None), path)
    assert all(np.isfinite(array).all() for array in kept.state_dict().values())


OTHER_RUNS = {
    "model": {"model": nn.Linear(2, 2)},
    "optimizer": {"optimizer": nn.optim.SGD},
    "data": {"data": MOONS[:80]},
    "batch_size": {"batch_size": 17},
    "callbacks": {"callbacks": [OnlyMistakes()]},
    "schedule": {"schedule": True},
}


@pytest.mark.parametrize("what", OTHER_RUNS)
def test_a_checkpoint_of_another_run(tmp_path, what):
    path = tmp_path / "run.npz"
    trained(checkpoint=path)
    options = dict(OTHER_RUNS[what])
    model = options.pop("model", None) or small(1)
    options.setdefault("optimizer", nn.optim.Adam)
    if options.pop("schedule", None):
        options["optimizer"] = nn.optim.Adam(model.parameters())
        options["schedule"] = nn.optim.lr_scheduler.StepLR(options["optimizer"], 1)
    before, luck = model.state_dict(), nn.init.generator.bit_generator.state
    with pytest.raises(ValueError, match=r"run\.npz: it"):
        trained(model, checkpoint=path, resume=True, **options)
    assert all(np.array_equal(before[k], v) for k, v in model.state_dict().items())
    assert nn.init.generator.bit_generator.state == luck


def changed(path, change):
    """The same checkpoint with another text."""
    from nn.files.named_arrays import opened, write

    with opened(path) as file:
        arrays = {name: stored.read() for name, stored in file.arrays.items()}
        text = json.loads(file.text)
    change(text)
    write(path, arrays, json.dumps(text))


CHANGES = {
    "no position": lambda t: t.pop("position"),
    "odd position": lambda t: t.update(position=[1, 2]),
    "negative": lambda t: t.update(position=[0, -1, 0, ""]),
    "far away": lambda t: t.update(position=["a", "b", "c", "d"]),
    "generators": lambda t: t["generators"][0].update(bit_generator="MT19937"),
    "generator": lambda t: t["generators"][0]["state"].update(state=1 << 200),
    "no generators": lambda t: t.update(generators=[]),
    "rate": lambda t: t["optimizer"]["param_groups"][0].update(lr="fast"),
    "options": lambda t: t["optimizer"]["param_groups"][0].update(step=5),
    "momentum": lambda t: t["optimizer"].update(state={"pairs": [[0, {"exp_avg": [1.0]}]]}),
    "history": lambda t: t["history"].update(__class__=[1.0]),
    "sums": lambda t: t.update(sums=None),
    "callbacks": lambda t: t.update(callbacks=[]),
    "callback": lambda t: t.update(callbacks=[5] * len(t["callbacks"])),
    "model": lambda t: t["model"].pop("0.bias"),
    "order": lambda t: t.update(position=[0, 1, 1, ""], order=None),
    "list": lambda t: t.clear(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_checkpoint_that_was_tampered_with(tmp_path, change):
    path = tmp_path / "run.npz"
    trained(checkpoint=path)
    changed(path, CHANGES[change])
    model = small(1)
    optimizer = nn.optim.Adam(model.parameters(), lr=0.5)
    before, luck = model.state_dict(), nn.init.generator.bit_generator.state
    with pytest.raises(ValueError, match=r"run\.npz"):
        trained(model, optimizer=optimizer, checkpoint=path, resume=True)
    assert all(np.array_equal(before[k], v) for k, v in model.state_dict().items())
    assert nn.init.generator.bit_generator.state == luck
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_what_cannot_be_kept_is_known_before_the_first_step(tmp_path):
    class Odd(Callback):
        def state_dict(self):
            return {"function": print}

    model = small()
    with pytest.raises(TypeError, match="callbacks/1/function"):
        trained(model, checkpoint=tmp_path / "run.npz", callbacks=[Odd()])
    assert equal(model, small())


def test_checkpoints_come_every_so_many_steps_or_seconds(tmp_path, monkeypatch):
    at = []
    save = Checkpoint.save
    monkeypatch.setattr(
        Checkpoint, "save", lambda self, run: (at.append(run.step), save(self, run))
    )
    trained(checkpoint=Checkpoint(tmp_path / "steps.npz", steps=4))
    assert at == [0, 4, 8, 12, 16, 18]
    at.clear()
    clock = itertools.count(0.0, 1.0)  # seconds, one at each look
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    trained(checkpoint=Checkpoint(tmp_path / "seconds.npz", seconds=5))
    assert at == [0, 5, 10, 15, 18]


# ---- runs that are killed ------------------------------------------------------------------------

SCRIPT = """
import sys
import numpy as np
import nn
from nn.files import save
from nn.train.checkpoint import Checkpoint
from nn.train.callbacks import EachStep, EarlyStopping
from nn.train import fit

kind, path, done = sys.argv[1:]
nn.manual_seed(0)
data = nn.data.spirals(300, seed=0)
lr = nn.optim.lr_scheduler
if kind == "adam":
    model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 2))
    optimizer = nn.optim.Adam(model.parameters(), lr=0.01)
    schedule = lr.CosineAnnealingLR(optimizer, 20)
else:
    model = nn.Sequential(nn.Linear(2, 150), nn.BatchNorm1d(150), nn.Tanh(), nn.Linear(150, 150),
        nn.ClassicDropout(0.3), nn.ReLU(), nn.Linear(150, 2)).astype(np.float32)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    schedule = EachStep(lr.OneCycleLR(optimizer, 0.1, total_steps=10_000))
history = fit(
    model, data, loss=nn.CrossEntropyLoss(), optimizer=optimizer, schedule=schedule, epochs=20,
    batch_size=8, validation=nn.data.spirals(100, seed=1), callbacks=[EarlyStopping(15)], seed=1,
    checkpoint=Checkpoint(path, seconds=0.01), resume=True, progress=False,
)
numbers = {n: a for n, a in history.arrays().items() if n != "seconds"}
state = optimizer.state_dict()["state"]
memory = {f"{n}/{k}": np.asarray(v) for n, s in state.items() for k, v in s.items()}
np.savez(done, **model.state_dict(), **numbers, **memory)
"""


def killed_and_resumed(tmp_path, kind, kills):
    """Run the script once in peace, and once killed at random moments; give both results."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    here = str(pathlib.Path(nn.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": here, "OMP_NUM_THREADS": "1"}

    def start(name):
        command = [
            sys.executable,
            script,
            kind,
            tmp_path / f"{name}.npz",
            tmp_path / f"{name}-done",
        ]
        return subprocess.Popen(list(map(str, command)), env=environment)

    assert start("whole").wait(timeout=100) == 0
    seed = random.SystemRandom().randrange(1 << 30)
    print(f"moments drawn with seed {seed}")
    moments, killed = random.Random(seed), 0
    path = tmp_path / "parts.npz"
    for _ in range(kills):
        process = start("parts")
        before = path.stat().st_mtime_ns if path.exists() else 0
        while process.poll() is None and (not path.exists() or path.stat().st_mtime_ns == before):
            time.sleep(0.001)  # until it trains
        time.sleep(moments.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        killed += process.wait(timeout=100) == -signal.SIGKILL
    assert start("parts").wait(timeout=100) == 0
    results = [dict(np.load(tmp_path / f"{name}-done.npz")) for name in ("whole", "parts")]
    return (*results, killed)


@pytest.mark.parametrize("kind", ["adam", "momentum"])
def test_a_run_that_is_killed_ends_where_it_would_have_ended(tmp_path, kind):
    whole, parts, killed = killed_and_resumed(tmp_path, kind, kills=3)
    assert killed
    assert whole.keys() == parts.keys()
    assert [name for name in whole if not np.array_equal(whole[name], parts[name])] == []


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["adam", "momentum"])
def test_a_run_that_is_killed_many_times(tmp_path, kind):
    whole, parts, killed = killed_and_resumed(tmp_path, kind, kills=40)
    assert killed > 5
    assert [name for name in whole if not np.array_equal(whole[name], parts[name])] == []


# ---- what is shown, and what is remembered -------------------------------------------------------


def test_in_a_log_there_are_lines_without_control_characters(capfd):
    trained(progress=True, validation=HELD_OUT, epochs=2)
    out, err = capfd.readouterr()
    assert out == ""
    assert "\r" not in err
    assert "\x1b" not in err
    last = err.splitlines()[-1]
    assert last.startswith("epoch 2/2: loss ")
    for word in ("accuracy", "validation loss", "rate 0.02", "left"):
        assert word in last


def test_on_a_screen_there_is_one_bar(capfd, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    trained(progress=True, epochs=2)
    err = capfd.readouterr().err
    assert "\r" in err
    assert "12/12" in err
    assert "epoch 2/2" in err
    for word in ("loss=", "accuracy=", "rate="):
        assert word in err


def test_quiet_is_quiet(capfd):
    trained(progress=False)
    assert capfd.readouterr() == ("", "")


def test_a_history_is_plain_arrays():
    _, history = trained(validation=HELD_OUT)
    again = History.from_arrays(history.arrays())
    assert again.arrays().keys() == history.arrays().keys()
    assert measures(again) == measures(history)
    assert again.health == history.health
    assert repr(again) == repr(history)
    with pytest.raises(ValueError, match="append"):
        History.from_arrays({"append": np.zeros(3)})
    with pytest.raises(ValueError, match="loss"):
        History.from_arrays({"loss": np.zeros((3, 2))})


def test_a_loss_may_be_a_function():
    model, history = trained(
        loss=lambda outputs, y: -np.mean(outputs[np.arange(len(y)), y]), epochs=1
    )
    assert isinstance(model[0].weight, Tensor)
    assert len(history.loss) == 1
