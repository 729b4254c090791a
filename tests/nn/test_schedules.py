"""Schedules give PyTorch's rates, alone, in chains and after a pause."""

import pickle

import numpy as np
import pytest

from microgradnd import Tensor
from nn import optim
from nn.optim import SGD, Adam, lr_scheduler
from tests.misuse import explained

STEPS = 60
# Schedules of a module s, ours or PyTorch's, of an optimiser o with two groups of parameters, and sums
# of what PyTorch has before each step, for where it is not installed.
ROWS = """
s.StepLR(o, step_size=7) ; 0.362191658175
s.StepLR(o, step_size=1, gamma=0.9) ; 0.282436953627
s.MultiStepLR(o, milestones=[30, 5, 5, 12], gamma=0.5) ; -0.196764914824
s.ExponentialLR(o, gamma=0.95) ; 0.26092142011
s.CosineAnnealingLR(o, T_max=20) ; 0.231765748823
s.CosineAnnealingLR(o, T_max=13, eta_min=0.01) ; 0.317919595264
s.LinearLR(o) ; 0.119605409854
s.LinearLR(o, start_factor=0.1, end_factor=0.7, total_iters=11) ; 0.0593383197446
s.LinearLR(o, 1.0, 0.0, total_iters=4) ; 0.43684138601
s.LambdaLR(o, lambda t: np.float64(1 / (1 + t))) ; 0.42654015727
s.LambdaLR(o, [lambda t: 0.9**t, lambda t: np.cos(t) ** 2]) ; 0.288535069213
s.OneCycleLR(o, max_lr=0.5, total_steps=60) ; 0.670966888924
s.OneCycleLR(o, max_lr=[0.5, 0.1], epochs=4, steps_per_epoch=15, three_phase=True) ; 0.670781806649
s.OneCycleLR(o, 0.5, 60, anneal_strategy="linear") ; 0.601024872209
s.OneCycleLR(o, max_lr=1.0, total_steps=70, pct_start=0.0, cycle_momentum=False) ; 2.18215711147
s.OneCycleLR(o, max_lr=1.0, total_steps=60, base_momentum=0.5, div_factor=3.0) ; 1.13847724998
s.SequentialLR(o, [s.ChainedScheduler([s.LinearLR(o, 0.3, total_iters=9)]), s.StepLR(o, 5, 0.5)], [12]) ; -0.0727628591042
s.SequentialLR(o, [s.LinearLR(o, 0.1, total_iters=5), s.CosineAnnealingLR(o, 20), s.ExponentialLR(o, 0.8)], milestones=[5, 25]) ; 0.351542257236
s.ChainedScheduler([s.LinearLR(o, 0.3, total_iters=9), s.ExponentialLR(o, 0.97), s.StepLR(o, 10, gamma=0.5), s.CosineAnnealingLR(o, T_max=70, eta_min=0.001)]) ; 0.0231215482486
"""
OF_PYTORCH = dict(line.split(" ; ") for line in ROWS.strip().splitlines())


def made(call, o, s=lr_scheduler):
    return eval(call, {"s": s, "o": o, "np": np})


def of_two_groups(kind=SGD):
    """One of our optimisers."""
    a, b = (Tensor([1.0], requires_grad=True) for _ in range(2))
    options = {"momentum": 0.9} if kind is SGD else {}
    return kind([{"params": [a]}, {"params": [b], "lr": 0.03}], lr=0.4, **options)


def theirs(call, ours):
    """The same schedule of PyTorch's, of an optimiser with the same options."""
    torch = pytest.importorskip("torch")
    groups = [g | {"params": [torch.ones(1, requires_grad=True)]} for g in ours.param_groups]
    optimizer = getattr(torch.optim, type(ours).__name__)(groups)
    return made(call, optimizer, torch.optim.lr_scheduler)


