"""Optimisers go PyTorch's way to the last digits, and never touch an array that is not theirs."""

import functools
import itertools
import pickle
import re

import numpy as np
import pytest
from nn.utils import clip_grad_norm_, clip_grad_value_

import nn
from microgradnd import Tensor, replay
from nn.optim import SGD, Adam
from tests.misuse import explained
from tests.nn.layer_checks import torch
from tests.nn.runs import closure

SHAPES = [(3, 4), (4,), (), (2, 3, 2), (1,), (130, 90)]  # the last is too large to be joined
# Optimisers and their options, and where eight steps lead in PyTorch, for where it is not installed.
ROWS = """
SGD(lr=0.01) ; 9.058301557685
SGD(lr=0.01, weight_decay=0.1) ; 8.985832953277
SGD(lr=0.01, momentum=0.9) ; 9.133183297184
SGD(lr=0.01, momentum=0.9, dampening=0.3, weight_decay=0.01) ; 9.147053951673
SGD(lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.01) ; 9.139591468122
SGD(lr=1e-4, momentum=0.5, maximize=True, weight_decay=0.1) ; 8.998013403293
Adagrad() ; 9.04651927433
Adagrad(lr=0.1, lr_decay=0.01, weight_decay=0.1, eps=1e-6) ; 9.000175836769
Adagrad(initial_accumulator_value=0.5, maximize=True) ; 8.961857730092
RMSprop() ; 9.37167193484
RMSprop(alpha=0.9, eps=1e-5, weight_decay=0.1) ; 9.030009239274
RMSprop(momentum=0.9, centered=True, lr=1e-3) ; 9.185541313211
RMSprop(centered=True, maximize=True) ; 8.410924093344
Adam() ; 9.009382177542
Adam(lr=0.02, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.1) ; 9.035305884667
Adam(lr=0.02, amsgrad=True) ; 9.182911320341
Adam(lr=0.02, maximize=True, weight_decay=0.1) ; 8.702713980868
Adam(lr=0.02, weight_decay=0.1, decoupled_weight_decay=True) ; 9.037622363363
AdamW() ; 9.008661626925
AdamW(lr=0.02, weight_decay=0.3, amsgrad=True, maximize=True) ; 8.390911422035
Adadelta() ; 9.021509005618
Adadelta(lr=0.5, rho=0.8, eps=1e-4, weight_decay=0.1, maximize=True) ; 8.868068751416
Adamax() ; 9.017329620255
Adamax(lr=0.02, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.1) ; 9.063075501262
NAdam() ; 9.01349768782
NAdam(lr=0.02, momentum_decay=0.1, weight_decay=0.1, maximize=True) ; 8.769717227074
NAdam(lr=0.02, weight_decay=0.1, decoupled_weight_decay=True) ; 8.9825282214
RAdam() ; 9.007085790983
RAdam(lr=0.02, betas=(0.8, 0.95), weight_decay=0.1, eps=1e-4) ; 9.018176611367
RAdam(lr=0.02, weight_decay=0.1, decoupled_weight_decay=True) ; 8.99385252272
"""
OF_PYTORCH = dict(line.split(" ; ") for line in ROWS.strip().splitlines())
CASES = [
    (getattr(nn.optim, call[: call.index("(")]), eval(re.sub(r"^\w+", "dict", call)))
    for call in OF_PYTORCH
]
EACH = pytest.mark.parametrize(("kind", "options"), CASES, ids=OF_PYTORCH)


@pytest.fixture(autouse=True)
def torch_in_double():
    """NAdam's product of fractions is a float32 in PyTorch, unless this is its default."""
    if torch:
        torch.set_default_dtype(torch.float64)
    yield
    if torch:
        torch.set_default_dtype(torch.float32)


def slope(w, step):
    """The gradient of Σ (w - sin(entry))² · (1.5 + cos(step + entry)): uneven, and never the same."""
    entry = np.arange(w.size).reshape(w.shape)
    return np.asarray((w.numpy() - np.sin(entry)) * (3 + 2 * np.cos(step + entry)), w.dtype)


