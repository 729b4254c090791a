"""Steps that compute every function with a derivative, and random programs: equal or refused."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microgradnd import Tensor
from microgradnd.program import NotReplayableError
from tests.engine import cases
from tests.program.replayed import bits, same, with_gradients
from tests.properties.programs import NUMPY, program_from

REFUSED = {  # why functions are, and in the cases of which
    "returns several arrays": "eigh eigvalsh slogdet norm qr svd",
    "picking by a mask": "add getitem set",  # a mask that is computed
    "reading a value": "add",
    "a plain array made of it": "add set",
    "an array's flags": "reshape",  # asks in which order the entries lie
}
ALSO = ["np.add.at into an array", "from outside", "does not look"]  # random programs


def equal_or_refused(total_of, arrays):
    """A step that computes a number, differentiates and updates; returns why it is refused."""

    def run(of):
        inputs = [Tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]

        def step(rate):
            total = total_of(inputs)
            for x in inputs:
                x.grad = None
            if isinstance(total, Tensor) and total.requires_grad:
                total.backward()
            for x in inputs:
                if x.grad is not None:
                    x.data -= rate * x.grad
            return total

        act = of(step)
        with np.errstate(all="ignore"):
            return [bits([act(1e-6), with_gradients(inputs)]) for _ in range(4)]

    try:
        same(run)
    except NotReplayableError as error:
        return str(error)
    return None


@pytest.mark.parametrize("case", list(cases.make()), ids=repr)
def test_every_function_with_a_derivative(case):
    def total(inputs):
        made = case.call(*inputs)
        parts = made if isinstance(made, tuple | list) else [made]
        return sum(np.sum(p * p * np.cos(np.arange(p.size)).reshape(p.shape)) for p in parts)

    error = equal_or_refused(total, case.inputs)
    if error is not None:
        reason = next(reason for reason in REFUSED if reason in error)
        assert case.name.split("-")[0] in REFUSED[reason].split()


def random_programs(**options):
    @settings(database=None, suppress_health_check=list(HealthCheck), **options)
    @given(st.randoms(use_true_random=True))
    def test(source):
        program = program_from(source)
        error = equal_or_refused(lambda inputs: program.total(inputs, NUMPY), program.inputs())
        assert error is None or any(reason in error for reason in [*REFUSED, *ALSO]), error

    return test


@pytest.mark.parametrize("seed", [60419, 63125, 294320, 480247544])
def test_random_programs_that_failed(seed):
    program = program_from(random.Random(seed))
    error = equal_or_refused(lambda inputs: program.total(inputs, NUMPY), program.inputs())
    assert error is None or any(reason in error for reason in [*REFUSED, *ALSO]), error


test_random_programs = random_programs(max_examples=150, derandomize=True)
test_many_random_programs = pytest.mark.heavy(random_programs(max_examples=4000))
