"""Plots: what is drawn is what is there, as it is there, and nothing else in the process changes."""

import base64
import sys
from collections import Counter

import numpy as np
import pytest
from matplotlib.cbook import is_math_text
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.contour import QuadContourSet
from matplotlib.text import Text

import nn
from nn import plots
from nn.data import Data, blobs, moons
from nn.train.history import History


@pytest.fixture
def history():
    history = History()
    for epoch in range(6):
        held_out = {"validation_accuracy": 0.9 - (epoch - 2) ** 2 / 99}
        held_out["validation_loss"] = 0.5 + (epoch - 3) ** 2
        history.append(loss=1 / (1 + epoch), accuracy=1 - 0.5**epoch, **held_out)
        first = {"gradient": 10.0**-epoch, "weight": 2.0 + epoch}
        layers = {"0 (Linear)": first, "1 (ReLU)": {"dead": 0.01 * epoch}}
        layers["2 (Linear)"] = {"gradient": 1.0, "weight": 3.0}
        for layer, found in layers.items():
            history.append(**{f"health/{layer}/{name}": value for name, value in found.items()})
    return history


def bowl(w):
    return w[0] ** 2 + 10 * w[1] ** 2


SGD = {"SGD": lambda w: nn.optim.SGD(w, lr=0.06)}
IMAGES = Data(np.random.default_rng(0).random((30, 25)), np.arange(30) % 3)


def fixed(outputs):
    """A model with these outputs, whatever its inputs."""
    return lambda x: np.asarray(outputs)


def drawn(figure):
    """Render it, which is when matplotlib finds most mistakes."""
    content, size = (part["image/png"] for part in figure._repr_mimebundle_())
    assert base64.b64decode(content).startswith(b"\x89PNG")
    assert min(size["width"], size["height"]) > 100
    return figure


def literals(texts):
    """What is shown of texts, none of which are formulas."""
    assert not any(is_math_text(text.get_text()) for text in texts)
    return [text.get_text().replace(r"\$", "$") for text in texts]


def legend_of(axes):
    return literals(axes.get_legend().get_texts())


def test_titles_are_shown_as_they_are_and_all_figures_render(history, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # an import of it fails
    model = nn.Sequential(nn.Linear(25, 4), nn.ReLU(), nn.Linear(4, 3))
    title = {"title": "from $5 to $9_2"}
    for figure in (
        plots.learning_curves(history, **title),
        plots.gradient_health(history, **title),
        plots.confusion_matrix(model, IMAGES, **title),
        plots.worst_mistakes(model, IMAGES, **title),
        plots.first_layer_weights(model, **title),
        plots.decision_boundaries(nn.Linear(2, 2), moons(20, seed=0), **title),
        plots.optimizer_paths(bowl, (1.0, 2.0), SGD, **title),
    ):
        texts = drawn(figure).findobj(Text, include_self=False)
        assert title["title"] in literals([text for text in texts if "from" in text.get_text()])


def test_curves_are_the_history_and_the_best_epoch_is_one_of_validation(history):
    loss, accuracy = history.plot().axes
    headings = " ".join(axes.get_title(loc="left") for axes in (loss, accuracy))
    assert headings == "Loss Accuracy in per cent"
    training, validation, best = loss.lines
    assert (training.get_linestyle(), validation.get_linestyle()) == ("--", "-")
    assert training.get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
    assert [*training.get_ydata()] == history.loss
    assert [*validation.get_ydata()] == history.validation_loss
    assert best.get_xydata().tolist() == [[4, 0.5]]
    assert "epoch 4" in legend_of(loss)[1]
    shares = np.multiply(history.validation_accuracy, 100)
    np.testing.assert_allclose(accuracy.lines[1].get_ydata(), shares)
    assert accuracy.lines[2].get_xydata().tolist() == [[3, 90]]
    assert "epoch 3" in legend_of(accuracy)[1]
    (axes,) = drawn(plots.learning_curves(History(loss=[3.0, np.nan, 1.0, 2.0]))).axes
    assert legend_of(axes) == ["training, best 1 in epoch 3"]
    for losses, shares, why in (([2.0, 1.0], [0.7, 0.9], True), ([1.0, 2.0], [0.9, 0.7], False)):
        both = dict(zip(("loss", "validation_loss"), [[n] for n in losses], strict=True))
        both |= dict(zip(("accuracy", "validation_accuracy"), [[n] for n in shares], strict=True))
        for axes in plots.learning_curves(
            History(**both)
        ).axes:  # if training is worse, they say why
            assert ("dropout" in legend_of(axes)[0]) == why


def test_health_of_each_layer_that_was_measured(history):
    gradient, weight, stuck = plots.gradient_health(history).axes
    headings = " ".join(axes.get_title(loc="left") for axes in (gradient, weight, stuck))
    assert headings == "Length of the gradient Length of the weights Stuck units in per cent"
    assert (weight.get_ylim()[0], stuck.get_ylim()) == (0, (0, 10))
    assert weight.get_ylim()[1] > 7
    near, far = (sum(to_rgb(line.get_color())) for line in gradient.lines)
    assert near < far  # the layer near the input is dark
    assert gradient.get_yscale() == "log"
    assert [*gradient.lines[0].get_ydata()] == history.health["0 (Linear)"]["gradient"]
    assert [*weight.lines[1].get_ydata()] == [3.0] * 6
    np.testing.assert_allclose(stuck.lines[0].get_ydata(), range(6))
    assert legend_of(gradient) == ["0 (Linear)", "2 (Linear)"]
    assert legend_of(stuck) == ["1 (ReLU), dead"]
    history = History(health={f"{number} (Linear)": {"gradient": [0.0]} for number in range(40)})
    (axes,) = drawn(plots.gradient_health(history)).axes
    assert len(axes.lines) == 40
    assert 2 <= len(legend_of(axes)) <= 8


def test_the_numbers_of_a_confusion_matrix(rng):
    names, labels, outputs = ["ash", "oak", "$1$"], rng.integers(0, 3, 60), rng.random((60, 3))
    data = Data(np.zeros((60, 2)), np.take(names, labels), names)
    axes = plots.confusion_matrix(fixed(outputs), data).axes[0]
    counted = Counter(zip(outputs.argmax(1).tolist(), labels.tolist(), strict=True))
    assert {text.get_position(): int(text.get_text()) for text in axes.texts} == counted
    assert literals(axes.get_xticklabels()) == literals(axes.get_yticklabels()) == names
    coloured = np.argwhere(~axes.images[1].get_array().mask)
    assert {(x, y) for y, x in coloured} == {(x, y) for x, y in counted if x != y}  # mistakes


def test_the_worst_mistakes_come_first():
    data = Data(IMAGES.inputs[:4], [0, 1, 2, 0])
    outputs = [[0.5, 0.6, 0], [0, 1, 0], [0.9, 0, 0.1], [0, 0.2, 0.6]]
    figure = plots.worst_mistakes(fixed(outputs), data.one_hot(3), count=2)
    assert [axes.get_title() for axes in figure.axes] == ["0, not 2", "2, not 0"]
    for axes, which in zip(figure.axes, (2, 3), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), data.inputs[which].reshape(5, 5))
    assert figure.get_suptitle() == "3 of 4 wrong; the 2 of which it was surest"
    none = drawn(plots.worst_mistakes(fixed(np.eye(3)), (np.zeros((3, 9)), [0, 1, 2])))
    assert none.get_suptitle() == "0 of 3 wrong"


