def sum_to(g, operand):
    g = g.sum(axis=tuple(range(g.ndim - operand.ndim)))
    repeated = tuple(k for k, n in enumerate(operand.shape) if n == 1)
    return g.sum(axis=repeated, keepdims=True)


def add_backward(g, a, b):
    """The gradients of a cost with respect to a and b, from that with respect to a + b, g."""
    da = sum_to(g, a)
    db = sum_to(g, b)
    return da, db
