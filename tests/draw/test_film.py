"""A film of a training: what it shows is what the training did, and it changes nothing."""

import json
import re
from base64 import b64decode

import numpy as np
import pytest

import nn
from nn.look import film as film_file
from nn.look.film import _plane, _quantised
from tests.draw.conftest import emulate
from tests.draw.graphs import HOSTILE
from tests.nn import runs

MOONS = nn.data.moons(120, seed=0)
IMAGES = nn.data.Data(np.random.default_rng(0).random((60, 1, 12, 12)), np.arange(60) % 3)


def networks():
    dense = lambda *layers: nn.Sequential(nn.Linear(2, 4), *layers, nn.Linear(4, 2))  # noqa: E731
    convolution = lambda: nn.Sequential(nn.Conv2d(1, 2, 5), nn.ReLU(), nn.Flatten())  # noqa: E731
    yield MOONS, lambda: dense(nn.Tanh())
    yield MOONS, lambda: dense(nn.BatchNorm1d(4), nn.Dropout(0.5))
    yield IMAGES, lambda: convolution().append(nn.Linear(128, 3))


@pytest.fixture(autouse=True)
def few_frames(monkeypatch):
    monkeypatch.setattr(film_file, "_FRAMES", 20)


def trained(data, network, file=None, epochs=5, **options):
    nn.manual_seed(1)
    callbacks = [] if file is None else [nn.Film(file)]
    options |= {"epochs": epochs, "batch_size": 10, "validation": data, "seed": 0}
    return runs.trained(network(), data, callbacks=callbacks, **options)


def data_of(file):
    found = re.search(r'"application/json">(.*?)</script>', file.read_text("utf-8"), re.DOTALL)
    return json.loads(found[1])


def levels(text):
    return np.frombuffer(b64decode(text), np.uint8).astype(int)


def decoded(array, frame):
    parts = (levels(array["frames"][frame]) - 127) / 127
    return parts.reshape(array["shape"]) * array["most"]


@pytest.mark.parametrize("replay", ["auto", True, False])
@pytest.mark.parametrize(("data", "network"), list(networks()))
def test_a_film_changes_nothing(data, network, replay, tmp_path):
    plain, before = trained(data, network, replay=replay)
    filmed, after = trained(data, network, tmp_path / "film.html", replay=replay)
    np.testing.assert_equal(plain.state_dict(), filmed.state_dict())
    assert before.loss == after.loss


