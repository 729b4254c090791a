def batch_norm_backward(g, Z, gamma, eps):
    """The gradients with respect to Z, gamma and beta."""
    centred = Z - Z.mean(axis=1, keepdims=True)
    s = np.sqrt(Z.var(axis=1, keepdims=True) + eps)
    normal = centred / s
    G = gamma[:, None] * g
    through_mean = G.mean(axis=1, keepdims=True)
    through_variance = normal * (G * normal).mean(axis=1, keepdims=True)
    dZ = (G - through_mean - through_variance) / s
    dgamma = (g * normal).sum(axis=1)
    dbeta = g.sum(axis=1)
    return dZ, dgamma, dbeta
