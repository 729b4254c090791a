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
from nn import Callback, Checkpoint, EachStep, EarlyStopping, OnlyMistakes, Restarts, fit, load
from nn.files.named_arrays import opened, write
from nn.optim import SGD, Adam, lr_scheduler

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
        "optimizer": lambda parameters: Adam(parameters, lr=0.02),
        "epochs": 3,
        "batch_size": 16,
        "progress": False,
        **options,
    }
    if inspect.isfunction(options["optimizer"]) or inspect.isclass(options["optimizer"]):
        options["optimizer"] = options["optimizer"](model.parameters())
    if inspect.isfunction(options.get("schedule")):
        options["schedule"] = options["schedule"](options["optimizer"])
    return model, fit(model, data, **options)


def still(parameters):
    """An optimiser that leaves the model as it is."""
    return SGD(parameters, lr=0.0)


def equal(one, other):
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(np.array_equal(first[k], second[k]) for k in first)


def measures(history):
    return {name: a.tolist() for name, a in history.arrays().items() if name != "seconds"}


def same_end(one, other):
    """Whether two runs ended with the same model and the same measures."""
    return equal(one[0], other[0]) and measures(one[1]) == measures(other[1])


def looking(**functions):
    """A callback that calls these functions with the run, each at the event of its name."""
    methods = {name: lambda self, run, f=f: f(run) for name, f in functions.items()}
    return type("Looking", (Callback,), methods)()


def at(step, function):
    """A callback that calls a function after so many steps."""
    return looking(after_step=lambda run: function() if run.step == step else None)


# ---- what fit does -------------------------------------------------------------------------------


def test_fit_is_the_loop_by_hand():
    by_hand, batches = small(dropout=0.3), MOONS.batches(16)
    loss, optimizer = nn.CrossEntropyLoss(), SGD(by_hand.parameters(), 0.1, momentum=0.9)
    schedule = lr_scheduler.ExponentialLR(optimizer, 0.9)
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

    model, history = trained(
        small(dropout=0.3),
        optimizer=lambda parameters: SGD(parameters, 0.1, momentum=0.9),
        schedule=lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.9),
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
    assert same_end(runs[0], runs[1])
    assert not equal(runs[0][0], runs[2][0])


def test_it_learns_what_can_be_learnt_and_no_epochs_change_nothing():
    model, history = trained(epochs=60, validation=HELD_OUT)
    assert history.validation_accuracy[-1] > 0.9
    assert history.loss[-1] < history.loss[0] / 3
    assert not model.training
    model, history = trained(epochs=0)
    assert equal(model, small())
    assert len(history) == 0


def test_the_measures_are_those_of_the_model_in_use():
    model, history = trained(small(dropout=0.5), validation=HELD_OUT, seed=0)
    outputs = model(HELD_OUT.inputs)
    assert history.validation_accuracy[-1] == nn.accuracy(outputs, HELD_OUT.labels)
    loss = nn.CrossEntropyLoss()(outputs, HELD_OUT.labels).item()
    assert history.validation_loss[-1] == pytest.approx(loss, rel=1e-14)
    assert len(history) == len(history.seconds) == len(history.rate) == 3


ROWS = np.array([[0.0], [1.0], [2.0], [3.0]])
YES = [1.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("labels", "outputs", "loss", "right"),
    [
        ([0, 1, 1, 0], 2, nn.CrossEntropyLoss(), lambda out, y: out.argmax(1) == y),
        (np.eye(2)[[0, 1, 1, 0]], 2, nn.QuadraticLoss(), lambda out, y: out.argmax(1) == y[:, 1]),
        ([[y] for y in YES], 1, nn.BCEWithLogitsLoss(), lambda out, y: (out > 0) == y),
        ([[y] for y in YES], 1, nn.MSELoss(), lambda out, y: (out > 0.5) == y),
        ([[1.0, 0.5], [0, 1], [0, 1], [1, 0]], 2, nn.MSELoss(), None),
        ([[1.5], [0.0], [0.0], [1.0]], 1, nn.MSELoss(), None),
    ],
    ids=["labels", "one-hot", "logits", "yes or no", "two numbers", "a number"],
)
@pytest.mark.parametrize("size", [1, 3])
def test_accuracy_where_targets_are_right_or_wrong(labels, outputs, loss, right, size):
    nn.manual_seed(4)
    model, labels = nn.Linear(1, outputs), np.array(labels)
    options = {"loss": loss, "optimizer": still, "epochs": 1, "batch_size": size}
    _, history = trained(model, (ROWS, labels), **options)
    expected = [np.mean(right(model(ROWS).numpy(), labels))] if right else []
    assert history.accuracy == expected


