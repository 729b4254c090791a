"""The experiments, in their quick forms, show what the full ones claim."""

import itertools
import math

import numpy as np
import pytest

pytestmark = [
    pytest.mark.course,
    pytest.mark.filterwarnings("ignore::nn.TrainingWarning"),  # some fail on purpose
]

# Lines `experiment ; claim`: r(what, measure) is an entry of its table, and all_of(measure) a column.
CLAIMS = """
first_network ; r("weights from N(0, 1)", "best_test_accuracy") > 0.8
first_network ; r("weights from N(0, 1/n)", "best_test_accuracy") > r("weights from N(0, 1)", "best_test_accuracy") + 0.02
hidden_100 ; all_of("test_accuracy")[0] > 0.93
bad_start ; r("one neuron from a good start, quadratic", BELOW) == approx(r("one neuron from a good start, cross-entropy", BELOW), rel=0.1)
bad_start ; r("one neuron from a bad start, quadratic", BELOW) > 1.5 * r("one neuron from a bad start, cross-entropy", BELOW)
bad_start ; abs(r("digits from a good start, quadratic", FIRST) - r("digits from a good start, cross-entropy", FIRST)) < 0.05
bad_start ; r("digits from a bad start, quadratic", FIRST) < 0.3 < 0.5 < r("digits from a bad start, cross-entropy", FIRST)
normalised_inputs ; min(r("from 0 to 1", FIRST), r("standardised", FIRST)) > r("grey values from 0 to 255", FIRST) + 0.2
normalised_inputs ; all(row["steps"] == approx(steps_in_valley(row["smallest"], row["largest_curvature"]), rel=0.1, abs=1) for row in (rows["inputs in their units"], rows["inputs normalised"]))
cures ; min(r("no cure", "training accuracy")) > max(r("no cure", "test accuracy")) + 0.08
cures ; all(min(r(cure, "test accuracy")) > max(r("no cure", "test accuracy")) and r(cure, "helps") == "yes" for cure in ("5,000 images", "L2", "max-norm, c = 3"))
cures ; np.subtract(r("5,000 images", "training accuracy"), r("5,000 images", "test accuracy")).max() < 0.08
cures ; min(r("no cure", "small start: test accuracy")) > max(r("no cure", "test accuracy"))
cures ; r("5,000 images", "small start: helps") == "yes"
cures ; all(r("L2", f"{start}points gained") == approx(100 * np.subtract(r("L2", start + TEST), r("no cure", start + TEST)), abs=0.006) for start in ("", "small start: "))
cures ; not any("gained" in key or "helps" in key for key in rows["no cure"])
sparse_weights ; r("L1, λ = 1", ZEROS) > max(50, 3 * r("L2, λ = 1", ZEROS))
sparse_weights ; r("L2, λ = 1", ZEROS) < r("no penalty", ZEROS) + 10
sparse_weights ; min(all_of("test_accuracy")) > 0.8
max_norm_stability ; r("N(0, 1), rate 0.1", "plain: test accuracy") < 0.2
max_norm_stability ; r("N(0, 1), rate 0.1", "plain: longest") > 1e6
max_norm_stability ; all(r("N(0, 1), rate 0.1", f"c = {c}: longest") <= c * (1 + 1e-6) for c in (3, 4))
max_norm_stability ; all(r("N(0, 1), rate 0.1", f"c = {c}: test accuracy") > 0.7 for c in (3, 4))
max_norm_stability ; r("N(0, 1), rate 0.01", "plain: test accuracy") > 0.5
max_norm_stability ; r("N(0, 1/n), rate 0.1", "plain: test accuracy") > 0.8
elastic ; r("with distortions", "test_accuracy") > 0.93
elastic ; r("without", "test_accuracy") > 0.95
elastic ; r("with distortions", "training_accuracy") < r("without", "training_accuracy")
elastic ; r("with distortions", "minutes") > 0 < r("with distortions", "minutes_of_a_processor")
race_of_optimisers ; list(rows) == ["plain", "momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam"]
race_of_optimisers ; max(r("Adam", "steps_to_90%"), r("RMSProp", "steps_to_90%")) < r("plain", "steps_to_90%")
race_of_batch_sizes ; all(more > fewer for more, fewer in pairwise(r(f"{size} a step, to 80%", "steps") for size in SIZES))
race_of_batch_sizes ; r("1 image a step, to 80%", "steps") > 10 * r("all images a step, to 80%", "steps")
race_of_batch_sizes ; r("all images a step, to 80%", "examples") > 50 * r("1 image a step, to 80%", "examples")
race_of_batch_sizes ; all(r(f"{size} a step, to 80%", "examples") == n * r(f"{size} a step, to 80%", "steps") for size, n in SIZES.items())
race_of_initialisations ; all(r(GROWTH + name, "by_law") == law == approx(r(GROWTH + name, "measured"), rel=0.1) for name, law in LAWS.items())
race_of_initialisations ; all(r(f"five layers of 30, ReLU, {name}", "last_accuracy") < 0.4 for name in ("N(0, 1)", "N(0, 0.01²)"))
race_of_initialisations ; all(r(f"five layers of 30, ReLU, {name}", "last_accuracy") > 0.6 for name in ("He", "Xavier"))
race_of_activations ; all(r(f"784-30-10, {name}", "last_accuracy") > 0.85 for name in ("sigmoid", "tanh", "ReLU", "leaky ReLU"))
race_of_activations ; r("five layers of 30, sigmoid", "last_accuracy") < 0.3 and r("five layers of 30, sigmoid" + REACH, "at_the_start") < 0.01
race_of_activations ; all(r(f"five layers of 30, {name}", "last_accuracy") > 0.7 for name in ("tanh", "ReLU", "leaky ReLU"))
race_of_activations ; all(0.3 < r(f"five layers of 30, {name}{REACH}", "at_the_start") < 3 for name in ("tanh", "ReLU", "leaky ReLU"))
is_it_a_nine ; rows["always no"] == {"what": "always no", "accuracy": 0.9, "recall": 0.0}
is_it_a_nine ; all(r(net, "accuracy") > 0.94 and min(r(net, "precision"), r(net, "recall")) > 0.5 for net in NETS)
is_it_a_nine ; all(r(f"{net}, nines count nine times", "recall") > r(net, "recall") + 0.05 for net in NETS)
is_it_a_nine ; all(r(f"{net}, nines count nine times", "precision") < r(net, "precision") - 0.05 for net in NETS)
is_it_a_nine ; r("30 hidden", "accuracy") > r("one neuron", "accuracy")
regression ; 0.19 < ends("truth", "error") < min(0.21, ends("1-20-1", "error")) and ends("1-20-1", "error") < 0.25
regression ; ends("line", "error") > 0.6
regression ; ends("always 0", "degrees") == approx(90 / np.sqrt(12), rel=0.05)
regression ; ends("784-100-1", "degrees") + 4 < ends("linear in the pixels", "degrees") < ends("always 0", "degrees") - 5
autoencoders ; r(SIGMOIDS + "pretrained layers", "test_accuracy") > r(SIGMOIDS + "random layers", "test_accuracy") + 0.15
autoencoders ; all(r(f"ReLU, Adam, 200 labels, {start} layers", "test_accuracy") > 0.7 for start in ("random", "pretrained"))
search_over_layers ; [int(row["parameters"]) for name, row in rows.items() if "hidden: " in name[:8]] == [7850, 7960, 23860, 8070, 24790]
search_over_layers ; r("the best, " + max((w for w in rows if w[:8] == "hidden: "), key=lambda w: r(w, HELD_OUT))[8:], "test_accuracy") > 0.88
search_over_layers ; r("hidden: 1 of 30", HELD_OUT) > r("hidden: 1 of 10", HELD_OUT)
recurrent ; r("GRU", "error") < 0.01 and r("perceptron", "error") > 0.1
recurrent ; r("perceptron, ten times the steps", "error") > 10 * r("GRU", "error")
recurrent ; 1 / 1.05 < int(r("GRU", "parameters")) / int(r("perceptron", "parameters")) < 1.05
gpt ; r("GPT", "nats_a_letter") < r("counted, 2 in a row", "nats_a_letter") - 0.1
gpt ; r("counted, 3 in a row", "nats_a_letter") < r("counted, 2 in a row", "nats_a_letter") < 2.5
"""
NAMES = {
    "np": np, "approx": pytest.approx, "pairwise": itertools.pairwise, "BELOW": "steps until below 0.2",
    "FIRST": "first_test_accuracy", "ZEROS": "per_cent_nearly_0", "HELD_OUT": "held_out_accuracy",
    "SIZES": {"1 image": 1, "10 images": 10, "100 images": 100, "all images": 5400},
    "GROWTH": "growth of the mean square in a layer of ReLUs, ",
    "LAWS": {"N(0, 1)": 15, "N(0, 0.01²)": 0.0015, "Xavier": 0.5, "He": 1},
    "REACH": ": gradient in the second layer of weights / in the last", "NETS": ("one neuron", "30 hidden"),
    "SIGMOIDS": "sigmoid, gradient descent, 200 labels, ", "TEST": "test accuracy",
    # At the best rate each step shortens the way by the factor (κ - 1) / (κ + 1).
    "steps_in_valley": lambda flat, steep: math.log(1000) / math.log((steep + flat) / (steep - flat)),
}  # fmt: skip


