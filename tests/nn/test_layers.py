"""Dense layers, dropout, embeddings and normalisation: numbers, gradients, second derivatives."""

import copy

import numpy as np
import pytest

from microgradnd import Tensor, grad, gradients, jvp
from nn.containers import Sequential
from nn.init import manual_seed
from nn.layers.dense import Flatten, Identity, Linear, flatten, linear
from nn.layers.dropout import ClassicDropout, DropConnect, Dropout, dropout
from nn.layers.embedding import Embedding, embedding, one_hot
from nn.layers.normalisation import BatchNorm1d, BatchNorm2d, LayerNorm, batch_norm, layer_norm
from nn.module import functional_call
from tests.numerical import slope

RNG = np.random.default_rng(0)


def check_derivatives(f, *arrays):
    """First and second derivatives of a function against differences, in random directions."""
    weight = RNG.normal(size=np.shape(f(*arrays)))

    def scalar(*xs):
        return np.sum(np.tanh(f(*xs)) * weight)  # so that no second derivative vanishes

    vs = [RNG.normal(size=x.shape) for x in arrays]
    every = tuple(range(len(arrays)))
    first = grad(scalar, every)
    along = sum(np.sum(g * v) for g, v in zip(first(*arrays), vs, strict=True))
    np.testing.assert_allclose(along, slope(scalar, arrays, vs)[0], rtol=1e-7, atol=1e-9)
    second = jvp(first, arrays, vs)[1]
    for found, expected in zip(second, slope(first, arrays, vs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def in_torch(kind, module, *arguments, **options):
    """PyTorch's layer with the state of ours."""
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn, kind)(*arguments, **options).double()
    theirs.load_state_dict({k: torch.tensor(v) for k, v in module.state_dict().items()})
    return theirs


def check_against_torch(module, theirs, x, indices=False):
    """The output, the gradients of the input and parameters, and the state afterwards."""
    torch = pytest.importorskip("torch")
    ours_in = x if indices else Tensor(x, requires_grad=True)
    their_in = torch.tensor(x) if indices else torch.tensor(x, requires_grad=True)
    mine, its = module(ours_in), theirs(their_in)
    np.testing.assert_allclose(mine.numpy(), its.detach().numpy(), rtol=1e-12, atol=1e-12)
    weight = RNG.normal(size=mine.shape)
    (np.sin(mine) * weight).sum().backward()
    (torch.sin(its) * torch.tensor(weight)).sum().backward()
    if not indices:
        np.testing.assert_allclose(ours_in.grad, their_in.grad.numpy(), rtol=1e-11, atol=1e-12)
    for mine, its in zip(module.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(mine.grad, its.grad.numpy(), rtol=1e-11, atol=1e-12)
    after = theirs.state_dict()
    for name, value in module.state_dict().items():
        np.testing.assert_allclose(value, after[name].numpy(), rtol=1e-12, atol=1e-14)


def parameters_of(module):
    names, parameters = zip(*module.named_parameters(), strict=True)
    return names, [p.numpy() + 0.1 * RNG.normal(size=p.shape) for p in parameters]


def check_module(module, x):
    """Derivatives of a module by its input and its parameters."""
    names, values = parameters_of(module)
    check_derivatives(
        lambda x, *values: functional_call(module, dict(zip(names, values, strict=True)), x),
        x,
        *values,
    )


def check_float32(module, x):
    """float32 in gives float32 out, and gradients of it."""
    module = copy.deepcopy(module).float()
    x = Tensor(x.astype(np.float32), requires_grad=True)
    y = module(x)
    y.sum().backward()
    assert {y.dtype, x.grad.dtype, *(p.grad.dtype for p in module.parameters())} == {
        np.dtype(np.float32)
    }
    return y


# ---- dense ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3), (0, 3), (2, 1, 4, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_on_points_of_any_layout(shape, bias):
    layer, x = Linear(3, 2, bias), RNG.normal(size=shape)
    expected = np.einsum("...i,oi->...o", x, layer.weight.numpy())
    expected += layer.bias.numpy() if bias else 0
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(
        linear(x, *(p.numpy() for p in layer.parameters())), expected, rtol=1e-13, atol=1e-15
    )
    check_module(layer, x)
    check_against_torch(layer, in_torch("Linear", layer, 3, 2, bias), x)
    check_float32(layer, x)


def test_linear_takes_what_it_can_make_numbers_of():
    layer = Linear(2, 3).float()
    expected = layer(np.array([[1, 2]], np.float32)).numpy()
    for x in (
        [[1, 2]],
        [[1.0, 2.0]],
        np.array([[1, 2]]),
        np.array([[1, 2]], np.uint8),
        Tensor(np.array([[1, 2]])),
    ):
        y = layer(x)
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y.numpy(), expected)
    assert layer([[True, False]]).shape == (1, 3)


def test_linear_leaves_its_arguments_alone():
    layer, x = Linear(2, 3), np.ones((4, 2))
    bias = layer.bias.numpy().copy()
    layer(x).sum().backward()
    assert (x == 1).all()
    np.testing.assert_array_equal(layer.bias.numpy(), bias)


def test_a_wrong_width_names_the_layer():
    model = Sequential(Linear(2, 3), Sequential(Identity(), Linear(4, 1)))
    with pytest.raises(ValueError, match=r"1.1 \(Linear\): .* \(..., 4\), got \(5, 3\)"):
        model(np.ones((5, 2)))
    with pytest.raises(ValueError, match=r"Linear: linear expects .* \(..., 2\), got \(\)"):
        Linear(2, 3)(1.0)
    with pytest.raises(ValueError, match=r"linear expects .* \(..., 4\), got \(5, 2\)"):
        linear(np.ones((5, 2)), np.ones((3, 4)))


def test_flatten():
    x = RNG.normal(size=(2, 3, 4, 5))
    assert Flatten()(x).shape == (2, 60)
    assert Flatten(0)(x).shape == (120,)
    assert Flatten(1, 2)(x).shape == (2, 12, 5)
    assert Flatten(-2)(x).shape == (2, 3, 20)
    assert flatten(x).tolist() == x.ravel().tolist()
    check_derivatives(flatten, x)
    with pytest.raises(ValueError, match=r"0 \(Flatten\): shape \(3,\) has no axes from 1 to -1"):
        Sequential(Flatten())(np.ones(3))


def test_identity_gives_what_it_gets():
    x = Tensor([1.0])
    assert Identity(3, bias=False)(x) is x


# ---- dropout -------------------------------------------------------------------------------------


@pytest.fixture
def _seed():
    manual_seed(0)


@pytest.mark.usefixtures("_seed")
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_with_probability_p_and_keeps_the_mean(p):
    y = Dropout(p)(np.ones((300, 400)))
    zeros = (y == 0).mean()
    assert abs(zeros - p) < 5 * np.sqrt(p * (1 - p) / y.size)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-12)
    rows = (y == 0).mean(axis=1)  # each point has a mask of its own
    assert rows.std() > 0.5 * np.sqrt(p * (1 - p) / 400)


