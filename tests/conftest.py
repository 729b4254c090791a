import numpy as np
import pytest

import nn


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
