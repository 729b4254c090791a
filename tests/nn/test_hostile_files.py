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
    "backwards": {"weight": entry([2, 3], 48, 0), "bias": B},
    "negative": {"weight": entry([2, 3], -48, 0), "bias": B},
    "beyond the end": {"weight": W, "bias": entry([2], 48, 1 << 62)},
    "too few bytes": {"weight": entry([2, 4], 0, 48), "bias": B},
    "huge": {"weight": entry([1 << 40, 1 << 40], 0, 48), "bias": B},
    "negative shape": {"weight": entry([-2, -3], 0, 48), "bias": B},
    "a boolean as a length": {"weight": entry([True, 6], 0, 48), "bias": B},
    "a text as a shape": {"weight": entry("", 0, 8)},
    "no shape": {"weight": {"dtype": "F64", "data_offsets": [0, 48]}, "bias": B},
    "fraction": {"weight": entry([2, 3], 0.0, 48.0), "bias": B},
    "three offsets": {"weight": {**W, "data_offsets": [0, 24, 48]}, "bias": B},
    "dtype": {"weight": entry([2, 3], 0, 48, "O"), "bias": B},
    "dtype as a list": {"weight": entry([2, 3], 0, 48, ["F64"]), "bias": B},
    "bfloat16": {"weight": entry([2, 3], 0, 48, "BF16"), "bias": B},
    "a list as an entry": {"weight": [1, 2], "bias": B},
    "metadata": {"__metadata__": {"text": {"a": 1}}, "weight": W, "bias": B},
    "a list": [W, B],
    "deep": b"[" * 100_000,
    "a name twice": b'{"weight": 1, "weight": 2}',
    "not Unicode": b"\xff\xfe",
    "a long number": b'{"a": ' + b"9" * 100_000 + b"}",
}


def write_header(path, header, body=bytes(64)):
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + body)


def test_a_header_that_is_good_and_a_body_or_a_length_that_is_not(tmp_path):
    path, net = tmp_path / "file.safetensors", nn.Linear(3, 2)
    write_header(path, {"weight": W, "bias": B})
    assert not nn.load(net, path).weight.numpy().any()
    write_header(path, {"weight": W, "bias": B}, bytes(65))
    refused(net, path, "65")
    for length in (1 << 63, (1 << 64) - 1, 1 << 40, 1 << 20):
        path.write_bytes(struct.pack("<Q", length) + bytes(100))
        assert peak_of(lambda: refused(net, path, str(length))) < 1 << 20  # noqa: B023
    write_header(path, {"a": entry([2], 0, 2, "BOOL")}, b"\x01\x02")
    with pytest.raises(ValueError, match="a: the file is damaged: a boolean"), opened(path) as file:
        file.arrays["a"].read()


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_lie(tmp_path, name):
    path, header = tmp_path / "lie.safetensors", HEADERS[name]
    entries = header.values() if isinstance(header, dict) else ()
    size = max((e["data_offsets"][-1] for e in entries if "data_offsets" in e), default=64)
    write_header(path, header, bytes(int(size) if 0 < size < 1000 else 64))  # nothing else is wrong
    with pytest.raises(ValueError, match=r"lie\.safetensors"), opened(path):
        pass
