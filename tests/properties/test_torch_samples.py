"""PyTorch's samples of its own operators, for those with a twin in NumPy: value, first and second order.

Runs with `pip install torch expecttest` and `pytest -m heavy tests/properties/test_torch_samples.py`.
"""

import numpy as np
import pytest

from microgradnd import Tensor, gradients
from microgradnd.tree import flatten, map_leaves

torch = pytest.importorskip("torch")
special = pytest.importorskip("scipy.special")
pytest.importorskip("expecttest", reason="PyTorch's samples need it")
pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

SAME = """
abs acos acosh asin asinh atan atan2 atanh ceil copysign cos cosh deg2rad exp exp2 expm1 floor
float_power fmax fmin fmod hypot log log10 log1p log2 logaddexp logaddexp2 maximum minimum
positive rad2deg reciprocal remainder sign sin sinc sinh sqrt square tan tanh trunc add sub mul
true_divide pow matmul dot vdot inner outer kron flip fliplr flipud rot90 roll tile diag diagflat
tril triu atleast_1d atleast_2d atleast_3d broadcast_to squeeze ravel stack vstack hstack dstack
column_stack meshgrid sum mean prod amax amin std var nansum nanmean cumsum cumprod diff trapezoid
gradient where nan_to_num sort diagonal cross einsum hsplit vsplit dsplit reshape linalg.inv
linalg.det linalg.slogdet linalg.solve linalg.cholesky linalg.eigvalsh linalg.pinv
linalg.matrix_power linalg.multi_dot linalg.norm linalg.qr clamp expand expand_as permute
unsqueeze cat clone contiguous mm bmm mv take_along_dim quantile nanquantile movedim trapz repeat
repeat_interleave neg conj frexp linalg.svdvals linalg.vector_norm linalg.cond linalg.cross
linalg.diagonal linalg.vecdot linalg.tensorinv linalg.tensorsolve cov corrcoef tensor_split div
view index_select cumulative_trapezoid i0 nextafter trace block_diag erf erfc erfinv lgamma
digamma logit sigmoid xlogy special.entr special.erfcx special.i0e special.i1 special.i1e
special.log_ndtr special.ndtr special.ndtri special.xlog1py
"""
NAMES = {
    "abs": "absolute", "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh",
    "atan": "arctan", "atan2": "arctan2", "atanh": "arctanh", "sub": "subtract", "mul": "multiply",
    "pow": "power", "clamp": "clip", "expand": "broadcast_to",
    "permute": "transpose", "unsqueeze": "expand_dims", "cat": "concatenate",
    "clone": "copy", "contiguous": "copy", "mm": "matmul", "bmm": "matmul",
    "mv": "matmul", "take_along_dim": "take_along_axis", "movedim": "moveaxis",
    "trapz": "trapezoid", "repeat": "tile", "repeat_interleave": "repeat",
    "neg": "negative", "conj": "conjugate", "tensor_split": "array_split",
    "div": "true_divide", "view": "reshape", "index_select": "take", "lgamma": "gammaln",
    "sigmoid": "expit",
}  # fmt: skip
OPTIONS = {"dim": "axis", "dims": "axis", "keepdim": "keepdims", "offset": "k"}
REDUCTIONS = ["sum", "mean", "prod", "amax", "amin", "std", "var", "nansum", "nanmean"]
POSITIONAL = dict.fromkeys(REDUCTIONS, ("axis", "keepdims")) | {
    "diff": ("n", "axis", "prepend", "append"), "linalg.norm": ("ord", "axis", "keepdims"),
}  # fmt: skip
OTHER_CONVENTIONS = ("hermitian", "subgradients_at_zero")  # of a triangle unread, and at a kink
SYMMETRIC = ("linalg.cholesky", "linalg.eigvalsh")  # of which both libraries read one triangle


