def weight_gradients(delta, H):
    """∂C/∂W and ∂C/∂b, averaged over the batch."""
    m = H.shape[1]
    dW = delta @ H.T / m
    db = delta.sum(axis=1) / m
    return dW, db
