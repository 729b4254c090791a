"""Saved models and checkpoints: what comes back, and what damaged or made-up files can do."""

import io
import json
import os
import pathlib
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import nn
from nn.files import load, save
from nn.files.named_arrays import opened, write
from nn.files.state import pack, unlike, unpack

FORMS = [".npz", ".safetensors"]


def model(seed=0):
    nn.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3).astype(np.float32)
    )


def same(one, other):
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name])
        for name in one
    )


@pytest.fixture(params=FORMS)
def path(request, tmp_path):
    return tmp_path / f"model{request.param}"


def refused(net, path, *words):
    """Loading raises a ValueError with the path and these words, and the model is as it was."""
    before = net.state_dict()
    with pytest.raises(ValueError, match=path.name) as caught:
        load(net, path)
    for word in words:
        assert word in str(caught.value)
    assert same(net.state_dict(), before)


# ---- what is saved comes back --------------------------------------------------------------------


def test_a_model_comes_back_bit_for_bit(path):
    one, other = model(0), model(1)
    one(np.random.default_rng(0).normal(size=(4, 1, 4, 4)))  # moves the running statistics
    save(one, path)
    assert load(other, path) is other
    assert same(one.state_dict(), other.state_dict())
    assert os.listdir(path.parent) == [path.name]


def test_numpy_reads_what_is_saved(tmp_path):
    net = model()
    save(net, tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz", allow_pickle=False) as file:
        assert same(dict(file), net.state_dict())


def parsed(data):
    """A .safetensors file as its description has it, by another hand."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    kinds = {"F64": "<f8", "F32": "<f4", "I64": "<i8"}
    return {
        name: np.frombuffer(body[slice(*entry["data_offsets"])], kinds[entry["dtype"]]).reshape(
            entry["shape"]
        )
        for name, entry in header.items()
    }


def test_safetensors_are_written_as_described(tmp_path):
    net = model()
    save(net, tmp_path / "model.safetensors")
    data = (tmp_path / "model.safetensors").read_bytes()
    assert same(parsed(data), net.state_dict())
    assert struct.unpack("<Q", data[:8])[0] % 8 == 0  # so that arrays are aligned


def test_the_safetensors_library_agrees(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    net, other = model(0), model(1)
    save(net, tmp_path / "ours.safetensors")
    assert same(safetensors.load_file(tmp_path / "ours.safetensors"), net.state_dict())
    safetensors.save_file(net.state_dict(), tmp_path / "theirs.safetensors", {"format": "pt"})
    assert same(load(other, tmp_path / "theirs.safetensors").state_dict(), net.state_dict())


@pytest.mark.parametrize("savez", [np.savez, np.savez_compressed])
def test_files_of_numpy_are_read(tmp_path, savez):
    net, other = model(0), model(1)
    state = {name: np.array(array, order="F") for name, array in net.state_dict().items()}
    savez(tmp_path / "model.npz", **state)
    assert same(load(other, tmp_path / "model.npz").state_dict(), net.state_dict())


def test_big_endian_numbers_are_read(path):
    layer, other = nn.Linear(3, 2), nn.Linear(3, 2)
    write(path, {name: array.astype(">f8") for name, array in layer.state_dict().items()})
    assert same(load(other, path).state_dict(), layer.state_dict())


@pytest.mark.parametrize("array", [np.zeros((0, 3)), np.array(2.5), np.array([True, False])])
def test_arrays_of_every_shape_come_back(path, array):
    write(path, {"a": array}, "text")
    with opened(path) as file:
        assert file.text == "text"
        assert same({"a": file.arrays["a"].read()}, {"a": array})


# ---- a file is there whole or not at all ---------------------------------------------------------


def test_what_was_there_stays_when_writing_fails(path):
    net = model(0)
    save(net, path)
    before = path.read_bytes()
    with pytest.raises(ValueError):  # noqa: PT011
        write(path, {"good": np.zeros(1000), "bad": np.array([object()])})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_the_new_file_is_complete_before_it_replaces_the_old(path, monkeypatch):
    seen = []
    replace = os.replace

    def look(source, target):
        source = pathlib.Path(source)
        assert source.parent == path.parent  # of one file system, or it is no atomic move
        copy = source.with_name(f"copy{path.suffix}")
        copy.write_bytes(source.read_bytes())
        seen.append(same(load(model(1), copy).state_dict(), net.state_dict()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", look)
    net = model(0)
    save(net, path)
    assert seen == [True]


def test_the_new_file_is_on_the_disk_before_it_replaces_the_old(path, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append(os.fstat(handle)), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda *paths: (calls.append("replace"), replace(*paths)))
    save(model(), path)
    assert calls.index("replace") == 1
    assert calls[0].st_ino == path.stat().st_ino
    assert calls[0].st_size == path.stat().st_size
    assert len(calls) == 3  # then the folder, with the new name in it
    assert calls[2].st_ino == path.parent.stat().st_ino


def test_a_link_goes_on_pointing_to_the_file(path):
    link = path.with_name(f"link{path.suffix}")
    save(model(1), path)
    link.symlink_to(path)
    net = model(0)
    save(net, link)
    assert link.is_symlink()
    assert same(load(model(1), path).state_dict(), net.state_dict())


# ---- files that do not fit -----------------------------------------------------------------------


def test_all_that_does_not_fit_is_listed(path):
    state = model().state_dict()
    del state["0.bias"]
    state |= {"3.weight": np.zeros((3, 7)), "more": np.zeros(1)}
    write(path, state)
    refused(model(), path, "missing: 0.bias", "unexpected: more", "3.weight", "(3, 8)", "(3, 7)")


def test_paths_without_a_known_ending(tmp_path):
    with pytest.raises(ValueError, match=r"model.pickle.*\.npz or \.safetensors"):
        save(model(), tmp_path / "model.pickle")
    with pytest.raises(ValueError, match=r"\.npz or \.safetensors"):
        load(model(), tmp_path / "model")
    with pytest.raises(FileNotFoundError):
        load(model(), tmp_path / "none.npz")


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"\x80\x04\x95.", b"hello" * 100, bytes(1000), b"\xff" * 1000]
)
def test_foreign_files(path, content):
    path.write_bytes(content)
    refused(model(), path)


def test_one_format_by_the_name_of_the_other(tmp_path):
    npz, safetensors = tmp_path / "a.npz", tmp_path / "a.safetensors"
    save(model(), npz)
    save(model(), safetensors)
    both = npz.read_bytes(), safetensors.read_bytes()
    npz.write_bytes(both[1])
    safetensors.write_bytes(both[0])
    refused(model(), npz)
    refused(model(), safetensors)


class Runs:
    """Something that leaves a trace when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_nothing_pickled_is_run(tmp_path):
    trace = tmp_path / "trace"
    state = model().state_dict()
    state["3.bias"] = np.array([Runs(str(trace))] * 3, object)
    np.savez(tmp_path / "model.npz", **state)
    refused(model(), tmp_path / "model.npz", "3.bias")
    assert not trace.exists()


@pytest.mark.parametrize(
    "array", [np.zeros(3, complex), np.array(["a", "b", "c"]), np.zeros(3, [("a", float)])]
)
def test_what_is_not_real_numbers(tmp_path, array):
    np.savez(tmp_path / "model.npz", **{**model().state_dict(), "3.bias": array})
    refused(model(), tmp_path / "model.npz", "3.bias")


# ---- damaged files -------------------------------------------------------------------------------


def test_a_file_that_ends_early(path):
    save(model(0), path)
    data = path.read_bytes()
    net = model(1)
    for length in [*range(0, len(data), 7), len(data) - 1]:
        path.write_bytes(data[:length])
        refused(net, path)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(FORMS))
