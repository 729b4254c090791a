"""What a training writes down for other programs is what is in its history."""

import csv
import struct
import sys

import pytest

import nn
from tests.nn.runs import HELD_OUT, Killed, at, trained

SHOWN = {"validation": HELD_OUT, "metrics": ["f1"], "epochs": 4}


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_csv_file_has_the_history_also_after_a_kill(tmp_path):
    path, kept = tmp_path / "log.csv", tmp_path / "run.npz"
    path.write_text("of an earlier run")
    keeper = nn.Checkpoint(kept, steps=1)
    with pytest.raises(Killed):
        trained(**SHOWN, callbacks=[nn.CSVLogger(path), at(14, Killed)], checkpoint=keeper)
    assert [row["epoch"] for row in rows(path)] == ["1", "2"]
    options = {"callbacks": [nn.CSVLogger(path), at(0, id)], "checkpoint": kept, "resume": True}
    _, history = trained(**SHOWN, **options)
    found = rows(path)
    assert [int(row["epoch"]) for row in found] == [1, 2, 3, 4]
    assert [float(row["f1"]) for row in found] == history.metrics["f1"]
    for name in ("loss", "accuracy", "validation_loss", "validation_accuracy", "rate", "seconds"):
        assert [float(row[name]) for row in found] == getattr(history, name)


def events(folder):
    """The scalars in TensorBoard's files: records of a length, a checksum, an event, a checksum."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            event = Event.FromString(content[12 : 12 + length])
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
            content = content[16 + length :]
    return found


def test_tensorboard_has_the_history_and_the_layers(tmp_path):
    pytest.importorskip("tensorboardX")
    kept, board = tmp_path / "run.npz", nn.TensorBoard(tmp_path / "runs")
    keeper = nn.Checkpoint(kept, steps=1)
    with pytest.raises(Killed):
        trained(**SHOWN, callbacks=[board, at(14, Killed)], checkpoint=keeper)
    again = {"callbacks": [board, at(0, id)], "checkpoint": kept, "resume": True}
    _, history = trained(**SHOWN, **again)
    found = events(tmp_path / "runs")
    for name in ("loss", "accuracy", "validation_loss", "validation_accuracy", "rate"):
        assert list(found[name]) == [1, 2, 3, 4]
        assert list(found[name].values()) == pytest.approx(getattr(history, name))
    assert list(found["f1"].values()) == pytest.approx(history.metrics["f1"])
    gradient = history.health["0 (Linear)"]["gradient"]
    assert list(found["gradient/0__Linear_"].values()) == pytest.approx(gradient)


def test_without_tensorboardx_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ModuleNotFoundError, match=r"microgradnd\[tensorboard\]"):
        trained(callbacks=[nn.TensorBoard()])
