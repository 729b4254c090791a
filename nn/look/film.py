"""`Film`: a page that plays a training, with weights, gradients, activations and curves."""

from __future__ import annotations

import math
import os
from base64 import b64encode
from importlib import resources
from typing import Any

import numpy as np

from microgradnd.arrays import Array, ArrayLike, on_host
from microgradnd.draw.sealed_page import json_numbers, sealed_page
from microgradnd.habits import require
from microgradnd.operators import plain

from ..data.stream import Stream
from ..files.named_arrays import Path, replacing
from ..train.evaluation import predict
from ..train.run import Callback, Run
from .summary import layer_outputs

_FRAMES = 60
_ROWS = 24  # of a matrix: the weights into so many neurons
_COLUMNS = 64  # of a row, or
_SIDE = 14  # of a row that is an image, rows and columns of it
_PARAMETERS = 12
_POINTS = 300  # of two-dimensional data
_ACROSS = 40  # places at which the regions are computed
_NAN = 255  # stands for nan among levels from 0 to 254


class Film(Callback):
    """Writes a page with a slider over a training: the weights and gradients of each layer, the
    activations of some examples, loss and accuracy, and the regions of two-dimensional inputs.

    The page is one file, needs no network, and is written when training ends, also by Ctrl-C. Its
    up to 60 frames are spread evenly over the steps. Of large layers it shows a part.

    Arguments:
        file: the name of the page, such as "film.html".
        examples: inputs whose activations are shown; by default the first three of the data.

    >>> import nn, pathlib, tempfile
    >>> data, model = nn.data.moons(100, seed=0), nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    >>> file = pathlib.Path(tempfile.mkdtemp(), "film.html")
    >>> history = nn.fit(
    ...     model, data, loss=nn.CrossEntropyLoss(), optimizer=nn.optim.SGD(model.parameters()),
    ...     epochs=3, progress=False, callbacks=[nn.Film(file)],
    ... )
    >>> file.exists()
    True
    """

    def __init__(self, file: Path, examples: ArrayLike | None = None) -> None:
        if not os.fspath(file).endswith((".html", ".htm")):
            raise ValueError(f"a Film is a page: expected a file that ends in .html, got {file}")
        self.file = file
        self.examples = None if examples is None else np.asarray(plain(examples))

    def begin(self, run: Run) -> None:
        self._frames, self._every = list[dict[str, Any]](), 1
        data = None if isinstance(run.batches, Stream) else run.batches.data
        self._shown = self.examples
        if self._shown is None and data is not None:
            self._shown = np.asarray(data.inputs[:3])
        self._grid, self._plane = (None, None) if data is None else _plane(data)
        self._add(run)

    def after_step(self, run: Run) -> None:
        if run.step % self._every == 0:
            self._add(run)
            if len(self._frames) > _FRAMES:  # half of them, as far apart as those to come
                self._every *= 2
                first, *others = self._frames
                self._frames = [first, *(f for f in others if f["step"] % self._every == 0)]

    def end(self, run: Run) -> None:
        if run.together.rank:  # of many processes, one writes
            return
        if self._frames[-1]["step"] != run.step:
            self._add(run)
        title = f"Training of {type(run.model).__name__}, {run.step:,} steps"
        web = resources.files(__package__).joinpath("web")
        body, style, script = (
            web.joinpath(f"film.{kind}").read_text("utf-8") for kind in ("html", "css", "js")
        )
        page = sealed_page(body, title=title, style=style, script=script, data=self._data(run))
        with replacing(self.file) as file:
            file.write(page.encode())

    def _add(self, run: Run) -> None:
        named = list(run.model.named_parameters())[:_PARAMETERS]
        counted = bool(run.step and run.sums.numbers()[1])
        frame: dict[str, Any] = {
            "step": run.step,
            "loss": run.sums.loss if counted else None,
            "accuracy": run.sums.accuracy if counted else None,
            "weights": {name: _rows_of(p.numpy()) for name, p in named},
            "gradients": {name: _rows_of(plain(p.grad)) for name, p in named if p.grad is not None},
            "activations": {},
            "regions": {},
        }
        if self._shown is not None:
            frame["activations"]["inputs"] = _rows_of(self._shown)
            for name, module, output in layer_outputs(run.model, self._shown):
                if getattr(plain(output), "ndim", 0):
                    title = f"{name} ({type(module).__name__})"
                    frame["activations"][title] = _rows_of(plain(output))
        if self._grid is not None:  # a class for each place on it, or a number
            answers = predict(run.model, self._grid)
            if answers.ndim == 2 and answers.shape[1] > 1:
                answers = answers.argmax(axis=1)
            frame["regions"] = {"regions of the inputs": answers.reshape(1, -1)}
        self._frames.append(frame)

    def _data(self, run: Run) -> dict[str, Any]:
        frames, history = self._frames, run.history
        per_epoch = (run.step - run.batch) / max(run.epoch, 1)  # without one that was left
        data: dict[str, Any] = {"steps": [frame["step"] for frame in frames], "plane": self._plane}
        for kind in ("loss", "accuracy"):
            data[kind] = json_numbers([frame[kind] for frame in frames], 6)
        for kind in ("weights", "gradients", "activations", "regions"):
            data[kind] = _quantised([frame[kind] for frame in frames])
        data["validation"] = {
            "steps": [round((k + 1) * per_epoch) for k in range(len(history))],
            "loss": json_numbers(history.validation_loss, 6),
            "accuracy": json_numbers(history.validation_accuracy, 6),
        }
        return data


