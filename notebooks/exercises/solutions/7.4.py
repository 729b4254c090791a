def attention_backward(g, Q, K, V):
    """The gradients with respect to Q, K and V."""
    root = np.sqrt(Q.shape[1])
    S = np.where(np.tri(len(Q), dtype=bool), Q @ K.T / root, -np.inf)
    E = np.exp(S - S.max(axis=1, keepdims=True))
    A = E / E.sum(axis=1, keepdims=True)
    dV = A.T @ g
    dA = g @ V.T
    dS = A * (dA - np.sum(dA * A, axis=1, keepdims=True))
    return dS @ K / root, dS.T @ Q / root, dV
