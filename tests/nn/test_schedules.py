"""Schedules give PyTorch's rates, alone, in chains and after a pause."""

import math
import pickle

import numpy as np
import pytest

from microgradnd import Tensor
from nn.optim import SGD, Adagrad, Adam, Optimizer, lr_scheduler

STEPS = 60

SCHEDULES = [
    ("StepLR", {"step_size": 7}),
    ("StepLR", {"step_size": 1, "gamma": 0.9}),
    ("MultiStepLR", {"milestones": [30, 5, 5, 12], "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.95}),
    ("CosineAnnealingLR", {"T_max": 20}),
    ("CosineAnnealingLR", {"T_max": 13, "eta_min": 0.01}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 11}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 4}),
    ("LambdaLR", {"lr_lambda": lambda t: 1 / (1 + t)}),
    ("LambdaLR", {"lr_lambda": [lambda t: 0.9**t, lambda t: np.cos(t) ** 2]}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": STEPS}),
    ("OneCycleLR", {"max_lr": [0.5, 0.1], "epochs": 4, "steps_per_epoch": 15, "three_phase": True}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": STEPS, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 70, "pct_start": 0.0, "cycle_momentum": False}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": STEPS, "base_momentum": 0.5, "div_factor": 3.0}),
]
NAMES = [f"{name} {' '.join(map(str, options))}" for name, options in SCHEDULES]


def optimisers(kind=SGD, **options):
    """One of ours and the same of PyTorch's, each with two groups."""
    torch = pytest.importorskip("torch")
    options = {"lr": 0.4, **({"momentum": 0.9} if kind is SGD else {}), **options}
    a, b = (Tensor([1.0], requires_grad=True) for _ in range(2))
    c, d = (torch.ones(1, requires_grad=True) for _ in range(2))
    mine = kind([{"params": [a]}, {"params": [b], "lr": 0.03}], **options)
    theirs = getattr(torch.optim, kind.__name__)
    return mine, theirs([{"params": [c]}, {"params": [d], "lr": 0.03}], **options)


def peer(name):
    torch = pytest.importorskip("torch")
    return getattr(torch.optim.lr_scheduler, name)


def rates(schedule, steps=STEPS):
    """The rates before each of these steps, as the schedule and as its optimiser have them."""
    rates = []
    for _ in range(steps):
        rates.append(schedule.get_last_lr())
        assert rates[-1] == [group["lr"] for group in schedule.optimizer.param_groups]
        if not isinstance(schedule.optimizer, Optimizer):
            schedule.optimizer.step()  # PyTorch warns without
        schedule.step()
    return np.array(rates)


@pytest.mark.parametrize("kind", [SGD, Adam])
@pytest.mark.parametrize(("name", "options"), SCHEDULES, ids=NAMES)
def test_the_rates_are_pytorchs(name, options, kind):
    mine, theirs = optimisers(kind)
    ours = getattr(lr_scheduler, name)(mine, **options)
    other = peer(name)(theirs, **options)
    np.testing.assert_allclose(rates(ours), rates(other), rtol=1e-11, atol=1e-16)
    for group, expected in zip(mine.param_groups, theirs.param_groups, strict=True):
        momentum = "betas" if kind is Adam else "momentum"
        np.testing.assert_allclose(group[momentum], expected[momentum], rtol=1e-12)


def test_momentum_is_cycled_at_every_step():
    for kind in (SGD, Adam):
        mine, theirs = optimisers(kind)
        ours = lr_scheduler.OneCycleLR(mine, 0.5, total_steps=20)
        other = peer("OneCycleLR")(theirs, 0.5, total_steps=20)
        for _ in range(20):
            theirs.step(), ours.step(), other.step()
            for group, expected in zip(mine.param_groups, theirs.param_groups, strict=True):
                name = "betas" if kind is Adam else "momentum"
                np.testing.assert_allclose(group[name], expected[name], rtol=1e-12)


def test_a_cycle_ends():
    mine, _ = optimisers()
    schedule = lr_scheduler.OneCycleLR(mine, 0.5, total_steps=3)
    rates(schedule, 3)
    with pytest.raises(ValueError, match="3 steps, and they are over"):
        schedule.step()