def test_numbers_come_in_the_type_of_the_model_which_is_not_in_training_when_judged():
    seen = []
    model = small().astype(np.float32)

    def look(module, inputs, output):
        assert inputs[0].dtype == output.dtype == np.float32
        seen.append((module.training, output.requires_grad, len(output)))

    with model.register_forward_hook(look):
        trained(model, MOONS[:20], epochs=2, batch_size=10, validation=HELD_OUT)
        trained(model, MOONS.batches(40, drop_last=True, seed=1), epochs=1)
    assert seen == ([(True, True, 10)] * 2 + [(False, False, 60)]) * 2 + [(True, True, 40)] * 2
    assert MOONS.inputs.dtype == np.float64


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


def test_a_loss_may_be_a_function():
    _, history = trained(loss=lambda outputs, y: -np.mean(outputs[np.arange(len(y)), y]), epochs=1)
    assert len(history.loss) == 1


JUMPS = nn.StepOrJump(SGD(small().parameters(), lr=0.1))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"data": [1, 2, 3]}, TypeError, "pair of inputs and labels"),
        ({"epochs": -1}, ValueError, "-1"),
        ({"resume": True}, ValueError, "checkpoint"),
        ({"checkpoint": "run.pickle"}, ValueError, "npz"),
        ({"callbacks": [EarlyStopping()]}, ValueError, "validation="),
        (
            {"callbacks": [Restarts(2)], "model": nn.Sequential(nn.Tanh())},
            TypeError,
            "give Restarts start=",
        ),
        ({"clip_norm": 0}, ValueError, "above 0"),
        ({"clip_norm": 1.0, "optimizer": JUMPS}, ValueError, "StepOrJump"),
        ({"replay": True, "optimizer": JUMPS}, ValueError, "StepOrJump"),
    ],
)
def test_errors_say_what_to_do(options, error, words):
    if "model" in options:
        options = {**options, "optimizer": SGD(small().parameters(), lr=0.1)}
    with pytest.raises(error, match=words):
        trained(**options)


@pytest.mark.parametrize(
    "make",
    [
        lambda: EarlyStopping(patience=0),
        lambda: EarlyStopping(minimum=-1),
        lambda: Restarts(0),
        lambda: Checkpoint("run.npz", steps=0),
        lambda: Checkpoint("run.npz", seconds=-1),
        lambda: nn.Health(every=0),
        lambda: nn.Health(examples=0),
    ],
)
def test_odd_numbers_are_refused(make):
    with pytest.raises(ValueError, match=r"must be .* or more.*, got"):
        make()


# ---- schedules -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "wrap"),
    [
        (lambda o: lr_scheduler.OneCycleLR(o, 0.5, 12, cycle_momentum=False), lambda s: s),
        (lambda o: lr_scheduler.LinearLR(o, 0.1, total_iters=10), EachStep),
    ],
    ids=["one cycle", "warm-up"],
)
def test_schedules_that_go_on_after_each_step(schedule, wrap):
    rates, model = [], small()
    optimizer = SGD(model.parameters(), lr=0.5)
    schedule = schedule(optimizer)
    expected = [schedule.rates(t)[0] for t in range(12)]
    look = looking(after_backward=lambda run: rates.append(run.rate))
    trained(model, optimizer=optimizer, schedule=wrap(schedule), epochs=2, callbacks=[look])
    assert rates == pytest.approx(expected, rel=1e-14)


