"""The main job: it does what it says, harms nothing, and goes on after an end to the same end."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest.mock
import warnings

import numpy as np
import pytest

import nn
from microgradnd.draw.image import RenderingError
from nn import __main__ as job

TINY = ["--examples", "100", "--epochs", "1", "--layers", "4"]
LONGER = [*TINY, "--epochs", "3"]  # of four steps each
COMMAND = [sys.executable, "-m", "nn", *TINY]
SHIPPED = nn.data.digits()
PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    """With the shipped data at hand, and the packages in reach of processes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nn.data.own_data.digits", lambda: SHIPPED)
    here = pathlib.Path(nn.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(here), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def without_pictures(monkeypatch):
    """They take most of the time of a tiny run."""
    monkeypatch.setattr(job, "PICTURES", {})


def result(folder="digits"):
    return json.loads(pathlib.Path(folder, "run.json").read_text())["result"]


def history(folder="digits"):
    return nn.History.from_arrays(dict(np.load(f"{folder}/history.npz")))


def same_run(*folders):
    """Whether two folders have the same model and the same history."""
    models = [dict(np.load(f"{folder}/model.npz")) for folder in folders]
    one, other = ({name: array.tobytes() for name, array in model.items()} for model in models)
    ends = [(history(folder).loss, result(folder)) for folder in folders]
    return one == other and ends[0] == ends[1]


def refused(capsys, *arguments):
    """The one line that says what is wrong."""
    with pytest.raises(SystemExit) as leaving:
        job.main([*TINY, *arguments])
    out, err = capsys.readouterr()
    assert (leaving.value.code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("python -m nn: ")
    return err


def left(folder="digits"):
    return sorted(name for name in os.listdir(folder) if not name.endswith(".part"))


def raising(error):
    return unittest.mock.Mock(side_effect=error)


def test_a_run_says_what_it_does_and_leaves_everything(capsys):
    assert job.main([*TINY, "5"]) == 0
    out, err = capsys.readouterr()
    assert "100 images to learn from, 1,000 to test" in out
    assert "784-4-5-10, relu, cross-entropy, 3,225 parameters." in out
    right = r"Gradient: right.* autograd to \de-1\d.* differences of the loss to \de-"
    assert re.search(right, out)
    assert out.index("Gradient") < out.index("Accuracy") < out.index("In digits: run.json")
    assert "epoch 1/1" in err
    assert left() == sorted([*job.NUMBERS, *job.PICTURES])
    magic = {"png": b"\x89PNG", "npz": b"PK", "svg": b"<", "json": b"{"}
    for path in pathlib.Path("digits").iterdir():
        assert path.read_bytes().startswith(magic[path.suffix[1:]])


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


def images(count, side=4):
    pixels = np.random.default_rng(0).random((count, side * side))
    return nn.data.Data(pixels, np.arange(count) % 10, map(str, range(10)))


def of(train, test):
    return "nn.data.own_data.mnist", lambda: (train, test)


DENIED = raising(PermissionError(13, "Permission denied"))
FULL = raising(OSError(28, "No space left on device"))


@pytest.mark.parametrize(("arguments", "words", "patch"), [
    ("--epochs 0", "--epochs: must be a whole number above 0, got '0'", ()),
    ("--lr nan", "--lr: must be a number above 0", ()),
    ("--lr inf", "--lr", ()),
    ("--seed -1", "--seed", ()),
    ("--layers", "--layers", ()),
    ("--layers 0", "--layers: must be", ()),
    ("--layers 99999999999", "allocate", ()),
    ("--loss hinge", "'hinge'", ()),
    ("--examples 6001", "only 6000", ()),
    ("--epo 3", "--epo", ()),
    ("--data nowhere", "nowhere: there is no such file or folder", ()),
    ("--epochs 1 nowhere.csv", "use --data nowhere.csv", ()),
    ("--learning-rate 0.1", "use --lr", ()),
    ("--label y", "are for CSV files", ()),
    ("--data mnist", "20 of 4 pixels", of(images(20), images(20, side=2))),
    ("--data mnist", "0 of 16 pixels", of(images(20), images(0))),
    ("--data mnist", "0 of 16 pixels", of(images(0), images(20))),
    ("--resume", "--resume: there is no unfinished run in digits", ()),
    ("--output file", "--output file cannot be written to: ", ()),
    ("--output file/below", "--output file/below cannot be written to: ", ()),
    ("", "--output digits cannot be written to: ", (pathlib.Path, "mkdir", DENIED)),
    ("", "--output digits cannot be written to: ", (job, "_write_record", DENIED)),
    ("--quiet", "the results cannot be saved: [Errno 28] No space left", (nn, "save", FULL)),
    ("--quiet", "the checkpoint cannot be saved: [Errno 28]", (nn.Checkpoint, "save", FULL)),
])  # fmt: skip
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    arguments, words, patch, capsys, monkeypatch
):
    pathlib.Path("file").write_text("")
    if patch:
        monkeypatch.setattr(*patch)
    assert words in refused(capsys, *arguments.split())
    assert os.listdir() == ["file"] or patch


@pytest.mark.parametrize("names", [("run.json", "model.npz"), job.UNFINISHED])
def test_files_from_elsewhere_are_never_overwritten(names, capsys):
    record, thesis = (pathlib.Path("digits", name) for name in names)
    thesis.parent.mkdir()
    thesis.write_text("somebody's thesis")
    for options in ([], ["--resume"]):
        assert f"has {thesis.name} from elsewhere" in refused(capsys, *options)
    record.write_text('{"made_by": "somebody"}')
    assert f"has {record.name}, {thesis.name} from elsewhere" in refused(capsys)
    assert thesis.read_text() == "somebody's thesis"
    assert len(left()) == 2


def test_a_later_run_replaces_an_earlier_one_and_says_why_pictures_are_missing(monkeypatch, capsys):
    pathlib.Path("digits").mkdir()
    pathlib.Path("digits/notes.txt").write_text("mine")
    job.main([*TINY, "--quiet"])
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "nn.look.plots.figure", raising=False)
    monkeypatch.setattr(job, "draw", raising(RenderingError("a picture needs Graphviz")))
    monkeypatch.setattr(*of(images(20), images(10)))
    assert job.main(["--data", "mnist", "--epochs", "1", "--layers", "3"]) == 0
    out, _ = capsys.readouterr()
    assert "16-3-10" in out
    assert re.search(r'Not made: curves.png, layers.png.*pip install "microgradnd\[plots\]"', out)
    assert "Not made: graph.svg: a picture needs Graphviz" in out
    assert left() == sorted(["notes.txt", *job.NUMBERS])  # older pictures are of another run
    assert pathlib.Path("digits/notes.txt").read_text() == "mine"
    assert np.load("digits/model.npz")["0.weight"].shape == (3, 16)


