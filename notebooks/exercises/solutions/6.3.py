def rmsprop_step(w, s, g, rate):
    """The weights and the average after one step."""
    s = 0.9 * s + 0.1 * g**2
    step = rate * g / (np.sqrt(s) + 1e-4)
    return w - step, s
