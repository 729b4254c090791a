def max_norm(W, c):
    """The weights, each row at most c long."""
    lengths = np.sqrt(np.sum(W**2, axis=1, keepdims=True))
    return W * np.minimum(1, c / lengths)
