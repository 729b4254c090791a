def momentum_step(w, v, g, rate, momentum):
    """The weights and the velocity after one step."""
    v = momentum * v + g
    return w - rate * v, v
