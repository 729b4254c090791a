def newton_step(w, X, y):
    """The weights after one step of Newton's method."""
    s = 1 / (1 + np.exp(-(X @ w)))
    m = len(X)
    gradient = X.T @ (s - y) / m
    H = X.T @ ((s * (1 - s))[:, None] * X) / m
    return w - np.linalg.solve(H, gradient)
