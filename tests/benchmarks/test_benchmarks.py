"""What the benchmark times is right. All the systems are compared when it is run."""

import numpy as np
import pytest

from microgradnd import Tensor, history

from . import chain, expression, large_array, network, training
from .timing import OURS, check_agreement


@pytest.mark.parametrize(
    ("ours", "by_hand"),
    [
        (large_array.microgradnd, large_array.numpy_by_hand),
        (network.microgradnd_spelled_out, network.numpy_by_hand),
        (network.microgradnd_with_primitives, network.numpy_by_hand),
        (training.sigmoid_ours, training.sigmoid_by_hand),
        (lambda: training.ours(training.RELU), training.relu_by_hand),
    ],
)
def test_ours_agrees_with_numpy_by_hand(ours, by_hand):
    check_agreement({OURS: ours(), "NumPy by hand": by_hand()})


def test_expression_has_as_many_operations_as_it_says():
    value = expression.expression(np, *(Tensor(x, requires_grad=True) for x in expression.points()))
    recorded = [t.operation.name for t in history(value) if t.operation is not None]
    assert recorded.pop() == "sum"
    assert len(recorded) == expression.OPERATIONS


def test_chain_has_the_slope_of_a_power():
    (gradient,) = chain.microgradnd()()
    np.testing.assert_allclose(gradient, 1.0001**chain.LENGTH, rtol=1e-9)
