"""What every experiment needs: its options, its data, and a place for its results.

An experiment is a function of an `Experiment`, the last in its script, which runs it. It enters
what it measured as rows and figures:

    @runs_on("mnist")
    def first_network(experiment: Experiment) -> None:
        train, test = experiment.digits()
        ...
        experiment.row("weights from N(0, 1)", test_accuracy=[0.951, 0.953, 0.952], goal="95.0 %")
        experiment.figure(history.plot())
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import nn
from microgradnd.memory import keep_freed_memory
from nn.data import Data, Text
from nn.look.plots.figure import COLOURS, DASHES, TEXT, legend, marked, panels, whole_epochs

RESULTS = Path(__file__).parent / "results"


class Experiment:
    """One run of an experiment: quick on data that comes with nn, or full on that of a folder."""

    def __init__(self, name: str, data: Path | None = None, folder: Path | None = None) -> None:
        self.name, self.quick, self.rows = name, data is None, list[dict[str, Any]]()
        self._data, self._folder, self._figures = data, folder, list[str]()
        self._began = time.perf_counter()
        self.executor: Any = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def each(self, function: Callable[..., Any], settings: Iterable[Any]) -> list[Any]:
        """What a run returns for each of these settings; in processes, if there are any."""
        return nn.run_each(function, settings, self.executor)

    def digits(self) -> tuple[Data, Data]:
        """Training and test images in float32: 50,000 and 10,000, or 6,000 and 1,000 if quick."""
        digits = nn.data.digits() if self._data is None else nn.data.mnist(self._data)
        return digits.train[:50_000].map(np.float32), digits.test.map(np.float32)

    def text(self) -> Text:
        """What is in the folder's `plays.txt`, or the sonnets if quick."""
        if self._data is None:
            return nn.data.sonnets()
        return Text((self._data / "plays.txt").read_text(encoding="ascii"))

    def row(self, what: str, goal: str = "", **measured: float | Sequence[float] | str) -> None:
        """Enter what was measured; a list has a number for each seed."""
        self.rows.append({"what": what, **measured} | ({"goal": goal} if goal else {}))
        said = ", ".join(f"{name} {shown(name, value)}" for name, value in measured.items())
        print(f"{what}: {said}", flush=True)

    def figure(self, figure: Any, name: str = "") -> None:
        """Keep a figure of matplotlib's, under the name of the experiment and its own."""
        file = f"{self.name}-{name}.png" if name else f"{self.name}.png"
        self._figures.append(file)
        if self._folder is not None:
            figure.savefig(self._folder / file, dpi=90)

    def save(self, command: str) -> None:
        """Write the results, with the command that made them, as JSON."""
        if self._folder is None:
            return
        results = {
            "command": command,
            "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}, "
            f"NumPy {np.__version__}",
            "seconds": round(time.perf_counter() - self._began, 1),
            "rows": self.rows,
            "figures": self._figures,
        }
        text = json.dumps(results, indent=1, ensure_ascii=False)
        (self._folder / f"{self.name}.json").write_text(text + "\n", encoding="utf-8")


def runs_on(data: str) -> Callable[[Callable[[Experiment], None]], Callable[[Experiment], None]]:
    """Declares an experiment, by what it learns and what the option for its folder is called:
    "mnist" or "text". Started as a script, it runs with the options of the command line."""

    def declare(function: Callable[[Experiment], None]) -> Callable[[Experiment], None]:
        if function.__module__ == "__main__":
            _run(function, data)
        return function

    return declare


