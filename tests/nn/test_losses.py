"""Losses: against differences, closed forms and PyTorch; at saturated outputs; with wrong targets."""

import functools

import numpy as np
import pytest

from microgradnd import Tensor, derive, grad
from nn import functions, losses
from tests.nn.layer_checks import check_against_torch, check_slopes, torch

ROWS, CLASSES = 6, 4


def scores(rng, *more):
    return rng.normal(size=(ROWS, CLASSES, *more)) * 2


def labels(rng, *more):
    return rng.integers(0, CLASSES, size=(ROWS, *more))


def probabilities(rng, *more):
    return functions.softmax(rng.normal(size=(ROWS, CLASSES, *more)), dim=1)


def signs(rng):
    return rng.choice([1, -1], size=(ROWS, CLASSES))


def several(rng):
    rows = [3, 0, -1, 1], [0, 1, 2, 3], [-1, 0, 1, 2], [2, -1, -1, -1], [1, 3, 2, -1]
    return np.array([*rows, [0, 3, -1, -1]])


def positive(rng, *shape):
    return np.abs(rng.normal(size=shape)) + 0.01


MAKERS = scores, labels, probabilities, signs, several, positive
W = [0.5, 2.0, 1.0, 3.0]
LOGITS = "binary_cross_entropy_with_logits"
SIGNS = np.array([1, -1, -1, 1, 1, -1])

# A loss and its inputs, and what PyTorch computes if it has that loss, for where it is not installed.
TABLE = """
MSELoss() of scores(), scores() ; 6.90864829721
L1Loss() of scores(), scores() ; 2.18068024898
HuberLoss() of scores(), scores() ; 1.73514411184
HuberLoss(delta=0.4) of scores(), scores() ; 0.794823204142
QuadraticLoss() of scores(), scores() ;
QuadraticLoss() of scores(), labels() ;
BCELoss() of probabilities(), probabilities() ; 0.636961430927
BCELoss(weight=W) of probabilities(), probabilities() ; 1.11226372896
BCEWithLogitsLoss() of scores(), probabilities() ; 0.929609355894
BCEWithLogitsLoss(weight=W, pos_weight=[3.0, 1.0, 0.5, 2.0]) of scores(), probabilities() ; 1.8735859241
SigmoidCrossEntropyLoss() of probabilities(), probabilities() ;
SigmoidCrossEntropyLoss() of probabilities(), labels() ;
SigmoidCrossEntropyLoss(logits=True) of scores(), probabilities() ;
NLLLoss() of scores(), labels() ; -0.343213136992
NLLLoss(weight=W, ignore_index=2) of scores(), labels() ; 0.0259808698109
NLLLoss(weight=W) of scores(2, 3), labels(2, 3) ; -0.00949848807432
CrossEntropyLoss() of scores(), labels() ; 1.46944880237
CrossEntropyLoss() of scores()[0], labels()[0] ; 2.19382024335
CrossEntropyLoss(label_smoothing=0.1) of scores(), labels() ; 1.5265978006
CrossEntropyLoss(weight=W, label_smoothing=0.3, ignore_index=0) of scores(), labels() ; 1.44269911995
CrossEntropyLoss(weight=W, label_smoothing=0.2, ignore_index=1) of scores(3), labels(3) ; 2.07216436241
CrossEntropyLoss() of scores(), probabilities() ; 2.07349300421
CrossEntropyLoss(weight=W, label_smoothing=0.3) of scores(3, 2), probabilities(3, 2) ; 3.31756637042
CrossEntropyLoss() of scores(2, 3), labels(2, 3) ; 2.79256179369
CrossEntropyLoss(weight=W) of scores(3), probabilities(3) ; 3.64770580755
SmoothL1Loss() of scores(), scores() ; 1.73514411184
SmoothL1Loss(beta=0.4) of scores(), scores() ; 1.98705801036
SoftMarginLoss() of scores(), signs() ; 1.06198712178
HingeEmbeddingLoss(margin=0.7) of scores(), signs() ; 0.60174795533
KLDivLoss() of np.log(probabilities()), probabilities() ; 0.100028897594
KLDivLoss(log_target=True) of np.log(probabilities()), np.log(probabilities()) ; 0.100028897594
PoissonNLLLoss() of scores(), probabilities() ; 2.64030586798
PoissonNLLLoss(log_input=False, full=True) of probabilities(), 9 * probabilities() ; 5.10242068855
MultiMarginLoss() of scores(), labels() ; 0.650345213004
MultiMarginLoss(p=2, margin=0.6, weight=W) of scores(), labels() ; 2.71900567312
MultiMarginLoss() of scores()[0], labels()[0] ; 1.38368378928
MultiLabelMarginLoss() of scores(), several() ; 0.739844206762
MultiLabelMarginLoss() of scores()[0], several()[0] ; 1.27768744891
MultiLabelSoftMarginLoss(weight=W) of scores(), probabilities() ; 1.67702823367
BCELoss() of np.array([[0.0, 1.0, 1e-50, 1 - 1e-14]] * 6), np.eye(6, 4) ; 35.8827064374
MarginRankingLoss(margin=0.5) of positive(6), positive(6), SIGNS ; 0.863892126251
CosineEmbeddingLoss(margin=0.2) of positive(6, 4), positive(6, 4), SIGNS ; 0.418464403407
CosineEmbeddingLoss(margin=0.2) of positive(4), positive(4), np.array(-1) ; 0.702753923931
TripletMarginLoss() of positive(6, 4), positive(6, 4), positive(6, 4) ; 1.00884367279
TripletMarginLoss(p=3, swap=True, margin=3.0) of positive(6, 4), positive(6, 4), positive(6, 4) ; 3.1912420614
GaussianNLLLoss() of positive(6, 4), positive(6, 4), positive(6, 4) ; 0.459241782209
GaussianNLLLoss(full=True, eps=0.5) of positive(6, 4), positive(6, 4), positive(6, 4) ; 1.2562020613
"""
BY_PYTORCH = dict(line.split(" ;") for line in TABLE.strip().splitlines())
CASES = [case for case in BY_PYTORCH if "1e-50" not in case]
OF_TORCH = [case for case, value in BY_PYTORCH.items() if value]