class Race:
    """One of our optimisers beside PyTorch's, or without, on the same slopes."""

    def __init__(self, rng, kind, dtypes=(float,), groups=list, peer=True, **options):
        pairs = zip(SHAPES, itertools.cycle(dtypes))
        self.start = [np.asarray(rng.normal(size=shape), dtype) for shape, dtype in pairs]
        self.ours = [Tensor(array, requires_grad=True) for array in self.start]
        self.mine = kind(groups(self.ours), **options)
        if peer:
            pytest.importorskip("torch")
            options = {k: v for k, v in options.items() if v or k != "decoupled_weight_decay"}
            self.theirs = [torch.tensor(array, requires_grad=True) for array in self.start]
            self.other = getattr(torch.optim, kind.__name__)(groups(self.theirs), **options)

    def set_gradients(self, found):
        for i, gradient in enumerate(found):
            self.ours[i].grad = gradient
            if hasattr(self, "theirs"):
                self.theirs[i].grad = None if gradient is None else torch.tensor(gradient)

    def go(self, steps, without=lambda step: ()):
        for step in steps:
            found = [slope(w, step) for w in self.ours]
            self.set_gradients([None if i in without(step) else g for i, g in enumerate(found)])
            self.mine.step()
            if hasattr(self, "theirs"):
                self.other.step()

    def assert_same(self):
        for w, v in zip(self.ours, self.theirs, strict=True):
            np.testing.assert_allclose(w.numpy(), v.detach().numpy(), rtol=1e-10, atol=1e-10)


@EACH
def test_70_steps_are_pytorchs_and_states_carry_over_and_back(rng, kind, options):
    race = Race(rng, kind, **options)
    # A parameter without a gradient stays, and its state also.
    race.go(range(70), lambda t: range(5) if t % 31 == 30 else [t % 5] if t % 7 == 3 else ())
    race.assert_same()
    state, expected = race.mine.state_dict(), race.other.state_dict()
    assert state["state"].keys() == expected["state"].keys()
    tensors = {}
    for number, entries in state["state"].items():
        present = {k: v for k, v in expected["state"][number].items() if v is not None}
        assert entries.keys() == present.keys()
        for name, value in entries.items():
            np.testing.assert_allclose(value, present[name], rtol=1e-9, atol=1e-10)
            assert np.shape(value) == tuple(np.shape(present[name]))
        tensors[number] = {k: torch.tensor(v) for k, v in entries.items()}
    race.mine, race.other = kind(race.ours, lr=1.0), type(race.other)(race.theirs, lr=1.0)
    race.mine.load_state_dict(expected)
    race.other.load_state_dict({**state, "state": tensors})
    race.go(range(6, 12))
    race.assert_same()


@pytest.mark.parametrize(("case", "expected"), [*zip(CASES, OF_PYTORCH.values(), strict=True)])
def test_eight_steps_also_of_arrays_of_dask_which_nothing_changes_in_place(case, expected):
    """A formula returns what it computes."""
    kind, options = case
    for asarray in (np.asarray, pytest.importorskip("dask.array").asarray):
        w = Tensor(asarray([1.0, -2.0, 3.0]), requires_grad=True)
        optimizer = kind([w], **options)
        for step in range(8):
            w.grad = np.cos(w.data + step)
            optimizer.step()
        assert type(w.data) is type(asarray([1.0]))
        assert np.asarray(w.data) @ [1, 2, 4] == pytest.approx(float(expected), rel=1e-11)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_groups_have_their_own_options_which_may_change(rng, kind):
    def groups(ws):
        return [{"params": ws[:2], "lr": 0.02}, {"params": ws[2:4], "weight_decay": 0.1}]

    race = Race(rng, kind, groups=groups, lr=0.01)
    race.go(range(20))
    for optimizer, ws in ((race.mine, race.ours), (race.other, race.theirs)):
        optimizer.add_param_group({"params": ws[4:], "lr": 0.005})
        optimizer.param_groups[0]["lr"] *= 0.1
        optimizer.param_groups[1] = optimizer.param_groups[1] | {"lr": 0.03}
    race.go(range(20, 60))
    race.assert_same()
    assert [group["lr"] for group in race.mine.param_groups] == [0.002, 0.03, 0.005]


