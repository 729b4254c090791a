"""Small runs of `fit`, and callbacks that look on or end them, for the tests of training."""

import copy
import inspect
from functools import partial

import numpy as np
import pytest

import nn
from nn.optim import SGD, Adam, lr_scheduler
from nn.train.run import acting

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
    return model, nn.fit(model, data, **options)


def closure(optimizer, compute):
    """What an optimiser calls that asks for the loss itself: it also computes the slopes."""

    def step():
        optimizer.zero_grad()
        loss = compute()
        loss.backward()
        return loss

    return step


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


looking = partial(acting, "Looking")


def at(step, what):
    """A callback that calls a function, or raises an error, after so many steps."""

    def act():
        if isinstance(what, type):
            raise what
        what()

    return looking(after_step=lambda run: act() if run.step == step else None)


class Killed(Exception):  # noqa: N818
    pass


def again(forgets, change, loss, **options):
    """The end of a training, and of a second one with a loss like the first's, which `change` changes
    in the middle. A model that forgets is copied in between, and so keeps no programs."""
    model, optimizer = small(), None
    for step in (None, 8):
        if forgets or optimizer is None:
            model = copy.deepcopy(model)
            optimizer = SGD(model.parameters(), lr=0.1)
        measure = loss()
        callbacks = [at(step, partial(change, measure))]
        yield trained(model, loss=measure, optimizer=optimizer, callbacks=callbacks, **options)


def everything(path, resume=False, step=0, seed=0, data=None, callback=None, **options):
    """A run with whatever has state, killed after a step if that is not 0; its optimiser also."""
    nn.manual_seed(seed)
    layers = nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2)
    model = nn.Sequential(*layers)
    optimizer = Adam(model.parameters(), lr=0.05)
    options = {
        "schedule": lr_scheduler.MultiStepLR(optimizer, [1, 3], 0.5),
        "epochs": 4,
        "validation": HELD_OUT,
        "callbacks": [callback or nn.EarlyStopping(3), at(step, Killed)],
        "checkpoint": nn.Checkpoint(path, steps=1),
        **options,
    }
    data = data() if callable(data) else data or MOONS.batches(16, seed=seed + 1)
    _, history = trained(model, data, optimizer=optimizer, resume=resume, **options)
    return model, history, optimizer.state_dict()


def killed(path, *steps, **options):
    """The end of the same run, killed after each of these steps and begun again with another seed."""
    for step in steps:  # callbacks are called before the checkpoint of their step is written
        with pytest.raises(Killed):
            everything(path, path.exists(), step, seed=step - steps[0], **options)
    return everything(path, True, seed=9, **options)