def test_a_wrong_gradient_is_not_trained_with_and_a_run_that_explodes_leaves_nothing(
    capsys, monkeypatch
):
    assert job.main([*TINY, "--epochs", "5", "--lr", "1e300"]) == 1
    err = capsys.readouterr().err
    assert "try a smaller --lr" in err
    assert "Traceback" not in err
    linear = nn.Linear.forward
    monkeypatch.setattr(  # a layer whose gradient is not that of what it computes
        nn.Linear, "forward", lambda self, x: linear(self, x) + 0.1 * self.weight.detach().sum()
    )
    assert job.main(TINY) == 1
    assert "check_backprop: WRONG" in capsys.readouterr().err
    assert left() == []


def test_what_is_noticed_is_said_after_training(capsys, monkeypatch, without_pictures):
    def warned(*arguments, fit=nn.fit, **options):
        warnings.warn("a unit sleeps", stacklevel=1)
        return fit(*arguments, **options)

    monkeypatch.setattr(nn, "fit", warned)
    job.main(TINY)
    assert capsys.readouterr().err.splitlines()[-1] == "Noticed: a unit sleeps"
    job.main([*TINY, "--quiet"])
    assert capsys.readouterr().err == ""


def test_as_a_process_with_its_output_in_a_file(monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    command = [*COMMAND, "--output", "Übung"]
    done = subprocess.run(command, capture_output=True, timeout=300, check=True)
    assert b"\\xdcbung" in done.stdout
    assert b"epoch 1/1" in done.stderr
    assert left("Übung") == sorted([*job.NUMBERS, *job.PICTURES])


def test_nobody_reading_is_no_reason_for_a_traceback():
    with subprocess.Popen([*COMMAND, "--epochs", "3"], **PIPES) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 1
    assert b"Traceback" not in err


@pytest.mark.skipif(os.name != "posix", reason="signals are sent otherwise elsewhere")
def test_ctrl_c_ends_it_cleanly_and_saves_what_was_learnt():
    endless = [*COMMAND, "--epochs", "100000"]
    with subprocess.Popen(endless, text=True, **PIPES) as process:
        seen = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert ("epoch 1/100000" in seen, process.returncode) == (True, 130)
    assert "Interrupted" in out
    assert "Traceback" not in err
    assert (result()["stopped"], len(history()) >= 1) == ("interrupted", True)
    assert {*job.PICTURES, *job.UNFINISHED} <= {*left()}


KILLED = """
import os, signal, sys
from nn import Checkpoint, __main__ as job

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

job.SECONDS = 0  # a checkpoint after each step
job.PICTURES = {}
step, move, write, forget = Checkpoint.after_step, os.replace, job._write_record, job._forget
"""
WHERE = {  # and how many steps are left to do; of the moves, the first is that of the options
    "Checkpoint.after_step = lambda self, run: step(self, run) or run.step == 6 and die()": 6,
    "count = iter(range(5)); os.replace = lambda *p: die() if next(count, 9) > 4 else move(*p)": 9,
    "job._write_record = lambda path, new: die() if 'result' in new else write(path, new)": 0,
    "job.write = die": 0,
    "job._forget = lambda path: die() if (path / 'run.json').exists() else forget(path)": 0,
}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes end otherwise elsewhere")
@pytest.mark.parametrize("where", WHERE)
def test_a_run_that_was_killed_goes_on(where, without_pictures, capsys, monkeypatch):
    command = [sys.executable, "-c", f"{KILLED}{where}\njob.main(sys.argv[1:])", *LONGER]
    assert subprocess.run(command, capture_output=True, timeout=300).returncode == -signal.SIGKILL
    assert {*job.UNFINISHED} <= {*left()}
    steps = []
    monkeypatch.setattr(nn.Checkpoint, "after_step", lambda self, run: steps.append(run.step))
    assert job.main([*LONGER, "--resume"]) == 0
    assert steps == list(range(13 - WHERE[where], 13))
    assert "Going on with the run in digits" in capsys.readouterr().out
    assert left() == sorted(job.NUMBERS)
    job.main([*LONGER, "--quiet", "--output", "in-one-go"])
    assert same_run("digits", "in-one-go")
    assert len(history()) == 3


def stopped(error=KeyboardInterrupt, after_step=nn.Checkpoint.after_step):
    """A run that ends after five steps, with what it leaves."""

    def stop(self, run):
        after_step(self, run)
        if run.step == 5:
            raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Checkpoint, "after_step", stop)
        patch.setattr(job, "SECONDS", 0)
        return job.main([*LONGER, "--quiet"])


