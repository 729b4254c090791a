def minibatch_step(w, gradients, rate):
    """The weights after one step down the average of the gradients."""
    step = rate * gradients.mean(axis=0)
    return w - step
