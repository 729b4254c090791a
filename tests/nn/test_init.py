"""How parameters begin: the distributions, and that a seed repeats them bit for bit."""

import copy
import math
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from microgradnd import set_default_dtype
from microgradnd.random_state import Snapshot
from nn import CrossEntropyLoss, Dropout, Embedding, Linear, Parameter, Sequential, fit, init
from nn.init import generator, manual_seed
from nn.optim import SGD

SHAPE = (200, 300)  # enough entries for the spread to be known to half a percent
KERNELS = (64, 30, 5, 4)  # 600 inputs and 1,280 outputs


def check_spread(values, std, uniform):
    values = np.asarray(values, dtype=float)
    error = 5 / math.sqrt(values.size)
    assert abs(values.mean()) < error * std
    assert abs(values.std() / std - 1) < error
    fourth = np.mean(values**4) / std**4  # 9/5 for a uniform distribution, 3 for a normal one
    assert abs(fourth - (1.8 if uniform else 3)) < 10 * error
    if uniform:
        assert math.sqrt(3) * std * 0.99 < np.abs(values).max() <= math.sqrt(3) * std


@pytest.mark.parametrize("shape", [SHAPE, KERNELS], ids=["matrix", "kernels"])
@pytest.mark.parametrize("uniform", [True, False], ids=["uniform", "normal"])
def test_xavier_and_he(shape, uniform):
    outputs, inputs = shape[0] * math.prod(shape[2:]), math.prod(shape[1:])
    xavier = init.xavier_uniform_ if uniform else init.xavier_normal_
    kaiming = init.kaiming_uniform_ if uniform else init.kaiming_normal_
    w = Parameter(np.zeros(shape))
    assert xavier(w, gain=2.0) is w
    check_spread(w.numpy(), 2 * math.sqrt(2 / (inputs + outputs)), uniform)
    for options, std in (
        ({}, math.sqrt(2 / inputs)),
        ({"mode": "fan_out", "nonlinearity": "tanh"}, 5 / 3 / math.sqrt(outputs)),
        ({"a": 1.0}, 1 / math.sqrt(inputs)),
    ):
        check_spread(kaiming(w, **options).numpy(), std, uniform)


def test_the_plain_ones():
    w = Parameter(np.zeros(SHAPE))
    check_spread(init.normal_(w, mean=3.0, std=0.5).numpy() - 3, 0.5, uniform=False)
    check_spread(init.uniform_(w, -2, 2).numpy(), 2 / math.sqrt(3), uniform=True)
    check_spread(init.uniform_(w).numpy() - 0.5, 0.5 / math.sqrt(3), uniform=True)
    loss = np.sum(init.constant_(w, 2.0) ** 2)
    for fill, expected in ((init.ones_, 1), (init.zeros_, 0), (init.eye_, np.eye(*SHAPE))):
        np.testing.assert_array_equal(fill(w).numpy(), np.broadcast_to(expected, SHAPE))
    loss.backward()  # a recorded graph does not see new values
    assert (w.grad == 4).all()


def test_normal_values_that_are_cut_off_sparse_ones_and_kernels_that_change_nothing():
    w = init.trunc_normal_(np.zeros(SHAPE), mean=0.5, std=2.0, a=-1.0, b=2.5)
    assert -1 <= w.min() < -0.99 < 2.49 < w.max() <= 2.5
    special = pytest.importorskip("scipy.stats").truncnorm(-0.75, 1.0, 0.5, 2.0)
    np.testing.assert_allclose([w.mean(), w.std()], [special.mean(), special.std()], atol=0.02)
    w = init.sparse_(np.zeros((200, 50)), sparsity=0.3, std=2.0)
    assert ((w == 0).sum(axis=0) == 60).all()
    check_spread(w[w != 0], 2.0, uniform=False)
    torch = pytest.importorskip("torch")
    for shape, groups in (((4, 2, 3), 1), ((4, 2, 3, 5), 2), ((2, 4, 4), 1)):
        theirs = torch.nn.init.dirac_(torch.zeros(shape), groups)
        np.testing.assert_array_equal(init.dirac_(np.zeros(shape), groups), theirs)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3, 3), (20, 2, 3), (0, 3)])
