"""PyTorch's samples of its own operators, modules and optimisers: ours beside theirs.

Of operators with a twin in NumPy and of modules the values, first and second derivatives; of
optimisers where they are after the same steps. Runs with `pip install torch expecttest` and
`pytest -m heavy -s tests/properties/test_torch_samples.py`.
"""

import operator
import re
from collections import Counter

import numpy as np
import pytest

import nn
from microgradnd import Tensor, gradients
from microgradnd.tree import flatten, map_leaves
from tests.nn.layer_checks import check_orders, leaves

torch = pytest.importorskip("torch")
special = pytest.importorskip("scipy.special")
pytest.importorskip("expecttest", reason="PyTorch's samples need it")
pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]


def failures(samples):
    """Checks samples, each (its name, the check, arguments of that); returns how many fail, by name."""
    passed, failed = Counter(), Counter()
    for name, check, *arguments in samples:
        try:
            with np.errstate(all="ignore"):
                passed[name] += check(*arguments) is not False
        except Exception as error:  # noqa: PERF203
            failed[name] += 1
            print(f"{name}: {type(error).__name__}: {error}"[:600])
    print(f"{passed.total()} of {passed.total() + failed.total()} samples, not of {failed}")
    return failed


# ---- PyTorch's arguments as ours -----------------------------------------------------------------

LAYER = (
    "self_attn.embed_dim self_attn.num_heads linear1.out_features dropout.p activation norm1.eps "
    "self_attn.batch_first norm_first self_attn.in_proj_bias"
)


def translated(thing):
    """An argument as ours: arrays, our functions, our layer; in place of theirs."""
    if isinstance(thing, torch.nn.TransformerEncoderLayer):
        *given, bias = operator.attrgetter(*LAYER.split())(thing)
        return nn.TransformerEncoderLayer(*map(translated, given), bias=bias is not None)
    if isinstance(thing, torch.Tensor):
        return thing.detach().numpy(force=True)
    return getattr(nn.functional, thing.__name__) if callable(thing) else thing


def as_ours(tree, pairs):
    """The arguments translated, those with gradients as Tensors, once each; `pairs` gets both."""

    def one(x):
        if not isinstance(x, torch.Tensor) or not x.requires_grad:
            return translated(x)
        if not any(x is theirs for _, theirs in pairs):
            pairs.append((Tensor(translated(x), requires_grad=True), x))
        return next(mine for mine, theirs in pairs if x is theirs)

    return map_leaves(one, tree)


# ---- operators -----------------------------------------------------------------------------------

SAME = """
abs=absolute acos=arccos acosh=arccosh asin=arcsin asinh=arcsinh atan=arctan atan2=arctan2
atanh=arctanh ceil copysign cos cosh deg2rad exp exp2 expm1 floor float_power fmax fmin fmod hypot
log log10 log1p log2 logaddexp logaddexp2 maximum minimum positive rad2deg reciprocal remainder
sign sin sinc sinh sqrt square tan tanh trunc add sub=subtract mul=multiply true_divide pow=power
matmul dot vdot inner outer kron flip fliplr flipud rot90 roll tile diag diagflat tril triu
atleast_1d atleast_2d atleast_3d broadcast_to squeeze ravel stack vstack hstack dstack
column_stack meshgrid sum mean prod amax amin std var nansum nanmean cumsum cumprod diff trapezoid
gradient where nan_to_num sort diagonal cross einsum hsplit vsplit dsplit reshape linalg.inv
linalg.det linalg.slogdet linalg.solve linalg.cholesky linalg.eigvalsh linalg.pinv
linalg.matrix_power linalg.multi_dot linalg.norm linalg.qr clamp=clip expand=broadcast_to
expand_as permute=transpose unsqueeze=expand_dims cat=concatenate clone=copy contiguous=copy
mm=matmul bmm=matmul mv=matmul take_along_dim=take_along_axis quantile nanquantile
movedim=moveaxis trapz=trapezoid repeat=tile repeat_interleave=repeat neg=negative conj=conjugate
frexp linalg.svdvals linalg.vector_norm linalg.cond linalg.cross linalg.diagonal linalg.vecdot
linalg.tensorinv linalg.tensorsolve cov corrcoef tensor_split=array_split div=true_divide
view=reshape index_select=take cumulative_trapezoid i0 nextafter trace block_diag erf erfc erfinv
lgamma=gammaln digamma logit sigmoid=expit xlogy special.entr special.erfcx special.i0e special.i1
special.i1e special.log_ndtr special.ndtr special.ndtri special.xlog1py
"""  # and what it is called in NumPy or SciPy, where that is another name
NAMES = dict((name.split("=") * 2)[:2] for name in SAME.split())
OPTIONS = {"dim": "axis", "dims": "axis", "keepdim": "keepdims", "offset": "k"}
REDUCTIONS = ["sum", "mean", "prod", "amax", "amin", "std", "var", "nansum", "nanmean"]
POSITIONAL = dict.fromkeys(REDUCTIONS, ("axis", "keepdims")) | {
    "diff": ("n", "axis", "prepend", "append"), "linalg.norm": ("ord", "axis", "keepdims"),
}  # fmt: skip
OTHER_CONVENTIONS = ("hermitian", "subgradients_at_zero")  # of a triangle unread, and at a kink
SYMMETRIC = ("linalg.cholesky", "linalg.eigvalsh")  # of which both libraries read one triangle


