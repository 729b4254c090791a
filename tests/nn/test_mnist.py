"""The digits that ship with the package, MNIST in a folder, and its download."""

import gzip
import hashlib
import http.server
import importlib
import itertools
import re
import threading

import numpy as np
import pytest

from microgradnd import set_default_dtype
from nn import data
from tests.nn.idx_files import idx

mnist_file = importlib.import_module("nn.data.mnist")  # nn.data.mnist is the function

# ---- the digits ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return data.digits()


def test_the_digits_are_chosen_evenly_and_scaled(digits):
    for part, each in zip(digits, (600, 100), strict=True):
        assert np.bincount(part.labels).tolist() == [each] * 10
        assert part.inputs.dtype == np.float64
        assert (part.inputs.min(), part.inputs.max()) == (0, 1)
        grey = part.inputs * 255
        np.testing.assert_allclose(grey, grey.round(), atol=1e-9)
        assert part.classes == tuple("0123456789")
    rows = {row.tobytes() for part in digits for row in part.inputs}
    assert len(rows) == 7000  # none twice, and none in both
    with set_default_dtype(np.float32):
        assert data.digits().train.inputs.dtype == np.float32


def test_the_labels_belong_to_the_images(digits):
    means = np.stack(
        [digits.train.inputs[digits.train.labels == digit].mean(axis=0) for digit in range(10)]
    )
    away = np.linalg.norm(digits.test.inputs[:, np.newaxis] - means, axis=2)
    assert np.mean(np.argmin(away, axis=1) == digits.test.labels) > 0.75  # a tenth by chance


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


@pytest.mark.parametrize(
    "stored",
    [
        lambda name, content: (name, content),
        lambda name, content: (f"{name}.gz", gzip.compress(content)),
        lambda name, content: (name.replace("-idx", ".idx"), content),
        lambda name, content: (name.replace("-idx", ".idx") + ".gz", gzip.compress(content)),
    ],
)
def test_a_folder_may_hold_the_files_zipped_or_not(tmp_path, stored):
    files, arrays = small_mnist()
    for name, content in itertools.starmap(stored, files.items()):
        (tmp_path / name).write_bytes(content)
    check(data.mnist(tmp_path), arrays)
    check(data.mnist(str(tmp_path)), arrays)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", idx(0x08, (4,), [1] * 4), "should hold images"),
        ("train-images-idx3-ubyte", idx(0x08, (), [1]), "should hold images"),
        ("train-images-idx3-ubyte", idx(0x0B, (6, 1, 1), [1] * 6), "should hold images"),
        ("t10k-labels-idx1-ubyte", idx(0x08, (5,), [1] * 5), "should hold 4 labels"),
        ("t10k-labels-idx1-ubyte", idx(0x0D, (4,), [1] * 4), "should hold 4 labels"),
        ("t10k-labels-idx1-ubyte", idx(0x08, (4,), [1, 2, 3, 10]), r"from 0 to 9, got \[10\]"),
        ("t10k-labels-idx1-ubyte", None, "has no t10k-labels-idx1-ubyte, with or without .gz"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, name, content, message):
    files, _ = small_mnist()
    for each, right in (files | {name: content}).items():
        if right is not None:
            (tmp_path / each).write_bytes(right)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        data.mnist(tmp_path)


# ---- downloads, from this machine ----------------------------------------------------------------


class Mirror(http.server.BaseHTTPRequestHandler):
    """Has some files, and notes what it was asked for."""

    def do_GET(self):
        self.asked.append(self.path)
        if self.path[1:] not in self.files:
            return self.send_error(404)
        content = self.files[self.path[1:]]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: self.cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror():
    servers = []

    def start(files, cut=None):
        handler = type("_", (Mirror,), {"files": files, "asked": [], "cut": cut})
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}", handler.asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


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
    cache = tmp_path / "cache" / "mnist"
    cache.mkdir(parents=True)
    first, *others = files
    (cache / first.removesuffix(".gz")).write_bytes(gzip.decompress(files[first]))
    address, asked = mirror(files)
    for _ in range(2):
        check(data.mnist(mirrors=[address]), arrays)
        assert asked == [f"/{name}" for name in others]
    assert "train-labels-idx1-ubyte.gz: 100%" in capfd.readouterr().err
    (cache / first.removesuffix(".gz")).unlink()
    check(data.mnist(mirrors=[address]), arrays)
    assert sorted(path.name for path in cache.iterdir()) == sorted(files)


@pytest.mark.parametrize(
    ("reason", "damaged", "cut"),
    [
        ("the SHA-256 of .* not", lambda f: gzip.compress(gzip.decompress(f)[:-1] + b"?"), None),
        ("the SHA-256 of .* not", lambda f: gzip.compress(gzip.decompress(f) + b"1"), None),
        ("the SHA-256 of .* not", lambda f: gzip.compress(gzip.decompress(f) + b"1" * 9999), None),
        ("ended before", lambda file: file[:-20], None),
        ("ended before", lambda file: file, 20),  # and there the connection breaks
        ("Not a gzipped file", lambda file: file + b"more", None),
        ("Not a gzipped file", lambda file: b"<html>Please log in</html>", None),
    ],
)
def test_a_wrong_file_is_not_kept_and_the_next_mirror_asked(
    small, mirror, tmp_path, reason, damaged, cut
):
    files, arrays = small
    bad, asked = mirror({name: damaged(file) for name, file in files.items()}, cut)
    with pytest.raises(OSError, match="Put these files there") as caught:
        data.mnist(mirrors=[bad])
    cache = tmp_path / "cache" / "mnist"
    assert re.search(f"{bad}/train-images-idx3-ubyte.gz: .*{reason}", str(caught.value))
    assert str(cache) in str(caught.value)
    assert list(cache.iterdir()) == []
    good, _ = mirror(files)
    check(data.mnist(mirrors=[bad, good]), arrays)
    assert len(asked) == 5


def test_without_any_mirror_the_error_has_the_reason_at_each(small, mirror):
    empty, _ = mirror({})
    with pytest.raises(OSError, match="could not be downloaded") as caught:
        data.mnist(mirrors=[empty, "http://127.0.0.1:9/", "gopher://old"])
    message = str(caught.value)
    for mirror in (empty, "http://127.0.0.1:9", "gopher://old"):
        assert f"{mirror}/train-images-idx3-ubyte.gz: " in message
    assert "HTTP Error 404" in message
    assert all(name in message for name in mnist_file.FILES)


def test_a_cache_that_cannot_be_made_says_where_and_what(small, monkeypatch, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MICROGRADND_DATA", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"MNIST is not in .*file.mnist.* could not be downloaded"):
        data.mnist(mirrors=["file:///nowhere"])


@pytest.mark.parametrize(
    ("platform", "variable", "usual", "wins"),
    [
        ("linux", "XDG_CACHE_HOME", ".cache", True),
        ("win32", "LOCALAPPDATA", "AppData/Local", True),
        ("darwin", "XDG_CACHE_HOME", "Library/Caches", False),
    ],
)
def test_the_cache_is_where_the_system_keeps_such_things(
    monkeypatch, tmp_path, platform, variable, usual, wins
):
    monkeypatch.delenv("MICROGRADND_DATA", raising=False)
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    monkeypatch.setattr("sys.platform", platform)
    assert mnist_file._cache() == tmp_path / usual / "microgradnd"
    monkeypatch.setenv(variable, str(tmp_path / "chosen"))
    assert mnist_file._cache() == tmp_path / ("chosen" if wins else usual) / "microgradnd"
