"""The experiments, in their quick forms, show what the full ones claim."""

import math

import numpy as np
import pytest

pytestmark = [
    pytest.mark.course,
    pytest.mark.filterwarnings("ignore::nn.TrainingWarning"),  # some fail on purpose
]

# ---- the course's programs -----------------------------------------------------------------------


def test_the_first_network_learns_to_read_and_small_weights_help(rows):
    found = rows("first_network")
    large, small = found["weights from N(0, 1)"], found["weights from N(0, 1/n)"]
    assert large["best_test_accuracy"] > 0.8
    assert small["best_test_accuracy"] > large["best_test_accuracy"] + 0.02


def test_the_fewer_the_images_the_wider_the_gap(rows):
    (many,) = rows("overfitting").values()
    (few,) = rows("thousand_images").values()
    assert many["test_accuracy"] > 0.85
    assert few["training_accuracy"] == 1
    gaps = [row["training_accuracy"] - row["test_accuracy"] for row in (many, few)]
    assert 0 < 2 * gaps[0] < gaps[1]
    assert few["test_cost"] > 1.05 * few["least_test_cost"]  # it has risen again


def test_a_hundred_neurons_with_softmax_read_more_than_the_first_network(rows):
    (row,) = rows("hidden_100").values()
    assert row["test_accuracy"] > 0.93


def test_a_saturated_neuron_learns_slowly_as_the_closed_form_says(rows):
    found = rows("saturation")
    for what, row in found.items():
        w, b = (float(part.split("=")[1]) for part in what.split(":")[1].split(","))
        outputs = [1 / (1 + math.exp(-w - b))]
        assert row["first_slope"] == pytest.approx(outputs[0] ** 2 * (1 - outputs[0]))
        while len(outputs) < 301:
            a = outputs[-1]
            w, b = w - 0.15 * a * a * (1 - a), b - 0.15 * a * a * (1 - a)
            outputs.append(1 / (1 + math.exp(-w - b)))
        assert row["output_after_300_steps"] == pytest.approx(outputs[300])
    good, bad = found.values()
    assert bad["first_output"] > good["first_output"]
    assert bad["first_slope"] < good["first_slope"] / 5
    assert bad["steps until below 0.2"] > 2 * good["steps until below 0.2"]


def test_from_a_bad_start_cross_entropy_learns_faster(rows):
    found = rows("bad_start")

    def measured(what, measure):
        starts = [f"{what} from a {start} start" for start in ("good", "bad")]
        costs = ("quadratic", "cross-entropy")
        return [[found[f"{start}, {cost}"][measure] for cost in costs] for start in starts]

    good, bad = measured("one neuron", "steps until below 0.2")
    assert good[0] == pytest.approx(good[1], rel=0.1)
    assert bad[0] > 1.5 * bad[1]
    good, bad = measured("digits", "first_test_accuracy")
    assert abs(good[0] - good[1]) < 0.05
    assert bad[0] < 0.3 < 0.5 < bad[1]


def test_inputs_of_one_size_are_learnt_faster(rows):
    found = rows("normalised_inputs")
    for name in ("inputs in their units", "inputs normalised"):
        # At the best rate each step shortens the way by the factor (κ - 1) / (κ + 1).
        flat, steep = found[name]["smallest"], found[name]["largest_curvature"]
        expected = math.log(1000) / math.log((steep + flat) / (steep - flat))
        assert found[name]["steps"] == pytest.approx(expected, rel=0.1, abs=1)
    raw, unit, standardised = (
        found[name]["first_test_accuracy"]
        for name in ("grey values from 0 to 255", "from 0 to 1", "standardised")
    )
    assert min(unit, standardised) > raw + 0.2


# ---- cures for overfitting -----------------------------------------------------------------------


