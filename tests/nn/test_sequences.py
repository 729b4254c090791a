"""Sequences of unequal lengths: packed, padded, through recurrent layers, into bags, and CTC."""

import copy

import numpy as np
import pytest
from nn.utils import rnn

import nn
from microgradnd import Tensor, gradcheck, gradients, replay
from microgradnd.program import NotReplayableError
from tests.nn.layer_checks import BESIDE, check_orders, check_slopes, close, in_torch, leaves, torch

F = nn.functional
theirs = torch and torch.nn.utils.rnn


LENGTHS = [[5, 3, 3, 1], [2, 5, 1, 4], [3, 3, 3, 3]]


def check_first_order(y, z, ours, others):
    """Where PyTorch has no second order."""
    close(y, z)
    slopes = torch.autograd.grad((z * z).sum(), others)
    for a, b in zip(gradients(np.sum(y * y), ours), slopes, strict=True):
        close(a, b)


def both(array):
    return Tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)


@BESIDE
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_packing_and_back(rng, lengths, batch_first):
    shape = (4, 6, 2) if batch_first else (6, 4, 2)
    x, z = both(rng.normal(size=shape))
    how = batch_first, lengths == sorted(lengths, reverse=True)
    mine = rnn.pack_padded_sequence(x, lengths, *how)
    other = theirs.pack_padded_sequence(z, lengths, *how)
    for a, b in zip(mine[1:], other[1:], strict=True):
        np.testing.assert_array_equal(a, b)
    for total in (None, 7):
        back = rnn.pad_packed_sequence(mine, batch_first, -1.0, total)
        expected = theirs.pad_packed_sequence(other, batch_first, -1.0, total)
        np.testing.assert_array_equal(back[1], expected[1])
        check_orders([mine.data, back[0]], [other.data, expected[0]], [x], [z])
    for a, b in zip(rnn.unpack_sequence(mine), theirs.unpack_sequence(other), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.detach())
    parts = [rng.normal(size=(n, 2)) for n in lengths]
    for side in ("left", "right"):
        options = {"batch_first": batch_first, "padding_value": 3.0, "padding_side": side}
        expected = theirs.pad_sequence([*map(torch.tensor, parts)], **options)
        np.testing.assert_array_equal(rnn.pad_sequence(parts, **options), expected)
    packed = rnn.pack_sequence(parts, enforce_sorted=False).data
    expected = theirs.pack_sequence([*map(torch.tensor, parts)], False).data
    np.testing.assert_array_equal(packed, expected)


