"""Random programs, differentiated by the engine and held against differences and other libraries.

Where a program has a kink within reach of the steps, its differences say nothing, and are known by
disagreeing with each other; such a program is still held against PyTorch and JAX.
"""

import functools
import itertools
import math
import operator
import random
import re
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

from microgradnd import Tensor, grad, hvp, jvp, vjp
from microgradnd.tree import map_leaves
from tests.numerical import plain, slope
from tests.properties.programs import (
    COMPARISONS,
    NUMPY,
    ONE,
    PRODUCTS,
    TWO,
    WRITING,
    Call,
    Program,
    V,
    call,
    floating,
    library_of,
    program_from,
    random_programs,
)


def total(program):
    return lambda *xs: program.total(xs, NUMPY)


def directions(program):
    rng = np.random.default_rng(program.seed + 1)
    return [rng.standard_normal(shape) for shape in program.shapes]


def largest(arrays):
    return max((np.max(np.abs(x), initial=0) for x in arrays), default=0)


def close(found, expected, tolerance, scale=0.0):
    """Equal, but for a tolerance relative to the largest entry of all, or to 1 if that is larger."""
    atol = tolerance * max(1, scale, largest(expected))
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=atol)


# ---- the engine against itself -------------------------------------------------------------------


def recorded(program):
    leaves = [Tensor(x, requires_grad=True) for x in program.inputs()]
    return leaves, program.total(leaves, NUMPY)


def gradients(program):
    leaves, loss = recorded(program)
    loss.backward()
    return [np.zeros(leaf.shape) if leaf.grad is None else leaf.grad for leaf in leaves]


def check_values(program):
    """All values, also those that an option might have overwritten since."""
    expected = program.values(program.inputs(), NUMPY)
    found = program.values([Tensor(x, requires_grad=True) for x in program.inputs()], NUMPY)
    names = [*program.shapes, *(made.function for made in program.calls)]
    arrays = [
        (y, x)
        for name, y, x in zip(names, found, expected, strict=True)
        if isinstance(x, np.ndarray) and name != "np.partition"  # which puts the others anywhere
    ]
    assert [y.shape for y, _ in arrays] == [x.shape for _, x in arrays]
    close([plain(y) for y, _ in arrays], [x for _, x in arrays], 1e-12)


FLOATS = [np.float16, np.float32, np.float64]


def check_dtypes(program):
    """Call for call with mixed dtypes: values and dtypes are NumPy's, gradients those of float64."""
    rng = np.random.default_rng(program.seed + 3)
    exact = program.values(program.inputs(), NUMPY)
    values = [x.astype(rng.choice(FLOATS)) for x in program.inputs()]
    for made, value in zip(program.calls, exact[len(values) :], strict=True):
        made = Call(made.function, *map_leaves(as_float16_has_it, [made.arguments, made.options]))
        try:
            found = made.with_values(values.__getitem__).run(NUMPY)
        except TypeError:  # LAPACK knows no float16
            found = value
        else:
            if floating(found) and not depends_on_sorting(made, values):
                check_call(made, values, found, rng.standard_normal(np.shape(found)))
        values.append(value.astype(found.dtype) if floating(found) else found)


def as_float16_has_it(x):
    """A number that is the same in all dtypes."""
    return float(np.float16(x)) if type(x) is float else x


def depends_on_sorting(made, values):
    """Whether it matters how equal entries are sorted, which differs from dtype to dtype."""
    sorts = {"np.sort", "np.median", "np.quantile", "np.percentile"}
    x = values[made.operands()[0]]
    return made.function == "np.partition" or (
        made.function in sorts and np.unique(x).size < x.size
    )


def check_call(made, values, expected, direction):
    def differentiated(cast):
        operands = {v: values[v] for v in made.operands() if floating(values[v])}
        leaves = {v: Tensor(cast(x), requires_grad=True) for v, x in operands.items()}
        output = made.with_values(lambda v: leaves.get(v, values[v])).run(NUMPY)
        if isinstance(output, Tensor) and output.requires_grad:
            output.backward(direction.astype(output.dtype))
        return output, [leaf for leaf in leaves.values() if leaf.grad is not None]

    output, leaves = differentiated(lambda x: x)
    wide = differentiated(lambda x: x.astype(float))[1]
    eps = max(np.finfo(dtype).eps for dtype in [expected.dtype, *(leaf.dtype for leaf in leaves)])
    assert output.dtype == expected.dtype, made
    assert all(leaf.grad.dtype == leaf.dtype for leaf in leaves)
    close([plain(output)], [expected], 4 * eps)
    close([leaf.grad for leaf in leaves], [leaf.grad for leaf in wide], 20 * eps)


