"""Saved models and states: what comes back, and what damaged or hostile files can do."""

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
from nn.files.named_arrays import opened, write
from nn.files.state import pack, unlike, unpack

FORMS = [".npz", ".safetensors"]


def mixed(seed=0):
    """Parameters of two dtypes, and buffers."""
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
        nn.load(net, path)
    assert all(word in str(caught.value) for word in words), caught.value
    assert same(net.state_dict(), before)


# ---- what is saved comes back --------------------------------------------------------------------


def test_a_model_comes_back_bit_for_bit(path):
    one, other = mixed(0), mixed(1)
    one(np.random.default_rng(0).normal(size=(4, 1, 4, 4)))  # moves the running statistics
    nn.save(one, path)
    assert nn.load(other, path) is other
    assert same(one.state_dict(), other.state_dict())
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("savez", [np.savez, np.savez_compressed])
def test_numpy_reads_what_is_saved_and_writes_what_is_read(tmp_path, savez):
    net, other = mixed(0), mixed(1)
    nn.save(net, tmp_path / "ours.npz")
    with np.load(tmp_path / "ours.npz", allow_pickle=False) as file:
        assert same(dict(file), net.state_dict())
    state = {name: np.array(array, order="F") for name, array in net.state_dict().items()}
    savez(tmp_path / "theirs.npz", **state)
    assert same(nn.load(other, tmp_path / "theirs.npz").state_dict(), net.state_dict())


def test_safetensors_are_written_as_described(tmp_path):
    net = mixed()
    nn.save(net, tmp_path / "model.safetensors")
    data = (tmp_path / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    assert length % 8 == 0  # so that arrays are aligned
    kinds, found = {"F64": "<f8", "F32": "<f4", "I64": "<i8"}, {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        content = data[8 + length :][slice(*entry["data_offsets"])]
        found[name] = np.frombuffer(content, kinds[entry["dtype"]]).reshape(entry["shape"])
    assert same(found, net.state_dict())


def test_the_safetensors_library_agrees(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    net, other = mixed(0), mixed(1)
    nn.save(net, tmp_path / "ours.safetensors")
    assert same(safetensors.load_file(tmp_path / "ours.safetensors"), net.state_dict())
    safetensors.save_file(net.state_dict(), tmp_path / "theirs.safetensors", {"format": "pt"})
    assert same(nn.load(other, tmp_path / "theirs.safetensors").state_dict(), net.state_dict())


@pytest.mark.parametrize(
    "array",
    [np.zeros((0, 3)), np.array(2.5), np.array([True, False]), np.arange(3, dtype=">f8")],
    ids=["empty", "scalar", "boolean", "big-endian"],
)
def test_arrays_of_every_kind_come_back(path, array):
    write(path, {"a": array}, "text")
    with opened(path) as file:
        assert file.text == "text"
        found = file.arrays["a"].read()
    assert np.array_equal(found, array)
    assert found.dtype in (array.dtype, array.dtype.newbyteorder("="))


# ---- a file is there whole or not at all ---------------------------------------------------------


def test_what_was_there_stays_when_writing_fails(path):
    nn.save(mixed(), path)
    before = path.read_bytes()
    with pytest.raises(ValueError):  # noqa: PT011
        write(path, {"good": np.zeros(1000), "bad": np.array([object()])})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_the_new_file_is_complete_and_on_the_disk_before_it_replaces_the_old(path, monkeypatch):
    calls, fsync, replace, net = [], os.fsync, os.replace, mixed(0)

    def look(source, target):
        source = pathlib.Path(source)
        assert source.parent == path.parent  # of one file system, or it is no atomic move
        copy = source.with_name(f"copy{path.suffix}")
        copy.write_bytes(source.read_bytes())
        calls.append(same(nn.load(mixed(1), copy).state_dict(), net.state_dict()))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append(os.fstat(handle)), fsync(handle)))
    monkeypatch.setattr(os, "replace", look)
    nn.save(net, path)
    file, complete, folder = calls  # at last the folder, with the new name in it
    assert complete is True
    assert (file.st_ino, file.st_size) == (path.stat().st_ino, path.stat().st_size)
    assert folder.st_ino == path.parent.stat().st_ino


def test_a_link_still_points_to_the_file(path):
    link = path.with_name(f"link{path.suffix}")
    nn.save(mixed(1), path)
    link.symlink_to(path)
    net = mixed(0)
    nn.save(net, link)
    assert link.is_symlink()
    assert same(nn.load(mixed(1), path).state_dict(), net.state_dict())


# ---- files that do not fit -----------------------------------------------------------------------


def test_all_that_does_not_fit_is_listed(path):
    state = mixed().state_dict()
    del state["0.bias"]
    write(path, state | {"3.weight": np.zeros((3, 7)), "more": np.zeros(1)})
    refused(mixed(), path, "missing: 0.bias", "unexpected: more", "3.weight", "(3, 8)", "(3, 7)")


def test_paths_without_a_known_ending(tmp_path):
    for use, name in [(nn.save, "model.pickle"), (nn.load, "model")]:
        with pytest.raises(ValueError, match=rf"{name}: .*\.npz or \.safetensors"):
            use(mixed(), tmp_path / name)
    with pytest.raises(FileNotFoundError):
        nn.load(mixed(), tmp_path / "none.npz")


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"\x80\x04\x95.", b"hello" * 100, bytes(1000), b"\xff" * 1000]
)
def test_foreign_files(path, content):
    path.write_bytes(content)
    refused(mixed(), path)