def test_from_large_weights_more_data_and_shorter_weights_help(rows):
    found = rows("cures")
    plain = found["no cure"]
    assert min(plain["training accuracy"]) > max(plain["test accuracy"]) + 0.08  # it overfits
    for cure in ("5,000 images", "L2", "max-norm, c = 3"):
        assert min(found[cure]["test accuracy"]) > max(plain["test accuracy"])
        assert found[cure]["helps"] == "yes"
    more = found["5,000 images"]
    assert np.subtract(more["training accuracy"], more["test accuracy"]).max() < 0.08
    # A small start is a cure itself, and more data also helps there.
    assert min(plain["small start: test accuracy"]) > max(plain["test accuracy"])
    assert more["small start: helps"] == "yes"


def test_points_are_gained_seed_by_seed(quick):
    found, _ = quick("cures")
    for start in ("", "small start: "):
        with_cure, without = (found[name][f"{start}test accuracy"] for name in ("L2", "no cure"))
        gained = 100 * np.subtract(with_cure, without)
        np.testing.assert_allclose(found["L2"][f"{start}points gained"], gained, atol=0.006)
    assert not any("gained" in key or "helps" in key for key in found["no cure"])


def test_l1_makes_many_more_zeros_than_l2(rows):
    found = rows("sparse_weights")
    plain, l1, l2 = (
        found[name]["per_cent_nearly_0"] for name in ("no penalty", "L1, λ = 1", "L2, λ = 1")
    )
    assert l1 > 50
    assert l1 > 3 * l2
    assert l2 < plain + 10
    assert min(row["test_accuracy"] for row in found.values()) > 0.8


def test_max_norm_learns_at_a_rate_at_which_the_plain_net_diverges(rows):
    found = rows("max_norm_stability")
    row = found["N(0, 1), rate 0.1"]
    assert row["plain: test accuracy"] < 0.2
    assert row["plain: longest"] > 1e6
    for c in (3, 4):
        assert row[f"c = {c}: longest"] <= c * (1 + 1e-6)
        assert row[f"c = {c}: test accuracy"] > 0.7
    # The rate is too high for long weights only.
    assert found["N(0, 1), rate 0.01"]["plain: test accuracy"] > 0.5
    assert found["N(0, 1/n), rate 0.1"]["plain: test accuracy"] > 0.8


def test_a_network_learns_with_bent_digits(rows):
    found = rows("elastic")
    bent, straight = found["with distortions"], found["without"]
    assert bent["test_accuracy"] > 0.93
    assert straight["test_accuracy"] > 0.95
    assert bent["training_accuracy"] < straight["training_accuracy"]  # bent digits are harder
    assert bent["minutes"] > 0 < bent["minutes_of_a_processor"]


# ---- races ---------------------------------------------------------------------------------------


def test_adaptive_optimisers_are_faster_to_the_mark_than_plain_descent(rows):
    steps = {name: row["steps_to_90%"] for name, row in rows("race_of_optimisers").items()}
    assert list(steps) == ["plain", "momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam"]
    assert max(steps["Adam"], steps["RMSProp"]) < steps["plain"]


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
    deep = {}
    for name, law in (("N(0, 1)", 15), ("N(0, 0.01²)", 0.0015), ("Xavier", 0.5), ("He", 1)):
        row = found[f"growth of the mean square in a layer of ReLUs, {name}"]
        assert row["by_law"] == law
        assert row["measured"] == pytest.approx(law, rel=0.1)
        deep[name] = found[f"five layers of 30, ReLU, {name}"]["last_accuracy"]
    assert max(deep["N(0, 1)"], deep["N(0, 0.01²)"]) < 0.4 < 0.6 < min(deep["He"], deep["Xavier"])


