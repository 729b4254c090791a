"""Data larger than memory: arrays in files, and batches that come one by one."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

import nn
from nn.data import Data, DataLoader, TensorDataset
from nn.data.in_file import InFile
from tests.nn.runs import HELD_OUT, MOONS, equal, everything, killed, same_end, small, trained

X, Y = MOONS.inputs.astype(np.float32), MOONS.labels


def memmap(path, array):
    stored = np.memmap(path / "x.bin", array.dtype, "w+", shape=array.shape)
    stored[...] = array
    stored.flush()
    return np.memmap(path / "x.bin", array.dtype, "r", shape=array.shape)


def h5py(path, array):
    return pytest.importorskip("h5py").File(path / "x.h5", "w").create_dataset("x", data=array)


def zarr(path, array):
    return pytest.importorskip("zarr").array(array, chunks=(20, *array.shape[1:]))


def dask(path, array):
    return pytest.importorskip("dask.array").from_array(array, chunks=(20, *array.shape[1:]))


FILES = pytest.mark.parametrize("stored", [memmap, h5py, zarr, dask])


@FILES
@pytest.mark.parametrize("options", [{}, {"batch_size": None}, {"callbacks": [nn.OnlyMistakes()]}])
def test_training_on_a_file_has_the_bits_of_training_in_memory(stored, options, tmp_path):
    """Floats of another dtype than the model's, in a random order; also held-out data."""
    data = stored(tmp_path, X), Y
    options = {"validation": data, "seed": 0, **options}
    in_memory = trained(data=(X, Y), **options | {"validation": (X, Y)})
    assert same_end(trained(data=data, **options), in_memory)


@FILES
def test_targets_may_be_in_a_file_and_a_checkpoint_knows_it(stored, tmp_path):
    found = stored(tmp_path, X)
    options = {"loss": nn.MSELoss(), "validation": None, "callback": nn.Callback()}
    whole = everything(tmp_path / "whole.npz", data=lambda: Data(X, X).batches(16), **options)
    parts = {"data": lambda: Data(found, found).batches(16), **options}
    assert same_end(whole, killed(tmp_path / "parts.npz", 8, **parts))


def test_a_run_on_what_does_not_begin_anew_cannot_go_on(tmp_path):
    everything(path := tmp_path / "run.npz", data=pairs, steps=5)
    with pytest.raises(ValueError, match="begin anew, such as a list"):
        everything(path, True, data=lambda: iter(pairs()), steps=5)


@FILES
def test_parts_of_a_file_stay_there_and_predictions_are_read_in_batches(stored, tmp_path):
    data, memory = Data(stored(tmp_path, X), Y), Data(X, Y)
    for mine, other in zip(data.split(0.7, seed=1), memory.split(0.7, seed=1), strict=True):
        assert isinstance(mine.inputs, InFile)
        np.testing.assert_array_equal(mine.inputs, other.inputs)
        for (x, y), (a, b) in zip(mine.batches(8, seed=2), other.batches(8, seed=2), strict=True):
            np.testing.assert_array_equal(x, a)
            np.testing.assert_array_equal(y, b)
    twice = data[[5, 2, 5, -1]][1:]
    np.testing.assert_array_equal(twice.inputs, X[[2, 5, -1]])
    np.testing.assert_array_equal(data[Y == 1].inputs, X[Y == 1])
    model = small()
    np.testing.assert_array_equal(nn.predict(model, data.inputs, 7), nn.predict(model, X, 7))
    assert nn.evaluate(model, data) == nn.evaluate(model, memory)


@pytest.mark.parametrize("mode", ["r+", "w+", "c"])
def test_what_was_written_and_not_flushed_is_read(tmp_path, mode):
    memmap(tmp_path, X)
    stored = np.memmap(tmp_path / "x.bin", X.dtype, mode, shape=X.shape)
    stored[:] = 7 * X
    for _ in "12":
        for x, y in Data(stored, np.arange(len(X))).batches(8, seed=0):
            np.testing.assert_array_equal(x, 7 * X[y])


