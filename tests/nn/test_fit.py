"""fit beside a loop written by hand: what it does, shows and remembers, and Ctrl-C."""

import signal
import sys
import threading
import time

import numpy as np
import pytest

import nn
from nn import EachStep, load
from nn.init import generator
from nn.optim import SGD, lr_scheduler
from tests.nn.runs import HELD_OUT, MOONS, at, equal, looking, small, still, trained


@pytest.mark.parametrize(
    ("schedule", "by_step", "wrap"),
    [
        (lambda o: lr_scheduler.ExponentialLR(o, 0.9), False, lambda s: s),
        (lambda o: lr_scheduler.OneCycleLR(o, 0.5, 24, cycle_momentum=False), True, lambda s: s),
        (lambda o: lr_scheduler.LinearLR(o, 0.1, total_iters=10), True, EachStep),
    ],
    ids=["each epoch", "one cycle", "warm-up"],
)
def test_fit_is_the_loop_by_hand(schedule, by_step, wrap):
    by_hand, batches = small(dropout=0.3), MOONS.batches(16)
    loss, optimizer = nn.CrossEntropyLoss(), SGD(by_hand.parameters(), 0.1, momentum=0.9)
    steps, augment = schedule(optimizer), lambda x: x + generator.normal(size=x.shape)
    penalty, constraint = nn.L2(0.01), nn.MaxNorm(1.5)
    nn.manual_seed(3)
    losses, rates = [], []
    for _ in range(4):
        total = 0.0
        for x, y in batches:
            term = loss(by_hand(augment(x)), y)
            optimizer.zero_grad()
            (term + penalty(by_hand)).backward()
            nn.utils.clip_grad_norm_(by_hand.parameters(), 0.5)
            optimizer.step()
            constraint(by_hand)
            total += term.item() * len(x)
            if by_step:
                steps.step()
        losses.append(total / len(MOONS))
        rates.append(optimizer.param_groups[0]["lr"])
        if not by_step:
            steps.step()

    before = MOONS.inputs.copy()
    model, history = trained(
        small(dropout=0.3),
        optimizer=lambda parameters: SGD(parameters, 0.1, momentum=0.9),
        schedule=lambda optimizer: wrap(schedule(optimizer)),
        regulariser=penalty,
        constraint=constraint,
        augment=augment,
        clip_norm=0.5,
        epochs=4,
        seed=3,
    )
    assert equal(model, by_hand)
    assert (history.loss, history.rate) == (losses, rates)
    assert np.array_equal(MOONS.inputs, before)


def test_the_measures_are_those_of_the_model_in_use():
    model, history = trained(small(dropout=0.5), validation=HELD_OUT, seed=0, epochs=40)
    outputs = model(HELD_OUT.inputs)
    assert history.validation_accuracy[-1] == nn.accuracy(outputs, HELD_OUT.labels) > 0.85
    loss = nn.CrossEntropyLoss()(outputs, HELD_OUT.labels).item()
    assert history.validation_loss[-1] == pytest.approx(loss, rel=1e-14)
    assert len(history) == len(history.seconds) == len(history.rate) == 40
    runs = []
    model, history = trained(epochs=0, callbacks=[looking(begin=runs.append)])
    assert equal(model, small())
    assert len(history) == 0
    trained(replay=False, callbacks=[looking(begin=runs.append)])
    assert [run.cost for run in runs] == [None, None]  # no graph is kept alive


ROWS = np.array([[0.0], [1.0], [2.0], [3.0]])
YES = [1.0, 0.0, 0.0, 1.0]
bce_with_logits = nn.functional.binary_cross_entropy_with_logits