def given(case, rng):
    """The name and options of a loss, its inputs that may have slopes, and those that have none."""
    call, _, inputs = case.partition(" of ")
    makers = {make.__name__: functools.partial(make, rng) for make in MAKERS}
    arrays = eval(f"[{inputs}]", {**makers, "np": np, "SIGNS": SIGNS})
    name, _, options = call.partition("(")
    points = [array for array in arrays if array.dtype.kind == "f"]
    return name, eval(f"dict({options}", {"W": W}), points, arrays[len(points) :]


def called(loss, fixed):
    """The loss as a function of the inputs that have slopes, several of which may be in a list."""
    return lambda x, *y: loss(x, *(y[0] if y and isinstance(y[0], list) else y), *fixed)


@pytest.mark.parametrize("case", OF_TORCH)
def test_values_are_those_that_pytorch_computed(case, rng):
    name, options, points, fixed = given(case, rng)
    expected = pytest.approx(float(BY_PYTORCH[case]), rel=1e-11)
    assert getattr(losses, name)(**options)(*points, *fixed) == expected


@pytest.mark.parametrize("case", CASES)
def test_derivatives_are_those_of_differences_and_the_type_is_kept(case, rng):
    name, options, points, fixed = given(case, rng)
    loss = getattr(losses, name)(**options)
    if "eps" not in options:  # whose slope is, as PyTorch's, as if there were no least variance
        check_slopes(called(loss, fixed), *points)
    single, *others = (Tensor(x.astype(np.float32), requires_grad=True) for x in points)
    value = loss(single, *others, *fixed)
    value.backward()
    assert value.dtype == single.grad.dtype == np.float32


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("case", OF_TORCH)
def test_as_pytorch(case, reduction, rng, torch):
    name, options, points, fixed = given(case, rng)
    if "ignore_index" in options:
        fixed[0][:2] = options["ignore_index"]
    if "label_smoothing" in options or points[0].min() == 0:
        points, fixed = points[:1], points[1:] + fixed
    arrays = {k: torch.tensor(v).double() if isinstance(v, list) else v for k, v in options.items()}
    ours = getattr(losses, name)(reduction=reduction, **options)
    theirs = getattr(torch.nn, name)(reduction=reduction, **arrays)
    orders = 1 if name in ("BCELoss", "MultiMarginLoss", "MultiLabelMarginLoss") else 2
    others = called(theirs, [*map(torch.tensor, fixed)])
    check_against_torch(called(ours, fixed), others, *points, orders=orders)


