"""Composed functions that make a choice from data: whoever computes them again chooses anew."""

import numpy as np

from ..backward import differentiate
from ..context import recording_on
from ..primitive import Primitive
from ..table import each
from ..tensor import Tensor


def at_once(name):
    """Make one operation of a composed function, whose rules are those of what it calls.

    Recorded call by call, a mask or an order that it takes from data would be a constant of the
    graph, and wrong for the other numbers that `derive` and a page compute with.
    """

    def enter(function):
        def rule(position, g, y, *arguments, **options):
            recorded = any(isinstance(x, Tensor) for x in (g, *arguments))
            with recording_on():
                x = arguments[position]
                x = np.copy(x) if isinstance(x, Tensor) else Tensor(x, True, copy=False)
                made = function(*arguments[:position], x, *arguments[position + 1 :], **options)
                return differentiate({made: g}, {x}, recorded=recorded).get(x, 0)

        operation = Primitive(function, each(rule), name)
        return lambda *arguments, **options: operation.apply(arguments, options)

    return enter
