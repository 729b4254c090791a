def dropout_backward(g, mask, keep):
    """The gradient with respect to H."""
    return g * mask / keep
