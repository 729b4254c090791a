import numpy as np
import pytest

import nn


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def same_random_state():
    """What draws from nn's generator draws the same in every run."""
    nn.manual_seed(0)
