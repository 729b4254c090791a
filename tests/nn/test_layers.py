"""All layers have PyTorch's numbers and right slopes, and stay in float32; dense ones, dropout and
embeddings also have what their definitions promise."""

import copy
import re
from itertools import product

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from microgradnd.operators import plain
from microgradnd.tree import map_leaves
from nn import ClassicDropout, DropConnect, Dropout, Flatten, LayerNorm, Linear
from nn.functional import dropout, linear
from tests.nn import layer_checks as checks
from tests.nn.layer_checks import leaves, states_of
from tests.nn.more_layers import more_layers

# ---- every layer ---------------------------------------------------------------------------------


def first(option):
    return option[0] if isinstance(option, tuple) else option


def cases():
    """A layer, its arguments and options, and the shapes of its inputs."""
    for bias, shape in product((True, False), ((3,), (4, 3), (2, 4, 3), (0, 3), (2, 1, 4, 3))):
        yield Linear, (3, 2), {"bias": bias}, shape
    for axes in ((), (0,), (1, 2), (-2,)):
        yield Flatten, axes, {}, (2, 3, 4, 5)

    strides, paddings, dilations = (1, 2, (2, 1)), (0, 1, (2, 1), "same", "valid"), (1, 2, (1, 2))
    for stride, padding, dilation, groups in product(strides, paddings, dilations, (1, 2)):
        if padding != "same" or stride == 1:
            how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
            yield nn.Conv2d, (4, 6, (3, 2)), how, (2, 4, 7, 8)
            yield nn.Conv1d, (4, 6, 3), {k: first(value) for k, value in how.items()}, (2, 4, 9)
    for mode, bias in product(("zeros", "reflect", "replicate", "circular"), (True, False)):
        how = {"padding": 2, "dilation": 2, "groups": 2, "bias": bias, "padding_mode": mode}
        yield nn.Conv2d, (4, 6, 3), how, (3, 4, 9, 9)
        yield nn.Conv2d, (4, 6, 3), how, (4, 9, 9)
        yield nn.Conv1d, (4, 6, 3), how, (3, 4, 9)
        yield nn.Conv2d, (4, 6, (4, 2)), {"padding": "same", "padding_mode": mode}, (2, 4, 5, 6)

    for kernel, stride, padding in product((2, (3, 2)), (None, 1, (3, 2)), (0, (1, 0))):
        how = kernel, stride, padding
        for dilation, ceil_mode in product((1, 2, (1, 2)), (False, True)):
            options = {"dilation": dilation, "ceil_mode": ceil_mode}
            yield nn.MaxPool2d, how, options, (2, 3, 8, 9)
            options["dilation"] = first(dilation)
            yield nn.MaxPool1d, tuple(map(first, how)), options, (2, 3, 11)
        for ceil_mode, counted in product((False, True), (False, True)):
            options = {"ceil_mode": ceil_mode, "count_include_pad": counted}
            shape = (3, 11) if ceil_mode else (2, 3, 11)
            yield nn.AvgPool1d, tuple(map(first, how)), options, shape
            yield nn.AvgPool2d, how, options, (2, 3, 8, 9)
        yield nn.AvgPool2d, how, {"divisor_override": 5}, (3, 8, 9)

    unusual = {"eps": 1e-3, "momentum": 0.3}, {"momentum": None}, {"affine": False}, {"bias": False}
    for options in ({}, *unusual):
        yield nn.BatchNorm1d, (3,), options, (6, 3)
        yield nn.BatchNorm1d, (3,), options, (2, 3, 5)
        yield nn.BatchNorm2d, (3,), options, (2, 3, 4, 2)
    yield nn.BatchNorm1d, (3,), {"track_running_stats": False}, (6, 3)
    for options in ({}, {"elementwise_affine": False}, {"bias": False}, {"eps": 0.1}):
        for sizes, shape in ((3, (5, 3)), ((3,), (3,)), ((4, 3), (2, 4, 3))):
            yield LayerNorm, (sizes,), options, shape

    for directions, layers, bias, first_axis in product((1, 2), (1, 2), (True, False), (0, 1)):
        how = {"bidirectional": directions == 2, "num_layers": layers, "bias": bias}
        how["batch_first"] = first_axis == 0
        x, rows = (2, 5, 3), layers * directions
        for kind in (nn.RNN, nn.LSTM, nn.GRU):
            states = [(rows, x[1 - first_axis] if first_axis else 2, 4)] * (1 + (kind is nn.LSTM))
            yield kind, (3, 4), how, x
            yield kind, (3, 4), how, (5, 3), *[(rows, 4) for _ in states]
            yield kind, (3, 4), how, ((2, 5, 3) if first_axis == 0 else (5, 2, 3)), *states
    yield nn.RNN, (3, 4, 2), {"nonlinearity": "relu", "bidirectional": True}, (5, 2, 3)
    yield nn.RNN, (3, 4, 2, "relu", False, True, 0.0, True), {}, (5, 2, 3)
    yield nn.LSTM, (3, 4, 2, False, True, 0.0, True), {}, (5, 2, 3)
    yield nn.GRU, (3, 4, 2, False, True, 0.0, True), {}, (1, 2, 3)