def rates(schedule, steps=STEPS):
    """The rates before each of these steps, as the schedule and as its optimiser have them."""
    rates = []
    for _ in range(steps):
        rates.append(schedule.get_last_lr())
        assert rates[-1] == [group["lr"] for group in schedule.optimizer.param_groups]
        assert all(type(rate) is float for rate in rates[-1])  # so that float32 stays
        schedule.step()
    return np.array(rates)


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
@pytest.mark.parametrize("kind", [SGD, Adam])
@pytest.mark.parametrize("call", OF_PYTORCH)
def test_the_rates_and_momenta_are_pytorchs_and_its_states_go_on_here(call, kind):
    optimizer = of_two_groups(kind)
    other, ours = theirs(call, optimizer), made(call, optimizer)
    momentum = "betas" if kind is Adam else "momentum"
    for step in range(STEPS):
        if step == 17 and not call.startswith(("s.LambdaLR", "s.OneCycleLR")):
            ours = made(call, of_two_groups(kind))
            ours.optimizer.load_state_dict(other.optimizer.state_dict())
            ours.load_state_dict(other.state_dict())
        np.testing.assert_allclose(rates(ours, 1), [other.get_last_lr()], rtol=1e-11, atol=1e-16)
        other.step()
        groups = zip(ours.optimizer.param_groups, other.optimizer.param_groups, strict=True)
        for group, expected in groups:
            np.testing.assert_allclose(group[momentum], expected[momentum], rtol=1e-12)


@pytest.mark.parametrize(("call", "expected"), OF_PYTORCH.items())
def test_the_rates_and_momenta_add_up_to_pytorchs(call, expected):
    schedule, total = made(call, of_two_groups()), 0.0
    for step in range(STEPS):
        first, second = schedule.optimizer.param_groups
        momentum = first["momentum"] if "OneCycle" in call else 0
        total += (first["lr"] + 2 * second["lr"] + momentum) * np.cos(step)
        rates(schedule, 1)
    assert total == pytest.approx(float(expected), rel=1e-10)


@pytest.mark.parametrize(("call", "rate"), [
    ("s.ExponentialLR(o, 0.95)", 7 * 0.95**6),
    ("s.LambdaLR(o, lambda t: 1 / (1 + t))", 0.4 / 11),
])  # fmt: skip
def test_a_rate_moved_by_hand_stays_moved_unless_the_formula_is_a_users(call, rate):
    schedule = made(call, of_two_groups())
    rates(schedule, 4)
    schedule.optimizer.param_groups[0]["lr"] = 7.0
    rates(schedule, 6)
    assert schedule.get_last_lr()[0] == pytest.approx(rate)


MEASURES = [
    *[1.0, 0.9, 0.95, 0.89999, 0.9, 0.9, 0.9, 0.5, 0.6, np.nan, 0.6, 0.6, 0.6, 0.6, 0.4],
    *[0.41] * 20,
]


@pytest.mark.parametrize(("options", "expected", "waited", "best"), [
    ({}, 163.53, 9, 0.4),
    ({"patience": 2, "factor": 0.5}, 26.3421875, 2, 0.4),
    ({"patience": 1, "factor": 0.9, "cooldown": 2, "min_lr": [0.2, 0.01]}, 177.199309013, 0, 0.4),
    ({"patience": 0, "threshold": 0.2, "threshold_mode": "abs", "min_lr": 1e-3}, 2.442, 0, 0.5),
    ({"patience": 0, "threshold": 0.1, "threshold_mode": "abs"}, 0.58685535, 0, 0.5),  # 0.9 is no less
    ({"patience": 1, "mode": "max", "threshold": 0.01}, 1.760498586, 0, 1.0),
    ({"patience": 1, "mode": "max", "threshold_mode": "abs", "eps": 0.05}, 64.08, 0, 1.0),
], ids=str)  # fmt: skip
def test_reduction_on_a_plateau_adds_up_to_pytorchs(options, expected, waited, best):
    schedule, total = lr_scheduler.ReduceLROnPlateau(of_two_groups(), **options), 0.0
    for number, measure in enumerate(MEASURES, 1):
        schedule.step(Tensor(measure))
        first, second = schedule.get_last_lr()
        total += number * (first + 2 * second)
    assert total == pytest.approx(expected, rel=1e-9)
    found = schedule.num_bad_epochs, schedule.best, schedule.last_epoch
    assert found == (waited, best, len(MEASURES))