@pytest.mark.parametrize(
    ("name", "target", "points"),
    [
        ("margin_ranking_loss", [1, -1], [np.zeros(2), np.zeros(2)]),
        ("hinge_embedding_loss", [-1, 1], [np.ones(2)]),
        ("cosine_embedding_loss", [-1, 1], [np.eye(2), np.eye(2)[::-1].copy()]),
    ],
)
def test_equal_scores_are_told_apart_by_a_step(name, target, points, torch):
    ours, theirs = getattr(losses, name), getattr(torch.nn.functional, name)
    others = called(theirs, [torch.tensor(target)])
    check_against_torch(called(ours, [np.array(target)]), others, *points, orders=1)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss", LOGITS])
def test_a_weight_for_each_entry_counts_it_so_often_and_may_be_learned(name, reduction, rng):
    x, t, w = scores(rng), probabilities(rng), rng.integers(1, 4, (ROWS, CLASSES)).astype(float)
    loss = functools.partial(getattr(losses, name), reduction=reduction)
    each = loss(x, t, reduction="none") * w
    count = w.sum() if name in ("mse_loss", "l1_loss") else w.size  # as PyTorch counts
    expected = {"mean": each.sum() / count, "sum": each.sum(), "none": each}[reduction]
    np.testing.assert_allclose(loss(x, t, weight=w), expected, rtol=1e-14)
    check_slopes(lambda x, w: loss(x, t, weight=w), x, w)
    narrow = x.astype(np.float32), t.astype(np.float32)
    for weight in (w, Tensor(w), Tensor(w.astype(int)), Tensor(w, requires_grad=True)):
        assert loss(*narrow, weight=weight).dtype == np.float32
    if torch and name != LOGITS:  # where PyTorch's cannot be learned
        theirs = getattr(torch.nn.functional, name)
        check_against_torch(
            lambda x, others: loss(x, others[0], weight=others[1]),
            lambda x, others: theirs(x, others[0], reduction=reduction, weight=others[1]),
            x, t, w,
        )  # fmt: skip


@pytest.mark.parametrize("shape", [(), (6, 1), (6,), (1, 4)])
def test_variances_may_be_shared(shape, rng):
    x, t, v = scores(rng), scores(rng), np.abs(rng.normal(size=shape)) + 0.1
    whole = np.broadcast_to(v[:, None] if shape == (6,) else v, x.shape)
    found, expected = (losses.gaussian_nll_loss(x, t, each) for each in (v, whole))
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("loss", [losses.quadratic_loss, losses.sigmoid_cross_entropy])
def test_labels_stand_for_one_hot_rows(loss, rng):
    a, y = functions.sigmoid(scores(rng)), labels(rng)
    expected = loss(a, np.eye(CLASSES)[y])
    for same in (y, y.tolist(), y.astype(np.uint8), Tensor(y), np.eye(CLASSES, dtype=int)[y]):
        assert loss(a, same) == expected
    assert loss(a[0], y[0]) == loss(a[:1], y[:1])
    maps = functions.sigmoid(scores(rng, 2, 3))
    y = labels(rng, 2, 3)
    assert loss(maps, y) == loss(maps, np.moveaxis(np.eye(CLASSES)[y], -1, 1))


def test_the_costs_of_the_course_are_their_formulas(rng):
    z, y = scores(rng), probabilities(rng)
    a = 1 / (1 + np.exp(-z))
    by_hand = sum(np.linalg.norm(y[i] - a[i]) ** 2 for i in range(ROWS)) / (2 * ROWS)
    np.testing.assert_allclose(losses.QuadraticLoss()(a, y), by_hand, rtol=1e-14)
    np.testing.assert_allclose(grad(losses.quadratic_loss)(a, y), (a - y) / ROWS, rtol=1e-14)
    by_hand = -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)) / ROWS
    np.testing.assert_allclose(losses.SigmoidCrossEntropyLoss()(a, y), by_hand, rtol=1e-13)
    with_logits = losses.SigmoidCrossEntropyLoss(logits=True)
    np.testing.assert_allclose(with_logits(z, y), by_hand, rtol=1e-13)
    np.testing.assert_allclose(grad(with_logits)(z, y), (a - y) / ROWS, rtol=1e-12)
    through = grad(lambda z: losses.sigmoid_cross_entropy(functions.sigmoid(z), y))(z)
    np.testing.assert_allclose(through, (a - y) / ROWS, rtol=1e-10)


