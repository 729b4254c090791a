"""Products of vectors, matrices and tensors."""

import functools
import math

import numpy as np

from ..operators import foreign, real
from ..primitive import Primitive, derivative, primitive
from ..table import composed, each, table

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # the names of axes

# ---- matrix products -----------------------------------------------------------------------------


def _matmul_left(g, y, a, b):
    """Y = A·B: dL/dA = dL/dY · Bᵀ."""
    if b.ndim == 1:
        return g[..., None] * b
    if a.ndim == 1:
        return (b @ g[..., None])[..., 0]
    return g @ b.swapaxes(-1, -2)


def _matmul_right(g, y, a, b):
    """Y = A·B: dL/dB = Aᵀ · dL/dY."""
    if a.ndim == 1:
        return a * g if b.ndim == 1 else a[:, None] * g[..., None, :]
    if b.ndim == 1:
        return (a.swapaxes(-1, -2) @ g[..., None])[..., 0]
    return a.swapaxes(-1, -2) @ g


derivative(np.matmul, _matmul_left, _matmul_right)
derivative(np.vecdot, lambda g, y, a, b: g[..., None] * b, lambda g, y, a, b: g[..., None] * a)
table[np.linalg.matmul] = lambda x1, x2, /: np.matmul(x1, x2)
if hasattr(np, "matvec"):  # from NumPy 2.2 on
    table[np.matvec] = lambda a, x: (a @ np.expand_dims(x, -1))[..., 0]
    table[np.vecmat] = lambda x, a: (np.expand_dims(x, -2) @ a)[..., 0, :]


@composed(np.linalg.vecdot, (np.vecdot, "__call__"))
def vecdot(x1, x2, axis=-1):
    return np.vecdot(np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1))


@composed(np.dot)
def dot(a, b, out=None):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return real(a, b) * real(b, a)
    return np.matmul(a, b) if np.ndim(b) <= 2 else np.tensordot(a, b, ([-1], [-2]))


@composed(np.inner)
def inner(a, b):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.dot(a, b)
    return np.tensordot(a, b, ([-1], [-1]))


table[np.vdot] = lambda a, b: np.matmul(_conjugate(a), np.ravel(b))


def _conjugate(x):
    """A vector of the entries, or of their complex conjugates."""
    return np.ravel(np.conjugate(x) if np.iscomplexobj(x) else x)


@composed(np.kron)
def kron(a, b):
    ndim = max(np.ndim(a), np.ndim(b))
    shapes = [(1,) * (ndim - np.ndim(x)) + np.shape(x) for x in (a, b)]
    a = np.reshape(a, [size for n in shapes[0] for size in (n, 1)])
    b = np.reshape(b, [size for n in shapes[1] for size in (1, n)])
    return np.reshape(a * b, np.multiply(*shapes))


@composed(np.cross)
def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if not a.shape[-1] == b.shape[-1] == 3:
        raise ValueError(f"cross: expected 3 components, got {a.shape[-1]} and {b.shape[-1]}")
    (ax, ay, az), (bx, by, bz) = ([v[..., i] for i in range(3)] for v in (a, b))
    product = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    return np.stack(product, axisc)


# ---- einsum --------------------------------------------------------------------------------------


def _einsum(*operands, inputs, output, optimize=False):
    product = _as_matmul(*operands, *inputs, output) if len(operands) == len(inputs) == 2 else None
    if product is None:
        product = np.einsum(f"{','.join(inputs)}->{output}", *operands, optimize=optimize)
    return product


def _as_matmul(a, b, left, right, output):
    """The einsum of two operands as one (much faster) matrix product, or None if it is not one."""
    if (plan := _plan(left, right, output, a.shape, b.shape)) is None:
        return None
    (a_order, a_shape), (b_order, b_shape), shape, order = plan
    product = a.transpose(a_order).reshape(a_shape) @ b.transpose(b_order).reshape(b_shape)
    return product.reshape(shape).transpose(order)


@functools.lru_cache(maxsize=1024)
def _plan(left, right, output, *given):
    """How to arrange the axes of two operands of these shapes for a matrix product, and those of
    the product; or None."""
    shared = [x for x in left if x in right]
    batch, summed = [x for x in shared if x in output], [x for x in shared if x not in output]
    rows, columns = [x for x in left if x not in right], [x for x in right if x not in left]
    kept, sizes = batch + rows + columns, dict(zip(left + right, sum(given, ()), strict=False))
    shapes = tuple(tuple(map(sizes.get, letters)) for letters in (left, right))
    repeated = len(set(left)) < len(left) or len(set(right)) < len(right)
    if repeated or not summed or sorted(kept) != sorted(output) or shapes != given:
        return None

    def arranged(letters, *groups):
        order = [letters.index(letter) for group in (batch, *groups) for letter in group]
        sides = [math.prod(sizes[letter] for letter in group) for group in groups]
        return order, [sizes[letter] for letter in batch] + sides

    order = [kept.index(letter) for letter in output]
    shape = [sizes[letter] for letter in kept]
    return arranged(left, rows, summed), arranged(right, summed, columns), shape, order