def test_weights_are_drawn_on_one_scale_and_many_neurons_are_cut_off():
    layer = nn.Linear(16, 3)
    *places, bar = plots.first_layer_weights(layer).axes
    largest = np.abs(layer.weight.numpy()).max()
    for axes, row in zip(places, layer.weight.numpy(), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), row.reshape(4, 4))
        assert axes.images[0].get_clim() == (-largest, largest)
    assert bar.get_ylim() == pytest.approx((-largest, largest))
    red, _, blue, _ = places[0].images[0].get_cmap()(1.0)
    assert red > blue  # orange, as the docstring says
    kernels = nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 5))
    assert len(plots.first_layer_weights(kernels).axes) == 2 * 3 + 1
    figure = plots.first_layer_weights(nn.Linear(4, 30), count=12)
    assert len(figure.axes) == 12 + 1
    assert "the first 12 of 30" in figure.get_suptitle()


def contours(axes, filled=False):
    return [c for c in axes.collections if isinstance(c, QuadContourSet) and c.filled == filled]


SQUARE = np.array([[-1.0, -1], [-1, 2], [1, -1], [1, 2]])


def slanted(x):
    return x[:, 0] - 0.4 * x[:, 1]


@pytest.mark.parametrize(
    ("model", "labels", "threshold"),
    [
        (lambda x: np.stack([-slanted(x), slanted(x)], axis=1), np.eye(2)[[0, 0, 1, 1]], 0.5),
        (lambda x: slanted(x)[:, None] + 0.5, [[0], [0], [1], [1]], 0.5),
        (slanted, [-1, -1, 1, 1], 0.0),
        (lambda x: slanted(x) > 0, [0, 0, 1, 1], 0.5),
        (nn.Perceptron(weights=[1, -0.4, 0]), [-1, -1, 1, 1], 0.5),
        (lambda x: np.where(slanted(x) > 0, "r", "l"), [*"llrr"], 0.5),
    ],
    ids=["two outputs", "one", "signs", "booleans", "perceptron", "names"],
)
def test_the_boundary_is_where_the_choice_changes(model, labels, threshold):
    (axes,) = plots.decision_boundaries(model, (SQUARE, labels), threshold).axes
    paths = [path for line in contours(axes) for path in line.get_paths()]
    line = np.concatenate([path.vertices for path in paths])
    np.testing.assert_allclose(line[:, 0], 0.4 * line[:, 1], atol=2.5 / 400)
    area = np.concatenate([line, *(c.get_paths()[0].vertices for c in contours(axes, filled=True))])
    np.testing.assert_allclose(area.min(axis=0), [-1.16, -1.24])  # 8 % around the points
    np.testing.assert_allclose(area.max(axis=0), [1.16, 2.24])
    assert [area.levels[0] for area in contours(axes, filled=True)] == [0, 0]  # up to that line
    assert axes.get_title(loc="left") == "0 of 4 points wrong"


