"""LBFGS and Muon, which see more of a loss than each slope by itself."""

import pickle

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from microgradnd.tree import map_leaves
from nn.optim import LBFGS, Muon
from nn.optim.lbfgs import _Point, _search
from tests.nn.runs import closure, same_end, trained

WOLFE = {"line_search_fn": "strong_wolfe"}


def valley(w, v):
    """Rosenbrock's, in two parameters of other shapes."""
    return ((1 - w) ** 2).sum() + ((v[:, None] - w * w) ** 2).sum()


@pytest.mark.parametrize("options", [{}, {"lr": 0.5, "history_size": 3}, WOLFE])
def test_lbfgs_goes_pytorchs_way_and_states_carry_over_and_back(rng, options, torch):
    start = rng.normal(size=(2, 1)) / 2, rng.normal(size=2) / 2
    ours = [Tensor(array, requires_grad=True) for array in start]
    theirs = [torch.tensor(array, requires_grad=True) for array in start]
    mine, other = LBFGS(ours, **options), torch.optim.LBFGS(theirs, **options)
    for again in range(4):
        pairs = (mine, ours), (other, theirs)
        losses = [o.step(closure(o, lambda p=p: valley(*p))).item() for o, p in pairs]
        assert losses[0] == pytest.approx(losses[1], rel=1e-8)
        state, expected = mine.state[ours[0]], other.state[theirs[0]]
        for name in ("func_evals", "n_iter"):
            assert state[name] == expected[name]
        for w, v in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(w.data, v.detach().numpy(), rtol=0, atol=1e-10)
        if again == 1:  # go on with the other's state
            theirs_saved = other.state_dict()
            saved = pickle.loads(pickle.dumps(mine.state_dict()))
            mine, other = LBFGS(ours, **options), torch.optim.LBFGS(theirs, **options)
            mine.load_state_dict(theirs_saved)
            in_torch = {
                name: map_leaves(lambda x: torch.tensor(x) if np.ndim(x) else x, value)
                for name, value in saved["state"][0].items()
            }
            other.load_state_dict({**saved, "state": {0: in_torch}})


def test_lbfgs_finds_the_lowest_place_also_of_a_float32_and_of_a_straight_line():
    w, v = (Tensor(np.full(shape, 0.2, np.float32), requires_grad=True) for shape in ((2, 1), 2))
    optimizer = LBFGS([w, v], max_iter=100, line_search_fn="strong_wolfe")
    assert optimizer.step(closure(optimizer, lambda: valley(w, v))).item() > 0.1
    np.testing.assert_allclose(w.data, 1, atol=1e-2)
    assert {w.data.dtype, v.data.dtype} == {np.dtype(np.float32)}

    for maximize, sign in ((False, -1), (True, 1)):
        optimizer = LBFGS([w], line_search_fn="strong_wolfe", maximize=maximize)
        w.data = np.zeros((2, 1))
        optimizer.step(closure(optimizer, lambda: np.sum(w)))
        assert np.min(sign * w.data) > 1e3


@pytest.mark.parametrize("shape", [(3, 4), (6, 2), (1, 5)])
@pytest.mark.parametrize("adjust", [None, "match_rms_adamw"])
@pytest.mark.parametrize("nesterov", [True, False])
def test_muon_is_a_polynomial_of_singular_values(rng, shape, adjust, nesterov):
    expected, average, (m, n) = rng.normal(size=shape), 0, shape
    w = Tensor(expected, requires_grad=True)
    optimizer = Muon([w], lr=0.1, adjust_lr_fn=adjust, nesterov=nesterov)
    ratio = 0.2 * max(m, n) ** 0.5 if adjust else max(1, m / n) ** 0.5
    for _ in range(3):
        w.grad = g = rng.normal(size=shape)
        optimizer.step()
        average = 0.95 * average + 0.05 * g
        u, s, vt = np.linalg.svd(0.05 * g + 0.95 * average if nesterov else average, False)
        s /= np.linalg.norm(s)
        for _ in range(5):
            s = 3.4445 * s - 4.775 * s**3 + 2.0315 * s**5
        expected = (1 - 0.1 * 0.1) * expected - 0.1 * ratio * (u * s) @ vt
    np.testing.assert_allclose(w.numpy(), expected, rtol=0, atol=1e-12)
    assert optimizer.state[w].keys() == {"momentum_buffer"}  # as in PyTorch


def test_muon_can_be_replayed():
    def end(replay):
        nn.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 6, bias=False), nn.Tanh(), nn.Linear(6, 2, bias=False))
        return trained(model, optimizer=Muon, replay=replay)

    assert same_end(end(True), end(False))


def hilly(rng):
    """A line of hills, looked at along the way down from 0."""
    height, pace, shift = rng.normal(size=(3, 4)) * [[1], [4], [3]]
    bend, way = rng.uniform(0, 2), 1.0

    def look(t):
        place = way * t
        loss = np.sum(height * np.sin(pace * place + shift)) + bend * place**2 / 2
        slope = np.sum(height * pace * np.cos(pace * place + shift)) + bend * place
        return _Point(t, np.float64(loss), np.array([slope]), np.float64(way * slope))

    way = -np.sign(look(0.0).slope)
    return look


def test_the_search_is_pytorchs_on_hundreds_of_hilly_lines(rng):
    """The sums are those of PyTorch's `_strong_wolfe`, for where it is not installed."""
    total, looks = 0.0, []
    for number in range(400):
        look = hilly(rng)
        first, most = 10 ** rng.uniform(-3, 2), int(rng.integers(1, 26))
        counted = lambda t, look=look: looks.append(t) or look(t)  # noqa: E731
        total += _search(counted, look(0.0), first, 1e-9, most).t * np.cos(number)
    assert (total, len(looks)) == (pytest.approx(-4.483272377, rel=1e-8), 1103)


@pytest.mark.parametrize(("options", "expected", "evaluations"), [
    ({"lr": 0.01}, [-1.1672244350966325, 1.0247005722221114], 24),
    (WOLFE, [0.6803460312870351, 0.46120580018830387], 29),
    ({**WOLFE, "lr": 1e-3}, [-0.9874282996899993, 1.0050339662578651], 32),
    ({**WOLFE, "lr": 30.0, "history_size": 2}, [0.10609836181598, -0.026423481088912], 31),
    ({**WOLFE, "lr": 3.0, "max_eval": 9}, [-0.3655224898025914, 0.0885735827704511], 20),
])  # fmt: skip
def test_in_a_steep_valley_lbfgs_is_where_pytorchs_is(options, expected, evaluations):
    """The numbers are PyTorch's, for where it is not installed."""
    w = Tensor([-1.2, 1.0], requires_grad=True)
    optimizer = LBFGS([w], max_iter=12, **options)

    compute = closure(optimizer, lambda: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] * w[0]) ** 2)
    for _ in range(2):
        optimizer.step(compute)
    np.testing.assert_allclose(w.data, expected, rtol=1e-9)
    assert optimizer.state[w]["func_evals"] == evaluations
