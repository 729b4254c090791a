"""Words and sequences: embedded, packed, padded, through recurrent layers, into bags, and CTC."""

import copy

import numpy as np
import pytest
from nn.utils import rnn

import nn
from microgradnd import Tensor, gradcheck, replay
from microgradnd.program import NotReplayableError
from tests.nn.layer_checks import check_against_torch, check_slopes, in_torch, leaves, states_of

F = nn.functional
LENGTHS = [[5, 3, 3, 1], [2, 5, 1, 4], [3, 3, 3, 3]]


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_packing_and_back(rng, lengths, batch_first):
    parts, longest = [rng.normal(size=(n, 2)) for n in lengths], max(lengths)
    falling = lengths == sorted(lengths, reverse=True)
    for side in ("left", "right"):
        padded = rnn.pad_sequence(parts, batch_first, 3.0, side)
        rows = padded if batch_first else padded.swapaxes(0, 1)
        for row, part in zip(rows, parts, strict=True):
            filled = [np.full((longest - len(part), 2), 3.0), part][:: 1 if side == "left" else -1]
            np.testing.assert_array_equal(row, np.concatenate(filled))
    packed = rnn.pack_padded_sequence(padded, lengths, batch_first, falling)
    order = sorted(range(4), key=lambda i: -lengths[i])
    steps = [parts[i][step] for step in range(longest) for i in order if step < lengths[i]]
    np.testing.assert_array_equal(packed.data, steps)
    for total in (None, longest + 2):
        back, counts = rnn.pad_packed_sequence(packed, batch_first, -1.0, total)
        assert back.shape[batch_first] == (total or longest)
        rows = back if batch_first else back.swapaxes(0, 1)
        for row, part, n in zip(rows, parts, counts, strict=True):
            np.testing.assert_array_equal(row[:n], part)
            assert (row[n:] == -1).all()

    def there_and_back(x):
        packed = rnn.pack_padded_sequence(x, lengths, batch_first, falling)
        return packed.data, rnn.pad_packed_sequence(packed, batch_first)[0]

    check_slopes(there_and_back, padded)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(("kind", "options"), [
    (nn.RNN, {"nonlinearity": "relu"}), (nn.GRU, {"num_layers": 2, "bidirectional": True}),
    (nn.LSTM, {"num_layers": 2, "bidirectional": True}),
    (nn.LSTM, {"proj_size": 2, "bidirectional": True, "bias": False}),
])  # fmt: skip
@pytest.mark.parametrize("given", [False, True])
def test_each_sequence_is_read_as_if_it_were_alone(rng, lengths, kind, options, given):
    net = kind(3, 4, **options)
    parts = [rng.normal(size=(n, 3)) for n in lengths]
    rows = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    sizes = [options.get("proj_size") or 4, 4][: (1 + (kind is nn.LSTM)) * given]
    states = [rng.normal(size=(rows, 4, size)) for size in sizes]
    padded = rnn.pad_sequence(parts)
    packed, ends = net(
        rnn.pack_padded_sequence(padded, lengths, enforce_sorted=False), *states_of(states)
    )
    outputs, _ = rnn.pad_packed_sequence(packed)
    for i, (part, n) in enumerate(zip(parts, lengths, strict=True)):
        expected, last = net(part, *states_of([state[:, i] for state in states]))
        np.testing.assert_allclose(outputs[:n, i].numpy(), expected.numpy(), 1e-12, 1e-14)
        for a, b in zip(leaves(ends), leaves(last), strict=True):
            np.testing.assert_allclose(a[:, i].numpy(), b.numpy(), rtol=1e-12, atol=1e-14)
    frozen = copy.deepcopy(net).requires_grad_(False)
    check_slopes(
        lambda x: frozen(rnn.pack_padded_sequence(x, lengths, enforce_sorted=False))[0].data, padded
    )


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


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 1])
def test_a_bag_is_what_is_made_of_its_rows(rng, mode, padding):
    w, bags = rng.normal(size=(6, 3)), [[0, 3, 3], [], [5], [2, 1]]
    flat, ends = np.concatenate(bags).astype(int), np.cumsum([0, 3, 0, 1, 2])
    factors = rng.normal(size=6) if mode == "sum" else None
    layer = nn.EmbeddingBag(6, 3, mode=mode, padding_idx=padding, include_last_offset=True)
    layer.weight.data = w
    found = layer(flat, ends, factors).numpy()
    how = {"mode": mode, "padding_idx": padding, "per_sample_weights": factors}
    np.testing.assert_array_equal(F.embedding_bag(flat, w, ends[:-1], **how), found)
    f = np.ones(6) if factors is None else factors
    for row, bag, start in zip(found, bags, ends, strict=False):
        rows = [w[i] * f[start + place] for place, i in enumerate(bag) if i != padding]
        expected = getattr(np, mode)(rows or np.zeros((1, 3)), axis=0)
        np.testing.assert_allclose(row, expected, rtol=1e-13)
    check_slopes(lambda w: F.embedding_bag(flat, w, ends[:-1], **how), w)
    if factors is not None:
        how = {"mode": "sum", "padding_idx": padding}
        of = lambda f: F.embedding_bag(flat, w, ends[:-1], per_sample_weights=f, **how)  # noqa: E731
        check_slopes(of, factors)
    alone = F.embedding_bag([[0, 3, 3]], w, mode=mode, padding_idx=padding)
    first = F.embedding_bag(flat, w, ends[:-1], mode=mode, padding_idx=padding)[:1]
    np.testing.assert_allclose(alone, first)
    for offsets in ([], [0, 0]):
        none = F.embedding_bag(flat[:0], w, offsets, mode=mode, padding_idx=padding)
        np.testing.assert_array_equal(none, np.zeros((len(offsets), 3)))


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


