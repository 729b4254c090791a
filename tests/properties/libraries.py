"""JAX under NumPy's names, with the options that programs use."""

import functools

import numpy as np

from tests.properties.calls import NUMPY, WRITING, library_of


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
