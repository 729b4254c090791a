def rosenblatt_pass(w, X, y):
    """The weights after one pass over the points."""
    for x, label in zip(X, y, strict=True):
        if label * (w @ x) <= 0:
            w = w + label * x
    return w