def test_a_file_with_changed_bytes_is_refused_or_fits(tmp_path_factory, data, form):
    path = tmp_path_factory.mktemp("damaged") / f"model{form}"
    save(model(0), path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(content) - 1))
        content[where] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    net = model(1)
    before = net.state_dict()
    try:
        load(net, path)
    except ValueError:
        assert same(net.state_dict(), before)
    else:
        after = net.state_dict()
        assert {name: a.shape for name, a in after.items()} == {
            n: a.shape for n, a in before.items()
        }
        if form == ".npz":  # which has checksums
            assert same(after, model(0).state_dict())


def test_changed_numbers_in_an_npz_are_noticed(tmp_path):
    path = tmp_path / "model.npz"
    net = nn.Linear(30, 20)
    save(net, path)
    data = bytearray(path.read_bytes())
    data[data.index(net.weight.numpy().tobytes()) + 100] ^= 1
    path.write_bytes(data)
    refused(nn.Linear(30, 20), path, "weight", "damaged")


# ---- files made to do harm -----------------------------------------------------------------------


def peak_of(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def npy(shape, body=b"", descr="<f8", version=1, pad=0):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * pad + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + body


def zipped(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)


def test_a_zip_bomb_takes_no_memory(tmp_path):
    path = tmp_path / "bomb.npz"
    zipped(
        path, [("weight.npy", npy((1 << 23,), bytes(1 << 26))), ("bias.npy", npy((2,), bytes(16)))]
    )
    assert path.stat().st_size < 1 << 18
    assert peak_of(lambda: refused(nn.Linear(3, 2), path, "weight", "(2, 3)")) < 1 << 21


def test_a_bomb_behind_a_right_shape(tmp_path):
    path = tmp_path / "bomb.npz"
    zipped(path, [("weight.npy", npy((2, 3), bytes(1 << 26))), ("bias.npy", npy((2,), bytes(16)))])
    assert peak_of(lambda: refused(nn.Linear(3, 2), path, "weight", "bytes")) < 1 << 21


def test_a_bomb_in_a_header(tmp_path):
    path = tmp_path / "bomb.npz"
    zipped(path, [("weight.npy", npy((2, 3), bytes(48), version=2, pad=1 << 26))])
    assert peak_of(lambda: refused(nn.Linear(3, 2), path, "weight")) < 1 << 21


def test_a_bomb_in_the_text(tmp_path):
    path = tmp_path / "bomb.npz"
    zipped(path, [("text.json", b" " * (1 << 26))])
    assert peak_of(lambda: refused(nn.Linear(3, 2), path, "text")) < 1 << 21


@pytest.mark.parametrize(
    "shape", ["(99999999999, 99999999999)", "(-2, -3)", "(2, 3.0)", "'x'", "(2,) * 3", "()"]
)
def test_shapes_that_lie(tmp_path, shape):
    path = tmp_path / "lie.npz"
    zipped(path, [("weight.npy", npy(shape, bytes(48))), ("bias.npy", npy((2,), bytes(16)))])
    refused(nn.Linear(3, 2), path, "weight")


@pytest.mark.parametrize("name", ["../../weight.npy", "/weight.npy", "weight", "__import__.npy"])
def test_names_that_lead_elsewhere(tmp_path, name):
    path = tmp_path / "names.npz"
    zipped(path, [(name, npy((2, 3), bytes(48))), ("bias.npy", npy((2,), bytes(16)))])
    refused(nn.Linear(3, 2), path)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice(tmp_path):
    path = tmp_path / "twice.npz"
    zipped(
        path, [("weight.npy", npy((2, 3), bytes(48)))] * 2 + [("bias.npy", npy((2,), bytes(16)))]
    )
    refused(nn.Linear(3, 2), path, "twice")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_numpy_does_not_use(tmp_path, compression):
    path = tmp_path / "odd.npz"
    zipped(path, [("weight.npy", npy((2, 3), bytes(48)))], compression)
    refused(nn.Linear(3, 2), path, "compressed")


GOOD = {"dtype": "F64", "shape": [2, 3], "data_offsets": [0, 48]}
BIAS = {"dtype": "F64", "shape": [2], "data_offsets": [48, 64]}
HEADERS = {
    "overlap": {"weight": GOOD, "bias": {**BIAS, "data_offsets": [40, 56]}},
    "gap": {"weight": GOOD, "bias": {**BIAS, "data_offsets": [56, 72]}},
    "the whole file twice": {"weight": GOOD, "bias": {**GOOD}},
    "late": {
        "weight": {**GOOD, "data_offsets": [8, 56]},
        "bias": {**BIAS, "data_offsets": [56, 72]},
    },
    "backwards": {"weight": {**GOOD, "data_offsets": [48, 0]}, "bias": BIAS},
    "negative": {"weight": {**GOOD, "data_offsets": [-48, 0]}, "bias": BIAS},
    "beyond the end": {"weight": GOOD, "bias": {**BIAS, "data_offsets": [48, 1 << 62]}},
    "too few bytes": {"weight": {**GOOD, "shape": [2, 4]}, "bias": BIAS},
    "huge": {"weight": {**GOOD, "shape": [1 << 40, 1 << 40]}, "bias": BIAS},
    "negative shape": {"weight": {**GOOD, "shape": [-2, -3]}, "bias": BIAS},
    "a truth as a length": {"weight": {**GOOD, "shape": [True, 6]}, "bias": BIAS},
    "a text as a shape": {"weight": {**GOOD, "shape": "", "data_offsets": [0, 8]}},
    "no shape": {"weight": {"dtype": "F64", "data_offsets": [0, 48]}, "bias": BIAS},
    "fraction": {"weight": {**GOOD, "data_offsets": [0.0, 48.0]}, "bias": BIAS},
    "three offsets": {"weight": {**GOOD, "data_offsets": [0, 24, 48]}, "bias": BIAS},
    "dtype": {"weight": {**GOOD, "dtype": "O"}, "bias": BIAS},
    "dtype as a list": {"weight": {**GOOD, "dtype": ["F64"]}, "bias": BIAS},
    "bfloat16": {"weight": {**GOOD, "dtype": "BF16"}, "bias": BIAS},
    "entry": {"weight": [1, 2], "bias": BIAS},
    "metadata": {"__metadata__": {"text": {"a": 1}}, "weight": GOOD, "bias": BIAS},
    "a list": [GOOD, BIAS],
    "a number": 5,
}


def write_header(path, header, body=bytes(64)):
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + body)