def function_of(name):
    """NumPy's or SciPy's function of the same meaning, or None."""
    thing, name = np, NAMES[name].removeprefix("special.")
    for part in name.split("."):
        thing = getattr(thing, part, None)
    return thing or getattr(special, name, None)


def arguments_of(name, sample):
    """The sample's arguments as NumPy's function of this name would take them."""
    keywords = {OPTIONS.get(key, key): value for key, value in sample.kwargs.items()}
    keywords = {key: value for key, value in keywords.items() if value is not None}
    arguments = [sample.input, *sample.args]
    if name == "index_select":
        arguments = [arguments[0], arguments[2], arguments[1]]
    if name == "permute":
        arguments = [arguments[0], arguments[-1] if len(arguments) == 2 else arguments[1:]]
    if name == "where":
        arguments = [arguments[1], arguments[0], arguments[2]]
    if name == "einsum":
        arguments = [arguments[1], *arguments[0]]
    if name.startswith(("atleast", "meshgrid")) and isinstance(sample.input, list | tuple):
        arguments = [*sample.input, *sample.args]
    if name in POSITIONAL:
        keywords |= dict(zip(POSITIONAL[name], arguments[1:], strict=False))
        arguments = arguments[:1]
    if name in ("std", "var") and "unbiased" not in keywords:
        keywords.setdefault("correction", 1)
    if isinstance(keywords.get("axis"), list | torch.Size):
        keywords["axis"] = tuple(keywords["axis"])
    return arguments, keywords


def is_twin(function, arguments, keywords, expected):
    """Whether NumPy itself computes the same as PyTorch."""
    try:
        arguments, keywords = map_leaves(translated, [arguments, keywords])
        values = flatten(function(*arguments, **keywords))[0]
    except Exception:
        return False
    return all(
        np.shape(v) == tuple(e.shape) and np.allclose(v, translated(e), equal_nan=True)
        for v, e in zip(values, expected, strict=False)
        if e.requires_grad
    )


def check_operator(name, theirs, sample):
    """Compares value, gradient and second order; returns False if NumPy has no twin of the sample."""
    function, (arguments, keywords) = function_of(name), arguments_of(name, sample)
    expected = flatten(theirs(sample.input, *sample.args, **sample.kwargs))[0]
    if not is_twin(function, arguments, keywords, expected):
        return False
    inputs, options = as_ours([arguments, keywords], leaf_pairs := [])
    values = flatten(function(*inputs, **options))[0]
    pairs = [(v, e) for v, e in zip(values, expected, strict=False) if e.requires_grad]
    if not pairs:  # a sample without gradients
        return False
    ours, others = zip(*leaf_pairs, strict=True)
    rng = np.random.default_rng(0)
    total = goal = 0
    for value, wanted in pairs:
        np.testing.assert_allclose(value.numpy(), translated(wanted), rtol=1e-7, atol=1e-9)
        weights = rng.normal(size=value.shape)
        total, goal = total + np.sum(value * weights), goal + (wanted * torch.tensor(weights)).sum()
    for order in ("gradient", "second order"):
        slopes = gradients(total, list(ours))
        wanted = torch.autograd.grad(goal, others, create_graph=True, allow_unused=True)
        total = goal = 0
        for slope, other in zip(slopes, wanted, strict=True):
            other = torch.zeros(slope.shape) if other is None else other
            found, v = slope.numpy(), rng.normal(size=slope.shape)
            if name in SYMMETRIC:
                found, v = ((a + np.swapaxes(a, -1, -2)) / 2 for a in (found, v))
            np.testing.assert_allclose(
                found, translated(other), rtol=1e-6, atol=1e-8, equal_nan=True, err_msg=order
            )
            total, goal = total + np.sum(slope * v), goal + (other * torch.tensor(v)).sum()
        if not (total.requires_grad and goal.requires_grad and np.isfinite(total.item())):
            break
    return True


