"""A loss that becomes nan or inf: the error names where it began, and the model is put back."""

import inspect

import numpy as np
import pytest

import nn
from nn import Checkpoint, load
from nn.init import generator
from nn.optim import SGD
from tests.nn.runs import at, equal, looking, trained


def descent(parameters, lr=0.1):
    return SGD(parameters, lr)


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
    first = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.1))
    return nn.Sequential(first, nn.Sequential(nn.Tanh(), Broken(call, mistake)), nn.Linear(8, 2))


@pytest.mark.parametrize(("mistake", "where"), [
    (lambda x: np.log(x - x), "log in 1.1 (Broken) gave inf"),
    (lambda x: x * np.where(x.numpy() > 0, np.nan, 1.0), "multiply in 1.1 (Broken) gave nan"),
    # its value is 0, its slope infinite
    (lambda x: x + np.sqrt(np.abs(x - x)), "the gradient of sqrt in 1.1 (Broken) is inf"),
    (lambda x: x + np.sqrt(x - x), "the gradient of sqrt in 1.1 (Broken) is inf"),
])  # fmt: skip
@pytest.mark.parametrize(("step", "place"), [(9, "epoch 2, batch 3"), (6, "epoch 1, batch 6")])
def test_a_loss_that_is_not_a_number(mistake, where, step, place, tmp_path):
    model, keeper = with_mistake(step, mistake), Checkpoint(tmp_path / "run.npz", steps=1)
    options = {"optimizer": descent, "seed": 0}
    reload = looking(after_step=lambda run: run.model.load_state_dict(run.model.state_dict()))
    with pytest.raises(FloatingPointError) as caught:
        trained(model, checkpoint=keeper, epochs=1 + step // 6, callbacks=[reload], **options)
    assert f"step {step} ({place}): {where}" in str(caught.value)
    random, stop = generator.bit_generator.state, at(step - 1, KeyboardInterrupt)
    twin, _ = trained(with_mistake(10**9, mistake), callbacks=[stop], **options)
    assert equal(model, twin)
    assert random == generator.bit_generator.state  # the same dropout would come again
    assert equal(load(with_mistake(0, None), keeper.path), twin)  # a broken model is not kept


ONES = np.ones((40, 2))
SPOILED = np.where(np.arange(40)[:, None] == 33, np.nan, np.ones((40, 1)))


def scaled(size, bias=0.0):
    """A layer whose weights are all of a size."""
    layer = nn.Linear(2, 1)
    layer.weight.data[:], layer.bias.data[:] = size, bias
    return layer


@pytest.mark.filterwarnings("ignore:the gradient of Linear explodes")
@pytest.mark.parametrize(("model", "data", "rate", "words"), [
    (scaled(1.0), (ONES * SPOILED, ONES[:, :1]), 0.1, "epoch 1, batch .*inputs of .* hold nan"),
    (scaled(1.0), (ONES, SPOILED), 0.1, "epoch 1, batch .*targets of this batch hold nan"),
    # the slope of the absolute error is 1e150 too, and times the rate it is inf
    (scaled(1.0), (ONES * 1e150, 0 * ONES[:, :1]), 1e200, "step .* too long for the weights"),
    # no line of the user's
    (scaled(1e200), (ONES * 1e200, ONES[:, :1]), 0.1, r"linear in Linear gave inf\. The model"),
    (scaled(1.0, bias=np.nan), (ONES, ONES[:, :1]), 0.1, "began with nan or inf in bias"),
])  # fmt: skip
def test_data_and_steps_that_break_a_model(model, data, rate, words):
    with pytest.raises(FloatingPointError, match=words):
        trained(model, data, loss=nn.L1Loss(), optimizer=lambda p: SGD(p, lr=rate))
    assert np.isfinite(model.weight.numpy()).all()


class Calls(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(2, 2)
        self.layer.weight.data[:] = 1e200

    def forward(self, x):
        larger = x * 1e200
        return self.layer(larger)  # it overflows


class Masks(nn.Linear):
    def forward(self, x):
        x = super().forward(x)
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
@pytest.mark.parametrize(("options", "operation", "text", "code"), [
    ({"model": Calls()}, "linear in layer (Linear) gave inf", "it overflows", Calls),
    ({"model": Masks(2, 2)}, "log in Masks gave inf", "this one is", Masks),
    ({"loss": spoils_a_gradient}, "gradient of sqrt is inf", "np.sqrt", spoils_a_gradient),
    ({"loss": logarithm_of_zero}, "log gave inf", "np.log", logarithm_of_zero),
    ({"regulariser": too_large}, "sum gave inf", "np.sum", too_large),
], ids=["layer", "harmless", "gradient", "loss", "regulariser"])  # fmt: skip
def test_the_line_is_named_where_it_began(options, operation, text, code):
    with pytest.raises(FloatingPointError) as caught:
        trained(optimizer=descent, **options)
    lines, first = inspect.getsourcelines(code)
    (number,) = (i for i, line in enumerate(lines, first) if text in line)
    line = f"{__file__}, line {number}: {lines[number - first].strip()}"
    assert f"{operation} at {line}. The model" in str(caught.value)