def made(kind, arguments, options, x, *states):
    """The layer with unusual parameters, and its inputs."""
    rng = np.random.default_rng(0)
    layer = kind(*arguments, **options)
    for parameter in layer.parameters():
        parameter.data = rng.normal(0.4, 0.5, size=parameter.shape)
    return layer, [rng.normal(1, 2, size=shape) for shape in (x, *states)]


def name_of(case):
    kind, *rest = case
    return f"{kind.__name__} {' '.join(map(str, rest))}"


CASES = [*cases(), *more_layers()]


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_layer_is_pytorchs(case):
    mine, inputs = made(*case)
    theirs = checks.in_torch(mine, *case[1], **case[2])
    shown = re.sub("NonDynamicallyQuantizable|, inplace=False", "", repr(theirs))
    assert repr(mine) == shown or case[0] is nn.AvgPool1d  # theirs shows tuples
    for mode in (True, True, False) if list(mine.buffers()) else (True,):
        mine.train(mode), theirs.train(mode)
        checks.check_against_torch(mine, theirs, *inputs)
        expected = theirs.state_dict()
        for name, array in mine.state_dict().items():
            checks.close(array, expected[name])


# What PyTorch computed for all cases of a layer, with random factors and in sum, and then its buffers.
VALUES = {
    "Linear": -12.9034973701, "Flatten": -231.474398211, "Conv2d": -27539.586012,
    "Conv1d": -5458.03590945, "MaxPool2d": -7793.70672689, "MaxPool1d": -1267.05350305,
    "AvgPool1d": -388.950307367, "AvgPool2d": -1556.11648258, "BatchNorm1d": 222.852815932,
    "BatchNorm2d": 82.5211215303, "LayerNorm": 5.07979508036, "RNN": -20367.7330768,
    "LSTM": -879.798564284, "GRU": -578.995041518, "ZeroPad1d": -15.2212377558,
    "ZeroPad2d": 38.7500630339, "ReflectionPad1d": -6.27700935745,
    "ReflectionPad2d": -60.5843968517, "ReplicationPad1d": -34.4040028417,
    "ReplicationPad2d": -129.07032552, "CircularPad1d": -48.7744085179,
    "CircularPad2d": 6.79263633388, "ConstantPad1d": -19.7957730135,
    "ConstantPad2d": -324.877059769, "TransformerEncoderLayer": 33.1712677947,
    "ConvTranspose1d": -662.163424317, "ConvTranspose2d": -1450.52486602,
    "AdaptiveAvgPool1d": -18.1366988191, "AdaptiveMaxPool1d": -15.4120227174,
    "AdaptiveAvgPool2d": -53.5023590746, "AdaptiveMaxPool2d": -239.789346385,
    "PixelShuffle": -9.44564989423, "PixelUnshuffle": -46.9105933734, "Upsample": -1352.36278941,
    "GroupNorm": -14.9474071666, "InstanceNorm1d": 4.20501549708, "InstanceNorm2d": -18.48478953,
    "RMSNorm": -1.65371493342, "LocalResponseNorm": -11.3663742255, "Unflatten": -1.58117502535,
    "Bilinear": -67.9344301148, "RNNCell": 21.9210185427, "LSTMCell": 17.9818586477,
    "GRUCell": 14.5096223811, "CosineSimilarity": 1.49691287045, "PairwiseDistance": 15.0938235062,
    "Conv3d": -549.455281108, "ConvTranspose3d": -73.7726429362, "MaxPool3d": -46.9148415512,
    "AvgPool3d": -29.7791015705, "AdaptiveAvgPool3d": -34.7890411041,
    "AdaptiveMaxPool3d": -29.7803255219, "BatchNorm3d": -50.0755644255,
    "InstanceNorm3d": -30.9790508634, "ConstantPad3d": 5.37280350422, "ZeroPad3d": -65.7211756666,
    "ReflectionPad3d": -118.481104718, "ReplicationPad3d": -110.061100443,
    "CircularPad3d": -38.542905607,
}  # fmt: skip


