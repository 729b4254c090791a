"""The main job: it does what it says, leaves what it promises, and harms nothing."""

import gzip
import itertools
import os
import pathlib
import re
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest

import nn
from microgradnd.draw.image import RenderingError
from nn import __main__ as job
from tests.nn.idx_files import idx
from tests.nn.job import COMMAND, SHIPPED, TINY, history, refused, result, same_run

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def raising(error):
    def function(*_, **__):
        raise error

    return function


FULL = raising(OSError(28, "No space left on device"))


def test_a_run_says_what_it_does_and_leaves_everything(capsys):
    assert job.main([*TINY, "5"]) == 0
    out, err = capsys.readouterr()
    assert "100 images to learn from, 1,000 to test" in out
    assert "784-4-5-10, relu, cross-entropy, 3,225 parameters." in out
    assert re.search(
        r"Gradient: right.* autograd to \de-1\d.* differences of the loss to \de-", out
    )
    assert out.index("Gradient") < out.index("Accuracy") < out.index("In digits: run.json")
    assert "epoch 1/1" in err
    left = sorted(os.listdir("digits"))
    assert left == sorted([*job.NUMBERS, *job.PICTURES])
    for name in left:
        content = pathlib.Path("digits", name).read_bytes()
        magic = {"png": b"\x89PNG", "npz": b"PK", "svg": b"<", "json": b"{"}[name.split(".")[-1]]
        assert content.startswith(magic)


def test_what_is_left_loads_back(capsys, without_pictures):
    job.main([*TINY, "--epochs", "2", "--activation", "tanh"])
    model = nn.Sequential(nn.Linear(784, 4), nn.Tanh(), nn.Linear(4, 10))
    outputs = nn.load(model, "digits/model.npz")(SHIPPED.test.inputs)
    share = nn.accuracy(outputs, SHIPPED.test.labels)
    out, _ = capsys.readouterr()
    assert f"{share:.1%} of the test images" in out
    lines = [line for line in out.splitlines() if re.match(r"\d( +[\d.]+){10}$", line)]
    counts = [[0 if cell == "." else int(cell) for cell in line.split()[1:]] for line in lines]
    np.testing.assert_array_equal(counts, nn.confusion_matrix(outputs, SHIPPED.test.labels))
    assert len(history()) == result()["epochs"] == 2
    assert history().validation_accuracy[-1] == result()["accuracy"] == pytest.approx(share)


def test_the_same_seed_gives_the_same_run(without_pictures):
    for folder, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        job.main([*TINY, "--quiet", "--seed", seed, "--output", folder])
    assert same_run("a", "b")
    assert not same_run("a", "c")


def test_the_options_reach_the_run(without_pictures, monkeypatch):
    seen, fit = {}, nn.fit

    def watched(model, data, **options):
        seen.update(options, model=model, data=data)
        return fit(model, data, **options)

    monkeypatch.setattr(nn, "fit", watched)
    chosen = "--loss quadratic --activation sigmoid --optimizer adam --lr 0.25 --schedule constant"
    job.main([*TINY, "--quiet", "--no-augment", "--batch-size", "7", *chosen.split()])
    kinds = [type(part).__name__ for part in (*seen["model"], seen["loss"], seen["optimizer"])]
    assert kinds == ["Linear", "Sigmoid", "Linear", "Sigmoid", "QuadraticLoss", "Adam"]
    assert seen["optimizer"].param_groups[0]["lr"] == 0.25
    assert (seen["batch_size"], seen["augment"], seen["schedule"]) == (7, None, None)
    assert np.bincount(seen["data"].labels).tolist() == [10] * 10
    job.main([*TINY, "--quiet"])
    assert isinstance(seen["schedule"], nn.optim.lr_scheduler.CosineAnnealingLR)
    assert isinstance(seen["augment"], nn.data.Augment)


CHOICES = [
    *(["--loss", name] for name in job.LOSSES),
    *(["--optimizer", name] for name in job.OPTIMIZERS),
    *(["--activation", name] for name in job.ACTIVATIONS),
    *(["--loss", "quadratic", "--optimizer", name] for name in job.OPTIMIZERS),
]


