"""Functions that return booleans, indices or shapes: the results are plain arrays."""

import numpy as np

from ..operators import plain
from ..table import table


def plainly(function):
    return lambda *arguments, **options: function(*plain(arguments), **plain(options))


for function in (
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
    *(np.isnan, np.isinf, np.isfinite, np.signbit, np.isneginf, np.isposinf, np.isreal),
    *(np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.iscomplex, np.iscomplexobj),
    *(
        np.isrealobj,
        np.isclose,
        np.allclose,
        np.array_equal,
        np.array_equiv,
        np.any,
        np.all,
        np.isin,
    ),
    *(np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.lexsort),
    *(np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero, np.searchsorted, np.digitize),
    *(np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type),
    *(np.shares_memory, np.may_share_memory, np.zeros_like, np.ones_like, np.empty_like),
    *(np.array_repr, np.array_str, np.array2string),
    *(np.tril_indices_from, np.triu_indices_from, np.diag_indices_from),
):
    table[function] = plainly(function)