def test_one_format_by_the_name_of_the_other(path):
    other = path.with_suffix(FORMS[path.suffix == FORMS[0]])
    nn.save(mixed(), other)
    other.rename(path)
    refused(mixed(), path)


class Runs:
    """Something that leaves a trace when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("kind", ["pickled", "complex", "text", "records"])
def test_what_is_not_real_numbers_is_refused_and_nothing_pickled_is_run(tmp_path, kind):
    array = {
        "pickled": np.array([Runs(str(tmp_path / "trace"))] * 3, object),
        "complex": np.zeros(3, complex),
        "text": np.array(["a", "b", "c"]),
        "records": np.zeros(3, [("a", float)]),
    }[kind]
    np.savez(tmp_path / "model.npz", **{**mixed().state_dict(), "3.bias": array})
    refused(mixed(), tmp_path / "model.npz", "3.bias")
    assert os.listdir(tmp_path) == ["model.npz"]


# ---- damaged files -------------------------------------------------------------------------------


def test_a_file_that_ends_early(path):
    nn.save(mixed(0), path)
    data, net = path.read_bytes(), mixed(1)
    for length in [*range(0, len(data), 7), len(data) - 1]:
        path.write_bytes(data[:length])
        refused(net, path)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(FORMS))
def test_a_file_with_changed_bytes_is_refused_or_fits(tmp_path_factory, data, form):
    path = tmp_path_factory.mktemp("damaged") / f"model{form}"
    nn.save(mixed(0), path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(content) - 1))
        content[where] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    net = mixed(1)
    before = net.state_dict()
    try:
        nn.load(net, path)
    except ValueError:
        assert same(net.state_dict(), before)
    else:
        after = net.state_dict()
        assert [a.shape for a in after.values()] == [a.shape for a in before.values()]
        if form == ".npz":  # which has checksums
            assert same(after, mixed(0).state_dict())


def test_changed_numbers_in_an_npz_are_noticed(tmp_path):
    path, net = tmp_path / "model.npz", nn.Linear(30, 20)
    nn.save(net, path)
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
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [*members, ("bias.npy", BIAS)]:
            archive.writestr(name, content)
    assert peak_of(lambda: refused(nn.Linear(3, 2), path, *words)) < 1 << 21
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_numpy_does_not_use(tmp_path, compression):
    with zipfile.ZipFile(tmp_path / "odd.npz", "w", compression) as archive:
        archive.writestr("weight.npy", WEIGHT)
    refused(nn.Linear(3, 2), tmp_path / "odd.npz", "compressed")


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


def entry(shape, begin, end, dtype="F64", **more):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end], **more}


W, B = entry([2, 3], 0, 48), entry([2], 48, 64)
HEADERS = {
    "overlap": {"weight": W, "bias": entry([2], 40, 56)},
    "gap": {"weight": W, "bias": entry([2], 56, 72)},
    "the whole file twice": {"weight": W, "bias": W},
    "late": {"weight": entry([2, 3], 8, 56), "bias": entry([2], 56, 72)},
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
    "a number": 5,
    "deep": b"[" * 100_000,
    "deep objects": b'{"weight":' * 100_000,
    "a name twice": b'{"weight": 1, "weight": 2}',
    "not Unicode": b"\xff\xfe",
    "a long number": b'{"a": ' + b"9" * 100_000 + b"}",
    "not a number": b"NaN",
}


def write_header(path, header, body=bytes(64)):
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + body)


def test_the_header_from_which_the_bad_ones_are_made_is_good(tmp_path):
    path = tmp_path / "good.safetensors"
    write_header(path, {"weight": W, "bias": B})
    assert not nn.load(nn.Linear(3, 2), path).weight.numpy().any()
    write_header(path, {"weight": W, "bias": B}, bytes(65))
    refused(nn.Linear(3, 2), path, "65")


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_lie(tmp_path, name):
    path, header = tmp_path / "lie.safetensors", HEADERS[name]
    entries = header.values() if isinstance(header, dict) else ()
    size = max((e["data_offsets"][-1] for e in entries if "data_offsets" in e), default=64)
    write_header(path, header, bytes(int(size) if 0 < size < 1000 else 64))  # nothing else is wrong
    with pytest.raises(ValueError, match=r"lie\.safetensors"), opened(path):
        pass


@pytest.mark.parametrize("length", [1 << 63, (1 << 64) - 1, 1 << 40, 1 << 20])
def test_a_header_longer_than_the_file(tmp_path, length):
    path = tmp_path / "long.safetensors"
    path.write_bytes(struct.pack("<Q", length) + bytes(100))
    assert peak_of(lambda: refused(nn.Linear(3, 2), path, str(length))) < 1 << 20


def test_a_boolean_is_0_or_1(tmp_path):
    path = tmp_path / "boolean.safetensors"
    write_header(path, {"a": entry([2], 0, 2, "BOOL")}, b"\x01\x02")
    with pytest.raises(ValueError, match="a: the file is damaged: a boolean"), opened(path) as file:
        file.arrays["a"].read()


# ---- nested state --------------------------------------------------------------------------------

arrays = st.builds(
    lambda shape, order, dtype: (
        np.arange(np.prod(shape, dtype=int))
        .reshape(shape)
        .transpose(np.argsort(order[: len(shape)]))
        .astype(dtype, order="K")
    ),
    st.lists(st.integers(0, 3), max_size=4),
    st.permutations(range(4)),
    st.sampled_from([np.float64, np.float32, np.int64, np.uint32]),
)
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
names = st.text(max_size=3) | st.sampled_from(["array", "tuple", "pairs"])
states = st.recursive(
    plain | arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(names, inner, max_size=3)
        | st.dictionaries(st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=8,
)


def equal(one, other):
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        long = [axis for axis, length in enumerate(one.shape) if length > 1]
        return (
            (one.dtype, one.shape) == (other.dtype, other.shape)
            and np.array_equal(one, other)
            and (not one.size or [one.strides[i] for i in long] == [other.strides[i] for i in long])
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


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
    ("found", "where"),
    [
        ({"lr": "fast", "betas": (0.9, 0.999)}, "lr: expected 0.1, got 'fast'"),
        ({"lr": None, "betas": (0.9,)}, "betas: expected 0, 1, got 0"),
        ({"lr": 1, "betas": [0.9, "b"]}, "betas.1: expected 0.999, got 'b'"),
        ({"lr": 1}, "it: expected lr, betas, got lr"),
        ([], "it: expected {'lr'"),
    ],
)
def test_where_a_state_is_unlike_another(found, where):
    assert unlike({"lr": 0.1, "betas": (0.9, 0.999)}, found).startswith(where)


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
        archive.writestr("a.npy", npy((1 << 23,), LONG), zipfile.ZIP_DEFLATED)

    def read():
        with pytest.raises(ValueError, match=r"bomb\.npz"), opened(path) as file:
            unpack(file.text, file.arrays)

    assert peak_of(read) < 1 << 21
