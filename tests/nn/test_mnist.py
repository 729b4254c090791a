"""The digits that ship with the package, MNIST in a folder, and its download."""

import functools
import gzip
import hashlib
import http.server
import importlib
import threading

import numpy as np
import pytest

from microgradnd import set_default_dtype
from nn import data
from nn.data.download import download
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
        assert part.inputs.min() == 0
        assert part.inputs.max() == 1
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


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
def test_a_folder_may_hold_the_files_zipped_or_not(tmp_path, zipped, dotted):
    files, arrays = small_mnist()
    for name, content in files.items():
        name = name.replace("-idx", ".idx") if dotted else name
        path = tmp_path / (name + ".gz" * zipped)
        path.write_bytes(gzip.compress(content) if zipped else content)
    check(data.mnist(tmp_path), arrays)
    check(data.mnist(str(tmp_path)), arrays)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", idx(0x08, (4,), [1] * 4), "should hold images"),
        ("train-images-idx3-ubyte", idx(0x0B, (6, 1, 1), [1] * 6), "should hold images"),
        ("t10k-labels-idx1-ubyte", idx(0x08, (5,), [1] * 5), "should hold 4 labels"),
        ("t10k-labels-idx1-ubyte", idx(0x0D, (4,), [1] * 4), "should hold 4 labels"),
        ("t10k-labels-idx1-ubyte", idx(0x08, (4,), [1, 2, 3, 10]), "from 0 to 9, found 1 to 10"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, name, content, message):
    files, _ = small_mnist()
    for each, right in files.items():
        (tmp_path / each).write_bytes(right)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        data.mnist(tmp_path)


def test_a_folder_without_the_files_is_told_which(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="has no train-labels-idx1-ubyte, t10k-images"):
        data.mnist(tmp_path)


# ---- downloads, from this machine ----------------------------------------------------------------


class Mirror(http.server.SimpleHTTPRequestHandler):
    asked: list[str]
    cut = 0

    def do_GET(self):
        type(self).asked.append(self.path)
        super().do_GET()

    def end_headers(self):
        super().end_headers()
        if self.cut:
            self.wfile = CutShort(self.wfile, self.cut)

    def log_message(self, *_):
        pass


class CutShort:
    """A connection that breaks in the middle of what was promised."""

    def __init__(self, file, length):
        self.file, self.left = file, length

    def write(self, content):
        self.file.write(content[: self.left])
        self.left = max(0, self.left - len(content))

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.fixture
def mirror(tmp_path):
    """Starts mirrors on this machine: each has some files, and counts who asked for them."""
    servers = []

    def start(files, cut=0):
        folder = tmp_path / f"mirror{len(servers)}"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        handler = type("Counting", (Mirror,), {"asked": [], "cut": cut})
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
        )
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", handler.asked

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
    address, asked = mirror(files)
    check(data.mnist(mirrors=[address]), arrays)
    assert asked == [f"/{name}" for name in files]
    assert "train-images-idx3-ubyte.gz: 100%" in capfd.readouterr().err
    check(data.mnist(mirrors=[address]), arrays)
    assert len(asked) == 4
    assert sorted(path.name for path in (tmp_path / "cache" / "mnist").iterdir()) == sorted(files)


def test_files_already_in_the_cache_are_not_asked_for(small, mirror, tmp_path):
    files, arrays = small
    cache = tmp_path / "cache" / "mnist"
    cache.mkdir(parents=True)
    name = "train-images-idx3-ubyte"
    (cache / name).write_bytes(gzip.decompress(files[f"{name}.gz"]))
    address, asked = mirror(files)
    check(data.mnist(mirrors=[address]), arrays)
    assert f"/{name}.gz" not in asked
    assert len(asked) == 3


def damaged(content, how):
    if how == "another":
        return gzip.compress(gzip.decompress(content)[:-1] + b"?")
    if how == "cut":
        return content[:-20]
    if how == "with more behind":
        return content + b"more"
    if how == "a bomb":
        return gzip.compress(gzip.decompress(content) + bytes(1 << 24))
    assert how == "a page"
    return b"<html>Please log in</html>"


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("another", "the SHA-256 of its content is"),
        ("cut", "it ended early"),
        ("with more behind", "it is longer than"),
        ("a bomb", "it is longer than"),
        ("a page", "incorrect header check"),
    ],
)
def test_a_wrong_file_is_not_kept_and_the_next_mirror_asked(small, mirror, tmp_path, how, reason):
    files, arrays = small
    wrong = {name: damaged(content, how) for name, content in files.items()}
    bad, asked = mirror(wrong)
    with pytest.raises(OSError, match=reason) as caught:
        data.mnist(mirrors=[bad])
    assert f"{bad}/train-images-idx3-ubyte.gz: " in str(caught.value)
    assert str(tmp_path / "cache" / "mnist") in str(caught.value)
    assert "Put these files there" in str(caught.value)
    assert list((tmp_path / "cache" / "mnist").iterdir()) == []
    good, _ = mirror(files)
    check(data.mnist(mirrors=[bad, good]), arrays)
    assert len(asked) == 5


def test_a_connection_that_breaks_leaves_nothing_behind(small, mirror, tmp_path):
    files, arrays = small
    broken, _ = mirror(files, cut=20)
    with pytest.raises(OSError, match="could not be downloaded"):
        data.mnist(mirrors=[broken])
    assert list((tmp_path / "cache" / "mnist").iterdir()) == []
    good, _ = mirror(files)
    check(data.mnist(mirrors=[broken, good]), arrays)


def test_no_mirror_at_all_tells_the_reason_at_each(small, mirror):
    empty, _ = mirror({})
    with pytest.raises(OSError, match="could not be downloaded") as caught:
        data.mnist(mirrors=[empty, "http://127.0.0.1:9/", "gopher://old"])
    message = str(caught.value)
    assert f"{empty}/train-images-idx3-ubyte.gz: HTTP Error 404" in message
    assert "http://127.0.0.1:9/train-images-idx3-ubyte.gz: " in message
    assert "gopher://old/train-images-idx3-ubyte.gz: " in message
    for name in mnist_file.FILES:
        assert name in message


def test_a_cache_that_cannot_be_made_says_where_and_what(small, monkeypatch, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MICROGRADND_DATA", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"MNIST is not in .*file.mnist.* could not be downloaded"):
        data.mnist(mirrors=["file:///nowhere"])


def test_a_download_interrupted_by_a_person_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: interrupt())

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download("x.gz", tmp_path, ["http://127.0.0.1:9"], "", 1)
    assert list(tmp_path.iterdir()) == []


def test_the_cache_is_where_the_system_keeps_such_things(monkeypatch, tmp_path):
    monkeypatch.delenv("MICROGRADND_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    for platform, expected in (
        ("linux", tmp_path / "xdg"),
        ("win32", tmp_path / "local"),
        ("darwin", tmp_path / "Library" / "Caches"),
    ):
        monkeypatch.setattr("sys.platform", platform)
        assert mnist_file._cache() == expected / "microgradnd"
