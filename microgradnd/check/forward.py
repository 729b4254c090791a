"""Whether pushing velocities forward agrees with pulling gradients back."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from ..backward import differentiate
from ..operators import plain
from ..tensor import Tensor
from ..transforms import heads_with, recorded_gradients
from .culprits import Culprit, not_again
from .report import Report
from .slopes import Array
from .subject import Subject, seeded

_ENOUGH = 64  # so many times its rounding a slope may be off
_TINY = 1e-300  # below it numbers lose their digits


def check_forward(subject: Subject) -> Report:
    """Hold forward mode against reverse mode, which differences have found to be right."""
    try:
        with np.errstate(all="ignore"):
            pushed, pulled, rounding = _both_ways(subject)
    except Exception as error:  # whatever a rule of somebody's may raise
        return Report([], [not_again(error)], [])
    if abs(pushed - pulled) <= _ENOUGH * rounding + _TINY:
        return Report([], [], [])
    if not np.isfinite(pushed) and not np.isfinite(pulled):
        return Report([], [], ["the slope is not finite here: forward mode cannot be compared"])
    culprit = Culprit(
        "forward mode", None, (), (), (), None,
        f"forward mode gives {pushed:.6g} where reverse mode gives {pulled:.6g}: a rule is not "
        "linear in the gradient it is handed, or is not written with NumPy's functions",
    )  # fmt: skip
    return Report([], [culprit], [])


def _both_ways(subject: Subject) -> tuple[float, float, float]:
    """One and the same slope by forward and by reverse mode, and how far rounding moves them.

    That is measured: by how much more or less the two differ when the inputs change in their last
    bits, all by the same factor, which keeps what is zero, equal or greater so. But where a sum
    cancels, its error may stay the same; so the last bits of the slope's parts are added.
    """
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=v.shape).astype(v.dtype) for v in subject.variables]
    weights = rng.normal(size=sum(np.size(plain(y)) for y in subject.outputs))
    pushed, pulled, last_bits = _slope(subject, subject.outputs, weights, directions)
    moved = 0.0
    for bits in (4, 8, 12):
        arrays = [array * (1 + bits * np.finfo(array.dtype).eps) for array in subject.arrays]
        with subject.with_arrays(arrays), contextlib.suppress(Exception):  # outside f's domain
            forward, backward, _ = _slope(subject, subject.outputs_now(), weights, directions)
            moved = np.fmax(moved, abs((forward - backward) - (pushed - pulled)))
    return pushed, pulled, last_bits + moved


def _slope(
    subject: Subject, outputs: list[Any], weights: Array, directions: list[Array]
) -> tuple[float, float, float]:
    """The slope of the weighted outputs, forward and in reverse, and the last bits of its parts.

    It is cut into parts at each node of the recorded gradient: for each entry its value times its
    velocity. They may be larger by far than the slope, and cancel.
    """
    heads, seeds = seeded(outputs, weights)
    probes = [Tensor(np.array(seed, y.dtype), requires_grad=True)
              for y, seed in zip(heads, seeds, strict=True)]  # fmt: skip
    pulled = recorded_gradients(heads_with(heads, probes), subject.variables)
    backward = [np.sum(p._data * d) for p, d in zip(pulled, directions, strict=True)]
    moving = [(p, d) for p, d in zip(pulled, directions, strict=True) if p.requires_grad]
    velocities = differentiate(
        heads_with([p for p, _ in moving], [d for _, d in moving]), set(probes), retain=True
    )
    parts = {node: node._data * velocity for node, velocity in velocities.items()}
    forward = [np.sum(parts[probe]) for probe in probes if probe in parts]
    last_bits = [
        np.finfo(part.dtype).eps * np.sum(np.abs(part), where=np.isfinite(part))
        for part in parts.values()
    ]
    return float(sum(forward)), float(sum(backward)), float(sum(last_bits))