def test_a_plateau_is_judged_by_the_validation_loss():
    model = small()
    optimizer = still(model.parameters())
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer)
    _, history = trained(model, optimizer=optimizer, schedule=plateau, validation=HELD_OUT)
    assert plateau.best == history.validation_loss[0] != history.loss[0]


# ---- early stopping and strategies ---------------------------------------------------------------


def valued(values):
    """Puts other values in the history's validation loss, and marks the weights with the epoch."""

    def change(run):
        run.history.validation_loss[-1] = values[run.epoch - 1]
        run.model[0].bias.data[...] = run.epoch

    return looking(after_epoch=change)


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
@pytest.mark.parametrize("restore", [True, False])
def test_early_stopping(values, patience, minimum, epochs, best, restore):
    callbacks = [valued(values), EarlyStopping(patience, minimum, restore=restore)]
    model, history = trained(epochs=7, validation=HELD_OUT, callbacks=callbacks)
    assert len(history) == epochs
    assert (model[0].bias.numpy() == (best if restore else epochs)).all()
    assert bool(history.stopped) == (epochs < 7)
    assert str(best) in history.stopped or epochs == 7


def test_an_accuracy_should_rise():
    _, history = trained(epochs=200, callbacks=[EarlyStopping(2, measure="accuracy")])
    assert len(history) == int(np.argmax(history.accuracy)) + 3 < 200


def test_restarts_end_with_the_best_start():
    starts = itertools.count(1)

    def start(model):
        model[0].weight.data[...] = next(starts)

    values = [9, 9, 2, 9, 1, 3]  # judged after epochs 2, 4 and 6
    callbacks = [valued(values), Restarts(2, start)]
    with pytest.warns(nn.TrainingWarning, match="vanishes"):  # the weights are all alike
        model, history = trained(
            epochs=6, validation=HELD_OUT, optimizer=still, callbacks=callbacks
        )
    assert len(history) == 6
    assert (model[0].weight.numpy() == 2).all()


@pytest.mark.parametrize(
    "schedule",
    [
        lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0, threshold=10),
        lambda o: lr_scheduler.StepLR(o, 1),
    ],
)
def test_restarts_draw_new_weights_and_forget_momentum_and_schedule(schedule):
    weights, counts, rates = [], [], []

    def look(run):
        weights.append(run.model[0].weight.numpy().copy())
        counts.append(len(run.optimizer.state_dict()["state"]))
        rates.append(run.rate)

    callbacks = [Restarts(2), looking(before_epoch=look)]
    trained(schedule=schedule, validation=HELD_OUT, epochs=5, callbacks=callbacks, seed=0)
    assert len({weight.tobytes() for weight in weights}) == 5
    assert max(abs(weight).max() for weight in weights[2::2]) <= 1 / np.sqrt(2)
    assert counts[2::2] == [0, 0]
    assert rates[::2] == [0.02] * 3
    assert rates[1] == pytest.approx(0.002) or rates[1] == 0.02  # the plateau waits for a second


def test_only_mistakes_of_the_model_in_use_are_trained():
    data, wrong, seen = nn.data.moons(2500, seed=3), [], []

    def expect(run):
        wrong.append(nn.misclassified(run.model, data.inputs, data.labels))
        assert not run.model.training

    def compare(run):
        assert run.sums.examples == len(wrong[-1])
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


def test_step_or_jump_is_the_strategy_by_hand():
    by_hand, loss = small(), nn.CrossEntropyLoss()
    strategy = nn.StepOrJump(SGD(by_hand.parameters(), lr=3.0), scale=0.1)
    nn.manual_seed(4)
    attempts = [
        strategy.step(lambda x=x, y=y: loss(by_hand(x), y))
        for _ in range(3)
        for x, y in MOONS.batches(16)
    ]
    assert len({attempt.accepted for attempt in attempts}) == 2
    jumps = lambda parameters: nn.StepOrJump(SGD(parameters, lr=3.0), scale=0.1)  # noqa: E731
    assert equal(trained(optimizer=jumps, seed=4)[0], by_hand)


