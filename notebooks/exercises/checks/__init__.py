"""The checks of the exercises: `check(my_function)` says what is right, `hint(my_function)` helps."""

from .course import EXERCISES
from .in_notebook import check, hint

__all__ = ["EXERCISES", "check", "hint"]