@pytest.mark.parametrize("choice", CHOICES, ids=" ".join)
def test_every_choice_passes_the_check_and_runs_in_silence(choice, without_pictures, capsys):
    assert job.main([*TINY, "--quiet", *choice]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.heavy
@pytest.mark.parametrize("choice", CHOICES, ids=" ".join)
def test_the_usual_rate_of_every_choice_learns(choice, without_pictures):
    job.main(["--epochs", "10", "--quiet", *choice])
    assert result()["accuracy"] > 0.85


def test_it_learns_and_few_examples_by_heart(without_pictures):
    job.main(["--epochs", "4", "--layers", "30", "--quiet"])
    assert result()["accuracy"] > 0.9
    job.main(["--examples", "100", "--epochs", "60", "--no-augment", "--quiet"])
    assert history().accuracy[-1] == 1.0
    assert 0.5 < history().validation_accuracy[-1] < 0.9


def test_the_help_names_all_that_there_is_and_its_examples_are_understood(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = job.Parser().format_help()
    for names in (job.ACTIVATIONS, job.LOSSES, job.OPTIMIZERS, job.NUMBERS, job.PICTURES):
        assert all(name in text for name in (*names, *job.UNFINISHED))
    assert max(map(len, text.splitlines())) <= 80
    examples = re.findall(r"^  python -m nn (.*)$", text.replace("\\\n", ""), re.MULTILINE)
    assert len(examples) >= 4
    for example in examples:
        job.Parser().parse_args(example.split())


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--epochs 0", "--epochs: must be a whole number above 0, got '0'"),
        ("--epochs 1.5", "--epochs: must be a whole number above 0"),
        ("--lr nan", "--lr: must be a number above 0"),
        ("--lr inf", "--lr"),
        ("--lr -1", "--lr"),
        ("--seed -1", "--seed"),
        ("--layers", "--layers"),
        ("--layers 0", "--layers: must be"),
        ("--layers 99999999999", "allocate"),
        ("--loss hinge", "'hinge'"),
        ("--optimizer sgdd", "'sgdd'"),
        ("--examples 6001", "only 6000"),
        ("--epo 3", "--epo"),
        ("extra", "extra"),
        ("--data nowhere", "nowhere has no train-images"),
        ("--resume", "--resume: there is no unfinished run in digits"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(arguments, words, capsys):
    assert words in refused(capsys, *arguments.split())
    assert os.listdir() == []


def images(count, side=4):
    pixels = np.random.default_rng(0).random((count, side * side))
    return nn.data.Data(pixels, np.arange(count) % 10, map(str, range(10)))


def test_data_of_another_size_is_learnt(capsys, monkeypatch):
    monkeypatch.setattr(nn.data, "mnist", {"mine": (images(20), images(10))}.__getitem__)
    assert job.main(["--data", "mine", "--epochs", "1", "--layers", "3"]) == 0
    assert "16-3-10" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        (images(20), images(20, side=2), "20 of 4 pixels"),
        (images(20), images(0), "0 of 16 pixels"),
        (images(0), images(20), "0 of 16 pixels"),
    ],
)
def test_unusable_data_is_one_line_and_exit_code_2(train, test, words, capsys, monkeypatch):
    monkeypatch.setattr(nn.data, "mnist", lambda folder: (train, test))
    assert words in refused(capsys, "--data", "mine")
    assert os.listdir() == []


def test_a_damaged_file_is_one_line(capsys):
    pathlib.Path("mine").mkdir()
    for part, kind in itertools.product(("train", "t10k"), ("images-idx3", "labels-idx1")):
        damaged = gzip.compress(idx(8, (99,), [1] * 99))[:-8]
        pathlib.Path("mine", f"{part}-{kind}-ubyte.gz").write_bytes(damaged)
    assert "train-images-idx3-ubyte.gz is not a sound IDX file" in refused(capsys, "--data", "mine")


# ---- the folder of results -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "record", "resume"),
    [("model.npz", "run.json", []), ("checkpoint.npz", "checkpoint.json", ["--resume"])],
)
def test_files_from_elsewhere_are_never_overwritten(file, record, resume, capsys):
    thesis = pathlib.Path("digits", file)
    thesis.parent.mkdir()
    thesis.write_text("somebody's thesis")
    for more in ([], resume):
        assert f"has {file} from elsewhere" in refused(capsys, *more)
    pathlib.Path("digits", record).write_text('{"made_by": "somebody"}')
    assert f"has {record}, {file} from elsewhere" in refused(capsys)
    assert thesis.read_text() == "somebody's thesis"
    assert len(os.listdir("digits")) == 2