def test_deep_sigmoids_do_not_learn_because_their_gradient_vanishes(rows):
    found = rows("race_of_activations")
    for name in ("sigmoid", "tanh", "ReLU", "leaky ReLU"):
        deep = found[f"five layers of 30, {name}"]["last_accuracy"]
        reach = f"five layers of 30, {name}: gradient in the second layer of weights / in the last"
        reach = found[reach]["at_the_start"]
        assert found[f"784-30-10, {name}"]["last_accuracy"] > 0.85
        assert (
            (deep < 0.3 and reach < 0.01) if name == "sigmoid" else (deep > 0.7 and 0.3 < reach < 3)
        )


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
    when = ("after 1 epoch", "after 10 epochs")
    sooner, later = (found[f"{epochs}: 45° at a batch of S / |g|²"]["images"] for epochs in when)
    assert sooner < later  # a longer way, and less to be learnt from each image


# ---- other tasks ---------------------------------------------------------------------------------


def test_a_net_finds_nines_better_than_always_saying_no(rows):
    found = rows("is_it_a_nine")
    assert found["always no"] == {"what": "always no", "accuracy": 0.9, "recall": 0.0}
    for hidden in ("one neuron", "30 hidden"):
        plain, weighted = found[hidden], found[f"{hidden}, nines count nine times"]
        assert plain["accuracy"] > 0.94
        assert min(plain["precision"], plain["recall"]) > 0.5
        assert weighted["recall"] > plain["recall"] + 0.05
        assert weighted["precision"] < plain["precision"] - 0.05
    assert found["30 hidden"]["accuracy"] > found["one neuron"]["accuracy"]


def test_a_net_follows_a_curve_as_far_as_noise_allows_and_a_line_does_not(rows):
    curve, turned = (
        {
            what.rpartition(": ")[2]: row[measure]
            for what, row in rows("regression").items()
            if measure in row
        }
        for measure in ("error", "degrees")
    )
    assert curve["truth"] == pytest.approx(0.2, rel=0.05)
    assert curve["truth"] < curve["1-20-1"] < 0.25
    assert curve["line"] > 0.6
    assert turned["always 0"] == pytest.approx(90 / np.sqrt(12), rel=0.05)
    assert turned["784-100-1"] + 4 < turned["linear in the pixels"] < turned["always 0"] - 5


def test_pretraining_lets_deep_sigmoids_learn_from_few_labels(rows):
    found = {name: row["test_accuracy"] for name, row in rows("autoencoders").items()}
    sigmoids, relus = "sigmoid, gradient descent, 200 labels", "ReLU, Adam, 200 labels"
    assert found[f"{sigmoids}, pretrained layers"] > found[f"{sigmoids}, random layers"] + 0.15
    assert min(found[f"{relus}, {start} layers"] for start in ("random", "pretrained")) > 0.7


def test_the_search_counts_parameters_and_picks_the_best_on_held_out_images(rows):
    found = rows("search_over_layers")
    judged = {name: row for name, row in found.items() if name.startswith("hidden: ")}
    parameters = [int(row["parameters"]) for row in judged.values()]
    assert parameters == [7850, 7960, 23860, 8070, 24790]
    best = max(judged, key=lambda name: judged[name]["held_out_accuracy"])
    assert found[f"the best, {best.removeprefix('hidden: ')}"]["test_accuracy"] > 0.88
    small, large = (judged[f"hidden: 1 of {n}"]["held_out_accuracy"] for n in (10, 30))
    assert large > small


def test_a_recurrent_net_adds_what_a_perceptron_of_its_size_cannot(rows):
    found = rows("recurrent")
    assert found["GRU"]["error"] < 0.01
    assert found["perceptron"]["error"] > 0.1
    assert found["perceptron, ten times the steps"]["error"] > 10 * found["GRU"]["error"]
    sizes = [int(found[name]["parameters"]) for name in ("GRU", "perceptron")]
    assert max(sizes) < 1.05 * min(sizes)


def test_a_small_gpt_learns_more_than_pairs_and_counts_are_right(rows):
    found = {name: row["nats_a_letter"] for name, row in rows("gpt").items()}
    assert found["GPT"] < found["counted, 2 in a row"] - 0.1
    assert found["counted, 3 in a row"] < found["counted, 2 in a row"] < 2.5
