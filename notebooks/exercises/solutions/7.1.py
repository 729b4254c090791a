def swish_backward(g, x):
    """The gradient of a cost with respect to x, from that with respect to y = x σ(x), g."""
    s = 1 / (1 + np.exp(-x))
    return g * (s + x * s * (1 - s))