def check_second_backward(program):
    leaves, loss = recorded(program)
    loss.backward()
    once = {leaf: leaf.grad.copy() for leaf in leaves if leaf.grad is not None}
    loss.backward()
    for leaf, gradient in once.items():
        np.testing.assert_array_equal(leaf.grad, 2 * gradient)


def check_forward_mode(program):
    """⟨u, J·v⟩ = ⟨Jᵀ·u, v⟩ for all outputs together."""
    xs, vs = tuple(program.inputs()), directions(program)

    def outputs(*xs):
        return program.run(xs, NUMPY)

    values, moved = jvp(outputs, xs, tuple(vs))
    rng = np.random.default_rng(program.seed + 2)
    us = [rng.standard_normal(y.shape) for y in values]
    _, pull = vjp(outputs, *xs)
    ahead = [np.vdot(u, y) for u, y in zip(us, moved, strict=True)]
    back = [np.vdot(g, v) for g, v in zip(pull(us), vs, strict=True)]
    close([sum(ahead)], [sum(back)], 1e-9, scale=largest([*ahead, *back]))


# ---- differences ---------------------------------------------------------------------------------

STEPS = (1e-3, 1e-4, 1e-5)


def trusted_slope(f, xs, vs):
    """The slope by differences, or None where those of different steps disagree.

    Their error falls with step⁶, until rounding takes over at about 1e-15 / step. So two
    neighbouring steps agree to 1e-9 or so on a smooth function, and never across a kink.
    """
    estimates = [slope(f, xs, vs, step) for step in STEPS]
    apart = [
        largest(np.subtract(a, b) for a, b in zip(wide, narrow, strict=True))
        for wide, narrow in itertools.pairwise(estimates)
    ]
    best = int(np.argmin(apart))
    return estimates[best + 1] if apart[best] < 1e-7 * (1 + largest(estimates[best])) else None


def check_differences(program):
    vs = directions(program)
    expected = trusted_slope(total(program), program.inputs(), vs)
    if expected is not None:
        parts = [np.vdot(g, v) for g, v in zip(gradients(program), vs, strict=True)]
        close([sum(parts)], expected, 1e-6, scale=largest(parts))


def check_second_order(program):
    if len(program.calls) > 25:  # too long to differentiate at 18 places
        return
    xs, vs = tuple(program.inputs()), tuple(directions(program))
    expected = trusted_slope(grad(total(program), tuple(range(len(xs)))), xs, vs)
    if expected is not None:
        close(hvp(total(program), xs, vs), expected, 1e-6)


# ---- other libraries -----------------------------------------------------------------------------


def check_torch(program):
    import torch

    leaves = [torch.tensor(x, requires_grad=True) for x in program.inputs()]
    loss = program.total(leaves, torch_library())
    found = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
    found = [x.numpy() for x in found]
    if all(np.isfinite(x).all() for x in found):  # PyTorch's may be nan where values coincide
        close(gradients(program), found, 1e-10)


def check_jax(program):
    import jax

    library = jax_library()
    compiled = jax.jit(jax.grad(lambda xs: program.total(xs, library)))
    found = list(map(np.asarray, compiled(program.inputs())))
    if all(np.isfinite(x).all() for x in found):
        close(gradients(program), found, 1e-10)


