def forward(X, W1, b1, W2, b2):
    """The probabilities P: one row for each class, one column for each point."""
    H = 1 / (1 + np.exp(-(W1 @ X + b1[:, None])))
    Z = W2 @ H + b2[:, None]
    E = np.exp(Z - Z.max(axis=0))
    return E / E.sum(axis=0)
