"""IDX files, the digits that ship with the package, MNIST in a folder, and its download."""

import gzip
import hashlib
import http.client
import importlib
import re
import struct

import numpy as np
import pytest

from microgradnd import set_default_dtype
from nn import data
from tests.nn.saved import peak_of

mnist_file = importlib.import_module("nn.data.mnist")  # nn.data.mnist is the function
CODES = {0x08: "B", 0x09: "b", 0x0B: "h", 0x0C: "i", 0x0D: "f", 0x0E: "d"}


def idx(code, shape, values):
    header = struct.pack(">BBBB", 0, 0, code, len(shape)) + struct.pack(f">{len(shape)}I", *shape)
    return header + struct.pack(f">{len(values)}{CODES[code]}", *values)


@pytest.fixture
def reading(tmp_path):
    def read(content):
        (tmp_path / "table").write_bytes(content)
        return data.read_idx(tmp_path / "table")

    return read


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (2, 1, 2, 2), (3, 0, 2)])
def test_every_type_comes_back_as_it_was_written(reading, code, shape):
    values = [number * (1 if code == 0x08 else -1) for number in range(int(np.prod(shape)))]
    for content in (idx(code, shape, values), gzip.compress(idx(code, shape, values))):
        found = reading(content)
        assert (found.dtype, found.shape) == (np.dtype(CODES[code]), shape)
        assert found.ravel().tolist() == values
        assert all((found.dtype.isnative, found.flags.writeable, found.flags.c_contiguous))


UNSOUND = [
    (b"", "the magic number has 4 bytes, got 0"),
    (b"\0\1\x08\1" + b"\0" * 8, "the magic number begins with two zero bytes, got 00 01"),
    (b"\0\0\x0a\1" + b"\0" * 8, "the type code is one of 0x08, .*, got 0x0a"),
    (b"\0\0\x08\xff" + b"\0" * 1020, "maximum supported dimension"),
    (b"\0\0\x08\2\0\0\0\1", "the sizes of 2 dimensions have 8 bytes, got 4"),
    (b"\0\0\x08\3" + b"\xff" * 12, "announce 79228162458924105385300197375 bytes .*, got 0"),
    (b"\0\0\x08\3" + b"\xff" * 8 + b"\0" * 4, "cannot reshape array of size 0"),
    (b"\0\0\x08\2" + b"\0\xff\xff\xff" * 2, "announce 281474943156225 bytes .*, got 0"),
    (idx(0x0B, (2,), [1, 2]) + b"\0", "int16 announce 4 bytes of numbers, got (more|5)"),
]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(("content", "field"), UNSOUND)
def test_an_unsound_file_is_refused_by_the_field(reading, pack, content, field):
    with pytest.raises(ValueError, match=field):
        reading(pack(content))


@pytest.mark.parametrize(("announced", "there", "zipped", "most"), [
    (4, 1 << 27, True, 1 << 23), (1 << 31, 1000, True, 1 << 23), (1 << 31, 1000, False, 1 << 21),
    (4, 1 << 25, False, 1 << 20),
])  # fmt: skip
def test_no_memory_is_taken_for_what_is_missing(reading, announced, there, zipped, most):
    content = idx(0x08, (announced,), []) + bytes(there)
    content = gzip.compress(content, 1) if zipped else content

    def read():
        with pytest.raises(ValueError, match=f"announce {announced} bytes"):
            reading(content)

    assert peak_of(read) < most


def test_every_shortened_file_is_refused(reading):
    whole = idx(0x0C, (2, 3), range(6))
    packed = gzip.compress(whole)
    shortened = [pack(whole[:n]) for pack in (bytes, gzip.compress) for n in range(len(whole))]
    for content in [*shortened, *(packed[:n] for n in range(2, len(packed)))]:
        with pytest.raises(ValueError, match=r"table is not a sound IDX file: "):
            reading(content)


def test_the_digits_are_chosen_evenly_scaled_and_labelled():
    train, test = digits = data.digits()
    for part, each in zip(digits, (600, 100), strict=True):
        assert np.bincount(part.labels).tolist() == [each] * 10
        assert (part.inputs.min(), part.inputs.max(), part.inputs.dtype) == (0, 1, np.float64)
        np.testing.assert_allclose(part.inputs * 255, (part.inputs * 255).round(), atol=1e-9)
        assert part.classes == tuple("0123456789")
    assert len({row.tobytes() for part in digits for row in part.inputs}) == 7000  # none twice
    means = np.stack([train.inputs[train.labels == digit].mean(axis=0) for digit in range(10)])
    away = np.linalg.norm(test.inputs[:, np.newaxis] - means, axis=2)
    assert np.mean(np.argmin(away, axis=1) == test.labels) > 0.75  # a tenth by chance
    with set_default_dtype(np.float32):
        assert data.digits().train.inputs.dtype == np.float32


def small_mnist():
    """Files like those of MNIST, with few images, and what is in them."""
    rng = np.random.default_rng(1)
    files, arrays = {}, []
    for part, count in (("train", 6), ("t10k", 4)):
        images, labels = rng.integers(0, 256, (count, 3, 3)), rng.integers(0, 10, count)
        files[f"{part}-images-idx3-ubyte"] = idx(0x08, images.shape, images.ravel().tolist())
        files[f"{part}-labels-idx1-ubyte"] = idx(0x08, labels.shape, labels.tolist())
        arrays += [images, labels]
    return files, arrays