def test_a_jump_is_judged_with_the_same_dropout():
    attempts = []

    class Watched(nn.StepOrJump):
        def step(self, cost):
            attempts.append(super().step(cost))
            return attempts[-1]

    trained(small(dropout=0.5), optimizer=lambda parameters: Watched(still(parameters), scale=0.0))
    assert all(attempt.before == attempt.after for attempt in attempts)


# ---- Ctrl-C --------------------------------------------------------------------------------------


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def interrupt():
    raise KeyboardInterrupt


def test_ctrl_c_finishes_the_step_and_returns_what_was_learned(tmp_path):
    path = tmp_path / "run.npz"
    model, history = trained(callbacks=[at(8, ctrl_c)], checkpoint=path, seed=0)
    assert history.interrupted
    assert len(history) == 1  # of 6 steps each
    assert equal(load(small(7), path), model)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    model, history = trained(callbacks=[at(0, None)], checkpoint=path, resume=True)
    assert not history.interrupted
    assert equal(model, trained(seed=0)[0])


def test_ctrl_c_twice_does_not_wait_for_the_step():
    reached = []

    def impatient():
        for _ in range(2):
            ctrl_c()
            reached.append(True)
            time.sleep(0.001)

    _, history = trained(callbacks=[at(8, impatient)])
    assert history.interrupted
    assert len(reached) < 2


def test_an_interrupt_from_within():
    model, history = trained(callbacks=[at(8, interrupt)])
    assert history.interrupted
    assert len(history) == 1
    assert not model.training


def test_fit_runs_in_other_threads():
    found = []
    thread = threading.Thread(target=lambda: found.append(trained(seed=0)[0]))
    thread.start()
    thread.join()
    assert equal(found[0], trained(seed=0)[0])


# ---- a loss that is nan or inf -------------------------------------------------------------------