@pytest.mark.parametrize(
    "layer", [Dropout, ClassicDropout, lambda p: DropConnect(Linear(3, 2, bias=False), p)]
)
def test_nothing_and_everything_dropped(layer):
    x = Tensor(RNG.normal(size=(4, 3)))
    nothing_dropped = layer(0.0)
    assert not layer(1.0)(x).numpy().any()
    np.testing.assert_array_equal(nothing_dropped(x).numpy(), nothing_dropped.eval()(x).numpy())
    for p in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="p must be a probability, between 0 and 1"):
            layer(p)


def test_gradients_go_where_the_values_went():
    x = Tensor(np.ones((20, 30)), requires_grad=True)
    y = dropout(x, 0.4)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.numpy())
    assert dropout(x, 0.4, training=False) is x
    y = check_float32(Dropout(), np.ones((20, 30)))
    assert set(np.unique(y.numpy())) == {0, 2}


@pytest.mark.usefixtures("_seed")
def test_classic_dropout_silences_exactly_a_fraction_of_the_neurons_for_the_whole_batch():
    x = RNG.uniform(1, 2, size=(6, 10))
    layer, silent = ClassicDropout(0.3), np.zeros(10)
    for _ in range(500):
        y = layer(x)
        mask = (y != 0).all(axis=0)
        np.testing.assert_array_equal(y, x * mask)  # nothing is scaled
        assert mask.sum() == 7
        silent += ~mask
    assert np.abs(silent / 500 - 0.3).max() < 0.1  # each neuron takes its turn
    np.testing.assert_allclose(layer.eval()(x), 0.7 * x, rtol=1e-15)
    assert (ClassicDropout(0.5)(np.ones(8)) == 0).sum() == 4
    images = ClassicDropout(0.25)(np.ones((2, 3, 4, 4)))
    np.testing.assert_array_equal(images[0], images[1])
    assert images[0].sum() == 36


