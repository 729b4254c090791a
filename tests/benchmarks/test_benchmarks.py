"""What the benchmark times computes the right numbers. A run compares all the systems."""

import numpy as np
import pytest

from microgradnd import Tensor, history

from . import (
    by_hand,
    chain,
    dense,
    each_layer,
    expression,
    functional,
    large_array,
    memory,
    network,
    report,
)
from .dense import DEEP, DEMO, RELU, SIGMOID, steps
from .timing import (
    BY_HAND,
    EAGER,
    PYTORCH,
    REPLAYED,
    AtMost,
    Faster,
    Work,
    alternate,
    assert_close,
    check_agreement,
)


@pytest.mark.parametrize(
    ("ours", "numpy"),
    [
        (large_array.microgradnd, large_array.numpy_by_hand),
        (large_array.replayed, large_array.numpy_by_hand),
        (network.microgradnd_spelled_out, network.numpy_by_hand),
        (network.microgradnd_with_primitives, network.numpy_by_hand),
    ],
)
def test_ours_agrees_with_numpy_by_hand(ours, numpy):
    check_agreement({EAGER: ours(), BY_HAND: numpy()})


@pytest.mark.parametrize(
    ("setting", "equations"),
    [
        (SIGMOID, by_hand.sigmoids),
        (SIGMOID, by_hand.one_by_one),
        (RELU, by_hand.relu),
        (RELU, by_hand.any_depth),
        (DEEP, by_hand.any_depth),
    ],
)
def test_steps_agree_with_the_equations(setting, equations):
    systems = {REPLAYED: dense.replayed, EAGER: dense.eager, BY_HAND: equations}
    check_agreement({name: steps(system, setting) for name, system in systems.items()})


@pytest.mark.parametrize("name", each_layer.CASES)
def test_each_layer_agrees_with_pytorch(name):
    pytest.importorskip("torch")
    case = each_layer.CASES[name]
    check_agreement({EAGER: each_layer.ours(case), PYTORCH: each_layer.pytorch(case)})


@pytest.mark.parametrize("setting", [SIGMOID, RELU, DEEP, DEMO])
def test_cost_written_once_is_the_cost_of_the_equations(setting):
    x, wanted = next(setting.batches(np.asarray))
    found = functional.cost(setting, np, None, setting.parameters(), x, wanted)
    loss, *_ = dense.eager(setting).step(x, wanted)
    assert found == pytest.approx(loss, rel=1e-5)


def test_planted_mistakes_are_found():
    right = by_hand.sigmoids(SIGMOID)

    def forgets_a_bias(x, wanted):
        loss, *gradients = right.step(x, wanted)
        return [loss, gradients[0], 0 * gradients[1], *gradients[2:]]

    wrong = lambda setting: dense.Trainer(forgets_a_bias)  # noqa: E731
    with pytest.raises(AssertionError, match="by hand"):
        check_agreement({EAGER: steps(dense.eager, SIGMOID), BY_HAND: steps(wrong, SIGMOID)})


def test_a_result_too_few_is_found():
    with pytest.raises(ValueError, match="shorter"):
        assert_close([1.0, np.ones(2), np.ones(2)], [1.0, np.ones(2)], "two")


def test_inputs_meet_other_targets_each_time():
    batches = SIGMOID.batches(lambda array: array.tobytes())
    pairs = {next(batches) for _ in range(56)}
    assert len(pairs) == 56


def test_alternating_takes_every_system_in_each_round():
    turns = []
    runs = {name: lambda name=name: turns.append(name) or [] for name in "ab"}
    times = alternate(runs, 0.01)
    assert len(times["a"]) == len(times["b"]) >= 3
    assert turns[:2] == ["a", "b"]


def test_goals_compare_the_right_way_round():
    assert AtMost(EAGER, 0.9, BY_HAND).compare(9.0, 10.0) == pytest.approx(0.9)
    assert Faster(EAGER, 6, BY_HAND).compare(1.0, 6.5) == pytest.approx(6.5)
    assert AtMost(EAGER, 0.9, BY_HAND).met(0.89)
    assert not Faster(EAGER, 6, BY_HAND).met(5.9)


def test_allocations_of_a_step_are_found():
    kept = np.ones(10_000)
    assert memory.allocated(lambda: [np.sin(kept, out=kept)]) < 1024
    assert memory.allocated(lambda: [np.sin(kept).sum()]) > 0.9 * kept.nbytes


def test_times_are_sorted_and_compared_with_the_first_system(monkeypatch):
    monkeypatch.setattr(report, "WORKS", [Work("a step", {})])
    found = {"works": {"a step": {"times": {EAGER: [2e-6] * 3, BY_HAND: [1e-6] * 3}}}}
    *_, first, second = report.times("a step", {1: found}).splitlines()
    assert BY_HAND in first
    assert "| 0.50" in first
    assert f"**{EAGER}**" in second
    assert "2 µs (2–2)" in second


def test_two_runs_are_compared_by_their_ratios(monkeypatch):
    monkeypatch.setattr(report, "WORKS", [Work("a step", {})])

    def a_run(ours, slower=1.0):
        times = {
            BY_HAND: [1e-6 * slower] * 3,
            EAGER: [ours * slower] * 3,
            PYTORCH: [4e-6 * slower] * 3,
        }
        return {"1": {"works": {"a step": {"times": times}}}}

    *_, first, second = report.compared(a_run(2e-6), a_run(3e-6, slower=5)).splitlines()
    assert EAGER in first
    assert "+50.0%" in first
    assert PYTORCH in second
    assert "+0.0%" in second


def test_expression_has_as_many_operations_as_it_says():
    value = expression.expression(np, *(Tensor(x, requires_grad=True) for x in expression.points()))
    recorded = [t.operation.name for t in history(value) if t.operation is not None]
    assert recorded.pop() == "sum"
    assert len(recorded) == expression.OPERATIONS


def test_chain_has_the_slope_of_a_power():
    (gradient,) = chain.microgradnd()()
    np.testing.assert_allclose(gradient, 1.0001**chain.LENGTH, rtol=1e-9)
