"""Nested state, such as an optimiser's: packed into arrays and a text, it comes back."""

import zipfile

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nn.files.named_arrays import opened, write
from nn.files.state import check_alike, pack, unpack
from tests.nn.saved import FORMS, npy, peak_of

arrays = st.builds(
    lambda shape, order, dtype: (
        np.arange(np.prod(shape, dtype=int))
        .reshape(shape)
        .transpose(np.argsort(order[: len(shape)]))
        .astype(dtype, order="K")
    ),
    st.lists(st.integers(0, 3), max_size=4),
    st.permutations(range(4)),
    st.sampled_from([np.float64, np.float32, np.int64, np.uint32, bool, ">f8"]),
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
        long = np.array(one.shape) > 1
        strides = [np.array(each.strides)[long].tolist() for each in (one, other) if one.size]
        kinds = {each.dtype.newbyteorder("=") for each in (one, other)}
        return len(kinds) == 1 and np.array_equal(one, other) and strides[:1] == strides[1:]
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


@example({"array": np.zeros(()), "": {"array": np.ones(())}}, ".npz")
@example({"a/b": np.zeros(3), "a": {"b": np.ones(3)}, 1: [np.ones(2)]}, ".safetensors")
@given(states, st.sampled_from(FORMS))
def test_a_state_comes_back_with_the_order_of_its_axes(tmp_path_factory, state, form):
    path = tmp_path_factory.getbasetemp() / f"state{form}"
    write(path, *pack(state))
    with opened(path) as file:
        found = unpack(file.text, file.arrays)
    assert equal(state, found)
    check_alike(state, found)


TEXTS = [
    *["", "[" * 100_000, '{"tuple": 5}', '{"pairs": [[1]]}', '{"pairs": [[[], 1]]}'],
    *['{"array": "a"}', '{"array": ["a"], "axes": [0]}', '{"array": "b", "axes": [0]}'],
    *['{"array": "a", "axes": [1]}', '{"array": "a", "axes": "0"}'],
    '[{"array": "a", "axes": [0]}, {"array": "a", "axes": [0]}]',  # memory for each mention
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_that_no_state_makes(tmp_path, text):
    path = tmp_path / "state.npz"
    write(path, {"a": np.zeros(3)}, text)
    with pytest.raises(ValueError, match=r"state\.npz"), opened(path) as file:
        unpack(file.text, file.arrays)


def test_a_compressed_checkpoint_is_refused(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("text.json", '{"array": "a", "axes": [0]}')
        archive.writestr("a.npy", npy((1 << 23,), bytes(1 << 26)), zipfile.ZIP_DEFLATED)

    def read():
        with pytest.raises(ValueError, match=r"bomb\.npz"), opened(path) as file:
            unpack(file.text, file.arrays)

    assert peak_of(read) < 1 << 21