def _run(function: Callable[[Experiment], None], data: str) -> None:
    keep_freed_memory()
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    how = parser.add_mutually_exclusive_group(required=True)
    files = {"mnist": "the four files of MNIST", "text": "plays.txt"}
    how.add_argument("--quick", action="store_true", help="on data that comes with nn")
    how.add_argument(
        f"--{data}", dest="data", type=Path, metavar="FOLDER", help=f"on {files[data]}"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where results and figures go")
    add_processes(parser)
    options = parser.parse_args()
    folder = options.out or (None if options.quick else RESULTS)
    experiment = Experiment(function.__name__, options.data, folder)
    with processes(options) as experiment.executor:
        function(experiment)
    script = f"python notebooks/experiments/{function.__name__}.py"
    experiment.save(f"{script} {'--quick' if options.quick else f'--{data} FOLDER'}")


def add_processes(parser: argparse.ArgumentParser) -> None:
    """The options that spread independent runs over processes."""
    parser.add_argument("--workers", type=int, default=1, help="processes of this machine")
    parser.add_argument("--cluster", metavar="ADDRESS", help="of a scheduler of dask.distributed")


@contextmanager
def processes(options: argparse.Namespace) -> Iterator[Any]:
    """The executor that the options ask for, or None."""
    if options.cluster:
        from distributed import Client

        with Client(options.cluster) as client:
            yield client.get_executor()
    elif options.workers > 1:
        with ProcessPoolExecutor(options.workers) as pool:
            yield pool
    else:
        yield None


def dense(
    *sizes: int,
    activation: type[nn.Module] = nn.Sigmoid,
    first: Callable[[nn.Linear], Any] = lambda layer: None,
    last: Sequence[nn.Module] = (),
) -> nn.Sequential:
    """Dense layers of these sizes.

    Arguments:
        activation: stands between the layers.
        first: sets the first weights of a layer, one layer after the other.
        last: modules after the last layer.
    """
    layers = [nn.Linear(inputs, outputs) for inputs, outputs in pairwise(sizes)]
    for layer in layers:
        first(layer)
    between = [module for layer in layers for module in (layer, activation())]
    return nn.Sequential(*between[:-1], *last)


def normal(small: bool = False, biases: bool = True) -> Callable[[nn.Linear], None]:
    """First weights from N(0, 1), as in the course, or small ones: N(0, 1/n) for n inputs."""

    def first(layer: nn.Linear) -> None:
        nn.init.normal_(layer.weight, std=layer.in_features**-0.5 if small else 1.0)
        if biases:
            nn.init.normal_(layer.bias)

    return first


def learn(
    model: nn.Module,
    data: Any,
    loss: Any,
    rate: float,
    epochs: int,
    batch_size: int = 10,
    optimizer: Callable[..., nn.optim.Optimizer] = nn.optim.SGD,
    cosine: bool = False,
    **options: Any,
) -> nn.History:
    """`nn.fit` without a progress bar; `cosine` lets the rate fall to 0 along a cosine."""
    moving = optimizer(model.parameters(), lr=rate)
    if cosine:
        options["schedule"] = nn.optim.lr_scheduler.CosineAnnealingLR(moving, T_max=epochs)
    options = {"progress": False, "batch_size": batch_size, "epochs": epochs, **options}
    return nn.fit(model, data, loss=loss, optimizer=moving, **options)


def root_mean_square(values: Any) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def accuracy(model: nn.Module, data: Data) -> float:
    """The share of right answers."""
    return nn.accuracy(nn.predict(model, data.inputs), data.labels)


def curves(by_panel: Mapping[str, Mapping[str, Sequence[Any]]], across: str = "epoch") -> Any:
    """A figure: under the title of each panel its curves by name, their values numbered from 1.

    A curve may be a list of curves, one of each seed. A name has the same colour in all panels.
    What the title calls an accuracy is drawn in per cent.
    """
    names = list(dict.fromkeys(name for panel in by_panel.values() for name in panel))
    headings = [title + " in per cent" * ("accuracy" in title.lower()) for title in by_panel]
    figure, places = panels(1.0 + 3.6 * len(by_panel), 3.3, "", headings, across)
    drawn = {}
    for axes, panel, heading in zip(places, by_panel.values(), headings, strict=True):
        for name, values in panel.items():
            number = names.index(name)
            for curve in values if np.ndim(values[0]) else [values]:
                steps = np.arange(1, len(curve) + 1)
                look = {"color": COLOURS[number], "linestyle": DASHES[number % len(DASHES)]}
                heights = (100 if heading.endswith("per cent") else 1) * np.asarray(curve)
                (drawn[name],) = axes.plot(steps, heights, linewidth=1.5, **look)
        whole_epochs(axes, len(steps))
    options = {"loc": "outside lower left", "ncols": 2 * len(by_panel), "frameon": False}
    figure.legend(drawn.values(), drawn.keys(), fontsize=9, labelcolor=TEXT, **options)
    return figure


def medians(axes: Any, places: Sequence[float], by_name: Mapping[str, Any]) -> None:
    """By name a dot for each place and seed, and a line through the medians."""
    for number, (name, heights) in enumerate(by_name.items()):
        axes.plot(places, heights, linestyle="", markersize=4, **marked(number))
        line = {"color": COLOURS[number], "linestyle": DASHES[number], "linewidth": 1.5}
        axes.plot(places, np.median(heights, axis=1), label=name, **line)
    legend(axes)


def shown(name: str, value: Any) -> str:
    """A measure in words; of several seeds the median, the smallest and the largest."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        low, middle, high = (shown(name, f(value)) for f in (min, np.median, max))
        return middle if low == high else f"{middle} ({low.removesuffix(' %')} to {high})"
    if not name.endswith("accuracy") and float(value).is_integer():
        return f"{value:,.0f}"
    return nn.train.history.measure(name, value)
