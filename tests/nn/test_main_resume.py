"""A main job that was killed or interrupted goes on with --resume, to the same end."""

import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

import nn
from nn import __main__ as job
from tests.nn.job import LONGER, TINY, history, refused, result, same_run

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

KILLED = """
import os, signal, sys
from nn import Checkpoint, __main__ as job

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

job.SECONDS = 0  # a checkpoint after each step
job.PICTURES = {}
after_step, replace = Checkpoint.after_step, os.replace
where = sys.argv.pop(1)
if where == "after step 6":
    Checkpoint.after_step = lambda self, run: after_step(self, run) or run.step == 6 and die()
elif where == "before checkpoint 4 is in place":
    counts = iter(range(5))  # the options, the state at the start, steps 1, 2 and 3
    os.replace = lambda *paths: die() if next(counts, None) is None else replace(*paths)
elif where == "before the results are saved":
    write_record = job._write_record
    job._write_record = lambda path, record: die() if "result" in record else write_record(path, record)
elif where == "while the results are saved":
    job.write = die
elif where == "before the checkpoint is forgotten":
    job._forget = lambda folder, forget=job._forget: os.path.exists("digits/run.json") and die() or forget(folder)
job.main(sys.argv[1:])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes end otherwise elsewhere")
@pytest.mark.parametrize(
    ("where", "left"),
    [
        ("after step 6", 6),
        ("before checkpoint 4 is in place", 9),
        ("before the results are saved", 0),
        ("while the results are saved", 0),
        ("before the checkpoint is forgotten", 0),
    ],
)
def test_a_run_that_was_killed_goes_on_to_the_same_end(
    where, left, environment, without_pictures, capsys, monkeypatch
):
    command = [sys.executable, "-c", KILLED, where, *LONGER]
    assert subprocess.run(command, capture_output=True, timeout=300).returncode == -signal.SIGKILL
    assert {*job.UNFINISHED} <= {*os.listdir("digits")}
    steps = []
    monkeypatch.setattr(nn.Checkpoint, "after_step", lambda self, run: steps.append(run.step))
    assert job.main([*LONGER, "--resume"]) == 0
    assert steps == list(range(13 - left, 13))
    assert "Going on with the run in digits" in capsys.readouterr().out
    assert sorted(os.listdir("digits")) == sorted(job.NUMBERS)
    job.main([*LONGER, "--quiet", "--output", "in-one-go"])
    assert same_run("digits", "in-one-go")
    assert len(history()) == 3


@pytest.fixture
def stopped(without_pictures, monkeypatch):
    """A run that ends after five steps, with what it leaves."""

    def run(error=KeyboardInterrupt):
        with monkeypatch.context() as patch:
            after_step = nn.Checkpoint.after_step

            def stop(self, run):
                after_step(self, run)
                if run.step == 5:
                    raise error

            patch.setattr(nn.Checkpoint, "after_step", stop)
            patch.setattr(job, "SECONDS", 0)
            return job.main([*LONGER, "--quiet"])

    return run


def test_after_ctrl_c_it_also_goes_on(stopped, capsys):
    assert stopped() == 130
    assert result()["epochs"] == 1
    assert {*job.UNFINISHED} <= {*os.listdir("digits")}
    assert job.main([*LONGER, "--quiet", "--resume"]) == 0
    job.main([*LONGER, "--quiet", "--output", "in-one-go"])
    assert same_run("digits", "in-one-go")
    assert "no unfinished run" in refused(capsys, "--resume")


def test_an_option_that_differs_is_named(stopped, capsys):
    stopped()
    before = {file: file.read_bytes() for file in pathlib.Path("digits").iterdir()}
    for other, words in [
        ("--epochs 3 --layers 5", "was begun with layers = [4], not [5]"),
        ("--epochs 4", "epochs = 3, not 4"),
        ("--epochs 3 --no-augment", "augment = True, not False"),
        ("--epochs 3 --lr 0.5", "lr = None, not 0.5"),
        ("--epochs 3 --seed 1", "seed = 0, not 1"),
        ("--epochs 3 --batch-size 50", "batch_size = 32"),
    ]:
        assert words in refused(capsys, "--resume", *other.split())
    assert before == {file: file.read_bytes() for file in pathlib.Path("digits").iterdir()}


@pytest.mark.parametrize("damage", ["cut short", "another byte", "empty", "another file", "gone"])
def test_a_damaged_checkpoint_is_one_line(damage, stopped, capsys):
    stopped()
    file = pathlib.Path("digits/checkpoint.npz")
    content = bytearray(file.read_bytes())
    if damage == "another file":
        np.savez(file, a=np.zeros(3))
    elif damage == "gone":
        file.unlink()
    elif damage == "another byte":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    else:
        file.write_bytes(content[:-100] if damage == "cut short" else b"")
    words = refused(capsys, *LONGER, "--quiet", "--resume")
    assert ("no unfinished run" if damage == "gone" else "checkpoint.npz: ") in words


def test_a_new_run_begins_anew_where_one_was_killed(stopped):
    with pytest.raises(RuntimeError):
        stopped(error=RuntimeError)
    assert sorted(os.listdir("digits")) == sorted(job.UNFINISHED)
    assert job.main([*TINY, "--quiet"]) == 0
    assert result()["epochs"] == 1
    assert sorted(os.listdir("digits")) == sorted(job.NUMBERS)