@pytest.mark.parametrize("kind", VALUES)
def test_values_are_those_that_pytorch_computed(kind):
    total = 0
    for case in (case for case in CASES if case[0].__name__ == kind):
        layer, (x, *states) = made(*case)
        rng = np.random.default_rng(1)
        for mode in (True, True, False):
            outputs = leaves(layer.train(mode)(x, *states_of(states)))
            total += sum(np.sum(plain(y) * rng.normal(size=y.shape)) for y in outputs)
            total += sum(np.sum(buffer) for buffer in layer.buffers())
    assert total == pytest.approx(VALUES[kind], rel=1e-10)


BATCHES = [case for case in CASES if case[0] is not Flatten and case[3][0] == 2]
BY_KIND = {kind: [case for case in BATCHES if case[0] is kind] for kind, *_ in BATCHES}
SOME = [case for of_kind in BY_KIND.values() for case in of_kind[:: len(of_kind) // 3 or 1]]
SOME += [(lambda: DropConnect(Linear(3, 2), 0.25).eval(), (), {}, (4, 3))]
SOME_LAYERS = pytest.mark.parametrize("case", SOME, ids=name_of)


@SOME_LAYERS
def test_whole_numbers_of_numpy_are_taken(case):
    kind, *given, x = case[:4]
    given = map_leaves(lambda n: np.int64(n) if type(n) is int else n, given)
    (mine, inputs), (other, _) = made(kind, *given, x, *case[4:]), made(*case)
    mine.load_state_dict(other.state_dict())
    inputs = inputs[0], *states_of(inputs[1:])
    for found, expected in zip(leaves(mine(*inputs)), leaves(other(*inputs)), strict=True):
        np.testing.assert_array_equal(plain(found), plain(expected))


@pytest.mark.parametrize("call", [
    lambda x, b: nn.functional.layer_norm(x, 6, None, b),
    lambda x, b: nn.functional.group_norm(x, 2, None, b),
    lambda x, b: nn.functional.batch_norm(x, None, None, None, b, training=True),
    lambda x, b: nn.functional.instance_norm(np.stack([x, x * x], 2), None, None, None, b),
    lambda x, b: linear(x, np.zeros((6, 6), np.float32), b),
    lambda x, b: nn.functional.conv1d(x[..., None], np.zeros((6, 6, 1), np.float32), b),
    lambda x, b: nn.functional.conv_transpose1d(x[..., None], np.zeros((6, 6, 1), np.float32), b),
])  # fmt: skip
def test_a_bias_alone_is_not_rounded_where_it_is_wider_and_has_right_slopes(rng, call):
    x = rng.normal(size=(4, 6)).astype(np.float32)
    y, plain = call(x, np.full(6, 1 / 3)), call(x, np.zeros(6))
    np.testing.assert_allclose(y - plain, 1 / 3, rtol=0, atol=1e-15)
    checks.check_slopes(call, x.astype(float), rng.normal(size=6))
    whole = rng.integers(0, 9, size=(4, 6))
    expected = call(whole.astype(float), whole[0].astype(float))
    np.testing.assert_array_equal(call(whole, whole[0]), expected)


def test_constant_channels_do_no_harm():
    x = Tensor(np.full((4, 2), 1e3), requires_grad=True)
    y = nn.BatchNorm1d(2)(x)
    y.sum().backward()
    assert not y.numpy().any()
    assert np.isfinite(x.grad).all()


def test_many_long_rows_are_each_normalised_and_numpys_buffers_stay_as_they_are(rng):
    x = rng.normal(size=(300, 512))
    before = np.getbufsize()
    y = nn.functional.layer_norm(x, 512)
    assert np.getbufsize() == before
    expected = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)


@SOME_LAYERS
@pytest.mark.parametrize("training", [True, False])
def test_derivatives_are_the_slopes(case, training):
    layer, inputs = made(*case)
    if not isinstance(layer, DropConnect):
        layer.train(training)
    checks.check_slopes_of_layer(layer, *inputs)


@SOME_LAYERS
def test_float32_stays_float32(case):
    layer, (x, *states) = made(*case)
    layer = copy.deepcopy(layer).float()
    inputs = [Tensor(a.astype(np.float32), requires_grad=True) for a in (x, *states)]
    outputs = leaves(layer(inputs[0], *states_of(inputs[1:])))
    sum(np.sum(y * y) for y in outputs).backward()
    gradients = [tensor.grad for tensor in (*inputs, *layer.parameters())]
    assert {a.dtype for a in (*outputs, *gradients)} == {np.dtype(np.float32)}
    for whole in (np.round(x).astype(int), np.round(x).tolist()):
        dtype = np.float32 if list(layer.parameters()) else float
        assert leaves(layer(whole, *states_of(inputs[1:])))[0].dtype == dtype


MODES = {"mode", "padding_mode"}  # in some of which a layer is refused
ONE_OF_EACH = {(case[0], *MODES & case[2].keys()): case for case in SOME}.values()


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=name_of)
def test_over_dask_the_numbers_are_the_same_or_it_is_refused(case):
    dask, (layer, inputs) = pytest.importorskip("dask.array"), made(*case)

    def slopes(kind):
        layer.eval().zero_grad()
        x, *states = [Tensor(kind(array), requires_grad=True) for array in inputs]
        sum(np.sum(y * y) for y in leaves(layer(x, *states_of(states)))).backward()
        return [np.asarray(t.grad) for t in (x, *layer.parameters())]

    taken = re.search("Pad|padding_mode=|AdaptiveMax|nearest", repr(layer))
    refused = "scatter: Chunks of input" if taken else None
    if hasattr(layer, "hidden_size") and not layer.proj_size:
        refused = r"are views, got dask.*Array; use np.asarray"
    try:
        found = slopes(dask.asarray)
    except (TypeError, ValueError) as error:
        if not refused or not re.search(refused, str(error)):
            raise
        return
    for a, b in zip(slopes(np.asarray), found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


BEGINS = [
    (Linear, (30, 400), 30), (nn.Conv1d, (10, 5000, 25), 250), (nn.GRU, (30, 100, 2), 100),
    (nn.Conv2d, (20, 600, 5, 1, 0, 1, 2), 250),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "arguments", "inputs"), BEGINS)