class Broken(nn.Module):
    """Returns the inputs, from some call on with a mistake."""

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
@pytest.mark.parametrize(("step", "place"), [(9, "epoch 2, batch 3"), (6, "epoch 1, batch 6")])
def test_a_loss_that_is_not_a_number(mistake, where, step, place, tmp_path):
    model, keeper = with_mistake(step, mistake), Checkpoint(tmp_path / "run.npz", steps=1)
    options = {"optimizer": lambda parameters: SGD(parameters, lr=0.1), "seed": 0}
    with pytest.raises(FloatingPointError) as caught:
        trained(model, checkpoint=keeper, epochs=1 + step // 6, **options)
    assert f"step {step} ({place}): {where}" in str(caught.value)
    twin, _ = trained(with_mistake(10**9, mistake), callbacks=[at(step - 1, interrupt)], **options)
    assert equal(model, twin)
    assert equal(load(with_mistake(0, None), keeper.path), twin)  # a broken model is not kept


def test_a_step_that_is_too_long():
    model = nn.Linear(2, 1)
    x = np.full((4, 2), 1e150)  # the slope of the absolute error too, and times the rate it is inf
    optimizer = SGD(model.parameters(), lr=1e200)
    exploded = pytest.warns(nn.TrainingWarning, match="explodes")
    with exploded, pytest.raises(FloatingPointError, match=r"too long for the weights"):
        trained(model, (x, np.zeros((4, 1))), loss=nn.L1Loss(), optimizer=optimizer)


@pytest.mark.parametrize("which", ["inputs", "targets"])
def test_data_with_nan(which):
    x, y = np.ones((40, 2)), np.ones((40, 1))
    (x if which == "inputs" else y)[33] = np.nan
    model = nn.Linear(2, 1)
    with pytest.raises(FloatingPointError, match=rf"epoch 1, batch .*the {which} of this batch"):
        trained(model, (x, y), loss=nn.MSELoss())
    assert np.isfinite(model.weight.numpy()).all()


def test_a_model_that_begins_with_nan():
    model = small()
    model[3].bias.data[0] = np.nan
    with pytest.raises(FloatingPointError, match=r"began with nan or inf in 3\.bias"):
        trained(model)


class Calls(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(2, 2)
        self.layer.weight.data[:] = 1e200

    def forward(self, x):
        larger = x * 1e200
        return self.layer(larger)  # it overflows


class Masks(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        x = self.layer(x)
        safe = np.where(x.numpy() > 1e9, np.log(x * 0.0), x)  # -inf, and not chosen
        return np.log(safe * 0.0)  # this one is


def spoils_a_gradient(outputs, labels):
    inside = np.sum(outputs * 0.0, axis=1)
    return np.mean(np.sqrt(inside)) + nn.CrossEntropyLoss()(outputs, labels)


def logarithm_of_zero(outputs, labels):
    chosen = outputs[np.arange(len(labels)), labels]
    return -np.mean(np.log(chosen - chosen))


def too_large(model):
    return np.sum(0.0 * model[0].weight + 1e308)


@pytest.mark.filterwarnings("ignore::nn.TrainingWarning")
@pytest.mark.parametrize(
    ("options", "operation", "text", "code"),
    [
        ({"model": Calls()}, "linear in layer (Linear) gave inf", "it overflows", Calls),
        ({"model": Masks()}, "log in Masks gave inf", "this one is", Masks),
        ({"loss": spoils_a_gradient}, "gradient of sqrt is inf", "np.sqrt", spoils_a_gradient),
        ({"loss": logarithm_of_zero}, "log gave inf", "np.log", logarithm_of_zero),
        ({"regulariser": too_large}, "sum gave inf", "np.sum", too_large),
    ],
    ids=["layer", "harmless", "gradient", "loss", "regulariser"],
)
def test_the_line_is_named_where_it_began(options, operation, text, code):
    with pytest.raises(FloatingPointError) as caught:
        trained(optimizer=lambda parameters: SGD(parameters, lr=0.1), **options)
    lines, first = inspect.getsourcelines(code)
    (number,) = (i for i, line in enumerate(lines, first) if text in line)
    line = f"{__file__}, line {number}: {lines[number - first].strip()}"
    assert f"{operation} at {line}. The model" in str(caught.value)


def test_no_line_is_named_where_none_is_the_users():
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].weight.data[:] = 1e200
    with pytest.raises(FloatingPointError, match=r"linear in 0 \(Linear\) gave inf\. The model"):
        trained(model, (np.full((40, 2), 1e200), np.zeros(40, int)))


# ---- runs that go on -----------------------------------------------------------------------------


class Killed(Exception):  # noqa: N818
    pass


def kill():
    raise Killed


def everything(seed, path, resume, step=0, epochs=4):
    """A run with whatever has state, killed after a step if that is not 0."""
    nn.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2)
    )
    optimizer = Adam(model.parameters(), lr=0.05)
    _, history = trained(
        model,
        MOONS.batches(16, seed=seed + 1),
        optimizer=optimizer,
        schedule=lr_scheduler.MultiStepLR(optimizer, [1, 3], 0.5),
        epochs=epochs,
        validation=HELD_OUT,
        callbacks=[EarlyStopping(3), at(step, kill)],
        checkpoint=Checkpoint(path, steps=1),
        resume=resume,
    )
    return model, history, optimizer.state_dict()


@pytest.mark.parametrize("form", [".npz", ".safetensors"])
@pytest.mark.parametrize("steps", [[1], [6], [7], [5, 11, 12, 17]])
def test_a_run_that_goes_on_ends_where_it_would_have_ended(tmp_path, steps, form):
    whole = everything(0, tmp_path / f"whole{form}", False)
    path = tmp_path / f"parts{form}"
    for step in steps:  # callbacks are called before the checkpoint of their step is written
        first = step == steps[0]
        with pytest.raises(Killed):
            everything(0 if first else 5, path, not first, step)
    for _ in range(2):  # a run that is over stays so
        parts = everything(9, path, True)
        assert same_end(whole, parts)
        assert whole[2]["param_groups"] == parts[2]["param_groups"]
        for number, state in whole[2]["state"].items():
            assert all(np.array_equal(state[k], parts[2]["state"][number][k]) for k in state)