@functools.cache
def jax_library():
    """JAX's NumPy, which has nearly all; an index is resolved before, as JAX knows fewer kinds."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def places(x):
        return np.arange(x.size).reshape(x.shape)

    def getitem(x, index):
        return x[index] if isinstance(x, list | tuple) else x.ravel()[places(x)[index]]

    own = {
        "operator.getitem": getitem,
        "set_at": lambda x, i, v: x.ravel().at[places(x)[i]].set(v).reshape(x.shape),
        "add_at": lambda x, i, v: x.ravel().at[places(x)[i]].add(v).reshape(x.shape),
        "np.compress": lambda kept, x, axis: jnp.take(x, np.flatnonzero(kept), axis),
    }
    windows = "np.lib.stride_tricks.sliding_window_view"
    own[windows] = lambda x, *options: x.ravel()[NUMPY(windows)(places(x), *options)]
    return with_fewer_options(library_of(jnp, own))


def with_fewer_options(library):
    """A library whose functions write into no argument, and whose numbers have no axis."""

    def find(name):
        def function(x, /, *arguments, **options):
            options = {key: value for key, value in options.items() if key not in WRITING}
            if getattr(x, "ndim", 1) == 0 and options.get("axis") in (0, -1):
                options["axis"] = None
            return library(name)(x, *arguments, **options)

        return function

    return find


@functools.cache
def torch_library():
    """PyTorch under NumPy's names, with the options that programs use."""
    import torch

    def tensor(x):
        if x is None or isinstance(x, str | torch.Tensor):
            return x
        x = np.asarray(x)
        return torch.as_tensor(x if x.dtype == bool else x.astype(float))

    def number(x):
        x = tensor(x)
        return x.double() if isinstance(x, torch.Tensor) and x.dtype == torch.bool else x

    def on_numbers(function):
        return lambda *xs, **options: function(*map(number, xs), **options)

    def on_tensors(function):
        return lambda *xs, **options: function(*map(tensor, xs), **options)

    def moving(function):
        """For what only moves entries: NumPy moves their numbers, 0 being an entry that is new."""

        def moved(*arguments, **options):
            pool = [torch.zeros(1, dtype=torch.float64)]

            def numbered(x):
                if isinstance(x, list | tuple):
                    return type(x)(map(numbered, x))
                if isinstance(x, torch.Tensor) and not x.is_floating_point():
                    return x.numpy()  # an index
                if isinstance(x, torch.Tensor) or floating(x):
                    x, start = tensor(x), sum(map(len, pool))
                    pool.append(x.reshape(-1))
                    return np.arange(start, start + x.numel()).reshape(tuple(x.shape))
                return x

            numbers = function(*numbered(arguments), **options)
            several = isinstance(numbers, list | tuple)
            entries = torch.cat(pool)
            found = [
                entries[torch.as_tensor(np.array(part))]
                for part in (numbers if several else [numbers])
            ]
            return found if several else found[0]

        return moved

    def getitem(x, index):
        return x[index] if isinstance(x, list | tuple) else moving(operator.getitem)(x, index)

    def add_at(x, index, values):
        places = np.arange(x.numel()).reshape(tuple(x.shape))[index]
        values = number(values).broadcast_to(np.shape(places)).reshape(-1)
        sums = x.reshape(-1).index_add(0, torch.as_tensor(np.ravel(places)), values)
        return sums.reshape(x.shape)

    def reducing(function, combine=None, neutral=None):
        """A function of the last axis, made one of any axes."""

        def reduced(x, *arguments, axis=None, keepdims=False, where=None, initial=None, **options):
            shape = np.sum(np.zeros(x.shape), axis=axis, keepdims=keepdims).shape
            axes = range(x.ndim) if axis is None else [a % x.ndim for a in np.atleast_1d(axis)]
            rest = [a for a in range(x.ndim) if a not in axes]
            if where is not None:
                x = torch.where(tensor(where), x, neutral)
            rows = x.permute((*rest, *axes)).reshape([*(x.shape[a] for a in rest), -1])
            y = function(rows, *arguments, **options)
            y = y if initial is None else combine(y, tensor(initial))
            return y.reshape((*y.shape[: y.ndim - len(rest)], *shape))

        return reduced

    def mean(x, axis=None, keepdims=False, where=True):
        count = np.sum(np.broadcast_to(where, x.shape), axis=axis, keepdims=keepdims)
        return total(x, axis=axis, keepdims=keepdims, where=where) / tensor(count)

    def average(x, weights=None, **options):
        if weights is None:
            return mean(x, **options)
        return total(x * weights, **options) / total(weights, **options)

    def norm(x, axis, ord=None, keepdims=False):
        return torch.linalg.vector_norm(x, 2 if ord is None else ord, dim=axis, keepdim=keepdims)

    def quantile(rows, q, method="linear"):
        return torch.quantile(rows, tensor(q), dim=-1, interpolation=method)

    def along(function):
        """A function along one axis, or of all entries in a row."""
        return lambda x, axis: function(x.reshape(-1), 0) if axis is None else function(x, axis)

    def select(conditions, choices, default):
        value = number(default)
        for condition, choice in zip(conditions[::-1], choices[::-1], strict=True):
            value = torch.where(tensor(condition), choice, value)
        return value

    def interp(x, xp, fp):
        x, xp, fp = map(number, (x, xp, fp))
        i = torch.clamp(torch.searchsorted(xp, x.detach().contiguous()) - 1, 0, len(xp) - 2)
        return fp[i] + (fp[i + 1] - fp[i]) * torch.clamp((x - xp[i]) / (xp[i + 1] - xp[i]), 0, 1)

    def dot(a, b):
        if a.ndim == 0 or b.ndim == 0:
            return a * b
        return torch.matmul(a, b) if b.ndim <= 2 else torch.tensordot(a, b, ([-1], [-2]))

    def outer(function):
        return lambda a, b: function(a.reshape(*a.shape, *[1] * b.ndim), b)

    def convolve(a, v, mode, from_the_right=False):
        full = torch.conv1d(a[None, None], v.flip(0)[None, None], padding=len(v) - 1)[0, 0]
        spare = min(len(a), len(v)) - 1
        half = spare - spare // 2 if from_the_right else spare // 2
        start, stop = {"full": (0, 0), "same": (half, spare - half), "valid": (spare, spare)}[mode]
        return full[start : len(full) - stop]

    total = reducing(lambda rows: rows.sum(-1), torch.add, 0.0)
    product = reducing(lambda rows: rows.prod(-1), torch.mul, 1.0)
    maximum = reducing(lambda rows: rows.amax(-1), torch.maximum, -math.inf)
    minimum = reducing(lambda rows: rows.amin(-1), torch.minimum, math.inf)
    sort = along(lambda x, axis: torch.sort(x, axis).values)
    own = {
        "fabs": torch.abs, "degrees": torch.rad2deg, "radians": torch.deg2rad, "rint": torch.round,
        "copy": torch.clone, "cbrt": lambda x: x ** (1 / 3), "power": on_numbers(torch.pow),
        "mod": on_numbers(torch.remainder), "floor_divide": on_numbers(lambda a, b: torch.floor(a / b)),
        "clip": on_tensors(torch.clamp), "select": select,
        "where": lambda mask, x, y: torch.where(tensor(mask), number(x), number(y)),
        "sum": total, "add.reduce": total, "prod": product, "multiply.reduce": product,
        "max": maximum, "amax": maximum, "maximum.reduce": maximum,
        "min": minimum, "amin": minimum, "minimum.reduce": minimum,
        "ptp": lambda x, **options: maximum(x, **options) - minimum(x, **options),
        "mean": mean, "average": average, "linalg.norm": norm,
        "linalg.svd": lambda x, compute_uv=True, **options: (
            torch.linalg.svd(x, **options) if compute_uv else torch.linalg.svdvals(x)
        ),
        "var": reducing(lambda rows, ddof=0: rows.var(-1, correction=ddof)),
        "std": reducing(lambda rows, ddof=0: rows.std(-1, correction=ddof)),
        "median": reducing(lambda rows: quantile(rows, 0.5)), "quantile": reducing(quantile),
        "nansum": reducing(lambda rows: rows.nansum(-1)),
        "nanmean": reducing(lambda rows: rows.nanmean(-1)),
        "nanmax": reducing(lambda rows: rows.nan_to_num(-math.inf).amax(-1)),
        "nanmin": reducing(lambda rows: rows.nan_to_num(math.inf).amin(-1)),
        "logaddexp.reduce": reducing(lambda rows: torch.logsumexp(rows, -1)),
        "cumsum": along(torch.cumsum), "add.accumulate": torch.cumsum,
        "cumprod": along(torch.cumprod), "multiply.accumulate": torch.cumprod,
        "maximum.accumulate": lambda x, axis: torch.cummax(x, axis).values,
        "minimum.accumulate": lambda x, axis: torch.cummin(x, axis).values,
        "logaddexp.accumulate": torch.logcumsumexp,
        "gradient": lambda x, by=1, *, axis: torch.gradient(x, spacing=float(by), dim=axis)[0],
        "diff": lambda x, n, axis, prepend=None: torch.diff(x, n, axis, number(prepend)),
        "trapezoid": lambda y, axis, x=None: (
            torch.trapezoid(y, dim=axis) if x is None else torch.trapezoid(y, number(x), dim=axis)
        ),
        "percentile": reducing(lambda rows, q, method: quantile(rows, q / 100, method)),
        "trace": lambda x, *options: moving(np.diagonal)(x, *options).sum(-1),
        "sort": sort, "partition": lambda x, k, axis: sort(x, axis), "interp": interp,
        "argsort": lambda x, axis: torch.argsort(x, dim=axis, stable=True),
        "matmul": torch.matmul, "dot": dot, "inner": torch.inner, "vecdot": torch.linalg.vecdot,
        "vdot": on_tensors(lambda a, b: a.reshape(-1) @ b.reshape(-1)),
        "outer": lambda a, b: torch.outer(a.reshape(-1), b.reshape(-1)),
        "add.outer": outer(torch.add), "multiply.outer": outer(torch.mul),
        "maximum.outer": outer(torch.maximum),
        "cross": lambda a, b: torch.linalg.cross(*torch.broadcast_tensors(a, b)),
        "kron": lambda a, b: torch.kron(a.contiguous(), b.contiguous()),
        "tensordot": lambda a, b, axes: torch.tensordot(a, b, axes),
        "einsum": lambda subscripts, *xs, optimize=False: torch.einsum(subscripts, *xs),
        "convolve": convolve,
        "correlate": lambda a, v, mode: convolve(a, v.flip(0), mode, len(a) < len(v)),
    }  # fmt: skip
    own = {f"np.{name}": function for name, function in own.items()}
    own |= {"operator.getitem": getitem, "add_at": add_at}
    theirs = library_of(torch, own)

    def find(name):
        if name in PRODUCTS or name in ("np.einsum", "np.convolve", "np.correlate"):
            return on_numbers(theirs(name)) if name != "np.linalg.multi_dot" else theirs(name)
        if name in own or name.startswith("np.linalg"):
            return theirs(name)
        if name in (*ONE, *TWO, *COMPARISONS, "operator.matmul"):
            return on_numbers(theirs(name))
        if name == "set_at":
            return lambda x, index, values: moving(NUMPY(name))(x, index, number(values))
        if name in ("np.concatenate", "np.append", "np.block"):
            return lambda *parts, **options: moving(NUMPY(name))(
                *map_leaves(number, parts), **options
            )
        return moving(NUMPY(name))

    return with_fewer_options(find)