@pytest.mark.usefixtures("_seed")
def test_classic_dropout_is_right_on_average():
    layer = ClassicDropout(0.5)
    model, x = Sequential(layer, Linear(6, 1)), RNG.normal(size=(2, 6))
    average = np.mean([model(x).numpy() for _ in range(4000)], axis=0)
    np.testing.assert_allclose(average, model.eval()(x).numpy(), atol=0.05)


@pytest.mark.usefixtures("_seed")
def test_drop_connect_masks_exactly_a_fraction_of_the_weights():
    inner = Linear(4, 5)
    layer, counts = DropConnect(inner, 0.35), np.zeros((5, 4))
    for _ in range(300):
        rows = (layer(np.eye(4)) - inner.bias).numpy().T
        dropped = np.isclose(rows, 0, atol=1e-12)
        np.testing.assert_allclose(rows, inner.weight.numpy() * ~dropped, atol=1e-12)
        assert dropped.sum() == 7
        counts += dropped
    assert np.abs(counts / 300 - 0.35).max() < 0.12
    expected = np.eye(4) @ (0.65 * inner.weight.numpy()).T + inner.bias.numpy()
    np.testing.assert_allclose(layer.eval()(np.eye(4)).numpy(), expected, rtol=1e-14)
    assert list(layer.state_dict()) == ["module.weight", "module.bias"]
    assert inner.weight.name == "module.weight"
    with pytest.raises(TypeError, match="Flatten has none"):
        DropConnect(Flatten())


def test_drop_connect_learns_through_the_same_mask():
    layer = DropConnect(Linear(4, 3, bias=False), 0.5)
    x = RNG.normal(size=(1, 4))
    manual_seed(3)
    layer(x).sum().backward()
    manual_seed(3)
    masked_is_zero = layer(x).parents[-1].numpy() == 0
    gradient = layer.module.weight.grad
    np.testing.assert_array_equal(gradient == 0, masked_is_zero)
    np.testing.assert_allclose(gradient, np.broadcast_to(x, (3, 4)) * ~masked_is_zero)
    check_float32(layer, x)


def test_drop_connect_within_functional_call():
    model = Sequential(DropConnect(Linear(3, 2), 0.25).eval())
    check_module(model, RNG.normal(size=(4, 3)))


# ---- embedding -----------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", [None, 0, 2, -1])
def test_embedding(padding):
    layer = Embedding(6, 3, padding)
    indices = np.array([[0, 2, 2, 5], [5, 5, 1, 2]])
    np.testing.assert_array_equal(layer(indices).numpy(), layer.weight.numpy()[indices])
    check_against_torch(layer, in_torch("Embedding", layer, 6, 3, padding), indices, indices=True)
    if padding is None:
        check_derivatives(lambda w: embedding(indices, w), layer.weight.numpy())
    assert layer.float()(indices).dtype == np.float32


def test_the_padding_is_not_learnt_in_second_derivatives_either():
    torch = pytest.importorskip("torch")
    indices, w = np.array([0, 2, 2, 1]), RNG.normal(size=(3, 2))
    ours = Tensor(w, requires_grad=True)
    (g,) = gradients(np.sum(embedding(indices, ours, 2) ** 3), [ours])
    np.sum(g**2).backward()
    theirs = torch.tensor(w, requires_grad=True)
    y = torch.nn.functional.embedding(torch.tensor(indices), theirs, 2)
    (g,) = torch.autograd.grad((y**3).sum(), theirs, create_graph=True)
    (g**2).sum().backward()
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-13)