def test_after_ctrl_c_it_also_goes_on_but_not_with_other_options(without_pictures, capsys):
    assert stopped() == 130
    assert result()["epochs"] == 1
    before = {file: file.read_bytes() for file in pathlib.Path("digits").iterdir()}
    for other, words in [
        ("--epochs 3 --layers 5", "was begun with layers = [4], not [5]"),
        ("--epochs 4", "epochs = 3, not 4"),
        ("--epochs 3 --no-augment", "augment = None, not False"),
        ("--epochs 3 --lr 0.5", "lr = None, not 0.5"),
    ]:
        assert words in refused(capsys, "--resume", *other.split())
    assert before == {file: file.read_bytes() for file in pathlib.Path("digits").iterdir()}
    assert {*job.UNFINISHED} <= {*left()}
    assert job.main([*LONGER, "--quiet", "--resume"]) == 0
    job.main([*LONGER, "--quiet", "--output", "in-one-go"])
    assert same_run("digits", "in-one-go")
    assert "no unfinished run" in refused(capsys, "--resume")


def test_a_damaged_checkpoint_is_one_line(without_pictures, capsys):
    stopped()
    file = pathlib.Path("digits/checkpoint.npz")
    for content in (file.read_bytes()[:-100], pathlib.Path("digits/model.npz").read_bytes()):
        file.write_bytes(content)
        assert "checkpoint.npz: " in refused(capsys, *LONGER, "--quiet", "--resume")
    file.unlink()
    assert "no unfinished run" in refused(capsys, *LONGER, "--quiet", "--resume")


def test_a_new_run_begins_anew_where_one_was_killed(without_pictures):
    with pytest.raises(RuntimeError):
        stopped(error=RuntimeError)
    assert left() == sorted(job.UNFINISHED)
    assert job.main([*TINY, "--quiet"]) == 0
    assert (result()["epochs"], left()) == (1, sorted(job.NUMBERS))


def test_it_learns_and_few_examples_by_heart(without_pictures):
    job.main(["--epochs", "4", "--layers", "30", "--quiet"])
    assert result()["accuracy"] > 0.9
    job.main(["--examples", "100", "--epochs", "60", "--no-augment", "--quiet"])
    assert history().accuracy[-1] == 1.0
    assert 0.5 < history().validation_accuracy[-1] < 0.9
