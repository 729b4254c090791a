"""A training step as a program: a straight line of NumPy calls, with no Tensor and no graph.

`replay` runs it; the step is recorded twice, and two recordings that agree make a program. Rules
compute on any kind of array: on recorded arrays a step computes as always, and its calls are noted.

In the order in which they are best read:

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

from ..arrays import holds
from .reach import unchanging
from .recorded import NotReplayableError
from .replay import Replay, replay
from .tape import afresh, being_recorded

__all__ = [
    "NotReplayableError", "Replay", "afresh", "being_recorded", "holds", "replay", "unchanging",
]  # fmt: skip