@BESIDE
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (nn.RNN, {"nonlinearity": "relu"}), (nn.GRU, {"num_layers": 2, "bidirectional": True}),
        (nn.LSTM, {"num_layers": 2, "bidirectional": True}),
        (nn.LSTM, {"proj_size": 2, "bidirectional": True, "bias": False}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("given", [False, True])
def test_recurrent_layers_read_them_as_pytorchs(rng, lengths, kind, options, given):
    mine = kind(3, 4, **options)
    other = in_torch(mine, 3, 4, **options)
    x, z = both(rng.normal(size=(5, 4, 3)))
    rows = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    sizes = [options.get("proj_size") or 4, 4][: 1 + (kind is nn.LSTM)]
    pairs = [both(rng.normal(size=(rows, 4, size))) for size in sizes]
    first = [tuple(side) if kind is nn.LSTM else side[0] for side in zip(*pairs, strict=True)]
    how = False, lengths == sorted(lengths, reverse=True)
    states = ([f] for f in first) if given else ([], [])
    states = [*states]
    y, ends = mine(rnn.pack_padded_sequence(x, lengths, *how), *states[0])
    t, others = other(theirs.pack_padded_sequence(z, lengths, *how), *states[1])
    np.testing.assert_array_equal(y.batch_sizes, t.batch_sizes)
    watched = [[side, *(p[i] for p in pairs if given)] for i, side in enumerate((x, z))]
    watched = [[*w, *net.parameters()] for w, net in zip(watched, (mine, other), strict=True)]
    check_orders([y.data, *leaves(ends)], [t.data, *leaves(others)], *watched)


def test_a_relu_that_would_run_over_in_the_padding_and_lengths_that_change_in_a_replay():
    net = nn.RNN(1, 1, nonlinearity="relu", bias=False)
    net.weight_ih_l0.data[...], net.weight_hh_l0.data[...] = 1.0, 1e5
    x = np.ones((90, 2, 1)) * [[0], [1]]
    _, h = net(rnn.pack_padded_sequence(x, [90, 2]))
    np.sum(h[:, 1]).backward()
    assert net.weight_hh_l0.grad.item() == 1.0

    def step(x, lengths):
        return np.sum(net(rnn.pack_padded_sequence(x, lengths))[0].data)

    fast = replay(step)
    fast(x, np.array([90, 2]))  # the step itself
    with pytest.raises(NotReplayableError, match="a plain array made of it"):
        fast(x, np.array([90, 2]))


@pytest.mark.parametrize("dtype", [int, bool, np.float32])
def test_padding_keeps_the_type(dtype):
    packed = rnn.PackedSequence(np.ones(3, dtype), np.array([2, 1]))
    padded, _ = rnn.pad_packed_sequence(packed)
    assert padded.dtype == dtype
    assert padded.tolist() == [[1, 1], [1, 0]]


@BESIDE
@pytest.mark.parametrize(
    ("mode", "weighted"), [("sum", False), ("mean", False), ("max", False), ("sum", True)]
)
@pytest.mark.parametrize("padding", [None, 2])
@pytest.mark.parametrize("case", ["rows", "offsets", "last"])
def test_bags_are_pytorchs(rng, mode, padding, case, weighted):
    options = {"mode": mode, "padding_idx": padding, "include_last_offset": case == "last"}
    shorter = options | {"max_norm": 0.8 if padding else None}
    mine = nn.EmbeddingBag(6, 3, **shorter)
    other = in_torch(mine, 6, 3, **shorter)
    assert repr(mine) == repr(other)
    indices = rng.integers(0, 6, size=(4, 2) if case == "rows" else 8)
    offsets = {"rows": None, "offsets": [0, 3, 3, 4], "last": [0, 3, 3, 8]}[case]
    factors = both(rng.normal(size=indices.shape)) if weighted else (None, None)
    y = mine(indices, offsets, factors[0])
    z = other(torch.tensor(indices), offsets and torch.tensor(offsets), factors[1])
    more = [[factor] if weighted else [] for factor in factors]
    check_first_order(y, z, [mine.weight, *more[0]], [other.weight, *more[1]])
    check_slopes(lambda w: F.embedding_bag(indices, w, offsets, **options), mine.weight.data)


@BESIDE
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("blank", [0, 3])
def test_ctc_is_pytorchs(rng, reduction, joined, blank):
    x, z = both(rng.normal(size=(7, 4, 5)))
    lengths, counts = [7, 6, 3, 2], [3, 0, 1, 2]
    labels = rng.choice([label for label in range(5) if label != blank], size=(4, 3))
    labels[0, 1], labels[3, :2] = labels[0, 0], (1, 2)
    if joined:
        labels = np.concatenate([row[:n] for row, n in zip(labels, counts, strict=True)])
    given = lengths, counts
    y = nn.CTCLoss(blank, reduction=reduction)(F.log_softmax(x, -1), labels, *given)
    tensors = (torch.tensor(each) for each in (labels, lengths, counts))
    t = torch.nn.CTCLoss(blank, reduction)(z.log_softmax(-1), *tensors)
    check_first_order(y, t, [x], [z])
    loss = lambda x: F.ctc_loss(F.log_softmax(x, -1), labels, *given, blank, reduction)  # noqa: E731
    check_slopes(loss, x.numpy())


def test_ctc_replayed_with_other_labels(rng):
    net = nn.Linear(3, 5)

    def step(x, labels):
        net.zero_grad()
        loss = F.ctc_loss(F.log_softmax(net(x), -1), labels, [6, 5], [2, 1])
        loss.backward()
        return loss.numpy(), net.weight.grad.copy()

    for joined in (False, True):
        again = replay(step)
        for _ in range(5):
            given = rng.normal(size=(6, 2, 3)), rng.integers(1, 5, size=3 if joined else (2, 2))
            np.testing.assert_equal(again(*given), step(*given))


def test_ctc_counts_ways_says_what_cannot_be_spelled_and_what_is_wrong():
    p = np.full((4, 1, 3), 1 / 3)
    spelled = {}  # every way, spelled out
    for way in np.ndindex(3, 3, 3, 3):
        word = tuple(b for a, b in zip((0, *way), way, strict=False) if b not in (0, a))
        spelled[word] = spelled.get(word, 0) + 3.0**-4
    for word, probability in spelled.items():
        loss = F.ctc_loss(np.log(p), [list(word)], [4], [len(word)], reduction="sum")
        np.testing.assert_allclose(loss, -np.log(probability), rtol=1e-12)
    x = np.random.default_rng(0).normal(size=(7, 4, 5))
    labels, counts, lengths = (
        [[2, 2, 1], [4, 0, 0], [3, 3, 3], [1, 2, 3]],
        [3, 0, 1, 2],
        [7, 6, 3, 2],
    )
    joined = [2, 2, 1, 3, 1, 2]
    for blank, reduction in ((0, "mean"), (0, "sum"), (3, "none")):
        given = lengths, [3, 0, 0, 2] if blank else counts, blank, reduction
        check_slopes(lambda x: F.ctc_loss(F.log_softmax(x, -1), labels, *given), x)  # noqa: B023
    apart, together = (F.ctc_loss(x, each, lengths, counts) for each in (labels, joined))
    assert apart == together
    x = Tensor(np.log(p[:2]), requires_grad=True)
    assert F.ctc_loss(x, [[1, 1]], [2], [2]).item() == np.inf
    loss = F.ctc_loss(x, [[1, 1]], [2], [2], zero_infinity=True)
    loss.backward()
    assert loss.item() == 0
    assert not x.grad.any()
    assert F.ctc_loss(np.log(p).astype(np.float32), [[1]], [4], [1]).dtype == np.float32


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_each_sequence_is_read_as_if_it_were_alone(rng, kind):
    net = kind(2, 3, num_layers=2, bidirectional=True)
    parts = [rng.normal(size=(n, 2)) for n in (2, 5, 1, 5)]
    packed, ends = net(rnn.pack_sequence(parts, enforce_sorted=False))
    padded, lengths = rnn.pad_packed_sequence(packed, total_length=5)
    assert (padded.shape, lengths.tolist()) == ((5, 4, 6), [2, 5, 1, 5])
    left = rnn.pad_sequence(parts, padding_value=3.0, padding_side="left")
    right = rnn.pad_sequence(parts, batch_first=True, padding_value=3.0)
    frozen, lengths = copy.deepcopy(net).requires_grad_(False), [2, 5, 1, 5]
    check_slopes(lambda x: frozen(rnn.pack_padded_sequence(x, lengths, False, False))[0].data, left)
    for i, (part, found) in enumerate(zip(parts, rnn.unpack_sequence(packed), strict=True)):
        n = len(part)
        np.testing.assert_array_equal(left[:, i], np.concatenate([np.full((5 - n, 2), 3.0), part]))
        np.testing.assert_array_equal(right[i], np.concatenate([part, np.full((5 - n, 2), 3.0)]))
        np.testing.assert_array_equal(padded[n:, i].numpy(), 0)
        expected, last = net(part)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-13, atol=1e-15)
        for a, b in zip(leaves(ends), leaves(last), strict=True):
            np.testing.assert_allclose(a[:, i].numpy(), b.numpy(), rtol=1e-13, atol=1e-15)


