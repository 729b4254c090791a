"""The experiments with other tasks: they show what they claim, and measure it rightly."""

import numpy as np
import pytest

import nn
from nn.data import Data

pytestmark = pytest.mark.filterwarnings("ignore::nn.TrainingWarning")  # some layers begin badly


# ---- is it a nine? -------------------------------------------------------------------------------


def test_a_net_tells_nines_better_than_always_saying_no(rows):
    found = rows("is_it_a_nine")
    assert found["always no"] == {"what": "always no", "accuracy": 0.9, "recall": 0.0}
    for hidden in ("one neuron", "30 hidden"):
        plain, weighted = found[hidden], found[f"{hidden}, nines count nine times"]
        assert plain["accuracy"] > 0.94
        assert min(plain["precision"], plain["recall"]) > 0.5
        assert weighted["recall"] > plain["recall"] + 0.05
        assert weighted["precision"] < plain["precision"] - 0.05
    assert found["30 hidden"]["accuracy"] > found["one neuron"]["accuracy"]


def test_precision_and_recall_are_what_one_counts_on_fingers(script):
    said = np.array([True, True, True, True, False, False])
    true = np.array([True, False, False, True, False, True])
    measure = script("is_it_a_nine").precision_and_recall
    assert measure(said, true) == pytest.approx((2 / 4, 2 / 3))
    assert measure(true, true) == (1.0, 1.0)
    assert measure(np.zeros(6, bool), true) == (0.0, 0.0)


# ---- regression ----------------------------------------------------------------------------------


def test_a_net_follows_a_curve_as_far_as_noise_allows_and_a_line_does_not(rows):
    found = rows("regression")
    curve = {
        name: found[f"a curve with noise of 0.2: {name}"]["error"]
        for name in ("line", "1-20-1", "truth")
    }
    assert curve["truth"] == pytest.approx(0.2, rel=0.05)
    assert curve["truth"] < curve["1-20-1"] < 0.25
    assert curve["line"] > 0.6
    turned = {
        name: found[f"how far a digit is turned: {name}"]["degrees"]
        for name in ("always 0", "linear in the pixels", "784-100-1")
    }
    assert turned["always 0"] == pytest.approx(90 / np.sqrt(12), rel=0.05)
    assert turned["linear in the pixels"] < turned["always 0"] - 5
    assert turned["784-100-1"] < turned["linear in the pixels"] - 4


def test_the_least_squares_line_is_the_one_of_numpy(script, rng):
    x, y = rng.normal(size=(50, 1)), rng.normal(size=(50, 1))
    slope, height = np.polyfit(x[:, 0], y[:, 0], 1)
    assert script("regression").least_squares(x, y)(x) == pytest.approx(slope * x + height)


def test_a_turned_digit_is_labelled_with_its_angle(script):
    bar = np.zeros((200, 28, 28))
    bar[:, 4:24, 13:15] = 1.0  # upright
    data = script("regression").turned(Data(bar.reshape(200, -1), np.zeros(200, int)), seed=0)
    down, right = np.mgrid[:28, :28] - 13.5
    up_right = [np.sum(-down * right * image) for image in data.images]
    spread = [np.sum((down**2 - right**2) * image) for image in data.images]
    lean = np.degrees(
        np.arctan2(2 * np.array(up_right), spread) / 2
    )  # of the main axis, to the right
    assert -45 * data.labels[:, 0] == pytest.approx(lean, abs=1.5)
    assert np.ptp(45 * data.labels) > 80


# ---- autoencoders --------------------------------------------------------------------------------


def test_pretraining_lets_deep_sigmoids_learn_from_few_labels(rows):
    found = {name: row["test_accuracy"] for name, row in rows("autoencoders").items()}
    sigmoids = "sigmoid, gradient descent, 200 labels"
    assert found[f"{sigmoids}, pretrained layers"] > found[f"{sigmoids}, random layers"] + 0.15
    assert (
        min(found[f"ReLU, Adam, 200 labels, {start} layers"] for start in ("random", "pretrained"))
        > 0.7
    )


def test_an_autoencoder_keeps_more_than_the_mean_image(script):
    images = nn.data.digits().train.inputs[:1000].astype(np.float32)
    experiment = script("autoencoders")
    encoders, decoders = experiment.pretrained(experiment.WAYS[0], images, epochs=10)
    assert [encoder(images[:2]).shape for encoder in encoders[:1]] == [(2, 100)]
    again = decoders[0](encoders[0](images)).numpy()
    assert np.mean((again - images) ** 2) < 0.6 * np.mean((images.mean(axis=0) - images) ** 2)


def test_training_with_labels_leaves_the_layers_it_begins_with(script):
    experiment = script("autoencoders")
    way = experiment.WAYS[1]
    layers = experiment.random_layers(way)
    before = [p.numpy().copy() for layer in layers for p in layer.parameters()]
    few = nn.data.digits().train[:20]
    model = experiment.with_labels(way, layers, few, 0.001, seed=0)
    after = [p.numpy() for layer in layers for p in layer.parameters()]
    assert all(map(np.array_equal, before, after))
    moved = [p.numpy() for p in list(model.parameters())[: len(before)]]
    assert not any(map(np.array_equal, before, moved))
    assert all(np.max(np.abs(a - b)) < 0.2 for a, b in zip(before, moved, strict=True))


# ---- a search ------------------------------------------------------------------------------------


def test_the_search_counts_parameters_and_picks_the_best_on_held_out_images(rows):
    found = rows("search_over_layers")
    parameters = {
        "none": 784 * 10 + 10,
        "1 of 10": 784 * 10 + 10 + 10 * 10 + 10,
        "1 of 30": 784 * 30 + 30 + 30 * 10 + 10,
        "2 of 10": 784 * 10 + 10 + 2 * (10 * 10 + 10),
        "2 of 30": 784 * 30 + 30 + 30 * 30 + 30 + 30 * 10 + 10,
    }
    judged = {name: found[f"hidden: {name}"] for name in parameters}
    assert {name: int(row["parameters"]) for name, row in judged.items()} == parameters
    best = max(judged, key=lambda name: judged[name]["held_out_accuracy"])
    assert found[f"the best, {best}"]["test_accuracy"] > 0.88
    assert judged["1 of 30"]["held_out_accuracy"] > judged["1 of 10"]["held_out_accuracy"]


# ---- recurrent -----------------------------------------------------------------------------------


def test_a_recurrent_net_adds_what_a_perceptron_of_its_size_cannot(rows):
    found = rows("recurrent")
    assert found["GRU"]["error"] < 0.01
    assert found["perceptron"]["error"] > 0.1
    assert found["perceptron, ten times the steps"]["error"] > 10 * found["GRU"]["error"]
    sizes = [int(found[name]["parameters"]) for name in ("GRU", "perceptron")]
    assert max(sizes) < 1.05 * min(sizes)


def test_the_answer_is_the_sum_of_the_two_marked_numbers(script):
    experiment = script("recurrent")
    x, y = experiment.sequences(5000, 12, np.random.default_rng(0))
    assert x.shape == (5000, 12, 2)
    for sequence, answer in zip(x[:200], y, strict=False):
        first, second = np.flatnonzero(sequence[:, 1])
        assert first < 6 <= second
        assert answer[0] == pytest.approx(sequence[first, 0] + sequence[second, 0])
    assert np.mean((y - 1) ** 2) == pytest.approx(experiment.ALWAYS_ONE, rel=0.05)
    places = x[:, :, 1].mean(axis=0)
    assert places == pytest.approx(np.full(12, 1 / 6), abs=0.03)
