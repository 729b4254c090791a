"""Independent runs in the processes of any executor have the bits of runs one after the other."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import numpy as np
import pytest

import nn
from microgradnd import set_default_dtype
from tests.nn.runs import HELD_OUT, MOONS, equal, small, trained

threadpoolctl = pytest.importorskip("threadpoolctl")


def fold(train, held_out=HELD_OUT, width=300):
    """The end of a training with all that draws, and wide enough for threads of BLAS."""
    layers = nn.Linear(2, width), nn.ReLU(), nn.Dropout(0.2), nn.Linear(width, width)
    model = nn.Sequential(*layers, nn.Linear(width, 2))
    model, history = trained(model, train, validation=held_out, epochs=2)
    pools = threadpoolctl.threadpool_info()
    threads = {each["num_threads"] for each in pools if each["user_api"] == "blas"}
    state = [array.tobytes() for array in model.state_dict().values()]
    return state, model[0].weight.dtype.name, history.validation_loss, threads


@contextmanager
def processes():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@contextmanager
def loky():
    pool = pytest.importorskip("loky").ProcessPoolExecutor(2)
    yield pool
    pool.shutdown()


@contextmanager
def dask():
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.Client(**options) as client:
        yield client.get_executor()


@pytest.mark.parametrize("executor", [processes, loky, dask])
def test_every_executor_has_the_same_bits(executor, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # what processes begin with

    @threadpoolctl.threadpool_limits.wrap(limits=2, user_api="blas")
    def run(pool=None):
        nn.manual_seed(3)
        with set_default_dtype(np.float32):
            found = nn.run_each(fold, MOONS.folds(3), executor=pool)
        return found, nn.init.generator.random()

    with executor() as pool:
        found, after = run(pool)
    alone, after_alone = run()
    assert found == alone
    assert after == after_alone
    states = [state for state, *_ in found]
    assert states[0] != states[1]
    assert {dtype for _, dtype, _, _ in found} == {"float32"}
    assert {1} >= set().union(*(threads for *_, threads in found))  # Accelerate's are not seen


def start():
    return small(int(nn.init.generator.integers(1000)))


def cost(model):
    return nn.CrossEntropyLoss()(model(HELD_OUT.inputs), HELD_OUT.labels)


def test_restarts_and_a_search():
    ends = []
    with processes() as pool:
        for executor in (None, pool):
            nn.manual_seed(1)
            ends.append(nn.random_restarts(start, trained, cost, 3, executor=executor))
            ends.append(nn.run_each(fold, [(MOONS, HELD_OUT, 4), (MOONS, HELD_OUT, 5)], executor))
    assert ends[0][1:] == ends[2][1:]
    assert ends[0].costs[ends[0].best] == min(ends[0].costs)
    assert len(set(ends[0].costs)) == 3
    assert equal(ends[0].model, ends[2].model)
    assert ends[1] == ends[3]


def test_threads_are_refused_and_errors_come_through():
    with ThreadPoolExecutor(2) as pool, pytest.raises(TypeError, match="executor of processes"):
        nn.run_each(fold, [MOONS], executor=pool)
    with processes() as pool, pytest.raises(TypeError, match="expected Data"):
        nn.run_each(fold, [5], executor=pool)