@pytest.mark.parametrize("blank", [0, 2])
def test_ctc_counts_all_ways_to_spell_a_word(blank, rng):
    p = F.softmax(rng.normal(size=(4, 1, 3)), -1)
    spelled = {}  # every way, spelled out
    for way in np.ndindex(3, 3, 3, 3):
        pairs = zip((blank, *way), way, strict=False)
        word = tuple(b for a, b in pairs if b not in (blank, a))
        spelled[word] = spelled.get(word, 0) + np.prod([p[i, 0, k] for i, k in enumerate(way)])
    for word, probability in spelled.items():
        given = np.log(p), [list(word)], [4], [len(word)], blank
        np.testing.assert_allclose(F.ctc_loss(*given, "sum"), -np.log(probability), rtol=1e-12)
    loss = F.ctc_loss(np.log(p[:2]), [[1, 1]], [2], [2], blank)
    assert loss.item() == np.inf
    x = Tensor(np.log(p[:2]), requires_grad=True)
    loss = F.ctc_loss(x, [[1, 1]], [2], [2], blank, zero_infinity=True)
    loss.backward()
    assert loss.item() == 0
    assert not x.grad.any()
    assert F.ctc_loss(np.log(p).astype(np.float32), [[1]], [4], [1]).dtype == np.float32


def test_ctc_of_several_words(rng):
    x, lengths, counts = rng.normal(size=(7, 4, 5)), [7, 6, 3, 2], [3, 0, 1, 2]
    labels, joined = [[2, 2, 1], [4, 0, 0], [3, 3, 3], [1, 2, 3]], [2, 2, 1, 3, 1, 2]
    each = F.ctc_loss(x, labels, lengths, counts, reduction="none")
    for i, (n, count) in enumerate(zip(lengths, counts, strict=True)):
        alone = F.ctc_loss(x[:n, i], labels[i][:count], n, count, reduction="sum")
        np.testing.assert_allclose(each[i], alone, rtol=1e-14)
    mean = np.mean(each / np.maximum(counts, 1))
    for given in (labels, joined):
        np.testing.assert_allclose(F.ctc_loss(x, given, lengths, counts), mean, rtol=1e-14)
    check_slopes(lambda x: F.ctc_loss(F.log_softmax(x, -1), labels, lengths, counts), x)