def test_a_bag_is_what_is_made_of_its_rows(rng):
    w, bags = rng.normal(size=(6, 3)), [[0, 3, 3], [], [5], [2, 1]]
    flat, offsets = np.concatenate(bags).astype(int), np.cumsum([0, 3, 0, 1])
    for mode in ("sum", "mean", "max"):
        found = F.embedding_bag(flat, w, offsets, mode=mode, padding_idx=1)
        for row, bag in zip(found, bags, strict=True):
            rows = w[[i for i in bag if i != 1]] if bag else np.zeros((1, 3))
            np.testing.assert_allclose(row, getattr(np, mode)(rows, axis=0), rtol=1e-14)
        check_slopes(lambda w, m=mode: F.embedding_bag(flat, w, offsets, mode=m), w)
    factors = rng.normal(size=6)
    check_slopes(
        lambda w, f: F.embedding_bag(flat, w, offsets, mode="sum", per_sample_weights=f), w, factors
    )
    found = F.embedding_bag(flat, w, offsets, mode="sum", per_sample_weights=factors)
    np.testing.assert_allclose(found[0], factors[:3] @ w[[0, 3, 3]], rtol=1e-13)


@pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
def test_where_no_row_is_too_long_gradcheck_can_look(kind):
    layer = kind(4, 3, max_norm=100.0)
    assert gradcheck(lambda: np.sum(np.sin(layer([[0, 1, 1]]))), layer.weight)
