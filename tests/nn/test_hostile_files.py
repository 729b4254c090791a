"""Files made to do harm are refused, and take no memory."""

import io
import json
import os
import struct
import zipfile

import pytest

import nn
from nn.files.named_arrays import opened
from tests.nn.saved import npy, peak_of, refused

WEIGHT, BIAS = npy((2, 3), bytes(48)), npy((2,), bytes(16))
LONG = bytes(1 << 26)
# Members of zip files that are refused, and what the error names. A name in a tuple is there twice.
ZIPS = {
    "a bomb": ([("weight.npy", npy((1 << 23,), LONG))], ["weight", "(2, 3)"]),
    "a bomb behind a right shape": ([("weight.npy", npy((2, 3), LONG))], ["weight", "bytes"]),
    "a bomb in a header": (
        [("weight.npy", npy((2, 3), bytes(48), version=2, pad=1 << 26))],
        ["weight"],
    ),
    "a bomb in the text": ([("text.json", LONG)], ["text"]),
    "a byte": ([("weight.npy", npy("(True,)", b"1", "|u1"))], ["numbers of 1 bytes"]),
    "twice": ([("weight.npy", WEIGHT)] * 2, ["twice"]),
    "ZIP_BZIP2": ([("weight.npy", WEIGHT)], ["compressed"]),
    "ZIP_LZMA": ([("weight.npy", WEIGHT)], ["compressed"]),
    "version": ([("weight.npy", npy((2, 3), bytes(48), version=3))], ["version 1 or 2"]),
    **{
        f"name {name}": ([(name, WEIGHT)], [])
        for name in ("../../weight.npy", "/weight.npy", "weight", "__import__.npy")
    },
    **{
        f"shape {shape}": ([("weight.npy", npy(shape, bytes(48)))], ["weight"])
        for shape in ("(99999999999, 99999999999)", "(-2, -3)", "(2, 3.0)", "'x'", "(2,) * 3", "()")
    },
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ZIPS)
def test_zip_files_that_lie_take_no_memory(tmp_path, kind):
    path, (members, words) = tmp_path / "lie.npz", ZIPS[kind]
    with zipfile.ZipFile(path, "w", getattr(zipfile, kind, zipfile.ZIP_DEFLATED)) as archive:
        for name, content in [*members, ("bias.npy", BIAS)]:
            archive.writestr(name, content)
    assert peak_of(lambda: refused(nn.Linear(3, 2), path, *words)) < 1 << 21
    assert os.listdir(tmp_path) == [path.name]


def test_members_that_overlap(tmp_path):
    path, inner, outer = tmp_path / "nested.npz", io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("b.npy", npy((1 << 15,), bytes(1 << 18)))
        b = archive.getinfo("b.npy")
    content = npy((inner.tell(),), inner.getvalue(), "|u1")
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("a.npy", content)
        b.header_offset = outer.tell() - inner.tell()  # in the middle of a
        archive.filelist.append(b)
    path.write_bytes(outer.getvalue())
    with pytest.raises(ValueError, match="overlap"), opened(path):
        pass


def entry(shape, begin, end, dtype="F64"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


W, B = entry([2, 3], 0, 48), entry([2], 48, 64)
HEADERS = {
    "overlap": {"weight": W, "bias": entry([2], 40, 56)},
    "gap": {"weight": W, "bias": entry([2], 56, 72)},
    "beyond the end": {"weight": W, "bias": entry([2], 48, 1 << 62)},
    "huge": {"weight": entry([1 << 40, 1 << 40], 0, 48), "bias": B},
    "negative shape": {"weight": entry([-2, -3], 0, 48), "bias": B},
    "bfloat16": {"weight": entry([2, 12], 0, 48, "BF16"), "bias": B},
    "a list": [W, B],
}


@pytest.mark.parametrize("kind", HEADERS)
def test_safetensors_that_lie_take_no_memory(tmp_path, kind):
    path, header = tmp_path / "lie.safetensors", json.dumps(HEADERS[kind]).encode()
    for length in (len(header), 1 << 63, 1 << 40):
        path.write_bytes(struct.pack("<Q", length) + header + bytes(64))
        assert peak_of(lambda: refused(nn.Linear(3, 2), path)) < 1 << 20
