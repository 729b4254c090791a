"""Runs that are interrupted or killed go on from their checkpoint to the same end."""

import itertools
import json
import time

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from nn import Checkpoint, OnlyMistakes, load
from nn.files.named_arrays import opened, write
from nn.optim import SGD, Adam, lr_scheduler
from tests.nn.runs import MOONS, at, equal, everything, killed, looking, same_end, small, trained


@pytest.mark.parametrize("form", [".npz", ".safetensors"])
@pytest.mark.parametrize("steps", [[1], [6], [7], [5, 11, 12, 17]])
def test_a_run_that_goes_on_ends_where_it_would_have_ended(tmp_path, steps, form):
    whole = everything(tmp_path / f"whole{form}")
    for _ in range(2):  # a run that is over stays so
        path = tmp_path / f"parts{form}"
        parts = everything(path, True) if path.exists() else killed(path, *steps)
        assert same_end(whole, parts)
        assert whole[2]["param_groups"] == parts[2]["param_groups"]
        for number, state in whole[2]["state"].items():
            assert all(np.array_equal(state[k], parts[2]["state"][number][k]) for k in state)


class Jittered(nn.data.Dataset):
    def __len__(self):
        return 90

    def __getitem__(self, number):
        return MOONS.inputs[number] + 0.1 * nn.init.generator.normal(), MOONS.labels[number]


OTHERS = {
    "only mistakes": {"callback": OnlyMistakes()},
    "parts of a batch": {"at_once": 5},
    "metrics": {"metrics": ["f1", "auc"]},
    "weights": {"loss": nn.CrossEntropyLoss(weight=Tensor([1.0, 2.0]))},
    "a list": {"data": lambda: list(MOONS.batches(16, shuffle=False)), "steps": 5},
    "a loader": {"data": lambda: nn.data.DataLoader(MOONS, 16, shuffle=True), "steps": 5},
    "its own order": {"data": lambda: nn.data.DataLoader(Jittered(), 16, True, generator=7)},
}


@pytest.mark.parametrize("options", OTHERS.values(), ids=OTHERS)
def test_other_runs_also_go_on_in_the_middle_of_an_epoch(tmp_path, options):
    whole = everything(tmp_path / "whole.npz", **options)
    assert same_end(whole, killed(tmp_path / "parts.npz", 3, 7, 11, **options))


def test_more_epochs_may_be_added(tmp_path):
    everything(tmp_path / "parts.npz", epochs=2)
    assert same_end(everything(tmp_path / "whole.npz"), everything(tmp_path / "parts.npz", True))


def test_a_checkpoint_holds_the_model_and_is_not_overwritten_by_mistake(tmp_path):
    path = tmp_path / "run.npz"
    model, _ = trained(checkpoint=path, resume=True, seed=0)  # without a file a run begins
    assert equal(model, trained(seed=0)[0])
    assert equal(load(small(1), path), model)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="resume=True"):
        trained(checkpoint=path)
    assert path.read_bytes() == before


WIDER = nn.Sequential(nn.Linear(2, 9), nn.Tanh(), nn.Identity(), nn.Linear(9, 2))
OTHER_DATA = nn.data.Data(MOONS.inputs, MOONS.labels[::-1])
OTHER_RUNS = {  # and what the error names
    "parameters": ({"model": nn.Linear(2, 2)}, "params: expected 0, 1, got 0, 1, 2, 3"),
    "model": ({"model": WIDER}, "model.1: expected '  (0): Linear(in_features=2, out_features=9, "),
    "dropout": (
        {"model": small(1, dropout=0.5)},
        "'  (2): Dropout(p=0.5)', got '  (2): Dropout(p=0.0",
    ),
    "weight": ({"loss": nn.CrossEntropyLoss(weight=[1.0, 2.0])}, "weight=[1.0, 2.0], ignore_index"),
    "regulariser": ({"regulariser": nn.L2(0.2)}, "expected 'L2(strength=0.2, biases=False)', got"),
    "augment": ({"augment": nn.Identity()}, "augment: expected 'Identity()', got 'None'"),
    "optimizer": ({"optimizer": lambda p: SGD(p, lr=0.02)}, "expected SGD Health"),
    "rate": ({"optimizer": lambda p: Adam(p, lr=0.5)}, "optimizer.0.lr: expected 0.5, got 0.02"),
    "dtype": ({"model": small().astype(np.float32)}, "dtype: expected 'float32', got 'float64'"),
    "size": ({"data": MOONS[:80]}, "80 examples in batches of 16"),
    "labels": ({"data": OTHER_DATA}, "data: expected 'float64 of shape (90, 2), checksum"),
    "at_once": ({"at_once": 5}, "5 at once"),
    "batch_size": ({"batch_size": 17}, "90 examples in batches of 17"),
    "loss": ({"loss": nn.CrossEntropyLoss(label_smoothing=0.1)}, "label_smoothing=0.1"),
    "function": ({"loss": lambda outputs, y: np.sum(outputs)}, "loss: expected '<lambda>()', got"),
    "callbacks": ({"callbacks": [OnlyMistakes()]}, "OnlyMistakes"),
    "schedule": ({"schedule": lambda optimizer: lr_scheduler.StepLR(optimizer, 1)}, "EachEpoch"),
}
CHANGES = {  # of the text in a checkpoint
    "no position": lambda t: t.pop("position"),
    "odd position": lambda t: t.update(position=[1, 2]),
    "negative": lambda t: t.update(position=[0, -1, 0, ""]),
    "generators": lambda t: t["generators"][0].update(bit_generator="MT19937"),
    "generator": lambda t: t["generators"][0]["state"].update(state=1 << 200),
    "rate": lambda t: t["optimizer"]["param_groups"][0].update(lr="fast"),
    "momentum": lambda t: t["optimizer"].update(state={"pairs": [[0, {"exp_avg": [1.0]}]]}),
    "history": lambda t: t["history"].update(__class__=[1.0]),
    "sums": lambda t: t.update(sums=None),
    "callbacks": lambda t: t.update(callbacks=[]),
    "model": lambda t: t["model"].pop("0.bias"),
    "order": lambda t: t.update(position=[0, 1, 1, ""], order=None),
    "list": lambda t: t.clear(),
}


