"""What all tests share; and each process computes in one thread, as there is one for each core.

Threads of BLAS that share a core wait for each other in turns: on two cores some tests took ten
times as long.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy; what a test starts has it too

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import nn

# On a busy machine an example takes a second now and then.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def torch():
    """What a test compares with; the test is skipped where it is not installed."""
    return pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def same_random_state():
    """What draws from nn's generator draws the same in every run."""
    nn.manual_seed(0)
