"""What a training writes down for other programs is what is in its history."""

import csv
import struct
import sys

import pytest

import nn
from tests.nn.runs import HELD_OUT, Killed, at, trained


def rows(path):
    """The columns of a CSV file, by epoch."""
    with open(path, newline="") as file:
        found = list(csv.DictReader(file))
    return {
        name: {int(row["epoch"]): float(row[name]) for row in found}
        for name in found[0]
        if name != "epoch"
    }


def events(folder):
    """The scalars in TensorBoard's files: records of a length, a checksum, an event, a checksum."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    found = {}
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            event = event_pb2.Event.FromString(content[12 : 12 + length])
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
            content = content[16 + length :]
    return found


@pytest.mark.parametrize(
    ("logger", "read", "rel"), [(nn.CSVLogger, rows, 0), (nn.TensorBoard, events, 1e-6)]
)
def test_what_is_written_is_the_history_also_after_a_kill(tmp_path, logger, read, rel):
    path, kept = tmp_path / "log", tmp_path / "run.npz"
    options = {"validation": HELD_OUT, "metrics": ["f1"], "epochs": 4}
    if logger is nn.CSVLogger:
        path.write_text("of an earlier run")
    keeper = nn.Checkpoint(kept, steps=1)
    with pytest.raises(Killed):
        trained(**options, callbacks=[logger(path), at(14, Killed)], checkpoint=keeper)
    assert logger is nn.TensorBoard or list(rows(path)["f1"]) == [1, 2]
    options |= {"callbacks": [logger(path), at(0, id)], "checkpoint": kept, "resume": True}
    _, history = trained(**options)
    found, shown = read(path), history.arrays().items()
    expected = {n.removeprefix("metrics/"): a.tolist() for n, a in shown if "health/" not in n}
    if logger is nn.TensorBoard:
        expected["gradient/0__Linear_"] = history.health["0 (Linear)"]["gradient"]
    for name, values in expected.items():
        assert found[name] == pytest.approx(dict(enumerate(values, 1)), rel=rel)


def test_without_tensorboardx_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ModuleNotFoundError, match=r"microgradnd\[tensorboard\]"):
        trained(callbacks=[nn.TensorBoard()])