def test_training_with_a_schedule_is_pytorchs(rng):
    torch = pytest.importorskip("torch")
    start = rng.normal(size=5)
    w, v = Tensor(start, requires_grad=True), torch.tensor(start, requires_grad=True)
    mine, theirs = Adam([w], lr=0.1), torch.optim.Adam([v], lr=0.1)
    ours = lr_scheduler.OneCycleLR(mine, 0.3, total_steps=100)
    other = torch.optim.lr_scheduler.OneCycleLR(theirs, 0.3, total_steps=100)
    for _ in range(100):
        mine.zero_grad(), theirs.zero_grad()
        np.sum(w**4 - w).backward()
        (v**4 - v).sum().backward()
        mine.step(), theirs.step(), ours.step(), other.step()
    np.testing.assert_allclose(w.numpy(), v.detach().numpy(), rtol=1e-10)


def warm_up(module, optimizer):
    return module.SequentialLR(
        optimizer,
        [
            module.LinearLR(optimizer, 0.1, total_iters=5),
            module.CosineAnnealingLR(optimizer, T_max=20, eta_min=0.001),
            module.ExponentialLR(optimizer, 0.8),
        ],
        milestones=[5, 25],
    )


def chain(module, optimizer):
    return module.ChainedScheduler(
        [
            module.LinearLR(optimizer, 0.3, total_iters=9),
            module.ExponentialLR(optimizer, 0.97),
            module.StepLR(optimizer, 10, gamma=0.5),
            module.CosineAnnealingLR(optimizer, T_max=70, eta_min=0.001),
        ]
    )


def chain_then_step(module, optimizer):
    parts = [module.LinearLR(optimizer, 0.3, total_iters=9), module.ExponentialLR(optimizer, 0.97)]
    return module.SequentialLR(
        optimizer,
        [module.ChainedScheduler(parts), module.StepLR(optimizer, 5, gamma=0.5)],
        milestones=[12],
    )


@pytest.mark.parametrize("make", [warm_up, chain])
def test_several_schedules_are_pytorchs(make):
    torch = pytest.importorskip("torch")
    mine, theirs = optimisers()
    ours, other = make(lr_scheduler, mine), make(torch.optim.lr_scheduler, theirs)
    np.testing.assert_allclose(rates(ours), rates(other), rtol=1e-11)


def test_a_chain_first_and_another_schedule_after_it():
    optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
    found = rates(chain_then_step(lr_scheduler, optimizer), 30)[:, 0]
    linear = [0.3 + 0.7 * min(t, 9) / 9 for t in range(12)]
    expected = [linear[t] * 0.97**t if t < 12 else 0.5 ** ((t - 12) // 5) for t in range(30)]
    np.testing.assert_allclose(found, expected)


def test_a_rate_moved_by_hand_stays_moved():
    mine, theirs = optimisers()
    ours, other = lr_scheduler.ExponentialLR(mine, 0.9), peer("ExponentialLR")(theirs, 0.9)
    for step in range(10):
        if step == 4:
            mine.param_groups[0]["lr"] = theirs.param_groups[0]["lr"] = 7.0
        theirs.step(), ours.step(), other.step()
    np.testing.assert_allclose(ours.get_last_lr(), other.get_last_lr())
    assert ours.get_last_lr()[0] == pytest.approx(7 * 0.9**6)


# ---- on a plateau --------------------------------------------------------------------------------

MEASURES = [
    *[1.0, 0.9, 0.95, 0.89999, 0.9, 0.9, 0.9, 0.5, 0.6, math.nan, 0.6, 0.6, 0.6, 0.6, 0.4],
    *[0.41] * 20,
]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 2, "factor": 0.5},
        {"patience": 1, "cooldown": 2, "min_lr": [0.02, 0.01]},
        {"patience": 0, "threshold": 0.2, "threshold_mode": "abs", "min_lr": 1e-3},
        {"patience": 1, "mode": "max", "threshold": 0.01},
        {"patience": 1, "mode": "max", "threshold_mode": "abs", "eps": 0.05},
    ],
    ids=str,
)
def test_reduction_on_a_plateau_is_pytorchs(options):
    mine, theirs = optimisers()
    ours = lr_scheduler.ReduceLROnPlateau(mine, **options)
    other = peer("ReduceLROnPlateau")(theirs, **options)
    for measure in MEASURES:
        ours.step(Tensor(measure)), other.step(measure)
        np.testing.assert_allclose(ours.get_last_lr(), other.get_last_lr(), rtol=1e-12)
        assert ours.get_last_lr() == [group["lr"] for group in mine.param_groups]
        assert (ours.best, ours.num_bad_epochs) == (other.best, other.num_bad_epochs)


