def dropout_backward(g, mask, keep):
    """The gradient by H."""
    return g * mask / keep
