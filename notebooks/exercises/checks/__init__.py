"""The checks of the exercises: `check(my_function)` judges an answer, `hint(my_function)` helps."""

import nn

if not hasattr(nn, "functional"):
    what = "rename that file or uninstall that package, and restart the kernel"
    raise ImportError(f"expected this project's nn, got {nn}; {what}")

from .course import EXERCISES
from .in_notebook import check, hint

__all__ = ["EXERCISES", "check", "hint"]