EXPERIMENTS = dict.fromkeys(line.split(" ; ")[0] for line in CLAIMS.strip().splitlines())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_shows_what_it_claims(name, rows):
    found = rows(name)
    functions = {
        "rows": found,
        "r": lambda what, measure: found[what][measure],
        "all_of": lambda measure: [row[measure] for row in found.values()],
        "ends": lambda end, measure: next(
            row[measure]
            for what, row in found.items()
            if what.endswith(f": {end}") and measure in row
        ),
    }
    claims = [line.split(" ; ")[1] for line in CLAIMS.splitlines() if line.startswith(f"{name} ;")]
    holds = lambda claim: eval(compile(claim, claim, "eval"), NAMES | functions)  # noqa: E731
    assert list(itertools.filterfalse(holds, claims)) == []


def test_the_fewer_the_images_the_wider_the_gap(rows):
    (many,) = rows("overfitting").values()
    (few,) = rows("thousand_images").values()
    assert many["test_accuracy"] > 0.85
    assert few["training_accuracy"] == 1
    gaps = [row["training_accuracy"] - row["test_accuracy"] for row in (many, few)]
    assert 0 < 2 * gaps[0] < gaps[1]
    assert few["test_cost"] > 1.05 * few["least_test_cost"]  # it has risen again


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


def test_angle_length_and_error_of_mini_batches_follow_the_law(rows):
    found = rows("mini_batch_gradients")
    measured = {name: row for name, row in found.items() if "error" in row}
    assert len(measured) == 3 * 7
    for name, row in measured.items():
        if name.endswith("1000 of 1000"):
            assert row["error"] < 1e-5 > abs(row["length"] - 1)
            assert row["error_by_law"] == 0
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
