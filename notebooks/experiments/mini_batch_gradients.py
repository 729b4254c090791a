"""How well does the gradient of a mini-batch estimate that of all images?

Many mini-batches of each size are drawn without putting back. Of each, the gradient's angle to the
true one is measured, its length beside the true one's, and its error: how far apart the two are, in
lengths of the true one. This is done before training and after some.

Beside the measurements stands what statistics predicts, with nothing fitted. With g the true
gradient, n images, and S = mean |g_i|² - |g|² the scatter of the gradients g_i of single images, a
mini-batch of m images has

    mean |g_m - g|² = (S / m) (n - m) / (n - 1),     mean |g_m|² = |g|² + mean |g_m - g|².

So the error falls like 1/√m, until m comes near n and the error to 0. Nearly all of the error is
across g, in one of so many dimensions, and so the angle is about arctan(error). Where m = S / |g|²
it is 45°: from there on a larger batch mostly repeats what is known.
"""

from typing import Any, NamedTuple

import numpy as np
from experiment import Experiment, dense, learn, root_mean_square, runs_on

import nn
from microgradnd import Tensor
from nn.data import Data
from nn.look.plots.figure import COLOURS, FAINT, MARKERS, legend, panels


class Measured(NamedTuple):
    """Of the mini-batches of one size: root of mean squares of error and length, mean angle."""

    size: int
    error: float
    length: float
    degrees: float


def gradient(model: nn.Module, data: Data) -> Any:
    """The gradient of the mean loss over the data, as one vector."""
    model.zero_grad()
    nn.CrossEntropyLoss()(model(Tensor(data.inputs, copy=False)), data.labels).backward()
    return np.concatenate([np.ravel(p.grad) for p in model.parameters()]).astype(float)


def scatter(model: nn.Module, data: Data, true: Any) -> float:
    """S: the mean squared distance of the gradients of single images from the true one."""
    single = (gradient(model, data[i : i + 1]) for i in range(len(data)))
    return float(np.mean([g @ g for g in single]) - true @ true)


def measure(model: nn.Module, data: Data, true: Any, size: int, draws: int) -> Measured:
    """Compare the gradients of `draws` mini-batches with the true one."""
    random = np.random.default_rng(size)
    errors, lengths, degrees = [], [], []
    norm = np.linalg.norm(true)
    for _ in range(draws):
        found = gradient(model, data[random.choice(len(data), size, replace=False)])
        cosine = found @ true / (np.linalg.norm(found) * norm)
        errors.append(np.linalg.norm(found - true) / norm)
        lengths.append(np.linalg.norm(found) / norm)
        degrees.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return Measured(size, root_mean_square(errors), root_mean_square(lengths), np.mean(degrees))


def error_by_law(noise: float, size: int, examples: int) -> float:
    """The error to be expected, in lengths of the true gradient; noise is S / |g|²."""
    return float(np.sqrt(noise / size * (examples - size) / (examples - 1)))


def _draw(
    places: Any, found: list[Measured], noise: float, examples: int, when: str, number: int
) -> None:
    """Measurements as points, laws as curves."""
    along = np.unique(np.geomspace(1, examples, 60).round())
    law = np.array([error_by_law(noise, int(size), examples) for size in along])
    curves = (np.degrees(np.arctan(law)), np.sqrt(1 + law**2), law)
    measured = ("degrees", "length", "error")
    for panel, curve, name in zip(places, curves, measured, strict=True):
        panel.plot(along, curve, color=COLOURS[number], linewidth=1)
        points = zip(*((m.size, getattr(m, name)) for m in found), strict=True)
        look = {"color": COLOURS[number], "markersize": 4.5, "label": when}
        panel.plot(*points, MARKERS[number], **look)


@runs_on("mnist")
def mini_batch_gradients(experiment: Experiment) -> None:
    """Angle, length and error for batches of one image up to all, at a start and later."""
    train, _ = experiment.digits()
    train = train[: 1000 if experiment.quick else 50_000]
    sizes = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000]
    nn.manual_seed(0)
    model = dense(784, 30, 10).astype(np.float32)
    title = "Mini-batches' gradients beside the gradient of all images"
    headings = ["Angle in degrees (curve: arctan of the law)", "Length / true length",
                "Error / true length"]  # fmt: skip
    figure, places = panels(10.5, 3.6, title, headings, "images in a mini-batch")

    trained = 0
    for number, epochs in enumerate([0, 1, 10]):
        if epochs > trained:
            learn(model, train, nn.CrossEntropyLoss(), 0.5, epochs - trained, seed=epochs)
            trained = epochs
        true = gradient(model, train)
        noise = scatter(model, train, true) / float(true @ true)
        when = f"after {epochs} epoch" + "s" * (epochs > 1) if epochs else "at the start"
        found = []
        for size in [size for size in sizes if size < len(train)] + [len(train)]:
            draws = max(min(200, 20_000 // size), 2)
            m = measure(model, train, true, size, draws)
            law = error_by_law(noise, size, len(train))
            experiment.row(
                f"{when}, {size} of {len(train)}",
                degrees=m.degrees,
                degrees_by_law=float(np.degrees(np.arctan(law))),
                length=m.length,
                length_by_law=float(np.sqrt(1 + law**2)),
                error=m.error,
                error_by_law=law,
            )
            found.append(m)
        experiment.row(f"{when}: 45° at a batch of S / |g|²", images=noise)
        _draw(places, found, noise, len(train), when, number)
    places[0].axhline(45, color=FAINT, linewidth=0.8, linestyle=":")
    for panel in places:
        panel.set_xscale("log")
    places[1].set_yscale("log")
    places[2].set(yscale="log", ylim=(0.01, None))
    legend(places[0])
    experiment.figure(figure)