@pytest.mark.parametrize("count", [1, 3, 50])
def test_the_gradient_adds_up_where_a_row_is_read_often(count):
    indices = RNG.integers(0, count, 400)
    w, g = Tensor(np.zeros((count, 4)), requires_grad=True), RNG.normal(size=(400, 4))
    (embedding(indices, w) * g).sum().backward()
    np.testing.assert_allclose(w.grad, np.eye(count)[indices].T @ g, rtol=1e-12, atol=1e-12)


def test_embedding_of_nothing_and_of_one():
    layer = Embedding(3, 2)
    y = layer(np.zeros((0,), int))
    assert y.shape == (0, 2)
    y.sum().backward()
    assert layer.weight.grad.tolist() == np.zeros((3, 2)).tolist()
    assert layer(1).shape == (2,)
    assert layer([]).shape == (0, 2)


def test_indices_that_are_none():
    model = Sequential(Embedding(5, 2))
    with pytest.raises(
        IndexError, match=r"0 \(Embedding\): embedding expects numbers from 0 to 4, got 7"
    ):
        model([0, 7, 9])
    with pytest.raises(IndexError, match=r"from 0 to 4, got -1"):
        model([[0, -1]])
    with pytest.raises(TypeError, match=r"0 \(Embedding\): .*whole numbers, got dtype float64"):
        model([0.0, 1.0])
    with pytest.raises(ValueError, match="padding_idx must be from -5 to 4, got 5"):
        Embedding(5, 2, padding_idx=5)
    with pytest.raises(ValueError, match="padding_idx must be from -2 to 1, got 2"):
        embedding([0], np.ones((2, 2)), padding_idx=2)


def test_one_hot():
    labels = RNG.integers(0, 7, (3, 4))
    np.testing.assert_array_equal(one_hot(labels, 7), np.eye(7)[labels])
    assert one_hot(Tensor(np.array([1, 0]))).tolist() == [[0, 1], [1, 0]]
    assert one_hot([1], 3).dtype == np.int64
    assert one_hot([], 3).shape == (0, 3)
    with pytest.raises(IndexError, match="one_hot expects numbers from 0 to 1, got 2"):
        one_hot([0, 2], 2)
    with pytest.raises(IndexError, match="got -1"):
        one_hot([0, -1])
    with pytest.raises(TypeError, match="got dtype float64"):
        one_hot([0.0])
    with pytest.raises(ValueError, match="needs num_classes"):
        one_hot([])


# ---- normalisation -------------------------------------------------------------------------------

BATCHES = [
    (BatchNorm1d, (6, 3)), (BatchNorm1d, (4, 3, 5)), (BatchNorm2d, (2, 3, 4, 2)),
]  # fmt: skip
CASES = pytest.mark.parametrize(("kind", "shape"), BATCHES, ids=["NC", "NCL", "NCHW"])


@CASES
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"eps": 1e-3, "momentum": 0.3},
        {"momentum": None},
        {"affine": False},
        {"track_running_stats": False},
    ],
    ids=str,
)
def test_batch_norm_is_that_of_pytorch(kind, shape, options):
    layer = kind(3, **options)
    for parameter in layer.parameters():
        parameter.data[...] = RNG.normal(size=3)
    theirs = in_torch(kind.__name__, layer, 3, **options)
    for _ in range(3):
        for parameter in [*layer.parameters(), *theirs.parameters()]:
            parameter.grad = None
        check_against_torch(layer, theirs, RNG.normal(2, 3, size=shape))
    layer.eval(), theirs.eval()
    for parameter in [*layer.parameters(), *theirs.parameters()]:
        parameter.grad = None
    check_against_torch(layer, theirs, RNG.normal(2, 3, size=shape))


@CASES
def test_batch_norm_is_differentiated_twice(kind, shape):
    check_module(kind(3), RNG.normal(1, 2, size=shape))
    check_module(kind(3).eval(), RNG.normal(1, 2, size=shape))
    check_float32(kind(3), RNG.normal(1, 2, size=shape))
    check_float32(kind(3).eval(), RNG.normal(1, 2, size=shape))