@pytest.mark.parametrize("kind", ["Embedding", "EmbeddingBag"])
@pytest.mark.parametrize("options", [
    {}, {"padding_idx": 0}, {"padding_idx": -1}, {"padding_idx": 2, "max_norm": 1.5},
    {"max_norm": 0.7, "norm_type": 1.0}, {"max_norm": 2.0, "norm_type": np.inf},
])  # fmt: skip
def test_embeddings_are_pytorchs(kind, options):
    layer, indices = getattr(nn, kind)(6, 3, **options), np.array([[0, 2, 2, 5], [5, 5, 1, 2]])
    theirs = in_torch(layer, 6, 3, **options)
    assert repr(layer) == repr(theirs)
    orders = 1 if kind == "EmbeddingBag" else 2  # what PyTorch has
    check_against_torch(layer, theirs, whole=[indices], orders=orders)
    assert layer.float()(indices).dtype == np.float32


def test_gradcheck_looks_at_an_embedding_where_no_row_is_too_long():
    layer = nn.Embedding(4, 3, max_norm=100.0)
    assert gradcheck(lambda: np.sum(np.sin(layer([[1, 2, 2]]))), layer.weight)


@pytest.mark.parametrize("count", [1, 3, 50])
def test_the_gradient_adds_up_where_a_row_is_read_often_except_at_the_padding(rng, count):
    indices = rng.integers(0, count, 400)
    layer, g = nn.Embedding(count + 1, 4, padding_idx=-1), rng.normal(size=(400, 4))
    assert not layer.weight.numpy()[count].any()
    (layer(indices) * g + (layer([count]) + 2) ** 2).sum().backward()
    expected = np.eye(count + 1)[indices].T @ g
    np.testing.assert_allclose(layer.weight.grad, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("norm", [1, 2, 2.5, np.inf])
def test_long_rows_are_shortened_where_they_are_read_and_nowhere_else(rng, norm):
    w = Tensor(rng.normal(size=(6, 3)) * [[0.1], [5.0], [5.0], [0.1], [5.0], [5.0]], True)
    before = w.numpy().copy()
    used, y = (w**2).sum(), F.embedding([[0, 1], [1, 2]], w, None, 1.0, norm)
    np.testing.assert_allclose(np.linalg.norm(y.numpy()[1], norm, axis=-1), 1, atol=1e-6)
    np.testing.assert_array_equal(w.numpy()[[[0, 1], [1, 2]]], y.numpy())
    bags = F.embedding_bag([[0, 1], [1, 2]], before, None, 1.0, norm, mode="sum")
    np.testing.assert_allclose(bags, y.numpy().sum(axis=1), rtol=1e-14)
    np.testing.assert_array_equal(w.numpy()[[0, 3, 4, 5]], before[[0, 3, 4, 5]])
    np.testing.assert_allclose(np.cross(w.numpy(), before), 0, atol=1e-14)
    (used + y.sum()).backward()  # what came before counts as it was
    np.testing.assert_allclose(w.grad, 2 * before + [[1], [2], [1], [0], [0], [0]])


@pytest.mark.parametrize("bags", [False, True])
def test_a_gradient_by_frequency_is_the_mean_of_those_where_the_row_is_read(rng, bags):
    w, indices = Tensor(rng.normal(size=(6, 3)), True), rng.integers(0, 5, (4, 9))
    g = rng.normal(size=(4, 1 if bags else 9, 3))
    if bags:
        rows = F.embedding_bag(indices, w, scale_grad_by_freq=True, mode="sum")
    else:
        rows = F.embedding(indices, w, scale_grad_by_freq=True)
    (rows * g.reshape(rows.shape)).sum().backward()
    of_each = np.broadcast_to(g, (4, 9, 3))
    for row in range(5):
        np.testing.assert_allclose(w.grad[row], of_each[indices == row].mean(0), atol=1e-14)
    assert not w.grad[5].any()


def test_one_hot(rng):
    labels = rng.integers(0, 7, (3, 4))
    np.testing.assert_array_equal(nn.one_hot(Tensor(labels), 7), np.eye(7)[labels])
    assert (nn.one_hot([1], 3).dtype, nn.one_hot([], 3).shape) == (np.int64, (0, 3))
