def swish_backward(g, x):
    """The gradient by x of a cost whose gradient by y = x σ(x) is g."""
    s = 1 / (1 + np.exp(-x))
    return g * (s + x * s * (1 - s))
