"""What the engine refuses, with an error that says what was expected, what was found, or what to do."""

import operator
import re

import numpy as np
import pytest

from microgradnd import (
    Tensor,
    grad,
    gradients,
    hvp,
    jvp,
    no_grad,
    primitive,
    scope,
    set_default_dtype,
    vjp,
)

W = Tensor([1.0, 2.0], requires_grad=True, name="w")
M = Tensor(np.ones((2, 3)), requires_grad=True)
N = Tensor(np.ones((4, 3)))
Y, NUMBER, SPACE = W * 2, Tensor(1.0, name="x"), np.zeros(2)
PICK = primitive(lambda x, k: x * k, lambda g, y, x, k: g * k, None, name="pick")
POWER = primitive(lambda x, order=2: x**order, lambda g, y, x, order=2: g * order * x, name="power")
AXIS = np.exceptions.AxisError


def coroutine():
    async def soon():
        pass

    return no_grad()(soon)


def generator():
    def later():
        yield 1

    return no_grad()(later)


def change(name, value, of=W):
    return lambda: setattr(of, name, value)


def under(rule):
    """A backward pass through an operation with this rule."""
    return lambda: np.sum(primitive(lambda x: x * 2, rule, name="forgot")(M)).backward()


REFUSED = [
    # Tensors
    (lambda: set_default_dtype(np.int64), TypeError, "float dtype, got int64"),
    *((lambda x=x: Tensor(x), TypeError, "holds numbers") for x in ("text", None, [object()], {"a": 1})),
    *((lambda x=x: Tensor(x, requires_grad=True, name="x"), TypeError, f"'x'.* got {x.dtype}")
      for x in (np.arange(2), np.array([True]), np.array([1j]))),
    (change("requires_grad", True, Tensor(np.arange(2))), TypeError, "floating-point"),
    (change("requires_grad", False, Y), RuntimeError, "was computed; use detach"),
    (lambda: W.nonsense, AttributeError, "'nonsense'"),
    (lambda: Tensor([1.0], np.float32), ValueError, "requires_grad must be True or False, got <class"),
    (lambda: Tensor(3, 1), ValueError, "requires_grad must be True or False, got 1"),
    (lambda: Tensor([1.0], np.ones(2)), ValueError, "requires_grad must be .*, got array"),
    (lambda: Tensor([1.0], require_grad=True), TypeError, "no argument 'require_grad'; use requires_grad="),
    (lambda: Tensor([1.0], device="cpu"), TypeError, "Tensor has no argument 'device'; leave it out"),
    (lambda: len(NUMBER), TypeError, r"no len\(\)"),
    (lambda: next(iter(NUMBER)), TypeError, r"no len\(\)"),
    # changes
    (change("data", [1, 2, 3]), ValueError, r"'w': expected data of shape \(2,\), got \(3,\)"),
    (lambda: operator.iadd(W, 1), TypeError, "cannot change Tensor 'w' in place, a leaf"),
    *((lambda t=t: operator.setitem(t, 0, 5.0), TypeError, r"t\.at\[index\]\.set\(values\)") for t in (W, Y, N)),
    (lambda: operator.setitem(W.numpy(), 0, 1), ValueError, "read-only"),
    (lambda: W.astype(int), TypeError, r"astype returned int64.*detach"),
    (lambda: W * 1j, TypeError, "complex128"),
    # functions
    *((call, TypeError, r"out=|overwrite") for call in (
        lambda: np.exp(W, out=SPACE), lambda: np.cumsum(W, out=SPACE), lambda: np.cumsum(W, 0, None, SPACE),
        lambda: operator.iadd(SPACE, W), lambda: np.clip(W, 0, 1, SPACE))),
    (lambda: np.multiply(W, W, where=[True, False]), TypeError, r"multiply\(where=\) is not supported.*use np\.where"),
    *((call, TypeError, r"^np\.\w+\(casting=\) is not supported on Tensors$") for call in (
        lambda: np.sign(W, casting="safe"), lambda: np.divmod(W, 2, casting="safe"), lambda: np.exp(W, casting="safe"))),
    (lambda: np.full_like(W.numpy(), NUMBER), TypeError, r"np\.copyto .*np\.broadcast_to\(t, shape\)"),
    (lambda: np.pad(W, 1, mode="empty"), TypeError, "mode 'empty'"),
    (lambda: np.quantile([1.0, 2.0], [NUMBER, W[0] / 3]), TypeError, "drop the gradient"),
    (lambda: np.quantile([1.0, 2.0], W), ValueError, "must be in the range"),
    (lambda: grad(lambda p: np.roots(p)[0])(np.array([1.0, -2.0, 1.0])), ValueError, "more than once"),
    (lambda: np.frompyfunc(abs, 1, 1)(W), TypeError, "the ufunc abs.* has no derivative here"),
    *((lambda f=f: np.sum(f(W.reshape(1, 2).T @ [[0.0, 0.0]])[1]).backward(), np.linalg.LinAlgError,
       f"gradient of {f.__name__}: Singular") for f in (np.linalg.qr, np.linalg.slogdet)),
    (lambda: np.add.at(SPACE, [0], NUMBER), TypeError, r"np\.add\.at changes its argument.*\.add"),
    # shapes
    *((call, ValueError, rf"{name}.*\(2, 3\)") for call, name in (
        (lambda: M + N, "add"), (lambda: M @ N, "matmul"), (lambda: np.maximum(M, N), "maximum"),
        (lambda: np.concatenate([M, N], axis=1), "concatenate"), (lambda: M.reshape(4, 4), "reshape"),
        (lambda: np.tensordot(M, N, 1), "tensordot"), (lambda: np.einsum("ij,jk", M, N), "einsum"),
        (lambda: np.stack([M, N]), "stack"))),
    (lambda: np.linalg.inv(M), np.linalg.LinAlgError, r"inv.*\(2, 3\)"),
    (lambda: np.sum(M, axis=5), AXIS, r"axis . is out of bounds.*\(2, 3\)"),
    (lambda: np.max(M, axis=(0, 3)), AXIS, r"axis . is out of bounds.*\(2, 3\)"),
    (lambda: M[5], IndexError, r"getitem: .*out of bounds.*\(2, 3\)"),
    # backward
    (lambda: (W * W).backward([1, 2, 3]), ValueError, r"gradient of shape \(2,\), got \(3,\)"),
    (lambda: (W * W).backward(), ValueError, r"multiply must be a scalar.*got shape \(2,\)"),
    (lambda: (W * W).backward(W), TypeError, "drop the gradient"),
    (lambda: Y.backward([1j, 1]), TypeError, "real numbers of dtype float64, got complex128"),
    (NUMBER.backward, RuntimeError, "'x' depends on nothing that requires a gradient"),
    (lambda: gradients(Tensor(1.0), [W]), TypeError, "requires a gradient, got a Tensor that requires no"),
    (lambda: gradients(np.sum(W), [2.0]), TypeError, "got float"),
    # transforms
    (lambda: grad(lambda x: x)(np.ones(3)), ValueError, r"scalar from <lambda>, got shape \(3,\); reduce it"),
    (lambda: grad(lambda x: np.sum(x).item())(np.ones(3)), TypeError, "got float"),
    (lambda: grad(lambda x: (np.sum(x), np.sum(x)))(np.ones(3)), TypeError, "must return one Tensor"),
    (lambda: grad(np.sum)(np.arange(3)), TypeError, "int64"),
    (lambda: grad(operator.mul, 3)(1.0, 2.0), ValueError, r"argnum must be below 2.* of mul, got 3"),
    (lambda: grad(operator.mul, (0, 0))(2.0, 3.0), ValueError, r"each argument once, got \(0, 0\)"),
    (lambda: jvp(lambda x: x, (1.0,), (1.0, 2.0)), ValueError, "expected tuple of 1, got tuple of 2"),
    (lambda: jvp(np.sin, 1.0, 1j), TypeError, "got complex128"),
    (lambda: hvp(operator.mul, (1.0, 2.0), (1.0,)), ValueError, "expected tuple of 2, got tuple of 1"),
    (lambda: grad(np.sin, "x")(1.0), TypeError, "argnum must be a number or a tuple of them, got 'x'"),
    (lambda: grad(np.sin, 0.0)(1.0), TypeError, "argnum must be a number .*, got 0.0"),
    (lambda: jvp(operator.itemgetter("a"), {"a": 1.0, "b": 2.0}, {"a": 1.0, "c": 2.0}), ValueError, "expected dict of 'a', 'b', got dict of 'a', 'c'"),
    (lambda: vjp(lambda x: (x, (x, x)), 1.0)[1](((1.0, 1.0), 1.0)), ValueError, "expected tuple of 2, got float"),
    (lambda: vjp(np.sin, np.ones(3))[1]([1.0, 2.0]), ValueError, r"gradient of shape \(3,\), got \(2,\)"),
    # functions of one's own
    (lambda: primitive(3, None), TypeError, "expected a function, got int"),
    (lambda: primitive(np.sin), TypeError, r"expected a rule .* for each argument"),
    (lambda: primitive(np.sin, 1), TypeError, "a rule must be a function or None, got int"),
    (lambda: primitive(np.sin, lambda g, y: g), TypeError, "output and the arguments, 3 in all: rule 0 does not"),
    (lambda: primitive(np.sin, None, lambda g, y, x: g), TypeError, "4 in all: rule 1 does not"),
    (lambda: primitive(lambda x: None, lambda g, y, x: g)(W), TypeError, "returned None: end it with a return"),
    (lambda: PICK(W, W), TypeError, r"pick has no derivative with respect to argument 1.*'w' requires"),
    (lambda: POWER(W, ordre=3), TypeError, r"power\(ordre=\) is not supported on Tensors; use order="),
    (lambda: POWER(W, 2, 3), TypeError, "takes 2 arguments, got 3"),
    (lambda: POWER(W, order=W), TypeError, r"power\(order=\).*drop the gradient.*has no rule; detach"),
    (under(lambda g, y, x: g.T), ValueError, r"forgot: expected a gradient of shape \(2, 3\).* shape \(3, 2\)"),
    (under(lambda g, y, x: g[0]), ValueError, r"its rule \(output shape \(2, 3\)\), got shape \(3,\)"),
    (under(lambda g, y, x: None), ValueError, "got None, not an array"),
    (under(lambda g, y, x: 3.0), ValueError, "got 3.0, not an array"),
    # contexts
    (lambda: scope(3), TypeError, "name of a scope must be a string, got int"),
    (generator, TypeError, "cannot decorate later, .*use `with no_grad"),
    (coroutine, TypeError, "cannot decorate soon, .*use `with no_grad"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED)
def test_it_is_refused_and_said_why(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


X = np.arange(1.0, 7.0).reshape(2, 3)
REFUSED_BY_NUMPY = [
    lambda x: np.select([x > 1], [x, x]), lambda x: np.piecewise(x[0], [x[0] > 1, x[0] > 2], [np.sin]),
    lambda x: np.diff(x, n=-1), lambda x: np.gradient(x, 1.0, 2.0, 3.0), lambda x: np.gradient(x, edge_order=3),
    lambda x: np.gradient(x[:1]), lambda x: np.gradient(x[0], [1.0, 2.0]), lambda x: np.polyder(x[0], -1),
    lambda x: np.linalg.norm(x[0], "fro"), lambda x: np.linalg.norm(x, 3),
    lambda x: np.linalg.norm(x[None], axis=(0, 1, 2)), lambda x: np.cross(np.append(x[0], 1), np.ones(4)),
    lambda x: np.einsum("ij,jk", x), lambda x: np.convolve(x[0], []), lambda x: np.cumulative_sum(x),
    lambda x: np.average(x, 1, np.zeros(3)), lambda x: np.average(x, weights=[1, 2, 3]),
    lambda x: np.average(x, 0, [1, 2, 3]), lambda x: np.meshgrid(x[0], indexing="a"),
    lambda x: np.vander(x[0], -1), lambda x: np.cov(x[0, :2], fweights=[0.5, 1.0]), lambda x: np.linalg.cross(x[0, :2], x[1, :2]),
    lambda x: np.vander(x), lambda x: np.histogram(x, "auto", weights=x),
    lambda x: np.interp(x, [1.0, 2.0], [1.0]), lambda x: np.interp(x, [1.0, 2.0], [1.0, 2.0], period=0),
]  # fmt: skip
WITHOUT_DERIVATIVE = [
    lambda x: np.linalg.eig(np.array([[0.0, -1], [1, 0]]) * x[0, 0]), lambda x: np.linalg.svd(x),
    lambda x: np.linalg.svd(x[:, :2], hermitian=True), lambda x: np.linalg.pinv(x[:, :2], hermitian=True),
    lambda x: np.matmul(x, x.T, axes=[(0, 1)] * 3),
    lambda x: np.linalg.qr(x.T, "complete"), lambda x: np.roots([1, 0, 1] * x[0]),
    lambda x: np.linalg.lstsq(np.ones((3, 2)) * x[0, 0], np.ones(3)), lambda x: np.geomspace(-1, x),
    lambda x: np.einsum("ij", x, casting="no"),
    lambda x: np.sum(np.quantile(np.arange(9.0), x / 9, method="lower")).backward(),
]  # fmt: skip


@pytest.mark.parametrize("call", REFUSED_BY_NUMPY)
def test_what_numpy_refuses_is_refused_alike(call):
    with pytest.raises((ValueError, TypeError, ZeroDivisionError)) as refused:
        call(X)
    with pytest.raises(refused.type) as ours:
        call(Tensor(X, requires_grad=True))
    said = str(ours.value)
    assert str(refused.value) in said or re.search("expected|must|got|no norm|is required", said)


@pytest.mark.parametrize("call", WITHOUT_DERIVATIVE)
def test_what_has_no_derivative_here_says_why(call):
    said = r"derivative|a gradient needs|is not supp|one sign"
    with pytest.raises((TypeError, ValueError), match=said):
        call(Tensor(X, requires_grad=True))