@pytest.mark.parametrize("name", [name for name in NAMES if function_of(name) is not None])
def test_samples_of_pytorchs_operators(name):
    from torch.testing._internal.common_methods_invocations import op_db

    assert not failures(
        (name, check_operator, name, info, sample)
        for info in op_db
        if info.name == name and info.variant_test_name not in OTHER_CONVENTIONS
        for sample in info.sample_inputs("cpu", torch.float64, requires_grad=True)
    )


# ---- modules -------------------------------------------------------------------------------------

LEFT_OUT = re.compile(r"Lazy|Fractional|LPPool|LinearCross")
TWICE = torch.nn.attention.SDPBackend.MATH  # the attention that can be differentiated twice
# PyTorch has no second derivative of these, or one that is off by 1e-10.
ONCE = "MultiLabelMarginLoss", "MultiMarginLoss", "BCELoss", "CTCLoss"
# An empty batch in training, and the mean of no label.
REFUSED = "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "CrossEntropyLoss"


def call(module, arguments, options):
    if type(module).__name__ == "CTCLoss":  # PyTorch's gradient is right before a log_softmax alone
        x, *others = arguments
        arguments = [(nn.functional if isinstance(x, Tensor) else torch).log_softmax(x, 2), *others]
    return leaves(module(*arguments, **options))


def check_module(info, sample, training):
    given = sample.constructor_input
    options = {k: v for k, v in given.kwargs.items() if k not in ("device", "dtype")}
    theirs = info.module_cls(*given.args, **options).double().train(training)
    arguments = map_leaves(translated, [list(given.args), options])
    mine = getattr(nn, info.module_cls.__name__)(*arguments[0], **arguments[1]).train(training)
    mine.load_state_dict(theirs.state_dict())
    inputs = [list(sample.forward_input.args), sample.forward_input.kwargs]
    found = call(mine, *as_ours(inputs, leaf_pairs := []))
    expected = call(theirs, *inputs)
    ours = [*(x for x, _ in leaf_pairs), *mine.parameters()]
    others = [*(x for _, x in leaf_pairs), *theirs.parameters()]
    twice = info.supports_gradgrad and info.module_cls.__name__ not in ONCE
    check_orders(found, expected, ours, others, orders=1 + twice)


def samples_of_modules():
    from torch.testing._internal.common_modules import module_db

    for info in module_db:
        name = info.module_cls.__name__
        torch.manual_seed(0)
        modes = (True, False)[: 1 + info.train_and_eval_differ]  # as PyTorch's tests do
        for training in modes if not LEFT_OUT.search(name) else ():
            for sample in info.module_inputs_func(info, "cpu", torch.float64, True, training):
                yield name, check_module, info, sample, training


def test_samples_of_pytorchs_modules():
    with torch.nn.attention.sdpa_kernel(TWICE):
        assert failures(samples_of_modules()) <= Counter(REFUSED)


# ---- optimisers ----------------------------------------------------------------------------------


def check_steps(kind, theirs, options, seed):
    rng = np.random.default_rng(seed)
    start = [rng.normal(size=shape) for shape in ((3, 4), (5, 2))]
    w = [Tensor(array, requires_grad=True) for array in start]
    v = [torch.tensor(array, requires_grad=True) for array in start]

    def closure(optimizer, parameters, tanh, step):
        optimizer.zero_grad()
        each = ((p - np.cos(step)) ** 2 + 0.1 * tanh(p) * p for p in parameters)
        loss = sum(y.sum() + (y[1:] * y[:-1]).sum() / 9 for y in each)
        loss.backward()
        return loss

    sides = (kind(w, **options), w, np.tanh), (theirs(v, **options), v, torch.tanh)
    for step in range(3 if kind is nn.optim.LBFGS else 60):  # each of these makes 20 steps
        for side in sides:
            side[0].step(lambda side=side, step=step: closure(*side, step))
    for p, q in zip(w, v, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=0, atol=1e-12)


def configurations_of_optimisers():
    from torch.testing._internal.common_optimizers import optim_db

    for info in optim_db:
        name, theirs = info.optim_cls.__name__, info.optim_cls
        configurations = info.optim_inputs_func("cpu") if hasattr(nn.optim, name) else ()
        for seed, given in enumerate(configurations):
            options = {k: x.item() if hasattr(x, "item") else x for k, x in given.kwargs.items()}
            yield name, check_steps, getattr(nn.optim, name), theirs, options, seed


def test_configurations_of_pytorchs_optimisers(monkeypatch):
    # PyTorch computes Muon's polynomial in bfloat16, and NAdam's product in its default dtype.
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    torch.set_default_dtype(torch.float64)
    failed = failures(configurations_of_optimisers())
    torch.set_default_dtype(torch.float32)
    assert not failed