def test_more_epochs_may_be_added(tmp_path):
    whole = everything(0, tmp_path / "whole.npz", False, epochs=4)
    everything(0, tmp_path / "parts.npz", False, epochs=2)
    assert same_end(whole, everything(1, tmp_path / "parts.npz", True, epochs=4))


def test_only_mistakes_go_on_in_the_middle_of_an_epoch(tmp_path):
    def run(name, seed, resume, step):
        return trained(
            small(seed),
            callbacks=[OnlyMistakes(), at(step, kill)],
            optimizer=lambda parameters: SGD(parameters, lr=0.05),
            batch_size=2,
            checkpoint=Checkpoint(tmp_path / name, steps=1),
            resume=resume,
        )

    whole = run("whole.npz", 0, False, 0)
    with pytest.raises(Killed):
        run("parts.npz", 0, False, 5)
    assert same_end(whole, run("parts.npz", 1, True, 0))


def test_a_checkpoint_holds_the_model_and_is_not_overwritten_by_mistake(tmp_path):
    path = tmp_path / "run.npz"
    model, _ = trained(checkpoint=path, resume=True, seed=0)  # without a file a run begins
    assert equal(model, trained(seed=0)[0])
    assert equal(load(small(1), path), model)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="resume=True"):
        trained(checkpoint=path)
    assert path.read_bytes() == before


