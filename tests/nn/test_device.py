"""Models on another library's arrays: layers, losses, optimisers and training have the host's own
bits over a stand-in for CuPy, and the same numbers over CuPy itself: `pytest -m gpu`."""

import collections
import copy

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from microgradnd.operators import plain
from microgradnd.tree import flatten
from tests import device_arrays
from tests.nn import kinds, test_layers
from tests.nn.layer_checks import states_of
from tests.nn.runs import Killed, at, closure, measures, small, trained


@pytest.fixture(params=["stand-in", pytest.param("cupy", marks=pytest.mark.gpu)])
def asarray(request):
    library = pytest.importorskip("cupy") if request.param == "cupy" else device_arrays
    return library.asarray


def same(found, expected):
    """Whether the arrays are on the device and have the host's bits (CuPy's own kernels: almost)."""
    for a, b in zip(found, expected, strict=True):
        assert not isinstance(a, np.ndarray)
        compare = np.testing.assert_array_equal
        if type(a) is not device_arrays.DeviceArray:
            compare = lambda x, y: np.testing.assert_allclose(x, y, 1e-6, 1e-9)  # noqa: E731
        compare(a.get(), b)


def computed(layer, arrays, place):
    """The outputs of a layer, all gradients, and its buffers."""
    nn.manual_seed(1)
    xs = [Tensor(place(a), requires_grad=a.dtype.kind == "f") for a in arrays]
    outputs = flatten(layer(xs[0], *states_of(xs[1:])))[0]
    sum(np.sum(y * y) for y in outputs).backward()
    leaves = [leaf for leaf in (*xs, *layer.parameters()) if leaf.grad is not None]
    return [*map(plain, outputs), *(leaf.grad for leaf in leaves), *layer.buffers()]


class Reads(nn.Module):
    def __init__(self):
        self.words, self.heads = (
            nn.Embedding(8, 4, 2),
            nn.MultiheadAttention(4, 2, batch_first=True),
        )

    def forward(self, words, mask):
        x = self.words(words)
        return self.heads(x, x, x, key_padding_mask=mask, need_weights=False)[0]


class Spells(nn.CTCLoss):
    def forward(self, scores, labels):
        return super().forward(nn.functional.log_softmax(scores, 2), labels, [6, 6], [2, 2])


LAYERS = collections.defaultdict(list)
for kind, *case in (*test_layers.cases(), *test_layers.more_layers()):
    LAYERS[kind].append(case)
for kind in (nn.Dropout, nn.Dropout2d, nn.ClassicDropout):
    LAYERS[kind].append(((0.3,), {}, (5, 4, 3, 3)))
WORDS = np.arange(15).reshape(5, 3).T // 2  # none more than twice: sums of two have no order
LAYERS[Reads].append(((), {}, WORDS, WORDS > 4))
LAYERS[Spells].append(((), {}, (6, 2, 4), np.array([[1, 2], [2, 1]])))
for mode in ("sum", "mean", "max"):
    LAYERS[nn.EmbeddingBag].append(((10, 3), {"mode": mode}, np.array([[1, 2], [3, 3]])))
how = {"mode": "sum", "scale_grad_by_freq": True, "max_norm": 0.5}
LAYERS[nn.EmbeddingBag].append(((10, 3), how, np.array([[1, 2], [3, 3]])))


@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
def test_a_layer_has_the_hosts_bits(kind, asarray, rng):
    for arguments, options, *shapes in LAYERS[kind]:
        layer = kind(*arguments, **options)
        arrays = [s if isinstance(s, np.ndarray) else rng.normal(size=s) for s in shapes]
        there, again = (copy.deepcopy(layer).to(asarray) for _ in range(2))
        expected = computed(layer, arrays, np.asarray)
        same(computed(there, arrays, asarray), expected)
        if arrays[0].dtype.kind == "i":  # indices on the host follow the weights
            same(computed(again, arrays, np.asarray), expected)


@pytest.mark.parametrize("name", kinds.LOSSES)
def test_a_loss_has_the_hosts_bits_wherever_its_targets_are(name, asarray):
    def slope(place, send):
        loss, x, target = kinds.loss(name)
        scores = Tensor(place(x), requires_grad=True)
        y = loss(scores, send(target))
        np.sum(y).backward()
        return [plain(y), scores.grad]

    for send in (asarray, np.asarray):
        same(slope(asarray, send), slope(np.asarray, np.asarray))


OPTIMISERS = {name: getattr(nn.optim, name) for name in nn.optim.__all__ if name[0].isupper()}
del OPTIMISERS["Optimizer"], OPTIMISERS["LBFGS"]  # the second is not for `fit`
OPTIMISERS["Muon"] = lambda parameters: nn.optim.Muon([p for p in parameters if p.ndim == 2])


def run(place, dropout=0.2, **options):
    nn.manual_seed(0)
    model = small(dropout=dropout)
    if place is not None:
        model.to(place)
    return trained(model, **{"validation": nn.data.moons(60, seed=1), "epochs": 2, **options})


def same_end(there, here):
    same([plain(p) for p in there[0].parameters()], [p.numpy() for p in here[0].parameters()])
    assert measures(there[1]) == measures(here[1])


