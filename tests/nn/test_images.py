"""A folder of images by class, beside what Pillow reads."""

import sys

import numpy as np
import pytest

import nn
from nn.data import images

Image = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    """Images of 6 rows and 8 columns: two of the class "b", one of "a", and other files."""
    for name in ("b/2.png", "b/deeper/1.bmp", "a/x.PNG"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RNG.integers(0, 256, (6, 8, 3), np.uint8)).save(path)
    for name in ("b/notes.txt", "b/scan.pdf", "b/.hidden.png", "readme.md"):
        (tmp_path / name).write_text("no image")
    (tmp_path / ".git").mkdir()
    return tmp_path


def pixels(path, mode="RGB"):
    return np.asarray(Image.open(path).convert(mode)) / 255


def test_each_folder_is_a_class(folder):
    data = images(folder)
    assert (data.classes, data.labels.tolist()) == (("a", "b"), [0, 1, 1])
    files = "a/x.PNG", "b/2.png", "b/deeper/1.bmp"
    expected = np.stack([pixels(folder / file).transpose(2, 0, 1) for file in files])
    np.testing.assert_array_equal(data.inputs, expected)
    grey = images(folder, channels=1, classes=("b", "c", "a"))
    assert (grey.inputs.shape, grey.labels.tolist()) == ((3, 1, 6, 8), [2, 0, 0])
    np.testing.assert_array_equal(grey.inputs[0, 0], pixels(folder / "a/x.PNG", "L"))
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 4 * 6, 2))
    nn.fit(model, data, loss=nn.CrossEntropyLoss(), epochs=1, progress=False,
           optimizer=nn.optim.SGD(model.parameters()))  # fmt: skip


def test_sizes_agree_or_are_made_to(folder):
    Image.new("RGB", (4, 4), (255, 0, 0)).save(folder / "b" / "z.png")
    with pytest.raises(ValueError, match=r"z.png: .* \(3, 6, 8\), got \(3, 4, 4\); use size="):
        images(folder)
    data = images(folder, size=(3, 5))
    assert data.inputs.shape == (4, 3, 3, 5)
    assert (data.inputs[-1] == np.array([1.0, 0, 0])[:, None, None]).all()
    assert images(folder, size=2).inputs.shape == (4, 3, 2, 2)


def test_a_photograph_stands_upright(tmp_path):
    (tmp_path / "a").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (8, 4)).save(tmp_path / "a" / "1.png", exif=exif)
    assert images(tmp_path).inputs.shape == (1, 3, 8, 4)


def test_what_is_wrong_is_named(folder, monkeypatch):
    with pytest.raises(ValueError, match=r"x.PNG: height and width must be > 0"):
        images(folder, size=0)
    with pytest.raises(ValueError, match="channels must be 1 or 3, got 4"):
        images(folder, channels=4)
    Image.fromarray(np.full((6, 8), 60_000, np.uint16)).save(folder / "b" / "deep.png")
    with pytest.raises(ValueError, match=r"deep.png: expected 8 bits .* mode I;16"):
        images(folder)
    (folder / "b" / "deep.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(ValueError, match=r"deep.png: cannot identify"):
        images(folder)
    with pytest.raises(ValueError, match="expected a folder of images for each class"):
        images(folder / "b" / "deeper")
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match=r"deep.png|class 'empty', got none"):
        images(folder)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ModuleNotFoundError, match=r"microgradnd\[images\]"):
        images(folder)
