"""Optimisers go PyTorch's way to the last digits, and never touch an array that is not theirs."""

import copy
import pickle

import numpy as np
import pytest

from microgradnd import Tensor
from nn.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from nn.optim.utils import clip_grad_norm_, clip_grad_value_

SHAPES = [(3, 4), (4,), (), (2, 3, 2), (1,), (130, 90)]  # the last is too large to be joined


def initial(rng, shapes=SHAPES, dtype=float):
    return [np.asarray(rng.normal(size=shape), dtype) for shape in shapes]


def leaves(arrays):
    return [Tensor(array, requires_grad=True) for array in arrays]


def gradients(parameters, targets, step):
    """The gradients of Σ (w - target)² · (1.5 + cos(step + entry)): uneven, and never the same."""
    return [
        2 * (w - target) * (1.5 + np.cos(step + np.arange(w.size).reshape(w.shape)))
        for w, target in zip(parameters, targets, strict=True)
    ]


CASES = [
    (SGD, {"lr": 0.01}),
    (SGD, {"lr": 0.01, "weight_decay": 0.1}),
    (SGD, {"lr": 0.01, "momentum": 0.9}),
    (SGD, {"lr": 0.01, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    (SGD, {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (SGD, {"lr": 1e-4, "momentum": 0.5, "maximize": True, "weight_decay": 0.1}),
    (Adagrad, {}),
    (Adagrad, {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.1, "eps": 1e-6}),
    (Adagrad, {"initial_accumulator_value": 0.5, "maximize": True}),
    (RMSprop, {}),
    (RMSprop, {"alpha": 0.9, "eps": 1e-5, "weight_decay": 0.1}),
    (RMSprop, {"momentum": 0.9, "centered": True, "lr": 1e-3}),
    (RMSprop, {"centered": True, "maximize": True}),
    (Adam, {}),
    (Adam, {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1}),
    (Adam, {"lr": 0.02, "amsgrad": True}),
    (Adam, {"lr": 0.02, "maximize": True, "weight_decay": 0.1}),
    (Adam, {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    (AdamW, {}),
    (AdamW, {"lr": 0.02, "weight_decay": 0.3, "amsgrad": True, "maximize": True}),
]
NAMES = [f"{kind.__name__} {' '.join(map(str, options))}" for kind, options in CASES]


def peers(arrays):
    torch = pytest.importorskip("torch")
    return [torch.tensor(array, requires_grad=True) for array in arrays]


def set_gradients(ours, theirs, found):
    torch = pytest.importorskip("torch")
    for mine, other, gradient in zip(ours, theirs, found, strict=True):
        mine.grad = None if gradient is None else np.array(gradient)
        other.grad = None if gradient is None else torch.tensor(gradient)


def assert_same(ours, theirs, tolerance=1e-10):
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(
            mine.numpy(), other.detach().numpy(), rtol=tolerance, atol=tolerance
        )


def same_optimiser(kind, parameters, **options):
    torch = pytest.importorskip("torch")
    if not options.get("decoupled_weight_decay", True):
        del options["decoupled_weight_decay"]
    return getattr(torch.optim, kind.__name__)(parameters, **options)


@pytest.mark.parametrize(("kind", "options"), CASES, ids=NAMES)
def test_200_steps_are_pytorchs(rng, kind, options):
    start, targets = initial(rng), initial(rng)
    ours, theirs = leaves(start), peers(start)
    mine, other = kind(ours, **options), same_optimiser(kind, theirs, **options)
    for step in range(200):
        found = gradients([w.numpy() for w in ours], targets, step)
        if step % 7 == 3:
            found[step % 5] = None  # who has no gradient stays, and its state too
        if step % 31 == 30:
            found = [*[None] * 5, found[5]]
        set_gradients(ours, theirs, found)
        mine.step(), other.step()
    assert_same(ours, theirs)


def test_the_defaults_are_pytorchs():
    torch = pytest.importorskip("torch")
    for kind in (SGD, Adagrad, RMSprop, Adam, AdamW):
        theirs = getattr(torch.optim, kind.__name__)([torch.ones(1, requires_grad=True)])
        mine = kind([Tensor([1.0], requires_grad=True)])
        (group,) = mine.param_groups
        for name in group.keys() - {"params"}:
            assert group[name] == theirs.param_groups[0][name], (kind, name)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_groups_have_their_own_options_which_may_change(rng, kind):
    start, targets = initial(rng), initial(rng)
    ours, theirs = leaves(start), peers(start)

    def groups(ws):
        return [{"params": ws[:2], "lr": 0.02}, {"params": ws[2:4], "weight_decay": 0.1}]

    mine, other = kind(groups(ours), lr=0.01), same_optimiser(kind, groups(theirs), lr=0.01)
    for step in range(60):
        if step == 20:
            for optimizer, ws in ((mine, ours), (other, theirs)):
                optimizer.add_param_group({"params": ws[4:], "lr": 0.005})
                optimizer.param_groups[0]["lr"] *= 0.1
        set_gradients(ours, theirs, gradients([w.numpy() for w in ours], targets, step))
        mine.step(), other.step()
    assert_same(ours, theirs)
    assert [group["lr"] for group in mine.param_groups] == [0.002, 0.01, 0.005]


@pytest.mark.parametrize(("kind", "options"), CASES, ids=NAMES)
def test_a_saved_state_goes_on_as_if_nothing_had_happened(rng, kind, options):
    start, targets = initial(rng), initial(rng)

    def train(parameters, optimizer, steps):
        for step in steps:
            for w, g in zip(
                parameters,
                gradients([w.numpy() for w in parameters], targets, step),
                strict=True,
            ):
                w.grad = g
            optimizer.step()

    through, stopped = leaves(start), leaves(start)
    train(through, kind(through, **options), range(30))
    first = kind(stopped, **options)
    train(stopped, first, range(15))
    saved = pickle.loads(pickle.dumps(first.state_dict()))
    train(stopped, first, range(15, 17))  # what was saved stays as it was
    resumed = leaves(start)
    train(resumed, kind(resumed, **options), range(15))
    second = kind(resumed, lr=123.0)
    second.load_state_dict(saved)
    train(resumed, second, range(15, 30))
    for a, b in zip(through, resumed, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize(("kind", "options"), CASES, ids=NAMES)
def test_states_carry_over_to_pytorch_and_back(rng, kind, options):
    torch = pytest.importorskip("torch")
    start, targets = initial(rng), initial(rng)
    ours, theirs = leaves(start), peers(start)
    mine, other = kind(ours, **options), same_optimiser(kind, theirs, **options)
    for step in range(6):
        set_gradients(ours, theirs, gradients([w.numpy() for w in ours], targets, step))
        mine.step(), other.step()
    state, expected = mine.state_dict(), other.state_dict()
    assert state["state"].keys() == expected["state"].keys()
    for number, entries in state["state"].items():
        present = {k: v for k, v in expected["state"][number].items() if v is not None}
        assert entries.keys() == present.keys()
        for name, value in entries.items():
            np.testing.assert_allclose(value, present[name], rtol=1e-10, atol=1e-12)
            assert np.shape(value) == tuple(np.shape(present[name]))
    from_theirs = kind(ours, lr=1.0)
    from_theirs.load_state_dict(copy.deepcopy(expected))
    tensors = {
        number: {k: torch.tensor(v) for k, v in entries.items()}
        for number, entries in state["state"].items()
    }
    from_ours = same_optimiser(kind, theirs, lr=1.0)
    from_ours.load_state_dict({**state, "state": tensors})
    for step in range(6, 12):
        set_gradients(ours, theirs, gradients([w.numpy() for w in ours], targets, step))
        from_theirs.step(), from_ours.step()
    assert_same(ours, theirs)


@pytest.mark.parametrize(("kind", "options"), CASES, ids=NAMES)
def test_float32_stays_float32(rng, kind, options):
    ours = leaves(initial(rng, dtype=np.float32))
    theirs = leaves([w.numpy().astype(float) for w in ours])
    single, double = kind(ours, **options), kind(theirs, **options)
    targets = initial(rng, dtype=np.float32)
    for step in range(5):
        found = gradients([w.numpy() for w in theirs], targets, step)
        for w, v, g in zip(ours, theirs, found, strict=True):
            w.grad, v.grad = np.asarray(g, np.float32), g
        single.step(), double.step()
    for w, v in zip(ours, theirs, strict=True):
        assert w.dtype == np.float32
        np.testing.assert_allclose(w.numpy(), v.numpy(), rtol=1e-3, atol=1e-4)
    arrays = [a for state in single.state.values() for a in state.values() if np.ndim(a)]
    assert all(array.dtype == np.float32 for array in arrays)


def test_mixed_dtypes_in_one_group(rng):
    ours = [Tensor(rng.normal(size=3).astype(t), requires_grad=True) for t in ("f4", "f8", "f4")]
    optimizer = Adam(ours, lr=0.1)
    before = [w.numpy().copy() for w in ours]
    for w in ours:
        w.grad = np.ones(3, w.dtype)
    optimizer.step()
    for w, old in zip(ours, before, strict=True):
        assert w.dtype == old.dtype
        np.testing.assert_allclose(w.numpy(), old - 0.1, rtol=1e-6)


@pytest.mark.parametrize(("kind", "options"), CASES, ids=NAMES)
def test_no_array_but_its_own_is_changed(rng, kind, options):
    start = initial(rng)
    ours = leaves(start)
    optimizer = kind(ours, **options)
    for step in range(4):
        loss = sum(np.sum((w - 1) ** 3) for w in ours)
        optimizer.zero_grad()
        loss.backward()
        if step == 2:
            theirs = np.full((3, 4), 2.0)
            ours[0].hold(theirs)  # a user's array, which is not copied
        kept = [
            (array, array.copy()) for w in ours for array in (w.numpy(), w.grad, np.array(w.data))
        ]
        first = [w.grad.copy() for w in ours]
        optimizer.step()
        for array, was in kept:
            np.testing.assert_array_equal(array, was)
        if step != 2:  # the graph that was recorded before still has the old values
            for w in ours:
                w.zero_grad()
            loss.backward()
            for w, g in zip(ours, first, strict=True):
                np.testing.assert_array_equal(w.grad, g)
    assert np.all(theirs == 2.0)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_new_data_between_steps_is_honoured(rng, kind):
    ours = leaves(initial(rng))
    optimizer = kind(ours, lr=0.1)
    for w in ours:
        w.grad = np.zeros(w.shape)
    optimizer.step()
    ours[0].data = np.full((3, 4), 7.0)
    ours[1].data[1] = 5.0
    ours[2].data = 3.0
    optimizer.step()
    assert [ours[0].numpy()[2, 3], ours[1].numpy()[1], ours[2].item()] == [7, 5, 3]


def test_changing_one_joined_parameter_leaves_its_neighbours(rng):
    ours = leaves(initial(rng))
    optimizer = Adam(ours)
    for w in ours:
        w.grad = np.ones(w.shape)
    optimizer.step()
    others = [w.numpy().copy() for w in ours[1:]]
    ours[0].data[...] = 100.0
    for w, was in zip(ours[1:], others, strict=True):
        np.testing.assert_array_equal(w.numpy(), was)


@pytest.mark.parametrize(("kind", "options"), CASES, ids=NAMES)
def test_arrays_that_are_not_numpys(rng, kind, options):
    """Dask's arrays cannot be changed in place: every formula must hand back what it computes."""
    dask = pytest.importorskip("dask.array")
    start = rng.normal(size=(4, 3))
    w = Tensor(start, requires_grad=True)
    v = Tensor(dask.from_array(start, chunks=2), requires_grad=True)
    for parameter in (w, v):
        optimizer = kind([parameter], **options)
        for _ in range(3):
            optimizer.zero_grad()
            np.sum(np.sin(parameter) * parameter).backward()
            optimizer.step()
    assert type(v.data) is dask.Array
    np.testing.assert_allclose(v.data.compute(), w.numpy(), rtol=1e-12)


def test_a_closure_computes_the_loss():
    w = Tensor([2.0], requires_grad=True)
    optimizer = SGD([w], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = np.sum(w * w)
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 4.0
    assert w.item() == 0.0


def test_zero_grad(rng):
    ours = leaves(initial(rng))
    optimizer = SGD(ours)
    ours[0].grad = kept = np.ones((3, 4))
    optimizer.zero_grad(set_to_none=False)
    assert ours[1].grad is None
    np.testing.assert_array_equal(ours[0].grad, np.zeros((3, 4)))
    np.testing.assert_array_equal(kept, np.ones((3, 4)))
    optimizer.zero_grad()
    assert all(w.grad is None for w in ours)


def test_an_optimiser_of_ones_own(rng):
    class Halving(Optimizer):
        def __init__(self, params):
            super().__init__(params, {})

        def change(self, values, gradient, state, group):
            state["calls"] = state.get("calls", np.zeros_like(values)) + 1
            return values / 2

    ours = leaves(initial(rng))
    before = [w.numpy().copy() for w in ours]
    optimizer = Halving(ours)
    for w in ours:
        w.grad = np.ones(w.shape)
    optimizer.step(), optimizer.step()
    for w, old in zip(ours, before, strict=True):
        np.testing.assert_allclose(w.numpy(), old / 4)
        np.testing.assert_array_equal(optimizer.state[w]["calls"], np.full(w.shape, 2.0))
    assert "Halving" in repr(optimizer)


def test_clear_errors():
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    with pytest.raises(ValueError, match="empty list of parameters"):
        SGD([])
    with pytest.raises(ValueError, match="no parameters"):
        SGD([{"params": []}])
    with pytest.raises(TypeError, match="iterable of parameters"):
        SGD(w)
    with pytest.raises(ValueError, match="'w' is given twice"):
        SGD([w, w])
    with pytest.raises(ValueError, match="'w' is given twice"):
        SGD([{"params": [w]}, {"params": w}])
    with pytest.raises(TypeError, match="parameter 1 is a ndarray"):
        SGD([w, np.ones(2)])
    with pytest.raises(ValueError, match="none of these parameters requires a gradient"):
        SGD([Tensor([1.0])])
    with pytest.raises(ValueError, match="was computed"):
        SGD([w * 2])
    with pytest.raises(TypeError, match="key 'params'"):
        SGD([{"lr": 1.0}])
    with pytest.raises(ValueError, match="lr must be 0 or more"):
        SGD([w], lr=-1)
    with pytest.raises(ValueError, match="weight_decay must be 0 or more"):
        Adam([{"params": [w], "weight_decay": -1}])
    with pytest.raises(ValueError, match="betas"):
        Adam([w], betas=(0.9, 1.0))
    with pytest.raises(ValueError, match="Nesterov"):
        SGD([w], nesterov=True)
    optimizer = SGD([w])
    with pytest.raises(RuntimeError, match="no parameter has a gradient"):
        optimizer.step()
    w.grad = np.ones(3)
    with pytest.raises(ValueError, match=r"gradient of parameter 'w' .* \(2,\); .* \(3,\)"):
        optimizer.step()
    w.grad = Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="plain array"):
        optimizer.step()
    w.grad = np.ones(2)
    with pytest.raises(NotImplementedError, match="change"):
        Optimizer([w], {}).step()


def test_a_state_that_does_not_fit_is_refused(rng):
    ours = leaves(initial(rng, [(3,), (2, 2)]))
    optimizer = Adam(ours)
    for w in ours:
        w.grad = np.ones(w.shape)
    optimizer.step()
    state = optimizer.state_dict()
    with pytest.raises(ValueError, match=r"groups of \[2\] parameters, this optimiser of \[1\]"):
        Adam(ours[:1]).load_state_dict(state)
    with pytest.raises(ValueError, match=r"exp_avg of parameter 0 has shape \(3,\).*parameter 1"):
        Adam(ours[::-1]).load_state_dict(state)


# ---- clipping ------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, np.inf, "inf"])
@pytest.mark.parametrize("max_norm", [0.5, 1000.0])
def test_clipping_by_norm_is_pytorchs(rng, norm_type, max_norm):
    torch = pytest.importorskip("torch")
    start, slopes = initial(rng), initial(rng)
    ours, theirs = leaves(start), peers(start)
    set_gradients(ours, theirs, [*slopes[:-1], None])
    total = clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, float(norm_type))
    np.testing.assert_allclose(total, expected, rtol=1e-12)
    for mine, other in zip(ours[:-1], theirs, strict=False):
        np.testing.assert_allclose(mine.grad, other.grad, rtol=1e-12)
    assert ours[-1].grad is None


def test_clipping_by_value_is_pytorchs(rng):
    torch = pytest.importorskip("torch")
    start, slopes = initial(rng), initial(rng)
    ours, theirs = leaves(start), peers(start)
    set_gradients(ours, theirs, [*slopes[:-1], None])
    clip_grad_value_(ours, 0.5)
    torch.nn.utils.clip_grad_value_(theirs, 0.5)
    for mine, other in zip(ours[:-1], theirs, strict=False):
        np.testing.assert_array_equal(mine.grad, other.grad)


def test_clipping_leaves_small_gradients_and_others_arrays_alone():
    w = Tensor([3.0, 4.0], requires_grad=True)
    w.grad = mine = np.array([3.0, 4.0])
    assert clip_grad_norm_(w, 100) == 5.0
    np.testing.assert_array_equal(w.grad, [3.0, 4.0])
    assert clip_grad_norm_([w], 1) == 5.0
    np.testing.assert_allclose(np.hypot(*w.grad), 1, rtol=1e-5)
    np.testing.assert_array_equal(mine, [3.0, 4.0])
    assert clip_grad_norm_([Tensor([1.0], requires_grad=True)], 1) == 0.0


def test_clipping_in_float32_stays_there_and_does_not_overflow():
    w = Tensor(np.ones(4, np.float32), requires_grad=True)
    w.grad = np.full(4, 1e30, np.float32)
    assert clip_grad_norm_(w, 1.0) == pytest.approx(2e30)
    assert w.grad.dtype == np.float32
    np.testing.assert_allclose(w.grad, 0.5, rtol=1e-5)


def test_a_gradient_that_is_not_finite():
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    w.grad = np.array([np.nan, 1.0])
    with pytest.raises(RuntimeError, match=r"norm.*nan.*'w'"):
        clip_grad_norm_([w], 1.0, error_if_nonfinite=True)
    assert np.isnan(clip_grad_norm_([w], 1.0))
    with pytest.raises(ValueError, match="clip_value"):
        clip_grad_value_([w], -1)
