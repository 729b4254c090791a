"""Typical wrong answers are rejected, each with words that name its mistake.

A mistake is an edit of the solution: what stands there, what somebody writes instead, and words
that the verdict must contain.
"""

import warnings

import pytest

from tests.notebooks.exercise_kit import EXERCISES, Limits, judge, judged, solution, with_mistake

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
        ("delta @ H.T / m", "delta @ H.T", "dW: you forgot to divide by the number of points"),
        ("delta.sum(axis=1) / m", "delta.sum(axis=1)", "db: you forgot to divide"),
        ("delta.sum(axis=1) / m", "delta", "db: you forgot to add over the batch"),
        ("delta @ H.T / m", "H @ delta.T / m", "dW: it is transposed"),
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
    "rosenblatt_pass": [
        ("if label * (w @ x) <= 0:", "if True:", "points that are right are corrected too"),
        ("<= 0", "> 0", "right points are corrected, not the wrong"),
        ("<= 0", "< 0", "a point on the boundary"),
        ("w + label * x", "w - label * x", "the wrong way"),
        ("w + label * x", "w + x", "the label is missing"),
        ("w = w + label * x", "return w + label * x", "only the first misclassified"),
        (
            None,
            "def rosenblatt_pass(w, X, y):\n    wrong = y * (X @ w) <= 0\n    return w + (y * wrong) @ X",
            "judged by the first weights",
        ),
        ("w = w + label * x", "w += label * x", "changes what it is handed (w)"),
    ],
    "softmax": [
        ("E.sum(axis=0)", "E.sum()", "the sum goes over the whole batch"),
        (
            "E = np.exp(Z - Z.max(axis=0))\n    return E / E.sum(axis=0)",
            "E = np.exp(Z - Z.max())\n    return E / E.sum()",
            "whole batch adds up to 1",
        ),
        ("Z - Z.max(axis=0)", "Z", "scores of 800"),
        ("E / E.sum(axis=0)", "E", "divided by the largest exponential"),
        ("E / E.sum(axis=0)", "np.exp(Z)", "not divided by the sum"),
        ("E / E.sum(axis=0)", "np.log(E / E.sum(axis=0))", "logarithm of softmax"),
        ("E / E.sum(axis=0)", "1 / (1 + np.exp(-Z))", "the sigmoid of each score"),
        ("E / E.sum(axis=0)", "Z / Z.sum(axis=0)", "without exp"),
        (
            None,
            "def softmax(Z):\n    E = np.exp(Z - Z.max(axis=1, keepdims=True))\n"
            "    return E / E.sum(axis=1, keepdims=True)",
            "along the wrong axis",
        ),
        ("E / E.sum(axis=0)", "(E / E.sum(axis=0)).T", "transposed"),
    ],
    "forward": [
        (" + b1[:, None]", "", "b1 is missing"),
        (" + b2[:, None]", "", "b2 is missing"),
        ("1 / (1 + np.exp(-(W1 @ X + b1[:, None])))", "W1 @ X + b1[:, None]", "have no sigmoid"),
        ("1 / (1 + np.exp(-(W1 @ X + b1[:, None])))", "np.tanh(W1 @ X + b1[:, None])", "tanh"),
        ("E / E.sum(axis=0)", "Z", "softmax at the end is missing"),
        ("E / E.sum(axis=0)", "1 / (1 + np.exp(-Z))", "where softmax belongs"),
        ("b1[:, None]", "b1", "b1 is added along the points"),
        ("E / E.sum(axis=0)", "np.exp(Z)", "not divided by their sum"),
        (
            "E = np.exp(Z - Z.max(axis=0))\n    return E / E.sum(axis=0)",
            "E = np.exp(Z)\n    return E / E.sum(axis=1, keepdims=True)",
            "along the wrong axis",
        ),
    ],
    "add_backward": [
        ("db = sum_to(g, b)", "db = g", "db: this is g itself"),
        ("return g.sum(axis=repeated, keepdims=True)", "return g", "where it has length 1 are not"),
        (
            "g = g.sum(axis=tuple(range(g.ndim - operand.ndim)))",
            "g = g if g.ndim > operand.ndim else g",
            "the operand lacks",
        ),
        (
            "g = g.sum(axis=tuple(range(g.ndim - operand.ndim)))",
            "n = operand.size / g.size\n    g = n * g.sum(axis=tuple(range(g.ndim - operand.ndim)))",
            "paths are added",
        ),
        ("da = sum_to(g, a)", "da = sum_to(g * b, a)", "the rule of a product"),
        ("da = sum_to(g, a)", "da = sum_to(np.ones(g.shape), a)", "g is missing"),
        (
            "g = g.sum(axis=tuple(range(g.ndim - operand.ndim)))",
            "g = g[(0,) * (g.ndim - operand.ndim)]\n"
            "    return g[tuple(slice(0, 1 if n == 1 else None) for n in operand.shape)]",
            "only the first copy",
        ),
        ("da = sum_to(g, a)", "da = -sum_to(g, a)", "da: it has the wrong sign"),
    ],
    "minibatch_step": [
        ("w - step", "w + step", "uphill"),
        ("mean(axis=0)", "sum(axis=0)", "added, not averaged"),
        ("w - step", "-step", "the step alone"),
        ("rate * ", "", "the learning rate is missing"),
        ("rate * gradients.mean(axis=0)", "gradients.mean(axis=0) / rate", "divided by the learning"),
        ("mean(axis=0)", "mean()", "only axis 0 counts"),
        ("mean(axis=0)", "mean(axis=0) / len(gradients)", "twice"),
        ("return w - step", "w -= step\n    return w", "changes what it is handed (w)"),
        ("gradients.mean(axis=0)", "gradients[-1]", "only the last example"),
    ],
    "network_gradients": [
        (" / m * A * (1 - A)", " / m", "σ′ of the outputs is missing"),
        (" * H * (1 - H)", "", "dW1: σ′ of the hidden neurons is missing"),
        ("(A - Y) / m", "(A - Y)", "forgot to divide by the number of points"),
        ("W2.T @ delta2", "W2 @ delta2", "untransposed"),
        ("W2.T @ delta2", "delta2.sum(axis=0)", "as if all weights were 1"),
        ("delta2.sum(axis=1)", "delta2", "db2: you forgot to sum over axis 1"),
        ("delta2.sum(axis=1)", "delta2.mean(axis=1)", "db2: divided by the number of points"),
        ("(A - Y)", "(Y - A)", "wrong sign"),
        ("return dW1, db1, dW2, db2", "return dW2, db2, dW1, db1", "in another order"),
    ],
    "l2_gradients": [
        ("strength / n * W", "strength * W", "forgot to divide by n"),
        ("strength / n * W", "strength / (2 * n) * W", "a factor ½ too many"),
        ("strength / n * W", "2 * strength / n * W", "a factor 2 too many"),
        ("dW + decay", "dW - decay", "wrong sign"),
        ("dW + decay", "decay", "the gradient of C₀ is lost"),
        ("dW + decay, db", "dW + decay, db + strength / n * b", "the biases are regularised too"),
        ("strength / n * W", "strength / n * np.sign(W)", "this is L1"),
        ("strength / n * W", "W / n", "λ is missing"),
        ("return dW + decay, db", "dW += decay\n    return dW, db", "changes what it is handed (dW)"),
        ("dW + decay, db", "dW, db", "nothing was added to dW"),
    ],
    "max_norm": [
        (None, "def max_norm(W, c):\n    lengths = np.linalg.norm(W, axis=0)\n    return W * np.minimum(1, c / lengths)", "lengths are those of columns"),
        ("np.minimum(1, c / lengths)", "c / lengths", "short rows are stretched"),
        ("np.sum(W**2, axis=1, keepdims=True)", "np.sum(W**2)", "as one vector"),
        ("W * np.minimum(1, c / lengths)", "np.clip(W, -c, c)", "cut off by itself"),
        ("W * np.minimum(1, c / lengths)", "np.where(lengths > c, c * W / lengths**2, W)", "the square of the length"),
        ("W * np.minimum(1, c / lengths)", "np.where(lengths**2 > c, c * W / lengths, W)", "take the root first"),
        ("W * np.minimum(1, c / lengths)", "np.where(lengths > c, W / lengths, W)", "long rows get the length 1"),
        ("W * np.minimum(1, c / lengths)", "W", "nothing was shortened"),
        ("return W * ", "W *= np.minimum(1, c / lengths)\n    return W + 0 * ", "changes what it is handed (W)"),
    ],
    "dropout_backward": [
        (" / keep", "", "forgot to divide by keep"),
        (" * mask", "", "forgot the mask"),
        ("g * mask / keep", "g", "neither the mask nor keep"),
        (" / keep", " * keep", "multiplied by keep"),
        (" / keep", " / (1 - keep)", "divided by 1 - keep"),
        ("g * mask", "g * (1 - mask)", "wrong way round"),
        ("g * mask", "g * (np.random.rand(*g.shape) < keep)", "something else each time"),
        ("g * mask / keep", "mask / keep", "g is missing"),
        ("g * mask / keep", "-g * mask / keep", "wrong sign"),
    ],
    "batch_norm_backward": [
        (" - through_mean", "", "dZ: the path through the mean μ is missing"),
        (" - through_variance", "", "dZ: the path through the variance σ² is missing"),
        (" - through_mean - through_variance", "", "only the direct one is there"),
        ("gamma[:, None] * g", "g", "dZ: γ is missing"),
        ("(g * normal).sum(axis=1)", "(g * normal).mean(axis=1)", "dγ: it is the mean over the batch"),
        ("g.sum(axis=1)", "g", "dβ: you forgot to sum over axis 1"),
        ("(g * normal).sum(axis=1)", "(g * Z).sum(axis=1)", "dγ: γ is multiplied by Ẑ"),
        ("var(axis=1, keepdims=True)", "var(axis=1, keepdims=True, ddof=1)", "divided by m - 1"),
        ("Z.var(axis=1, keepdims=True) + eps)", "Z.var(axis=1, keepdims=True)) + eps", "ε stands outside the root"),
        (" + eps", "", "ε is missing"),
        ("np.sqrt(Z.var(axis=1, keepdims=True) + eps)", "Z.var(axis=1, keepdims=True) + eps", "divided by the variance"),
        ("return dZ, dgamma, dbeta", "return dZ, dbeta, dgamma", "in another order"),
    ],
    "momentum_step": [
        ("w - rate * v, v", "w + rate * v, v", "uphill"),
        ("momentum * v + g", "momentum * v + (1 - momentum) * g", "multiplied by 1 - μ"),
        ("w - rate * v, v", "w - v, v", "the rate is missing"),
        ("w - rate * v, v", "w - rate * g, v", "plain gradient descent"),
        ("w - rate * v, v", "w - rate * (g + momentum * v), v", "Nesterov"),
        ("momentum * v + g", "v + g", "v forgets nothing"),
        ("momentum * v + g\n    return w - rate * v, v", "momentum * v + rate * g\n    return w - v, v", "the rate is in v"),
        ("v = momentum * v + g", "v *= momentum\n    v += g", "changes what it is handed (v)"),
        ("v = momentum * v + g\n    return w - rate * v, v", "return w - rate * v, momentum * v + g", "the old velocity"),
        ("momentum * v + g", "momentum * v - g", "g is subtracted from v"),
    ],
    "adam_step": [
        ("m / (1 - 0.9**t)", "m", "only s is corrected"),
        ("s / (1 - 0.999**t)", "s", "only m is corrected"),
        ("rate * m_hat / (np.sqrt(s_hat) + 1e-8)", "rate * m / (np.sqrt(s) + 1e-8)", "averages are not corrected"),
        ("g**2", "g", "not squared"),
        ("w - rate", "w + rate", "uphill"),
        (", m, s\n", ", m_hat, s_hat\n", "m: the corrected averages are returned"),
        ("0.9 * m + (1 - 0.9) * g\n    s = 0.999 * s + (1 - 0.999) * g**2\n    m_hat = m / (1 - 0.9**t)\n    s_hat = s / (1 - 0.999**t)", "0.999 * m + (1 - 0.999) * g\n    s = 0.9 * s + (1 - 0.9) * g**2\n    m_hat = m / (1 - 0.999**t)\n    s_hat = s / (1 - 0.9**t)", "exchanged"),
        ("0.9 * m + (1 - 0.9) * g", "0.1 * m + (1 - 0.1) * g", "m: the new gradient has weight β"),
        ("m / (1 - 0.9**t)\n    s_hat = s / (1 - 0.999**t)", "m / (1 - 0.9 ** (t + 1))\n    s_hat = s / (1 - 0.999 ** (t + 1))", "one step too many"),
    ],
    "rmsprop_step": [
        ("g**2", "g", "the average is that of the gradients"),
        ("np.sqrt(s)", "s", "the root is missing"),
        ("w - step", "w + step", "uphill"),
        ("(np.sqrt(s) + 1e-4)\n    return w - step", "(s + 1e-4)\n    return w + step", "the root is missing; the step goes uphill"),
        ("np.sqrt(s) + 1e-4", "np.sqrt(s + 1e-4)", "ε stands inside the root"),
        ("0.9 * s + 0.1 * g**2", "0.1 * s + 0.9 * g**2", "s: the new square has the weight 0.9"),
        ("0.9 * s + 0.1 * g**2", "s + g**2", "as in AdaGrad"),
        (None, "def rmsprop_step(w, s, g, rate):\n    step = rate * g / (np.sqrt(s) + 1e-4)\n    return w - step, 0.9 * s + 0.1 * g**2", "the old average"),
    ],
    "xavier": [
        ("np.sqrt(6 / (n_in + n_out))", "np.sqrt(2 / (n_in + n_out))", "not the standard deviation"),
        ("6 / (n_in + n_out)", "6 / n_in", "He's variance"),
        ("6 / (n_in + n_out)", "3 / n_in", "variance is 1 / n_in"),
        ("(2 * u - 1)", "u", "none is negative"),
        ("(2 * u - 1)", "(u - 0.5)", "from -a/2 to a/2"),
        ("np.sqrt(6 / (n_in + n_out))", "6 / (n_in + n_out)", "the root is missing"),
        ("6 / (n_in + n_out)", "6 / (n_in * n_out)", "take their sum"),
        ("a * (2 * u - 1)", "a * (2 * np.random.rand(*u.shape) - 1)", "something else each time"),
        ("6 /", "3 /", "has 1 where there is a 2"),
    ],
    "swish_backward": [
        ("g * (s + x * s * (1 - s))", "s + x * s * (1 - s)", "g is missing"),
        ("g * (s + x * s * (1 - s))", "g * s", "path through σ(x) is missing"),
        ("s + x * s", "x * s", "path through the x before σ is missing"),
        ("s + x * s * (1 - s)", "s * (1 - s)", "a product has a sum"),
        ("g * (s + x * s * (1 - s))", "g * x * s", "y itself"),
        (" * (1 - s)", "", "lacks its factor 1 - σ"),
        ("x * s * (1 - s)", "s * (1 - s)", "lacks its factor x"),
    ],
    "conv_backward": [
        ("g[i, j] * kernel", "g[i, j] * kernel[::-1, ::-1]", "d_image: the kernel is turned"),
        ("return d_image, d_kernel", "return d_image, d_kernel[::-1, ::-1]", "d_kernel: it is turned"),
        ("return d_image, d_kernel", "return d_image, d_kernel / g.size", "mean over the places"),
        ("g[i, j] * kernel", "kernel", "d_image: g is missing"),
        ("d_image[i : i + p, j : j + q] +=", "d_image[i : i + p, j : j + q] =", "overwrites"),
        ("return d_image, d_kernel", "return d_image, g[0, 0] * image[:p, :q]", "only the first place"),
        ("return d_image", "return d_image[1:-1, 1:-1]", "its shape is"),
        ("d_kernel += g[i, j] *", "d_kernel -= g[i, j] *", "d_kernel: it has the wrong sign"),
        ("return d_image, d_kernel", "return d_kernel, d_image", "in another order"),
    ],
    "rnn_backward": [
        ("g[t] + from_later", "g[t]", "path back in time is missing"),
        (" * (1 - after**2)", "", "1 - h², is missing"),
        ("W.T @ delta", "W @ delta", "W is to be transposed"),
        ("W.T @ delta", "delta", "weights are missing on the way back"),
        ("dW += np.outer", "dW = np.outer", "dW: only the first step's"),
        ("return dW, dU, db", "return dW / len(X), dU / len(X), db / len(X)", "mean over the steps"),
        ("(1 - after**2)", "after * (1 - after)", "slope of σ"),
        ("g[t] + from_later", "g[t] * (t == len(X) - 1) + from_later", "only the cost of the last state"),
        ("np.outer(delta, X[t])", "-np.outer(delta, X[t])", "dU: it has the wrong sign"),
    ],
    "softmax_jacobian": [
        ("np.diag(p) - np.outer(p, p)", "np.diag(p)", "through the sum S is missing"),
        ("np.diag(p) - np.outer(p, p)", "-np.outer(p, p)", "through exp(z[i]) is missing"),
        ("np.diag(p) - np.outer(p, p)", "np.diag(p * (1 - p))", "the diagonal alone"),
        ("np.diag(p) - np.outer(p, p)", "p * (1 - p)", "the diagonal as a vector"),
        ("np.diag(p) - np.outer(p, p)", "np.diag(p) + np.outer(p, p)", "p[i] p[k] has the wrong sign"),
        ("np.diag(p) - np.outer(p, p)", "np.outer(p, p) - np.diag(p)", "wrong sign"),
        ("np.diag(p) - np.outer(p, p)", "np.eye(len(p)) - p", "log(softmax)"),
    ],
    "hessian_times": [
        ("s * (1 - s) * ", "", "σ′ is missing"),
        (" / len(X)", "", "forgot to divide by the number of points"),
        ("s * (1 - s) * ", "s * ", "σ(z) where σ′(z) belongs"),
        ("X @ w", "X @ v", "it belongs at X w"),
        ("X @ v", "X @ w", "w stands where v belongs"),
        ("return X.T @ change / len(X)", "return X.T @ s / len(X)", "this is the gradient"),
        ("return X.T @ change / len(X)", "return v @ X.T @ change / len(X)", "one number"),
        ("s * (1 - s)", "-s * (1 - s)", "wrong sign"),
    ],
    "newton_step": [
        ("w - np", "w + np", "the wrong way"),
        ("np.linalg.solve(H, gradient)", "gradient", "the Hessian is missing"),
        ("np.linalg.solve(H, gradient)", "H @ gradient", "solve H d"),
        ("np.linalg.solve(H, gradient)", "gradient / np.diag(H)", "only the diagonal"),
        ("(s - y) / m", "(s - y)", "m times too long"),
        ("* X) / m", "* X)", "m times too short"),
        ("(s - y)", "s", "no labels"),
        ("(s * (1 - s))[:, None] * X", "X", "lacks σ′(z)"),
        ("return w - ", "return -", "the step alone"),
    ],
    "autograd": [
        ("self.gradient = self.gradient + ", "self.gradient = ", "only the first is counted"),
        (" * (1 - y**2)", "", "the slope of tanh is missing"),
        ("(1 - y**2)", "(1 - y)", "this has 1 - tanh"),
        ("g * b.data, lambda g: g * a.data", "g * a.data, lambda g: g * b.data", "it belongs to the other"),
        ("g * b.data, lambda g: g * a.data", "g, lambda g: g", "mul is treated as add"),
        ("g = np.sum(g, axis=tuple(range(np.ndim(g) - len(shape))))", "pass", "operands that are repeated"),
        ("g @ b.data.T, lambda g: a.data.T @ g", "g @ b.data, lambda g: a.data @ g", "matmul and tanh"),
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
    assert judged(name, EXERCISES[name].words.start).result == "not written yet"


@pytest.mark.heavy
@pytest.mark.parametrize(("name", "right", "wrong", "words"), EACH)
def test_it_is_rejected_in_a_process_of_its_own_too(name, right, wrong, words):
    verdict = judge(EXERCISES[name], with_mistake(name, right, wrong))
    assert not verdict
    assert words in " ".join(verdict.said), verdict


TOO_MUCH = {
    "every path is walked": (
        "autograd",
        "for value in reversed(values):  # every gradient is complete when its turn comes\n        value.pull_back()",
        "def visit(value, g):\n        value.receive(g)\n        for parent, rule in zip(value.parents, value.rules):\n            visit(parent, rule(g))\n    values[-1].gradient = 0.0\n    visit(values[-1], np.ones(()))",
        "visit every value once",
    ),
    "a function calls itself": (
        "autograd",
        "for value in reversed(values):  # every gradient is complete when its turn comes\n        value.pull_back()",
        "order = []\n    def visit(value):\n        if value not in order:\n            for parent in value.parents:\n                visit(parent)\n            order.append(value)\n    visit(values[-1])\n    for value in reversed(order):\n        value.pull_back()",
        "use a loop where a function calls itself",
    ),
    "the Hessian is built": (
        "hessian_times",
        "return X.T @ change / len(X)",
        "return (X.T @ ((s * (1 - s))[:, None] * X) / len(X)) @ v",
        "H is too large to be built",
    ),
}


@pytest.mark.parametrize("case", TOO_MUCH)
def test_an_answer_that_does_too_much_work_is_told_so(case):
    name, right, wrong, words = TOO_MUCH[case]
    verdict = judge(EXERCISES[name], with_mistake(name, right, wrong), Limits(2, 1024))
    assert verdict.result == "stopped"
    assert words in verdict.said[0]
