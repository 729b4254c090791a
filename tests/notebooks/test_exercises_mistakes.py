"""Typical wrong answers are rejected, each with words that name its mistake.

A mistake is an edit of the solution: what stands there, what somebody writes instead, and words
that the verdict must contain.
"""

import pytest

from tests.notebooks.exercise_kit import EXERCISES, Limits, judge, judged, solution, with_mistake

MISTAKES = [
    ("sigmoid_slope", "s * (1 - s)", "s", "σ(z) itself"),
    ("sigmoid_slope", "s * (1 - s)", "1 - s", "this is 1 - σ(z)"),
    ("sigmoid_slope", "s * (1 - s)", "-s * (1 - s)", "wrong sign"),
    ("sigmoid_slope", "s * (1 - s)", "1 - np.tanh(z) ** 2", "derivative of tanh"),
    ("tower_slope", " * 2 * x", "", "forgot the innermost factor"),
    ("tower_slope", " * np.exp(u)", "", "forgot the factor in the middle"),
    ("tower_slope", " * 2 * x", " * x", "1/2 times"),
    ("tower_slope", " * 2 * x", " * -2 * x", "wrong sign"),
    ("all_paths", " + dL_db * db_da * da_dw", "", "w → a → b → L is missing"),
    ("all_paths", "dL_db * db_dw + ", "", "w → b → L is missing"),
    ("all_paths", " + dL_da * da_dw", "", "w → a → L is missing"),
    ("all_paths", "dL_da * da_dw + dL_db * db_da * da_dw", "0", "only the path w → b → L"),
    ("output_error", " * A * (1 - A)", "", "forgot the factor σ′(Z)"),
    ("output_error", "(A - Y) / m", "(A - Y)", "5 times what it should be, and 5 is the length of axis 1 of Z"),
    ("output_error", "(A - Y)", "2 * (A - Y)", "2 times what it should be"),
    ("output_error", "A * (1 - A)", "sigmoid(A) * (1 - sigmoid(A))", "σ′ is taken at A"),
    ("hidden_error", " * H * (1 - H)", "", "forgot the factor σ′(Z)"),
    ("hidden_error", "W.T @ delta", "W @ delta", "W must be transposed"),
    ("hidden_error", " * H * (1 - H)", " * H", "by σ(Z), not by σ′(Z)"),
    ("hidden_error", "H * (1 - H)", "sigmoid(H) * (1 - sigmoid(H))", "it belongs at Z"),
    ("weight_gradients", "delta @ H.T / m", "delta @ H.T", "dW: you forgot to divide by the number of points"),
    ("weight_gradients", "delta.sum(axis=1) / m", "delta.sum(axis=1)", "db: you forgot to divide"),
    ("weight_gradients", "delta @ H.T / m", "H @ delta.T / m", "dW: transposed"),
    ("weight_gradients", "axis=1)", "axis=1, keepdims=True)", "arranged in another shape"),
    ("cross_entropy_slope", "(P - Y)", "P", "forgot to subtract Y"),
    ("cross_entropy_slope", "(P - Y)", "(Z - Y)", "the scores Z stand"),
    ("cross_entropy_slope", "Z - Z.max(axis=0)", "Z", "overflow"),
    ("cross_entropy_slope", "P = E / E.sum(axis=0)", "P = 1 / (1 + np.exp(-Z))", "where softmax belongs"),
    ("rosenblatt_pass", "if label * (w @ x) <= 0:", "if True:", "points that are right are also corrected"),
    ("rosenblatt_pass", "<= 0", "> 0", "right points are corrected, not the wrong"),
    ("rosenblatt_pass", "<= 0", "< 0", "a point on the boundary"),
    ("rosenblatt_pass", "w = w + label * x", "w += label * x", "changes its arguments (w)"),
    ("softmax", "E.sum(axis=0)", "E.sum()", "the sum goes over the whole batch"),
    ("softmax", "Z - Z.max(axis=0)", "Z", "scores of 800"),
    ("softmax", "E / E.sum(axis=0)", "E", "divided by the largest exponential"),
    ("softmax", "E / E.sum(axis=0)", "(E / E.sum(axis=0)).T", "transposed"),
    ("forward", " + b1[:, None]", "", "b1 is missing"),
    ("forward", " + b2[:, None]", "", "b2 is missing"),
    ("forward", "1 / (1 + np.exp(-(W1 @ X + b1[:, None])))", "W1 @ X + b1[:, None]", "have no sigmoid"),
    ("forward", "1 / (1 + np.exp(-(W1 @ X + b1[:, None])))", "np.tanh(W1 @ X + b1[:, None])", "tanh"),
    ("add_backward", "db = sum_to(g, b)", "db = g", "db: this is g itself"),
    ("add_backward", "return g.sum(axis=repeated, keepdims=True)", "return g", "where it has length 1 are not"),
    ("add_backward", "da = sum_to(g, a)", "da = sum_to(g * b, a)", "the rule of a product"),
    ("add_backward", "da = sum_to(g, a)", "da = sum_to(np.ones(g.shape), a)", "g is missing"),
    ("minibatch_step", "w - step", "w + step", "uphill"),
    ("minibatch_step", "mean(axis=0)", "sum(axis=0)", "added, not averaged"),
    ("minibatch_step", "w - step", "-step", "the step alone"),
    ("minibatch_step", "return w - step", "w -= step\n    return w", "changes its arguments (w)"),
    ("network_gradients", " / m * A * (1 - A)", " / m", "σ′ of the outputs is missing"),
    ("network_gradients", " * H * (1 - H)", "", "dW1: σ′ of the hidden neurons is missing"),
    ("network_gradients", "delta2.sum(axis=1)", "delta2", "db2: you forgot to sum over axis 1"),
    ("network_gradients", "return dW1, db1, dW2, db2", "return dW2, db2, dW1, db1", "in another order"),
    ("l2_gradients", "strength / n * W", "strength * W", "forgot to divide by n"),
    ("l2_gradients", "strength / n * W", "strength / (2 * n) * W", "a factor ½ too many"),
    ("l2_gradients", "strength / n * W", "2 * strength / n * W", "a factor 2 too many"),
    ("l2_gradients", "dW + decay", "dW - decay", "wrong sign"),
    ("max_norm", None, "def max_norm(W, c):\n    lengths = np.linalg.norm(W, axis=0)\n    return W * np.minimum(1, c / lengths)", "lengths are those of columns"),
    ("max_norm", "np.minimum(1, c / lengths)", "c / lengths", "short rows are stretched"),
    ("max_norm", "np.sum(W**2, axis=1, keepdims=True)", "np.sum(W**2)", "as one vector"),
    ("max_norm", "W * np.minimum(1, c / lengths)", "np.clip(W, -c, c)", "cut off by itself"),
    ("dropout_backward", " / keep", "", "forgot to divide by keep"),
    ("dropout_backward", " * mask", "", "forgot the mask"),
    ("dropout_backward", "g * mask / keep", "g", "neither the mask nor keep"),
    ("dropout_backward", "g * mask", "g * (np.random.rand(*g.shape) < keep)", "something else at each call"),
    ("batch_norm_backward", " - through_mean", "", "dZ: the path through the mean μ is missing"),
    ("batch_norm_backward", " - through_variance", "", "dZ: the path through the variance σ² is missing"),
    ("batch_norm_backward", " - through_mean - through_variance", "", "only the direct one is there"),
    ("batch_norm_backward", "g.sum(axis=1)", "g", "dβ: you forgot to sum over axis 1"),
    ("momentum_step", "w - rate * v, v", "w + rate * v, v", "uphill"),
    ("momentum_step", "momentum * v + g", "momentum * v + (1 - momentum) * g", "multiplied by 1 - μ"),
    ("momentum_step", "w - rate * v, v", "w - v, v", "the rate is missing"),
    ("momentum_step", "w - rate * v, v", "w - rate * g, v", "plain gradient descent"),
    ("adam_step", "m / (1 - 0.9**t)", "m", "only s is corrected"),
    ("adam_step", "s / (1 - 0.999**t)", "s", "only m is corrected"),
    ("adam_step", "rate * m_hat / (np.sqrt(s_hat) + 1e-8)", "rate * m / (np.sqrt(s) + 1e-8)", "averages are not corrected"),
    ("adam_step", "g**2", "g", "not squared"),
    ("rmsprop_step", "g**2", "g", "the average is that of the gradients"),
    ("rmsprop_step", "np.sqrt(s)", "s", "the root is missing"),
    ("rmsprop_step", "w - step", "w + step", "uphill"),
    ("rmsprop_step", "(np.sqrt(s) + 1e-4)\n    return w - step", "(s + 1e-4)\n    return w + step", "the root is missing; the step goes uphill"),
    ("xavier", "np.sqrt(6 / (n_in + n_out))", "np.sqrt(2 / (n_in + n_out))", "not the standard deviation"),
    ("xavier", "6 / (n_in + n_out)", "6 / n_in", "He's variance"),
    ("xavier", "6 / (n_in + n_out)", "3 / n_in", "variance is 1 / n_in"),
    ("xavier", "a * (2 * u - 1)", "a * (2 * np.random.rand(*u.shape) - 1)", "something else at each call"),
    ("swish_backward", "g * (s + x * s * (1 - s))", "g * s", "path through σ(x) is missing"),
    ("swish_backward", "s + x * s", "x * s", "path through the x before σ is missing"),
    ("swish_backward", " * (1 - s)", "", "lacks its factor 1 - σ"),
    ("swish_backward", "x * s * (1 - s)", "s * (1 - s)", "lacks its factor x"),
    ("conv_backward", "g[i, j] * kernel", "g[i, j] * kernel[::-1, ::-1]", "d_image: the kernel is turned"),
    ("conv_backward", "return d_image, d_kernel", "return d_image, d_kernel[::-1, ::-1]", "d_kernel: it is turned"),
    ("conv_backward", "return d_image", "return d_image[1:-1, 1:-1]", "its shape is"),
    ("conv_backward", "return d_image, d_kernel", "return d_kernel, d_image", "in another order"),
    ("rnn_backward", "g[t] + from_later", "g[t]", "path back in time is missing"),
    ("rnn_backward", " * (1 - after**2)", "", "1 - h², is missing"),
    ("rnn_backward", "W.T @ delta", "delta", "weights are missing on the way back"),
    ("rnn_backward", "dW += np.outer", "dW = np.outer", "dW: only the first step's"),
    ("softmax_jacobian", "np.diag(p) - np.outer(p, p)", "np.diag(p)", "through the sum S is missing"),
    ("softmax_jacobian", "np.diag(p) - np.outer(p, p)", "-np.outer(p, p)", "through exp(z[i]) is missing"),
    ("softmax_jacobian", "np.diag(p) - np.outer(p, p)", "np.diag(p * (1 - p))", "the diagonal alone"),
    ("softmax_jacobian", "np.diag(p) - np.outer(p, p)", "p * (1 - p)", "the diagonal as a vector"),
    ("hessian_times", "s * (1 - s) * ", "", "σ′ is missing"),
    ("hessian_times", " / len(X)", "", "forgot to divide by the number of points"),
    ("hessian_times", "s * (1 - s) * ", "s * ", "σ(z) where σ′(z) belongs"),
    ("hessian_times", "X @ w", "X @ v", "it belongs at X w"),
    ("newton_step", "w - np", "w + np", "the wrong way"),
    ("newton_step", "np.linalg.solve(H, gradient)", "gradient", "the Hessian is missing"),
    ("newton_step", "np.linalg.solve(H, gradient)", "H @ gradient", "solve H d"),
    ("newton_step", "np.linalg.solve(H, gradient)", "gradient / np.diag(H)", "only the diagonal"),
    ("autograd", "self.gradient = self.gradient + ", "self.gradient = ", "only the first is counted"),
    ("autograd", " * (1 - y**2)", "", "the slope of tanh is missing"),
    ("autograd", "g = np.sum(g, axis=tuple(range(np.ndim(g) - len(shape))))", "pass", "operands that are repeated"),
    ("autograd", "g @ b.data.T, lambda g: a.data.T @ g", "g @ b.data, lambda g: a.data @ g", "matmul and tanh"),
]  # fmt: skip

EACH = pytest.mark.parametrize(("name", "right", "wrong", "words"), MISTAKES)
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
    "use a loop where a function calls itself": (
        "autograd",
        IN_TURN,
        """\
order = []
    def visit(value):
        if value not in order:
            for parent in value.parents:
                visit(parent)
            order.append(value)
    visit(values[-1])
    for value in reversed(order):
        value.pull_back()""",
    ),
    "H is too large to be built": (
        "hessian_times",
        "return X.T @ change / len(X)",
        "return (X.T @ ((s * (1 - s))[:, None] * X) / len(X)) @ v",
    ),
}


@EACH
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # answers may overflow
def test_a_typical_wrong_answer_is_rejected_by_name(name, right, wrong, words):
    verdict = judged(name, with_mistake(name, right, wrong))
    assert not verdict
    assert words in " ".join(verdict.said), verdict


@pytest.mark.heavy
@EACH
def test_it_is_also_rejected_in_a_process_of_its_own(name, right, wrong, words):
    verdict = judge(EXERCISES[name], with_mistake(name, right, wrong))
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
