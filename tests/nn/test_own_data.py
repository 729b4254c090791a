"""The main job on one's own data: tables and folders of images."""

import pathlib

import numpy as np
import pytest

import nn
from nn import __main__ as job
from nn.data import Columns, Standardise
from tests.nn.test_main import in_an_empty_folder, result, without_pictures  # noqa: F401

RNG = np.random.default_rng(3)
SHORT = ["--epochs", "30", "--layers", "8", "--quiet"]

pytestmark = pytest.mark.usefixtures("in_an_empty_folder", "without_pictures")


def flowers(file="flowers.csv"):
    """A table with holes, whose kind is decided by a number and a word."""
    lines = ["length;colour;id;kind"]
    for number in range(200):
        length, colour = RNG.normal(), RNG.choice(["red", "blue"])
        kind = f"{'long' if length > 0 else 'short'}-{colour}"
        lines.append(f"{length if number % 20 else 'NA'};{colour};p{number};{kind}")
    pathlib.Path(file).write_text("\n".join(lines))
    return file


def test_a_table_of_classes_is_learnt_and_loads_back_with_its_preparation(capsys):
    assert job.main(["--data", flowers(), *SHORT[:-1]]) == 0
    out, _ = capsys.readouterr()
    assert "160 rows to learn from, 40 to test" in out
    assert "Columns: length (number), colour (category), id (skip)." in out
    assert "A row for each class" in out
    assert result("trained")["accuracy"] > 0.85
    columns, scaler = Columns(), Standardise()
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4))
    nn.load(model, "trained/model.npz", columns, scaler)
    answers = nn.predict(model, scaler(columns([["2.5", "red", "x"], ["-2", "blue", "y"]])))
    assert [columns.classes[k] for k in answers.argmax(1)] == ["long-red", "short-blue"]


def test_a_table_of_numbers_is_predicted_in_its_own_units(capsys):
    x = RNG.normal(size=(300, 2))
    y = 1000 + 50 * (x @ [1, -2])
    np.savetxt("n.csv", np.column_stack([x, y]), delimiter=",", header="a,b,y", comments="")
    assert job.main(["--data", "n.csv", "--label", "y", *SHORT[:-1]]) == 0
    out, _ = capsys.readouterr()
    assert "squares" in out
    assert result("trained")["r2"] > 0.97
    assert f"The typical error is {result('trained')['error']:.4g}" in out
    columns, scaler, targets = Columns(), Standardise(), Standardise()
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    nn.load(model, "trained/model.npz", columns, scaler, targets)
    found = targets.inverse(nn.predict(model, scaler(columns([["1", "-1"]]))))
    assert found.item() == pytest.approx(1150, abs=40)


def test_what_is_skipped_is_said(capsys):
    rows = [f"{k}.{k % 8};{k + 1}.02.24;{k}.5" for k in range(40)]
    pathlib.Path("t.csv").write_text("\n".join(["x;when;y", *rows]))
    job.main(["--data", "t.csv", *SHORT[:-1]])
    out, _ = capsys.readouterr()
    assert "Columns: x (number), when (skip). To change one: --columns NAME=KIND.\n" in out
    assert "squares" in out


def test_whole_numbers_are_classes_unless_they_are_to_be_predicted():
    lines = [f"{RNG.normal() + label},{label}" for label in [3, 10, 7] * 40]
    pathlib.Path("w.csv").write_text("\n".join(lines))
    columns, scaler = Columns(), Standardise()
    job.main(["--data", "w.csv", *SHORT])
    model = nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 3))
    nn.load(model, "trained/model.npz", columns, scaler)
    assert columns.classes == ("3", "7", "10")
    assert result("trained")["accuracy"] > 0.6
    assert nn.data.csv("w.csv", columns=columns).labels[:3].tolist() == [0, 2, 1]
    job.main(["--data", "w.csv", "--numbers", *SHORT])
    assert result("trained")["r2"] > 0.5


@pytest.mark.parametrize("parts", [("",), ("train", "test")])
def test_a_folder_of_images_is_learnt(parts, capsys):
    image = pytest.importorskip("PIL.Image")
    for part in parts:
        for name, colour in ("day", 220), ("night", 30):
            folder = pathlib.Path("skies", part, name)
            folder.mkdir(parents=True)
            for number in range(20):
                noise = RNG.integers(-20, 20, (9, 9)) + colour
                image.fromarray(noise.astype(np.uint8)).save(folder / f"{number}.png")
    assert job.main(["--data", "skies", "--size", "6", *SHORT[:-1]]) == 0
    sizes = "40 images to learn from, 40" if len(parts) == 2 else "32 images to learn from, 8"
    assert f"{sizes} to test" in capsys.readouterr().out
    assert result("trained")["accuracy"] == 1
    job.main(["--data", "skies", "--size", "6", "--colour", "--output", "colours", *SHORT])
    assert np.load("colours/model.npz")["0.weight"].shape == (8, 108)


def labelled(*labels, x="1"):
    """A table with these labels, behind the same number."""
    pathlib.Path("t.csv").write_text("\n".join(["x;y", *(f"{x};{label}" for label in labels)]))
    return "t.csv"


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (flowers, ["--label", "size"], "expected one column 'size'"),
        (flowers, ["--columns", "colour"], "expected NAME=KIND, got colour"),
        (flowers, ["--columns", "colour=words"], "column 'colour': expected number, category"),
        (flowers, ["--columns", "color=skip"], "names 'color'"),
        (flowers, ["--augment"], "--augment changes digits and images"),
        (flowers, ["--label", "length", "--loss", "quadratic"], "expected a label|is for classes"),
        (flowers, ["--examples", "161"], "there are only 160"),
        (flowers, ["--data", "nowhere.csv"], "nowhere.csv"),
        (lambda: labelled(*(f"{k},000" for k in range(100, 130))), [], "got 30 among 30: 100,000, 101,000"),
        (lambda: labelled(*["a"] * 30), [], "got 1 among 30: a"),
        (lambda: labelled(*["a", "b"] * 15), ["--numbers"], "--numbers predicts numbers"),
        (lambda: labelled(*["a", "b"] * 15, x="2,5"), [], "line 2: column 'x': expected a number, got '2,5' (write"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(make, options, words, capsys):
    with pytest.raises(SystemExit, match="2"):
        job.main(["--data", make(), *SHORT, *options])
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert any(word in err for word in words.split("|"))
