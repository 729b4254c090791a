"""What the experiments measure with is right: their nets, races, data and tables."""

import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from nn.data import Data

pytestmark = [
    pytest.mark.course,
    pytest.mark.filterwarnings("ignore::nn.TrainingWarning"),  # some layers begin badly
]

# ---- the command line and the table --------------------------------------------------------------


def test_a_script_in_processes_leaves_the_same_rows_and_the_page_shows_them(
    script, quick, tmp_path, monkeypatch
):
    everything, name = script("all"), "search_over_layers"
    script_and_options = everything.HERE / f"{name}.py", "--quick", "--workers", "2"
    command = [sys.executable, *script_and_options, "--out", tmp_path]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    results = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    assert results["command"] == f"python notebooks/experiments/{name}.py --quick"
    assert {row["what"]: row for row in results["rows"]} == quick(name)[0]
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(everything, "RESULTS", tmp_path)
    table = [line for line in everything.page().splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(results["rows"])
    assert len({line.count("|") for line in table}) == 1
    assert results["rows"][0]["parameters"] in table[2]


def test_all_scripts_run_at_once_in_processes(script, monkeypatch, tmp_path):
    everything = script("all")
    for name in ("one", "two"):
        text = f'import pathlib, sys\npathlib.Path(sys.argv[2], "{name}").write_text("")\n'
        (tmp_path / f"{name}.py").write_text(f"""{text}'''@runs_on("mnist")\ndef {name}'''\n""")
    monkeypatch.setattr(everything, "HERE", tmp_path)
    with ProcessPoolExecutor(2) as pool:
        everything.run_all("mnist", tmp_path, pool)
    assert {"one", "two"} <= {path.name for path in tmp_path.iterdir()}


def test_of_several_seeds_the_median_and_the_range_are_shown(script):
    shown = script("experiment").shown
    assert shown("test_accuracy", [0.953, 0.951, 0.952]) == "95.20 % (95.10 to 95.30 %)"
    assert shown("steps", [3, 1000, 20_000]) == "1,000 (3 to 20,000)"


# ---- text --------------------------------------------------------------------------------------


def test_counting_letters_agrees_with_counting_by_hand(script):
    """Absolute discounting, gram by gram, of a short text; the last four letters are the rest."""
    text, first, d = nn.data.Text("abracadabra abrakadabra"), 19, 0.75
    numbers, letters = text.numbers.tolist(), len(text.letters)

    def p(place, before):
        if before < 0:
            return 1 / letters
        asked = numbers[place - before : place + 1]
        grams = [numbers[i - before : i + 1] for i in range(before, first)]
        after = [gram[-1] for gram in grams if gram[:-1] == asked[:-1]]
        if not after:
            return p(place, before - 1)
        rest = d * len(set(after)) / len(after) * p(place, before - 1)
        return max(after.count(asked[-1]) - d, 0) / len(after) + rest

    rest = range(first, len(numbers))
    expected = [-np.mean([np.log(p(place, before)) for place in rest]) for before in range(4)]
    found = list(script("gpt").counted(text.numbers, first, letters, most=4))
    np.testing.assert_allclose(found, expected)


def test_every_letter_of_the_rest_is_paid_for_once(script):
    """A model that knows the last letter alone pays the same, however the text is cut."""

    class Last(nn.Module):
        def forward(self, numbers):
            return Tensor(table[numbers])

    table = np.random.default_rng(0).normal(size=(5, 5))
    numbers = np.random.default_rng(1).integers(0, 5, 200)
    cost = script("gpt").nats(Last(), numbers, first=100, length=8)
    count = (len(numbers) - 100) // 4 * 4
    p = nn.functional.softmax(table, dim=-1)[numbers[99 : 99 + count], numbers[100 : 100 + count]]
    assert cost == pytest.approx(-np.mean(np.log(p)))


# ---- networks and cures --------------------------------------------------------------------------


def test_example_by_example_and_as_matrices_are_the_same_mathematics(script, rng):
    first_network = script("first_network")
    model = first_network.book_network().astype(np.float64)
    parameters = [parameter.numpy().copy() for parameter in model.parameters()]
    data = Data(rng.normal(size=(25, 784)), rng.integers(0, 10, 25), tuple("0123456789"))
    first_network.descend(model, data.batches(10, shuffle=False), epochs=2)
    for _ in range(2):
        batches = data.one_hot().batches(10, shuffle=False)
        descend = script("example_by_example").descend
        descend(parameters[::2], parameters[1::2], batches, first_network.RATE)
    for mine, theirs in zip(model.parameters(), parameters, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-9, atol=1e-12)


def test_early_stopping_never_looks_at_what_it_learns(script, monkeypatch):
    cures, train, looked = script("cures"), nn.data.digits().train, []

    def fit(model, data, *_, validation, **options):
        if validation is not None:
            looked.append((data.inputs, validation.inputs))

    monkeypatch.setattr(cures, "fit", fit)
    for cure in cures.CURES.values():
        cures.learn(cure, train, steps=10, seed=0, small=True)
    sizes = sorted((len(data), len(held_out)) for data, held_out in looked)
    assert sizes == [(800, 200), (1000, 1000)]
    for data, held_out in looked:
        learnt = {image.tobytes() for image in data}
        assert not any(image.tobytes() in learnt for image in held_out)


# ---- races ---------------------------------------------------------------------------------------


@pytest.fixture
def race(script):
    return script("race").Race(script("experiment").Experiment("race"), 100, lambda step: True)


@pytest.fixture
def entrant(script):
    race = script("race")
    return race.Entrant("one", lambda: race.classifier(nn.ReLU, 10), 0.1)


@pytest.fixture
def curve(script):
    def made(*accuracies):
        steps = list(range(0, 10 * len(accuracies), 10))
        return script("race").Curve(steps, list(accuracies), [step / 2 for step in steps])

    return made


@pytest.mark.parametrize(("fates", "best"), [
    ({0.03: (0.1, 0.5, 0.92), 0.1: (0.1, 0.91), 0.3: (0.1, 0.2, 0.3, 0.99)}, 0.1),
    ({0.03: (0.1, 0.5), 0.1: (0.1, 0.2), 0.3: (0.8, 0.6)}, 0.3),  # nobody arrives
    ({0.03: (0.1, 0.8, 0.9), 0.1: (0.1, 0.89), 0.3: (0.1, 0.0)}, 0.03),
])  # fmt: skip
def test_the_best_rate_is_found_on_held_out_images_alone(curve, race, entrant, fates, best):
    ran = []

    def learn(entrant, rate, judge, seed, beyond=False):
        ran.append((rate, judge, seed))
        return curve(*fates[rate])

    race.learn = learn
    assert race.run(entrant).rate == best
    tuning, racing = ran[: len(fates)], ran[len(fates) :]
    assert all(judge is race.held_out for _, judge, _ in tuning)
    assert all(judge is race.test and rate == best for rate, judge, _ in racing)
    assert {seed for *_, seed in tuning}.isdisjoint(seed for *_, seed in racing)
    parts = [{image.tobytes() for image in part.inputs} for part in (race.train, race.held_out)]
    assert parts[0].isdisjoint(parts[1])
    assert len(race.train) + len(race.held_out) == 6000


def test_learning_counts_its_steps_ends_at_the_mark_and_repeats(race, entrant):
    race.mark = 0.5
    first, again = (race.learn(entrant, 0.1, race.held_out, seed=0) for _ in range(2))
    assert first.steps == list(range(len(first.steps)))
    assert first.accuracy[-1] >= 0.5 > max(first.accuracy[:-1])
    assert first.accuracy == again.accuracy
    beyond = race.learn(entrant, 0.1, race.held_out, seed=0, beyond=True)
    assert len(beyond.steps) == 101
    assert beyond.accuracy[: len(first.accuracy)] == first.accuracy
    assert race.learn(entrant, 1e30, race.held_out, seed=0).steps[-1] < 100  # far too high a rate


# ---- measures ------------------------------------------------------------------------------------


def test_the_answer_is_the_sum_of_the_two_marked_numbers(script):
    experiment = script("recurrent")
    x, y = experiment.sequences(5000, 12, np.random.default_rng(0))
    assert x.shape == (5000, 12, 2)
    for sequence, answer in zip(x[:200], y, strict=False):
        first, second = np.flatnonzero(sequence[:, 1])
        assert first < 6 <= second
        assert answer[0] == pytest.approx(sequence[first, 0] + sequence[second, 0])
    assert np.mean((y - 1) ** 2) == pytest.approx(experiment.ALWAYS_ONE, rel=0.05)
    assert x[:, :, 1].mean(axis=0) == pytest.approx(np.full(12, 1 / 6), abs=0.03)
