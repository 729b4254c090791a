"""Random programs, differentiated by the engine and compared with differences and with JAX.

Where a program has a kink within reach of the steps, its differences say nothing, and are known by
disagreeing with each other; such a program is still compared with JAX.
"""

import functools
import itertools
import random
import re
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

from microgradnd import Tensor, grad, hvp, jvp, vjp
from microgradnd.tree import flatten, map_leaves
from tests.numerical import plain, slope
from tests.properties.calls import NUMPY, WRITING, Call, floating, library_of
from tests.properties.programs import program_from, random_programs


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
    constants = [x for x in flatten(made.arguments)[0] if isinstance(x, np.ndarray)]
    close([plain(output)], [expected], 4 * eps, scale=largest(constants))
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


# ---- another library -----------------------------------------------------------------------------


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

    windows = "np.lib.stride_tricks.sliding_window_view"
    own = {
        "operator.getitem": getitem,
        "set_at": lambda x, i, v: x.ravel().at[places(x)[i]].set(v).reshape(x.shape),
        "add_at": lambda x, i, v: x.ravel().at[places(x)[i]].add(v).reshape(x.shape),
        "np.compress": lambda kept, x, axis: jnp.take(x, np.flatnonzero(kept), axis),
        windows: lambda x, *options: x.ravel()[NUMPY(windows)(places(x), *options)],
    }
    library = library_of(jnp, own)

    def find(name):
        """A function that writes into no argument, and takes numbers that have no axis."""

        def function(x, /, *arguments, **options):
            options = {key: value for key, value in options.items() if key not in WRITING}
            if getattr(x, "ndim", 1) == 0 and options.get("axis") in (0, -1):
                options["axis"] = None
            return library(name)(x, *arguments, **options)

        return function

    return find


def check_jax(program):
    import jax

    library = jax_library()
    compiled = jax.jit(jax.grad(lambda xs: program.total(xs, library)))
    found = list(map(np.asarray, compiled(program.inputs())))
    if all(np.isfinite(x).all() for x in found):
        close(gradients(program), found, 1e-10)


# ---- the tests -----------------------------------------------------------------------------------

CHECKS = {
    check_values: 100,
    check_dtypes: 100,
    check_second_backward: 60,
    check_forward_mode: 80,
    check_differences: 100,
    check_second_order: 60,
    check_jax: 6,  # half a second each, to compile
}
"""The checks, each with the number of programs that it gets in the usual run."""

REFUSALS = r"would overwrite its argument|are not determined|no second derivative"


def examine(checks, count, number):
    @seed(number)
    @settings(max_examples=count, database=None, suppress_health_check=list(HealthCheck))
    @given(random_programs)
    def holds(program):
        for check in checks:
            try:
                check(program)
            except (TypeError, ValueError) as error:  # noqa: PERF203
                if not re.search(REFUSALS, str(error)):
                    raise

    holds()


def can_run(check):
    return check is not check_jax or find_spec("jax")


@pytest.mark.parametrize("check", filter(can_run, CHECKS), ids=lambda check: check.__name__)
def test_random_programs(check):
    examine([check], CHECKS[check], number=0)


def test_differences_say_something():
    drawn = [program_from(random.Random(number)) for number in range(40)]
    slopes = [trusted_slope(total(p), p.inputs(), directions(p)) for p in drawn]
    assert sum(slope is None for slope in slopes) < 4


@pytest.mark.heavy
@pytest.mark.parametrize("number", range(1, 61))
def test_many_random_programs(number):
    """The last twenty in JAX, which takes its time to compile."""
    checks = [check for check in CHECKS if can_run(check) and (check is check_jax) == (number > 40)]
    if not checks:
        pytest.skip("JAX is not installed")
    examine(checks, 50 if number > 40 else 500, number)