def check(found, arrays):
    assert isinstance(found, data.TrainAndTest)
    for part, images, labels in zip(found, arrays[::2], arrays[1::2], strict=True):
        np.testing.assert_allclose(part.images, images / 255)
        np.testing.assert_array_equal(part.labels, labels)


@pytest.mark.parametrize("name_of", [str, lambda name: name.replace("-idx", ".idx")])
@pytest.mark.parametrize(("end", "pack"), [("", bytes), (".gz", gzip.compress)])
def test_a_folder_may_hold_the_files_zipped_or_not(tmp_path, name_of, end, pack):
    files, arrays = small_mnist()
    for name, content in files.items():
        (tmp_path / (name_of(name) + end)).write_bytes(pack(content))
    check(data.mnist(str(tmp_path)), arrays)


WRONG_FILES = [
    ("train-images-idx3", idx(0x08, (4,), [1] * 4), "should hold bytes in 3"),
    ("train-images-idx3", idx(0x0B, (6, 1, 1), [1] * 6), "should hold bytes in 3"),
    ("t10k-labels-idx1", idx(0x08, (5,), [1] * 5), r"got shapes \(4, 9\) and \(5,\)"),
    ("t10k-labels-idx1", idx(0x08, (4,), [1, 2, 3, 10]), r"from 0 to 9, got 10"),
    ("t10k-labels-idx1", None, "has no t10k-labels-idx1-ubyte, with or without .gz"),
]


@pytest.mark.parametrize(("name", "content", "message"), WRONG_FILES)
def test_files_that_do_not_belong_together_are_refused(tmp_path, name, content, message):
    files, _ = small_mnist()
    for each, right in (files | {f"{name}-ubyte": content}).items():
        if right is not None:
            (tmp_path / each).write_bytes(right)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        data.mnist(tmp_path)


# ---- downloads, from folders of this machine -----------------------------------------------------


@pytest.fixture
def mirror(tmp_path):
    def start(files):
        folder = tmp_path / f"mirror {len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        [(folder / name).write_bytes(content) for name, content in files.items()]
        return folder.as_uri()

    return start


@pytest.fixture
def small(monkeypatch, tmp_path):
    """MNIST has few images, and the cache is a new folder."""
    files, arrays = small_mnist()
    sums = {name: (hashlib.sha256(f).hexdigest(), len(f)) for name, f in files.items()}
    monkeypatch.setattr(mnist_file, "FILES", sums)
    monkeypatch.setenv("MICROGRADND_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    return {f"{name}.gz": gzip.compress(f) for name, f in files.items()}, arrays


def test_what_is_not_in_the_cache_is_downloaded_once(small, mirror, tmp_path, capfd):
    files, arrays = small
    cache, (first, *others) = tmp_path / "cache" / "mnist", files
    cache.mkdir(parents=True)
    (cache / first.removesuffix(".gz")).write_bytes(gzip.decompress(files[first]))
    check(data.mnist(mirrors=[mirror({name: files[name] for name in others})]), arrays)
    assert "train-labels-idx1-ubyte.gz: 100%" in capfd.readouterr().err
    check(data.mnist(mirrors=[]), arrays)
    (cache / first.removesuffix(".gz")).unlink()
    check(data.mnist(mirrors=[mirror(files)]), arrays)
    assert sorted(path.name for path in cache.iterdir()) == sorted(files)


DAMAGE = [
    ("the SHA-256 of .* not", lambda file: gzip.compress(gzip.decompress(file)[:-1] + b"?")),
    ("the SHA-256 of .* not", lambda file: gzip.compress(gzip.decompress(file) + b"1")),
    ("ended before", lambda file: file[:-20]),
    ("Not a gzipped file", lambda file: file + b"more"),
    ("Not a gzipped file", lambda file: b"<html>Please log in</html>"),
]


@pytest.mark.parametrize(("reason", "damage"), DAMAGE)
def test_a_wrong_file_is_not_kept_and_the_next_mirror_asked(
    small, mirror, tmp_path, reason, damage
):
    (files, arrays), cache = small, tmp_path / "cache" / "mnist"
    bad = mirror({name: damage(file) for name, file in files.items()})
    away = [mirror({}), "http://127.0.0.1:9", "gopher://old", bad]
    with pytest.raises(OSError, match=r"(?s)MNIST is not in .*Put these files there") as caught:
        data.mnist(mirrors=away)
    assert all(f"{each}/train-images-idx3-ubyte.gz: " in str(caught.value) for each in away)
    assert re.search(f"{bad}/train-images-idx3-ubyte.gz: .*{reason}", str(caught.value))
    assert all(name in str(caught.value) for name in (str(cache), *mnist_file.FILES))
    assert list(cache.iterdir()) == []
    check(data.mnist(mirrors=[bad, mirror(files)]), arrays)


def test_a_broken_download_and_a_cache_that_is_a_file_are_errors(small, monkeypatch, tmp_path):
    def broken(*_, **__):
        raise http.client.IncompleteRead(b"")

    monkeypatch.setattr("urllib.request.urlopen", broken)
    with pytest.raises(OSError, match="IncompleteRead"):
        data.mnist(mirrors=["http://127.0.0.1:9/"])
    monkeypatch.delenv("MICROGRADND_DATA")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "home" / ".cache").mkdir(parents=True)
    (tmp_path / "home" / ".cache" / "microgradnd").write_bytes(b"")
    with pytest.raises(OSError, match=r"not in .*home..cache.microgradnd.mnist, and could not"):
        data.mnist(mirrors=["file:///nowhere"])
