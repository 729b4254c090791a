def softmax_jacobian(z):
    """The matrix J with J[i, k] = ∂p[i]/∂z[k]."""
    e = np.exp(z - z.max())
    p = e / e.sum()
    return np.diag(p) - np.outer(p, p)
