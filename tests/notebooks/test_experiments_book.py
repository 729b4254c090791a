"""The experiments after the course's book, in their quick forms, show what the full ones claim."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nn

EXPERIMENTS = Path(__file__).parents[2] / "notebooks" / "experiments"
pytestmark = pytest.mark.filterwarnings("ignore::nn.TrainingWarning")  # some fail on purpose


def test_the_first_network_learns_to_read_and_small_weights_help(rows):
    found = rows("first_network")
    large, small = found["weights from N(0, 1)"], found["weights from N(0, 1/n)"]
    assert large["best_test_accuracy"] > 0.8
    assert small["best_test_accuracy"] > large["best_test_accuracy"] + 0.02


def test_example_by_example_and_as_matrices_are_the_same_mathematics(script, rng):
    first_network = script("first_network")
    example_by_example = script("example_by_example")
    model = first_network.book_network().astype(np.float64)
    parameters = [parameter.numpy().copy() for parameter in model.parameters()]
    data = nn.data.Data(rng.normal(size=(25, 784)), rng.integers(0, 10, 25), tuple("0123456789"))

    first_network.descend(model, data.batches(10, shuffle=False), epochs=2)
    for _ in range(2):
        batches = data.one_hot().batches(10, shuffle=False)
        example_by_example.descend(parameters[::2], parameters[1::2], batches, first_network.RATE)
    for mine, theirs in zip(model.parameters(), parameters, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-9, atol=1e-12)


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


def test_a_saturated_neuron_learns_as_the_closed_form_says(rows):
    for row in rows("saturation").values():
        w, b = (float(part.split("=")[1]) for part in row["what"].split(":")[1].split(","))
        outputs = [1 / (1 + math.exp(-w - b))]
        assert row["first_slope"] == pytest.approx(outputs[0] ** 2 * (1 - outputs[0]))
        while len(outputs) < 301:
            a = outputs[-1]
            w, b = w - 0.15 * a * a * (1 - a), b - 0.15 * a * a * (1 - a)
            outputs.append(1 / (1 + math.exp(-w - b)))
        assert row["output_after_300_steps"] == pytest.approx(outputs[300])


def test_a_saturated_neuron_needs_more_steps(rows):
    good, bad = rows("saturation").values()
    assert bad["first_output"] > good["first_output"]
    assert bad["first_slope"] < good["first_slope"] / 5
    assert bad["steps until below 0.2"] > 2 * good["steps until below 0.2"]


def test_from_a_bad_start_cross_entropy_learns_faster(rows):
    found = rows("bad_start")

    def steps(start, cost):
        return found[f"one neuron from a {start} start, {cost}"]["steps until below 0.2"]

    assert steps("good", "quadratic") == pytest.approx(steps("good", "cross-entropy"), rel=0.1)
    assert steps("bad", "quadratic") > 1.5 * steps("bad", "cross-entropy")

    def read(start, cost):
        return found[f"digits from a {start} start, {cost}"]["first_test_accuracy"]

    assert abs(read("good", "quadratic") - read("good", "cross-entropy")) < 0.05
    assert read("bad", "quadratic") < 0.3 < 0.5 < read("bad", "cross-entropy")


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


def test_a_script_leaves_results_and_figures_and_the_page_shows_them(script, tmp_path, monkeypatch):
    command = [sys.executable, EXPERIMENTS / "saturation.py", "--quick", "--out", tmp_path]
    subprocess.run(command, check=True, env={"PYTHONPATH": ":".join(sys.path)})
    results = json.loads((tmp_path / "saturation.json").read_text(encoding="utf-8"))
    assert results["command"] == "python notebooks/experiments/saturation.py --quick"
    assert (tmp_path / "saturation.png").read_bytes().startswith(b"\x89PNG")

    everything = script("all")
    monkeypatch.setattr(everything, "RESULTS", tmp_path)
    table = [line for line in everything.page().splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(results["rows"])
    assert len({line.count("|") for line in table}) == 1
    assert f"{results['rows'][0]['first_output']:.4g}" in table[2]


def test_rows_without_a_common_measure_stand_in_tables_of_their_own(script, tmp_path, monkeypatch):
    rows = [{"what": "|g|", "steps": 2000}, {"what": "b", "cost": 0.5}, {"what": "c", "steps": 2}]
    results = {"command": "", "machine": "", "seconds": 1, "rows": rows, "figures": []}
    (tmp_path / "saturation.json").write_text(json.dumps(results), encoding="utf-8")
    everything = script("all")
    monkeypatch.setattr(everything, "RESULTS", tmp_path)
    lines = [line for line in everything.page().splitlines() if line.startswith("|")]
    assert lines[0::2][:2] == ["|  | steps |", r"| \|g\| | 2,000 |"]
    assert lines[3:] == ["| c | 2 |", "|  | cost |", "| :--- | ---: |", "| b | 0.5 |"]


def test_of_several_seeds_the_median_and_the_range_are_shown(script):
    shown = script("experiment").shown
    assert shown("test_accuracy", [0.953, 0.951, 0.952]) == "95.20 % (95.10 to 95.30 %)"
    assert shown("steps", [3, 1000, 20_000]) == "1,000 (3 to 20,000)"
