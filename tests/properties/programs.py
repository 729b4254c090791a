"""Random programs of NumPy's functions: plain data, for arrays, Tensors and other libraries to run.

A program is a list of calls. It is drawn with its values computed along, so that each call fits the
values there are, and so that these stay tame: none grows, logarithms and quotients stay away from 0.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.properties import moves_of_numbers, moves_of_products, moves_of_shapes
from tests.properties.calls import NUMPY, Program
from tests.properties.drafts import Draft

__all__ = ["NUMPY", "Program", "program_from", "random_programs"]

MOVES = [*moves_of_numbers.MOVES, *moves_of_shapes.MOVES, *moves_of_products.MOVES]


def program_from(random: Any, refused: bool = False) -> Program:
    """A program of 5 to 50 calls; `random` is a random.Random, or Hypothesis' imitation of one.

    With `refused` it may ask for what no Tensor does.
    """
    draft = Draft(random, refused)
    length = draft.upto(5, 42)
    while len(draft.program.calls) < length:
        draft.add(draft.choice(MOVES))
    return draft.finished()


random_programs = st.builds(program_from, st.randoms(), st.just(True))