@pytest.mark.parametrize(
    ("labels", "outputs", "loss", "right"),
    [
        ([0, 1, 1, 0], 2, nn.CrossEntropyLoss(), lambda out, y: out.argmax(1) == y),
        (np.eye(2)[[0, 1, 1, 0]], 2, nn.QuadraticLoss(), lambda out, y: out.argmax(1) == y[:, 1]),
        ([[y] for y in YES], 1, nn.BCEWithLogitsLoss(), lambda out, y: (out > 0) == y),
        ([[y] for y in YES], 1, bce_with_logits, lambda out, y: (out > 0) == y),
        ([[y] for y in YES], 1, nn.MultiLabelSoftMarginLoss(), lambda out, y: (out > 0) == y),
        ([[y] for y in YES], 1, nn.MSELoss(), lambda out, y: (out > 0.5) == y),
        ([[1.0, 0.5], [0, 1], [0, 1], [1, 0]], 2, nn.MSELoss(), None),
        ([[1.5], [0.0], [0.0], [1.0]], 1, nn.MSELoss(), None),
    ],
    ids=["labels", "one-hot", *["logits"] * 3, "yes or no", "two numbers", "a number"],
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
    seen.clear()
    sgd, cross_entropy = SGD(model.parameters()), nn.CrossEntropyLoss()
    with model.register_forward_hook(look):
        nn.fit(model, MOONS, loss=cross_entropy, optimizer=sgd, epochs=1, progress=False)
    assert [size for *_, size in seen] == [32, 32, 26]


def test_the_loss_of_a_history_is_a_mean_over_the_examples_also_where_batches_add_up():
    def losses(reduction):
        loss, options = nn.CrossEntropyLoss(reduction=reduction), {"optimizer": still, "epochs": 1}
        _, history = trained(loss=loss, validation=HELD_OUT, **options)
        return history.loss + history.validation_loss

    np.testing.assert_allclose(losses("sum"), losses("mean"), rtol=1e-14)


@pytest.mark.parametrize(("mode", "name"), [("min", "loss"), ("max", "accuracy")])
def test_a_plateau_is_judged_by_the_validation(mode, name):
    model = small()
    optimizer = still(model.parameters())
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer, mode)
    _, history = trained(model, optimizer=optimizer, schedule=plateau, validation=HELD_OUT)
    held_out, seen = getattr(history, f"validation_{name}"), getattr(history, name)
    assert plateau.best == held_out[0] != seen[0]
    _, history = trained(model, optimizer=optimizer, schedule=plateau)
    assert plateau.best == (max if mode == "max" else min)(held_out[0], *getattr(history, name))
    if mode == "max":
        with pytest.raises(ValueError, match="these targets have none; use mode='min'"):
            trained(data=(MOONS.inputs, MOONS.inputs), loss=nn.MSELoss(), schedule=plateau)


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


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


@pytest.mark.parametrize(
    "interrupting",
    [lambda: [(ctrl_c(), time.sleep(0.001)) for _ in "12"], KeyboardInterrupt],
)
def test_an_impatient_interrupt_does_not_wait_for_the_step(interrupting):
    after = []
    callbacks = [at(8, interrupting), at(8, lambda: after.append(True))]
    model, history = trained(callbacks=callbacks)
    assert history.interrupted
    assert (len(history), after, model.training) == (1, [], False)


def test_fit_runs_in_other_threads():
    found = []
    thread = threading.Thread(target=lambda: found.append(trained(seed=0)[0]))
    thread.start()
    thread.join()
    assert equal(found[0], trained(seed=0)[0])


LINES = [
    "epoch 2/2: 00:00 left, validation accuracy ",
    " %, validation loss ",
    "loss ",
    "rate 0.02",
]
BAR = [
    "\r",
    "epoch 1/2: 8%",
    "epoch 2/2: 100%",
    "0:00 left, validation accuracy ",
    "loss ",
    "rate ",
]
STREAM = iter([(MOONS.inputs, MOONS.labels)])  # nobody knows how long it is


@pytest.mark.parametrize(
    ("screen", "data", "words"),
    [
        (False, MOONS, LINES),
        (True, MOONS, BAR),
        (True, STREAM, ["epoch 1/2: 0%", "epoch 1/2: 50%"]),
        ("notebook", MOONS, BAR),
        (None, MOONS, []),
    ],
)
def test_a_log_has_lines_without_control_characters_and_a_screen_one_bar(
    capfd, monkeypatch, screen, data, words
):
    import ipykernel.kernelapp  # noqa: F401  (imported, but not running)

    monkeypatch.setattr(sys.stderr, "isatty", lambda: screen)
    if screen == "notebook":  # one without widgets, where stderr is red
        monkeypatch.setattr("nn.train.callbacks.in_notebook", lambda: True)
        monkeypatch.setattr("nn.train.callbacks.find_spec", lambda name: None)
    trained(data=data, progress=screen is not None, validation=HELD_OUT, epochs=2)
    out, err = capfd.readouterr()[:: -1 if screen == "notebook" else 1]
    assert out == ""
    assert bool(err) == bool(words)
    assert all(word in (err if screen else err.splitlines()[-1]) for word in words)
    assert screen or not {"\r", "\x1b"} & set(err)