@EACH
def test_a_saved_state_goes_on_as_if_nothing_had_happened_in_each_dtype(kind, options):
    how = {"dtypes": (np.float32, float), "peer": False, **options}
    races = [Race(np.random.default_rng(1), kind, **how) for _ in range(3)]
    for race, steps in zip(races, (30, 15, 15), strict=True):
        race.go(range(steps))
    through, stopped, resumed = races
    saved = pickle.loads(pickle.dumps(state := stopped.mine.state_dict()))
    stopped.go(range(15, 17))
    assert pickle.dumps(state) == pickle.dumps(saved)  # what was saved stays as it was
    resumed.mine = kind(resumed.ours, lr=123.0)
    resumed.mine.load_state_dict(saved)
    resumed.go(range(15, 30))
    for a, b, start in zip(through.ours, resumed.ours, through.start, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        remembered = [value for value in through.mine.state.get(a, {}).values() if np.ndim(value)]
        assert {array.dtype for array in (a, b, *remembered)} == {start.dtype}


@EACH
def test_no_array_but_its_own_is_changed(rng, kind, options):
    race = Race(rng, kind, peer=False, **options)
    assert race.mine in {race.mine}
    lines = (f"    {name}: {value}" for name, value in sorted(race.mine.defaults.items()))
    expected = f"{kind.__name__} (", "Parameter Group 0", *lines, ")"
    assert repr(race.mine) == "\n".join(expected)
    for step in range(4):
        loss = sum(np.sum((w - 1) ** 3) for w in race.ours)
        race.mine.zero_grad()
        loss.backward()
        if step == 2:
            race.ours[0].hold(np.full((3, 4), 2.0))  # a user's array, which is not copied
        arrays = [a for w in race.ours for a in (w.numpy(), w.grad)]
        before = [a.copy() for a in arrays]
        race.mine.step()
        if step != 2:  # the graph that was recorded before still has the old values
            race.mine.zero_grad()
            loss.backward()
            arrays += [w.grad for w in race.ours]
            before += before[1::2]
        np.testing.assert_equal(arrays, before)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_new_data_between_steps_count_and_leave_joined_neighbours_alone(rng, kind):
    race = Race(rng, kind, peer=False, lr=0.1)
    race.go([0])
    others = [w.numpy().copy() for w in race.ours[3:]]
    race.ours[0].data, race.ours[2].data = np.full((3, 4), 7.0), 3.0
    race.ours[1].data[1] = 5.0
    for w, was in zip(race.ours[3:], others, strict=True):
        np.testing.assert_array_equal(w.numpy(), was)
    race.mine.param_groups[0]["lr"] = 0.0
    race.go([1])
    found = [race.ours[0].numpy()[2, 3], race.ours[1].numpy()[1], race.ours[2].item()]
    assert found == [7, 5, 3]


@EACH
@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize(("before", "after"), [(float, np.float32), (np.float32, float)])
def test_a_parameter_that_gets_another_dtype_moves_as_if_it_were_alone(
    rng, kind, options, before, after, recorded
):
    start, goal = rng.normal(size=(2, 5))
    moved, neighbour, alone = (nn.ParameterList([nn.Parameter(start)]) for _ in range(3))
    races = [[moved, neighbour], [alone]]
    optimizers = [kind([p for m in each for p in m.parameters()], **options) for each in races]

    def step(modules, optimizer):
        optimizer.zero_grad()
        sum(np.sum((m[0] - goal.astype(m[0].dtype)) ** 2) for m in modules).backward()
        optimizer.step()

    steps = [functools.partial(step, *each) for each in zip(races, optimizers, strict=True)]
    steps[0] = replay(steps[0]) if recorded else steps[0]
    for number in range(8):
        for modules, run in zip(races, steps, strict=True):
            modules[0].astype({0: before, 4: after}.get(number, modules[0][0].dtype))
            run()
    np.testing.assert_array_equal(moved[0].numpy(), alone[0].numpy())


@EACH
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_gradient_in_a_narrower_dtype_does_not_round_the_weights(rng, kind, options, dtype):
    start = rng.normal(size=(2, 3))
    several = [Tensor(row, requires_grad=True) for row in start]
    for w in several:
        w.grad = np.ones(3, dtype)
    kind(several, **{**options, "lr": 0}).step()
    np.testing.assert_array_equal([w.numpy() for w in several], start)


def test_zero_grad_and_a_closure_that_computes_the_loss():
    w, v = (Tensor([2.0], requires_grad=True) for _ in range(2))
    optimizer = SGD([w, v], lr=0.5)

    class Closure(list):  # which is false, and called all the same
        def __call__(self):
            return closure(optimizer, lambda: np.sum(w * w))()

    assert optimizer.step(Closure()).item() == 4.0
    kept = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert (w.item(), w.grad.tolist(), kept.tolist(), v.grad) == (0, [0], [4], None)
    optimizer.zero_grad()
    assert w.grad is None


def stepped(gradient=None, kind=SGD, **options):
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    w.grad = gradient
    return kind([w], **options).step()


def loaded(into):
    """A state of Adam's of parameters of shapes (3,) and (2, 2) in one of others."""
    ws = [Tensor(np.zeros(shape), requires_grad=True) for shape in ((3,), (2, 2))]
    adam = Adam(ws)
    for w in ws:
        w.grad = w.numpy()
    adam.step()
    Adam(ws[into]).load_state_dict(adam.state_dict())


W = Tensor([1.0, 2.0], requires_grad=True, name="w")


MISUSE = r"""
SGD([]) ; ValueError: expected parameters, got an empty list
SGD([{"params": []}]) ; ValueError: .*no parameters
SGD(W) ; TypeError: .*iterable of parameters, .* use \[parameter\]
SGD([W, W]) ; ValueError: .*parameter 'w' is given twice
SGD([{"params": [W]}, {"params": W}]) ; ValueError: .*parameter 'w' is given twice
SGD([W, np.ones(2)]) ; TypeError: expected Tensors, got parameter 1: ndarray
SGD([Tensor([1.0])]) ; ValueError: none of these parameters requires a gradient
SGD([W * 2]) ; ValueError: parameter 0 was computed
SGD([{"lr": 1.0}]) ; TypeError: .*key 'params'
SGD([W], lr=-1) ; ValueError: lr must be 0 or more, got -1
SGD([W], lr=None) ; TypeError: lr must be a number, got None
SGD([W], momentum=np.nan) ; ValueError: momentum must be 0 or more, got nan
Adam([{"params": [W], "weight_decay": -1}]) ; ValueError: weight_decay must be 0
Adam([W], betas=(0.9, 1.0)) ; ValueError: betas .* below 1, got \(0.9, 1.0\)
Adam([W], betas=(-0.1, 0.5)) ; ValueError: betas must be two numbers, at least 0
Adadelta([W], rho=1.1) ; ValueError: rho must be from 0 to 1, got 1.1
SGD([W], nesterov=True) ; ValueError: .*Nesterov
SGD([W], 0.1, 0.9, 0.1, nesterov=True) ; ValueError: .*Nesterov
stepped() ; RuntimeError: .*no parameter has a gradient
stepped(np.ones(3)) ; ValueError: expected the gradient of Tensor 'w' .*\(2,\), .*\(3,\)
stepped(Tensor([1.0, 2.0])) ; ValueError: .*plain array
stepped(np.ones(2), Optimizer, defaults={}) ; NotImplementedError: .*`change`
Optimizer.__init__(s := Optimizer([W], {}), [W], dict(lr=0.1, self=s)) ; ValueError: .*such as dict\(lr=lr\), got locals
stepped(np.ones(2), lr=Tensor(0.1)) ; TypeError
stepped([1.0, 2.0]) ; ValueError: .*got list of shape \(2,\)
loaded(slice(1)) ; ValueError: .*groups of \[1\] parameters, got \[2\]
loaded(slice(None, None, -1)) ; (?s)ValueError: .*exp_avg of parameter 0 .* got \(3,\).*parameter 1
clip_grad_value_([W], -1) ; ValueError: clip_value must be 0 or more, got -1
"""
test_misuse = explained(MISUSE, {**vars(nn.optim), **globals()})


def test_numbers_of_numpy_keep_float32_and_what_is_frozen_stays():
    w, number = Tensor(np.ones(3, np.float32), requires_grad=True), np.float64(0.1)
    named = [("w", w), ("frozen", frozen := Tensor([1.0]))]
    optimizer = SGD(named, lr=number, momentum=number, weight_decay=number)
    np.sum(w**2 * frozen.numpy().astype("f4")).backward()
    clip_grad_norm_([w], number)
    clip_grad_value_([w], number)
    assert w.grad.dtype == np.float32
    optimizer.step()
    assert optimizer.state[w]["momentum_buffer"].dtype == w.dtype == np.float32
    assert (frozen.item(), w.numpy().max() < 1) == (1, True)
