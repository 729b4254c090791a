"""A calculation as a program: a straight line of NumPy calls, with no Tensor and no graph.

Rules compute on any kind of array: on stand-ins a step computes as always, and its calls are noted
on one tape. `derive` writes them down for a person, `replay` runs them.

The tape of values, in the order in which its files are best read:

- `value`: an array that is never overwritten, and the call that made it;
- `stand_in`: what code gets in the place of an array or a number, with parts and writes in place;
- `value_tape`: notes the calls on stand-ins, equal calls once;
- `recorder`: what code may say to the tape, and the errors where it cannot be recorded;
- `retraced`: a recorded graph on such a tape.

What `derive` writes of it:

- `sheet`: a loss and its gradients on such a tape, with names and reasons;
- `simplify`: what a person would not write is taken out, by a table of rules;
- `writing`: values as lines of Python and LaTeX;
- `derive`: from a function or a loss to the source, checked.

and what a page computes with:

- `browser`: a graph and its rules as calls of few functions, for an interpreter in JavaScript.

For `replay` a step is recorded twice; two recordings that agree make a program:

- `surroundings`: what a step can see and change, apart from its arguments, and a snapshot of it;
- `step_tape`: the tape of values while a step runs, which refuses what could not be replayed;
- `recording`: puts stand-ins everywhere within reach, runs the step, puts plain arrays back;
- `calls`: the values as calls that are told where to write;
- `layout`: fewer calls, and where their arrays lie in memory;
- `lines`: the calls as lines of Python;
- `runner`: runs them, as long as everything within reach is as it was;
- `replay`: chooses the program for a call, or makes one of two recordings that agree.
"""

from typing import TYPE_CHECKING

from ..arrays import holds
from ..late import import_late
from .recorder import NotReplayableError, afresh, being_recorded, unchanging

if TYPE_CHECKING:
    from .derive import Answer, derive
    from .replay import Replay, replay
    from .value import NotDerivableError
else:
    import_late(__name__, derive="Answer derive", replay="Replay replay", value="NotDerivableError")

__all__ = [
    "Answer", "NotDerivableError", "NotReplayableError", "Replay", "afresh", "being_recorded",
    "derive", "holds", "replay", "unchanging",
]  # fmt: skip
