"""The races and the mini-batches' gradients: fair, counted rightly, and as the laws say."""

from itertools import combinations

import numpy as np
import pytest

import nn
from nn.data import Data

# ---- how a race is run ---------------------------------------------------------------------------


@pytest.fixture
def race(script):
    return script("race").Race(script("experiment").Experiment("race"), 100, lambda step: True)


@pytest.fixture
def entrant(script):
    race = script("race")
    return race.Entrant("one", lambda: race.classifier(nn.ReLU, 10), 0.1)


def curve(script, *accuracies):
    steps = list(range(0, 10 * len(accuracies), 10))
    return script("race").Curve(steps, list(accuracies), [step / 2 for step in steps])


def test_the_mark_is_reached_where_a_curve_is_first_at_it(script):
    up_and_down = curve(script, 0.1, 0.5, 0.9, 0.4, 0.95)
    assert up_and_down.steps_to(0.9) == 20
    assert up_and_down.steps_to(0.91) == 40
    assert up_and_down.steps_to(0.96) is None


@pytest.mark.parametrize(
    ("fates", "best"),
    [
        ({0.03: (0.1, 0.5, 0.92), 0.1: (0.1, 0.91), 0.3: (0.1, 0.2, 0.3, 0.99)}, 0.1),
        ({0.03: (0.1, 0.5), 0.1: (0.1, 0.2), 0.3: (0.8, 0.6)}, 0.3),  # nobody arrives
        ({0.03: (0.1, 0.8, 0.9), 0.1: (0.1, 0.89), 0.3: (0.1, 0.0)}, 0.03),
    ],
)
def test_the_best_rate_is_found_on_held_out_images_alone(script, race, entrant, fates, best):
    ran = []

    def learn(entrant, rate, judge, seed, beyond=False):
        ran.append((rate, judge, seed))
        return curve(script, *fates[rate])

    race.learn = learn
    result = race.run(entrant)
    assert result.rate == best
    tuning, racing = ran[: len(fates)], ran[len(fates) :]
    assert all(judge is race.held_out for _, judge, _ in tuning)
    assert all(judge is race.test and rate == best for rate, judge, _ in racing)
    assert {seed for *_, seed in tuning}.isdisjoint(seed for *_, seed in racing)


def test_held_out_images_are_not_trained(race):
    parts = [{image.tobytes() for image in part.inputs} for part in (race.train, race.held_out)]
    assert parts[0].isdisjoint(parts[1])
    assert len(race.train) + len(race.held_out) == 6000


def test_what_it_took_is_counted_in_steps_examples_and_seconds(script, race, entrant):
    def taken(*curves):
        result = script("race").Result(entrant._replace(batch_size=32), {}, 0.1, list(curves))
        return race.taken(result, 0.9)

    early, late = curve(script, 0.1, 0.9), curve(script, 0.1, 0.8, 0.95)
    assert taken(early, late) == {"steps": [10, 20], "examples": [320, 640], "seconds": [5, 10]}
    assert taken(early, curve(script, 0.1, 0.8)) == {"steps": "1 of 2 arrive within 100"}


def test_learning_counts_its_steps_ends_at_the_mark_and_repeats(script, race, entrant):
    race.mark = 0.5
    first, again = (race.learn(entrant, 0.1, race.held_out, seed=0) for _ in range(2))
    assert first.steps == list(range(len(first.steps)))
    assert first.accuracy[-1] >= 0.5 > max(first.accuracy[:-1])
    assert first.accuracy == again.accuracy
    beyond = race.learn(entrant, 0.1, race.held_out, seed=0, beyond=True)
    assert len(beyond.steps) == 101
    assert beyond.accuracy[: len(first.accuracy)] == first.accuracy


def test_a_rate_that_is_far_too_high_ends_the_race_early(race, entrant):
    assert race.learn(entrant, 1e30, race.held_out, seed=0).steps[-1] < 100


