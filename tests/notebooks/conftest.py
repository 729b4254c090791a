import importlib
import pathlib

import pytest

SCRIPTS = pathlib.Path(__file__).parents[2] / "notebooks" / "experiments"
FIGURES = {  # of the experiments that have several
    "bad_start": ["-neuron", "-digits"],
    "normalised_inputs": ["-valley", "-bowl", "-digits"],
}


@pytest.fixture(scope="module")
def script():
    """An experiment's script of this name as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module


@pytest.fixture
def rows(script):
    """What an experiment enters in its quick form, by its names; of a single seed the number."""

    def run(name):
        experiment = script("experiment").Experiment(name)
        getattr(script(name), name)(experiment)
        assert experiment._figures == [f"{name}{part}.png" for part in FIGURES.get(name, [""])]
        return {
            row["what"]: {k: v[0] if isinstance(v, list) else v for k, v in row.items()}
            for row in experiment.rows
        }

    return run