def test_parameters_begin_uniform_within_one_over_the_root_of_the_inputs(kind, arguments, inputs):
    nn.manual_seed(0)
    layer, bound = kind(*arguments), inputs**-0.5
    for values in layer.state_dict().values():
        assert 0.97 * bound < np.abs(values).max() <= bound
        np.testing.assert_allclose(values.std(), bound / 3**0.5, rtol=0.1)
    nn.manual_seed(0)
    for again, values in zip(kind(*arguments).parameters(), layer.parameters(), strict=True):
        np.testing.assert_array_equal(again.numpy(), values.numpy())


# ---- dropout -------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_with_probability_p_and_keeps_the_mean(p):
    y = Dropout(p)(np.ones((300, 400)))
    zeros = (y == 0).mean()
    assert abs(zeros - p) < 5 * np.sqrt(p * (1 - p) / y.size)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-12)
    rows = (y == 0).mean(axis=1)  # each point has a mask of its own
    assert rows.std() > 0.5 * np.sqrt(p * (1 - p) / 400)


LAYERS = [Dropout, ClassicDropout, lambda p: DropConnect(Linear(3, 2, bias=False), p)]


@pytest.mark.parametrize("layer", LAYERS)
def test_nothing_and_everything_dropped(rng, layer):
    x, nothing_dropped = Tensor(rng.normal(size=(4, 3))), layer(0.0)
    assert not layer(1.0)(x).numpy().any()
    np.testing.assert_array_equal(nothing_dropped(x).numpy(), nothing_dropped.eval()(x).numpy())
    assert "p=0.0" in repr(nothing_dropped)