def change_text(path, change):
    with opened(path) as file:
        arrays = {name: stored.read() for name, stored in file.arrays.items()}
        text = json.loads(file.text)
    change(text)
    write(path, arrays, json.dumps(text))


@pytest.mark.parametrize("what", [*OTHER_RUNS, *(f"changed {name}" for name in CHANGES)])
def test_a_checkpoint_that_does_not_fit(tmp_path, what):
    path = tmp_path / "run.npz"
    trained(checkpoint=path, regulariser=nn.L2(0.1))
    options, words = OTHER_RUNS.get(what, ({}, ""))
    if what not in OTHER_RUNS:
        change_text(path, CHANGES[what.removeprefix("changed ")])
    optimizer = lambda parameters: Adam(parameters, lr=0.02)  # noqa: E731
    options = {"model": small(1), "optimizer": optimizer, "regulariser": nn.L2(0.1)} | options
    model = options["model"]
    options["optimizer"] = optimizer = options["optimizer"](model.parameters())
    before, random_state = model.state_dict(), nn.init.generator.bit_generator.state
    with pytest.raises(ValueError, match=r"run\.npz: ") as caught:
        trained(**options, checkpoint=path, resume=True)
    assert words in str(caught.value)
    assert all(np.array_equal(before[k], v) for k, v in model.state_dict().items())
    assert nn.init.generator.bit_generator.state == random_state
    assert optimizer.state_dict()["state"] == {}


def test_a_run_goes_on_whose_checkpoint_says_less_of_its_start(tmp_path):
    path = tmp_path / "run.npz"
    trained(checkpoint=path, epochs=1)
    change_text(path, lambda text: [text["start"].pop(each) for each in ("model", "regulariser")])
    trained(checkpoint=path, epochs=2, resume=True)


def test_the_same_optimiser_goes_on_with_the_rate_it_has_come_to(tmp_path):
    model, path = small(), tmp_path / "run.npz"
    optimizer = Adam(model.parameters(), lr=0.02)
    schedule = lr_scheduler.StepLR(optimizer, 1)
    for epochs in (2, 4):
        options = {"checkpoint": path, "resume": True, "epochs": epochs, "schedule": schedule}
        trained(model, optimizer=optimizer, **options)
    whole, _ = trained(schedule=lambda o: lr_scheduler.StepLR(o, 1), epochs=4)
    assert equal(model, whole)


def test_the_same_model_goes_on_with_the_dropout_it_has_come_to(tmp_path):
    def dropped(model, path, resume, *epochs):
        optimizer, options = Adam(model.parameters()), {"checkpoint": path, "resume": resume}
        weaker = looking(after_epoch=lambda run: vars(model[2]).update(p=model[2].p / 2))
        for each in epochs:
            trained(model, optimizer=optimizer, callbacks=[weaker], epochs=each, **options)
        return model

    whole = dropped(small(0, 0.4), tmp_path / "whole.npz", False, 4)
    assert equal(dropped(small(0, 0.4), tmp_path / "parts.npz", True, 2, 4), whole)


def test_what_cannot_be_kept_or_is_only_a_model_is_known_before_the_first_step(tmp_path):
    odd, model = at(0, None), small()
    odd.state_dict = lambda: {"function": print}
    with pytest.raises(TypeError, match="callbacks/1/function"):
        trained(model, checkpoint=tmp_path / "run.npz", callbacks=[odd])
    assert equal(model, small())
    nn.save(model, tmp_path / "model.npz")
    with pytest.raises(ValueError, match=r"model\.npz: .*checkpoint: it has no form, model"):
        trained(checkpoint=tmp_path / "model.npz", resume=True)


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


def test_the_seconds_of_an_epoch_are_those_of_its_steps_without_the_time_between_runs(
    tmp_path, monkeypatch
):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    tick = looking(after_step=lambda run: clock.append(clock.pop() + run.epoch + 1))
    options = {"checkpoint": Checkpoint(tmp_path / "run.npz", steps=1), "resume": True}
    trained(callbacks=[tick, at(8, KeyboardInterrupt)], **options)
    clock[0] += 1000
    _, history = trained(callbacks=[tick, at(0, None)], **options)
    assert history.seconds == [6.0, 12.0, 18.0]
