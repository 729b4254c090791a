"""A calculation as a program: a straight line of NumPy calls, with no Tensor and no graph.

Rules compute on any kind of array: on stand-ins a step computes as always, and its calls are noted.
`derive` writes them down for a person, `replay` runs them.

The tape of values, and what `derive` writes of it, in the order in which they are best read:

- `value`: an array that is never overwritten, and the call that made it;
- `stand_in`: what code gets in the place of an array, with parts and writes in place;
- `value_tape`: notes the calls on stand-ins, equal calls once;
- `retraced`: a recorded graph on such a tape;
- `sheet`: a loss and its gradients on such a tape, with names and reasons;
- `naming`: what Tensors are called;
- `simplify` and `rules`: what a person would not write is taken out;
- `writing` and `spelling`: values as lines of Python and LaTeX;
- `derive` and `answer`: from a function or a loss to the source, checked.

For `replay` a step is recorded twice; two recordings that agree make a program:

- `recorded`: arrays and numbers that replace those of the step, and pass its calls on;
- `inside`: what is inside of values: arrays, numbers, the parts of tuples;
- `tape`: notes the calls of NumPy's functions, each with the array to write to;
- `spelled_out`: functions that become several such calls;
- `reach`: all that a step can see and change, apart from its arguments;
- `moment`: a snapshot of everything within reach, with its generators, to go back to;
- `recording`: puts recorded arrays everywhere within reach, runs the step, puts plain ones back,
  and refuses what could not be replayed;
- `outline`: what two recordings must have in common;
- `layout`: fewer calls, and where their arrays lie in memory;
- `lines`: the calls as lines of Python;
- `runner`: runs them, as long as everything within reach is as it was;
- `replay`: chooses the program for a call, or makes one.
"""

from typing import TYPE_CHECKING

from ..arrays import holds
from ..late import import_late
from .reach import unchanging
from .recorded import NotReplayableError
from .replay import Replay, replay
from .tape import afresh, being_recorded
from .value import NotDerivableError

if TYPE_CHECKING:
    from .answer import Answer
    from .derive import derive
else:
    import_late(__name__, Answer=".answer", derive=".derive")

__all__ = [
    "Answer", "NotDerivableError", "NotReplayableError", "Replay", "afresh", "being_recorded",
    "derive", "holds", "replay", "unchanging",
]  # fmt: skip
