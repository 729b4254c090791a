"""Moves of a draft: products, convolutions and linear algebra."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tests.properties.calls import V
from tests.properties.drafts import Draft, NotSmoothError, Shape, named

# ---- products ------------------------------------------------------------------------------------

PRODUCTS = {
    "np.matmul": "n,n  mn,n  n,nm  mn,nk  bmn,nk  mn,bnk  bmn,bnk  bmn,n  n,bnm",
    "operator.matmul": "1mn,bnk  mn,n  mn,nk",
    "np.dot": "n,n  mn,n  mn,nk  mn,bnk  ,mn",
    "np.inner": "n,n  mn,kn  n,mn",
    "np.vecdot": "mn,mn  bmn,n",
    "np.vdot": "mn,mn",
    "np.cross": "3,3  m3,m3  m3,3",
    "np.kron": "m,n  mn,k  mn,bk",
    "np.outer": "mb,n",
    "np.add.outer": "m,nk",
    "np.multiply.outer": "m,nk",
    "np.maximum.outer": "m,nk",
    "np.linalg.multi_dot": "mn,nk,kb",
}
"""The shapes of the arguments: a letter is some length, a digit that length."""

PAIRS = [
    (name, shapes.split(",")) for name, choices in PRODUCTS.items() for shapes in choices.split()
]


def sized(shapes: Iterable[str], sizes: dict[str, int]) -> list[Shape]:
    return [tuple(sizes.get(letter) or int(letter) for letter in shape) for shape in shapes]


def product(d: Draft) -> V:
    name, letters = d.choice(PAIRS)
    shapes = sized(letters, {letter: d.upto(1, 3) for letter in "mnkb"})
    factors = [d.of_shape(shape) for shape in shapes]
    if d.upto(0, 3) == 0 and name != "np.linalg.multi_dot":
        number = d.upto(0, 1)
        factors[number] = d.operand(shapes[number])
    return d.do(name, factors) if name == "np.linalg.multi_dot" else d.do(name, *factors)


def tensordot(d: Draft) -> V:
    more = (("mnk", "kbn"), ([1, -1], [2, 0]))
    letters, axes = d.choice([(("mn", "nk"), 1), (("m", "n"), 0), more, (("mn", "mn"), 2)])
    shapes = sized(letters, {letter: d.upto(1, 3) for letter in "mnkb"})
    return d.do("np.tensordot", *map(d.of_shape, shapes), axes=axes)


def convolution(d: Draft) -> V:
    name, mode = d.choice(named("convolve correlate")), d.choice(["full", "same", "valid"])
    kernel = d.upto(1, 5)
    other = d.operand((kernel,)) if d.maybe() else d.of_shape((kernel,))
    return d.do(name, d.of_shape((d.upto(1, 5),)), other, mode)


def einsum(d: Draft) -> V:
    """Any subscripts: repeated in an operand, in one operand only, summed or in the output."""
    sizes = {letter: d.upto(1, 3) for letter in "ijkl"}
    operands = ["".join(d.choice("ijkl") for _ in range(d.upto(0, 3))) for _ in range(d.upto(1, 3))]
    values = [d.of_shape(shape) for shape in sized(operands, sizes)]
    letters = sorted(set("".join(operands)))
    output = "".join(d.random.sample(letters, d.upto(0, len(letters))))
    subscripts = ",".join(operands) + d.choice(["", "->" + output])
    if d.upto(0, 3) == 0:  # and an axis that is not named, in the first operand
        first = d.of_shape((2, *sized(operands, sizes)[0]))
        named = ",".join(["..." + operands[0], *operands[1:]]) + "->..." + output
        return d.do("np.einsum", named, first, *values[1:])
    return d.do("np.einsum", subscripts, *values, optimize=d.maybe())


MATRIX_FUNCTIONS = ["inv", "det", "slogdet", "cholesky", "pinv", "matrix_power", "eigvalsh"]
MATRIX_FUNCTIONS += ["eigh", "svd", "qr", "solve"]


def linear_algebra(d: Draft) -> V | list[V]:
    """Of a positive definite matrix whose eigenvalues lie apart."""
    n = d.upto(1, 3)
    half = d.of_shape((*d.shape(0, 1), n, n))
    square = d.do("np.matmul", half, d.do("np.swapaxes", half, -1, -2))
    small = d.do("operator.mul", square, 0.1)
    matrix = d.do("operator.add", small, np.diag(np.arange(1.0, n + 1)))
    name = d.choice(MATRIX_FUNCTIONS)
    full = f"np.linalg.{name}"
    if name == "slogdet":
        return d.do("operator.getitem", d.do(full, matrix), 1)
    if name == "matrix_power":
        return d.do(full, matrix, d.upto(-2, 3))
    if name == "solve":
        return d.do(full, matrix, d.of_shape((*d.of(matrix)[:-1], d.upto(1, 2))))
    if name not in ("eigh", "svd", "qr"):
        return d.do(full, matrix)
    # The sign of a vector is anybody's choice, the squares of its entries are not.
    factors = d.do(full, matrix, **({"full_matrices": False} if name == "svd" else {}))
    kept = [d.do("operator.getitem", factors, i) for i in range(2)]
    return [d.do("np.square", factor) for factor in kept]


def coinciding(d: Draft) -> V:
    """A smooth function of equal singular values, eigenvalues or entries, or of zeros."""
    if not (d.refused and d.program.tied):  # only whole numbers print as they are
        raise NotSmoothError
    n, start = d.upto(2, 3), V(d.upto(0, len(d.program.shapes) - 1))
    d.kinks_allowed = True  # within it
    x = d.do("np.take", start, d.constants().integers(0, d[start].size, (n, n)))
    x = d.do("operator.sub", x, d[x].copy())  # zeros, but not in their derivatives
    name = d.choice(["svd", "eigvalsh", "norm", "hypot", "std"])
    if name in ("svd", "eigvalsh"):
        matrix = d.do("operator.add", x, np.eye(n) * d.choice([0.5, 1.0, 2.0]))
        options = {"compute_uv": False} if name == "svd" else {}
        made = d.do(f"np.linalg.{name}", matrix, **options)
    elif name == "hypot":
        made = d.do("np.hypot", x, d.do("np.flip", x, d.upto(0, 1)))
    else:
        full = "np.std" if name == "std" else "np.linalg.norm"
        made = d.do(full, x, axis=d.choice([-1, (0, 1)]))
    return d.do("np.sum", d.do("operator.pow", made, d.choice([2, 2.0, 4])))


MOVES = [product, product, tensordot, convolution, einsum, einsum, linear_algebra, linear_algebra]
MOVES += [coinciding]