OTHER_RUNS = {
    "model": {"model": nn.Linear(2, 2)},
    "optimizer": {"optimizer": SGD},
    "data": {"data": MOONS[:80]},
    "batch_size": {"batch_size": 17},
    "callbacks": {"callbacks": [OnlyMistakes()]},
    "schedule": {"schedule": lambda optimizer: lr_scheduler.StepLR(optimizer, 1)},
}
CHANGES = {  # of the text in a checkpoint
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


@pytest.mark.parametrize("what", [*OTHER_RUNS, *(f"changed {name}" for name in CHANGES)])
def test_a_checkpoint_that_does_not_fit(tmp_path, what):
    path = tmp_path / "run.npz"
    trained(checkpoint=path)
    if change := CHANGES.get(what.removeprefix("changed ")) if what not in OTHER_RUNS else None:
        with opened(path) as file:
            arrays = {name: stored.read() for name, stored in file.arrays.items()}
            text = json.loads(file.text)
        change(text)
        write(path, arrays, json.dumps(text))
    options = {"model": small(1), "optimizer": Adam, **OTHER_RUNS.get(what, {})}
    model, optimizer = options["model"], options["optimizer"](options["model"].parameters(), lr=0.5)
    before, random_state = model.state_dict(), nn.init.generator.bit_generator.state
    with pytest.raises(ValueError, match=r"run\.npz: "):
        trained(**{**options, "optimizer": optimizer}, checkpoint=path, resume=True)
    assert all(np.array_equal(before[k], v) for k, v in model.state_dict().items())
    assert nn.init.generator.bit_generator.state == random_state
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_a_model_alone_is_not_a_checkpoint(tmp_path):
    nn.save(small(), tmp_path / "model.npz")
    with pytest.raises(ValueError, match=r"model\.npz: .*checkpoint: it has no form, model"):
        trained(checkpoint=tmp_path / "model.npz", resume=True)


def test_what_cannot_be_kept_is_known_before_the_first_step(tmp_path):
    odd, model = at(0, None), small()
    odd.state_dict = lambda: {"function": print}
    with pytest.raises(TypeError, match="callbacks/1/function"):
        trained(model, checkpoint=tmp_path / "run.npz", callbacks=[odd])
    assert equal(model, small())


def test_checkpoints_come_every_so_many_steps_or_seconds(tmp_path, monkeypatch):
    saved, save = [], Checkpoint.save
    monkeypatch.setattr(
        Checkpoint, "save", lambda self, run: (saved.append(run.step), save(self, run))
    )
    trained(checkpoint=Checkpoint(tmp_path / "steps.npz", steps=4))
    assert saved == [0, 4, 8, 12, 16, 18]
    saved.clear()
    clock = itertools.count(0.0, 1.0)  # seconds, one at each look
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    trained(checkpoint=Checkpoint(tmp_path / "seconds.npz", seconds=5))
    assert saved == [0, 5, 10, 15, 18]


# ---- runs that are killed ------------------------------------------------------------------------

SCRIPT = """
import sys
import numpy as np
import nn

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
    schedule = nn.EachStep(lr.OneCycleLR(optimizer, 0.1, total_steps=10_000))
history = nn.fit(
    model, data, loss=nn.CrossEntropyLoss(), optimizer=optimizer, schedule=schedule, epochs=20,
    batch_size=8, validation=nn.data.spirals(100, seed=1), callbacks=[nn.EarlyStopping(15)],
    seed=1, checkpoint=nn.Checkpoint(path, seconds=0.01), resume=True, progress=False,
)
numbers = {n: a for n, a in history.arrays().items() if n != "seconds"}
state = optimizer.state_dict()["state"]
memory = {f"{n}/{k}": np.asarray(v) for n, s in state.items() for k, v in s.items()}
np.savez(done, **model.state_dict(), **numbers, **memory)
"""


@pytest.mark.parametrize("kills", [3, pytest.param(40, marks=pytest.mark.heavy)])
@pytest.mark.parametrize("kind", ["adam", "momentum"])
def test_a_run_that_is_killed_ends_where_it_would_have_ended(tmp_path, kind, kills):
    """Once in peace, and once killed at random times."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    here = str(pathlib.Path(nn.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": here, "OMP_NUM_THREADS": "1"}

    def start(name):
        files = [tmp_path / f"{name}.npz", tmp_path / f"{name}-done"]
        return subprocess.Popen([sys.executable, script, kind, *files], env=environment)

    assert start("whole").wait(timeout=100) == 0
    seed = random.SystemRandom().randrange(1 << 30)
    print(f"times drawn with seed {seed}")
    times, killed = random.Random(seed), 0
    path = tmp_path / "parts.npz"
    for _ in range(kills):
        process = start("parts")
        before = path.stat().st_mtime_ns if path.exists() else 0
        while process.poll() is None and (not path.exists() or path.stat().st_mtime_ns == before):
            time.sleep(0.001)  # until it trains
        time.sleep(times.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        killed += process.wait(timeout=100) == -signal.SIGKILL
    assert start("parts").wait(timeout=100) == 0
    assert killed > kills // 8
    whole, parts = (dict(np.load(tmp_path / f"{name}-done.npz")) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
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
    for word in ("accuracy", "validation loss", "rate 0.02", "0:00 left"):
        assert word in last


def test_on_a_screen_there_is_one_bar(capfd, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    trained(progress=True, epochs=2)
    err = capfd.readouterr().err
    for word in ("\r", "12/12", "epoch 2/2", "loss=", "accuracy=", "rate="):
        assert word in err


def test_quiet_is_quiet(capfd):
    trained(progress=False)
    assert capfd.readouterr() == ("", "")


def test_a_history_is_plain_arrays():
    _, history = trained(validation=HELD_OUT)
    again = nn.History.from_arrays(history.arrays())
    assert again.arrays().keys() == history.arrays().keys()
    assert measures(again) == measures(history)
    assert again.health == history.health
    assert repr(again) == repr(history)
    for wrong in ({"append": np.zeros(3)}, {"loss": np.zeros((3, 2))}, {"loss": np.array(["a"])}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            nn.History.from_arrays(wrong)
