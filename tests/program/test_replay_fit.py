"""nn.fit(replay=True) ends as without replay, bit for bit, whatever happens on the way."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import nn
from nn.init import generator
from tests.program.replayed import bits

RNG = np.random.default_rng(5)
INPUTS = RNG.normal(size=(50, 6))
LABELS = (INPUTS @ RNG.normal(size=(6, 3))).argmax(axis=1)
VALIDATION = INPUTS[:20], LABELS[:20]


def model_with(*layers):
    return nn.Sequential(nn.Linear(6, 8), *layers, nn.Linear(8, 3))


def usual():
    return model_with(nn.Tanh(), nn.Dropout(0.2))


def trained(replay, make_model=usual, optimizer=nn.optim.Adam, data=(INPUTS, LABELS), **options):
    """All that a run leaves behind."""
    nn.manual_seed(1)
    model = make_model()
    updates = optimizer(list(model.parameters()), lr=0.05)
    options = {"epochs": 3, "batch_size": 16, "validation": VALIDATION, **options}
    if "schedule" in options:
        options["schedule"] = options["schedule"](updates)
    options |= {"loss": nn.CrossEntropyLoss(), "optimizer": updates, "progress": False}
    run = nn.fit(model, data, seed=2, replay=replay, **options)
    measures = [run.loss, run.accuracy, run.validation_loss, run.validation_accuracy]
    return bits([measures, model.state_dict(), updates.state_dict(), generator.bit_generator.state])


SMALL = {"data": VALIDATION}
OPTIONS = {
    "a smaller batch in the end": {},
    "batches of 1": {"batch_size": 1, **SMALL},
    "one batch": {"batch_size": None, **SMALL},
    "L2": {"regulariser": nn.L2(0.01)},
    "L1": {"regulariser": nn.L1(0.01)},
    "MaxNorm": {"constraint": nn.MaxNorm(1.0)},
    "SGD": {"optimizer": lambda p, lr: nn.optim.SGD(p, lr=lr, momentum=0.9)},
    "a schedule of epochs": {"schedule": lambda o: nn.optim.lr_scheduler.StepLR(o, 1)},
    "of steps": {"schedule": lambda o: nn.EachStep(nn.optim.lr_scheduler.StepLR(o, 2))},
    "augment": {"augment": lambda x: x + generator.normal(size=x.shape) * 0.1},
    "EarlyStopping": {"callbacks": [nn.EarlyStopping(patience=1)], "epochs": 6},
    "BatchNorm1d": {"make_model": lambda: model_with(nn.BatchNorm1d(8), nn.ReLU())},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_options(options):
    """The steps are replayed indeed: there is no warning that they cannot be."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", nn.TrainingWarning)
        assert trained(replay=True, **options) == trained(replay=False, **options)


class KilledError(Exception):
    pass


class Kill(nn.Callback):
    def __init__(self, step):
        self.step = step

    def after_step(self, run):
        if run.step == self.step:
            raise KilledError


@pytest.mark.parametrize("first", [True, False])
def test_a_run_killed_in_the_middle_and_resumed(tmp_path, first):
    checkpoint = {"checkpoint": nn.Checkpoint(tmp_path / "run.npz", steps=3)}
    with pytest.raises(KilledError):
        trained(replay=first, callbacks=[Kill(8)], **checkpoint)
    resumed = trained(replay=True, resume=True, callbacks=[Kill(None)], **checkpoint)
    assert resumed == trained(replay=False)


class Looks(nn.Module):
    """A layer that looks at its values, which a replay cannot."""

    def forward(self, x):
        return x * (2.0 if x.numpy().sum() > 0 else 1.0)


class Changes(nn.Module):
    """A layer that makes a new object each time, which is found out only after some steps."""

    def forward(self, x):
        self.last = object()
        return x


class Fails(nn.Module):
    """A layer that cannot read the arrays that it gets while it is recorded."""

    def forward(self, x):
        memoryview(x.numpy())
        return x


@pytest.mark.parametrize("layer", [Looks, Changes, Fails])
def test_what_cannot_be_replayed_is_trained_without(layer):
    """With a warning, after which the run is as if there never had been a replay."""

    def make():
        return model_with(nn.Dropout(0.2), layer(), nn.BatchNorm1d(8))

    with pytest.warns(nn.TrainingWarning, match="goes on without replay"):
        found = trained(replay=True, make_model=make)
    assert found == trained(replay=False, make_model=make)


@pytest.mark.parametrize("step", [0, 1, 2, 7])
@pytest.mark.parametrize("how", ["data", "rate"])
def test_a_loss_that_is_not_a_number(step, how):
    """The same error, and the model as it was before that step."""
    inputs = INPUTS.copy()
    if how == "data" and not step:
        inputs[7, 2] = np.nan

    class Spoil(nn.Callback):
        def after_step(self, run):
            if run.step == step + 1 and how == "rate":
                run.optimizer.param_groups[0]["lr"] = 1e200
            if run.step == step and how == "data":
                run.model[0].weight.data[0, 0] = 1e308

    def run(replay):
        nn.manual_seed(1)
        model = model_with(nn.Dropout(0.2), nn.BatchNorm1d(8))
        optimizer = nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        options = {"epochs": 4, "batch_size": 16, "callbacks": [Spoil()], "progress": False}
        options |= {"loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "replay": replay}
        with pytest.raises(FloatingPointError) as caught:
            nn.fit(model, (inputs, LABELS), **options)
        return str(caught.value), bits([model.state_dict(), generator.bit_generator.state])

    assert run(replay=True) == run(replay=False)
