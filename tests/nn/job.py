"""Runs of the main job in an empty folder, with the shipped data at hand."""

import json
import pathlib
import sys

import numpy as np
import pytest

import nn
from nn import __main__ as job

TINY = ["--examples", "100", "--epochs", "1", "--layers", "4"]
LONGER = [*TINY, "--epochs", "3"]  # of four steps each
COMMAND = [sys.executable, "-m", "nn", *TINY]
SHIPPED = nn.data.digits()


def result(folder="digits"):
    return json.loads(pathlib.Path(folder, "run.json").read_text())["result"]


def history(folder="digits"):
    return nn.History.from_arrays(dict(np.load(f"{folder}/history.npz")))


def same_run(one, other):
    """Whether two folders have the same model and the same history."""
    first, second = (dict(np.load(f"{folder}/model.npz")) for folder in (one, other))
    assert first.keys() == second.keys()
    equal = all(first[name].tobytes() == second[name].tobytes() for name in first)
    return equal and history(one).loss == history(other).loss and result(one) == result(other)


def refused(capsys, *arguments):
    """The one line that says what is wrong."""
    with pytest.raises(SystemExit) as leaving:
        job.main([*TINY, *arguments])
    out, err = capsys.readouterr()
    assert (leaving.value.code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("python -m nn: ")
    return err
