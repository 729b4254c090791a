"""The table of derivatives: for each of NumPy's functions one short rule per argument.

A rule takes g, the gradient of the output, then the output y and the arguments, and returns the
gradient of its argument. It uses operators and NumPy's functions only: on arrays it computes, on
Tensors it records. Sums over broadcast axes and over several uses are the engine's business.
"""

import importlib

from ..table import when_imported
from . import (  # noqa: F401  (each enters its functions in the table)
    choices,
    curves,
    elementwise,
    indexing,
    linear_algebra,
    numpys_own,
    products,
    reductions,
    shapes,
    sorting,
    values,
)

when_imported["scipy.special"] = lambda: importlib.import_module(".special", __name__)