def test_a_later_run_replaces_an_earlier_one_and_other_files_stay(monkeypatch, capsys):
    pathlib.Path("digits").mkdir()
    pathlib.Path("digits/notes.txt").write_text("mine")
    job.main([*TINY, "--quiet"])
    earlier = pathlib.Path("digits/model.npz").read_bytes()
    monkeypatch.setattr(job, "draw", raising(RenderingError("a picture needs Graphviz")))
    assert job.main([*TINY, "--seed", "5"]) == 0
    assert "Not made: graph.svg: a picture needs Graphviz" in capsys.readouterr().out
    assert pathlib.Path("digits/model.npz").read_bytes() != earlier
    assert not pathlib.Path("digits/graph.svg").exists()  # it would be that of another run
    assert pathlib.Path("digits/curves.png").exists()
    assert pathlib.Path("digits/notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("folder", "owner", "step"),
    [
        ("file", None, ""),
        ("file/below", None, ""),
        ("a", pathlib.Path, "mkdir"),
        ("a", job, "_write_record"),
    ],
)
def test_a_folder_that_cannot_be_written_to_is_named(folder, owner, step, capsys, monkeypatch):
    pathlib.Path("file").write_text("")
    if owner:
        monkeypatch.setattr(owner, step, raising(PermissionError(13, "Permission denied")))
    assert f"--output {folder} cannot be written to: " in refused(capsys, "--output", folder)


@pytest.mark.parametrize(
    ("owner", "name", "what"), [(nn, "save", "results"), (nn.Checkpoint, "save", "checkpoint")]
)
def test_a_full_disk_is_one_line(owner, name, what, capsys, monkeypatch):
    monkeypatch.setattr(owner, name, FULL)
    words = refused(capsys, "--quiet")
    assert f"the {what} cannot be saved: [Errno 28] No space left on device" in words


def test_without_matplotlib_it_says_how_to_get_it_and_goes_on(capsys, monkeypatch):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "nn.look.plots.figure", raising=False)
    assert job.main(TINY) == 0
    out, _ = capsys.readouterr()
    assert "Not made: curves.png, layers.png" in out
    assert 'pip install "microgradnd[plots]"' in out
    assert {*os.listdir("digits")} - {"graph.svg"} == {*job.NUMBERS}


# ---- when something is wrong on the way ----------------------------------------------------------


def test_a_wrong_gradient_is_not_trained_with(capsys, monkeypatch):
    linear = nn.Linear.forward
    monkeypatch.setattr(  # a layer whose gradient is not that of what it computes
        nn.Linear, "forward", lambda self, x: linear(self, x) + 0.1 * self.weight.detach().sum()
    )
    assert job.main(TINY) == 1
    assert "check_backprop: WRONG" in capsys.readouterr().err
    assert os.listdir("digits") == []


def test_a_run_that_explodes_leaves_nothing_to_go_on_with(capsys):
    assert job.main([*TINY, "--epochs", "5", "--lr", "1e300"]) == 1
    assert os.listdir("digits") == []
    err = capsys.readouterr().err
    assert "try a smaller --lr" in err
    assert "Traceback" not in err


def test_what_is_noticed_is_said_after_training(capsys, monkeypatch, without_pictures):
    def warned(*arguments, fit=nn.fit, **options):
        warnings.warn("a unit sleeps", stacklevel=1)
        return fit(*arguments, **options)

    monkeypatch.setattr(nn, "fit", warned)
    job.main(TINY)
    assert capsys.readouterr().err.splitlines()[-1] == "Noticed: a unit sleeps"
    job.main([*TINY, "--quiet"])
    assert capsys.readouterr().err == ""


# ---- as a process --------------------------------------------------------------------------------


def test_as_a_process_with_its_output_in_a_file(environment, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    command = [*COMMAND, "--output", "Übung"]
    done = subprocess.run(command, capture_output=True, timeout=300, check=True)
    assert b"Accuracy" in done.stdout
    assert b"\\xdcbung" in done.stdout
    assert b"epoch 1/1" in done.stderr
    assert b"Traceback" not in done.stderr
    assert {*os.listdir("Übung")} == {*job.NUMBERS, *job.PICTURES}


def test_nobody_reading_is_no_reason_for_a_traceback(environment):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*COMMAND, "--epochs", "3"], **pipes) as process:
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(300) == 1
    assert b"Traceback" not in err
    assert b"Broken" not in err


@pytest.mark.skipif(os.name != "posix", reason="signals are sent otherwise elsewhere")
def test_ctrl_c_ends_it_cleanly_and_saves_what_was_learnt(environment):
    command = [sys.executable, "-m", "nn", "--epochs", "100000", "--layers", "10", "--no-augment"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        seen = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert "epoch 1/100000" in seen
    assert process.returncode == 130
    assert "Interrupted" in out
    assert "Traceback" not in err
    assert result()["stopped"] == "interrupted"
    assert len(history()) >= 1
    nn.load(nn.Sequential(nn.Linear(784, 10), nn.ReLU(), nn.Linear(10, 10)), "digits/model.npz")
    assert pathlib.Path("digits/curves.png").exists()
