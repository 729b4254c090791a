"""PyTorch and JAX under NumPy's names, with the options that programs use."""

import functools
import math
import operator

import numpy as np

from microgradnd.tree import map_leaves
from tests.properties.calls import NUMPY, WRITING, floating, library_of
from tests.properties.moves_of_numbers import COMPARISONS, ONE, TWO
from tests.properties.moves_of_products import PRODUCTS


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
            parts = numbers if several else [numbers]
            found = [entries[torch.as_tensor(np.array(part))] for part in parts]
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