def test_batches_go_on_epoch_after_epoch(script):
    data = Data(np.zeros((6, 1)), np.arange(6))
    batches = script("race").forever(data.batches(2, seed=0))
    epochs = [np.concatenate([next(batches)[1] for _ in range(3)]) for _ in range(3)]
    assert all(sorted(epoch) == list(range(6)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_looks_are_as_many_in_each_decade(script):
    look = script("race").evenly_on_a_log_scale(5)
    seen = [step for step in range(1, 10_001) if look(step)]
    assert [step for step in seen if step in (1, 10, 100, 1000, 10_000)] == [
        1,
        10,
        100,
        1000,
        10_000,
    ]
    assert len([step for step in seen if 100 <= step < 1000]) == 5
    assert [step for step in range(1, 10_001) if look(step)] == seen


# ---- the races -----------------------------------------------------------------------------------


def test_adaptive_optimisers_are_faster_to_the_mark_than_plain_descent(rows):
    steps = {name: row["steps_to_90%"] for name, row in rows("race_of_optimisers").items()}
    assert list(steps) == ["plain", "momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam"]
    assert steps["Adam"] < steps["plain"]
    assert steps["RMSProp"] < steps["plain"]


def test_large_batches_need_fewer_steps_and_small_ones_fewer_examples(rows):
    found = rows("race_of_batch_sizes")
    sizes = ["1 image", "10 images", "100 images", "all images"]
    taken = [found[f"{size} a step, to 80%"] for size in sizes]
    steps, examples = ([row[name] for row in taken] for name in ("steps", "examples"))
    assert steps == sorted(steps, reverse=True)
    assert steps[0] > 10 * steps[-1]
    assert examples[-1] > 50 * examples[0]
    assert examples == [n * size for n, size in zip(steps, (1, 10, 100, 5400), strict=True)]


def test_first_weights_of_the_right_size_keep_the_signal_and_learn(rows):
    found = rows("race_of_initialisations")
    for name, law in (("N(0, 1)", 15), ("N(0, 0.01²)", 0.0015), ("Xavier", 0.5), ("He", 1)):
        row = found[f"growth of the mean square in a layer of ReLUs, {name}"]
        assert row["by_law"] == law
        assert row["measured"] == pytest.approx(law, rel=0.1)
    deep = {
        name: found[f"five layers of 30, ReLU, {name}"]["last_accuracy"]
        for name in ("N(0, 1)", "N(0, 0.01²)", "Xavier", "He")
    }
    assert min(deep["He"], deep["Xavier"]) > 0.6
    assert max(deep["N(0, 1)"], deep["N(0, 0.01²)"]) < 0.4


def test_deep_sigmoids_do_not_learn_because_their_gradient_vanishes(rows):
    found = rows("race_of_activations")
    for name in ("sigmoid", "tanh", "ReLU", "leaky ReLU"):
        deep = found[f"five layers of 30, {name}"]["last_accuracy"]
        reach = f"five layers of 30, {name}: gradient in the second layer of weights / in the last"
        assert found[f"784-30-10, {name}"]["last_accuracy"] > 0.85
        if name == "sigmoid":
            assert deep < 0.3
            assert found[reach]["at_the_start"] < 0.01
        else:
            assert deep > 0.7
            assert 0.3 < found[reach]["at_the_start"] < 3


# ---- mini-batches' gradients ---------------------------------------------------------------------


def test_the_error_by_law_is_the_mean_over_all_mini_batches(script):
    gradients = np.random.default_rng(0).normal(size=(7, 3)) + 1
    true = gradients.mean(axis=0)
    noise = (np.mean(np.sum(gradients**2, axis=1)) - true @ true) / (true @ true)
    for size in range(1, 8):
        means = [gradients[list(part)].mean(axis=0) for part in combinations(range(7), size)]
        errors = [np.sum((mean - true) ** 2) / (true @ true) for mean in means]
        law = script("mini_batch_gradients").error_by_law(noise, size, 7)
        assert law == pytest.approx(np.sqrt(np.mean(errors)), abs=1e-12)


def test_the_scatter_of_a_model_is_that_of_its_gradients_in_formulas(script):
    x, labels = np.random.default_rng(0).normal(size=(8, 3)), np.array([0, 1] * 4)
    model = nn.Sequential(nn.Linear(3, 2, bias=False))
    weights = model[0].weight.numpy()
    scores = np.exp(x @ weights.T)
    surplus = scores / scores.sum(axis=1, keepdims=True) - np.eye(2)[labels]  # softmax - one-hot
    single = np.einsum("no,ni->noi", surplus, x).reshape(8, -1)
    experiment = script("mini_batch_gradients")
    true = experiment.gradient(model, Data(x, labels))
    assert true == pytest.approx(single.mean(axis=0))
    expected = np.mean(np.sum((single - single.mean(axis=0)) ** 2, axis=1))
    assert experiment.scatter(model, Data(x, labels), true) == pytest.approx(expected)


def test_angle_length_and_error_of_mini_batches_follow_the_law(rows):
    found = rows("mini_batch_gradients")
    measured = {name: row for name, row in found.items() if "error" in row}
    assert len(measured) == 3 * 7
    for name, row in measured.items():
        if name.endswith("1000 of 1000"):
            assert row["error"] < 1e-5 > abs(row["length"] - 1)
            assert row["degrees"] < 0.01
        else:
            assert row["error"] == pytest.approx(row["error_by_law"], rel=0.25)
            assert row["length"] == pytest.approx(row["length_by_law"], rel=0.25)
            assert row["degrees"] == pytest.approx(row["degrees_by_law"], abs=5)
    ten, hundred = (measured[f"at the start, {size} of 1000"]["error"] for size in (10, 100))
    assert ten / hundred == pytest.approx(np.sqrt(10 * 990 / 900), rel=0.1)  # 1/√m
    later = [found[f"{when}: 45° at a batch of S / |g|²"]["images"] for when in
             ("after 1 epoch", "after 10 epochs")]  # fmt: skip
    assert later[0] < later[1]  # a longer way, and less to be learnt from each image
