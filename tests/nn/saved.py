"""A model to be saved, and what a test of files asks: is it refused, and how much memory did it take?"""

import struct
import tracemalloc

import numpy as np
import pytest

import nn

FORMS = [".npz", ".safetensors"]


def mixed(seed=0):
    """Parameters of two dtypes, and buffers."""
    nn.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3).astype(np.float32)
    )


def same(one, other):
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name])
        for name in one
    )


def refused(net, path, *words):
    """Loading raises a ValueError with the path and these words, and the model is as it was."""
    before = net.state_dict()
    with pytest.raises(ValueError, match=path.name) as caught:
        nn.load(net, path)
    assert all(word in str(caught.value) for word in words), caught.value
    assert same(net.state_dict(), before)


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