def _einsum_rule(position, g, y, *operands, inputs, output, optimize=False):
    """The gradient of one operand is the einsum of g with the other operands."""
    shapes = tuple(operand.shape for operand in operands)
    letters, mine, eyes, ones = _read_back(position, inputs, output, g.shape, shapes)
    others = [operand for i, operand in enumerate(operands) if i != position]
    others += [foreign(np.eye(size, dtype=g.dtype), g) for size in eyes]
    others += [foreign(np.ones(size, g.dtype), g) for size in ones]
    return einsum_of.apply((g, *others), {"inputs": letters, "output": mine, "optimize": optimize})


@functools.lru_cache(maxsize=1024)
def _read_back(position, inputs, output, g_shape, shapes):
    """The letters of g, of the other operands and of what is added to them, those of the gradient,
    and the sizes of what is added: identities, then vectors of ones.

    An index that only this operand has, or has in full, is summed away in y: all of its entries
    get the same. One that it repeats, as in "ii->i", reads its diagonal: δᵢⱼ makes it two.
    """
    known = [(output, g_shape)]
    known += [pair for i, pair in enumerate(zip(inputs, shapes, strict=True)) if i != position]
    mine, spare, eyes, ones = "", iter(sorted(set(_LETTERS) - set("".join(inputs)))), [], []
    sizes = dict(zip(inputs[position], shapes[position], strict=True))
    for letter in inputs[position]:
        twin = next(spare) if letter in mine else ""  # a second axis under the same name
        if twin:
            eyes.append(sizes[letter])
            known.append((letter + twin, (sizes[letter],) * 2))
        mine += twin or letter
    for letter, size in zip(mine, shapes[position], strict=True):
        if all((letter, size) not in zip(*pair, strict=True) for pair in known):
            ones.append(size)
            known.append((letter, (size,)))
    return tuple(letters for letters, _ in known), mine, eyes, ones


einsum_of = Primitive(_einsum, each(_einsum_rule), "einsum")


@composed(np.einsum)
def einsum(*operands, optimize=False, out=None, **options):
    if options:
        raise TypeError(f"einsum({', '.join(options)}=) is not supported on Tensors")
    inputs, output, arrays = _subscripts(operands)
    return einsum_of.apply(arrays, {"inputs": inputs, "output": output, "optimize": optimize})


def _subscripts(operands):
    """The letters of each operand and of the output, spelled out: no "...", nothing implicit."""
    if isinstance(operands[0], str):
        left, arrow, right = operands[0].replace(" ", "").partition("->")
        inputs, arrays = left.split(","), operands[1:]
    else:  # operand, [0, 1], operand, [1, 2], …, [0, 2]
        pairs = len(operands) // 2 * 2
        inputs, arrays = [_letters(axes) for axes in operands[1:pairs:2]], operands[:pairs:2]
        arrow, right = len(operands) % 2, "".join(map(_letters, operands[pairs:]))
    arrays = [real(array, *arrays) for array in arrays]
    spare = [x for x in _LETTERS if x not in "".join(inputs) + right]
    longest = 0
    for i, (letters, array) in enumerate(zip(inputs, arrays, strict=False)):
        if "..." in letters:
            missing = array.ndim - len(letters) + 3
            longest = max(longest, missing)
            inputs[i] = letters.replace("...", "".join(spare[len(spare) - missing :]))
    ellipsis = "".join(spare[len(spare) - longest :])
    if not arrow:
        named = "".join(inputs)
        once = sorted(x for x in set(named) - set(ellipsis) if named.count(x) == 1)
        right = ellipsis + "".join(once)
    return tuple(inputs), right.replace("...", ellipsis), arrays


def _letters(axes):
    return "".join("..." if axis is Ellipsis else _LETTERS[axis] for axis in axes)


# ---- convolution ---------------------------------------------------------------------------------

# y = a ∗ v in full: yₖ = Σ aᵢ vₖ₋ᵢ, so dL/daᵢ = Σ gₖ vₖ₋ᵢ: a correlation. Likewise for v.
convolved = primitive(
    lambda a, v: np.convolve(a, v),
    lambda g, y, a, v: np.correlate(g, v, "valid"),
    lambda g, y, a, v: np.correlate(g, a, "valid"),
    name="convolve",
)


@composed(np.convolve)
def convolve(a, v, mode="full"):
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    longer, shorter = max(len(a), len(v)), min(len(a), len(v))
    start, length = {
        "full": (0, longer + shorter - 1),
        "same": ((shorter - 1) // 2, longer),
        "valid": (shorter - 1, longer - shorter + 1),
    }[mode]
    return convolved(a, v)[start : start + length]


@composed(np.correlate)
def correlate(a, v, mode="valid"):
    v = _conjugate(v)
    if np.size(a) < np.size(v):  # NumPy swaps them, and turns the result round
        return np.flip(np.convolve(np.flip(a), v, mode))
    return np.convolve(a, np.flip(v), mode)
