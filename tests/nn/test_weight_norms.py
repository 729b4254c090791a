"""Weights that are formulas, averages of weights, and parameters as one vector: beside PyTorch's."""

import copy
import warnings

import numpy as np
import pytest

import nn
from microgradnd import Tensor, replay
from tests.nn import runs
from tests.nn.layer_checks import check_against_torch, check_slopes_of_layer, close, torch

LAYERS = [
    (nn.Linear, (4, 3), (5, 4), {}), (nn.Linear, (4, 3), (5, 4), {"dim": 1}),
    (nn.Conv2d, (2, 3, 2), (4, 2, 3, 3), {}), (nn.ConvTranspose1d, (2, 3, 2), (4, 2, 3), {}),
    (nn.LSTM, (3, 4), (5, 2, 3), {"name": "weight_hh_l0"}),
]  # fmt: skip


def beside(layer, how, kind, arguments, options):
    """The same of PyTorch's, with our state."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = getattr(torch.nn, kind.__name__)(*arguments).double()
        theirs = getattr(torch.nn.utils, how)(theirs, **options)
    assert list(layer.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({k: torch.tensor(v) for k, v in layer.state_dict().items()})
    return theirs


@pytest.mark.parametrize("how", ["weight_norm", "spectral_norm"])
@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case[0].__name__)
def test_normed_weights_are_pytorchs_and_have_right_slopes(rng, how, case):
    kind, arguments, shape, options = case
    name, x = options.get("name", "weight"), rng.normal(size=shape)
    nn.manual_seed(0)
    start = getattr(kind(*arguments), name).numpy()
    nn.manual_seed(0)
    layer = getattr(nn.utils, how)(kind(*arguments), **options)
    if how == "weight_norm":
        np.testing.assert_allclose(getattr(layer, name).numpy(), start, rtol=1e-14)
    theirs = torch and beside(layer, how, kind, arguments, options)
    for mode in (True, True, False):  # training moves the vectors of a spectral norm
        layer.train(mode)(x)
        if torch:  # whose second derivatives of its weight_norm fail its own gradgradcheck
            orders = 2 - (how == "weight_norm")
            theirs.train(mode)(torch.tensor(x))
            check_against_torch(layer, theirs, x, orders=orders)
            for key, value in theirs.state_dict().items():
                close(layer.state_dict()[key], value)
    check_slopes_of_layer(layer, x)
    value, other = getattr(layer, name).numpy(), copy.deepcopy(layer)
    for p in other.parameters():
        p.data *= 2  # a copy stands alone
    np.testing.assert_array_equal(getattr(layer, name).numpy(), value)


AVERAGES = {
    "none": lambda swa: {},
    "one": lambda swa: {"avg_fn": swa.get_ema_avg_fn(0.9)},
    "many": lambda swa: {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.9)},
}


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("average", AVERAGES)
def test_averages_of_models_are_their_formulas(rng, use_buffers, average):
    model, swa = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), nn.optim.swa_utils
    one = swa.AveragedModel(model, use_buffers=use_buffers, **AVERAGES[average](swa))
    names = [n for n, a in model.state_dict().items() if use_buffers or "running" not in n]
    names.remove("1.num_batches_tracked")
    assert {*one.state_dict()} == {"n_averaged", *(f"module.{n}" for n in model.state_dict())}
    states = []
    for _ in range(4):
        model(rng.normal(size=(5, 2)))
        for p in model.parameters():
            p.data = rng.normal(size=p.shape)
        one.update_parameters(model)
        states.append([model.state_dict()[name] for name in names])
    for name, *values in zip(names, *states, strict=True):
        expected = values[0]
        for i, value in enumerate(values[1:], 1):
            share = 1 / (i + 1) if average == "none" else 0.1
            expected = expected + share * (value - expected)
        np.testing.assert_allclose(one.module.state_dict()[name], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("use_buffers", [False, True])
def test_averages_of_shared_weights_and_of_buffers_that_are_in_no_state(use_buffers):
    layer, model = nn.Linear(2, 2), nn.Sequential()
    for name in "abcdef":
        model.add_module(name, layer)
    model.register_buffer("seen", np.zeros(1), persistent=False)
    one = nn.optim.swa_utils.AveragedModel(model, use_buffers=use_buffers)
    for value in (1.0, 3.0):
        layer.weight.data[...] = layer.bias.data[...] = model.seen[...] = value
        one.update_parameters(model)
    assert {float(entry) for p in one.parameters() for entry in p.numpy().flat} == {2.0}
    assert one.module.seen == (2.0 if use_buffers else 3.0)


@pytest.mark.parametrize("how", ["weight_norm", "spectral_norm"])
def test_they_are_trained_as_well_replayed_saved_and_in_float32(how, tmp_path):
    def trained(again):
        nn.manual_seed(0)
        model = nn.Sequential(getattr(nn.utils, how)(nn.Linear(2, 8)), nn.Tanh(), nn.Linear(8, 2))
        return runs.trained(model, replay=again, seed=0)[0]

    model, other = trained(False), trained(True)
    np.testing.assert_equal(model.state_dict(), other.state_dict())
    start = getattr(nn.utils, how)(nn.Linear(2, 8)).weight
    assert not np.array_equal(start.numpy(), model[0].weight.numpy())
    nn.save(model, tmp_path / "model.npz")
    nn.load(other.float(), tmp_path / "model.npz")
    y = other.eval()(np.ones((3, 2), np.float32))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.numpy(), model.eval()(np.ones((3, 2))).numpy(), rtol=1e-5)


def test_parameters_as_one_vector_and_back():
    model = nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(model.parameters())
    np.sum(vector**2).backward()
    np.testing.assert_array_equal(model.weight.grad, 2 * model.weight.numpy())
    nn.utils.vector_to_parameters(2 * vector, model.parameters())
    now = lambda: nn.utils.parameters_to_vector(model.parameters()).numpy()  # noqa: E731
    np.testing.assert_array_equal(now(), 2 * vector.numpy())
    assert isinstance(vector, Tensor)
    again = replay(lambda: now() + 0)
    for _ in range(3):
        model.bias.data += 1
        np.testing.assert_array_equal(again(), now())


@pytest.mark.parametrize(("name", "more"), [("in_proj_weight", {}), ("k_proj_weight", {"kdim": 3})])
def test_the_weights_of_attention_are_computed(rng, name, more):
    layer = nn.MultiheadAttention(4, 2, **more)
    x, key = rng.normal(size=(5, 2, 4)), rng.normal(size=(6, 2, more.get("kdim", 4)))
    given = x, key, rng.normal(size=(6, 2, 4))
    before, _ = layer(*given)
    after, _ = nn.utils.weight_norm(layer, name)(*given)
    np.testing.assert_allclose(after.numpy(), before.numpy(), rtol=0, atol=1e-14)
    np.sum(after).backward()
    assert np.any(getattr(layer, f"{name}_v").grad)


def test_the_norms_are_what_they_say(rng):
    layer = nn.utils.weight_norm(nn.Linear(4, 3))
    layer.weight_v.data = rng.normal(size=(3, 4))
    layer.weight_g.data = [[1.0], [2.0], [3.0]]
    np.testing.assert_allclose(np.linalg.norm(layer.weight.numpy(), axis=1), [1, 2, 3])
    layer = nn.utils.spectral_norm(nn.ConvTranspose1d(2, 3, 2), n_power_iterations=200)
    layer(rng.normal(size=(1, 2, 5)))
    matrix = np.moveaxis(layer.weight.numpy(), 1, 0).reshape(3, 4)
    assert np.linalg.norm(matrix, 2) == pytest.approx(1, rel=1e-6)
    before = layer.weight_u.copy()
    layer.eval()(rng.normal(size=(1, 2, 5)))
    np.testing.assert_array_equal(layer.weight_u, before)
