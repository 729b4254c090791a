"""nn.fit(replay=True) comes to the same end as without, bit for bit, whatever happens on the way."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import nn
from nn.init import generator
from tests.replay.replayed import bits

RNG = np.random.default_rng(5)
INPUTS = RNG.normal(size=(50, 6))
LABELS = (INPUTS @ RNG.normal(size=(6, 3))).argmax(axis=1)


def model_with(*layers):
    return nn.Sequential(nn.Linear(6, 8), *layers, nn.Linear(8, 3))


def usual():
    return model_with(nn.Tanh(), nn.Dropout(0.2))


def trained(replay, make_model=usual, optimizer=None, data=(INPUTS, LABELS), **options):
    """Everything that a run leaves behind."""
    nn.manual_seed(1)
    model = make_model()
    moved = (optimizer or (lambda p: nn.optim.Adam(p, lr=0.05)))(list(model.parameters()))
    options = {"epochs": 3, "batch_size": 16, "validation": (INPUTS[:20], LABELS[:20]), **options}
    if "schedule" in options:
        options["schedule"] = options["schedule"](moved)
    options.setdefault("loss", nn.CrossEntropyLoss())
    history = nn.fit(model, data, optimizer=moved, seed=2, progress=False, replay=replay, **options)
    measures = [
        history.loss,
        history.accuracy,
        history.validation_loss,
        history.validation_accuracy,
    ]
    return bits([measures, model.state_dict(), moved.state_dict(), generator.bit_generator.state])


def same(**options):
    """Both ways come to the same end, and the steps are replayed indeed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", nn.TrainingWarning)
        assert trained(replay=True, **options) == trained(replay=False, **options)


def test_batches_of_which_the_last_is_smaller():
    same()


@pytest.mark.parametrize("size", [1, None])
def test_sizes_of_batches(size):
    same(batch_size=size, data=(INPUTS[:20], LABELS[:20]))


@pytest.mark.parametrize(
    "options",
    [
        {"regulariser": nn.L2(0.01)},
        {"regulariser": nn.L1(0.01)},
        {"constraint": nn.MaxNorm(1.0)},
        {"optimizer": lambda p: nn.optim.SGD(p, lr=0.1, momentum=0.9)},
        {"schedule": lambda o: nn.optim.lr_scheduler.StepLR(o, 1)},
        {"schedule": lambda o: nn.EachStep(nn.optim.lr_scheduler.StepLR(o, 2))},
        {"augment": lambda x: x + generator.normal(size=x.shape) * 0.1},
        {"callbacks": [nn.EarlyStopping(patience=1)], "epochs": 6},
        {"make_model": lambda: model_with(nn.BatchNorm1d(8), nn.ReLU())},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options(options):
    same(**options)


@pytest.mark.parametrize("first", [True, False])
def test_a_run_killed_in_the_middle_and_resumed(tmp_path, first):
    class KilledError(Exception):
        pass

    class Kill(nn.Callback):
        def __init__(self, step):
            self.step = step

        def after_step(self, run):
            if run.step == self.step:
                raise KilledError

    def options(step):
        return {
            "callbacks": [Kill(step)],
            "checkpoint": nn.Checkpoint(tmp_path / "run.npz", steps=3),
        }

    with pytest.raises(KilledError):
        trained(replay=first, **options(8))
    resumed = trained(replay=True, resume=True, **options(None))
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
    """A layer that does not know what is handed to it when it is recorded."""

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
def test_a_loss_that_is_no_number(step, how):
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
        with pytest.raises(FloatingPointError) as caught:
            nn.fit(
                model,
                (inputs, LABELS),
                loss=nn.CrossEntropyLoss(),
                optimizer=optimizer,
                epochs=4,
                batch_size=16,
                callbacks=[Spoil()],
                progress=False,
                replay=replay,
            )
        return str(caught.value), bits([model.state_dict(), generator.bit_generator.state])

    assert run(replay=True) == run(replay=False)
