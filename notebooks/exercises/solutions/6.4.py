def xavier(u):
    """Uniform weights around 0 with the variance 2 / (n_in + n_out), made from u."""
    n_out, n_in = u.shape
    a = np.sqrt(6 / (n_in + n_out))
    return a * (2 * u - 1)
