def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def output_error(Z, Y):
    """∂C/∂Z: one row for each neuron, one column for each of the m points."""
    A = sigmoid(Z)
    m = Z.shape[1]
    return (A - Y) / m * A * (1 - A)
