"""What every experiment needs: its options, the digits, and a place for its results.

An experiment is a function of an `Experiment`. It enters what it measured as rows and figures:

    def first_network(experiment: Experiment) -> None:
        train, test = experiment.digits()
        ...
        experiment.row("weights from N(0, 1)", test_accuracy=[0.951, 0.953, 0.952], goal="95.0 %")
        experiment.figure(history.plot())

    if __name__ == "__main__":
        main(first_network)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import nn
from nn.data import Data
from nn.look.plots.figure import COLOURS, DASHES, TEXT, new_figure, style, whole_epochs

RESULTS = Path(__file__).parent / "results"


class Experiment:
    """One run of an experiment: quick on the digits that come with nn, or full on all of MNIST."""

    def __init__(self, name: str, mnist: Path | None = None, folder: Path | None = None) -> None:
        self.name, self.quick, self.rows = name, mnist is None, list[dict[str, Any]]()
        self._mnist, self._folder, self._figures = mnist, folder, list[str]()
        self._began = time.perf_counter()

    def digits(self) -> tuple[Data, Data]:
        """Training and test images in float32: 50,000 and 10,000, or 6,000 and 1,000 if quick."""
        if self._mnist is None:
            digits = nn.data.digits()
            train, test = digits.train, digits.test
        else:
            digits = nn.data.mnist(self._mnist)
            train, test = digits.train[:50_000], digits.test
        return _single(train), _single(test)

    def row(self, what: str, goal: str = "", **measured: float | Sequence[float] | str) -> None:
        """Enter what was measured; a list has a number for each seed."""
        self.rows.append({"what": what, **measured} | ({"goal": goal} if goal else {}))
        print(
            f"{what}: " + ", ".join(f"{k} {shown(k, v)}" for k, v in measured.items()), flush=True
        )

    def figure(self, figure: Any, name: str = "") -> None:
        """Keep a figure of matplotlib's, under the name of the experiment and its own."""
        file = f"{self.name}-{name}.png" if name else f"{self.name}.png"
        self._figures.append(file)
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            figure.savefig(self._folder / file, dpi=90)

    def save(self, command: str) -> None:
        """Write the results, with the command that made them, as JSON."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
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


def main(function: Callable[[Experiment], None]) -> None:
    """Run an experiment as the command line says."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--quick", action="store_true", help="on the digits that come with nn")
    how.add_argument("--mnist", type=Path, metavar="FOLDER", help="on the four files of MNIST")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where results and figures go")
    options = parser.parse_args()
    folder = options.out or (None if options.quick else RESULTS)
    experiment = Experiment(function.__name__, options.mnist, folder)
    function(experiment)
    script = f"python notebooks/experiments/{function.__name__}.py"
    experiment.save(f"{script} {'--quick' if options.quick else '--mnist FOLDER'}")


def curves(panels: Mapping[str, Mapping[str, Sequence[Any]]], across: str = "epoch") -> Any:
    """A figure: under the title of each panel its curves by name, their values numbered from 1.

    A curve may be a list of curves, one of each seed. A name has the same colour in all panels.
    What the title calls an accuracy is drawn in per cent.
    """
    names = list(dict.fromkeys(name for panel in panels.values() for name in panel))
    looks = [{"color": COLOURS[i], "linestyle": DASHES[i % len(DASHES)]} for i in range(len(names))]
    figure = new_figure(1.0 + 3.6 * len(panels), 3.3)
    drawn = {}
    places = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, panel) in zip(places, panels.items(), strict=True):
        factor, unit = (100, " in per cent") if "accuracy" in title.lower() else (1, "")
        style(axes, title + unit, across)
        for name, values in panel.items():
            for curve in values if np.ndim(values[0]) else [values]:
                steps = np.arange(1, len(curve) + 1)
                look = looks[names.index(name)]
                (drawn[name],) = axes.plot(steps, factor * np.asarray(curve), lw=1.5, **look)
        whole_epochs(axes, len(steps))
    options = {"loc": "outside lower left", "ncols": 2 * len(panels), "frameon": False}
    figure.legend(drawn.values(), drawn.keys(), fontsize=9, labelcolor=TEXT, **options)
    return figure


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


def _single(data: Data) -> Data:
    return Data(data.inputs.astype(np.float32), data.labels, data.classes)