def function_of(name):
    """NumPy's or SciPy's function of the same meaning, or None."""
    thing, name = np, NAMES.get(name, name).removeprefix("special.")
    for part in name.split("."):
        thing = getattr(thing, part, None)
    return thing or getattr(special, name, None)


def translated(name, sample):
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


def is_leaf(x):
    return isinstance(x, torch.Tensor) and x.requires_grad


def as_array(x):
    return x.detach().numpy(force=True)


def plain(tree):
    return map_leaves(lambda x: as_array(x) if isinstance(x, torch.Tensor) else x, tree)


def as_ours(tree, leaves):
    """The arguments with our Tensors in place of PyTorch's, which are added to the leaves."""

    def one(x):
        if not is_leaf(x):
            return plain(x)
        leaves.append(Tensor(as_array(x), requires_grad=True))
        return leaves[-1]

    return map_leaves(one, tree)


def is_twin(function, arguments, keywords, expected):
    """Whether NumPy itself computes the same as PyTorch."""
    try:
        values = flatten(function(*plain(arguments), **plain(keywords)))[0]
    except Exception:
        return False
    return all(
        np.shape(v) == tuple(e.shape) and np.allclose(v, as_array(e), equal_nan=True)
        for v, e in zip(values, expected, strict=False)
        if e.requires_grad
    )


def check(name, operator, sample):
    """Compares value, gradient and second order; returns False if NumPy has no twin of the sample."""
    function, (arguments, keywords) = function_of(name), translated(name, sample)
    expected = flatten(operator(sample.input, *sample.args, **sample.kwargs))[0]
    if not is_twin(function, arguments, keywords, expected):
        return False
    theirs = [x for x in flatten([arguments, keywords])[0] if is_leaf(x)]
    ours = []
    inputs, options = as_ours(arguments, ours), as_ours(keywords, ours)
    values = flatten(function(*inputs, **options))[0]
    pairs = [(v, e) for v, e in zip(values, expected, strict=False) if e.requires_grad]
    if not pairs:  # a sample without gradients
        return False
    rng = np.random.default_rng(0)
    total = goal = 0
    for value, wanted in pairs:
        np.testing.assert_allclose(value.numpy(), as_array(wanted), rtol=1e-7, atol=1e-9)
        weights = rng.normal(size=value.shape)
        total, goal = total + np.sum(value * weights), goal + (wanted * torch.tensor(weights)).sum()
    for order in ("gradient", "second order"):
        slopes = gradients(total, ours)
        wanted = torch.autograd.grad(goal, theirs, create_graph=True, allow_unused=True)
        total = goal = 0
        for slope, other in zip(slopes, wanted, strict=True):
            other = torch.zeros(slope.shape) if other is None else other
            found, v = slope.numpy(), rng.normal(size=slope.shape)
            if name in SYMMETRIC:
                found, v = ((a + np.swapaxes(a, -1, -2)) / 2 for a in (found, v))
            np.testing.assert_allclose(
                found, as_array(other), rtol=1e-6, atol=1e-8, equal_nan=True, err_msg=order
            )
            total, goal = total + np.sum(slope * v), goal + (other * torch.tensor(v)).sum()
        if not (total.requires_grad and goal.requires_grad and np.isfinite(total.item())):
            break
    return True


@pytest.mark.parametrize("name", [name for name in SAME.split() if function_of(name) is not None])
def test_samples_of_pytorch(name):
    from torch.testing._internal.common_methods_invocations import op_db

    failures, twins = [], 0
    for operator in op_db:
        if operator.name != name or operator.variant_test_name in OTHER_CONVENTIONS:
            continue
        for sample in operator.sample_inputs("cpu", torch.float64, requires_grad=True):
            try:
                with np.errstate(all="ignore"):
                    twins += check(name, operator, sample)
            except Exception as error:  # noqa: PERF203
                failures.append(f"{sample.summary()[:200]}: {type(error).__name__} {error}"[:600])
    print(f"{name}: {twins} of {twins + len(failures)}")
    assert not failures, "\n\n".join(failures[:5])
