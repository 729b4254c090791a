def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def network_gradients(X, Y, W1, b1, W2, b2):
    """∂C/∂W1, ∂C/∂b1, ∂C/∂W2, ∂C/∂b2."""
    m = X.shape[1]
    H = sigmoid(W1 @ X + b1[:, None])
    A = sigmoid(W2 @ H + b2[:, None])
    delta2 = (A - Y) / m * A * (1 - A)
    delta1 = (W2.T @ delta2) * H * (1 - H)
    dW2, db2 = delta2 @ H.T, delta2.sum(axis=1)
    dW1, db1 = delta1 @ X.T, delta1.sum(axis=1)
    return dW1, db1, dW2, db2
