def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def hidden_error(W, delta, Z):
    """∂C/∂Z of the layer below W, from the error delta of the layer above."""
    H = sigmoid(Z)
    return (W.T @ delta) * H * (1 - H)