def test_gradients_go_where_the_values_went():
    x = Tensor(np.ones((20, 30), np.float32), requires_grad=True)
    y = dropout(x, 0.5)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.numpy())
    assert dropout(x, 0.4, training=False) is x


def test_classic_dropout_silences_exactly_a_fraction_of_the_neurons_for_the_whole_batch(rng):
    x, layer, silent = rng.uniform(1, 2, size=(6, 10)), ClassicDropout(0.3), np.zeros(10)
    for _ in range(500):
        y = layer(x)
        mask = (y != 0).all(axis=0)
        np.testing.assert_array_equal(y, x * mask)  # nothing is scaled
        assert mask.sum() == 7
        silent += ~mask
    assert np.abs(silent / 500 - 0.3).max() < 0.1  # each neuron takes its turn
    np.testing.assert_allclose(layer.eval()(x), 0.7 * x, rtol=1e-15)
    assert (ClassicDropout(0.5)(np.ones(8)) == 0).sum() == 4  # of one point


def test_drop_connect_masks_exactly_a_fraction_of_the_weights_and_their_gradients():
    inner = Linear(4, 5)
    layer, counts = DropConnect(inner, 0.35), np.zeros((5, 4))
    for _ in range(300):
        y = layer(np.eye(4))
        rows = (y - inner.bias).numpy().T
        dropped = np.isclose(rows, 0, atol=1e-12)
        np.testing.assert_allclose(rows, inner.weight.numpy() * ~dropped, atol=1e-12)
        assert dropped.sum() == 7
        counts += dropped
    assert np.abs(counts / 300 - 0.35).max() < 0.12
    y.sum().backward()
    np.testing.assert_array_equal(inner.weight.grad, ~dropped)
    expected = (0.65 * inner.weight.numpy()).T + inner.bias.numpy()
    np.testing.assert_allclose(layer.eval()(np.eye(4)).numpy(), expected, rtol=1e-14)


@pytest.mark.parametrize("size", [(9, 7), (10, 8), (2, 4, 10, 7)])
def test_a_transposed_convolution_has_the_size_asked_for(size, torch):
    mine, x = nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1), np.random.normal(size=(2, 3, 5, 4))
    theirs = checks.in_torch(mine, 3, 4, 3, stride=2, padding=1)
    expected = theirs(torch.tensor(x), output_size=size).detach().numpy()
    np.testing.assert_allclose(mine(x, size).numpy(), expected, atol=1e-12)


EVERY = {kind: more for kind, *more in (*cases(), *more_layers())}


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_reset_parameters_starts_anew_as_a_new_layer(kind):
    def drawn(layer):
        nn.manual_seed(0)
        for each in layer.modules():
            if list(each.parameters(recurse=False)):
                each.load_state_dict({k: 0 * v + 7 for k, v in each.state_dict().items()})
                each.reset_parameters()
        return layer.state_dict()

    one, other = (drawn(kind(*EVERY[kind][0], **EVERY[kind][1])) for _ in range(2))
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])
        assert not (values == 7).any()


@pytest.mark.parametrize("kind", [nn.BatchNorm2d, lambda n: nn.GroupNorm(2, n), nn.InstanceNorm2d])
@pytest.mark.parametrize("turned", [False, True])
def test_norms_of_what_lies_otherwise_in_memory_are_the_same(kind, turned, rng):
    norm, values, g = kind(4), rng.normal(size=(4, 7, 5, 6)), rng.normal(size=(6, 4, 7, 5))
    lying = values.transpose(3, 0, 1, 2)  # the examples innermost, as behind a convolution
    found = []
    for array in lying, np.ascontiguousarray(lying):
        norm.zero_grad()
        x = Tensor(array, requires_grad=True)
        y = norm(x * 2.0)  # which lies as x does
        y.backward(np.copy(g.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2) if turned else g)
        found.append([y.numpy(), x.grad, *(p.grad for p in norm.parameters())])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)
