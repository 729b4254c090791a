"""Typical wrong answers are rejected, each with words that name its mistake.

A mistake is an edit of the solution: what stands there, what somebody writes instead, and words
that the verdict must contain.
"""

import warnings

import pytest
from exercise_kit import EXERCISES, judged, solution, with_mistake

MISTAKES = {
    "sigmoid_slope": [
        ("s * (1 - s)", "s", "σ(z) itself"),
        ("s * (1 - s)", "1 - s", "this is 1 - σ(z)"),
        ("s * (1 - s)", "z * (1 - z)", "you put z in its place"),
        ("s * (1 - s)", "-s * (1 - s)", "wrong sign"),
        ("s * (1 - s)", "s * (1 + s)", "a + where the slope has a -"),
        ("s * (1 - s)", "1 - np.tanh(z) ** 2", "derivative of tanh"),
        ("s * (1 - s)", "-(s**2)", "forgot the inner derivative"),
        ("s = ", "z = 1 / (1 + np.exp(-z))\n    s = ", "σ is applied twice"),
    ],
    "tower_slope": [
        (" * 2 * x", "", "forgot the innermost factor"),
        (" * np.exp(u)", "", "forgot the factor in the middle"),
        ("np.exp(v) * ", "", "forgot the outermost factor"),
        ("np.exp(v) * ", "np.exp(u) * ", "taken at x², not at exp(x²)"),
        (" * 2 * x", " * x", "1/2 times"),
        ("np.exp(v) * np.exp(u) * 2 * x", "np.exp(v)", "y itself"),
        (" * 2 * x", " * -2 * x", "wrong sign"),
    ],
    "all_paths": [
        (" + dL_db * db_da * da_dw", "", "w → a → b → L is missing"),
        ("dL_db * db_dw + ", "", "w → b → L is missing"),
        (" + dL_da * da_dw", "", "w → a → L is missing"),
        ("dL_da * da_dw + dL_db * db_da * da_dw", "0", "only the path w → b → L"),
        ("+ dL_db * db_da * da_dw", "- dL_db * db_da * da_dw", "with the wrong sign"),
        ("+ dL_da * da_dw", "+ 2 * dL_da * da_dw", "w → a → L is counted twice"),
    ],
    "output_error": [
        (" * A * (1 - A)", "", "forgot the factor σ′(Z)"),
        ("(A - Y) / m", "(A - Y)", "forgot to divide by it"),
        ("(A - Y)", "(Y - A)", "wrong sign"),
        ("(A - Y)", "2 * (A - Y)", "2 times what it should be"),
        ("A * (1 - A)", "sigmoid(A) * (1 - sigmoid(A))", "σ′ is taken at A"),
        ("m = Z.shape[1]", "m = Z.size", "number of entries"),
        ("m = Z.shape[1]", "m = len(Z)", "the points are the columns"),
        ("* (1 - A)", "* (1 - A) / m", "divided once too often"),
        ("(A - Y)", "(Z - Y)", "compared with the outputs"),
        ("(A - Y) / m * A * (1 - A)", "((A - Y) / m * A * (1 - A)).sum(1)", "summed over the batch"),
        ("(A - Y) / m * A * (1 - A)", "((A - Y) / m * A * (1 - A)).T", "transposed"),
    ],
    "hidden_error": [
        (" * H * (1 - H)", "", "forgot the factor σ′(Z)"),
        ("W.T @ delta", "W @ delta", "W is to be transposed"),
        (" * H * (1 - H)", " * H", "by σ(Z), not by σ′(Z)"),
        ("H * (1 - H)", "sigmoid(H) * (1 - sigmoid(H))", "it belongs at Z"),
        ("(1 - H)", "(1 - H) / Z.shape[1]", "averaged over the batch"),
        ("(W.T @ delta)", "delta.sum(0)", "the weights are missing"),
        ("(W.T @ delta)", "-(W.T @ delta)", "wrong sign"),
    ],
    "weight_gradients": [
        ("delta @ H.T / m", "delta @ H.T", "dW is wrong: you forgot to divide by the number of points"),
        ("delta.sum(axis=1) / m", "delta.sum(axis=1)", "db is wrong: you forgot to divide"),
        ("delta.sum(axis=1) / m", "delta", "db is wrong: you forgot to add over the batch"),
        ("delta @ H.T / m", "H @ delta.T / m", "dW is wrong: it is transposed"),
        ("delta.sum(axis=1)", "delta.mean(axis=1)", "divided by m twice"),
        ("delta.sum(axis=1) / m", "delta.mean(axis=0)", "averaged over the neurons"),
        ("m = H.shape[1]", "m = len(H)", "number of inputs"),
        ("delta @ H.T", "delta[:, :1] @ H[:, :1].T * m", "only the first point"),
        ("axis=1)", "axis=1, keepdims=True)", "arranged in another shape"),
        ("return dW, db", "return dW", "it gives 1 value"),
    ],
    "cross_entropy_slope": [
        ("(P - Y) / m", "P - Y", "forgot to divide by it"),
        ("(P - Y)", "(Y - P)", "wrong sign"),
        ("(P - Y)", "P", "forgot to subtract Y"),
        ("(P - Y)", "(Z - Y)", "the scores Z stand"),
        ("(P - Y)", "(P - Y) * Y", "only the entry of each point's own class"),
        ("Z - Z.max(axis=0)", "Z", "overflow"),
        ("P = E / E.sum(axis=0)", "P = 1 / (1 + np.exp(-Z))", "where softmax belongs"),
        ("m = Z.shape[1]", "m = len(Z)", "number of classes"),
        ("(P - Y) / m", "-Y / P / m", "this is ∂C/∂P"),
        (
            "E = np.exp(Z - Z.max(axis=0))\n    P = E / E.sum(axis=0)",
            "E = np.exp(Z - Z.max(axis=1, keepdims=True))\n    P = E / E.sum(axis=1, keepdims=True)",
            "along the wrong axis",
        ),
    ],
}  # fmt: skip

EACH = [
    pytest.param(name, *mistake, id=f"{name}-{k}")
    for name, mistakes in MISTAKES.items()
    for k, mistake in enumerate(mistakes)
]


@pytest.fixture(autouse=True)
def _answers_may_overflow():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@pytest.mark.parametrize(("name", "right", "wrong", "words"), EACH)
def test_a_typical_wrong_answer_is_rejected_by_name(name, right, wrong, words):
    verdict = judged(name, with_mistake(name, right, wrong))
    assert not verdict
    assert words in " ".join(verdict.said), verdict


@pytest.mark.parametrize("name", EXERCISES)
def test_every_exercise_has_at_least_five_wrong_answers(name):
    assert len(MISTAKES[name]) >= 5


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_is_right_and_the_start_is_not(name):
    assert judged(name, solution(name))
    assert judged(name, EXERCISES[name].start).result == "not written yet"