@CASES
def test_a_batch_gets_mean_zero_and_variance_one(kind, shape):
    axes = (0, *range(2, len(shape)))
    y = kind(3, eps=0.0)(RNG.normal(5, 3, size=shape)).numpy()
    np.testing.assert_allclose(y.mean(axis=axes), 0, atol=1e-14)
    np.testing.assert_allclose(y.var(axis=axes), 1, rtol=1e-13)


def test_without_momentum_the_statistics_are_plain_averages_over_the_batches():
    layer, batches = BatchNorm1d(2, momentum=None), RNG.normal(3, 2, size=(7, 5, 2))
    for batch in batches:
        layer(batch)
    np.testing.assert_allclose(layer.running_mean, batches.mean(axis=1).mean(axis=0), rtol=1e-13)
    variances = batches.var(axis=1, ddof=1)
    np.testing.assert_allclose(layer.running_var, variances.mean(axis=0), rtol=1e-13)
    assert layer.num_batches_tracked == 7
    x = np.array([[1.0, 2.0]])  # one point alone, as the network is used
    expected = (x - layer.running_mean) / np.sqrt(layer.running_var + layer.eps)
    np.testing.assert_allclose(layer.eval()(x).numpy(), expected, rtol=1e-13)
    assert layer.num_batches_tracked == 7


def test_batch_norm_as_a_function_moves_the_statistics_it_is_given():
    x, mean, variance = RNG.normal(size=(5, 2)), np.zeros(2), np.ones(2)
    y = batch_norm(x, mean, variance, training=True, momentum=0.5)
    np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-4)
    np.testing.assert_allclose(mean, x.mean(axis=0) / 2)
    np.testing.assert_allclose(variance, (1 + x.var(axis=0, ddof=1)) / 2)
    with pytest.raises(ValueError, match="needs running_mean and running_var, except in training"):
        batch_norm(x, None, None)


def test_constant_channels_do_no_harm():
    layer, x = BatchNorm1d(2), Tensor(np.full((4, 2), 1e3), requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert not y.numpy().any()
    assert np.isfinite(x.grad).all()


def test_batches_that_do_not_fit():
    model = Sequential(BatchNorm1d(3))
    for shape in ((4, 2), (4,), (4, 3, 2, 1)):
        with pytest.raises(
            ValueError, match=r"0 \(BatchNorm1d\): .* shape \(N, 3\) or \(N, 3, L\), got"
        ):
            model(np.ones(shape))
    with pytest.raises(ValueError, match=r"BatchNorm2d: .* shape \(N, 3, H, W\), got \(4, 3\)"):
        BatchNorm2d(3)(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"0 \(BatchNorm1d\).*more than one value per channel"):
        model(np.ones((1, 3)))
    assert model[0].num_batches_tracked == 0


@pytest.mark.parametrize(
    ("normalized", "shape"), [(3, (5, 3)), ((3,), (2, 4, 3)), ((4, 3), (2, 4, 3)), (3, (3,))]
)
@pytest.mark.parametrize(
    "options", [{}, {"elementwise_affine": False}, {"bias": False}, {"eps": 0.1}], ids=str
)
def test_layer_norm(normalized, shape, options):
    layer, x = LayerNorm(normalized, **options), RNG.normal(2, 3, size=shape)
    for parameter in layer.parameters():
        parameter.data[...] = RNG.normal(size=parameter.shape)
    theirs = in_torch("LayerNorm", layer, normalized, **options)
    check_against_torch(layer, theirs, x)
    if options.get("elementwise_affine", True):
        check_module(layer, x)
    else:
        check_derivatives(lambda x: layer_norm(x, normalized), x)
    check_float32(layer, x)
    assert repr(layer) == repr(theirs)


def test_points_that_do_not_fit():
    with pytest.raises(ValueError, match=r"0 \(LayerNorm\): .* shape \(4, 3\), got \(4, 2\)"):
        Sequential(LayerNorm((4, 3)))(np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"layer_norm expects the last axes in shape \(3,\), got"):
        layer_norm(np.ones((4, 2)), 3)
