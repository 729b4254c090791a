import functools
import importlib
import pathlib
import sys

import pytest

NOTEBOOKS = pathlib.Path(__file__).parents[2] / "notebooks"
sys.path[:0] = [str(NOTEBOOKS), str(NOTEBOOKS / "exercises")]

FIGURES = {  # of the experiments that have several
    "bad_start": ["neuron", "digits"],
    "elastic": ["images", "mistakes", ""],
    "gpt": ["", "sample"],
    "max_norm_stability": ["", "curves"],
    "normalised_inputs": ["valley", "bowl", "digits"],
    "sparse_weights": ["plain", "L1", "L2", ""],
}


@pytest.fixture(scope="session")
def script():
    """An experiment's script of this name as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(NOTEBOOKS / "experiments"))
        yield importlib.import_module


@pytest.fixture(scope="session")
def quick(script):
    """What an experiment enters in its quick form, by its names, and its figures."""

    @functools.cache
    def run(name):
        experiment, figures = script("experiment").Experiment(name), {}
        experiment.figure = lambda figure, part="": figures.setdefault(part, figure)
        getattr(script(name), name)(experiment)
        assert list(figures) == FIGURES.get(name, [""])
        return {row["what"]: row for row in experiment.rows}, figures

    return run


@pytest.fixture(scope="session")
def rows(quick):
    """The rows alone; of a single seed the number."""

    def single(value):
        return value[0] if isinstance(value, list) and len(value) == 1 else value

    def run(name):
        return {
            what: {key: single(value) for key, value in row.items()}
            for what, row in quick(name)[0].items()
        }

    return run
