"""Saved models: what comes back, written whole or not at all; files that do not fit or are damaged."""

import os
import pathlib
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.numpy import load_file

import nn
from nn.files.named_arrays import opened, replacing, write
from tests.nn.saved import FORMS, mixed, refused, same


@pytest.fixture(params=FORMS)
def path(request, tmp_path):
    return tmp_path / f"model{request.param}"


def test_a_model_comes_back_bit_for_bit_also_behind_a_link(path):
    one, other, link = mixed(0), mixed(1), path.with_name(f"link{path.suffix}")
    one(np.random.default_rng(0).normal(size=(4, 1, 3, 3)))  # moves the running statistics
    link.symlink_to(path)
    nn.save(one, link)
    assert nn.load(other, path) is other
    assert same(one.state_dict(), other.state_dict())
    assert link.is_symlink()
    assert set(os.listdir(path.parent)) == {path.name, link.name}


@pytest.mark.parametrize("savez", [np.savez, np.savez_compressed])
def test_numpy_reads_what_is_saved_and_writes_what_is_read(tmp_path, savez):
    net, other = mixed(0), mixed(1)
    nn.save(net, tmp_path / "ours.npz")
    with np.load(tmp_path / "ours.npz", allow_pickle=False) as file:
        assert same(dict(file), net.state_dict())
    state = {name: np.array(array, order="F") for name, array in net.state_dict().items()}
    savez(tmp_path / "theirs.npz", **state)
    assert same(nn.load(other, tmp_path / "theirs.npz").state_dict(), net.state_dict())


def test_safetensors_are_those_of_the_package(tmp_path, monkeypatch):
    net, path = mixed(), tmp_path / "model.safetensors"
    nn.save(net, path)
    assert same(load_file(path), net.state_dict())
    with opened(path) as file:
        assert file.arrays.keys() == net.state_dict().keys()
    assert not file.arrays  # which would hold the file open
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for call in (nn.save, nn.load):
        with pytest.raises(ModuleNotFoundError, match=r"microgradnd\[safetensors\]"):
            call(net, path)


def test_what_was_there_stays_when_writing_fails(path):
    nn.save(mixed(), path)
    before = path.read_bytes()
    with pytest.raises((ValueError, SafetensorError), match=r"object|Object"):
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
    file, complete = calls
    assert complete is True
    assert (file.st_ino, file.st_size) == (path.stat().st_ino, path.stat().st_size)


def test_several_writers_of_one_path_do_not_meet(path):
    nn.save(mixed(1), path)
    content = path.read_bytes()
    with replacing(path) as file:
        file.write(content[:100])
        nn.save(mixed(0), path)
        assert same(nn.load(mixed(2), path).state_dict(), mixed(0).state_dict())
        file.write(content[100:])
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.skipif(os.name != "posix", reason="elsewhere there are no such modes")
def test_a_file_stays_as_private_as_it_was(path):
    nn.save(mixed(), path)
    path.chmod(0o600)
    with replacing(path) as file:
        file.write(b"secret")
        assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}
    assert path.stat().st_mode & 0o777 == 0o600


def test_all_that_does_not_fit_is_listed(path):
    state = mixed().state_dict()
    del state["0.bias"]
    state |= {"3.weight": np.zeros((3, 7))} | {f"more{i:02}": np.zeros(1) for i in range(23)}
    write(path, state)
    words = ["missing: 0.bias", "unexpected: more00, ", "more19 and 3 more", "3.weight: "]
    refused(mixed(), path, *words, "expected shape (3, 8), got (3, 7)")


FOREIGN = [b"", b"PK", b"\x80\x04\x95.", b"hello" * 100, bytes(1000), b"\xff" * 1000]


def test_files_that_are_foreign_or_end_early(path):
    nn.save(mixed(0), path)
    data, other, net = path.read_bytes(), path.with_suffix(FORMS[path.suffix == FORMS[0]]), mixed(1)
    nn.save(net, other)  # one format by the name of the other
    ends = [data[:length] for length in [*range(0, len(data), 7), len(data) - 1]]
    for content in (*FOREIGN, other.read_bytes(), *ends):
        path.write_bytes(content)
        refused(net, path)


class Runs:
    """Something that leaves a trace when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("trace",)


def test_only_real_numbers_are_taken_and_nothing_pickled_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    records = np.zeros(3, [("a", float)])
    for array in (np.array([Runs()] * 3), np.zeros(3, complex), np.array(["a", "b", "c"]), records):
        np.savez("model.npz", **{**mixed().state_dict(), "3.bias": array})
        refused(mixed(), tmp_path / "model.npz", "3.bias")
        assert os.listdir() == ["model.npz"]


@settings(max_examples=150)
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
