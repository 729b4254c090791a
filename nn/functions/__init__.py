"""Activation functions: what a neuron computes from its weighted sum; each also as a module.

`inplace` is accepted for scripts written for PyTorch and changes nothing: a recorded Tensor is
never overwritten.
"""
# ruff: noqa: F403

from .declared import *
from .pieces import *
from .similarity import *
from .smooth import *