@pytest.mark.parametrize("call", OF_PYTORCH)
def test_a_saved_schedule_goes_on(call):
    through, first, second = (made(call, of_two_groups()) for _ in range(3))
    assert first in {first, second}
    assert repr(first) == object.__repr__(first)  # without the state of its optimiser
    rates(first, 17)
    saved = pickle.loads(pickle.dumps((first.optimizer.state_dict(), first.state_dict())))
    second.optimizer.load_state_dict(saved[0])
    second.load_state_dict(saved[1])
    np.testing.assert_array_equal(rates(second, STEPS - 17), rates(through)[17:])


def test_going_on_at_an_epoch():
    w = Tensor([1.0], requires_grad=True)
    first = lr_scheduler.ExponentialLR(SGD([w], lr=1.0), 0.5)
    rates(first, 3)
    second = lr_scheduler.ExponentialLR(first.optimizer, 0.5, last_epoch=2)
    assert second.last_epoch == 3
    assert second.get_last_lr() == [0.125]


MISUSE = r"""
s.ExponentialLR(0.1, 0.5) ; AttributeError: 'float' object has no attribute 'param_groups'
s.LambdaLR(o(), [abs]) ; ValueError: lr_lambda has 1 values for 2 parameter groups
s.LRScheduler(o()) ; NotImplementedError: LRScheduler needs a method `rate`
s.LinearLR(o(), 0) ; ValueError: start_factor must be above 0 .* got 0 and 1
s.LinearLR(o(), 1.1) ; ValueError: start_factor must be above 0 and at most 1
s.LinearLR(o(), 1, 1.1) ; ValueError: .*end_factor from 0 to 1; got 1 and 1.1
s.OneCycleLR(o(), 1, epochs=3) ; Error: expected total_steps, or both epochs
s.OneCycleLR(o(), 1, 0) ; ValueError: .*steps must be positive, got 0
s.OneCycleLR(o(), 1, 5, anneal_strategy="up") ; ValueError: .*'cos' or 'linear', got 'up'
s.OneCycleLR(o(), 1, 5, pct_start=1.5) ; ValueError: pct_start must be from 0 to 1, got 1.5
s.OneCycleLR(o(Adagrad), 1, 5) ; Error: .*Adagrad has no momentum
s.ReduceLROnPlateau(o(), factor=1.0) ; ValueError: factor must be below 1, got 1.0
s.ReduceLROnPlateau(o(), "low") ; ValueError: mode must be 'min' or 'max', got 'low'
s.ReduceLROnPlateau(o(), threshold_mode="x") ; ValueError: .*'rel' or 'abs', got 'x'
s.SequentialLR(O, [s.StepLR(O, 1)], [1]) ; ValueError: expected 0 milestones .* got 1
s.ChainedScheduler([s.ReduceLROnPlateau(o())]) ; Error: .*no measure, got schedule 0
s.ChainedScheduler([]) ; ValueError: expected at least one schedule
s.ChainedScheduler([s.StepLR(o(), 1), s.StepLR(o(), 1)]) ; ValueError: schedule 1 belongs to another optimiser
s.ExponentialLR(SGD([Tensor([1.0], requires_grad=True)], lr=1.0), 0.5, last_epoch=2) ; initial_lr
"""
test_misuse = explained(
    MISUSE,
    {**vars(optim), "Tensor": Tensor, "s": lr_scheduler, "o": of_two_groups, "O": of_two_groups()},
)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_a_cycle_moves_the_momentum_against_the_rate_and_ends(kind):
    schedule = made("s.OneCycleLR(o, 0.5, total_steps=3, pct_start=2 / 3)", of_two_groups(kind))
    found = []
    for _ in range(3):
        group = schedule.optimizer.param_groups[1]
        found.append(group["momentum"] if kind is SGD else group["betas"][0])
        schedule.step()
    np.testing.assert_allclose(found, [0.95, 0.85, 0.95])
    with pytest.raises(ValueError, match="3 steps, and they are over"):
        schedule.step()
