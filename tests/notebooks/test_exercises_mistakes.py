"""Typical wrong answers are rejected, each with words that name its mistake.

A mistake is an edit of the solution: what stands there, what somebody writes instead, and words
that the verdict must contain. Each exercise's own mistakes are tried by test_exercises; here are
those that all exercises share.
"""

import pytest

from tests.notebooks.exercise_kit import EXERCISES, Limits, judge, judged, solution, with_mistake

MISTAKES = [
    ("sigmoid_slope", "s * (1 - s)", "-s * (1 - s)", "wrong sign"),
    ("tower_slope", " * 2 * x", " * x", "1/2 times"),
    ("output_error", "(A - Y) / m", "(A - Y)", "5 times what it should be, and 5 is the length of axis 1 of Z"),
    ("weight_gradients", "delta @ H.T / m", "H @ delta.T / m", "dW: transposed"),
    ("weight_gradients", "axis=1)", "axis=1, keepdims=True)", "arranged in another shape"),
    ("cross_entropy_slope", "Z - Z.max(axis=0)", "Z", "overflow"),
    ("rosenblatt_pass", "w = w + label * x", "w += label * x", "changes its arguments (w)"),
    ("softmax", "Z - Z.max(axis=0)", "Z", "scores of 800"),
    ("softmax", "Z.max(axis=0)", "Z.max()", "columns of very different size"),
    ("softmax", "E / E.sum(axis=0)", "(E / E.sum(axis=0)).T", "transposed"),
    ("minibatch_step", "return w - step", "w -= step\n    return w", "changes its arguments (w)"),
    ("network_gradients", "delta2.sum(axis=1)", "delta2", "db2: you forgot to sum over axis 1"),
    ("network_gradients", "return dW1, db1, dW2, db2", "return dW2, db2, dW1, db1", "in another order"),
    ("dropout_backward", "g * mask", "g * (np.random.rand(*g.shape) < keep)", "something else at each call"),
    ("batch_norm_backward", "g.sum(axis=1)", "g", "dβ: you forgot to sum over axis 1"),
    ("conv_backward", "return d_image", "return d_image[1:-1, 1:-1]", "its shape is"),
    ("autograd", "g = np.sum(g, axis=tuple(range(np.ndim(g) - len(shape))))", "pass", "operands that are repeated"),
    ("autograd", "g @ b.data.T, lambda g: a.data.T @ g", "g @ b.data, lambda g: a.data @ g", "matmul and tanh"),
]  # fmt: skip

IN_TURN = """\
for value in reversed(values):  # every gradient is complete when its turn comes
        value.pull_back()"""
TOO_MUCH = {
    "visit every value once": (
        "autograd",
        IN_TURN,
        """\
def visit(value, g):
        value.receive(g)
        for parent, rule in zip(value.parents, value.rules):
            visit(parent, rule(g))
    values[-1].gradient = 0.0
    visit(values[-1], np.ones(()))""",
    ),
    "H is too large to be built": (
        "hessian_times",
        "return X.T @ change / len(X)",
        "return (X.T @ ((s * (1 - s))[:, None] * X) / len(X)) @ v",
    ),
}


@pytest.mark.parametrize(("name", "right", "wrong", "words"), MISTAKES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # answers may overflow
def test_a_typical_wrong_answer_is_rejected_by_name(name, right, wrong, words):
    verdict = judged(name, with_mistake(name, right, wrong))
    assert not verdict
    assert words in " ".join(verdict.said), verdict


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_is_right_and_the_start_is_not(name):
    assert judged(name, solution(name))
    assert judged(name, EXERCISES[name].words.start).result == "not written yet"


@pytest.mark.parametrize("words", TOO_MUCH)
def test_the_verdict_on_an_answer_that_does_too_much_work_names_it(words):
    name, right, wrong = TOO_MUCH[words]
    verdict = judge(EXERCISES[name], with_mistake(name, right, wrong), Limits(2, 1024))
    assert verdict.result == "stopped"
    assert words in verdict.said[0]
