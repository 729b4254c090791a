"""One training by several processes: each sentence of `nn.Together`, tried by threads and by MPI."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import nn
from tests.nn import together_runs
from tests.nn.runs import MOONS

HERE = pathlib.Path(nn.__file__).parents[1]
MPIEXEC = pathlib.Path(sys.executable).parent / "mpiexec"


def start(processes, *arguments):
    pytest.importorskip("mpi4py")
    if not MPIEXEC.exists():
        pytest.skip("no mpiexec beside Python")
    command = [MPIEXEC, "-n", str(processes), sys.executable, "-m", "tests.nn.together_runs"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE)}
    environment["UCX_LOG_LEVEL"] = "fatal"  # MPI's network layer complains where /sys is missing
    return subprocess.run(
        [*command, *map(str, arguments)], env=environment, cwd=HERE, capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip


def by_mpi(*arguments):
    done = start(*arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def by_threads(count, name, *arguments):
    together_runs.COMM = threads = together_runs.Threads(count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "excepthook", sys.excepthook)
        return threads.run(getattr(together_runs, name), *arguments or [""])


MANY = pytest.mark.parametrize(
    ("found", "processes"), [(by_mpi, 2), *((by_threads, count) for count in (1, 2, 3, 4))]
)


def assert_alike(mine, other, tolerance=1e-12):
    for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        np.testing.assert_allclose(mine[name], other[name], rtol=tolerance, err_msg=name)
    assert mine["metrics"].keys() == other["metrics"].keys()
    for name, values in other["metrics"].items():
        np.testing.assert_allclose(mine["metrics"][name], values, rtol=tolerance, err_msg=name)
    for name, array in other["model"].items():
        np.testing.assert_allclose(mine["model"][name], array, tolerance, tolerance, err_msg=name)


@pytest.mark.parametrize("kind", ["", "Stream", "BatchNorm Dropout"])
@MANY
def test_many_processes_end_where_one_ends(found, processes, kind):
    replayed, mine, other = found(processes, "plain", kind)
    assert (mine["same"], replayed["same"], replayed["bits"]) == (True, True, mine["bits"])
    assert processes > 1 or mine["bits"] == other["bits"]
    if "Dropout" not in kind:  # what is drawn and averaged differs a little
        assert_alike(mine, other)
    assert abs(mine["validation_loss"][-1] - other["validation_loss"][-1]) < 0.1


@MANY
def test_in_float32_with_all_that_fit_has_they_end_where_one_ends(found, processes):
    mine, other = found(processes, "single")
    assert mine["same"]
    assert mine["stopped"] == other["stopped"]
    assert_alike(mine, other, 1e-4)


@MANY
def test_dropout_is_different_in_each_process_and_step(found, processes):
    masks = [str(mask) for each in found(processes, "masks") for mask in each]
    assert len(set(masks)) == len(masks) == 3 * processes


@MANY
def test_all_go_on_as_process_0(found, processes):
    assert found(processes, "other_starts")["same"]


@MANY
def test_a_loop_by_hand(found, processes):
    mine = found(processes, "by_hand", "BatchNorm")
    assert mine["same"]
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 2))
    optimizer, loss = nn.optim.SGD(model.parameters(), 0.1, weight_decay=0.1), nn.CrossEntropyLoss()
    for _ in range(3):
        for x, y in MOONS.batches(15, seed=0):
            before = [buffer.copy() for buffer in model.buffers()]
            after, costs = [np.zeros(b.shape) for b in before], []
            for rank in range(processes):
                for buffer, was in zip(model.buffers(), before, strict=True):
                    buffer[...] = was
                share = len(y[rank::processes]) / len(y)
                costs.append(share * loss(model(x[rank::processes]), y[rank::processes]))
                for total, buffer in zip(after, model.buffers(), strict=True):
                    total += share * buffer
            for total, buffer in zip(after, model.buffers(), strict=True):
                buffer[...] = total.round() if buffer.dtype.kind == "i" else total
            optimizer.zero_grad()
            sum(costs).backward()
            optimizer.step()
    for name, array in model.state_dict().items():
        np.testing.assert_allclose(mine["model"][name], array, 1e-12, 1e-12, err_msg=name)


@MANY
def test_a_loss_that_is_nan_in_one_process_is_an_error_in_all(found, processes):
    mine = found(processes, "nan")
    assert mine["same"]
    assert len(set(mine["errors"])) == 1
    assert "It began at step 2 (epoch 1, batch 2): multiply" in mine["errors"][0]


def test_ctrl_c_in_one_process_and_a_stop_in_the_first_end_all():
    steps, pressed, stopped = by_mpi(2, "stops")
    assert steps == [[4, 5]] * 2  # the others hear of it one step later
    assert (pressed["stopped"], stopped["stopped"]) == ("interrupted", "enough")
    assert pressed["same"]
    assert stopped["same"]


def test_what_is_refused_ends_all():
    done = start(2, "other_data")
    assert done.returncode != 0
    assert "it does not fit this run: data: expected" in done.stderr


def test_a_killed_process_ends_the_job_and_it_goes_on_to_the_same_end(tmp_path):
    whole = by_mpi(2, "resumed", "", tmp_path / "whole.npz")
    for step in (3, 11):
        assert start(2, "resumed", "", tmp_path / "parts.npz", step).returncode != 0
    parts = by_mpi(2, "resumed", "", tmp_path / "parts.npz")
    assert whole["same"]
    assert parts["same"]
    assert parts["bits"] == whole["bits"]