RUNS = [pytest.param({"optimizer": make}, id=name) for name, make in OPTIMISERS.items()] + [
    {"schedule": lambda o: nn.optim.lr_scheduler.StepLR(o, 1)},
    {"schedule": lambda o: nn.optim.lr_scheduler.OneCycleLR(o, 0.05, total_steps=12)},
    {"clip_norm": 0.1, "constraint": nn.MaxNorm(0.5), "regulariser": nn.L2(0.01)},
    {"regulariser": nn.L1(0.01), "metrics": ["f1"], "batch_size": None},
    {"at_once": 5, "dropout": 0.0},
    {"callbacks": [nn.Health(every=1)]},
    {"callbacks": [nn.OnlyMistakes()]},
]


@pytest.mark.parametrize("options", RUNS, ids=lambda options: " ".join(options))
def test_fit_ends_at_the_hosts_bits(options, asarray):
    same_end(run(asarray, **options), run(None, **options))


def test_a_killed_run_goes_on_to_the_same_end_also_on_the_other_library(asarray, tmp_path):
    expected = run(None, epochs=4)
    for first, second in ((asarray, asarray), (asarray, None), (None, asarray)):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.npz"
        options = {"epochs": 4, "checkpoint": nn.Checkpoint(path, steps=3)}
        with pytest.raises(Killed):
            run(first, callbacks=[at(8, Killed)], **options)
        model, history = run(second, callbacks=[at(-1, Killed)], resume=True, **options)
        assert measures(history) == measures(expected[1])
        for p, q in zip(model.parameters(), expected[0].parameters(), strict=True):
            np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_a_batch_is_sent_once_and_a_step_brings_back_single_numbers():
    model, there = small().to(device_arrays.asarray), device_arrays.DeviceArray
    before, sent = there.fetched, len(there.sent)
    trained(model, epochs=3, batch_size=90)  # of inputs of shape (90, 2)
    assert there.fetched - before <= 60
    assert there.sent[sent:].count(180) == 3


def test_a_layer_can_be_made_there(asarray):
    nn.manual_seed(0)
    here = nn.Linear(2, 3)
    nn.manual_seed(0)
    there = nn.Linear(2, 3, device=asarray)
    same(map(plain, there.parameters()), map(plain, here.parameters()))


def test_what_is_numpys_alone_is_refused_by_name(asarray):
    model = small().to(asarray)
    with pytest.warns(nn.TrainingWarning, match="without replay: its arrays are another lib"):
        trained(model, replay=True)
    together = nn.Together(None)
    together.size = 2
    with pytest.raises(TypeError, match=r"Together averages NumPy's arrays; use model.to\('cpu'\)"):
        trained(model, callbacks=[together])


def test_lbfgs_has_the_hosts_bits(asarray):
    ends = []
    for place in (asarray, np.asarray):
        w = Tensor(place(np.arange(3.0)), requires_grad=True)
        optimiser = nn.optim.LBFGS([w], lr=0.1)
        for _ in range(3):
            optimiser.step(closure(optimiser, lambda w=w: np.sum((w - [1.0, 2.0, 4.0]) ** 4)))
        ends.append(plain(w))
    same(ends[:1], ends[1:])
    again = nn.optim.LBFGS([Tensor(asarray(np.ones(3)), requires_grad=True)])
    again.load_state_dict(optimiser.state_dict())  # of the host
    (state,) = again.state.values()
    assert type(state["d"]) is type(state["old_dirs"][0]) is type(asarray(np.ones(1)))


def test_states_files_and_answers_are_the_hosts(asarray, tmp_path):
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    there = copy.deepcopy(model).to(asarray)
    state = there.state_dict()
    for name, values in model.state_dict().items():
        np.testing.assert_array_equal(state[name], values)
    nn.save(there, tmp_path / "model.npz")
    fresh = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).to(asarray)
    other = nn.load(fresh, tmp_path / "model.npz")
    same([plain(p) for p in other.parameters()], [p.numpy() for p in model.parameters()])
    x, y = np.ones((4, 2)), [0, 1, 2, 0]
    np.testing.assert_array_equal(nn.predict(there, x), nn.predict(model, x))
    assert nn.evaluate(there, (x, y)) == nn.evaluate(model, (x, y))
    assert isinstance(there.to("cpu")[0].weight.data, np.ndarray)
    assert isinstance(there[1].running_mean, np.ndarray)


def test_a_film_and_plots_take_such_models(asarray, tmp_path, rng):
    data = rng.normal(size=(20, 64)), np.arange(20) % 3
    model = nn.Sequential(nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 3)).to(asarray)
    trained(model, data, epochs=2, callbacks=[nn.Film(tmp_path / "film.html")])
    assert b"0 (Linear)" in (tmp_path / "film.html").read_bytes()
    for plot in (nn.plots.confusion_matrix, nn.plots.worst_mistakes):
        assert plot(model, data).axes
    assert nn.plots.first_layer_weights(model).axes
    pictures = [nn.draw_network(each, data[0][0], loss=np.sum) for each in (model, model.to("cpu"))]
    assert pictures[0].dot == pictures[1].dot