# ---- the tests -----------------------------------------------------------------------------------

CHECKS = {
    check_values: 100,
    check_dtypes: 100,
    check_second_backward: 60,
    check_forward_mode: 80,
    check_differences: 100,
    check_second_order: 60,
    check_torch: 80,
    check_jax: 6,  # half a second each, to compile
}
"""The checks, each with the number of programs that it gets in the usual run."""

NEEDED = {check_torch: "torch", check_jax: "jax"}

FOUND = [
    # an entry of a number that was computed
    Program(
        shapes=[()], seed=0, tied=False,
        calls=[call("np.square", V(0)), call("set_at", V(1), (), 0.5)],
        outputs=[V(1), V(2)],
    ),
    # the second derivative of aᵇ, by a and by b, where b is 0
    Program(
        shapes=[(3, 3)], seed=53052, tied=True,
        calls=[
            call("np.take", V(0), np.array([8, 0, 3])),
            call("operator.add", V(1), 0.5),
            call("operator.pow", V(2), V(0)),
        ],
        outputs=[V(3)],
    ),
    # values with fewer axes than the index, which np.add.at itself reads from beyond their end
    Program(
        shapes=[(3,), (3,)], seed=22622, tied=False,
        calls=[call("add_at", V(1), np.array([[2, 0, 0], [-3, -3, -2]]), V(0))],
        outputs=[V(2)],
    ),
]  # fmt: skip
"""Programs that came out wrong once."""