# ---- saved and loaded ----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), SCHEDULES, ids=NAMES)
def test_a_saved_schedule_goes_on(name, options):
    def fresh():
        w, v = (Tensor([1.0], requires_grad=True) for _ in range(2))
        optimizer = SGD([{"params": [w]}, {"params": [v], "lr": 0.03}], lr=0.4, momentum=0.9)
        return getattr(lr_scheduler, name)(optimizer, **options)

    through = rates(fresh())
    first, second = fresh(), fresh()
    rates(first, 17)
    saved = pickle.loads(pickle.dumps((first.optimizer.state_dict(), first.state_dict())))
    second.optimizer.load_state_dict(saved[0])
    second.load_state_dict(saved[1])
    np.testing.assert_array_equal(rates(second, STEPS - 17), through[17:])


@pytest.mark.parametrize("make", [warm_up, chain])
def test_several_saved_schedules_go_on(make):
    def fresh():
        return make(lr_scheduler, SGD([Tensor([1.0], requires_grad=True)], lr=0.4))

    through = rates(fresh())
    first, second = fresh(), fresh()
    rates(first, 17)
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.load_state_dict(pickle.loads(pickle.dumps(first.state_dict())))
    np.testing.assert_allclose(rates(second, STEPS - 17), through[17:], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "options"), [case for case in SCHEDULES if case[0] not in ("LambdaLR", "OneCycleLR")]
)
def test_a_schedule_of_pytorchs_goes_on_here(name, options):
    mine, theirs = optimisers()
    ours, other = getattr(lr_scheduler, name)(mine, **options), peer(name)(theirs, **options)
    rates(other, 17)
    mine.load_state_dict(theirs.state_dict())
    ours.load_state_dict(other.state_dict())
    np.testing.assert_allclose(rates(ours, 40), rates(other, 40), rtol=1e-11, atol=1e-16)


def test_going_on_at_an_epoch():
    w = Tensor([1.0], requires_grad=True)
    first = lr_scheduler.ExponentialLR(SGD([w], lr=1.0), 0.5)
    rates(first, 3)
    second = lr_scheduler.ExponentialLR(first.optimizer, 0.5, last_epoch=2)
    assert second.last_epoch == 3
    assert second.get_last_lr() == [0.125]
    with pytest.raises(ValueError, match="initial_lr"):
        lr_scheduler.ExponentialLR(SGD([w], lr=1.0), 0.5, last_epoch=2)


def test_rates_are_python_floats_so_that_float32_stays():
    optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
    schedule = lr_scheduler.LambdaLR(optimizer, lambda t: np.float64(0.5))
    assert all(type(rate) is float for rate in schedule.get_last_lr())


def test_clear_errors():
    w, v = (Tensor([1.0], requires_grad=True) for _ in range(2))
    optimizer, other = SGD([w], lr=1.0), SGD([v], lr=1.0)
    with pytest.raises(TypeError, match="takes an optimiser, not a float"):
        lr_scheduler.ExponentialLR(0.1, 0.5)
    with pytest.raises(ValueError, match="2 values for 1 parameter groups"):
        lr_scheduler.LambdaLR(optimizer, [float, float])
    with pytest.raises(ValueError, match="start_factor"):
        lr_scheduler.LinearLR(optimizer, start_factor=0)
    with pytest.raises(ValueError, match="give total_steps"):
        lr_scheduler.OneCycleLR(optimizer, 1.0)
    with pytest.raises(ValueError, match="must be positive"):
        lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=0)
    with pytest.raises(ValueError, match="anneal_strategy"):
        lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=5, anneal_strategy="up")
    with pytest.raises(ValueError, match="pct_start"):
        lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=5, pct_start=2)
    with pytest.raises(ValueError, match="Adagrad has no momentum to cycle"):
        lr_scheduler.OneCycleLR(Adagrad([w]), 1.0, total_steps=5)
    with pytest.raises(ValueError, match="factor must be below 1"):
        lr_scheduler.ReduceLROnPlateau(optimizer, factor=1.0)
    with pytest.raises(ValueError, match="mode is"):
        lr_scheduler.ReduceLROnPlateau(optimizer, mode="low")
    parts = [lr_scheduler.ExponentialLR(optimizer, 0.5), lr_scheduler.ExponentialLR(other, 0.5)]
    with pytest.raises(ValueError, match="schedule 1 belongs to another"):
        lr_scheduler.SequentialLR(optimizer, parts, [1])
    with pytest.raises(ValueError, match="need 0 milestones"):
        lr_scheduler.SequentialLR(optimizer, parts[:1], [1])
    with pytest.raises(TypeError, match="needs no measure"):
        lr_scheduler.ChainedScheduler([lr_scheduler.ReduceLROnPlateau(optimizer)])
    with pytest.raises(ValueError, match="at least one"):
        lr_scheduler.ChainedScheduler([])
