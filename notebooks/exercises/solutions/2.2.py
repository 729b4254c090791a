def softmax(Z):
    """The probabilities: one row for each class, one column for each point."""
    E = np.exp(Z - Z.max(axis=0))
    return E / E.sum(axis=0)
