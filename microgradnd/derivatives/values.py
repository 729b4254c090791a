"""Functions without derivatives: those that return booleans, indices or shapes, as plain arrays,
and those that no Tensor can be given to, with the reason."""

import numpy as np

from ..context import EVERYTHING, current
from ..operators import plain
from ..primitive import Primitive
from ..table import refuse, table
from ..tensor import Tensor


def plainly(function):
    return lambda *arguments, **options: function(*plain(arguments), **plain(options))


def shown(function):
    """A plain function that a picture shows as an operation, which no gradient flows through."""
    operation = Primitive(function, (None, None), function.__name__)

    def compute(*arguments, **options):
        arrays, options, state = plain(arguments), plain(options), current.get()
        value = function(*arrays, **options)
        if state is None or state.how.enabled is not EVERYTHING:
            return value
        parents = [each if isinstance(each, Tensor) else None for each in arguments]
        return operation.unneeded(parents, arrays, options, value, state)

    return compute


def detach(array):
    return array


SHOWN = (
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
    *(np.isnan, np.isinf, np.isfinite, np.signbit, np.logical_and, np.logical_or, np.logical_not),
    *(np.logical_xor, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert),
)
PLAIN = (
    *SHOWN,
    *(np.isneginf, np.isposinf, np.isreal, np.isnat, np.iscomplex, np.iscomplexobj),
    *(np.isrealobj, np.isclose, np.allclose, np.array_equal, np.array_equiv, np.any, np.all),
    *(np.isin, np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition),
    *(np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero, np.searchsorted, np.digitize),
    *(np.lexsort, np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type),
    *(np.shares_memory, np.may_share_memory, np.zeros_like, np.ones_like, np.empty_like),
    *(np.array_repr, np.array_str, np.array2string, np.common_type, np.einsum_path, np.ix_),
    *(np.tril_indices_from, np.triu_indices_from, np.diag_indices_from, np.unravel_index),
    *(np.ravel_multi_index, np.linalg.matrix_rank),
    *(np.bitwise_count, np.left_shift, np.right_shift, np.gcd, np.lcm, np.packbits),
    np.unpackbits,
)
if hasattr(np, "in1d"):  # until NumPy 2.4
    PLAIN = (*PLAIN, np.in1d)
for function in PLAIN:
    table[function] = plainly(function)
for function in SHOWN:
    table[function] = shown(function)
table[Tensor.detach] = shown(detach)

IN_PLACE = "changes its argument in place; use t.at[index].set(values), which returns a new Tensor"
refuse(f"{IN_PLACE}, or np.broadcast_to(t, shape) for np.full_like", np.copyto)
refuse(IN_PLACE, np.fill_diagonal, np.place, np.put, np.put_along_axis, np.putmask)
refuse(
    "takes or returns complex numbers, which carry no gradient here",
    *(np.fft.fft, np.fft.fft2, np.fft.fftn, np.fft.hfft, np.fft.ifft, np.fft.ifft2, np.fft.ifftn),
    *(np.fft.ihfft, np.fft.irfft, np.fft.irfft2, np.fft.irfftn, np.fft.rfft, np.fft.rfft2),
    *(np.fft.rfftn, np.sort_complex),
)
refuse("writes a file; use t.numpy()", np.save, np.savetxt, np.savez, np.savez_compressed)
refuse(
    "is about dates, not numbers",
    *(np.busday_count, np.busday_offset, np.datetime_as_string, np.is_busday),
)
