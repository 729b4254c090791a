"""fit() of nn: the same training when its steps are replayed, bit for bit."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

import nn
from nn.init import generator
from tests.nn.runs import Killed, again, at, looking, same_end, trained
from tests.program.replayed import bits
from tests.program.test_replay_nn import O, dense

RNG = np.random.default_rng(5)
INPUTS = RNG.normal(size=(50, 6))
POINTS = INPUTS, (INPUTS @ RNG.normal(size=(6, 3))).argmax(axis=1)
FEW = POINTS[0][:20], POINTS[1][:20]


def usual():
    return dense(nn.Tanh(), nn.Dropout(0.2))


def fitted(replay, make_model=usual, optimizer=O.Adam, lr=0.05, **options):
    """All that a run leaves behind."""
    nn.manual_seed(1)
    model = make_model()
    optimizer = optimizer(list(model.parameters()), lr=lr)
    options = {"data": POINTS, "validation": FEW, "seed": 2, "replay": replay, **options}
    try:
        _, run = trained(model, optimizer=optimizer, **options)
        end = run.loss, run.accuracy, run.validation_loss, run.validation_accuracy
    except FloatingPointError as error:
        end = str(error)
    return bits([end, model.state_dict(), optimizer.state_dict(), generator.bit_generator.state])


OPTIONS = {
    "a smaller batch in the end": {},
    "batches of 1": {"batch_size": 1, "data": FEW},
    "one batch": {"batch_size": None, "data": FEW},
    "L2": {"regulariser": nn.L2(0.01)},
    "L1": {"regulariser": nn.L1(0.01)},
    "MaxNorm": {"constraint": nn.MaxNorm(1.0)},
    "SGD": {"optimizer": lambda p, lr: O.SGD(p, lr=lr, momentum=0.9)},
    "a schedule of epochs": {"schedule": lambda o: O.lr_scheduler.StepLR(o, 1)},
    "of steps": {"schedule": lambda o: nn.EachStep(O.lr_scheduler.StepLR(o, 2))},
    "augment": {"augment": lambda x: x + generator.normal(size=x.shape) * 0.1},
    "EarlyStopping": {"callbacks": [nn.EarlyStopping(patience=1)], "epochs": 6},
    "BatchNorm1d": {"make_model": lambda: dense(nn.BatchNorm1d(5), nn.ReLU())},
}


@pytest.mark.parametrize(("replay", "pays"), [(True, 400), ("auto", 1), ("auto", 10**6)])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_fit(monkeypatch, options, replay, pays):
    """Steps that it was asked to replay are replayed indeed: there is no warning."""
    monkeypatch.setattr("nn.train.step.PAYS", pays)
    with warnings.catch_warnings():
        warnings.simplefilter("error", nn.TrainingWarning)
        assert fitted(replay, **options) == fitted(replay=False, **options)


def test_callbacks_see_the_cost_of_each_step():
    def costs(replay):
        found = []
        note = looking(after_step=lambda run: found.append(run.cost.item()))
        fitted(replay, regulariser=nn.L2(0.01), callbacks=[note])
        return found

    assert costs(True) == costs(False)


def test_programs_stay_with_the_model():
    """A second fit goes on with them, to the same end, unless it is another training."""

    def found(replay):
        nn.manual_seed(1)
        model, hot = usual(), (INPUTS, np.eye(3)[POINTS[1]])
        optimizer, ends, programs = O.Adam(list(model.parameters()), lr=0.05), [], []
        for loss in (nn.CrossEntropyLoss(), nn.CrossEntropyLoss(), nn.MSELoss(), nn.L1Loss()):
            data = POINTS if isinstance(loss, nn.CrossEntropyLoss) else hot
            options = {"loss": loss, "optimizer": optimizer, "epochs": 2, "seed": 2}
            _, run = trained(model, data, replay=replay, **options)
            ends.append(bits([run.loss, model.state_dict()]))
            programs.append(vars(model)["_kept"].replayed)
        assert vars(copy.deepcopy(model))["_kept"].replayed is None
        return ends, programs

    (ends, (first, second, third, *_)), (without, _) = found(True), found(False)
    assert ends == without
    assert first is second is not third
    assert first.source


class Scaled(nn.Module):
    def __init__(self):
        self.by, self.entries = 1.0, [1.0]

    def forward(self, outputs, labels):
        return nn.functional.cross_entropy(outputs * (self.by * self.entries[0]), labels)


@pytest.mark.parametrize(
    ("loss", "change"),
    [
        (nn.CrossEntropyLoss, lambda loss: setattr(loss, "label_smoothing", 0.2)),
        (nn.CrossEntropyLoss, lambda loss: setattr(loss, "weight", np.array([1.0, 3.0]))),
        (Scaled, lambda loss: setattr(loss, "by", 2.0)),
        (Scaled, lambda loss: setattr(loss, "by", np.array([1.0, 2.0]))),
        (Scaled, lambda loss: loss.entries.__setitem__(0, 2.0)),
    ],
)
@pytest.mark.parametrize("replay", [True, False])
def test_a_second_training_uses_its_own_loss(loss, change, replay):
    """Also where that was like the first one's until a callback changed it."""
    kept, forgotten = (list(again(forgets, change, loss, replay=replay)) for forgets in (0, 1))
    assert same_end(kept[1], forgotten[1])