def _plane(data: Any) -> tuple[Array | None, dict[str, Any] | None]:
    """A grid around two-dimensional inputs, and where some of them are in it, with their labels."""
    some = _spread(len(data), _POINTS)
    points, labels = np.asarray(data.inputs[some]), np.asarray(data.labels[some])
    if points.shape[1:] != (2,) or not np.isfinite(points).all():
        return None, None
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, 0.1 * (high - low), 1)  # a column may be constant
    low, high = low - margin, high + margin
    grid = np.stack(np.meshgrid(*np.linspace(low, high, _ACROSS).T), axis=-1).reshape(-1, 2)
    known = labels if labels.size == len(points) else np.zeros(len(points))
    places = np.round((points - low) / (high - low), 4)
    labels = np.ravel(known).astype(float)
    return grid, {"across": _ACROSS, "points": places.tolist(), "labels": labels.tolist()}


def _rows_of(array: Any) -> Array:
    """An array as some of its rows; those that are images stay images."""
    array = on_host(array).astype(np.float32)
    rows: Array = array.reshape(len(array), -1)[:_ROWS] if array.ndim > 1 else array.reshape(1, -1)
    side = math.isqrt(rows.shape[1])
    if array.ndim > 2 and array.shape[-1] > 1 and array.shape[-2] > 1:  # kernels: the first of each
        rows = rows.reshape(len(rows), -1, *array.shape[-2:])[:, 0]
    elif rows.shape[1] >= 64 and side * side == rows.shape[1]:
        rows = rows.reshape(len(rows), side, side)
    if rows.ndim == 3:
        down, right = (_spread(n, _SIDE) for n in rows.shape[1:])
        return rows[:, down][:, :, right]
    return rows[:, _spread(rows.shape[1], _COLUMNS)]


def _spread(length: int, most: int) -> Array:
    """Positions spread evenly, at most so many."""
    return np.linspace(0, length - 1, min(length, most)).astype(int)


def _quantised(frames: list[dict[str, Array]]) -> list[dict[str, Any]]:
    """Arrays that change from frame to frame, a byte for each entry: of 127 parts of the largest
    size in all frames, and 127 for 0; the numbers of classes stay what they are."""
    found = []
    for name in frames[-1]:
        arrays = [frame[name] for frame in frames if name in frame]
        shapes = {array.shape for array in arrays}
        require(len(shapes) == 1, f"{name} changes its shape while it is filmed")
        known, classes = np.stack(arrays).astype(float), arrays[0].dtype.kind == "i"
        most = float(np.max(np.abs(known), initial=0, where=np.isfinite(known))) or 1.0
        levels = np.clip(known if classes else np.rint(127 + 127 * known / most), 0, _NAN - 1)
        levels[np.isnan(known)] = _NAN
        texts = iter([b64encode(level.tobytes()).decode() for level in levels.astype(np.uint8)])
        filmed = [next(texts) if name in frame else "" for frame in frames]
        about = {"name": name, "shape": shapes.pop(), "most": most, "classes": classes}
        found.append(about | {"frames": filmed})
    return found
