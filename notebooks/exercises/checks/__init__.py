"""The checks of the exercises: `check(my_function)` judges an answer, `hint(my_function)` helps."""

from .course import EXERCISES
from .in_notebook import check, hint

__all__ = ["EXERCISES", "check", "hint"]