@pytest.mark.parametrize(("data", "network"), list(networks()))
def test_its_last_frame_is_the_model_and_its_steps_are_even(data, network, tmp_path):
    model, history = trained(data, network, tmp_path / "film.html", epochs=7)
    found = data_of(tmp_path / "film.html")
    steps = found["steps"]
    assert (steps[0], steps[-1]) == (0, 7 * len(data) // 10)
    assert 10 <= len(steps) <= 21
    assert len(set(np.diff(steps[:-1]))) == 1
    assert found["validation"]["loss"] == pytest.approx(history.validation_loss, rel=1e-5)
    for array, parameter in zip(found["weights"], model.parameters(), strict=True):
        shown = decoded(array, -1)
        expected = parameter.numpy()[:, 0] if parameter.ndim > 2 else shown
        if parameter.ndim < 3 and parameter.shape[-1] <= 64:
            expected = np.atleast_2d(parameter.numpy())[:24, : shown.shape[1]]
        np.testing.assert_allclose(shown, expected, atol=array["most"] / 250)
    model.eval()
    outputs = found["activations"][-1]
    expected = model(data.inputs[:3]).numpy()
    np.testing.assert_allclose(decoded(outputs, -1), expected, atol=outputs["most"] / 250)


def test_validation_stands_at_the_ends_of_epochs_and_examples_may_be_chosen(tmp_path):
    film, network = nn.Film(tmp_path / "film.html", MOONS.inputs[5:7]), next(networks())[1]()
    callbacks = [film, runs.at(30, KeyboardInterrupt)]
    options = {"epochs": 5, "batch_size": 10, "validation": MOONS, "callbacks": callbacks}
    _, history = runs.trained(network, MOONS, **options)
    found = data_of(tmp_path / "film.html")
    assert (len(history), found["steps"][-1]) == (2, 30)
    assert found["validation"]["steps"] == [12, 24]
    np.testing.assert_allclose(decoded(found["activations"][0], 0), MOONS.inputs[5:7], atol=0.02)


def test_regions_are_the_classes_of_the_model(tmp_path):
    model, _ = trained(*next(networks()), tmp_path / "film.html")
    found = data_of(tmp_path / "film.html")
    (regions,), plane = found["regions"], found["plane"]
    low, high = MOONS.inputs.min(axis=0), MOONS.inputs.max(axis=0)
    low, high = low - 0.1 * (high - low), high + 0.1 * (high - low)
    x, y = (np.linspace(a, b, plane["across"]) for a, b in zip(low, high, strict=True))
    classes = [[model(np.array([[a, b]])).numpy().argmax() for a in x] for b in y]
    np.testing.assert_array_equal(levels(regions["frames"][-1]), np.ravel(classes))
    np.testing.assert_allclose(plane["points"] * (high - low) + low, MOONS.inputs, atol=1e-3)


def test_points_on_a_line_have_regions_and_batches_one_by_one_have_none(tmp_path):
    flat = nn.data.Data(MOONS.inputs * [1, 0], MOONS.labels)
    trained(flat, next(networks())[1], tmp_path / "film.html")
    points = np.array(data_of(tmp_path / "film.html")["plane"]["points"])
    assert np.all((points > 0) & (points < 1))
    holes = nn.data.Data(np.where(MOONS.inputs > 1, np.nan, MOONS.inputs), MOONS.labels)
    assert _plane(holes) == (None, None)
    options = {"callbacks": [nn.Film(tmp_path / "film.html")]}
    runs.trained(next(networks())[1](), [*MOONS.batches(10)], **options)
    found = data_of(tmp_path / "film.html")
    assert (found["regions"], found["activations"], found["steps"][-1]) == ([], [], 36)


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_plays_and_fits(chromium, tmp_path, width, scheme):
    hostile = type(HOSTILE, (nn.Sequential,), {})
    network = lambda: hostile(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))  # noqa: E731
    trained(MOONS, network, tmp_path / "film.html")
    emulate(chromium, width, 800, color_scheme=scheme)
    chromium.get((tmp_path / "film.html").as_uri())
    script = "return [...document.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL())"
    pixels = lambda: chromium.execute_script(script)  # noqa: E731
    before = pixels()
    assert len(before) == 2 + 1 + 1 + 4 + 4  # curves, regions, network, parameters, activations
    chromium.execute_script(
        "const slider = document.getElementById('frame'); slider.value = slider.max;"
        "slider.dispatchEvent(new Event('input'))"
    )
    changed = sum(a != b for a, b in zip(before, pixels(), strict=True))
    assert changed == len(before) - 1  # all but the inputs
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= width
    assert not [entry for entry in chromium.get_log("browser") if "film.html" in entry["message"]]
    assert not chromium.find_elements("css selector", "img")


def test_nan_is_a_level_of_its_own_and_infinity_the_strongest():
    (found,) = _quantised([{"w": np.array([[np.nan, np.inf, -np.inf, 2.0, -2.0, 0.0]])}])
    assert levels(found["frames"][0]).tolist() == [255, 254, 0, 254, 0, 127]
    assert found["most"] == 2


def test_a_large_network_and_many_steps_stay_small(tmp_path):
    train, _ = nn.data.digits()
    network = lambda: nn.Sequential(nn.Linear(784, 100), nn.Sigmoid(), nn.Linear(100, 10))  # noqa: E731
    trained(train[:500], network, tmp_path / "film.html", epochs=6)
    assert (tmp_path / "film.html").stat().st_size < 1_000_000
