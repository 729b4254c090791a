def adam_step(w, m, s, g, t, rate):
    """The weights and both averages after step number t."""
    m = 0.9 * m + (1 - 0.9) * g
    s = 0.999 * s + (1 - 0.999) * g**2
    m_hat = m / (1 - 0.9**t)
    s_hat = s / (1 - 0.999**t)
    return w - rate * m_hat / (np.sqrt(s_hat) + 1e-8), m, s
