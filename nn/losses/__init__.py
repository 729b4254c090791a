"""Losses: how far outputs are from their targets, as one number to be lowered; each also a module.

All take the outputs of a network as `input`, then `target`. The classes of a classification are
along axis 1 of the input, or along its only axis; labels are integers from 0. As in PyTorch,
`reduction` is "mean", "sum" or "none".
"""
# ruff: noqa: F403

from .distances import *
from .likelihoods import *
from .margins import *
from .targets import *