def test_orthogonal(shape):
    w = init.orthogonal_(Parameter(np.zeros(shape)), gain=2.0).numpy()
    w = w.reshape(shape[0], math.prod(shape[1:]))
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_orthogonal_matrices_are_all_as_likely():
    entries = [init.orthogonal_(np.zeros((2, 2)))[0] for _ in range(4000)]
    angles = np.array([math.atan2(y, x) for x, y in entries])
    counts, _ = np.histogram(angles, bins=8, range=(-math.pi, math.pi))
    assert counts.min() > 400  # 500 are expected, give or take 21


RANDOM = [name for name in init.__all__ if re.search("normal|uniform|orth|sparse", name)]


@pytest.mark.parametrize("name", RANDOM)
def test_a_generator_of_ones_own_repeats_and_leaves_that_of_nn_alone(name):
    fill, more = getattr(init, name), {"sparsity": 0.5} if name == "sparse_" else {}
    before, own = generator.bit_generator.state, np.random.default_rng(0)
    first, second = (fill(np.zeros((4, 3)), **more, generator=own) for _ in range(2))
    again = fill(np.zeros((4, 3)), **more, generator=np.random.default_rng(0))
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()
    assert generator.bit_generator.state == before


def test_gains_are_those_of_pytorch():
    theirs = pytest.importorskip("torch").nn.init.calculate_gain
    for name in ("linear", "conv1d", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert init.calculate_gain(name) == pytest.approx(theirs(name), rel=1e-15)


def test_layers_begin_as_in_pytorch_and_the_dtype_does_not_change_what_is_drawn():
    layer, words = Linear(300, 400), Embedding(300, 200, padding_idx=-1)
    check_spread(layer.weight.numpy(), 1 / math.sqrt(900), uniform=True)
    check_spread(words.weight.numpy()[:-1], 1, uniform=False)
    manual_seed(0)
    with set_default_dtype(np.float32):
        single = Linear(300, 400).weight.numpy()
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, layer.weight.numpy().astype(np.float32))


def test_a_seed_repeats_everything_bit_for_bit():
    def draw(seed):
        assert manual_seed(seed) is generator
        drawn = [p.numpy() for m in (Linear(5, 6), Embedding(7, 3)) for p in m.parameters()]
        drawn += [Dropout(0.5)(np.ones(100)), init.orthogonal_(np.zeros((3, 3)))]
        return b"".join(array.tobytes() for array in drawn)

    assert draw(3) == draw(3)
    assert draw(3) != draw(4)
    generator.integers(0, 10, dtype=np.uint8)  # which leaves half a number in the generator
    assert draw(3) == draw(3)


@pytest.mark.parametrize("replay", [True, False])
def test_threads_that_fit_at_once_draw_what_they_draw_one_after_the_other(replay):
    def learnt(seed, wait=lambda: None):
        manual_seed(seed)
        model = Sequential(Linear(4, 3), Dropout(0.5))
        data = generator.normal(size=(12, 4)), np.arange(12) % 3
        options = {"loss": CrossEntropyLoss(), "optimizer": SGD(model.parameters(), lr=0.1)}
        options |= {"epochs": 2, "batch_size": 4, "seed": seed, "replay": replay}
        fit(model, data, augment=lambda x: (wait(), x)[1], progress=False, **options)
        return model[0].weight.numpy().tobytes(), generator.random()

    expected, barrier = [learnt(0), learnt(1)], threading.Barrier(2, timeout=30)
    before = generator.bit_generator.state
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda seed: learnt(seed, barrier.wait), (0, 1))) == expected
    assert generator.bit_generator.state == before  # threads do not move each other's


def test_the_generator_is_one_of_numpys():
    assert isinstance(generator, np.random.Generator)
    assert Snapshot([generator.random.__self__, generator]).states.keys() == {generator}
    assert np.random.default_rng(copy.deepcopy(generator)).random() == generator.random()