class Weighted(nn.Module):
    def __init__(self, **weights):
        vars(self).update(weights)

    def forward(self, outputs, labels):
        cost = nn.functional.cross_entropy(outputs, labels)
        return self.of_cost * cost + self.of_size * np.mean(outputs**2)


@pytest.mark.parametrize("replay", [True, False])
def test_a_loss_is_known_by_names_and_values_and_not_by_their_order(replay):
    def end(*losses):
        nn.manual_seed(1)
        model = usual()
        optimizer, start = O.SGD(model.parameters(), lr=0.1), model.state_dict()
        for loss in losses:
            nn.manual_seed(1)
            model.load_state_dict(start)
            options = {"loss": loss, "optimizer": optimizer, "epochs": 2, "seed": 2}
            trained(model, POINTS, replay=replay, **options)
        return bits(model.state_dict())

    one, two = 1.0, 2.0
    first = Weighted(of_cost=one, of_size=two)
    second = Weighted(of_size=one, of_cost=two)  # the same objects in the same order
    assert end(first, second) == end(second) != end(first)


@pytest.mark.parametrize("replay", [True, False])
def test_a_loss_that_a_callback_sets_counts_from_the_next_step(replay):
    other = nn.CrossEntropyLoss(label_smoothing=0.5)
    changes = (
        lambda run: setattr(run.loss, "label_smoothing", 0.5),
        lambda run: setattr(run, "loss", other),
    )

    def end(change, how):
        after = looking(after_step=lambda run: change(run) if run.step == 5 else None)
        return fitted(replay=how, callbacks=[after])

    assert end(changes[0], False) == end(changes[1], replay) != fitted(replay=replay)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("optimizer", lambda model: O.Adam(model.parameters(), lr=0.5)),
        ("model", lambda model: nn.Sequential(*model, nn.Tanh())),
    ],
)
def test_what_a_callback_sets_counts_from_the_next_step(name, made):
    def end(how):
        def change(run):
            if run.step == 5:
                setattr(run, name, made(run.model))

        return fitted(how, validation=None, callbacks=[looking(after_step=change)])

    assert end(True) == end(False) != fitted(True, validation=None)


@pytest.mark.parametrize("first", [True, False])
def test_a_run_killed_in_the_middle_and_resumed(tmp_path, first):
    options = {"checkpoint": nn.Checkpoint(tmp_path / "run.npz", steps=3)}
    with pytest.raises(Killed):
        fitted(replay=first, callbacks=[at(8, Killed)], **options)
    options |= {"callbacks": [at(None, Killed)], "resume": True}
    assert fitted(replay=True, **options) == fitted(replay=False)


def looks(self, x):
    """Looks at its values, which a replay cannot."""
    return x * (2.0 if x.numpy().sum() > 0 else 1.0)


def changes(self, x):
    """Makes a new object each time, which is found out only after some steps."""
    self.last = object()
    return x


def fails(self, x):
    """Cannot read the arrays that it gets while it is recorded."""
    memoryview(x.numpy())
    return x


@pytest.mark.parametrize("forward", [looks, changes, fails])
def test_what_cannot_be_replayed_is_trained_without(monkeypatch, forward):
    """As if there never had been a replay; with a warning if it was asked for."""
    layer = type("Layer", (nn.Module,), {"forward": forward})
    make = lambda: dense(nn.Dropout(0.2), layer(), nn.BatchNorm1d(5))  # noqa: E731
    with pytest.warns(nn.TrainingWarning, match="goes on without replay"):
        found = fitted(replay=True, make_model=make)
    assert found == fitted(replay=False, make_model=make)
    monkeypatch.setattr("nn.train.step.PAYS", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", nn.TrainingWarning)
        assert found == fitted(replay="auto", make_model=make)


@pytest.mark.parametrize("step", [0, 1, 2, 7])
@pytest.mark.parametrize("how", ["data", "rate"])
def test_a_loss_that_is_not_a_number(step, how):
    """The same error, and the model as it was before that step."""

    def spoil(run):
        if run.step == step + 1 and how == "rate":
            run.optimizer.param_groups[0]["lr"] = 1e200
        if run.step == step and how == "data":
            run.model[0].weight.data[0, 0] = 1e308

    inputs = INPUTS.copy()
    if how == "data" and not step:
        inputs[7, 2] = np.nan
    options = {
        "make_model": lambda: dense(nn.Dropout(0.2), nn.BatchNorm1d(5)),
        "data": (inputs, POINTS[1]),
        "optimizer": lambda p, lr: O.SGD(p, lr=lr, momentum=0.9),
        "callbacks": [looking(after_step=spoil)],
        "epochs": 4,
    }
    end = fitted(replay=True, **options)
    assert end == fitted(replay=False, **options)
    assert isinstance(end[0], str)
