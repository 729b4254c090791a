def l2_gradients(W, b, dW, db, strength, n):
    """The gradients of the regularised cost, from those of the cost without."""
    decay = strength / n * W
    return dW + decay, db