FAR = np.array([[-1e4, 1e4], [1e4, -1e4], [-200.0, 200.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("right", [True, False])
def test_losses_of_scores_are_exact_far_out(dtype, right):
    z = FAR.astype(dtype)
    target = (z > 0) if right else (z < 0)
    a = (z > 0).astype(dtype)  # the sigmoid, to the last digit
    cost, slopes = 0 if right else 2 * np.abs(FAR).mean(), (a - target) / len(z)
    for loss, share in [  # its part of the cost of an example
        (losses.binary_cross_entropy_with_logits, 1 / 2),
        (lambda z, t: losses.sigmoid_cross_entropy(z, t, logits=True), 1),
        (losses.cross_entropy, 1),
        (lambda z, t: losses.cross_entropy(z, np.argmax(t, axis=1)), 1),
    ]:
        np.testing.assert_allclose(loss(z, target), share * cost, rtol=1e-6, atol=1e-30)
        found = grad(loss)(z, target.astype(dtype))
        np.testing.assert_allclose(found, share * slopes, rtol=1e-6, atol=1e-30)
        assert found.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses_of_saturated_probabilities_are_finite_and_so_are_the_slopes(dtype):
    a = np.array([[0.0, 1.0, 0.0, 1.0]], dtype)
    y = np.array([[0.0, 1.0, 1.0, 0.0]], dtype)
    each = losses.binary_cross_entropy(a, y, reduction="none")
    np.testing.assert_array_equal(each, [[0, 0, 100, 100]])
    assert losses.sigmoid_cross_entropy(a, y) == 200
    for loss in (losses.binary_cross_entropy, losses.sigmoid_cross_entropy):
        for order in (grad(loss), grad(lambda a, y, of=loss: np.sum(grad(of)(a, y)))):
            assert np.isfinite(order(a, y)).all()
    mixed = grad(lambda a: np.sum(grad(losses.sigmoid_cross_entropy, 1)(a, y)))(a)
    np.testing.assert_array_equal(mixed, -1)  # of log(1 - a) - log(a), one of which is bounded
    z = np.array([[-1e4, 1e4, -1e4, 1e4]], dtype)
    through = grad(lambda z: losses.sigmoid_cross_entropy(functions.sigmoid(z), y))(z)
    assert np.isfinite(through).all()


def test_an_impossible_class_that_is_not_the_target_costs_nothing():
    z = np.array([[0.0, -np.inf, 0.0]])
    for target in (np.array([0]), np.array([[1.0, 0.0, 0.0]])):
        for reduction in ("mean", "none"):
            value = losses.cross_entropy(z, target, reduction=reduction)
            assert value == pytest.approx(np.log(2))
        np.testing.assert_allclose(grad(losses.cross_entropy)(z, target), [[-0.5, 0, 0.5]])
    assert grad(losses.nll_loss)(z, np.array([0])).tolist() == [[-1, 0, 0]]


def test_weights_of_a_module_are_in_its_state_and_not_learned():
    for kind in (losses.BCELoss, losses.BCEWithLogitsLoss, losses.NLLLoss, losses.CrossEntropyLoss):
        loss = kind(W).astype(np.float32)
        assert list(loss.state_dict()) == ["weight"]
        assert loss.weight.dtype == np.float32
        assert not list(loss.parameters())
    assert list(losses.BCEWithLogitsLoss(pos_weight=W).state_dict()) == ["pos_weight"]


@pytest.mark.parametrize("case", [case for case in OF_TORCH if "positive" not in case])
def test_reductions_are_of_the_same_entries(case, rng):
    name, options, points, fixed = given(case, rng)
    x, target = *points, *fixed
    each, total, mean = (
        getattr(losses, name)(reduction=reduction, **options)(x, target)
        for reduction in ("none", "sum", "mean")
    )
    np.testing.assert_allclose(np.sum(each), total, rtol=1e-13)
    count = np.size(each)
    if target.ndim < x.ndim and name != "MultiMarginLoss":  # labels count as much as their classes
        weights = np.array(options.get("weight", np.ones(CLASSES)))
        count = np.sum(weights[target[target != options.get("ignore_index")]])
    np.testing.assert_allclose(mean, total / count, rtol=1e-13)


def test_a_derived_margin_also_holds_for_scores_on_the_other_side():
    a, b = (Tensor([n, 2.0], requires_grad=True, name="ab"[n]) for n in range(2))
    answer = derive(losses.margin_ranking_loss(a, b, [1.0, 1.0], margin=0.5), [a, b])
    found = answer(a=np.array([3.0, 0.0]), b=np.array([1.0, 1.0]))
    assert found["L"] == 0.75  # as PyTorch's: only the second counts, by 1.5
    assert found["da"].tolist() == [0, -0.5]
    assert found["db"].tolist() == [0, 0.5]
