def rnn_backward(X, W, U, b, g):
    """The gradients with respect to W, U and b, through all steps."""
    states = [np.zeros(len(b))]
    for x in X:
        states.append(np.tanh(W @ states[-1] + U @ x + b))
    dW, dU, db = np.zeros(W.shape), np.zeros(U.shape), np.zeros(b.shape)
    from_later = np.zeros(len(b))
    for t in reversed(range(len(X))):
        before, after = states[t], states[t + 1]
        delta = (g[t] + from_later) * (1 - after**2)
        dW += np.outer(delta, before)
        dU += np.outer(delta, X[t])
        db += delta
        from_later = W.T @ delta
    return dW, dU, db
