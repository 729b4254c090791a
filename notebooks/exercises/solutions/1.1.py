def sigmoid_slope(z):
    """σ'(z) for each entry of z."""
    s = 1 / (1 + np.exp(-z))
    return s * (1 - s)
