"""Networks that answer with a number: beside a least-squares line, and beside what is possible.

First a curve with noise: y = sin(2x) + x/2 + noise of deviation 0.2. A net with a hidden layer of
tanh follows it, a line cannot; and on new points with noise no answer has an error below 0.2.

Then a picture: a digit is turned by up to 45° to either side, by how many? The line is the best
linear function of all pixels. Who always says 0 is off by 26° (90/√12, root of the mean square).
People's own slant is noise of this task, which nobody can know.
"""

from functools import partial
from typing import Any

import numpy as np
from experiment import Experiment, dense, learn, root_mean_square, runs_on

import nn
from nn.data import Data
from nn.data.augmentation import rotate
from nn.look.plots.figure import COLOURS, FAINT, legend, new_figure, style

NOISE, LARGEST = 0.2, 45.0


def least_squares(x: Any, y: Any) -> Any:
    """The linear function of x, as a function, that has the least squared error."""
    with_one = np.column_stack([x, np.ones(len(x))]).astype(float)
    weights, *_ = np.linalg.lstsq(with_one.T @ with_one, with_one.T @ y, rcond=1e-9)
    return lambda x: np.column_stack([x, np.ones(len(x))]) @ weights


def truth(x: Any) -> Any:
    return np.sin(2 * x) + x / 2


def points(count: int, seed: int) -> Data:
    random = np.random.default_rng(seed)
    x = random.uniform(-3, 3, (count, 1))
    return Data(x, truth(x) + random.normal(0, NOISE, x.shape))


def a_curve(experiment: Experiment, axes: Any) -> None:
    train, test = points(300, seed=0), points(2000, seed=1)
    nn.manual_seed(0)
    model, epochs = dense(1, 20, 1, activation=nn.Tanh), 150 if experiment.quick else 400
    learn(model, train, nn.MSELoss(), 0.02, epochs, 30, nn.optim.Adam, seed=0)
    line = least_squares(train.inputs, train.labels)
    answers = {"line": line, "1-20-1": partial(nn.predict, model), "truth": truth}
    for name, answer in answers.items():
        error = root_mean_square(answer(test.inputs) - test.labels)
        experiment.row(f"a curve with noise of 0.2: {name}", error=error)
    style(axes, "A curve with noise", "x", "y")
    x = np.linspace(-3, 3, 200)[:, None]
    axes.plot(train.inputs, train.labels, ".", color=FAINT, markersize=3, alpha=0.6)
    axes.plot(x, truth(x), color=FAINT, linewidth=1, linestyle=":", label="truth")
    axes.plot(x, line(x), color=COLOURS[1], label="least-squares line")
    axes.plot(x, nn.predict(model, x), color=COLOURS[0], label="1-20-1 with tanh")
    legend(axes)


def turned(data: Data, seed: int) -> Data:
    """Each image turned by an angle at random, to the left if it is positive: its label."""
    degrees = np.random.default_rng(seed).uniform(-LARGEST, LARGEST, len(data))
    images = rotate(data.images, degrees).reshape(len(data), -1)
    return Data(images, (degrees / LARGEST).astype(np.float32)[:, None])


def an_angle(experiment: Experiment, axes: Any) -> None:
    train, test = (turned(data, seed) for seed, data in enumerate(experiment.digits()))
    nn.manual_seed(0)
    model = dense(784, 100, 1, activation=nn.ReLU).astype(np.float32)
    epochs, adam = 8 if experiment.quick else 15, nn.optim.Adam
    learn(model, train, nn.MSELoss(), 0.002, epochs, 32, adam, cosine=True, seed=0)
    line = least_squares(train.inputs, train.labels)
    true = LARGEST * test.labels
    answers = {
        "always 0": np.zeros_like(true),
        "linear in the pixels": LARGEST * line(test.inputs),
        "784-100-1": LARGEST * nn.predict(model, test.inputs),
    }
    for name, answer in answers.items():
        error = root_mean_square(answer - true)
        experiment.row(f"how far a digit is turned: {name}", degrees=error)
    style(axes, "How far a digit is turned, in degrees", "true", "said")
    for name, colour in (("linear in the pixels", COLOURS[1]), ("784-100-1", COLOURS[0])):
        shown = slice(0, 600)
        axes.plot(true[shown], answers[name][shown], ".", color=colour, markersize=3, label=name)
    axes.plot([-LARGEST, LARGEST], [-LARGEST, LARGEST], color=FAINT, linewidth=1, linestyle=":")
    axes.set_ylim(-80, 80)
    legend(axes)


@runs_on("mnist")
def regression(experiment: Experiment) -> None:
    """Both tasks, side by side."""
    figure = new_figure(9.6, 4.0, "Answers that are numbers")
    left, right = figure.subplots(1, 2)
    a_curve(experiment, left)
    an_angle(experiment, right)
    experiment.figure(figure)