def available(check):
    return check not in NEEDED or find_spec(NEEDED[check]) is not None


REFUSALS = r"would overwrite its argument|are not determined|no second derivative"


def holds_or_is_refused(check, program):
    try:
        check(program)
    except (TypeError, ValueError) as error:
        if not re.search(REFUSALS, str(error)):
            raise


def examine(checks, count, number):
    @seed(number)
    @settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(random_programs)
    def holds(program):
        for check in checks:
            holds_or_is_refused(check, program)

    holds()


EACH_CHECK = pytest.mark.parametrize(
    "check",
    [
        pytest.param(
            check,
            marks=pytest.mark.skipif(not available(check), reason=f"needs {NEEDED.get(check)}"),
            id=check.__name__,
        )
        for check in CHECKS
    ],
)


@EACH_CHECK
def test_random_programs(check):
    examine([check], CHECKS[check], number=0)


def test_differences_say_something():
    drawn = [program_from(random.Random(number)) for number in range(40)]
    slopes = [trusted_slope(total(p), p.inputs(), directions(p)) for p in drawn]
    assert sum(slope is None for slope in slopes) < 4


@EACH_CHECK
@pytest.mark.parametrize("program", FOUND, ids=range(len(FOUND)))
def test_programs_that_failed_once(program, check):
    check(program)


@pytest.mark.heavy
@pytest.mark.parametrize("number", range(1, 41))
def test_many_random_programs(number):
    examine([check for check in CHECKS if available(check) and check is not check_jax], 500, number)


@pytest.mark.heavy
@pytest.mark.skipif(not available(check_jax), reason="needs jax")
@pytest.mark.parametrize("number", range(41, 51))
def test_many_random_programs_in_jax(number):
    examine([check_jax], 50, number)