def test_the_header_from_which_the_bad_ones_are_made_is_good(tmp_path):
    path = tmp_path / "good.safetensors"
    write_header(path, {"weight": GOOD, "bias": BIAS})
    assert not load(nn.Linear(3, 2), path).weight.numpy().any()


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_lie(tmp_path, name):
    path, header = tmp_path / "lie.safetensors", HEADERS[name]
    ends = (
        [e["data_offsets"][-1] for e in header.values() if "data_offsets" in e]
        if isinstance(header, dict)
        else []
    )
    size = max(ends, default=64)  # and so nothing else is wrong
    write_header(path, header, bytes(int(size) if 0 < size < 1000 else 64))
    with pytest.raises(ValueError, match=r"lie\.safetensors"), opened(path):
        pass


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        b'{"weight":' * 100_000,
        b'{"weight": 1, "weight": 2}',
        b"\xff\xfe",
        b'{"a": ' + b"9" * 100_000 + b"}",
        b"NaN",
    ],
)
def test_headers_that_are_hard_to_read(tmp_path, header):
    path = tmp_path / "hard.safetensors"
    write_header(path, header)
    refused(nn.Linear(3, 2), path)


@pytest.mark.parametrize("length", [1 << 63, (1 << 64) - 1, 1 << 40, 1 << 20])
def test_a_header_longer_than_the_file(tmp_path, length):
    path = tmp_path / "long.safetensors"
    path.write_bytes(struct.pack("<Q", length) + bytes(100))
    assert peak_of(lambda: refused(nn.Linear(3, 2), path, str(length))) < 1 << 20


