"""Functions that NumPy itself writes in Python, of others that have derivatives: its own code runs
on Tensors, which stay Tensors where it makes arrays of its arguments. What it cannot run so raises.
"""

import functools
import sys
import types

import numpy as np

from ..arrays import check_array_like, holds, in_dtype
from ..operators import Operators, array_of, real
from ..table import composed, table
from ..tensor import constant
from .curves import interpolated


def _of_tensors(make, a, dtype=None, **options):
    """np.asarray and the like, which leaves Tensors what they are and stacks lists of them."""
    a = array_of(a) if isinstance(a, list | tuple) else a
    if isinstance(a, np.ndarray) or not hasattr(type(a), "__array_function__"):
        check_array_like(a)
        return make(a, dtype, **options)
    a = np.copy(a) if make is np.array else a
    a = a if dtype is None or a.dtype == dtype else a.astype(dtype)
    missing = options.get("ndmin", 0) - a.ndim
    return np.reshape(a, (1,) * missing + a.shape) if missing > 0 else a


def _any(*arguments, **options):
    found = np.any(*arguments, **options)
    return found if np.ndim(found) else holds(found)


_MAKERS = {"array": np.array, "asarray": np.asarray, "asanyarray": np.asanyarray}
_INSTEAD = {name: functools.partial(_of_tensors, make) for name, make in _MAKERS.items()}
_INSTEAD |= {"any": _any, "compiled_interp": interpolated}  # an `if` on data, and what is C


@functools.cache
def _copy(module):
    """A module of NumPy's in which these names mean the others."""
    copy = types.ModuleType(module.__name__)
    vars(copy).update({name: _INSTEAD.get(name, value) for name, value in vars(module).items()})
    return copy


@functools.cache
def _names_called(module):
    """What functions of a module call, in NumPy's other modules also, where it is to be so."""
    theirs = sys.modules[module]
    names = dict(vars(_copy(theirs)))
    for name, value in names.items():
        if isinstance(value, types.ModuleType) and hasattr(value, "asanyarray"):
            names[name] = _copy(value)
        elif getattr(value, "__globals__", None) is vars(theirs):  # a helper
            names[name] = _among(names, value)
    return names


def _among(names, code):
    """A function with these names for what it calls."""
    parts = code.__name__, code.__defaults__, code.__closure__
    own = types.FunctionType(code.__code__, names, *parts)
    own.__kwdefaults__ = code.__kwdefaults__
    return own


def on_tensors(function):
    """The code of one of NumPy's functions, where these names mean the others."""
    code = getattr(function, "_implementation", function)
    return _among(_names_called(code.__module__), code)


OWN = np.append, np.apply_over_axes, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.average
OWN += np.column_stack, np.cumulative_prod, np.cumulative_sum, np.diff, np.dsplit, np.dstack
OWN += np.histogram2d, np.hsplit, np.hstack, np.interp, np.matrix_transpose, np.outer, np.poly
OWN += np.polyadd, np.polyder, np.polyint, np.polysub, np.polyval, np.ptp
OWN += np.tensordot, np.trim_zeros, np.vsplit
OWN += np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values, np.unstack, np.vstack
OWN += np.linalg.cross, np.linalg.diagonal, np.linalg.matrix_norm
OWN += np.linalg.matrix_transpose, np.linalg.multi_dot, np.linalg.outer, np.linalg.svdvals
OWN += np.linalg.tensordot, np.linalg.tensorinv, np.linalg.trace, np.linalg.vector_norm
for function in OWN:
    composed(function)(on_tensors(function))
_cov, _polyfit, _trapezoid = map(on_tensors, (np.cov, np.polyfit, np.trapezoid))
_power = on_tensors(np.linalg.matrix_power)
# NumPy's power 0 is a plain array.
table[np.linalg.matrix_power] = lambda a, n: _power(a, n) if n else 0 * a + _power(a, n)


def _tensor(x):
    """What NumPy's code may change in place by a Tensor: `x *= weights`."""
    x = array_of(x)
    return x if isinstance(x, Operators) else constant(x)


@composed(np.cov)
def cov(m, *arguments, dtype=None, **options):
    c = _cov(_tensor(m), *arguments, dtype=dtype, **options)
    return c if dtype is None else in_dtype(c, np.dtype(dtype))


table[np.polyfit] = lambda x, y, *arguments, **options: _polyfit(
    _tensor(x), _tensor(y), *arguments, **options
)


@composed(np.trapezoid)
def trapezoid(y, x=None, dx=1.0, axis=-1):
    return _trapezoid(real(y), x if x is None else real(x, y), dx, axis)  # no overflow of integers
