"""Whether forward mode agrees with reverse mode."""

from __future__ import annotations

import numpy as np

from ..backward import differentiate
from ..operators import plain
from ..tensor import Tensor
from ..transforms import heads_with, recorded_gradients
from .culprit import Culprit, cannot_differentiate
from .function_under_test import FunctionUnderTest, heads
from .report import Report

_ENOUGH = 64  # so many times its rounding a slope may be off
_TINY = 1e-300  # below it numbers lose their digits


def check_forward(function: FunctionUnderTest) -> Report:
    """Compare forward mode with reverse mode, which agrees with differences.

    Forward mode is the derivative of what reverse mode pulls back, with respect to the weights.
    """
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=v.shape).astype(v.dtype) for v in function.variables]
    try:
        with function.recording():
            vector = function.vector()
            probe = Tensor(rng.normal(size=vector.size), requires_grad=True, dtype=vector.dtype)
            slopes = recorded_gradients(heads(vector, probe), function.variables)
            pairs = list(zip(slopes, directions, strict=True))
            pulled = float(sum(np.sum(plain(p) * d) for p, d in pairs))
            moving = [pair for pair in pairs if pair[0].requires_grad]
            start = heads_with([p for p, _ in moving], [d for _, d in moving])
            velocities = differentiate(start, {probe}, retain=True)
    except Exception as error:  # whatever a user's rule may raise
        return Report(culprits=[cannot_differentiate(error)])
    parts = {node: plain(node) * velocity for node, velocity in velocities.items()}
    bits = (np.finfo(p.dtype).eps * np.sum(np.abs(p[np.isfinite(p)])) for p in parts.values())
    pushed, rounding = float(np.sum(parts.get(probe, 0))), float(sum(bits))
    if abs(pushed - pulled) <= _ENOUGH * rounding + _TINY:
        return Report()
    if not np.isfinite(pushed) and not np.isfinite(pulled):
        return Report(notes=["the slope is not finite here: forward mode cannot be compared"])
    mistake = (
        f"forward mode gives {pushed:.6g} where reverse mode gives {pulled:.6g}: a rule is not "
        "linear in the gradient of the output, or is not written with NumPy's functions"
    )
    return Report(culprits=[Culprit("forward mode", mistake=mistake)])