def test_bytes_after_the_last_array(tmp_path):
    path = tmp_path / "more.safetensors"
    write_header(path, {"weight": GOOD, "bias": BIAS}, bytes(65))
    refused(nn.Linear(3, 2), path, "65")


# ---- nested state --------------------------------------------------------------------------------

arrays = st.builds(
    lambda shape, order, dtype: (
        np.arange(np.prod(shape, dtype=int))
        .reshape(shape)
        .transpose(np.argsort(order[: len(shape)]))
        .astype(dtype, order="K")
    ),
    st.lists(st.integers(0, 3), max_size=4),
    st.permutations(range(4)).map(lambda p: p),
    st.sampled_from([np.float64, np.float32, np.int64, np.uint32]),
)
states = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(
            st.text(max_size=3) | st.sampled_from(["array", "tuple", "pairs"]), inner, max_size=3
        )
        | st.dictionaries(st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=8,
)


def equal(one, other):
    if isinstance(one, np.ndarray):
        long = [axis for axis, length in enumerate(one.shape) if length > 1]
        return (
            isinstance(other, np.ndarray)
            and (one.dtype, one.shape) == (other.dtype, other.shape)
            and np.array_equal(one, other)
            and (not one.size or [one.strides[i] for i in long] == [other.strides[i] for i in long])
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other)) and type(one) is type(other)
    return one == other and type(one) is type(other)


@settings(deadline=None)
@example({"array": np.zeros(()), "": {"array": np.ones(())}}, ".npz")
@example({"a/b": np.zeros(3), "a": {"b": np.ones(3)}, 1: [np.ones(2)]}, ".safetensors")
@given(states, st.sampled_from(FORMS))
def test_a_state_comes_back_with_the_order_of_its_axes(tmp_path_factory, state, form):
    path = tmp_path_factory.getbasetemp() / f"state{form}"
    write(path, *pack(state))
    with opened(path) as file:
        found = unpack(file.text, file.arrays)
    assert equal(state, found)
    assert unlike(state, found) is None


def test_a_state_that_cannot_be_kept_says_where():
    with pytest.raises(TypeError, match="callbacks/0/function"):
        pack({"callbacks": [{"function": print}]})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        '{"array": "a"}',
        '{"array": "b", "axes": [0]}',
        '{"array": "a", "axes": [1]}',
        '{"array": "a", "axes": "0"}',
        '{"array": ["a"], "axes": [0]}',
        '{"tuple": 5}',
        '{"pairs": [[1]]}',
        '{"pairs": [[[], 1]]}',
        '[{"array": "a", "axes": [0]}, {"array": "a", "axes": [0]}]',  # memory for each mention
    ],
)
def test_texts_that_no_state_makes(tmp_path, text):
    path = tmp_path / "state.npz"
    write(path, {"a": np.zeros(3)}, text)
    with pytest.raises(ValueError, match=r"state\.npz"), opened(path) as file:
        unpack(file.text, file.arrays)


def test_a_compressed_checkpoint_is_refused(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("text.json", '{"array": "a", "axes": [0]}')
        body = npy((1 << 23,), bytes(1 << 26))
        archive.writestr("a.npy", body, zipfile.ZIP_DEFLATED)

    def read():
        with pytest.raises(ValueError, match=r"bomb\.npz"), opened(path) as file:
            unpack(file.text, file.arrays)

    del body
    assert peak_of(read) < 1 << 21


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
