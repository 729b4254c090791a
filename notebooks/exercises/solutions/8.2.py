def hessian_times(X, w, v):
    """H v, where H is the matrix of all second derivatives of C at w."""
    s = 1 / (1 + np.exp(-(X @ w)))
    change = s * (1 - s) * (X @ v)
    return X.T @ change / len(X)