LARGE = """if True:
    import resource, sys
    import numpy as np
    import nn
    x = np.memmap(sys.argv[1], np.float32, "r", shape=(int(sys.argv[2]), 1000))  # of holes
    y = np.zeros(len(x), np.int64)
    model = nn.Linear(1000, 2)
    seen = [0]
    class Enough(nn.Callback):
        def after_step(self, run):
            seen[0] += run.batches.batch_size
            if seen[0] >= int(sys.argv[3]):
                raise KeyboardInterrupt
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    nn.fit(model, (x, y), loss=nn.CrossEntropyLoss(), epochs=1, batch_size=1000, progress=False,
           optimizer=nn.optim.SGD(model.parameters()), callbacks=[Enough()])
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, seen[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts kilobytes, as Linux does")
@pytest.mark.parametrize(
    ("count", "most"),
    [(250_000, 10_000), pytest.param(1_000_000, 1_000_000, marks=pytest.mark.heavy)],
)
def test_a_file_of_gigabytes_takes_less_than_250_megabytes(tmp_path, count, most):
    with open(tmp_path / "x", "wb") as file:
        file.truncate(4000 * count)
    command = [sys.executable, "-c", LARGE, tmp_path / "x", str(count), str(most)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=500)
    megabytes, seen = map(float, done.stdout.split())
    assert seen == most
    assert megabytes < 250


# ---- batches one by one --------------------------------------------------------------------------


def pairs(size=16):
    return list(MOONS.batches(size, shuffle=False))


class Anew:
    """Begins anew in each epoch, and does not know how long it is."""

    def __iter__(self):
        return iter(pairs())


LOADER = TensorDataset(MOONS.inputs, MOONS.labels)


@pytest.mark.parametrize("batches", [
    pairs(),
    Anew(),
    DataLoader(LOADER, 16),
    [([list(p) for p in x], y.tolist()) for x, y in pairs()],
], ids=["list", "iterable", "loader", "lists"])  # fmt: skip
@pytest.mark.parametrize("replay", [True, False])
def test_an_iterable_trains_as_the_same_batches_of_data(batches, replay):
    options = {"validation": HELD_OUT, "seed": 0, "replay": replay}
    mine = trained(data=batches, **options)
    assert same_end(mine, trained(data=MOONS.batches(16, shuffle=False), **options))


def test_a_generator_goes_on_from_epoch_to_epoch_until_it_ends():
    everything = [*pairs(), *pairs(10)]
    model, history = trained(data=(pair for pair in everything), steps=6, epochs=9)
    assert len(history) == 3  # of 6, 6 and 3 steps
    assert history.stopped == "the batches have ended"
    chunked = [everything[:6], everything[6:12], everything[12:]]
    for epochs, chunks in ((1, [everything]), (3, chunked)):
        other, _ = trained(data=iter(everything), epochs=1) if epochs == 1 else (small(), None)
        optimizer = nn.optim.Adam(other.parameters(), lr=0.02)
        for chunk in chunks if epochs > 1 else ():
            trained(other, data=chunk, epochs=1, optimizer=optimizer)
        assert equal(model, other)
    _, history = trained(data=itertools.cycle(pairs()), steps=4, epochs=5)
    assert (len(history), history.stopped) == (5, "")


def test_batches_of_ones_own_keep_their_order():
    class Backwards(nn.data.Batches):
        def epoch(self, *place):
            return reversed([*super().epoch(*place)])

    batches = Backwards(MOONS, 16, shuffle=False)
    assert same_end(trained(data=batches), trained(data=[*batches.epoch()]))


def test_sequences_of_one_batch_may_be_longer_than_those_of_another(rng):
    batches = [(rng.normal(size=(4, 2, n)), rng.integers(0, 3, (4, n))) for n in (3, 5, 5, 3)]
    still = nn.optim.SGD((model := nn.Conv1d(2, 3, 1)).parameters(), lr=0.0)
    _, history = trained(model, batches, optimizer=still, epochs=1)
    right = [(model(x).numpy().argmax(axis=1) == y).ravel() for x, y in batches]
    assert history.accuracy == [np.mean(np.concatenate(right))]


def test_labels_of_a_stream_are_yes_or_no_only_if_all_are():
    batches = [(X[:20], Y[:20, None] * 1.0), (X[20:40], X[20:40, :1])]
    for data, count in ((batches[:1], 3), (batches, 0), (batches[::-1], 0)):
        _, history = trained(nn.Linear(2, 1), data, loss=nn.MSELoss())
        assert len(history.accuracy) == count