def test_wrong_points_are_counted_and_classes_may_never_win():
    (axes,) = plots.decision_boundaries(lambda x: slanted(x) > 0, (SQUARE, [1, 0, 1, 1])).axes
    assert axes.get_title(loc="left") == "1 of 4 points wrong (dark rims)"
    points = [c for c in axes.collections if isinstance(c, PathCollection)]
    places = [group.get_offsets().tolist() for group in points]
    assert places == [[[-1, 2]], [], [[1, -1], [1, 2]], [[-1, -1]]]  # each class: right, then wrong
    assert [sum(to_rgb(group.get_edgecolor()[0])) > 2 for group in points] == [True, False] * 2
    for area, group in zip(contours(axes, filled=True), points[::2], strict=True):
        assert to_hex(area.get_facecolor()[0]) == to_hex(group.get_facecolor()[0])
    assert legend_of(axes) == ["0", "1"]
    data = blobs(60, classes=4, noise=0.1, seed=0)
    for always in ([1.0, 0.0, 0.0, 0.0], [0.0] * 4):
        drawn(plots.decision_boundaries(lambda x: np.tile(always, (len(x), 1)), data))  # noqa: B023


def test_paths_are_those_of_the_optimisers_over_the_heights_of_the_cost():
    makers = {**SGD, "$too$ fast": lambda w: nn.optim.SGD(w, lr=1.0)}
    (axes,) = plots.optimizer_paths(bowl, (2.0, 1.0), SGD, limits=((-5, 5), (-3, 3))).axes
    assert (axes.get_xlim(), axes.get_ylim()) == ((-5, 5), (-3, 3))
    drawn(plots.optimizer_paths(lambda w: 0 * w[0] + 0 * w[1], (0.0, 0.0), SGD, steps=3))  # flat
    (axes,) = plots.optimizer_paths(bowl, (2.0, 1.0), makers, steps=400).axes
    expected = [2.0, 1.0] * np.array([1 - 0.12, 1 - 1.2]) ** np.arange(401)[:, np.newaxis]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), expected, atol=1e-12)
    assert legend_of(axes) == list(makers)
    end, start = axes.lines[1].get_xydata(), axes.lines[-1].get_xydata()
    assert (end.tolist(), start.tolist()) == (axes.lines[0].get_xydata()[-1:].tolist(), [[2, 1]])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("w[0]", "w[1]")
    low, *_, high = contours(axes, filled=True)[0].get_facecolor()
    assert sum(low) > sum(high)  # the higher, the darker
    (lines,) = contours(axes)
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        np.testing.assert_allclose(bowl(path.vertices.T), level, atol=0.1)
    left, right = axes.get_xlim()
    assert -2 < left < 0 < 2 < right < 4  # what runs away does not shrink the rest


def test_metrics_have_their_panels_and_the_rate_that_was_found_is_marked(history):
    history.metrics = {"f1": [0.5, 0.7], "cost": [3.0, 4.0]}
    figure = history.plot()
    labels = [axes.get_legend().get_texts()[0].get_text() for axes in figure.axes[2:]]
    assert labels == ["validation, best 0.7 in epoch 2", "validation, best 3 in epoch 1"]
    model = nn.Linear(2, 2)
    sgd = nn.optim.SGD(model.parameters())
    found = nn.find_learning_rate(model, moons(100), loss=nn.CrossEntropyLoss(), optimizer=sgd)
    (axes,) = found.plot().axes
    curve, mark = axes.get_lines()
    assert (axes.get_xscale(), mark.get_xdata()[0]) == ("log", found.best)
    np.testing.assert_array_equal(curve.get_xydata(), np.stack([found.rates, found.losses], 1))


def test_many_classes_have_no_numbers_and_a_classifier_may_return_labels():
    many = plots.confusion_matrix(fixed(np.eye(50)), (np.zeros((50, 1)), np.arange(50)))
    assert not drawn(many).axes[0].texts
    data = Data(np.zeros((4, 1)), ["a", "b", "b", "c"])
    axes = plots.confusion_matrix(fixed(np.array([0, 1, 0, 1])), data).axes[0]
    assert {text.get_position() for text in axes.texts} == {(0, 0), (1, 1), (0, 1), (1, 2)}
